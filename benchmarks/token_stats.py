"""P9, and P7 in small: what /token-stats reads for the biggest server, and admission, on a million records.

Ours is all that the five views of the command show: each breakdown with its total, the trend, the period before and
the projection. The other side computes the five breakdowns alone, from the records, with an index that covers them.
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

from benchmarks.history import BIGGEST, COVERING_INDEX, DAY, KEYS, NOW, SUMS, write
from benchmarks.ledger import new_database
from benchmarks.made_up import open_calls
from benchmarks.measure import Effort, Row, in_turns, ratios
from bot.usage import rows
from bot.usage.budget_book import BudgetBook
from bot.usage.database import SqliteDatabase
from bot.usage.ledger import Ledger
from bot.usage.records import OpenCall, utc_now
from bot.usage.reports import PeriodName, Reports, Split

SPLITS: tuple[Split, ...] = ("operation", "model", "user", "channel", "day")
PERIODS: dict[PeriodName, str] = {"30d": "30 days", "all": "a year"}
TOP = 10
LIMIT = "1000000"
"""USD that no benchmark spends."""


def run(effort: Effort) -> list[Row]:
    """All rows of this file."""
    with TemporaryDirectory() as folder:
        return asyncio.run(_run(Path(folder), effort))


async def _run(folder: Path, effort: Effort) -> list[Row]:
    many = effort.some(1_000_000)
    await write(folder / "small.db", many // 10)
    await write(folder / "big.db", many)
    await asyncio.to_thread(copyfile, folder / "big.db", folder / "untouched.db")
    with sqlite3.connect(folder / "big.db") as connection:
        connection.execute(COVERING_INDEX)
    async with new_database(folder / "small.db") as small, new_database(folder / "big.db") as big:
        result = [row for period in PERIODS for row in await _views(small, big, period, many, effort)]
    async with new_database(folder / "empty.db") as empty, new_database(folder / "untouched.db") as big:
        return [*result, await _admission(empty, big, many, effort)]


async def _views(
    small: SqliteDatabase, big: SqliteDatabase, period: PeriodName, many: int, effort: Effort
) -> list[Row]:
    few, ours = (Reports(database, clock=lambda: NOW) for database in (small, big))
    await _assert_equal(ours, big, period)
    sides = {
        "ours": partial(_timed, partial(_every_view, ours, period), 5),
        "fewer": partial(_timed, partial(_every_view, few, period), 5),
        "records": partial(_timed, partial(_from_records, big, period), 1),
    }
    found = await in_turns(sides, effort.rounds)
    words = f"{median(found['ours']) * 1e3:.1f} ms on {median(found['records']) * 1e3:.0f} ms"
    where = f"/token-stats, biggest server, five breakdowns, {PERIODS[period]}"
    return [
        Row("P9", f"{where}: rollups / covering index, {many:,} calls",
            ratios(found["ours"], found["records"]), 0.1, note=words),
        Row("P9", f"{where}: {many:,} calls / {many // 10:,}", ratios(found["ours"], found["fewer"]), 2.5),
    ]  # fmt: skip


async def _every_view(reports: Reports, period: PeriodName) -> None:
    for split in SPLITS:
        await reports.spend(BIGGEST, period, split, limit=None if split == "day" else TOP)
    days = await reports.days(BIGGEST, period)
    await reports.trend(BIGGEST, days)
    await reports.before(BIGGEST, period)
    await reports.projection(BIGGEST)


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


async def _assert_equal(reports: Reports, database: SqliteDatabase, period: PeriodName) -> None:
    """Both sides show the same calls and the same cost under the same names."""
    for split in SPLITS[:-1]:
        report = await reports.spend(BIGGEST, period, split, limit=TOP)
        found = [(row[0], row[1], row[9]) for row in await _breakdown(database, period, split)]
        assert [(row.key, row.calls, row.cost_nano_usd) for row in report.rows] == found, (period, split)


async def _admission(empty: SqliteDatabase, big: SqliteDatabase, many: int, effort: Effort) -> Row:
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
    what = f"admission under two budgets, {many:,} records on the books / none"
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


async def _timed(work: Callable[[], Awaitable[object]], times: int) -> float:
    began = perf_counter()
    for _ in range(times):
        await work()
    return (perf_counter() - began) / times
