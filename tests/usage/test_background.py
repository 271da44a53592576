"""Responses that go on at the provider after the request has returned: one call, charged once."""

import asyncio

import httpx2
import openai
import pytest

from bot.usage import PriceList, TrackedOpenAI, UsageTracker, open_tracker
from bot.usage.calls import calls_in_flight
from tests.usage.conftest import Records
from tests.usage.shapes import (
    COST_OF_USAGE,
    MODEL,
    RESPONSE_USAGE,
    response,
    response_events,
)
from tests.usage.stub import Stub, answer, error, sse
from tests.usage.test_broken_streams import read

ASK = {"model": MODEL, "input": "hello", "background": True, "max_output_tokens": 100}


async def test_settled_by_the_retrieval_that_first_shows_usage(
    stub: Stub, client: TrackedOpenAI, tracker: UsageTracker, records: Records
) -> None:
    """I2: one call, however often it is polled, charged once, when its usage is first seen."""
    working = response("", None, "in_progress")
    stub.answers(answer({**working, "status": "queued"}), answer(working), answer(response()), answer(response()))
    created = await client.responses.create(**ASK)
    await client.responses.retrieve(created.id)
    assert [row["status"] for row in await records(tracker)] == ["open"]
    for _ in range(2):
        await client.responses.retrieve(created.id)
    [row] = await records(tracker)
    assert (row["status"], row["cost_nano_usd"], row["estimated"]) == ("ok", COST_OF_USAGE, 0)
    assert len(stub.requests) == 4


async def test_settled_by_a_streamed_retrieval(
    stub: Stub, client: TrackedOpenAI, tracker: UsageTracker, records: Records
) -> None:
    """I2: polling by stream settles it too, also through `with_raw_response`."""
    stub.answers(answer(response("", None, "queued")), sse(response_events()[:4], done=False))
    stub.answers(sse(response_events(), done=False))
    created = await client.responses.create(**ASK)
    async for _ in await client.responses.retrieve(created.id, stream=True):
        pass
    assert [row["status"] for row in await records(tracker)] == ["open"]
    raw = await client.responses.with_raw_response.retrieve(created.id, stream=True)
    async for _ in raw.parse():
        pass
    [row] = await records(tracker)
    assert (row["status"], row["cost_nano_usd"]) == ("ok", COST_OF_USAGE)


async def test_a_streamed_creation_left_early_goes_on(
    stub: Stub, client: TrackedOpenAI, tracker: UsageTracker, records: Records
) -> None:
    """I2: leaving the stream of a background response doesn't end the response."""
    stub.answers(sse(response_events(), pause_at=5), answer(response()))
    async with await client.responses.create(**ASK, stream=True) as stream:
        await read(stream, 5)
    assert [row["status"] for row in await records(tracker)] == ["open"]
    await client.responses.retrieve("resp_1")
    [row] = await records(tracker)
    assert (row["status"], row["cost_nano_usd"], row["estimated"]) == ("ok", COST_OF_USAGE, 0)


async def test_a_streamed_creation_read_to_its_end(
    stub: Stub, client: TrackedOpenAI, tracker: UsageTracker, records: Records
) -> None:
    """I2: usage in the stream itself settles it at once."""
    stub.answers(sse(response_events(), done=False))
    async for _ in await client.responses.create(**ASK, stream=True):
        pass
    assert [row["cost_nano_usd"] for row in await records(tracker)] == [COST_OF_USAGE]


async def test_a_failing_retrieval_settles_nothing(
    stub: Stub, client: TrackedOpenAI, tracker: UsageTracker, records: Records
) -> None:
    """I2: errors, time-outs, deletions and cut streams say nothing of what the response cost."""
    stub.answers(answer(response("", None, "in_progress")), error(404), error(500))
    stub.answers(sse(response_events()[:4], done=False, cut=True), answer({}), answer(response()))
    created = await client.responses.create(**ASK)
    for _ in range(2):
        with pytest.raises(openai.APIStatusError):
            await client.responses.retrieve(created.id)
    with pytest.raises((openai.APIConnectionError, httpx2.TransportError)):
        async for _ in await client.responses.retrieve(created.id, stream=True):
            pass
    await client.responses.delete(created.id)
    assert [row["status"] for row in await records(tracker)] == ["open"]
    await client.responses.retrieve(created.id)
    assert [row["cost_nano_usd"] for row in await records(tracker)] == [COST_OF_USAGE]


@pytest.mark.parametrize(("status", "booked", "owed"), [("cancelled", "aborted", 59_400), ("failed", "error", 0)])
async def test_over_without_usage(
    stub: Stub, client: TrackedOpenAI, tracker: UsageTracker, records: Records, status: str, booked: str, owed: int
) -> None:
    """I4: cancelled or failed without a word on usage: estimated; what was cancelled may have written more."""
    stub.answers(answer(response("", None, "queued")), answer(response("so far", None, status)))
    created = await client.responses.create(**ASK)
    await client.responses.cancel(created.id)
    [row] = await records(tracker)
    assert (row["status"], row["estimated"]) == (booked, 1)
    assert (row["cost_nano_usd"], row["doubtful_nano_usd"]) == (2_400, owed)


async def test_retrieving_is_no_new_charge(
    stub: Stub, client: TrackedOpenAI, tracker: UsageTracker, records: Records
) -> None:
    """I2: stored responses and completions may be read as often as one likes."""
    stub.default = lambda _request: answer(response())
    await client.responses.retrieve("resp_elsewhere")
    await client.responses.input_items.list("resp_elsewhere")
    await client.chat.completions.retrieve("chatcmpl-1")
    assert await records(tracker) == []
    assert RESPONSE_USAGE["input_tokens"] == 1000


async def test_one_that_nobody_asks_for_ends_at_its_worst_case(
    stub: Stub, client: TrackedOpenAI, tracker: UsageTracker, records: Records, monkeypatch: pytest.MonkeyPatch
) -> None:
    """I14: its reservation doesn't stay for ever, and what it may have cost does."""
    monkeypatch.setattr(calls_in_flight, "BACKGROUND_PATIENCE_SECONDS", 0.1)
    await tracker.set_budget(scope="bot", limit_usd="5")
    stub.answers(answer(response("", None, "queued")), answer(response("", None, "queued")), answer(response()))
    await client.responses.create(**ASK)
    retrieved = await client.responses.create(**ASK)
    await client.responses.retrieve(retrieved.id)
    await asyncio.sleep(0.2)
    rows = await records(tracker)
    [standing] = await tracker.budgets.standing(0)
    assert sorted((row["status"], row["flagged"]) for row in rows) == [("error", "never retrieved"), ("ok", None)]
    [lost] = [row for row in rows if row["flagged"]]
    assert lost["cost_nano_usd"] == lost["reserved_nano_usd"] > 100 * 600
    assert standing.level.spent == sum(row["cost_nano_usd"] for row in rows)
    assert standing.level.reserved == 0


async def test_one_that_was_retrieved_is_let_go(stub: Stub, client: TrackedOpenAI, tracker: UsageTracker) -> None:
    """I24: nothing waits out the day for a call that has ended."""
    stub.answers(answer(response("", None, "queued")), answer(response()))
    created = await client.responses.create(**ASK)
    [(_, patience)] = tracker.calls._expected.values()
    await client.responses.retrieve(created.id)
    assert (patience.cancelled(), tracker.calls._expected, tracker.calls._background) == (True, {}, {})


async def test_nothing_is_expected_by_books_that_are_closed(
    stub: Stub, database_url: str, prices: PriceList, records: Records
) -> None:
    """I21, I24: else they would stay in memory for a day. The next to open them books it at its worst case."""
    stub.answers(answer(response("", None, "queued")))
    async with open_tracker(database_url, console=False, prices=prices) as tracker:
        await tracker.openai(base_url=stub.url, api_key="k").responses.create(**ASK)
        [(_, patience)] = tracker.calls._expected.values()
    assert (patience.cancelled(), tracker.calls._background) == (True, {})
    async with open_tracker(database_url, console=False, prices=prices) as tracker:
        assert [row["status"] for row in await records(tracker)] == ["interrupted"]
