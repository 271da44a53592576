"""Moving the books from a SQLite file to PostgreSQL: table by table, each in the order of its key.

A move that was broken off goes on where it was: what has arrived of a table says where. Until it is done, the target
holds a mark, and no bot starts on it. The file stays as it was.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from bot.usage.errors import CannotMoveError
from bot.usage.opening import open_tracker
from bot.usage.storage import rows, schema
from bot.usage.storage.database import Database, Row, Script, is_postgres
from bot.usage.storage.months import AHEAD, make_months
from bot.usage.storage.schema import MOVING
from bot.usage.storage.sqlite import SqliteDatabase

if TYPE_CHECKING:
    from bot.usage.storage.postgres import PostgresDatabase

PAGE = 5_000
"""Rows that are moved at a time."""
_STAYS = ("bot_state", "claims", "schema_steps", "workers")
"""What belongs to a database and its processes, not to the books; `bot_state` goes last, in the mark's place."""
_PRIME = 1_000_003
"""Whole numbers are summed by their rest, which no column of ten million can overflow."""

Progress = Callable[[str, int, int], None]
"""Told a table's name, how many of its rows have arrived, and how many it has."""


@dataclass(frozen=True, slots=True)
class Moved:
    """What has arrived: `rows` by table, and how many US dollars in nano-USD its single calls cost."""

    rows: Mapping[str, int]
    cost_nano_usd: int


@dataclass(frozen=True, slots=True)
class _Table:
    name: str
    columns: Mapping[str, str]
    key: Sequence[str]
    count: int

    @property
    def sums(self) -> str:
        """A query whose one row tells two different tables apart: of each column how many, and how much or how long."""
        found = ["count(*)"]
        for name, kind in self.columns.items():
            amount = f"length({name})" if kind == "TEXT" else f"{name} % {_PRIME}"
            found += [f"count({name})", f"CAST(coalesce(sum({amount}), 0) AS BIGINT)"]
        return f"SELECT {', '.join(found)} FROM {self.name}"


async def move(source_url: str, target_url: str, tell: Progress) -> Moved:
    """Move everything from a SQLite file to a PostgreSQL database that holds no books yet, and compare both.

    The file's journal is replayed and its open calls are booked first, as at any start. Raises `CannotMoveError`,
    `DatabaseBusyError` while a bot holds the file, and `DatabaseUnavailableError`.
    """
    if not is_postgres(target_url) or is_postgres(source_url):
        raise CannotMoveError("the books move from SQLite to PostgreSQL: DATABASE_URL names the first, --to the second")
    from bot.usage.storage.postgres import PostgresDatabase

    async with open_tracker(source_url, console=False, lock_wait_seconds=0) as tracker:
        source = tracker.database
        assert isinstance(source, SqliteDatabase)  # noqa: S101 - that is what its URL names
        target = await PostgresDatabase.open(target_url)
        try:
            return await _move(source, target, rows.microseconds(tracker.clock()), tell)
        finally:
            await target.close()


async def _move(source: SqliteDatabase, target: "PostgresDatabase", now_us: int, tell: Progress) -> Moved:
    await schema.apply(target, now_us)
    tables = await _tables(source)
    await target.migrate(lambda: _mark(source.name, tables))
    ((first,),) = await source.fetch("SELECT coalesce(min(started_at), $1) FROM usage_records", now_us)
    begin, now = (datetime.fromtimestamp(at / 1_000_000, UTC) for at in (first, now_us))
    await make_months(target, begin.date(), (now.year - begin.year) * 12 + now.month - begin.month + 1 + AHEAD)
    for table in tables:
        await _carry(table, source, target, tell)
    ((cost,),) = await source.fetch("SELECT coalesce(sum(cost_nano_usd), 0) FROM usage_records")
    await _compare(tables, source, target, cost)
    state = await source.fetch("SELECT name, value FROM bot_state")
    await target.migrate(lambda: _finish(state))
    return Moved({table.name: table.count for table in tables}, cost)


async def _tables(source: SqliteDatabase) -> list[_Table]:
    names = await source.fetch("SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name")
    found = []
    for (name,) in names:
        if name.startswith("sqlite_") or name in _STAYS:
            continue
        columns = await source.fetch("SELECT name, type, pk FROM pragma_table_info($1)", name)
        key = sorted((place, column) for column, _, place in columns if place)
        ((count,),) = await source.fetch(f"SELECT count(*) FROM {name}")
        kinds = {column: kind for column, kind, _ in columns}
        found.append(_Table(name, kinds, [column for _, column in key], count))
    return found


def _mark(source: str, tables: Sequence[_Table]) -> Script[None]:
    """Say whose books these are going to be, unless it holds others already."""
    marked = yield "SELECT value FROM bot_state WHERE name = $1", (MOVING,)
    if marked and marked[0][0] != source:
        raise CannotMoveError(f"it holds a part of {marked[0][0]}: go on with that, or name an empty database")
    if marked:
        return
    for table in tables:
        if (yield f"SELECT 1 FROM {table.name} LIMIT 1", ()):
            raise CannotMoveError(f"it holds books already ({table.name} isn't empty): name an empty database")
    yield "INSERT INTO bot_state (name, value) VALUES ($1, $2)", (MOVING, source)


async def _carry(table: _Table, source: SqliteDatabase, target: "PostgresDatabase", tell: Progress) -> None:
    columns, key = list(table.columns), ", ".join(table.key)
    backwards = ", ".join(f"{name} DESC" for name in table.key)
    where = f"WHERE ({key}) > ({', '.join(f'${n}' for n in range(1, len(table.key) + 1))})"
    order = f"ORDER BY {key} LIMIT {PAGE}"
    last = await _asked(target, f"SELECT {key} FROM {table.name} ORDER BY {backwards} LIMIT 1")
    place = last[0] if last else None
    ((done,),) = await _asked(target, f"SELECT count(*) FROM {table.name}") if last else [(0,)]
    tell(table.name, done, table.count)
    of_key = [columns.index(name) for name in table.key]
    while True:
        chosen = f"SELECT {', '.join(columns)} FROM {table.name}"
        page = await source.fetch(f"{chosen} {where if place else ''} {order}", *(place or ()))
        if not page:
            return
        await target.load(table.name, columns, page)
        place = tuple(page[-1][column] for column in of_key)
        done += len(page)
        tell(table.name, done, table.count)


async def _compare(tables: Sequence[_Table], source: Database, target: Database, cost: int) -> None:
    different = [table.name for table in tables if await source.fetch(table.sums) != await _asked(target, table.sums)]
    found = await _asked(target, "SELECT CAST(coalesce(sum(cost_nano_usd), 0) AS BIGINT) FROM usage_records")
    if different or found != [(cost,)]:
        where = ", ".join(different) or "cost"
        raise CannotMoveError(f"what arrived differs in {where}: move again, into an empty database")


def _finish(state: Sequence[Row]) -> Script[None]:
    for row in state:
        yield (
            "INSERT INTO bot_state (name, value) VALUES ($1, $2) ON CONFLICT (name) DO UPDATE SET value = $2",
            row,
        )
    yield "DELETE FROM bot_state WHERE name = $1", (MOVING,)
    yield "ANALYZE", ()


async def _asked(target: Database, sql: str) -> list[Row]:
    """The rows of a query that may take as long as it does: ten million calls are summed in it."""

    def script() -> Script[list[Row]]:
        return (yield sql, ())

    return await target.migrate(script)
