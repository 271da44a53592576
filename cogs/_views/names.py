"""The names of what is on the books by id: members and channels of one server, as Discord knows them now."""

import asyncio
from collections.abc import Sequence

import discord

LOOKUP_SECONDS = 2.0
"""How long names are waited for; without them the figures still stand."""


class Names:
    """Names for the keys of one server's reports, remembered for as long as a view lives."""

    def __init__(self, guild: discord.Guild) -> None:
        self._guild = guild
        self._members: dict[str, str] = {}

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
        unknown = "member"
        if missing:
            unknown = "former member" if await self._ask(missing) else "member"
        return {key: self._members.get(key, _by_digits(unknown, key) if _is_id(key) else key) for key in keys}

    def channels(self, keys: Sequence[str]) -> dict[str, str]:
        """Names of channels by the text of their ids."""
        return {key: self._channel(key) for key in keys}

    async def _ask(self, missing: dict[int, str]) -> bool:
        """Learn the names of members. Returns whether Discord answered, so that the others are known to have left."""
        try:
            async with asyncio.timeout(LOOKUP_SECONDS):
                found = await self._guild.query_members(user_ids=list(missing), limit=len(missing), cache=False)
        except (TimeoutError, discord.DiscordException):
            return False
        for member in found:
            self._members[missing[member.id]] = member.display_name
        return True

    def _channel(self, key: str) -> str:
        channel = self._guild.get_channel_or_thread(int(key)) if _is_id(key) else None
        return f"#{channel.name}" if channel is not None else _by_digits("deleted channel", key)


def _by_digits(what: str, key: str) -> str:
    return f"{what} {key[-4:]}"


def _is_id(key: str) -> bool:
    return key.isascii() and key.isdecimal() and len(key) <= 20
