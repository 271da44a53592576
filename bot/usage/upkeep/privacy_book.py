"""What a person may ask of the books about themselves: what is there, all of it, out of it, and no AI at all."""

from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Any

from bot.usage.budgeting.budgets import BOT
from bot.usage.budgeting.rules import Rules, changing
from bot.usage.context import storable
from bot.usage.storage.database import Database, Script
from bot.usage.storage.queued import wait_for_queued
from bot.usage.storage.rows import microseconds
from bot.usage.upkeep import erasure
from bot.usage.upkeep.erasure import Erasure
from bot.usage.upkeep.personal_data import OnTheBooks, all_of, on_the_books
from bot.usage.upkeep.retention import PAUSE_SECONDS

_OPT_OUT = "INSERT INTO opt_outs (user_id, opted_out_at) VALUES ($1, $2) ON CONFLICT (user_id) DO NOTHING"
_OPT_IN = "DELETE FROM opt_outs WHERE user_id = $1"


class PrivacyBook:
    """Answers for people by their id (int, str or UUID). Methods raise `DatabaseUnavailableError`."""

    def __init__(
        self,
        database: Database,
        rules: Rules,
        clock: Callable[[], datetime],
        changed: Callable[[], Awaitable[None]],
        before_reading: Callable[[], Awaitable[object]],
    ) -> None:
        self._database = database
        self._rules = rules
        self._clock = clock
        self._changed = changed
        self._before_reading = before_reading

    async def stored(self, user_id: object) -> OnTheBooks:
        """How much there is on somebody, with everything booked so far."""
        await wait_for_queued(self._before_reading)
        return await on_the_books(self._database, storable(user_id))

    async def export(self, user_id: object) -> dict[str, Any]:
        """All of it, ready for JSON, without amounts of money."""
        await wait_for_queued(self._before_reading)
        return await all_of(self._database, storable(user_id), self._clock())

    async def erase(self, user_id: object, *, guild_id: int = BOT, pause_seconds: float = PAUSE_SECONDS) -> int:
        """Take somebody out of the books of one server, or of all (0); every total stays (I34). How many single calls
        name nobody now.

        What limits them stays (`bot.usage.upkeep.erasure`). Calls in flight follow with `finish_erasures`.
        """
        await wait_for_queued(self._before_reading)
        asked = Erasure(storable(user_id), guild_id, self._clock())
        await erasure.remember(self._database, asked)
        return await erasure.carry_out(self._database, self._rules, asked, asked.asked_at, pause_seconds)

    async def finish_erasures(self) -> int:
        """Carry out anew what was asked for lately; how many calls that had come since name nobody now."""
        now, calls = self._clock(), 0
        for asked in await erasure.remembered(self._database):
            calls += await erasure.carry_out(self._database, self._rules, asked, now)
        await erasure.forget_those_over(self._database, now)
        return calls

    async def opt_out(self, user_id: object) -> None:
        """Call no model for somebody, wherever they are, until they opt in again: `OptedOutError` instead."""
        await self._change(_OPT_OUT, storable(user_id), microseconds(self._clock()))

    async def opt_in(self, user_id: object) -> None:
        """End that."""
        await self._change(_OPT_IN, storable(user_id))

    def has_opted_out(self, user_id: object) -> bool:
        """Whether they want no AI, as far as this process knows: every call that is made asks the books anyway."""
        return storable(user_id) in self._rules.opted_out

    async def _change(self, sql: str, *parameters: object) -> None:
        await self._database.transact(lambda: _changed(sql, parameters))
        await self._changed()


def _changed(sql: str, parameters: tuple[object, ...]) -> Script[None]:
    yield from changing(BOT)
    yield sql, parameters
