"""Foul weather over a real process and a real database: afterwards no call is missing, none is twice, nothing is held.

A child process makes calls as it is told; the test makes the weather, kills it or lets it go on, opens the books again
and compares them with what the provider got.
"""

import asyncio
import json
import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import Any

import pytest

from bot.usage import PriceList, UsageTracker, open_tracker
from bot.usage.budgeting.budgets import Level
from tests.usage.making import recount, the_books
from tests.usage.shapes import chat
from tests.usage.stub import Stub, answer

USED = {"prompt_tokens": 9, "completion_tokens": 5, "total_tokens": 14}
COST = 9 * 150 + 5 * 600
"""Of one call, in nano-USD: gpt-4o-mini."""
HARD_GUILD = 9

NURSERY = """
import asyncio, json, os, resource, sys
from datetime import UTC, datetime, timedelta
from time import perf_counter
from bot.usage import PriceList, TriloError, open_tracker, token_tracking_context
from bot.usage.bookkeeping import ledger
from bot.usage.calls.tokens import count_tokens

ledger.ADMIT_PATIENCE_SECONDS = 0.5  # spares each test seconds of waiting under a budget that stops

class Child:
    def __init__(self):
        self.shift = timedelta()
        self.number = 0

    def clock(self):
        return datetime.now(UTC) + self.shift

    async def call(self, guild):
        self.number += 1
        name, began = f"{os.getpid()}-{self.number}", perf_counter()
        try:
            async with token_tracking_context(operation="weather", guild_id=guild, user_id=name):
                await self.client.chat.completions.create(
                    model="gpt-4o-mini", max_completion_tokens=50, user=name,
                    messages=[{"role": "user", "content": "say it"}],
                )
        except TriloError as error:
            return type(error).__name__, perf_counter() - began
        return "answered", perf_counter() - began

    async def calls(self, number, guild=0):
        ends = await asyncio.gather(*(self.call(int(guild)) for _ in range(int(number))))
        return {"ends": [end for end, _ in ends], "longest": max(took for _, took in ends)}

    async def run(self, sql):
        return await self.tracker.database.execute(sql.replace("+", " "))

    async def limit(self, number):
        resource.setrlimit(resource.RLIMIT_FSIZE, (int(number), -1))

    async def move_clock(self, days):
        self.shift += timedelta(days=float(days))

    async def flush(self):
        await asyncio.wait_for(self.tracker.force_flush(), 20)
        return {name: getattr(self.tracker.ledger, name) for name in ("journalled", "unrecorded", "dropped")}

async def main(database_url, model_url, port):
    child = Child()
    reader, writer = await asyncio.open_connection("127.0.0.1", int(port))
    async with open_tracker(database_url, console=False, prices=prices, clock=child.clock) as child.tracker:
        child.client = child.tracker.openai(base_url=model_url, api_key="k", max_retries=0)
        writer.write(b"%d\\n" % os.getpid())
        async for line in reader:
            name, *arguments = line.decode().split()
            writer.write(json.dumps(await getattr(child, name)(*arguments)).encode() + b"\\n")

prices = PriceList.load()
count_tokens("say it", "gpt-4o-mini")
print("ready", flush=True)
for line in sys.stdin:
    if os.fork() == 0:
        try:
            asyncio.run(main(*line.split()))
            os._exit(0)
        finally:
            os._exit(1)
    print(os.waitstatus_to_exitcode(os.wait()[1]), flush=True)
"""


class Child:
    """A process that makes calls, at the other end of a line."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self.pid = 0

    async def say(self, *words: object) -> Any:
        self._writer.write(" ".join(map(str, words)).encode() + b"\n")
        return json.loads(await self._reader.readline())

    async def run(self, sql: str) -> Any:
        return await self.say("run", sql.replace(" ", "+"))

    async def answers(self, number: int, guild: int = 0) -> float:
        """Make calls that all must be answered; the seconds that the slowest took."""
        made = await self.say("calls", number, guild)
        assert made["ends"] == ["answered"] * number
        return made["longest"]

    def hang_up(self) -> None:
        self._writer.close()


class Home:
    """Where children are born, and where they say how they ended."""

    def __init__(self, process: subprocess.Popen[str], file: Path, model_url: str) -> None:
        self._process = process
        self._model_url = model_url
        self.file = file
        self.url = f"sqlite:///{file}"

    async def line(self) -> str:
        assert self._process.stdout is not None
        return (await asyncio.to_thread(self._process.stdout.readline)).strip()

    @asynccontextmanager
    async def child(self) -> AsyncIterator[Child]:
        born: asyncio.Future[Child] = asyncio.get_running_loop().create_future()
        server = await asyncio.start_server(lambda r, w: born.set_result(Child(r, w)), "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        assert self._process.stdin is not None
        self._process.stdin.write(f"{self.url} {self._model_url} {port}\n")
        self._process.stdin.flush()
        child = await born
        child.pid = int(await child._reader.readline())
        yield child
        child.hang_up()
        server.close()

    async def kill(self, child: Child) -> None:
        os.kill(child.pid, signal.SIGKILL)
        assert await self.line() == "-9"

    async def end(self, child: Child) -> None:
        child.hang_up()
        assert await self.line() == "0"


@pytest.fixture
async def stub() -> AsyncIterator[Stub]:
    async with Stub() as running:
        running.default = lambda _request: answer(chat(usage=USED))
        yield running


@pytest.fixture(scope="module")
def nursery() -> Iterator[subprocess.Popen[str]]:
    """A process that has everything loaded, and makes a child for each line it gets."""
    command = [sys.executable, "-c", NURSERY]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        yield process
        process.kill()


@pytest.fixture
async def home(nursery: subprocess.Popen[str], tmp_path: Path, stub: Stub, prices: PriceList) -> Home:
    made = Home(nursery, tmp_path / "a.db", stub.url)
    async with open_tracker(made.url, console=False, prices=prices) as tracker:
        await tracker.set_budget(scope="bot", period="total", limit_usd="1000", mode="soft")
        await tracker.set_budget(
            scope="guild", scope_id=HARD_GUILD, guild_id=HARD_GUILD, period="month", limit_usd="1000", mode="hard"
        )
    return made


async def judge(tracker: UsageTracker, stub: Stub, statuses: set[str]) -> list[str]:
    """The books against what the provider got: nothing missing, twice or held. How each call ended."""
    rows = await tracker.database.fetch("SELECT user_id, status, cost_nano_usd, doubtful_nano_usd FROM usage_records")
    left = [body["user"] for body in stub.bodies]
    assert sorted(row[0] for row in rows) == sorted(left), "each call that left is there, once"
    assert {status for _, status, _, _ in rows} <= statuses
    for _, status, cost, _ in rows:
        assert cost == COST if status == "ok" else cost > COST
    spent = sum(cost for _, _, cost, _ in rows)
    standing = {standing.budget.guild_id: standing.level for standing in await tracker.budgets.standing(0)}
    assert standing[0] == Level(spent=spent)
    assert await tracker.database.fetch("SELECT sum(reserved) FROM budget_periods") == [(0,)]
    assert await the_books(tracker.database) == await recount(tracker.database)
    return [status for _, status, _, _ in rows]


# The weather: each makes it, and gives back what ends it.


async def moved_away(home: Home, child: Child) -> Callable[[], Awaitable[None]]:
    elsewhere = home.file.rename(home.file.with_name("elsewhere"))

    async def back() -> None:
        elsewhere.rename(home.file)

    return back


async def locked(home: Home, child: Child) -> Callable[[], Awaitable[None]]:
    await child.run("PRAGMA busy_timeout = 200")
    other = sqlite3.connect(home.file, isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")

    async def let_go() -> None:
        other.close()

    return let_go


async def full(home: Home, child: Child) -> Callable[[], Awaitable[None]]:
    with closing(sqlite3.connect(home.file)) as other:
        [pages] = other.execute("PRAGMA page_count").fetchone()
    await child.run(f"PRAGMA max_page_count = {pages}")
    await child.answers(60)  # until the last page is written

    async def room() -> None:
        await child.run("PRAGMA max_page_count = 1000000")

    return room


async def read_only(home: Home, child: Child) -> Callable[[], Awaitable[None]]:
    await child.run("PRAGMA query_only = ON")

    async def writable() -> None:
        await child.run("PRAGMA query_only = OFF")

    return writable


WEATHER = [moved_away, locked, full, read_only]


@pytest.mark.parametrize("weather", WEATHER)
async def test_killed_in_foul_weather(home: Home, stub: Stub, prices: PriceList, weather: Any) -> None:
    """I8, I14, I21, I22, I23: people get answers, or words under a budget that stops; the next process finds it all."""
    async with home.child() as child:
        await child.answers(10)
        end = await weather(home, child)
        assert await child.answers(20) < 3.5
        refused = await child.say("calls", 2, HARD_GUILD)
        assert refused["ends"] == ["BudgetExceededError"] * 2
        assert refused["longest"] < 3.5
        await child.answers(1)
        await home.kill(child)
        if weather in (moved_away, locked):
            await end()
    async with open_tracker(home.url, console=False, prices=prices, lock_wait_seconds=0) as tracker:
        statuses = await judge(tracker, stub, {"ok", "interrupted"})
        assert statuses.count("interrupted") <= 3, "those that were being written down as it died"
    assert list(home.file.parent.glob("*.journal*")) == []


async def test_one_storm_after_the_other(home: Home, stub: Stub, prices: PriceList) -> None:
    """I8, I14, I21, I22, I23: each passes, and the same process writes all that it couldn't, and goes on as before."""
    async with home.child() as child:
        journalled = 0
        for weather in WEATHER:
            end = await weather(home, child)
            assert await child.answers(20) < 3.5
            await end()
            counts = await child.say("flush")
            assert (counts["unrecorded"], counts["dropped"]) == (0, 0)
            assert counts["journalled"] >= journalled + 20
            journalled = counts["journalled"]
            await child.answers(5, HARD_GUILD)
            assert await child.say("flush") == counts
        await home.end(child)
    async with open_tracker(home.url, console=False, prices=prices, lock_wait_seconds=0) as tracker:
        await judge(tracker, stub, {"ok"})
    assert list(home.file.parent.glob("*.journal*")) == []


async def test_no_room_for_anything(home: Home, stub: Stub, prices: PriceList) -> None:
    """I23, I24: neither database nor journal has room: people get answers, and all of it is written when there is."""
    async with home.child() as child:
        await child.answers(1)
        await child.say("limit", 4_096)
        assert await child.answers(50) < 3.5
        counts = await asyncio.wait_for(child.say("calls", 1, HARD_GUILD), 5)
        assert counts["ends"] == ["BudgetExceededError"]
        await child.say("limit", -1)
        counts = await child.say("flush")
        assert counts["dropped"] == 0
        assert counts["unrecorded"] > 20
        await child.answers(5, HARD_GUILD)
        await home.end(child)
    async with open_tracker(home.url, console=False, prices=prices, lock_wait_seconds=0) as tracker:
        await judge(tracker, stub, {"ok"})


async def test_a_clock_that_jumps(home: Home, stub: Stub, prices: PriceList) -> None:
    """I8, I14, I17, I21: over years forwards and back, across a crash too, each call lies in its own day and period."""
    async with home.child() as child:
        for days in (400, -800, 0.5, -0.5, 31):
            await child.answers(3, HARD_GUILD)
            await child.say("move_clock", days)
        await child.say("flush")
        await child.answers(2)
        await home.kill(child)
    async with home.child() as child:
        await child.answers(2)
        await home.end(child)
    async with open_tracker(home.url, console=False, prices=prices, lock_wait_seconds=0) as tracker:
        await judge(tracker, stub, {"ok", "interrupted"})
        sql = "SELECT spent FROM budget_periods WHERE guild_id = $1 ORDER BY period_start"
        by_month = await tracker.database.fetch(sql, HARD_GUILD)
        assert by_month == [(3 * COST,), (3 * COST,)], "a budget counts nothing from before it was set"
