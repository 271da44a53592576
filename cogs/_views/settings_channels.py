"""Choosing a channel for alerts, reports or announcements: only one that we may write in; with money, who reads it."""

from collections.abc import Sequence
from typing import Any, Literal

import discord

from bot.client import Trilo
from cogs._alert_channel import NoChannelError, everyone_reads, writable
from cogs._views.owned import OwnedView

ChannelSetting = Literal["alert_channel_id", "report_channel_id", "announce_channel_id"]

_WARNING = " ⚠️ Everyone can read that channel, amounts of money included."
_WHAT: dict[ChannelSetting, str] = {
    "alert_channel_id": "Alerts",
    "report_channel_id": "Reports",
    "announce_channel_id": "Announcements",
}


async def choose_channel(
    view: OwnedView, interaction: discord.Interaction[Trilo], setting: ChannelSetting, chosen: Sequence[Any]
) -> str:
    """Store the channel that was chosen, or that there is none; what to tell. One we can't write in isn't stored.

    Raises `DatabaseUnavailableError`.
    """
    what = _WHAT[setting]
    if not chosen:
        await view.tracker.settings.choose(view.guild.id, actor=interaction.user.id, **{setting: None})
        return f"{what} have no channel now."
    try:
        channel = writable(view.guild, chosen[0].id)
    except NoChannelError as problem:
        return f"Nothing was changed: {problem}."
    await view.tracker.settings.choose(view.guild.id, actor=interaction.user.id, **{setting: channel.id})
    warned = setting != "announce_channel_id" and everyone_reads(channel)
    return f"{what} go to {channel.mention}.{_WARNING if warned else ''}"
