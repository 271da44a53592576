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

from bot.discord_failures import DISCORD_FAILED
from bot.translation import _, mark
from bot.usage.errors import CallRefusedError
from bot.words import where

log = logging.getLogger(__name__)

REACTION = "⏳"
MOST_REACTIONS = 100
"""That many may wait for Discord at once, which takes four a second in a channel: a raid asks faster than that."""
TOLD_AGAIN_SECONDS = 3600.0
MINUTE_SECONDS = 60.0
_MEMBER_TOO_FAST = mark("You're asking faster than I may answer: {n} a minute. Try again in {seconds} s.")
_SERVER_TOO_FAST = mark("This server is asking faster than I may answer: {n} a minute. Try again in {seconds} s.")


def with_sign(words: str) -> str:
    """A refusal, and what stands for it from now on."""
    sign = _("If I only put {sign} on your next questions, it means the same.", sign=REACTION)
    return f"{words}\n-# {sign}"


class Refusals:
    """Who was told which refusal within the hour, on which server."""

    def __init__(self) -> None:
        self._told = commands.CooldownMapping[Hashable].from_cooldown(1, TOLD_AGAIN_SECONDS, _itself)
        self._reacting = 0

    def is_news(self, message: discord.Message, error: CallRefusedError, now: datetime) -> bool:
        """Whether the asker hasn't been told this cause within the hour; from now on they have."""
        key = (message.guild.id if message.guild else 0, message.author.id, error.cause)
        return self._told.update_rate_limit(key, now.timestamp()) is None

    async def react(self, message: discord.Message) -> None:
        """Say no without words, to somebody who has had them; in a raid not to all of them."""
        if self._reacting >= MOST_REACTIONS:
            return
        self._reacting += 1
        try:
            await message.add_reaction(REACTION)
        except DISCORD_FAILED as error:
            log.debug("no reaction to message %d: %s", message.id, where(error))
        finally:
            self._reacting -= 1


@dataclass(frozen=True, slots=True)
class TooFast:
    """A question that came too fast: more than `per_minute`, with so many `seconds` to wait.

    `told` says it for the asker or the server; None where it was said already in this minute.
    """

    told: str | None
    per_minute: int = 0
    seconds: int = 0

    @property
    def words(self) -> str | None:
        """Words for the asker, in the language spoken when they are asked for; None for somebody who has had them."""
        return None if self.told is None else _(self.told, n=self.per_minute, seconds=self.seconds)


class Pace:
    """Questions a minute: at most `per_member` of one member on one server, `per_server` of a server; 0: any number."""

    def __init__(self, per_member: int, per_server: int) -> None:
        self._member = _Limit(per_member, _MEMBER_TOO_FAST)
        self._server = _Limit(per_server, _SERVER_TOO_FAST)

    def check(self, guild_id: int, user_id: int, now: datetime) -> TooFast | None:
        """Count a question (`guild_id` is 0 in direct messages); None where it may be answered.

        One that is its member's too many isn't the server's.
        """
        too_fast = self._member.check((guild_id, user_id), now)
        if too_fast is None and guild_id:
            return self._server.check(guild_id, now)
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
        return TooFast(self._words, self._per_minute, max(1, math.ceil(wait)))


def _itself(key: Hashable) -> Hashable:
    return key
