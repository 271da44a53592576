"""Streams that say something odd before they end: errors, running usage, several choices, tools, Responses."""

import httpx2
import openai
import pytest

from bot.usage import TrackedOpenAI, UsageTracker
from bot.usage.calls.tokens import count_tokens
from tests.usage.conftest import Records
from tests.usage.shapes import (
    COST_OF_USAGE,
    MODEL,
    chunk,
    chunks,
    response_events,
    words,
)
from tests.usage.stub import Scripted, Stub, error, sse
from tests.usage.test_broken_streams import ASK, check, half_stream, read
from tests.usage.test_openai_client import worst_case


async def test_more_than_the_worst_case_was_delivered(
    stub: Stub, client: TrackedOpenAI, tracker: UsageTracker, records: Records
) -> None:
    """I4: a provider that ignores the cap: the delivered text is booked, and nothing negative is held."""
    text = "league " * 500
    stub.answers(sse(chunks(text, usage=None)[:-1], done=False))
    async for _ in await client.chat.completions.create(**ASK):
        pass
    [row] = await records(tracker)
    assert row["output_tokens"] == count_tokens(text, MODEL) > 100
    assert row["doubtful_nano_usd"] == 0


async def test_an_error_before_the_first_chunk(
    stub: Stub, client: TrackedOpenAI, tracker: UsageTracker, records: Records
) -> None:
    """I2, I4, I33: an error as the first event of a stream with status 200."""
    stub.answers(sse([{"error": {"message": "private words", "type": "server_error", "code": None}}], done=False))
    with pytest.raises(openai.APIError):
        async for _ in await client.chat.completions.create(**ASK):
            pass
    [row] = await records(tracker)
    check(row, status="error", text="")
    assert row["error_type"] == "server_error"
    assert "private" not in str(row)


async def test_an_error_instead_of_a_stream(
    stub: Stub, client: TrackedOpenAI, tracker: UsageTracker, records: Records
) -> None:
    """I2: a stream refused with an HTTP error costs nothing, after its retries."""
    stub.answers(error(500, retry_after_ms="1"), error(429, code="insufficient_quota"))
    with pytest.raises(openai.RateLimitError):
        await client.with_options(max_retries=1).chat.completions.create(**ASK)
    [row] = await records(tracker)
    assert (row["status"], row["cost_nano_usd"], row["doubtful_nano_usd"], row["attempts"]) == ("error", 0, 0, 2)
    assert row["error_type"] == "insufficient_quota"


async def test_an_error_after_running_usage(
    stub: Stub, client: TrackedOpenAI, tracker: UsageTracker, records: Records
) -> None:
    """I3, I4: running totals were reported before the error: they are booked; more may be owed."""
    usage = {"prompt_tokens": 17, "completion_tokens": 1, "total_tokens": 18}
    stub.answers(sse([chunk("a", usage=usage), {"error": {"message": "m", "code": "overloaded"}}], done=False))
    with pytest.raises(openai.APIError):
        async for _ in await client.chat.completions.create(**ASK):
            pass
    [row] = await records(tracker)
    assert (row["status"], row["error_type"], row["estimated"]) == ("error", "overloaded", 1)
    assert (row["input_tokens"], row["output_tokens"], row["cost_nano_usd"]) == (17, 1, 17 * 150 + 600)
    assert row["doubtful_nano_usd"] == worst_case() - row["cost_nano_usd"]


async def test_cut_after_the_usage(stub: Stub, client: TrackedOpenAI, tracker: UsageTracker, records: Records) -> None:
    """I3, I4: the provider had said all; a connection cut after that takes nothing from the books' exactness."""
    stub.answers(sse(chunks(), done=False, cut=True))
    with pytest.raises((openai.APIConnectionError, httpx2.TransportError)):
        async for _ in await client.chat.completions.create(**ASK):
            pass
    [row] = await records(tracker)
    assert (row["status"], row["estimated"], row["doubtful_nano_usd"]) == ("error", 0, 0)
    assert row["cost_nano_usd"] == COST_OF_USAGE


async def test_left_at_the_reason_to_stop(
    stub: Stub, client: TrackedOpenAI, tracker: UsageTracker, records: Records
) -> None:
    """I3, I4: a reader who stops at `finish_reason` misses the usage: all text came; hidden reasoning may be owed."""
    whole = chunks(usage=None)
    stub.answers(sse(whole, pause_at=len(whole)))
    async with await client.chat.completions.create(**ASK) as stream:
        await read(stream, len(whole))
    [row] = await records(tracker)
    check({**row, "status": "aborted"}, status="aborted", text="".join(words()))
    assert row["status"] == "ok"


async def test_one_of_two_choices_finished(
    stub: Stub, client: TrackedOpenAI, tracker: UsageTracker, records: Records
) -> None:
    """I4: with `n=2` a stream is whole when both have stopped; their texts are counted apart."""

    def of(index: int, content: str, finish: str | None = None) -> dict:
        event = chunk(content, finish)
        event["choices"][0]["index"] = index
        return event

    events = [of(0, "lea"), of(1, "draft"), of(0, "gue", "stop"), of(1, "ing")]
    stub.answers(sse(events, done=False), sse([*events, of(1, "", "stop")], done=False))
    for _ in range(2):
        async for _event in await client.chat.completions.create(**ASK, n=2):
            pass
    cut, whole = await records(tracker)
    assert [row["output_tokens"] for row in (cut, whole)] == [
        count_tokens("league", MODEL) + count_tokens("drafting", MODEL)
    ] * 2
    assert (cut["status"], whole["status"]) == ("error", "ok")
    assert cut["doubtful_nano_usd"] > 0 == whole["doubtful_nano_usd"]


async def test_what_else_a_stream_delivers(
    stub: Stub, client: TrackedOpenAI, tracker: UsageTracker, records: Records
) -> None:
    """I4: arguments of tools, refusals and reasoning are output too."""

    def with_delta(delta: dict) -> dict:
        event = chunk()
        event["choices"][0]["delta"] = delta
        return event

    name = {"index": 0, "id": "t", "function": {"name": "create_league", "arguments": ""}}
    arguments = [{"index": 0, "function": {"arguments": part}} for part in ('{"name": "Nor', 'th"}')]
    deltas = [{"tool_calls": [part]} for part in (name, *arguments)]
    stub.answers(sse([*map(with_delta, deltas), with_delta({"refusal": "I can't"})], done=False))
    async for _ in await client.chat.completions.create(**ASK):
        pass
    [row] = await records(tracker)
    texts = ("create_league", '{"name": "North"}', "I can't")
    assert row["output_tokens"] == sum(count_tokens(text, MODEL) for text in texts)


@pytest.mark.parametrize("kept", [5, -1])
async def test_a_broken_off_response(
    stub: Stub, client: TrackedOpenAI, tracker: UsageTracker, records: Records, kept: int
) -> None:
    """I4, I11: Responses broken off: each word counted once, though it is repeated when done; the model that served."""
    events = [
        {**e, "response": {**e["response"], "model": "gpt-4o-2024-08-06"}} if "response" in e else e
        for e in response_events()
    ]
    stub.answers(sse(events[:kept], done=False))
    async for _ in await client.responses.create(model=MODEL, input="hello", max_output_tokens=100, stream=True):
        pass
    [row] = await records(tracker)
    text = "".join(event.get("delta", "") for event in events[:kept])
    assert (row["status"], row["estimated"], row["response_model"]) == ("error", 1, "gpt-4o-2024-08-06")
    assert row["response_id"] == "resp_1"
    assert row["output_tokens"] == count_tokens(text, "gpt-4o")
    assert row["cost_nano_usd"] == row["input_tokens"] * 2500 + row["output_tokens"] * 10_000


async def test_an_error_event_of_responses(
    stub: Stub, client: TrackedOpenAI, tracker: UsageTracker, records: Records
) -> None:
    """I2, I4: the Responses API's own error event, in the middle."""
    trouble = {"type": "error", "code": "server_error", "message": "private words", "param": None, "sequence_number": 9}
    stub.answers(sse([*response_events()[:5], trouble], done=False))
    async for _ in await client.responses.create(model=MODEL, input="hello", stream=True):
        pass
    [row] = await records(tracker)
    assert (row["status"], row["error_type"], row["estimated"]) == ("error", "server_error", 1)
    assert row["output_tokens"] == count_tokens("".join(words()[:2]), MODEL)
    assert "private" not in str(row)


async def test_two_attempts_and_a_broken_stream(
    stub: Stub, client: TrackedOpenAI, tracker: UsageTracker, records: Records
) -> None:
    """I2, I4: an unanswered first attempt is doubtful besides what the broken stream leaves open."""
    stub.answers(Scripted(drop=True), half_stream(end_with="truncated"))
    async for _ in await client.with_options(max_retries=1).chat.completions.create(**ASK):
        pass
    [row] = await records(tracker)
    assert row["attempts"] == 2
    assert row["cost_nano_usd"] + row["doubtful_nano_usd"] == 2 * worst_case()
