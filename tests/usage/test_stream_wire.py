"""Streams as the wire brings them: chunks, line ends, gzip, huge events, pauses, many at once."""

import asyncio
import json

import pytest

from bot.usage import TrackedOpenAI, UsageTracker
from bot.usage.calls.tokens import count_tokens
from tests.usage.conftest import Records
from tests.usage.shapes import (
    ASK,
    COST_OF_USAGE,
    MODEL,
    RESPONSE_USAGE,
    TEXT,
    USAGE,
    chunk,
    chunks,
    response,
    response_events,
)
from tests.usage.stub import Scripted, Stub, sse, sse_bytes


@pytest.mark.parametrize(
    "how",
    [
        {"size": 1},
        {"size": 7},
        {"end": "\r\n"},
        {"end": "\r\n", "size": 3},
        {"end": "\r", "size": 5},
        {"gzip": True},
        {"gzip": True, "size": 11},
    ],
)
async def test_however_the_bytes_come(
    stub: Stub, client: TrackedOpenAI, tracker: UsageTracker, records: Records, how: dict
) -> None:
    """I3: multi-byte characters split across TCP chunks, all three line ends, gzip against our wish."""
    text = "Größe 🏈 ligue é"
    stub.answers(sse(chunks(text), **how))
    got = [event async for event in await client.chat.completions.create(**ASK)]
    assert "".join(event.choices[0].delta.content or "" for event in got) == text
    assert all(event.usage is None for event in got)
    [row] = await records(tracker)
    assert (row["cost_nano_usd"], row["status"], row["estimated"]) == (COST_OF_USAGE, "ok", 0)
    assert stub.requests[0].headers["accept-encoding"] == "identity"


async def test_comments_and_mixed_line_ends(
    stub: Stub, client: TrackedOpenAI, tracker: UsageTracker, records: Records
) -> None:
    """I3: a proxy's keep-alive comments with other line ends than the provider's events."""
    body = b": PROCESSING\n\n" + sse_bytes(chunks()[:3], done=False, end="\r\n") + b": PROCESSING\r\n\n"
    body += sse_bytes(chunks()[3:], end="\n")
    stub.answers(Scripted(200, {"content-type": "text/event-stream"}, [body], chunked=True))
    got = [event async for event in await client.chat.completions.create(**ASK)]
    assert "".join(event.choices[0].delta.content or "" for event in got) == TEXT
    assert all(event.usage is None for event in got)
    assert (await records(tracker))[0]["cost_nano_usd"] == COST_OF_USAGE


async def test_huge_events(stub: Stub, client: TrackedOpenAI, tracker: UsageTracker, records: Records) -> None:
    """I3, I4: an event of megabytes passes whole; its text is counted where no usage comes."""
    huge = "league " * 300_000
    stub.answers(sse([chunk(huge), chunk(finish="stop")]))
    got = [event async for event in await client.chat.completions.create(**ASK)]
    assert got[0].choices[0].delta.content == huge
    [row] = await records(tracker)
    assert row["output_tokens"] == count_tokens(huge, MODEL) > 250_000


async def test_text_that_looks_like_the_wire(
    stub: Stub, client: TrackedOpenAI, tracker: UsageTracker, records: Records
) -> None:
    """I3, I4: a model that writes `data: [DONE]` and usage objects into its answer ends and hides nothing."""
    text = 'data: [DONE]\n\ndata: {"choices": [], "usage": {"prompt_tokens": 1}}\n\n'
    stub.answers(sse([chunk(text), chunk(text)], done=False))
    got = [event async for event in await client.chat.completions.create(**ASK)]
    assert "".join(event.choices[0].delta.content for event in got) == text * 2
    [row] = await records(tracker)
    assert (row["status"], row["error_type"], row["estimated"]) == ("error", "truncated", 1)
    assert row["output_tokens"] == count_tokens(text * 2, MODEL)


async def test_the_time_to_the_first_token(
    stub: Stub, client: TrackedOpenAI, tracker: UsageTracker, records: Records
) -> None:
    """I2: the first token is the first text, not the role and not `response.created`; the rest is duration."""
    chat_pieces = [*(x for e in chunks()[:2] for x in (sse_bytes([e], done=False), 0.15)), sse_bytes(chunks()[2:])]
    events = response_events()
    response_pieces = [sse_bytes(events[:3], done=False), 0.15, sse_bytes(events[3:4], done=False), 0.15]
    response_pieces.append(sse_bytes(events[4:], done=False))
    for pieces in (chat_pieces, response_pieces):
        stub.answers(Scripted(200, {"content-type": "text/event-stream"}, pieces, chunked=True))
    async for _ in await client.chat.completions.create(**ASK):
        pass
    async for _ in await client.responses.create(model=MODEL, input="x", stream=True):
        pass
    for row in await records(tracker):
        assert 140 <= row["first_token_ms"] < 290
        assert 290 <= row["duration_ms"] < 900


async def test_a_server_that_never_hangs_up_after_its_end_marker(
    stub: Stub, client: TrackedOpenAI, tracker: UsageTracker, records: Records
) -> None:
    """I3: the SDK waits for the connection's end for a while, then closes it: all was delivered, and it is ok."""
    pieces = [sse_bytes(chunks()), 3600.0]
    stub.answers(Scripted(200, {"content-type": "text/event-stream"}, pieces, chunked=True))
    got = [event async for event in await client.chat.completions.create(**ASK)]
    assert len(got) == len(chunks(usage=None))
    [row] = await records(tracker)
    assert (row["status"], row["cost_nano_usd"], row["estimated"]) == ("ok", COST_OF_USAGE, 0)
    assert row["error_type"] is None


async def test_streams_beside_each_other(
    stub: Stub, client: TrackedOpenAI, tracker: UsageTracker, records: Records
) -> None:
    """I7, I2: fifty streams at once, each with its own usage."""
    stub.default = lambda request: sse(
        chunks(usage={"prompt_tokens": request.body["max_tokens"], "completion_tokens": 1, "total_tokens": 0}), size=64
    )

    async def one(number: int) -> None:
        async for _ in await client.chat.completions.create(**ASK, max_tokens=number):
            pass

    await asyncio.gather(*(one(number) for number in range(1, 51)))
    rows = await records(tracker)
    assert sorted(row["input_tokens"] for row in rows) == list(range(1, 51))
    assert {row["status"] for row in rows} == {"ok"}


async def test_legacy_completions(stub: Stub, client: TrackedOpenAI, tracker: UsageTracker, records: Records) -> None:
    """I3: the old endpoint streams and is booked likewise."""
    base = {"id": "cmpl-1", "object": "text_completion", "created": 1, "model": "gpt-3.5-turbo-instruct"}
    text = [{**base, "choices": [{"index": 0, "text": word, "finish_reason": None}]} for word in ("one", " two")]
    end = {**base, "choices": [{"index": 0, "text": "", "finish_reason": "stop"}]}
    stub.answers(sse([*text, end, {**base, "choices": [], "usage": USAGE}]), sse([*text, end]))
    for _ in range(2):
        ask = client.completions.create(model="gpt-3.5-turbo-instruct", prompt="count", stream=True)
        assert "".join([event.choices[0].text async for event in await ask]) == "one two"
    exact, estimated = await records(tracker)
    assert (exact["api"], exact["cost_nano_usd"]) == ("completions", 1000 * 1500 + 200 * 2000)
    assert (estimated["estimated"], estimated["output_tokens"]) == (1, 2)
    assert estimated["first_token_ms"] is not None


async def test_a_stream_with_usage_from_the_responses_api_that_was_cut_by_its_cap(
    stub: Stub, client: TrackedOpenAI, tracker: UsageTracker, records: Records
) -> None:
    """I3: `response.incomplete` and `response.failed` bring usage like `response.completed`."""
    incomplete = {"type": "response.incomplete", "response": response(status="incomplete"), "sequence_number": 9}
    broken = response(status="failed", error={"code": "server_error", "message": "private"})
    failed = {"type": "response.failed", "response": broken, "sequence_number": 9}
    for last in (incomplete, failed):
        stub.answers(sse([*response_events()[:-1], last], done=False))
        async for _ in await client.responses.create(model=MODEL, input="x", stream=True):
            pass
    first, second = await records(tracker)
    assert (first["status"], first["cost_nano_usd"], first["estimated"]) == ("ok", COST_OF_USAGE, 0)
    assert (second["status"], second["cost_nano_usd"], second["error_type"]) == ("error", COST_OF_USAGE, "server_error")
    assert json.loads(second["raw_usage"]) == RESPONSE_USAGE
