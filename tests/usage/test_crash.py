"""`kill -9` at random moments, with real processes: what the provider billed against what is on the books."""

import asyncio
import json
import os
import random
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from time import perf_counter
from typing import Any

import pytest
from aiohttp import web

from bot.usage import PriceList, Usage, UsageTracker, open_tracker
from bot.usage.budgeting.budgets import Level
from bot.usage.records import utc_now
from tests.usage.making import recount, the_books

ROUNDS = 15
MODEL = "gpt-4o-mini"

NURSERY = """
import asyncio, os, signal, sys
from bot.usage import PriceList, open_tracker, token_tracking_context
from bot.usage.calls.tokens import count_tokens

async def caller(client, name):
    for n in range(1_000_000):
        async with token_tracking_context(operation="crash", guild_id=hash(name) % 3, user_id=f"{name}-{n}"):
            await client.chat.completions.create(
                model="gpt-4o-mini", max_completion_tokens=50, user=f"{name}-{n}",
                messages=[{"role": "user", "content": "say it"}],
            )

async def main(database_url, base_url, name):
    task = asyncio.current_task()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    async with open_tracker(database_url, console=False, prices=prices) as tracker:
        client = tracker.openai(base_url=base_url, api_key="k", max_retries=0)
        print("open", flush=True)
        await asyncio.gather(*(caller(client, f"{name}-{n}") for n in range(6)))

prices = PriceList.load()
count_tokens("say it", "gpt-4o-mini")  # the slow imports and the encoding, once for all children
print("ready", flush=True)
for line in sys.stdin:
    child = os.fork()
    if child == 0:
        try:
            asyncio.run(main(*line.split()))
        except asyncio.CancelledError:
            os._exit(3)
        finally:
            os._exit(4)
    print(child, flush=True)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""


@dataclass
class Provider:
    """A model on loopback with books of its own: what arrived, and what it billed for it."""

    url: str = ""
    arrived: list[str] = field(default_factory=list)
    billed: dict[str, Usage] = field(default_factory=dict)
    busy: asyncio.Event = field(default_factory=asyncio.Event)
    dice: random.Random = field(default_factory=lambda: random.Random(7))

    async def answer(self, request: web.Request) -> web.Response:
        tag = json.loads(await request.read())["user"]
        self.arrived.append(tag)
        if len(self.arrived) == 50:
            self.busy.set()
        usage = Usage(input_tokens=9, output_tokens=self.dice.randrange(1, 51))
        self.billed[tag] = usage
        await asyncio.sleep(self.dice.random() * 0.01)
        counts = {"prompt_tokens": 9, "completion_tokens": usage.output_tokens, "total_tokens": 9 + usage.output_tokens}
        message = {"role": "assistant", "content": "it"}
        choice = {"index": 0, "finish_reason": "stop", "message": message}
        body = {"id": f"c-{tag}", "object": "chat.completion", "created": 1, "model": MODEL, "choices": [choice]}
        return web.json_response({**body, "usage": counts})

    def bill(self, prices: PriceList) -> int:
        costs = [prices.price(usage, MODEL, at=utc_now()).cost_nano_usd for usage in self.billed.values()]
        assert None not in costs
        return sum(cost or 0 for cost in costs)


class Nursery:
    """Makes children that make calls; forks them from a process that has everything loaded."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    async def line(self) -> str:
        assert self._process.stdout is not None
        return (await self._process.stdout.readline()).decode().strip()

    async def child(self, *arguments: str) -> int:
        """Start a child; its process id, once its tracker is open."""
        assert self._process.stdin is not None
        self._process.stdin.write(f"{' '.join(arguments)}\n".encode())
        found = {await self.line(), await self.line()}
        assert "open" in found, found
        return int((found - {"open"}).pop())


@pytest.fixture
async def provider() -> AsyncIterator[Provider]:
    made = Provider()
    application = web.Application()
    application.router.add_post("/v1/chat/completions", made.answer)
    runner = web.AppRunner(application, handler_cancellation=False, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    made.url = f"http://127.0.0.1:{runner.addresses[0][1]}/v1"
    yield made
    await runner.cleanup()


@asynccontextmanager
async def nursery() -> AsyncIterator[Nursery]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", NURSERY, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, cwd=Path.cwd()
    )
    made = Nursery(process)
    try:
        assert await made.line() == "ready"
        yield made
    finally:
        process.kill()
        await process.wait()


async def on_the_books(tracker: UsageTracker) -> dict[str, dict[str, Any]]:
    """The records by user, which is each call's own name here; asserts that none is there twice."""
    names = "user_id, status, cost_nano_usd, reserved_nano_usd, estimated, input_tokens, output_tokens"
    rows = await tracker.ledger._database.fetch(f"SELECT {names} FROM usage_records")
    found = {row[0]: dict(zip(names.split(", "), row, strict=True)) for row in rows}
    assert len(found) == len(rows), "a call is on the books twice"
    return found


@pytest.mark.timeout(120)
async def test_kill_9_at_any_moment(tmp_path: Path, provider: Provider, prices: PriceList) -> None:
    """I8, I14, I21, I22, I25: no call that left is missing or there twice; the books are never below the bill."""
    dice = random.Random()
    url = f"sqlite:///{tmp_path}/a.db"
    async with open_tracker(url, console=False, prices=prices) as tracker:
        await tracker.set_budget(scope="bot", period="total", limit_usd="1000")
    async with nursery() as children:
        for number in range(ROUNDS):
            arrived = len(provider.arrived)
            child = await children.child(url, provider.url, f"r{number}")
            while number % 2 and len(provider.arrived) == arrived:  # its first call may take longer than the rest
                await asyncio.sleep(0.01)
            await asyncio.sleep(dice.random() * 0.25)
            os.kill(child, signal.SIGKILL)
            assert await children.line() == "-9"
    await asyncio.sleep(0.1)
    async with open_tracker(url, console=False, prices=prices, lock_wait_seconds=0) as tracker:
        books = await on_the_books(tracker)
        assert len(provider.arrived) == len(set(provider.arrived)) > 0
        assert set(provider.arrived) <= set(books), "a call that left is missing"
        assert {record["status"] for record in books.values()} <= {"ok", "interrupted"}
        interrupted = [record for record in books.values() if record["status"] == "interrupted"]
        assert interrupted
        for record in interrupted:
            assert record["estimated"]
            assert record["cost_nano_usd"] == record["reserved_nano_usd"] > 0
        for name, record in books.items():
            usage = provider.billed.get(name)
            if record["status"] == "ok":
                assert usage is not None
                assert (record["input_tokens"], record["output_tokens"]) == (9, usage.output_tokens)
            elif usage is not None:
                assert record["cost_nano_usd"] >= (prices.price(usage, MODEL, at=utc_now()).cost_nano_usd or 0)
        spent = (await tracker.reports.spend(None, "all", "operation")).total
        assert spent.calls == len(books)
        assert spent.cost_nano_usd == sum(record["cost_nano_usd"] for record in books.values())
        assert spent.cost_nano_usd >= provider.bill(prices)
        assert spent.estimated_calls == len(interrupted)
        [standing] = await tracker.budgets.standing(0)
        assert standing.level == Level(spent=spent.cost_nano_usd), "the budget's counter is what the records add up to"
        assert await the_books(tracker.ledger._database) == await recount(tracker.ledger._database)


async def test_sigterm_loses_nothing(tmp_path: Path, provider: Provider, prices: PriceList) -> None:
    """I21: a program that is told to stop books every call that had left, itself, and leaves within seconds."""
    url = f"sqlite:///{tmp_path}/a.db"
    async with nursery() as children:
        child = await children.child(url, provider.url, "t")
        await provider.busy.wait()
        began = perf_counter()
        os.kill(child, signal.SIGTERM)
        assert await children.line() == "3"
        assert perf_counter() - began < 8
    async with open_tracker(url, console=False, prices=prices, lock_wait_seconds=0) as tracker:
        books = await on_the_books(tracker)
        assert set(provider.arrived) <= set(books)
        assert {record["status"] for record in books.values()} <= {"ok", "aborted"}, "nothing was left to recovery"
        assert await the_books(tracker.ledger._database) == await recount(tracker.ledger._database)
        total = (await tracker.reports.spend(None, "all", "guild")).total
        assert total.cost_nano_usd == sum(record["cost_nano_usd"] for record in books.values())
