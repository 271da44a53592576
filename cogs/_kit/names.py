"""The names of what is on the books by id: members and channels of one server, as Discord knows them now.

A channel is named only to who can view it (I26): that is decided here, for tables and budgets alike.
"""

import asyncio
from collections.abc import Sequence
from itertools import chain

import discord

from bot.discord_failures import DISCORD_FAILED
from bot.translation import _, mark
from bot.usage.storage.audit import ERASED, SYSTEM

LOOKUP_SECONDS = 2.0
"""How long names are waited for; without them the figures still stand."""
MOST_ASKED = 100
"""Ids that Discord takes in one question about members."""
SNOWFLAKE = r"[1-8]?[0-9]{15,18}"
"""An id that somebody types, as a pattern: any that Discord takes. It refuses what has more than 63 bits."""

_DIGITS, _TOO_HIGH = 19, 2**63
"""Of an id."""
Reader = discord.Member | discord.Role
"""Whose eyes something is for: one person's, or everybody's with a role."""

_MEMBER = mark("member {digits}")
_FORMER_MEMBER = mark("former member {digits}")
_THREAD = mark("thread {digits}")
_DELETED_CHANNEL = mark("deleted channel {digits}")
_PRIVATE_CHANNEL = mark("private channel {digits}")


def who_words(actor: str) -> str:
    """Who did something, by what the books say: a mention, the bot itself, or nobody any more."""
    if actor == SYSTEM:
        return _("Trilo itself")
    return _("somebody whose data was erased") if actor == ERASED else f"<@{actor}>"


class Names:
    """Names for the keys of one server's reports. Those of members are remembered: for as long as a view lives, or as
    what they are `remembered` in.
    """

    def __init__(self, guild: discord.Guild, remembered: dict[str, str] | None = None) -> None:
        self._guild = guild
        self._members = {} if remembered is None else remembered

    async def members(self, keys: Sequence[str]) -> dict[str, str]:
        """Names of members by the text of their ids; those who left are `former member` with their last digits.

        Without the members intent the cache knows hardly anybody, so Discord is asked for the rest, all at once.
        """
        wanted = [key for key in keys if key not in self._members]
        ids = {key: int(key) for key in wanted if _is_id(key)}
        for key, user_id in ids.items():
            if (member := self._guild.get_member(user_id)) is not None:
                self._members[key] = member.display_name
        missing = {user_id: key for key, user_id in ids.items() if key not in self._members}
        unknown = _MEMBER
        if missing:
            unknown = _FORMER_MEMBER if await self._ask(missing) else _MEMBER
        return {key: self._members.get(key, _by_digits(unknown, key) if _is_id(key) else key) for key in keys}

    def channels(self, keys: Sequence[str], reader: Reader | None = None) -> dict[str, str]:
        """Names of channels by the text of their ids; those that the reader can't view are `private channel` with
        their last digits. Without a reader all are named.
        """
        return {key: self._channel(key, reader) for key in keys}

    def threads(self, keys: Sequence[str], reader: Reader) -> dict[str, str]:
        """The same for threads. One that Discord doesn't list may only be archived; what is no id is shown as it is."""
        named = self.channels(keys, reader)
        unlisted = [key for key in keys if _found(self._guild, key) is None]
        return named | {key: _by_digits(_THREAD, key) if _is_id(key) else key for key in unlisted}

    async def _ask(self, missing: dict[int, str]) -> bool:
        """Learn the names of members. Returns whether Discord answered, so that the others are known to have left."""
        ids, starts = list(missing), range(0, len(missing), MOST_ASKED)
        try:
            async with asyncio.timeout(LOOKUP_SECONDS):
                found = await asyncio.gather(*(self._query(ids[n : n + MOST_ASKED]) for n in starts))
        except (discord.DiscordException, *DISCORD_FAILED):
            return False
        for member in chain.from_iterable(found):
            self._members[missing[member.id]] = member.display_name
        return True

    async def _query(self, ids: list[int]) -> list[discord.Member]:
        return await self._guild.query_members(user_ids=ids, limit=len(ids), cache=False)

    def _channel(self, key: str, reader: Reader | None) -> str:
        channel = _found(self._guild, key)
        if channel is None:
            return _by_digits(_DELETED_CHANNEL, key)
        may_view = reader is None or _views(reader, channel)
        return f"#{channel.name}" if may_view else _by_digits(_PRIVATE_CHANNEL, key)


def can_view(guild: discord.Guild, key: str, reader: Reader) -> bool:
    """Whether the reader can view the channel of that id; nobody can view one that is gone."""
    channel = _found(guild, key)
    return channel is not None and _views(reader, channel)


def _found(guild: discord.Guild, key: str) -> discord.abc.GuildChannel | discord.Thread | None:
    return guild.get_channel_or_thread(int(key)) if _is_id(key) else None


def _views(reader: Reader, channel: discord.abc.GuildChannel | discord.Thread) -> bool:
    """A thread goes by its channel; a private one is told only to those who moderate it."""
    if isinstance(channel, discord.Thread):
        if channel.parent is None:
            return False
        may = channel.parent.permissions_for(reader)
        return may.view_channel and (may.manage_threads or not channel.is_private())
    return channel.permissions_for(reader).view_channel


def _by_digits(message: str, key: str) -> str:
    return _(message, digits=key[-4:])


def _is_id(key: str) -> bool:
    """Other programs may have written anything; Discord ends a connection that asks for more than 63 bits."""
    return key.isascii() and key.isdecimal() and len(key) <= _DIGITS and int(key) < _TOO_HIGH
