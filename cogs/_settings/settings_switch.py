"""A setting that is on or off."""

from typing import Any

import discord

from bot.client import Trilo
from bot.translation import _
from cogs._kit.controls import Press
from cogs._settings.settings import SettingsView


def switch(
    view: SettingsView, name: str, told: str, *, on: str, off: str, turned_on: str, turned_off: str
) -> list[discord.ui.Item[Any]]:
    """One setting by its name: its heading as it is now, what is told of it, and the button that turns it.

    A press means the opposite of what was shown, whatever it is by then; then it says so.
    """
    is_on = getattr(view.settings, name)

    async def pressed(interaction: discord.Interaction[Trilo]) -> None:
        await view.choose(interaction, turned_off if is_on else turned_on, **{name: not is_on})

    button = Press(_("Turn off") if is_on else _("Turn on"), pressed, custom_id=f"settings:{name}")
    text = discord.ui.TextDisplay[Any](f"{on if is_on else off}\n{told}")
    return [discord.ui.Section(text, accessory=button)]
