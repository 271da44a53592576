"""Choosing a channel for alerts, reports or announcements: only one that we may write in; with money, who reads it."""

from collections.abc import Sequence
from typing import Any, Literal

import discord

from bot.client import Trilo
from bot.translation import _, mark
from cogs._kit.channels import NoChannelError, everyone_reads, writable
from cogs._kit.owned import OwnedView

ChannelSetting = Literal["alert_channel_id", "report_channel_id", "announce_channel_id"]

_WARNING = mark("⚠️ Everyone can read that channel, amounts of money included.")
_GO: dict[ChannelSetting, str] = {
    "alert_channel_id": mark("Alerts go to {channel}."),
    "report_channel_id": mark("Reports go to {channel}."),
    "announce_channel_id": mark("Announcements go to {channel}."),
}
_NONE: dict[ChannelSetting, str] = {
    "alert_channel_id": mark("Alerts have no channel now."),
    "report_channel_id": mark("Reports have no channel now."),
    "announce_channel_id": mark("Announcements have no channel now."),
}


async def choose_channel(
    view: OwnedView, interaction: discord.Interaction[Trilo], setting: ChannelSetting, chosen: Sequence[Any]
) -> str:
    """Store the channel that was chosen, or that there is none; what to tell. One we can't write in isn't stored.

    Raises `DatabaseUnavailableError`.
    """
    if not chosen:
        await view.tracker.settings.choose(view.guild.id, actor=interaction.user.id, **{setting: None})
        return _(_NONE[setting])
    try:
        channel = writable(view.guild, chosen[0].id)
    except NoChannelError as problem:
        return _("Nothing was changed: {problem}.", problem=problem)
    await view.tracker.settings.choose(view.guild.id, actor=interaction.user.id, **{setting: channel.id})
    warned = setting != "announce_channel_id" and everyone_reads(channel)
    told = _(_GO[setting], channel=channel.mention)
    return f"{told} {_(_WARNING)}" if warned else told
