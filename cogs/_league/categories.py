"""Deleting categories with all that is in them: what may be touched, and the deleting, all of it or nothing (I32)."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial

import discord

from bot.discord_failures import DISCORD_FAILED, may_be_done
from bot.league.layout import ChannelCopy
from bot.translation import _, mark
from bot.usage.budgeting.server_settings import ServerSettings
from cogs._league.layouts import Progress, channel_copy, copy_of, make_category, make_channel
from cogs._league.plan_words import safe
from cogs._league.undo import all_or_nothing, whole

_MESSAGES_LOST = mark("The messages in the channels that had been deleted are gone, though.")


def untouchable(
    category: discord.CategoryChannel, person: discord.Member, settings: ServerSettings, *, asked_in: int
) -> str | None:
    """Why a category can't be deleted, as a clause; None where it can.

    Not what Discord or the server's settings need, not where the person is just talking to us, and nothing in which
    the person or the bot may not manage channels themselves.
    """
    everything = [category, *category.channels]
    kept = _kept(category.guild, settings)
    for channel in everything:
        if channel.id in kept:
            return _("{channel} is {what}", channel=_shown(channel), what=kept[channel.id])
        if channel.id == asked_in:
            return _("you're asking from inside it: ask again from a channel elsewhere")
        if not channel.permissions_for(person).manage_channels:  # which nobody has where they can't see
            return _("you may not manage {channel}", channel=_shown(channel))
        if not channel.permissions_for(category.guild.me).manage_channels:
            return _(
                "I may not manage {channel}: I need View Channel and Manage Channels there", channel=_shown(channel)
            )
    return None


async def delete_categories(
    doomed: Mapping[discord.CategoryChannel, Sequence[discord.abc.GuildChannel]], progress: Progress, *, reason: str
) -> None:
    """Delete categories with these of their channels: what somebody puts in meanwhile stays. What is gone when a step
    fails is built again, without its messages.

    Raises `TakenBackError`.
    """
    total, done = sum(len(channels) + 1 for channels in doomed.values()), 0
    async with all_or_nothing(lost=_(_MESSAGES_LOST)) as undo:
        for category, channels in doomed.items():
            home = _Home(category, reason)
            for channel in channels:
                copy = channel_copy(channel)
                again = partial(home.make_channel, copy)
                await _delete(channel, reason, again)
                undo.add(_("#{name}, which is gone", name=copy.name), again)
                await progress(done := done + 1, total)
            await _delete(category, reason, home.make_category)
            undo.add(_("the category {name}, which is gone", name=category.name), home.make_category)
            await progress(done := done + 1, total)


class _Home:
    """A category that is being emptied: where its channels are made anew, itself first where it is gone."""

    def __init__(self, category: discord.CategoryChannel, reason: str) -> None:
        self._category = category
        self._copy = copy_of([category])
        self._reason = reason

    async def make_channel(self, copy: ChannelCopy) -> None:
        await make_channel(self._category.guild, self._category, copy, reason=self._reason, in_place=True)

    async def make_category(self) -> None:
        self._category = await make_category(self._category.guild, self._copy.categories[0], reason=self._reason)


async def _delete(channel: discord.abc.GuildChannel, reason: str, again: Callable[[], Awaitable[None]]) -> None:
    """It is gone then, whoever did it: also where Discord did it and didn't say so. `again` makes it anew."""
    try:
        await whole(channel.delete(reason=reason), lambda _gone: again())
    except discord.NotFound:  # Discord did it, said that it failed, and discord.py asked again
        return
    except DISCORD_FAILED as error:
        if not may_be_done(error) or await _is_there(channel):
            raise


async def _is_there(channel: discord.abc.GuildChannel) -> bool:
    try:
        await channel.guild.fetch_channel(channel.id)
    except discord.NotFound:
        return False
    return True


def _kept(guild: discord.Guild, settings: ServerSettings) -> dict[int, str]:
    """Channels that are needed for something else, and for what."""
    channels = {
        _("the server's rules channel"): guild.rules_channel,
        _("the server's community updates channel"): guild.public_updates_channel,
        _("the server's channel for system messages"): guild.system_channel,
        _("the server's AFK channel"): guild.afk_channel,
        _("the server's safety alerts channel"): guild.safety_alerts_channel,
    }
    chosen = {
        _("where my alerts go (`/settings`)"): settings.alert_channel_id,
        _("where my reports go (`/settings`)"): settings.report_channel_id,
        _("where advances are announced (`/settings`)"): settings.announce_channel_id,
    }
    kept = {channel.id: what for what, channel in channels.items() if channel is not None}
    return kept | {channel_id: what for what, channel_id in chosen.items() if channel_id is not None}


def _shown(channel: discord.abc.GuildChannel) -> str:
    return f"“{safe(channel.name)}”"
