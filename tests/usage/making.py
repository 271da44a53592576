"""Calls, settlements and a faulty database for the tests of the books, and a recount that knows nothing of rollups."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta, tzinfo
from itertools import count
from pathlib import Path
from typing import Any

from bot.usage.bookkeeping.ledger import Ledger
from bot.usage.bookkeeping.rollups import MEASURES
from bot.usage.errors import DatabaseUnavailableError
from bot.usage.ids import new_id
from bot.usage.records import Attribution, Kind, OpenCall, Price, Settlement, Status, Usage, UsageRecord
from bot.usage.storage import schema
from bot.usage.storage.database import Database, Row, Statement
from bot.usage.storage.sqlite import SqliteDatabase

NOW = datetime(2026, 3, 31, 12, tzinfo=UTC)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
Lines = dict[tuple[int, str, str, str], tuple[int, ...]]


def a_call(
    *,
    at: datetime = NOW,
    reserved: int | None = 9_000,
    kind: Kind = Kind.LLM,
    model: str = "gpt-4o-mini",
    **who: Any,
) -> OpenCall:
    return OpenCall(
        id=new_id(),
        kind=kind,
        api="chat",
        started_at=at,
        attribution=Attribution(**{"operation": "chat", "guild_id": 1, **who}),
        provider="openai",
        request_model=model,
        reserved_usage=Usage(input_tokens=100, output_tokens=1_000),
        reserved=Price(reserved, "test"),
    )


def a_settlement(cost: int | None = 5_000, *, tokens: tuple[int, int] = (10, 20), **changes: Any) -> Settlement:
    given = {"status": Status.OK, "usage": Usage(input_tokens=tokens[0], output_tokens=tokens[1]), "duration_ms": 7}
    return Settlement(**{**given, "price": Price(cost, "test"), **changes})


def a_record(cost: int | None = 5_000, **changes: Any) -> UsageRecord:
    return UsageRecord(a_call(), a_settlement(cost, **changes))


@asynccontextmanager
async def fresh_database(path: Path) -> AsyncIterator[SqliteDatabase]:
    database = await SqliteDatabase.open(f"sqlite:///{path}")
    try:
        await schema.apply(database, 0)
        yield database
    finally:
        await database.close()


@asynccontextmanager
async def ledger_on(
    database: Any,
    on_booked: Callable[[Sequence[UsageRecord]], None] = lambda records: None,
    clock: Callable[[], datetime] = lambda: NOW,
) -> AsyncIterator[Ledger]:
    ledger = Ledger(database, clock, on_booked)
    await ledger.start()
    try:
        yield ledger
    finally:
        await ledger.close(patience_seconds=0.5)


class FaultyDatabase:
    """A database whose writes fail as told: each entry of `faults` is the fate of one write, `None` a good one.

    An exception is raised instead of writing. A tuple of one exception is raised after the write has been committed.
    While `gone` is set, every write and read fails.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self.faults: deque[Exception | tuple[Exception] | None] = deque()
        self.gone = False
        self.writes = 0
        self.delay = 0.0
        self.statements: list[str] = []

    @property
    def shared(self) -> bool:
        return self._database.shared

    @property
    def problem(self) -> DatabaseUnavailableError:
        return DatabaseUnavailableError("test.db", "disk I/O error")

    async def decide(self, script: Any) -> Any:
        self.writes += 1
        if self.delay:
            await asyncio.sleep(self.delay)
        if self.gone:
            raise self.problem
        fate = self.faults.popleft() if self.faults else None
        if isinstance(fate, Exception):
            raise fate

        def noted() -> Any:
            result, statements = yield from script()
            self.statements += [sql for sql, _ in statements]
            return result, statements

        result = await self._database.decide(noted)
        if fate is not None:
            raise fate[0]
        return result

    async def write(self, statements: Sequence[Statement]) -> None:
        def script() -> Any:
            yield from ()
            return None, statements

        await self.decide(script)

    async def transact(self, script: Any) -> Any:
        if self.gone:
            raise self.problem
        return await self._database.transact(script)

    async def execute(self, sql: str, *parameters: Any) -> list[Row]:
        return await self._database.execute(sql, *parameters)

    async def fetch(self, sql: str, *parameters: Any) -> list[Row]:
        if self.gone:
            raise self.problem
        return await self._database.fetch(sql, *parameters)

    async def read(self, script: Any) -> Any:
        if self.gone:
            raise self.problem
        return await self._database.read(script)

    async def fetch_all(self, queries: Any) -> list[list[Row]]:
        if self.gone:
            raise self.problem
        return await self._database.fetch_all(queries)


async def bury(database: Any) -> None:
    """Take every worker for dead, which several processes need a while for; on SQLite the lock file proves it."""
    if database.shared:
        await database.execute("UPDATE workers SET ended_at = 1 WHERE ended_at IS NULL")


async def columns_of(database: Any, table: str) -> list[str]:
    """The names of a table's columns, in their order."""
    sql = "SELECT name FROM pragma_table_info($1) ORDER BY cid"
    if database.shared:
        sql = (
            "SELECT CAST(column_name AS TEXT) FROM information_schema.columns WHERE table_name = CAST($1 AS TEXT) "
            "ORDER BY ordinal_position"
        )
    return [name for (name,) in await database.fetch(sql, table)]


def ticking(start: datetime = NOW) -> Callable[[], datetime]:
    """A clock that moves by a second each time somebody looks."""
    seconds = count()
    return lambda: start + timedelta(seconds=next(seconds))


async def the_books(database: Any) -> Lines:
    """What is stored in `spend_daily`."""
    rows = await database.fetch(f"SELECT guild_id, dimension, day, key, {', '.join(MEASURES)} FROM spend_daily")
    return {row[:4]: row[4:] for row in rows}


async def recount(database: Any, zones: Mapping[int, tzinfo] | None = None) -> Lines:
    """What should be stored there, counted again from every settled record, one by one."""
    sql = """SELECT guild_id, started_at, kind, provider, operation, COALESCE(response_model, request_model), user_id,
        channel_id, agent_name, workflow_id, status, estimated, cost_nano_usd, input_tokens, cached_input_tokens,
        output_tokens, reasoning_output_tokens, duration_ms FROM usage_records WHERE status <> 'open'"""
    lines: Lines = {}
    for row in await database.fetch(sql):
        guild_id, at, kind, provider, *names, status, estimated, cost, into, cached, out, reasoning, took = row
        instant = EPOCH + timedelta(microseconds=at)
        utc, local = (instant.astimezone(z).strftime("%Y-%m-%d") for z in (UTC, (zones or {}).get(guild_id, UTC)))
        amounts = (1, int(status in ("error", "aborted")), estimated, int(cost is None))
        amounts += (into, cached, out, reasoning, cost or 0, took)
        if kind == "payment":
            keys = [(guild_id, "payment", local, provider)]
        else:
            keys = [(guild_id, "total", local, ""), (0, "guild", utc, str(guild_id))]
            for name, value in zip(("operation", "model", "user", "channel", "agent", "workflow"), names, strict=True):
                if value is not None:
                    keys += [(guild_id, name, local, str(value)), (0, f"bot_{name}", utc, str(value))]
                if value is not None and name == "user":
                    keys += [(guild_id, "user/month", local[:7] + "-01", value)]
        for key in keys:
            lines[key] = tuple(a + b for a, b in zip(lines.get(key, (0,) * 10), amounts, strict=True))
    return lines
