"""Streams that break off: what was delivered is booked, what may be owed besides is doubtful."""

import asyncio
import gc

import httpx2
import openai
import pytest

from bot.usage import TrackedOpenAI, UsageTracker
from bot.usage.calls.tokens import count_tokens
from tests.usage.conftest import Records
from tests.usage.shapes import (
    MODEL,
    chunk,
    chunks,
    words,
)
from tests.usage.stub import Scripted, Stub, sse, sse_bytes
from tests.usage.test_openai_client import WORST, question_tokens, worst_case

ASK = dict(WORST, stream=True)
DELIVERED = 4
"""Words that arrive before a stream of these tests breaks, after the chunk with the role."""


def half_stream(*, end_with: str = "hang") -> Scripted:
    """The role and four words; then silence, a cut connection, an end without a reason, or garbage."""
    events: list[object] = list(chunks()[: 1 + DELIVERED])
    if end_with == "hang":
        return sse(chunks(), pause_at=1 + DELIVERED)
    if end_with == "garbled":
        return sse([*events, '{"id": "c1", "choi', chunk(" lost")], done=False)
    return sse(events, done=False, cut=end_with == "cut")


def check(row: dict, *, status: str, text: str = "".join(words()[:DELIVERED])) -> None:
    """Input counted and output delivered, at $0.15 and $0.60 a million; the rest of the worst case is doubtful."""
    delivered = count_tokens(text, MODEL)
    assert (row["status"], row["estimated"]) == (status, 1)
    assert (row["input_tokens"], row["output_tokens"]) == (question_tokens(), delivered)
    assert row["cost_nano_usd"] == question_tokens() * 150 + delivered * 600 > 0
    assert row["doubtful_nano_usd"] == worst_case() - row["cost_nano_usd"] > 0
    assert row["raw_usage"] is None


async def collect() -> None:
    """Let go of what nobody holds: the SDK's nested generators take a collection each."""
    for _ in range(5):
        gc.collect()
        await asyncio.sleep(0.02)


async def read(stream, count: int) -> None:
    for _ in range(count):
        await anext(stream)


async def test_the_literal_amounts(stub: Stub, client: TrackedOpenAI, tracker: UsageTracker, records: Records) -> None:
    """I4: 19 tokens in, 5 out, a cap of 100: 5,850 nano-USD booked, 57,600 doubtful, of 63,450 reserved."""
    stub.answers(half_stream(end_with="truncated"))
    async for _ in await client.chat.completions.create(**ASK):
        pass
    [row] = await records(tracker)
    assert (row["input_tokens"], row["output_tokens"]) == (19, 5)
    assert (row["cost_nano_usd"], row["doubtful_nano_usd"], row["reserved_nano_usd"]) == (5_850, 57_600, 63_450)


async def test_left_early_and_closed(
    stub: Stub, client: TrackedOpenAI, tracker: UsageTracker, records: Records
) -> None:
    """I4: break, then `close()`."""
    stub.answers(half_stream())
    stream = await client.chat.completions.create(**ASK)
    await read(stream, 1 + DELIVERED)
    await stream.close()
    [row] = await records(tracker)
    check(row, status="aborted")
    assert row["first_token_ms"] is not None


async def test_left_early_by_a_context_manager(
    stub: Stub, client: TrackedOpenAI, tracker: UsageTracker, records: Records
) -> None:
    """I4: `async with` and out."""
    stub.answers(half_stream())
    async with await client.chat.completions.create(**ASK) as stream:
        await read(stream, 1 + DELIVERED)
    check((await records(tracker))[0], status="aborted")


async def test_left_early_in_the_stream_helper(
    stub: Stub, client: TrackedOpenAI, tracker: UsageTracker, records: Records
) -> None:
    """I4: `.stream()` and out."""
    stub.answers(half_stream())
    async with client.chat.completions.stream(**WORST) as stream:
        async for event in stream:
            if event.type == "content.delta" and event.snapshot.count(" ") == DELIVERED - 1:
                break
    check((await records(tracker))[0], status="aborted")


async def test_left_early_and_forgotten(
    stub: Stub, client: TrackedOpenAI, tracker: UsageTracker, records: Records
) -> None:
    """I4, I14: break without closing: garbage collection brings it to the books."""
    stub.answers(half_stream())

    async def careless() -> None:
        count = 0
        async for _ in await client.chat.completions.create(**ASK):
            count += 1
            if count == 1 + DELIVERED:
                break

    await careless()
    await collect()
    check((await records(tracker))[0], status="aborted")


@pytest.mark.parametrize("raw", [False, True])
async def test_never_iterated(
    stub: Stub, client: TrackedOpenAI, tracker: UsageTracker, records: Records, raw: bool
) -> None:
    """I2, I4: a stream that nobody reads was sent all the same: input as counted, the rest doubtful."""
    stub.answers(half_stream())
    if raw:
        await client.chat.completions.with_raw_response.create(**ASK)
    else:
        await client.chat.completions.create(**ASK)
    await collect()
    check((await records(tracker))[0], status="aborted", text="")


async def test_cancelled_in_the_middle(
    stub: Stub, client: TrackedOpenAI, tracker: UsageTracker, records: Records
) -> None:
    """I2, I4: the task that reads is cancelled while it waits for the next chunk."""
    stub.answers(half_stream())
    got: list[object] = []
    arrived = asyncio.Event()

    async def reading() -> None:
        async for event in await client.chat.completions.create(**ASK):
            got.append(event)
            arrived.set() if len(got) == 1 + DELIVERED else None

    task = asyncio.create_task(reading())
    await arrived.wait()
    await asyncio.sleep(0.02)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    [row] = await records(tracker)
    check(row, status="aborted")
    assert row["error_type"] == "CancelledError"


async def test_the_connection_is_cut(
    stub: Stub, client: TrackedOpenAI, tracker: UsageTracker, records: Records
) -> None:
    """I4: the provider, or a proxy, goes away in the middle."""
    stub.answers(half_stream(end_with="cut"))
    with pytest.raises((openai.APIConnectionError, httpx2.TransportError)):
        async for _ in await client.chat.completions.create(**ASK):
            pass
    [row] = await records(tracker)
    check(row, status="error")
    assert row["error_type"] == "RemoteProtocolError"


async def test_the_stream_stalls(stub: Stub, client: TrackedOpenAI, tracker: UsageTracker, records: Records) -> None:
    """I4: a read time-out in the middle."""
    stub.answers(half_stream())
    with pytest.raises(openai.APITimeoutError):
        stream = client.with_options(timeout=httpx2.Timeout(5, read=0.1)).chat.completions
        async for _ in await stream.create(**ASK):
            pass
    [row] = await records(tracker)
    check(row, status="error")
    assert row["error_type"] == "ReadTimeout"


async def test_truncated_without_an_end_marker(
    stub: Stub, client: TrackedOpenAI, tracker: UsageTracker, records: Records
) -> None:
    """I4: the connection ends in good order, the answer doesn't: the SDK raises nothing, the books know."""
    stub.answers(half_stream(end_with="truncated"))
    async for _ in await client.chat.completions.create(**ASK):
        pass
    [row] = await records(tracker)
    check(row, status="error")
    assert row["error_type"] == "truncated"


async def test_a_garbled_chunk(stub: Stub, client: TrackedOpenAI, tracker: UsageTracker, records: Records) -> None:
    """I4: the SDK raises a bare JSONDecodeError; all that arrived, after the garbage too, was produced."""
    stub.answers(half_stream(end_with="garbled"))
    with pytest.raises(ValueError):
        async for _ in await client.chat.completions.create(**ASK):
            pass
    [row] = await records(tracker)
    check(row, status="aborted", text="".join(words()[:DELIVERED]) + " lost")


async def test_a_slow_reader_loses_nothing(
    stub: Stub, client: TrackedOpenAI, tracker: UsageTracker, records: Records
) -> None:
    """I4: a connection that breaks while the reader is behind: every byte that arrived is read, and booked."""
    text = "league " * 4000
    stub.answers(sse(chunks(text, usage=None)[:-1], done=False, cut=True))
    got: list[str] = []
    with pytest.raises((openai.APIConnectionError, httpx2.TransportError)):
        async for event in await client.chat.completions.create(**ASK):
            got.append(event.choices[0].delta.content or "")
            if len(got) % 400 == 0:
                await asyncio.sleep(0.01)
    assert "".join(got) == text
    [row] = await records(tracker)
    assert row["output_tokens"] == count_tokens(text, MODEL)


@pytest.mark.parametrize("fault", ["disconnect", "truncate", "corrupt"])
async def test_the_faults_of_llmock(llmock, tracker: UsageTracker, records: Records, fault: str) -> None:
    """I4: another's idea of a broken stream: each is estimated, above zero, never more than doubtful."""
    getattr(llmock, fault)(after_chunks=3)
    client = tracker.openai(base_url=llmock.base_url(), api_key="k", max_retries=0)
    try:
        async for _ in await client.chat.completions.create(**ASK):
            pass
    except (openai.APIConnectionError, httpx2.TransportError, ValueError):
        pass
    [row] = await records(tracker)
    assert row["status"] in ("error", "aborted")
    assert row["estimated"] == 1
    assert row["cost_nano_usd"] >= question_tokens() * 150
    assert row["cost_nano_usd"] + row["doubtful_nano_usd"] == worst_case()


async def test_llmock_whole(llmock, tracker: UsageTracker, records: Records) -> None:
    """I3: another's idea of a whole stream: its usage is booked."""
    client = tracker.openai(base_url=llmock.base_url(), api_key="k")
    whole = await client.chat.completions.create(**WORST)
    async for _ in await client.chat.completions.create(**ASK):
        pass
    first, second = await records(tracker)
    assert first["input_tokens"] == second["input_tokens"] == whole.usage.prompt_tokens
    assert (first["status"], second["status"], second["estimated"]) == ("ok", "ok", 0)


async def test_the_end_of_the_loop_is_survived(stub: Stub, client: TrackedOpenAI, tracker: UsageTracker) -> None:
    """I23: a stream that is collected when its loop is gone raises nothing."""
    stub.answers(half_stream())
    stream = await client.chat.completions.create(**ASK)
    body = stream.response.stream
    body._watcher._loop = asyncio.new_event_loop()
    body._watcher._loop.close()
    body._watcher.dropped(body.seen)
    await stream.close()
    assert sse_bytes([]) == b"data: [DONE]\n\n"
