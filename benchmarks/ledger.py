"""P5: the ledger's group commit, against row by row and against one bare transaction.

All sides insert the same rows into the same tables and indexes, in WAL mode with synchronous=NORMAL.
"""

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from time import perf_counter

import aiosqlite

from benchmarks.made_up import open_calls
from benchmarks.measure import Effort, Row, in_turns, percentile, ratios
from bot.usage.bookkeeping.ledger import Ledger
from bot.usage.records import OpenCall, utc_now
from bot.usage.storage import rows, schema
from bot.usage.storage.sqlite import SqliteDatabase

CALLERS = 64
INSERT = rows.INSERT_OPEN.replace("$", "?")


@dataclass(frozen=True, slots=True)
class Pace:
    """Rows per second, and the longest that 99 of 100 callers waited, in seconds."""

    per_second: float
    p99: float = 0.0


def run(effort: Effort) -> list[Row]:
    """All rows of this file."""
    with TemporaryDirectory() as folder:
        return asyncio.run(_run(Path(folder), effort))


async def _run(folder: Path, effort: Effort) -> list[Row]:
    calls = effort.some(6400)
    made = open_calls()
    numbers = count()

    async def group() -> Pace:
        async with new_database(folder / f"{next(numbers)}.db") as database:
            return await _grouped(database, [next(made) for _ in range(calls)])

    async def row_by_row() -> Pace:
        path = folder / f"{next(numbers)}.db"
        async with new_database(path):
            return await _row_by_row(path, [next(made) for _ in range(calls)])

    async def bare() -> Pace:
        path = folder / f"{next(numbers)}.db"
        async with new_database(path):
            return await asyncio.to_thread(_bare, path, [next(made) for _ in range(calls)])

    found = await in_turns({"group": group, "row by row": row_by_row, "bare": bare}, effort.rounds)
    ours, single, limit = found["group"], found["row by row"], found["bare"]
    pace = (ratios((p.per_second for p in ours), (p.per_second for p in other)) for other in (single, limit))
    note = f"{median(p.per_second for p in ours):,.0f} a second; bare {median(p.per_second for p in limit):,.0f}"
    waits = ratios((p.p99 for p in ours), (p.p99 for p in single))
    return [
        Row("P5", f"{CALLERS} callers awaiting their commit: rows a second / aiosqlite row by row", next(pace), 3.5,
            at_least=True, note=note),
        Row("P5", "  their p99 / aiosqlite's row by row", waits, 0.35,
            note=f"{median(p.p99 for p in ours) * 1e3:.1f} ms on {median(p.p99 for p in single) * 1e3:.1f} ms"),
        Row("P5", "  their rows a second / one bare executemany of everything", next(pace), 0.2, at_least=True),
    ]  # fmt: skip


@asynccontextmanager
async def new_database(path: Path) -> AsyncIterator[SqliteDatabase]:
    """An open database with every table; made where there is none."""
    database = await SqliteDatabase.open(f"sqlite:///{path}")
    try:
        await schema.apply(database, rows.microseconds(utc_now()))
        yield database
    finally:
        await database.close()


async def _grouped(database: SqliteDatabase, calls: list[OpenCall]) -> Pace:
    ledger = Ledger(database, utc_now, lambda _: None)
    await ledger.start()
    try:
        return await _callers(calls, ledger.admit)
    finally:
        await ledger.close()


async def _row_by_row(path: Path, calls: list[OpenCall]) -> Pace:
    async with aiosqlite.connect(path, isolation_level=None) as connection:
        await connection.execute("PRAGMA synchronous = NORMAL")

        async def insert(call: OpenCall) -> None:
            await connection.execute_insert(INSERT, rows.open_row(call, "w"))  # one hop, committed by itself

        return await _callers(calls, insert)


def _bare(path: Path, calls: list[OpenCall]) -> Pace:
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA synchronous = NORMAL")
    began = perf_counter()
    connection.execute("BEGIN IMMEDIATE")
    connection.executemany(INSERT, [rows.open_row(call, "w") for call in calls])
    connection.execute("COMMIT")
    pace = Pace(len(calls) / (perf_counter() - began))
    connection.close()
    return pace


async def _callers(calls: list[OpenCall], insert: Callable[[OpenCall], Awaitable[object]]) -> Pace:
    left = iter(calls)
    waits: list[float] = []

    async def caller() -> None:
        for call in left:
            began = perf_counter()
            await insert(call)
            waits.append(perf_counter() - began)

    began = perf_counter()
    await asyncio.gather(*(caller() for _ in range(CALLERS)))
    return Pace(len(calls) / (perf_counter() - began), percentile(waits, 99))
