"""Servers that have removed the bot: a while later all that names them or their members goes, and totals stay.

What stays is what their calls cost: the operator's sums, the server's by day, operation and model, and the operator's
cap on it. A server that has the bot again in time loses nothing.
"""

import asyncio
from collections.abc import Awaitable, Callable, Collection
from datetime import datetime, timedelta

from bot.usage.budgeting.rules import changing
from bot.usage.storage.database import Database, Script
from bot.usage.storage.rows import microseconds
from bot.usage.upkeep.retention import PAUSE_SECONDS, forget_calls

ERASED_AFTER = timedelta(days=30)
_NOTE = "INSERT INTO removals (guild_id, removed_at) VALUES ($1, $2) ON CONFLICT (guild_id) DO NOTHING"
_KNOWN = (
    "SELECT guild_id FROM guild_settings UNION SELECT guild_id FROM budgets UNION SELECT guild_id FROM league_teams "
    "UNION SELECT CAST(key AS BIGINT) FROM spend_daily WHERE guild_id = 0 AND dimension = 'guild' AND day >= $1"
)
_KEPT_DIMENSIONS = ("total", "payment", "operation", "model")
_DAYS = (
    "SELECT DISTINCT dimension, day FROM spend_daily WHERE guild_id = $1 AND dimension NOT IN ("
    + ", ".join(f"'{name}'" for name in _KEPT_DIMENSIONS)
    + ")"
)
_SERVERS_BUDGETS = "SELECT id FROM budgets WHERE guild_id = $1 AND owner = 'server'"
_OF_SERVER = (
    f"DELETE FROM budget_periods WHERE guild_id = $1 AND budget_id IN ({_SERVERS_BUDGETS})",
    "DELETE FROM budgets WHERE guild_id = $1 AND owner = 'server'",
    "DELETE FROM alert_deliveries WHERE alert_id IN (SELECT id FROM alerts WHERE guild_id = $1)",
    *(
        f"DELETE FROM {table} WHERE guild_id = $1"
        for table in (
            "alerts",
            "alert_targets",
            "audit_log",
            "quota_rules",
            "guild_tiers",
            "guild_time_zones",
            "guild_settings",
            "shown_answers",
            "erasures",
        )
    ),
)


class Removals:
    """Which servers have removed the bot. Methods raise `DatabaseUnavailableError`."""

    def __init__(
        self, database: Database, clock: Callable[[], datetime], changed: Callable[[], Awaitable[None]]
    ) -> None:
        self._database = database
        self._clock = clock
        self._changed = changed

    async def note(self, guild_id: int) -> None:
        """The bot isn't on that server any more: since now, unless that was known."""
        await self._database.execute(_NOTE, guild_id, microseconds(self._clock()))

    async def is_back(self, guild_id: int) -> None:
        """It is there again, so that nothing goes."""
        await self._database.execute("DELETE FROM removals WHERE guild_id = $1", guild_id)

    async def notice(self, here: Collection[int], is_ours: Callable[[int], bool]) -> None:
        """Note whatever server has come or gone while nobody looked.

        `here` are those the bot is on now; `is_ours` tells whether this process would know of a server.
        """
        gone = {guild_id for (guild_id,) in await self._database.fetch("SELECT guild_id FROM removals")}
        for guild_id in sorted(gone & set(here)):
            await self.is_back(guild_id)
        lately = (self._clock() - ERASED_AFTER).date().isoformat()
        known = {guild_id for (guild_id,) in await self._database.fetch(_KNOWN, lately)}
        for guild_id in sorted(known - gone - set(here) - {0}):
            if is_ours(guild_id):
                await self.note(guild_id)

    async def due(self) -> list[int]:
        """Servers whose time is over and that weren't erased yet."""
        sql = "SELECT guild_id FROM removals WHERE removed_at <= $1 AND erased_at IS NULL ORDER BY guild_id"
        rows = await self._database.fetch(sql, microseconds(self._clock() - ERASED_AFTER))
        return [guild_id for (guild_id,) in rows]

    async def erase(self, guild_id: int, pause_seconds: float = PAUSE_SECONDS) -> int:
        """Erase a server that is due from the books in small steps; how many single calls went. Totals stay (I25).

        What it has chosen goes last, and only if the bot isn't back meanwhile.
        """
        now = self._clock()
        before = now - ERASED_AFTER
        calls = await forget_calls(self._database, before, pause_seconds, guild_id=guild_id, doubtful_too=True)
        for dimension, day in await self._database.fetch(_DAYS, guild_id):
            sql = "DELETE FROM spend_daily WHERE guild_id = $1 AND dimension = $2 AND day = $3"
            await self._database.execute(sql, guild_id, dimension, day)
            await asyncio.sleep(0)
        await self._database.transact(lambda: _erase(guild_id, microseconds(now)))
        await self._changed()
        return calls


def _erase(guild_id: int, now_us: int) -> Script[None]:
    yield from changing(guild_id)
    still_gone = yield "UPDATE removals SET erased_at = $2 WHERE guild_id = $1 RETURNING guild_id", (guild_id, now_us)
    if still_gone:
        for sql in _OF_SERVER:
            yield sql, (guild_id,)
