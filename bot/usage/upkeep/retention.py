"""Deleting single calls that are too old, in small steps beside a running bot. Every sum stays as it is (I25).

Calls in flight stay, and so does what is in doubt: it still counts in a budget, and may yet be cleared up. A server may
keep its calls for a shorter time than the operator does, never for a longer one.
"""

import asyncio
from collections.abc import Sequence
from datetime import datetime, timedelta

from bot.usage.bookkeeping.kept_since import KEPT_SINCE
from bot.usage.storage.database import Database, Row, Script, Statement, is_postgres, sqlite_path
from bot.usage.storage.months import drop_empty_months
from bot.usage.storage.process_lock import ProcessLock
from bot.usage.storage.rows import microseconds
from bot.usage.storage.sqlite import SqliteDatabase

STEP = 500
"""How many calls go in one transaction."""
PAUSE_SECONDS = 0.05
"""How long the writer is left alone between two steps."""
KEPT_DAYS = 90
SHORTEST_DAYS = 32
"""Of the operator: members are shown what the running month's tokens went to, which is read from single calls."""
SERVER_DAYS = (7, 30, 90, 180, 365)
"""What a server may choose, as far as its operator keeps calls for longer."""
_FIND = (
    "SELECT guild_id, started_at, id FROM usage_records WHERE started_at >= $1 AND started_at < $2 "
    "AND status <> 'open'{only} ORDER BY started_at LIMIT " + str(STEP)
)
_SETTLED = " AND doubtful_nano_usd = 0 AND doubtful_tokens = 0"
_OF_SERVER = " AND guild_id = $3"
_DELETE = "DELETE FROM usage_records WHERE guild_id = $1 AND started_at = $2 AND id = $3"
_MOVE_ON = (
    "INSERT INTO bot_state (name, value) VALUES ($1, $2) ON CONFLICT (name) DO UPDATE SET value = excluded.value "
    "WHERE CAST(bot_state.value AS BIGINT) < CAST(excluded.value AS BIGINT)"
)


async def forget_calls(
    database: Database,
    before: datetime,
    pause_seconds: float = PAUSE_SECONDS,
    *,
    guild_id: int | None = None,
    doubtful_too: bool = False,
) -> int:
    """Delete the single calls that started before a time (UTC), of one server or all; how many.

    Stopped in between, it goes on from there the next time. Raises `DatabaseUnavailableError`.
    """
    deleted, after = 0, -(2**62)
    while True:
        found = await database.decide(lambda: _step(after, before, guild_id, doubtful_too))  # noqa: B023 - awaited
        deleted += len(found)
        if len(found) < STEP:
            if guild_id is None:
                await drop_empty_months(database, before)
            return deleted
        after = found[-1][1]
        await asyncio.sleep(pause_seconds)


async def forget_by_servers(
    database: Database, now: datetime, operator_days: int | None, pause_seconds: float = PAUSE_SECONDS
) -> int:
    """The same for each server that keeps its calls for fewer days than the operator (None: for good)."""
    sql = "SELECT guild_id, retention_days FROM guild_settings WHERE retention_days IS NOT NULL ORDER BY guild_id"
    deleted = 0
    for guild_id, days in await database.fetch(sql):
        if operator_days is None or days < operator_days:
            deleted += await forget_calls(database, now - timedelta(days=days), pause_seconds, guild_id=guild_id)
    return deleted


async def give_back_space(database_url: str) -> None:
    """Make a SQLite file as small as what it holds. Raises `DatabaseBusyError` while a bot holds the books.

    Until then what was deleted is filled by what comes. On PostgreSQL whole months go with their last call.
    """
    if is_postgres(database_url) or (path := sqlite_path(database_url)) is None:
        return
    path = path.resolve()
    lock = await ProcessLock.acquire(path.with_name(path.name + ".lock"), wait_seconds=0)
    try:
        database = await SqliteDatabase.open(database_url)
        try:
            for sql in ("PRAGMA wal_checkpoint(TRUNCATE)", "VACUUM"):
                await database.execute(sql)
        finally:
            await database.close()
    finally:
        lock.release()


def _step(
    after_us: int, before: datetime, guild_id: int | None, doubtful_too: bool
) -> Script[tuple[list[Row], Sequence[Statement]]]:
    only = ("" if doubtful_too else _SETTLED) + ("" if guild_id is None else _OF_SERVER)
    whose = () if guild_id is None else (guild_id,)
    found = yield _FIND.format(only=only), (after_us, microseconds(before), *whose)
    if not found:
        return found, ()
    mark = " ".join([KEPT_SINCE, *map(str, whose)])
    return found, [(_MOVE_ON, [(mark, str(microseconds(before)))]), (_DELETE, found)]
