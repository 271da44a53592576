"""Five hundred mixed calls against llmock, 32 at once, with everything that goes wrong on the way.

llmock answers and breaks as a provider would. What it really put on the wire is taken down here, byte for byte, outside
of it: that log is what the books are compared with.
"""

import asyncio
import json
import random
from collections import Counter
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import httpx2
import openai
import pytest
from llmock.scenarios import Delay, Fail, Plan, Reply, ScenarioQueue, StreamFault
from llmock.testing import LLMockServer

from bot.usage import PriceList, Usage, open_tracker, token_tracking_context
from bot.usage.records import NANO_USD_PER_USD

CALLS = 500
AT_ONCE = 32
CHAT_MODELS = ("gpt-4o", "gpt-4o-mini", "gpt-4.1-nano", "gpt-5-mini", "o3", "home-grown")
EMBEDDING_MODELS = ("text-embedding-3-small", "text-embedding-3-large")
UNPRICED = "home-grown"
KINDS = ("chat", "chat stream", "responses", "responses stream", "embedding")
WHOLE_FAULTS = {
    # what goes wrong: how often, in parts of a hundred
    "nothing": 58,
    "delay": 6,
    "bad request": 6,
    "not found": 4,
    "server error": 5,
    "one server error": 5,
    "rate limit": 4,
    "one rate limit": 4,
    "cancelled": 4,
    "time-out": 4,
}
STREAM_FAULTS = WHOLE_FAULTS | {
    "nothing": 30,
    "disconnect": 7,
    "truncate": 7,
    "malformed": 6,
    "early break": 5,
    "never read": 3,
}
del STREAM_FAULTS["time-out"]
REPORTED = {"nothing", "delay", "one server error", "one rate limit"}
REFUSED = {"bad request": 400, "not found": 404, "server error": 500, "rate limit": 429}
UNCERTAIN = {"malformed", "early break", "never read"}
"""The reader left before the end: whether the usage had arrived by then is for chance to say."""


@dataclass
class Call:
    """One logical call, and what the log says of it."""

    number: int
    kind: str
    model: str
    fault: str
    words: int
    after: int
    statuses: list[int] = field(default_factory=list)
    sent: list[bytearray] = field(default_factory=list)
    arrived: asyncio.Event = field(default_factory=asyncio.Event)
    raised: BaseException | None = None

    @property
    def streamed(self) -> bool:
        return self.kind.endswith("stream")

    @property
    def prompt(self) -> str:
        return f"call {self.number} " + "and on it goes " * (self.number % 17)

    def reported_usage(self) -> Usage | None:
        """The usage that the last answer put on the wire."""
        text = bytes(self.sent[-1]).decode("utf-8", "replace")
        lines = [x[6:] for x in text.split("\n") if x.startswith("data: {")] if self.streamed else [text]
        for line in reversed(lines):
            try:
                payload = json.loads(line)
            except ValueError:
                continue
            usage = (payload.get("response") or payload).get("usage")
            if usage:
                return Usage(
                    input_tokens=usage.get("prompt_tokens", usage.get("input_tokens")),
                    output_tokens=usage.get("completion_tokens", usage.get("output_tokens", 0)),
                )
        return None


def make_calls() -> list[Call]:
    """The same five hundred at each run."""
    dice = random.Random(20261120)
    calls = []
    for number in range(CALLS):
        kind = dice.choice(KINDS)
        model = dice.choice(EMBEDDING_MODELS if kind == "embedding" else CHAT_MODELS)
        faults = STREAM_FAULTS if kind.endswith("stream") else WHOLE_FAULTS
        fault = dice.choices(list(faults), list(faults.values()))[0]
        calls.append(Call(number, kind, model, fault, words=dice.randint(8, 40), after=dice.randint(1, 5)))
    return calls


_number: ContextVar[int | None] = ContextVar("number", default=None)


class Script(ScenarioQueue):
    """Gives each request the behaviour its call is to meet, whatever order the requests arrive in."""

    def __init__(self, calls: list[Call]) -> None:
        super().__init__()
        self._calls = calls

    def plan_for(self, info):
        number = _number.get()
        if number is None:
            return Plan()
        call = self._calls[number]
        attempt = len(call.sent)
        reply = Reply(text=" ".join(["word"] * call.words))
        match call.fault:
            case "delay":
                return Plan(delay=Delay(0.05), reply=reply)
            case "cancelled" | "time-out":
                return Plan(delay=Delay(1.0), reply=reply)
            case "one server error" if attempt == 1:
                return Plan(fail=Fail(500))
            case "one rate limit" if attempt == 1:
                return Plan(fail=Fail(429, retry_after=0.05))
            case "rate limit":
                return Plan(fail=Fail(429, retry_after=0.05))
            case "bad request" | "not found" | "server error":
                return Plan(fail=Fail(REFUSED[call.fault]))
            case "disconnect" | "truncate" | "malformed":
                return Plan(stream_fault=StreamFault(call.fault, after_chunks=call.after), reply=reply)
        return Plan(reply=reply)


class Wire:
    """The outermost layer of the server: takes down what each call's attempts were sent."""

    def __init__(self, app, calls: list[Call], loop: asyncio.AbstractEventLoop) -> None:
        self._app, self._calls, self._loop = app, calls, loop

    async def __call__(self, scope, receive, send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        body = b""
        while True:
            message = await receive()
            body += message.get("body", b"")
            if not message.get("more_body"):
                break
        asked = json.loads(body)
        prompt = asked["messages"][0]["content"] if "messages" in asked else asked["input"]
        call = self._calls[int((prompt if isinstance(prompt, str) else prompt[0]).split()[1])]
        sent = bytearray()
        call.sent.append(sent)
        call.statuses.append(0)
        number = _number.set(call.number)
        self._loop.call_soon_threadsafe(call.arrived.set)

        async def take_down(message) -> None:
            if message["type"] == "http.response.start":
                call.statuses[-1] = message["status"]
            sent.extend(message.get("body", b""))
            await send(message)

        first = {"type": "http.request", "body": body, "more_body": False}

        async def replayed():
            nonlocal first
            if first is not None:
                message, first = first, None
                return message
            return await receive()

        try:
            await self._app(scope, replayed, take_down)
        finally:
            _number.reset(number)


async def make(client: openai.AsyncOpenAI, call: Call) -> None:
    """Make one call as its kind and fault have it."""
    if call.fault == "time-out":
        client = client.with_options(timeout=0.4, max_retries=0)
    if call.kind == "embedding":
        await client.embeddings.create(model=call.model, input=call.prompt)
    elif call.kind.startswith("chat"):
        messages = [{"role": "user", "content": call.prompt}]
        answer = await client.chat.completions.create(model=call.model, messages=messages, stream=call.streamed)
        if call.streamed:
            await read(answer, call)
    else:
        answer = await client.responses.create(model=call.model, input=call.prompt, stream=call.streamed)
        if call.streamed:
            await read(answer, call)


async def read(stream: openai.AsyncStream, call: Call) -> None:
    if call.fault == "never read":
        await stream.close()
        return
    seen = 0
    async for _ in stream:
        seen += 1
        if call.fault == "early break" and seen == call.after:
            await stream.close()
            return


async def attributed(client: openai.AsyncOpenAI, call: Call) -> None:
    async with token_tracking_context(
        operation=call.kind, guild_id=call.number % 7, user_id=call.number % 13, session_id=call.number
    ):
        making = asyncio.ensure_future(make(client, call))
        if call.fault == "cancelled":
            await call.arrived.wait()
            making.cancel()
        try:
            await making
        except (openai.OpenAIError, httpx2.TransportError, json.JSONDecodeError, asyncio.CancelledError) as error:
            call.raised = error  # a connection that breaks comes out of a stream as the transport's own error


@pytest.fixture
async def wire():
    """The five hundred calls, and the address of the server that will answer and break them."""
    calls = make_calls()
    server = LLMockServer()
    server.state.scenarios = Script(calls)
    server.app.add_middleware(Wire, calls=calls, loop=asyncio.get_running_loop())
    await asyncio.to_thread(server.start)
    yield calls, server.base_url()
    await asyncio.to_thread(server.stop)


def is_priced(call: Call) -> bool:
    return call.model != UNPRICED


async def test_the_books_of_five_hundred_mixed_calls(tmp_path, wire):
    """I2, I3, I4, I6, I7, I8, I9, I14: one record each, exact where usage was reported, above zero where it wasn't."""
    calls, url = wire
    prices = PriceList.load()
    gate = asyncio.Semaphore(AT_ONCE)
    async with open_tracker(f"sqlite:///{tmp_path}/books.db", console=False, prices=prices) as tracker:
        client = tracker.openai(api_key="k", base_url=url, max_retries=1)

        async def gated(call):
            async with gate:
                await attributed(client, call)

        await asyncio.gather(*map(gated, calls))
        await tracker.force_flush()
        database = tracker.ledger._database
        columns = [row[1] for row in await database.fetch("PRAGMA table_info(usage_records)")]
        rows = [
            dict(zip(columns, row, strict=True))
            for row in await database.fetch("SELECT * FROM usage_records ORDER BY CAST(session_id AS BIGINT), id")
        ]
        daily = await database.fetch(
            "SELECT sum(calls), sum(failed_calls), sum(estimated_calls), sum(unpriced_calls), sum(input_tokens), "
            "sum(output_tokens), sum(cost_nano_usd) FROM spend_daily WHERE guild_id = 0 AND dimension = 'guild'"
        )
        reports = {
            split: await tracker.reports.spend(None, "all", split)
            for split in ("operation", "model", "user", "guild", "day")
        }
        own = [await tracker.reports.spend(guild, "all", "operation") for guild in range(7)]
        summary = tracker.get_summary()
        assert (tracker.ledger.dropped, tracker.ledger.unrecorded, tracker.ledger.faults) == (0, 0, 0)
        assert not tracker.calls._in_flight

    # One record for each call, attributed to whom it was made for.
    assert [row["session_id"] for row in rows] == [str(number) for number in range(CALLS)]
    assert len({row["id"] for row in rows}) == CALLS
    for call, row in zip(calls, rows, strict=True):
        assert (row["operation"], row["guild_id"], row["user_id"], row["request_model"]) == (
            call.kind,
            call.number % 7,
            str(call.number % 13),
            call.model,
        )
        check(call, row, prices)

    # Nothing is open, and every view adds up to the records.
    assert "open" not in {row["status"] for row in rows}
    total = (
        CALLS,
        sum(row["status"] in ("error", "aborted") for row in rows),
        sum(row["estimated"] for row in rows),
        sum(row["cost_nano_usd"] is None for row in rows),
        sum(row["input_tokens"] for row in rows),
        sum(row["output_tokens"] for row in rows),
        sum(row["cost_nano_usd"] or 0 for row in rows),
    )
    assert daily == [total]
    for report in reports.values():
        assert measures([report.total]) == measures([*report.rows, report.rest]) == total
    assert measures([report.total for report in own]) == total
    assert (summary["operations"], summary["total_tokens"]) == (CALLS, total[4] + total[5])
    assert round(summary["total_cost"] * NANO_USD_PER_USD) == total[6]
    assert {name: sums["count"] for name, sums in summary["by_operation"].items()} == Counter(c.kind for c in calls)

    # And the mixture was one: each kind of mishap befell several calls.
    assert min(Counter(call.fault for call in calls).values()) >= 4
    assert len({call.fault for call in calls}) == len(STREAM_FAULTS | WHOLE_FAULTS)


def measures(lines) -> tuple[int, ...]:
    names = (
        *("calls", "failed_calls", "estimated_calls", "unpriced_calls"),
        *("input_tokens", "output_tokens", "cost_nano_usd"),
    )
    return tuple(sum(getattr(line, name) for line in lines) for name in names)


def check(call: Call, row: dict, prices: PriceList) -> None:
    """One record against the log."""
    told = (call.number, call.kind, call.model, call.fault, call.statuses, row)
    booked = Usage(input_tokens=row["input_tokens"], output_tokens=row["output_tokens"])
    at = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=row["started_at"])
    assert row["cost_nano_usd"] == prices.price(booked, call.model, at=at).cost_nano_usd or call.fault in REFUSED, told
    assert row["attempts"] == len(call.statuses), told
    if call.fault in REPORTED:
        assert call.raised is None, told
        assert (row["status"], row["estimated"], row["error_type"]) == ("ok", 0, None), told
        assert booked == call.reported_usage(), told
        assert json.loads(row["raw_usage"]), told
    elif call.fault in REFUSED:
        assert call.statuses[-1] == REFUSED[call.fault], told
        assert isinstance(call.raised, openai.APIStatusError), told
        assert (row["status"], row["estimated"], row["cost_nano_usd"], booked) == ("error", 0, 0, Usage()), told
    elif call.fault in UNCERTAIN and not row["estimated"]:
        assert booked == call.reported_usage(), told
    else:
        assert row["status"] in ("error", "aborted"), told
        assert row["estimated"] == 1, told
        assert row["input_tokens"] > 0, told
        assert (row["cost_nano_usd"] or 0) > 0 or not is_priced(call), told
        assert row["doubtful_nano_usd"] > 0 or not is_priced(call) or call.kind == "embedding", told
    assert (row["cost_nano_usd"] is None) <= (not is_priced(call)), told
