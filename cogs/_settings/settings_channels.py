"""The lists of `/settings` that choose a channel."""

from typing import Any

import discord

from bot.client import Trilo
from bot.translation import _
from cogs._kit.channel_choice import ChannelSetting, choose_channel
from cogs._kit.controls import PickChannel
from cogs._settings.settings import SettingsView


def pick_channel(view: SettingsView, setting: ChannelSetting, *, custom_id: str) -> PickChannel:
    """The list that chooses it."""

    async def picked(interaction: discord.Interaction[Trilo], chosen: list[Any]) -> None:
        await view.redraw(interaction, await choose_channel(view, interaction, setting, chosen))

    now = getattr(view.settings, setting)
    return PickChannel(picked, custom_id=custom_id, placeholder=_("No channel"), chosen=now)
