"""Deleting single calls that are too old, in small steps beside a running bot. Every sum stays as it is (I25).

Calls in flight stay, and so does what is in doubt: it still counts in a budget, and may yet be cleared up.
"""

import asyncio
from collections.abc import Sequence
from datetime import datetime

from bot.usage.database import Database, Row, Script, SqliteDatabase, Statement, is_postgres, sqlite_path
from bot.usage.months import drop_empty_months
from bot.usage.process_lock import ProcessLock
from bot.usage.rows import from_microseconds, microseconds

STEP = 500
"""How many calls go in one transaction."""
PAUSE_SECONDS = 0.05
"""How long the writer is left alone between two steps."""
KEPT_DAYS = 90
SHORTEST_DAYS = 32
"""Members are shown what the running month's tokens went to, which is read from single calls."""
_KEPT_SINCE = "single calls since"
_OLD = (
    "SELECT guild_id, started_at, id FROM usage_records WHERE started_at >= $1 AND started_at < $2 "
    "AND status <> 'open' AND doubtful_nano_usd = 0 AND doubtful_tokens = 0 "
    f"ORDER BY started_at LIMIT {STEP}"
)
_DELETE = "DELETE FROM usage_records WHERE guild_id = $1 AND started_at = $2 AND id = $3"
_MOVE_ON = (
    "INSERT INTO bot_state (name, value) VALUES ($1, $2) ON CONFLICT (name) DO UPDATE SET value = excluded.value "
    "WHERE CAST(bot_state.value AS BIGINT) < CAST(excluded.value AS BIGINT)"
)


async def forget_calls(database: Database, before: datetime, pause_seconds: float = PAUSE_SECONDS) -> int:
    """Delete the single calls that started before a time (UTC); how many. Raises `DatabaseUnavailableError`.

    Stopped in between, it goes on from there the next time.
    """
    deleted, after = 0, -(2**62)
    while True:
        found = await database.decide(lambda: _step(after, before))  # noqa: B023 - awaited at once
        deleted += len(found)
        if len(found) < STEP:
            await drop_empty_months(database, before)
            return deleted
        after = found[-1][1]
        await asyncio.sleep(pause_seconds)


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


def kept_since() -> Script[datetime | None]:
    """Since when every single call is on the books; None where none was deleted yet."""
    found = yield "SELECT value FROM bot_state WHERE name = $1", (_KEPT_SINCE,)
    return from_microseconds(int(found[0][0])) if found else None


def _step(after_us: int, before: datetime) -> Script[tuple[list[Row], Sequence[Statement]]]:
    found = yield _OLD, (after_us, microseconds(before))
    if not found:
        return found, ()
    return found, [(_MOVE_ON, [(_KEPT_SINCE, str(microseconds(before)))]), (_DELETE, found)]
