"""Four real processes on one PostgreSQL, under one hard budget: exact to the nano-dollar, also when one is killed."""

import asyncio
import json
import os
import random
import signal
import sys
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from aiohttp import web

from bot.usage import PriceList, Usage
from bot.usage.budgeting.budget_book import BudgetBook
from bot.usage.budgeting.rules import Rules
from bot.usage.records import utc_now
from bot.usage.storage import schema
from bot.usage.storage.database import Database, open_database
from bot.usage.storage.months import make_months_ahead
from tests.usage.making import recount, the_books
from tests.usage.postgres_server import running_server

MODEL = "gpt-4o-mini"
LIMIT = 8_000_000
"""nano-USD: some 450 calls."""
ANSWER = 50
"""The longest answer asked for, in tokens."""

PROCESSES = """
import asyncio, os, sys
import asyncpg  # once for all children
from bot.usage import BudgetExceededError, PriceList, Why, open_tracker, token_tracking_context
from bot.usage.bookkeeping import leaving, lookout, siblings
from bot.usage.calls.tokens import count_tokens

siblings.LEASE_SECONDS, lookout.LOOK_SECONDS = 1.5, 0.2
leaving.ROOM_PATIENCE_SECONDS = 0.2

async def caller(client, name):
    made = 0
    while True:
        try:
            async with token_tracking_context(operation="four", guild_id=1, user_id=f"{name}-{made}"):
                await client.chat.completions.create(
                    model="gpt-4o-mini", max_completion_tokens=50, user=f"{name}-{made}",
                    messages=[{"role": "user", "content": "say it"}],
                )
            made += 1
        except BudgetExceededError as error:
            if error.why is Why.USED_UP:
                return

async def main(database_url, base_url, name):
    async with open_tracker(database_url, console=False, prices=prices) as tracker:
        client = tracker.openai(base_url=base_url, api_key="k", max_retries=0)
        await asyncio.gather(*(caller(client, f"{name}.{n}") for n in range(5)))

prices = PriceList.load()
count_tokens("say it", "gpt-4o-mini")
children = {}
for name in "abcd":
    child = os.fork()
    if child == 0:
        try:
            asyncio.run(main(*sys.argv[1:], name))
        except BaseException as error:
            print(repr(error), file=sys.stderr, flush=True)
            os._exit(1)
        os._exit(0)
    children[child] = name
    print(child, flush=True)
while children:
    child, status = os.wait()
    print(children.pop(child), os.waitstatus_to_exitcode(status), flush=True)
"""


@dataclass
class Provider:
    """A model on loopback with books of its own. `most` is the most it could have billed at any one time."""

    prices: PriceList
    url: str = ""
    billed: dict[str, int] = field(default_factory=dict)
    in_flight: int = 0
    most: int = 0
    busy: asyncio.Event = field(default_factory=asyncio.Event)
    dice: random.Random = field(default_factory=lambda: random.Random(7))

    def cost(self, output_tokens: int) -> int:
        usage = Usage(input_tokens=9, output_tokens=output_tokens)
        return self.prices.price(usage, MODEL, at=utc_now()).cost_nano_usd or 0

    async def answer(self, request: web.Request) -> web.Response:
        tag = json.loads(await request.read())["user"]
        assert tag not in self.billed
        self.in_flight += 1
        self.most = max(self.most, sum(self.billed.values()) + self.in_flight * self.cost(ANSWER))
        output = self.dice.randrange(1, ANSWER + 1)
        await asyncio.sleep(0.005 + self.dice.random() * 0.02)
        self.in_flight -= 1
        self.billed[tag] = self.cost(output)
        if len(self.billed) == 120:
            self.busy.set()
        counts = {"prompt_tokens": 9, "completion_tokens": output, "total_tokens": 9 + output}
        choice = {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "it"}}
        body = {"id": f"c-{tag}", "object": "chat.completion", "created": 1, "model": MODEL, "choices": [choice]}
        return web.json_response({**body, "usage": counts})


@pytest.fixture
async def provider() -> AsyncIterator[Provider]:
    made = Provider(PriceList.load())
    application = web.Application()
    application.router.add_post("/v1/chat/completions", made.answer)
    runner = web.AppRunner(application, handler_cancellation=False, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    made.url = f"http://127.0.0.1:{runner.addresses[0][1]}/v1"
    yield made
    await runner.cleanup()


@pytest.fixture(scope="module")
def server_url() -> Iterator[str]:
    with running_server() as started:
        yield asyncio.run(started.new_database())


@pytest.fixture
async def database(server_url: str) -> AsyncIterator[Database]:
    opened = await open_database(server_url)
    await schema.apply(opened, 0)
    await make_months_ahead(opened, utc_now())
    yield opened
    await opened.close()


async def a_hard_budget(database: Database) -> None:
    async def nobody() -> None: ...

    budgets = BudgetBook(database, Rules(), utc_now, nobody)
    await budgets.set(scope="bot", period="total", limit_usd=f"{LIMIT / 10**9:.9f}")


@pytest.mark.timeout(90)
async def test_four_processes_share_a_hard_budget(server_url: str, database: Database, provider: Provider) -> None:
    """I13, I14, I19, I21: never overshot, each threshold once, the killed one's calls booked once, by a sibling."""
    await a_hard_budget(database)
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", PROCESSES, server_url, provider.url, stdout=asyncio.subprocess.PIPE, cwd=Path.cwd()
    )
    assert process.stdout is not None
    try:
        children = [int(await process.stdout.readline()) for _ in range(4)]
        await provider.busy.wait()
        os.kill(children[0], signal.SIGKILL)
        ends = {(await process.stdout.readline()).decode().strip() for _ in range(4)}
    finally:
        if process.returncode is None and not process.stdout.at_eof():
            process.kill()
        await process.wait()
    assert ends == {"a -9", "b 0", "c 0", "d 0"}

    assert provider.most <= LIMIT
    rows = await database.fetch("SELECT user_id, status, cost_nano_usd FROM usage_records")
    books = {user: (status, cost) for user, status, cost in rows}
    assert len(books) == len(rows)
    assert set(provider.billed) <= set(books)
    interrupted = {user: cost for user, (status, cost) in books.items() if status == "interrupted"}
    assert interrupted
    assert {user.partition(".")[0] for user in interrupted} == {"a"}
    assert {status for status, _ in books.values()} <= {"ok", "interrupted"}
    for user, (status, cost) in books.items():
        if status == "ok":
            assert cost == provider.billed[user]
        else:
            assert cost >= provider.billed.get(user, 0)
    spent = sum(cost for _, cost in books.values())
    assert LIMIT * 9 // 10 < spent <= LIMIT
    counters = "SELECT spent, reserved, doubtful, fired FROM budget_periods WHERE budget_id <> 'quota'"
    assert await database.fetch(counters) == [(spent, 0, 0, 100)]
    assert await database.fetch("SELECT count(*) FROM budget_periods WHERE reserved <> 0") == [(0,)]
    assert await database.fetch("SELECT threshold FROM alerts ORDER BY threshold") == [(80,), (90,), (100,)]
    assert await the_books(database) == await recount(database)
    living = await database.fetch("SELECT id FROM workers WHERE ended_at IS NULL")
    assert living == []
