"""Streams that come to their end: the same books as unstreamed, and nothing of ours seen by the reader."""

import json

import openai
import pytest

from bot.usage import TrackedOpenAI, UsageTracker
from bot.usage.calls.tokens import count_tokens
from tests.usage.conftest import Records
from tests.usage.shapes import (
    ASK,
    COST_OF_USAGE,
    DETAILED,
    DETAILED_RESPONSE,
    MODEL,
    QUESTION,
    TEXT,
    USAGE,
    USAGE_COLUMNS,
    chat,
    chunk,
    chunks,
    response,
    response_events,
    usage_chunk,
)
from tests.usage.stub import Stub, answer, error, sse, sse_bytes
from tests.usage.test_openai_client import question_tokens


async def test_a_streamed_call_is_booked_like_an_unstreamed_one(
    stub: Stub, client: TrackedOpenAI, tracker: UsageTracker, records: Records
) -> None:
    """I3, I5: chat and Responses, streamed and not: four times the same tokens and the same cost."""
    stub.answers(
        answer(chat(usage=DETAILED)),
        sse(chunks(usage=DETAILED)),
        answer(response(usage=DETAILED_RESPONSE)),
        sse(response_events(usage=DETAILED_RESPONSE), done=False),
    )
    await client.chat.completions.create(model=MODEL, messages=QUESTION)
    async for _ in await client.chat.completions.create(**ASK):
        pass
    await client.responses.create(model=MODEL, input="hello")
    async for _ in await client.responses.create(model=MODEL, input="hello", stream=True):
        pass
    rows = await records(tracker)
    assert {tuple(row[name] for name in USAGE_COLUMNS) for row in rows} == {
        (3000, 2048, 900, 640, (3000 - 2048) * 150 + 2048 * 75 + 900 * 600)
    }
    assert {(row["status"], row["estimated"], row["doubtful_nano_usd"], row["flagged"]) for row in rows} == {
        ("ok", 0, 0, None)
    }
    assert [json.loads(row["raw_usage"]) for row in rows] == [DETAILED] * 2 + [DETAILED_RESPONSE] * 2


async def test_usage_is_asked_for_and_hidden(
    stub: Stub, client: TrackedOpenAI, tracker: UsageTracker, records: Records
) -> None:
    """I3: `include_usage` is sent, and the chunk it brings isn't shown to a caller who did not ask."""
    stub.answers(sse(chunks()))
    got = [event async for event in await client.chat.completions.create(**ASK)]
    assert stub.bodies[0]["stream_options"] == {"include_usage": True}
    assert [event.usage for event in got] == [None] * len(chunks(usage=None))
    assert "".join(event.choices[0].delta.content or "" for event in got) == TEXT
    assert (await records(tracker))[0]["cost_nano_usd"] == COST_OF_USAGE


@pytest.mark.parametrize(
    ("options", "sent", "shown"),
    [
        ({"include_usage": True}, {"include_usage": True}, True),
        ({"include_usage": False}, {"include_usage": False}, True),
        ({"include_obfuscation": False}, {"include_obfuscation": False, "include_usage": True}, False),
        ({}, {"include_usage": True}, False),
    ],
)
@pytest.mark.parametrize("place", ["argument", "extra_body"])
async def test_what_the_caller_set_is_respected(
    stub: Stub, client: TrackedOpenAI, options: dict, sent: dict, shown: bool, place: str
) -> None:
    """I3: the caller's own stream options go out as set, also from `extra_body`; ours are added only where absent."""
    stub.answers(sse(chunks()))
    how = {"stream_options": options} if place == "argument" else {"extra_body": {"stream_options": options}}
    got = [event async for event in await client.chat.completions.create(**ASK, **how)]
    assert stub.bodies[0]["stream_options"] == sent
    assert (got[-1].usage is not None) == shown


async def test_no_usage_where_the_caller_declined_it(
    stub: Stub, client: TrackedOpenAI, tracker: UsageTracker, records: Records
) -> None:
    """I3, I4: the caller said no: a whole stream without usage is estimated, ok, and nothing of it is doubtful."""
    stub.answers(sse(chunks(usage=None)))
    async for _ in await client.chat.completions.create(**ASK, max_tokens=100, stream_options={"include_usage": False}):
        pass
    [row] = await records(tracker)
    assert (row["status"], row["estimated"], row["doubtful_nano_usd"]) == ("ok", 1, 0)
    assert (row["input_tokens"], row["output_tokens"]) == (question_tokens(), count_tokens(TEXT, MODEL))
    assert row["cost_nano_usd"] == question_tokens() * 150 + count_tokens(TEXT, MODEL) * 600


async def test_hidden_from_the_stream_helper(
    stub: Stub, client: TrackedOpenAI, tracker: UsageTracker, records: Records
) -> None:
    """I3: `.stream()` sees no chunk of ours and puts the whole answer together."""
    stub.answers(sse(chunks()))
    async with client.chat.completions.stream(model=MODEL, messages=QUESTION) as stream:
        kinds = [event.type async for event in stream]
        final = await stream.get_final_completion()
    assert kinds.count("chunk") == len(chunks(usage=None))
    assert final.choices[0].message.content == TEXT
    assert final.usage is None
    assert (await records(tracker))[0]["cost_nano_usd"] == COST_OF_USAGE


async def test_shown_to_the_stream_helper_that_asked(stub: Stub, client: TrackedOpenAI) -> None:
    """I3: a caller who asked gets the usage."""
    stub.answers(sse(chunks()))
    options = {"include_usage": True}
    async with client.chat.completions.stream(model=MODEL, messages=QUESTION, stream_options=options) as stream:
        final = await stream.get_final_completion()
    assert final.usage is not None
    assert final.usage.total_tokens == 1200


async def test_the_responses_stream_helper(
    stub: Stub, client: TrackedOpenAI, tracker: UsageTracker, records: Records
) -> None:
    """I3: `responses.stream()` is booked once, with the usage of its last event, which its reader sees."""
    stub.answers(sse(response_events(), done=False))
    async with client.responses.stream(model=MODEL, input="hello") as stream:
        final = await stream.get_final_response()
    assert final.usage is not None
    assert final.output_text == TEXT
    [row] = await records(tracker)
    assert (row["cost_nano_usd"], row["status"], row["response_id"]) == (COST_OF_USAGE, "ok", "resp_1")
    assert "stream_options" not in stub.bodies[0]


async def test_hidden_from_raw_responses(
    stub: Stub, client: TrackedOpenAI, tracker: UsageTracker, records: Records
) -> None:
    """I3: `with_raw_response` and a stream, as LangChain calls it."""
    stub.answers(sse(chunks()))
    raw_response = await client.chat.completions.with_raw_response.create(**ASK)
    assert raw_response.headers["content-type"].startswith("text/event-stream")
    got = [event async for event in raw_response.parse()]
    assert [event.usage for event in got] == [None] * len(chunks(usage=None))
    assert (await records(tracker))[0]["cost_nano_usd"] == COST_OF_USAGE


@pytest.mark.parametrize("way", ["iter_lines", "iter_bytes", "iter_text"])
async def test_hidden_from_raw_bytes(
    stub: Stub, client: TrackedOpenAI, tracker: UsageTracker, records: Records, way: str
) -> None:
    """I3: below the SDK's events too: not a byte of the chunk that only we asked for, every byte of the others."""
    stub.answers(sse(chunks(), size=37))
    async with client.chat.completions.with_streaming_response.create(**ASK) as streaming:
        pieces = [piece async for piece in getattr(streaming, way)()]
    expected = sse_bytes(chunks(usage=None))
    if way == "iter_lines":
        assert pieces == expected.decode().split("\n")[:-1]
    else:
        joined = b"".join(p if isinstance(p, bytes) else p.encode() for p in pieces)
        assert joined == expected
    assert (await records(tracker))[0]["cost_nano_usd"] == COST_OF_USAGE


async def test_cumulative_usage_counts_once(
    stub: Stub, client: TrackedOpenAI, tracker: UsageTracker, records: Records
) -> None:
    """I3: a server that reports running totals in every chunk: the last counts, never the sum; none is hidden."""
    running = [{"prompt_tokens": 1000, "completion_tokens": n, "total_tokens": 1000 + n} for n in (50, 120, 200)]
    events = [chunk("a", usage=running[0]), chunk("b", usage=running[1]), chunk("c", finish="stop", usage=running[2])]
    stub.answers(sse(events))
    got = [event async for event in await client.chat.completions.create(**ASK)]
    assert [event.usage.completion_tokens for event in got] == [50, 120, 200]
    [row] = await records(tracker)
    assert (row["output_tokens"], row["cost_nano_usd"], row["estimated"]) == (200, COST_OF_USAGE, 0)


async def test_usage_on_the_last_content_chunk_is_not_dropped(
    stub: Stub, client: TrackedOpenAI, tracker: UsageTracker, records: Records
) -> None:
    """I3: usage that rides on content must not take the content with it."""
    stub.answers(sse([chunk("all"), chunk(" of it", finish="stop", usage=USAGE)]))
    got = [event async for event in await client.chat.completions.create(**ASK)]
    assert [event.choices[0].delta.content for event in got] == ["all", " of it"]
    assert (await records(tracker))[0]["cost_nano_usd"] == COST_OF_USAGE


async def test_a_first_chunk_without_choices_is_not_dropped(stub: Stub, client: TrackedOpenAI) -> None:
    """I3: Azure's first chunk has no choices and no usage, but content-filter results: the reader gets it."""
    first = {**usage_chunk(None), "prompt_filter_results": [{"prompt_index": 0}]}
    stub.answers(sse([first, *chunks()]))
    got = [event async for event in await client.chat.completions.create(**ASK)]
    assert got[0].choices == []
    assert got[0].model_extra["prompt_filter_results"] == [{"prompt_index": 0}]
    assert len(got) == 1 + len(chunks(usage=None))


async def test_an_error_beside_usage_is_not_hidden(stub: Stub, client: TrackedOpenAI) -> None:
    """I3, I30: a last chunk with usage and an error: the reader must learn of the error."""
    stub.answers(sse([chunk("a"), usage_chunk(error={"message": "overloaded", "code": "overloaded"})]))
    with pytest.raises(openai.APIError, match="overloaded"):
        async for _ in await client.chat.completions.create(**ASK):
            pass


@pytest.mark.parametrize("status", [400, 422])
async def test_a_server_that_refuses_stream_options_is_asked_again_without(
    stub: Stub, client: TrackedOpenAI, tracker: UsageTracker, records: Records, status: int
) -> None:
    """I3, I4: one record of two attempts, estimated."""
    refused = answer({"detail": [{"loc": ["body", "stream_options"], "msg": "Extra inputs are not permitted"}]}, status)
    stub.answers(refused, sse(chunks(usage=None)))
    got = [event async for event in await client.chat.completions.create(**ASK, max_tokens=100)]
    assert "".join(event.choices[0].delta.content or "" for event in got) == TEXT
    assert ["stream_options" in body for body in stub.bodies] == [True, False]
    [row] = await records(tracker)
    assert (row["attempts"], row["status"], row["estimated"], row["doubtful_nano_usd"]) == (2, "ok", 1, 0)
    assert row["output_tokens"] == count_tokens(TEXT, MODEL)


async def test_another_refusal_is_not_asked_again(
    stub: Stub, client: TrackedOpenAI, tracker: UsageTracker, records: Records
) -> None:
    """I2: a bad request for another reason reaches the caller after one attempt."""
    stub.answers(error(400))
    with pytest.raises(openai.BadRequestError):
        await client.chat.completions.create(**ASK)
    assert len(stub.requests) == 1
    assert (await records(tracker))[0]["cost_nano_usd"] == 0
