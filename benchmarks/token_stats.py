"""P7, P9, P10: what /token-stats reads for the biggest and for a median server, and admission, on ten million records.

Ours is all that the five views of the command show: each breakdown with its total, the trend, the period before and
the projection. The other sides compute the five breakdowns alone, from the records: DuckDB, and SQLite with an index
that covers them.
"""

import asyncio
import sqlite3
from collections.abc import Awaitable, Callable, Iterator
from functools import partial
from pathlib import Path
from shutil import copyfile
from statistics import median
from tempfile import TemporaryDirectory
from time import perf_counter

import duckdb

from benchmarks import duck
from benchmarks.history import BIGGEST, COVERING_INDEX, DAY, KEYS, NOW, SUMS, history
from benchmarks.ledger import new_database
from benchmarks.made_up import open_calls
from benchmarks.measure import Effort, Row, in_turns, ratios
from bot.usage.bookkeeping.ledger import Ledger
from bot.usage.budgeting.budget_book import BudgetBook
from bot.usage.records import OpenCall, utc_now
from bot.usage.reporting.reports import PeriodName, Reports, Split
from bot.usage.storage import rows
from bot.usage.storage.database import Database
from bot.usage.storage.sqlite import SqliteDatabase

SPLITS: tuple[Split, ...] = ("operation", "model", "user", "channel", "day")
PERIODS: dict[PeriodName, str] = {"30d": "30 days", "all": "a year"}
TOP = 10
LIMIT = "1000000"
"""USD that no benchmark spends."""


def run(effort: Effort) -> list[Row]:
    """All rows of this file."""
    with TemporaryDirectory() as folder:
        return asyncio.run(_run(Path(folder), effort))


def how_many(effort: Effort) -> int:
    """Ten million, and a hundred thousand where it is only to be seen that it runs."""
    return 100_000 if effort.quick else 10_000_000


async def _run(folder: Path, effort: Effort) -> list[Row]:
    many = how_many(effort)
    kept = {"small": await history(many // 10), "big": await history(many), "untouched": await history(many)}
    for name, path in kept.items():
        await asyncio.to_thread(copyfile, path, folder / f"{name}.db")
    with sqlite3.connect(folder / "big.db") as connection:
        connection.execute(COVERING_INDEX)
    other = await asyncio.to_thread(duck.load, folder / "untouched.db", folder / "calls.duckdb")
    async with new_database(folder / "small.db") as small, new_database(folder / "big.db") as big:
        result = [row for period in PERIODS for row in await _views(small, big, other, period, many, effort)]
    other.close()
    async with new_database(folder / "empty.db") as empty, new_database(folder / "untouched.db") as big:
        return [*result, await admission("SQLite", empty, big, many, effort)]


async def _views(
    small: SqliteDatabase,
    big: SqliteDatabase,
    other: duckdb.DuckDBPyConnection,
    period: PeriodName,
    many: int,
    effort: Effort,
) -> list[Row]:
    few, ours = (Reports(database, clock=lambda: NOW) for database in (small, big))
    middle = await _median_server(big)
    await _assert_equal(ours, big, other, period)
    sides = {
        "ours": partial(timed, partial(every_view, ours, BIGGEST, period), 5),
        "fewer": partial(timed, partial(every_view, few, BIGGEST, period), 5),
        "duck": partial(timed, partial(_from_duck, other, BIGGEST, period), 3),
        "records": partial(timed, partial(_from_records, big, period), 1),
        "middle": partial(timed, partial(every_view, ours, middle, period), 5),
        "duck, middle": partial(timed, partial(_from_duck, other, middle, period), 3),
    }
    found = await in_turns(sides, effort.rounds)
    where = f"/token-stats, five breakdowns, {PERIODS[period]}: biggest server"

    def words(one: str, another: str) -> str:
        return f"{median(found[one]) * 1e3:.1f} ms on {median(found[another]) * 1e3:.1f} ms"

    return [
        Row("P9", f"{where}, {many:,} calls / {many // 10:,}", ratios(found["ours"], found["fewer"]), 2.5,
            note=words("ours", "fewer")),
        Row("P9", f"{where}, rollups / DuckDB, {many:,} calls", ratios(found["ours"], found["duck"]), 0.75,
            note=words("ours", "duck")),
        Row("P9", f"{where}, rollups / covering index, {many:,} calls", ratios(found["ours"], found["records"]), 0.1,
            note=words("ours", "records")),
        Row("P10", f"{where.replace('biggest', 'median')}, rollups / DuckDB, {many:,} calls",
            ratios(found["middle"], found["duck, middle"]), 0.05, note=words("middle", "duck, middle")),
    ]  # fmt: skip


async def _median_server(database: Database) -> int:
    found = await database.fetch(
        "SELECT key FROM spend_daily WHERE guild_id = 0 AND dimension = 'guild' GROUP BY key ORDER BY sum(calls)"
    )
    return int(found[len(found) // 2][0])


async def every_view(reports: Reports, guild_id: int, period: PeriodName) -> None:
    """All that the five views of /token-stats show."""
    for split in SPLITS:
        await reports.spend(guild_id, period, split, limit=None if split == "day" else TOP)
    days = await reports.days(guild_id, period)
    await reports.trend(guild_id, days)
    await reports.before(guild_id, period)
    await reports.projection(guild_id)


async def _from_duck(database: duckdb.DuckDBPyConnection, guild_id: int, period: PeriodName) -> None:
    for split in SPLITS:
        duck.breakdown(database, guild_id, period, split, TOP)


async def _from_records(database: SqliteDatabase, period: PeriodName) -> None:
    for split in SPLITS:
        await _breakdown(database, period, split)


async def _breakdown(database: SqliteDatabase, period: PeriodName, split: Split) -> list[tuple[object, ...]]:
    since = rows.microseconds(NOW.replace(hour=0)) - 29 * 86_400_000_000 if period == "30d" else 0
    key = DAY if split == "day" else KEYS[split]
    source = "usage_records INDEXED BY covering WHERE guild_id = $1 AND started_at >= $2"
    limit = "" if split == "day" else f" LIMIT {TOP}"
    sql = f"SELECT {key} AS key, {SUMS} FROM {source} GROUP BY key ORDER BY 10 DESC, 2 DESC, 1{limit}"
    return await database.fetch(sql, BIGGEST, since)


async def _assert_equal(
    reports: Reports, database: SqliteDatabase, other: duckdb.DuckDBPyConnection, period: PeriodName
) -> None:
    """All sides show the same calls and the same cost under the same names."""
    for split in SPLITS[:-1]:
        report = await reports.spend(BIGGEST, period, split, limit=TOP)
        ours = [(row.key, row.calls, row.cost_nano_usd) for row in report.rows]
        found = await _breakdown(database, period, split)
        assert ours == [(row[0], row[1], row[9]) for row in found], (period, split)
        ducks = duck.breakdown(other, BIGGEST, period, split, TOP)
        assert ours == [(str(row[0]), row[1], row[9]) for row in ducks], (period, split)


async def admission(where: str, empty: Database, big: Database, many: int, effort: Effort) -> Row:
    """One caller at a time under two budgets that stop, the whole bot's and each member's, waiting for its commit."""
    made = open_calls()
    ledgers = [Ledger(database, utc_now, lambda _: None) for database in (empty, big)]
    for ledger, database in zip(ledgers, (empty, big), strict=True):
        await ledger.start()
        book = BudgetBook(database, ledger.rules, utc_now, ledger.rules_changed)
        await book.set(scope="bot", limit_usd=LIMIT)
        await book.set(scope="each_user", limit_usd=LIMIT)
    sides = {str(number): partial(_waits, ledger, made, effort.some(1000)) for number, ledger in enumerate(ledgers)}
    found = await in_turns(sides, effort.rounds)
    for ledger in ledgers:
        await ledger.close()
    what = f"admission under two budgets, {where}, {many:,} records on the books / none"
    return Row("P7", what, ratios(found["1"], found["0"]), 1.1, note=f"{median(found['1']) * 1e6:.0f} µs each")


async def _waits(ledger: Ledger, calls: Iterator[OpenCall], times: int) -> float:
    """The median wait of one caller, in seconds."""
    waits = []
    for _ in range(times):
        call = next(calls)
        began = perf_counter()
        await ledger.admit(call)
        waits.append(perf_counter() - began)
    return median(waits)


async def timed(work: Callable[[], Awaitable[object]], times: int) -> float:
    """Seconds that it takes on average."""
    began = perf_counter()
    for _ in range(times):
        await work()
    return (perf_counter() - began) / times
