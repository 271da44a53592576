"""How people are told no without a flood of words: each refusal in words once an hour, afterwards by a reaction.

Also how many questions a minute are taken, from one member and from a whole server.
"""

import logging
import math
from collections.abc import Hashable
from dataclasses import dataclass
from datetime import datetime

import discord
from discord.ext import commands

from bot.usage.errors import CallRefusedError
from bot.words import where

log = logging.getLogger(__name__)

REACTION = "⏳"
TOLD_AGAIN_SECONDS = 3600.0
MINUTE_SECONDS = 60.0


class Refusals:
    """Who was told which refusal within the hour, on which server."""

    def __init__(self) -> None:
        self._told = commands.CooldownMapping[Hashable].from_cooldown(1, TOLD_AGAIN_SECONDS, _itself)

    def is_news(self, message: discord.Message, error: CallRefusedError, now: datetime) -> bool:
        """Whether the asker hasn't been told this cause within the hour; from now on they have."""
        key = (*_asker(message), error.cause)
        return self._told.update_rate_limit(key, now.timestamp()) is None


@dataclass(frozen=True, slots=True)
class TooFast:
    """A question that came too fast. `words` are None where this was said already in this minute."""

    words: str | None


class Pace:
    """Questions a minute: at most `per_member` of one member on one server, `per_server` of a server; 0: any number."""

    def __init__(self, per_member: int, per_server: int) -> None:
        self._member = _Limit(per_member, "You're asking faster than I may answer")
        self._server = _Limit(per_server, "This server is asking faster than I may answer")

    def check(self, message: discord.Message, now: datetime) -> TooFast | None:
        """Count a question; None where it may be answered. One that is its member's too many isn't the server's."""
        too_fast = self._member.check(_asker(message), now)
        if too_fast is None and message.guild is not None:
            return self._server.check(message.guild.id, now)
        return too_fast


class _Limit:
    def __init__(self, per_minute: int, words: str) -> None:
        self._per_minute = per_minute
        self._words = words
        self._asked = commands.CooldownMapping[Hashable].from_cooldown(per_minute, MINUTE_SECONDS, _itself)
        self._told: dict[Hashable, float] = {}

    def check(self, key: Hashable, now: datetime) -> TooFast | None:
        if not self._per_minute:
            return None
        at = now.timestamp()
        wait = self._asked.update_rate_limit(key, at)
        if wait is None:
            return None
        self._told = {told: until for told, until in self._told.items() if until > at}
        if key in self._told:
            return TooFast(None)
        self._told[key] = at + wait
        return TooFast(f"{self._words}: {self._per_minute} a minute. Try again in {max(1, math.ceil(wait))} s.")


async def react(message: discord.Message) -> None:
    """Say no without words, to somebody who has had them."""
    try:
        await message.add_reaction(REACTION)
    except discord.HTTPException as error:
        log.debug("no reaction to message %d: %s", message.id, where(error))


def _asker(message: discord.Message) -> tuple[int, int]:
    return (message.guild.id if message.guild else 0, message.author.id)


def _itself(key: Hashable) -> Hashable:
    return key
