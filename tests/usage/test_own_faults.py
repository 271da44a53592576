"""Our own faults: the person gets the answer, the operator gets a count."""

import openai
import pytest

from bot.usage import TrackedOpenAI, UsageTracker
from bot.usage.errors import BudgetExceededError, Why
from tests.usage.conftest import Records
from tests.usage.shapes import TEXT, chat, chunks
from tests.usage.stub import Stub, answer, error, sse
from tests.usage.test_openai_client import WORST, worst_case


async def test_a_fault_in_pricing_never_reaches_the_caller(
    stub: Stub,
    client: TrackedOpenAI,
    tracker: UsageTracker,
    records: Records,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """I23, I21, I33: the answer arrives; the call is booked at its worst case, flagged; the fault is counted."""

    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("words of the prompt")

    monkeypatch.setattr(tracker.prices, "price", broken)
    stub.answers(answer(chat()), sse(chunks()), sse(chunks(usage=None)), error(400))
    assert (await client.chat.completions.create(**WORST)).choices[0].message.content == TEXT
    for _ in range(2):
        async for _chunk in await client.chat.completions.create(**WORST, stream=True):
            pass
    with pytest.raises(openai.BadRequestError):
        await client.chat.completions.create(**WORST)
    rows = await records(tracker)
    assert [row["cost_nano_usd"] for row in rows] == [worst_case()] * 3 + [0]
    assert [(row["flagged"], row["estimated"]) for row in rows] == [("accounting failed", 1)] * 3 + [(None, 0)]
    assert tracker.ledger.faults == 3
    assert "accounting failed: RuntimeError" in caplog.text
    assert "prompt" not in caplog.text


async def test_a_fault_in_the_books_never_reaches_the_caller(
    stub: Stub, client: TrackedOpenAI, tracker: UsageTracker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """I23: whatever `settle` or a subscriber does, the person gets the answer, whole or streamed."""

    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("disk on fire")

    monkeypatch.setattr(tracker.calls, "settle", broken)
    stub.answers(answer(chat()), sse(chunks()))
    assert await client.chat.completions.create(**WORST)
    stream = await client.chat.completions.create(**WORST, stream=True)
    assert len([chunk async for chunk in stream]) == len(chunks(usage=None))
    assert tracker.ledger.faults == 2
    monkeypatch.setattr(tracker.prices, "price", broken)
    stub.answers(answer(chat()))
    assert await client.chat.completions.create(**WORST)
    assert tracker.ledger.faults == 4, "that it can't be priced, and that it can't be booked at its worst case"
    tracker.calls._in_flight.clear()


async def test_a_fault_in_admitting_never_reaches_the_caller(
    stub: Stub, client: TrackedOpenAI, tracker: UsageTracker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """I23: a bug of ours before the call leaves: it goes ahead, counted as unrecorded."""

    async def broken(*_: object, **__: object) -> None:
        raise RuntimeError("a bug")

    monkeypatch.setattr(tracker.calls, "admit", broken)
    stub.answers(answer(chat()))
    assert await client.chat.completions.create(**WORST)
    assert (tracker.ledger.faults, tracker.ledger.unrecorded) == (1, 1)
    await tracker.set_budget(scope="bot", limit_usd="5")
    with pytest.raises(BudgetExceededError) as raised:  # unless a budget stops: that fails closed
        await client.chat.completions.create(**WORST)
    assert raised.value.why is Why.OUT_OF_REACH
    assert (tracker.ledger.faults, tracker.ledger.unrecorded, len(stub.requests)) == (2, 1, 1)


async def test_a_fault_while_watching_a_stream_never_reaches_its_reader(
    stub: Stub, client: TrackedOpenAI, tracker: UsageTracker, records: Records, monkeypatch: pytest.MonkeyPatch
) -> None:
    """I23: the watching of a body fails on every event: every event still arrives, and the call is booked."""

    def broken(*_: object) -> None:
        raise RuntimeError("a bug")

    monkeypatch.setattr("bot.usage.calls.metered_body.Seen.keep", broken)
    stub.answers(sse(chunks()))
    stream = await client.chat.completions.create(**WORST, stream=True)
    assert len([chunk async for chunk in stream]) == len(chunks())
    [row] = await records(tracker)
    assert row["cost_nano_usd"] > 0
    assert row["estimated"] == 1
