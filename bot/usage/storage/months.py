"""`usage_records` by month, on PostgreSQL: old detail then goes a month at a time, and the space it took comes back.

What no month has been made for lies in `usage_records_other`, so that an insert never fails for want of one.
"""

import re
from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from functools import partial

from bot.usage.storage.database import Database, Script
from bot.usage.storage.rows import microseconds

AHEAD = 2
"""Months that are made beforehand, besides the running one."""
_FIND = (
    "SELECT CAST(CAST(inhrelid AS regclass) AS TEXT) FROM pg_inherits "
    "WHERE inhparent = CAST('usage_records' AS regclass)"
)
_MONTH = re.compile(r"usage_records_\d{4}_\d\d")
_MOVE = (
    "WITH moved AS (DELETE FROM usage_records_other WHERE started_at >= $1 AND started_at < $2 RETURNING *) "
    "INSERT INTO {name} SELECT * FROM moved"
)


async def make_months(database: Database, first: date, count: int = AHEAD + 1) -> None:
    """Make so many months, from the one of `first` on, where they are missing; what lies in them already moves there.

    SQLite keeps one table. Raises `DatabaseUnavailableError`.
    """
    if database.shared:
        found = {name for (name,) in await database.fetch(_FIND)}
        for month in _months(first, count):
            if _name(month) not in found:
                await database.migrate(partial(_make, month))


async def make_months_ahead(database: Database, now: datetime) -> None:
    """Make the running month and the next ones, where they are missing. Raises `DatabaseUnavailableError`."""
    await make_months(database, now.date())


async def drop_empty_months(database: Database, before: datetime) -> None:
    """Give back the space of months that ended before a time and hold nothing any more.

    SQLite keeps one table. Raises `DatabaseUnavailableError`.
    """
    if database.shared:
        ended = _name(before.date())  # of the names, which sort like the months, those before it
        for (name,) in await database.fetch(_FIND):
            if _MONTH.fullmatch(name) and name < ended:
                await database.migrate(partial(_drop_if_empty, name))


def _months(first: date, count: int) -> Iterator[date]:
    month = first.replace(day=1)
    for _ in range(count):
        yield month
        month = _after(month)


def _make(month: date) -> Script[None]:
    found = yield _FIND, ()
    if (_name(month),) not in found:  # else another process was first
        yield from _make_month(_name(month), _begin(month), _begin(_after(month)))


def _make_month(name: str, begin: int, end: int) -> Script[None]:
    """Made beside the table and attached, which holds up nobody who writes; unlike `PARTITION OF`."""
    yield f"CREATE TABLE {name} (LIKE usage_records INCLUDING ALL)", ()
    yield "LOCK TABLE usage_records_other IN ACCESS EXCLUSIVE MODE", ()
    yield _MOVE.format(name=name), (begin, end)
    yield f"ALTER TABLE usage_records ATTACH PARTITION {name} FOR VALUES FROM ({begin}) TO ({end})", ()


def _drop_if_empty(name: str) -> Script[None]:
    """The table above it is locked first, as by whoever writes."""
    yield "LOCK TABLE ONLY usage_records IN ACCESS EXCLUSIVE MODE", ()
    found = yield f"SELECT 1 FROM {name} LIMIT 1", ()
    if not found:
        yield f"DROP TABLE {name}", ()


def _name(month: date) -> str:
    return f"usage_records_{month:%Y_%m}"


def _after(month: date) -> date:
    return (month + timedelta(days=32)).replace(day=1)


def _begin(month: date) -> int:
    return microseconds(datetime.combine(month, time(), UTC))
