"""Whose call is whose: through concurrency, tasks, threads, streams and the clock."""

import asyncio
import gc
import random
from datetime import UTC, datetime, timedelta

import pytest

from bot.usage import PriceList, TrackedOpenAI, UsageTracker, open_tracker, token_tracking_context
from bot.usage.context import current_attribution
from bot.usage.reporting.receipts import receipt
from tests.usage.conftest import Records
from tests.usage.shapes import COST_OF_USAGE, MODEL, QUESTION, chat, chunks
from tests.usage.stub import Stub, answer, sse

ASK = {"model": MODEL, "messages": QUESTION}


async def test_two_hundred_calls_at_once_keep_their_own(
    stub: Stub, client: TrackedOpenAI, tracker: UsageTracker, records: Records
) -> None:
    """I7: plain and streamed, retried and not, in random order: each record is its own asker's."""
    chance = random.Random(7)

    def one(request) -> object:
        usage = {"prompt_tokens": int(request.body["user"]), "completion_tokens": 1, "total_tokens": 0}
        if request.body.get("stream"):
            return sse(chunks("a b", usage=usage), delay=chance.random() / 20)
        return answer(chat(usage=usage), delay=chance.random() / 20)

    stub.default = one

    async def ask(number: int) -> None:
        async with token_tracking_context(
            operation=f"op{number % 7}", guild_id=number, channel_id=number + 1, user_id=number, session_id=f"s{number}"
        ):
            await asyncio.sleep(chance.random() / 50)
            if number % 2:
                await client.chat.completions.create(**ASK, user=str(number))
                return
            async for _ in await client.chat.completions.create(**ASK, user=str(number), stream=True):
                await asyncio.sleep(0)

    await asyncio.gather(*(ask(number) for number in range(1, 201)))
    rows = {row["guild_id"]: row for row in await records(tracker)}
    assert len(rows) == 200
    for number, row in rows.items():
        assert row["input_tokens"] == number
        assert (row["operation"], row["channel_id"], row["user_id"]) == (f"op{number % 7}", number + 1, str(number))
        assert row["session_id"] == f"s{number}"
        assert (row["status"], row["estimated"]) == ("ok", 0)


async def test_tasks_and_threads_inherit(
    stub: Stub, client: TrackedOpenAI, tracker: UsageTracker, records: Records
) -> None:
    """I7: work started inside belongs inside, also when it runs on after the context has ended."""
    stub.default = lambda _request: answer(chat())
    loop = asyncio.get_running_loop()

    async def call() -> None:
        await client.chat.completions.create(**ASK)

    def from_a_thread() -> str | None:
        asyncio.run_coroutine_threadsafe(call(), loop).result(5)
        return current_attribution().user_id

    async with token_tracking_context(user_id="asker", operation="inside"):
        task = asyncio.create_task(call())
        assert await asyncio.to_thread(from_a_thread) == "asker"
        async with asyncio.TaskGroup() as group:
            group.create_task(call())
    await task
    assert [(row["user_id"], row["operation"]) for row in await records(tracker)] == [("asker", "inside")] * 3


async def test_outside_any_context(stub: Stub, client: TrackedOpenAI, tracker: UsageTracker, records: Records) -> None:
    """I7: booked as `unattributed`, under guild 0, not lost."""
    stub.answers(answer(chat()))
    await client.chat.completions.create(**ASK)
    [row] = await records(tracker)
    assert (row["operation"], row["guild_id"], row["user_id"]) == ("unattributed", 0, None)
    assert row["cost_nano_usd"] == COST_OF_USAGE


async def test_the_context_of_the_call_counts_not_that_of_the_reading(
    stub: Stub, client: TrackedOpenAI, tracker: UsageTracker, records: Records
) -> None:
    """I7: a stream handed to somebody else stays its asker's."""
    stub.answers(sse(chunks()))
    async with token_tracking_context(user_id="asker"):
        stream = await client.chat.completions.create(**ASK, stream=True)
    async with token_tracking_context(user_id="reader"):
        async for _ in stream:
            pass
    assert [row["user_id"] for row in await records(tracker)] == ["asker"]


async def test_metadata_is_stored(stub: Stub, client: TrackedOpenAI, tracker: UsageTracker, records: Records) -> None:
    """I7: as given, and nothing of the message beside it (I33)."""
    stub.answers(answer(chat()))
    async with token_tracking_context(metadata={"step": 3}, world_id="w1"):
        await client.chat.completions.create(**ASK)
    [row] = await records(tracker)
    assert row["metadata"] == '{"step": 3, "world_id": "w1"}'
    assert "league" not in str({**row, "metadata": None})


async def test_a_call_belongs_to_its_start(
    stub: Stub, database_url: str, prices: PriceList, records: Records, monkeypatch: pytest.MonkeyPatch
) -> None:
    """I17, I10: begun a minute before midnight, answered after it: recorded, and priced, at its start."""
    start = datetime(2026, 3, 31, 23, 59, tzinfo=UTC)
    now, priced_at = [start], []
    price = PriceList.price
    monkeypatch.setattr(PriceList, "price", lambda *a, **k: (priced_at.append(k["at"]), price(*a, **k))[1])
    async with open_tracker(database_url, console=False, prices=prices, clock=lambda: now[0]) as tracker:
        stub.answers(answer(chat(), delay=0.1))
        client = tracker.openai(base_url=stub.url, api_key="k")
        task = asyncio.create_task(client.chat.completions.create(**ASK))
        await stub.arrived.wait()
        now[0] += timedelta(minutes=5)
        await task
        [row] = await records(tracker)
    assert row["started_at"] == int(start.timestamp()) * 1_000_000
    assert set(priced_at) == {start}


@pytest.mark.parametrize("streamed", [False, True])
async def test_another_tracked_call_inside_a_transport(
    stub: Stub, tracker: UsageTracker, records: Records, streamed: bool
) -> None:
    """I7, I2: a transport that makes a tracked call of its own: two calls, one attempt each."""
    import httpx2

    inner = tracker.openai(base_url=stub.url, api_key="k")

    class Asking(httpx2.AsyncHTTPTransport):
        async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
            await inner.chat.completions.create(**ASK)
            return await super().handle_async_request(request)

    stub.answers(answer(chat()), sse(chunks()) if streamed else answer(chat()))
    outer = tracker.openai(base_url=stub.url, api_key="k", http_client=httpx2.AsyncClient(transport=Asking()))
    result = await outer.chat.completions.create(**ASK, stream=streamed)
    if streamed:
        async for _ in result:
            pass
    rows = await records(tracker)
    assert [(row["attempts"], row["status"], row["cost_nano_usd"]) for row in rows] == [(1, "ok", COST_OF_USAGE)] * 2


async def test_a_stream_is_on_the_receipt_of_whoever_asked(stub: Stub, client: TrackedOpenAI) -> None:
    """I7: whoever reads it to its end, or drops it, in the middle of work of their own."""
    stub.default = lambda _request: sse(chunks())
    with receipt() as asked:
        read, dropped = [await client.chat.completions.create(**ASK, stream=True) for _ in range(2)]
    with receipt() as other:
        async for _ in read:
            pass
        del dropped
        gc.collect()
        await asyncio.sleep(0)
        await client._tracker.force_flush()
    assert (asked.calls, other.calls) == (2, 0)
    assert asked.cost_nano_usd > COST_OF_USAGE
