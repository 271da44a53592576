"""Channels we write in: whether we may, who reads there, and where a server's alerts go."""

import discord

from bot.translation import _
from bot.usage.budgeting.server_settings import ServerSettings

Writable = discord.TextChannel | discord.Thread | discord.VoiceChannel | discord.StageChannel
"""Kinds of channels that take messages."""


class NoChannelError(Exception):
    """There is no channel that takes a server's message now; the words say what is missing, to its admins."""


def alert_channel(guild: discord.Guild, settings: ServerSettings) -> Writable:
    """The channel a server chose for alerts, or Discord's community updates channel until it has chosen one.

    Raises `NoChannelError`.
    """
    if settings.alert_channel_id is not None:
        return writable(guild, settings.alert_channel_id)
    updates = guild.public_updates_channel
    if updates is None:
        raise NoChannelError(_("no channel for alerts is chosen: `/settings` does that"))
    return writable(guild, updates.id)


def writable(guild: discord.Guild, channel_id: int) -> Writable:
    """A channel of the server that the bot may write in. Raises `NoChannelError`."""
    channel = guild.get_channel_or_thread(channel_id)
    if channel is None:
        raise NoChannelError(_("the channel is gone: choose another in `/settings`"))
    if not isinstance(channel, Writable):
        raise NoChannelError(_("that kind of channel takes no messages: choose another in `/settings`"))
    if not may_write(channel, guild.me):
        raise NoChannelError(
            _(
                "I may not write in {channel}: give me View Channel and Send Messages there",
                channel=channel.mention,
            )
        )
    return channel


def everyone_reads(channel: Writable) -> bool:
    """Whether every member of the server can read what is said there: then nobody is named."""
    return channel.permissions_for(channel.guild.default_role).view_channel


def may_write(channel: Writable, member: discord.Member) -> bool:
    """Whether a member may write in the channel: nobody may where they can't see it."""
    return lets_write(channel.permissions_for(member), channel)


def lets_write(permissions: discord.Permissions, channel: object) -> bool:
    """The same of permissions that are known: threads go by one of their own."""
    return permissions.send_messages_in_threads if isinstance(channel, discord.Thread) else permissions.send_messages
