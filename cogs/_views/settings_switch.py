"""A setting that is on or off."""

from typing import Any

import discord

from bot.client import Trilo
from bot.translation import _
from cogs._views.owned import Press
from cogs._views.settings import SettingsView


def switch(view: SettingsView, name: str, on: bool, text: str, told: str) -> discord.ui.Section[Any]:
    """One setting by its name, what it says, and what it tells after a press, which means the opposite of `on`."""

    async def pressed(interaction: discord.Interaction[Trilo]) -> None:
        await view.choose(interaction, told, **{name: not on})

    button = Press(_("Turn off") if on else _("Turn on"), pressed, custom_id=f"settings:{name}")
    return discord.ui.Section(discord.ui.TextDisplay(text), accessory=button)
