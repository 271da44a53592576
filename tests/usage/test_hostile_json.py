"""Any JSON at all, where an answer should be: nothing raises, and what is read fits the books."""

import json

from hypothesis import given, settings
from hypothesis import strategies as st

from bot.usage import TrackedOpenAI, UsageTracker
from bot.usage.calls.answers import MAX_REPORTED, Answer, delivered_texts, read_answer
from bot.usage.calls.metered_body import Seen
from bot.usage.records import TOKEN_FIELDS
from bot.usage.reporting.export import export_text
from tests.usage.conftest import Records
from tests.usage.shapes import MODEL, QUESTION, chat
from tests.usage.stub import Stub, answer

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
NAMES = st.sampled_from(
    [
        "usage",
        "id",
        "model",
        "service_tier",
        "status",
        "error",
        "choices",
        "delta",
        "message",
        "content",
        "tool_calls",
        "function",
        "arguments",
        "index",
        "output",
        "type",
        "response",
        "data",
        "text",
        "finish_reason",
        "prompt_tokens",
        "completion_tokens",
        "input_tokens",
        "output_tokens",
        "seconds",
        "prompt_tokens_details",
        "completion_tokens_details",
        "cached_tokens",
        "reasoning_tokens",
        "cached_tokens_details",
        "input_tokens_details",
        "audio_tokens",
        "total_tokens",
        "code",
        "refusal",
    ]
)
WORDS = st.sampled_from(["response.completed", "response.output_text.delta", "error", "duration", "stop", "x"])
HOSTILE = st.recursive(
    JSON | WORDS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=8),
    max_leaves=25,
)
PAYLOADS = st.dictionaries(NAMES, HOSTILE, max_size=8)
APIS = st.sampled_from(
    ["chat", "completions", "responses", "embeddings", "images", "audio.speech", "audio.transcriptions", "unmetered"]
)


@settings(max_examples=200, deadline=None)
@given(PAYLOADS, APIS, st.dictionaries(NAMES, HOSTILE, max_size=3))
def test_no_answer_makes_the_books_raise(payload: dict, api: str, body: dict) -> None:
    """I23: whatever JSON comes, it is read as far as it can be; counts are never negative and always fit."""
    read = read_answer(api, payload, body)
    assert isinstance(read, Answer)
    if read.usage is not None:
        assert all(0 <= getattr(read.usage, name) <= 2 * MAX_REPORTED for name in TOKEN_FIELDS)
        assert 0 <= read.usage.audio_seconds <= MAX_REPORTED
    for text in (read.model, read.response_id, read.service_tier, read.status, read.error_type, read.flagged):
        assert text is None or (text.encode() and "\0" not in text and len(text) <= 200)
    assert all(isinstance(text, str) for text in delivered_texts([payload]))


@settings(max_examples=120, deadline=None)
@given(
    st.lists(PAYLOADS | JSON, max_size=5), st.integers(1, 3), st.sampled_from(["text/event-stream", "application/json"])
)
def test_no_stream_makes_the_watcher_raise(payloads: list, choices: int, content_type: str) -> None:
    """I23: the same for what is seen of a stream."""
    seen = Seen(content_type)
    for payload in payloads:
        seen.keep(b"data: " + json.dumps(payload).encode() + b"\n\n")
    seen.keep(b"data: {garbled\n\n")
    read_answer("chat", seen.answer(), {})
    assert seen.is_finished(choices) in (True, False)
    assert all(isinstance(text, str) for text in delivered_texts(seen.payloads()))


async def test_half_an_emoji_in_an_answer_can_be_exported(
    stub: Stub, client: TrackedOpenAI, tracker: UsageTracker, records: Records
) -> None:
    """I23: it hides in an escape, and would end every export from then on."""
    usage = {"prompt_tokens": 1, "completion_tokens": 1, "\ud83d": "\ude00\0"}
    stub.answers(answer(chat(usage=usage)))
    await client.chat.completions.create(model=MODEL, messages=QUESTION)
    [row] = await records(tracker)
    assert row["raw_usage"] == '{"prompt_tokens": 1, "completion_tokens": 1, "?": "?\\u0000"}'
    async for text in export_text(tracker.database, "jsonl"):
        assert json.loads(text.encode())["raw_usage"]["?"] == "?\0"
