"""Usage as providers send it, right and wrong: read, kept as sent, flagged, and never raising."""

import json
from decimal import Decimal

import pytest

from bot.usage import PriceList, TrackedOpenAI, Usage, UsageTracker
from bot.usage.calls.answers import MAX_REPORTED, delivered_texts, json_objects, read_answer, read_usage
from bot.usage.calls.tokens import count_tokens
from bot.usage.records import TOKEN_FIELDS, utc_now
from tests.usage.conftest import Records
from tests.usage.shapes import COST_OF_USAGE, MODEL, QUESTION, TEXT, chat, response
from tests.usage.stub import Stub, answer, raw
from tests.usage.test_openai_client import question_tokens

CHAT = {
    "prompt_tokens": 5000,
    "completion_tokens": 1000,
    "prompt_tokens_details": {"cached_tokens": 3000, "cache_write_tokens": 500, "audio_tokens": 100},
    "completion_tokens_details": {"reasoning_tokens": 600, "audio_tokens": 50},
}
RESPONSES = {
    "input_tokens": 5000,
    "output_tokens": 1000,
    "input_tokens_details": {"cached_tokens": 3000, "cache_write_tokens": 500, "audio_tokens": 100},
    "output_tokens_details": {"reasoning_tokens": 600, "audio_tokens": 50},
}


def test_both_shapes_are_one_usage(prices: PriceList) -> None:
    """I5: Chat Completions and Responses say the same in other words, and it costs the same."""
    usages = read_usage(CHAT, "chat"), read_usage(RESPONSES, "responses")
    assert usages[0] == usages[1] == Usage(5000, 3000, 500, 1000, 600, 100, 50)
    costs = {prices.price(usage, "gpt-4o", at=utc_now()).cost_nano_usd for usage in usages}
    assert len(costs) == 1
    assert None not in costs


@pytest.mark.parametrize(
    ("raw_usage", "expected"),
    [
        ({"prompt_tokens": 7}, Usage(input_tokens=7)),
        ({"prompt_tokens": 7, "completion_tokens": None}, Usage(input_tokens=7)),
        ({"prompt_tokens": 0, "completion_tokens": 0}, Usage()),
        ({"prompt_tokens": 5.0, "completion_tokens": 2.0}, Usage(input_tokens=5, output_tokens=2)),
        ({"prompt_tokens": 9, "prompt_cache_hit_tokens": 4}, Usage(input_tokens=9, cached_input_tokens=4)),
        ({"type": "duration", "seconds": 12.5}, Usage(audio_seconds=Decimal("12.5"))),
        ({"type": "duration", "seconds": 3}, Usage(audio_seconds=Decimal(3))),
        (
            {"type": "tokens", "input_tokens": 14, "output_tokens": 45, "input_token_details": {"audio_tokens": 10}},
            Usage(input_tokens=14, output_tokens=45, input_audio_tokens=10),
        ),
        (
            {"input_tokens": 9, "cached_tokens_details": 3, "input_tokens_details": {"cached_tokens_details": []}},
            Usage(input_tokens=9),
        ),
    ],
)
def test_shapes(raw_usage: dict, expected: Usage) -> None:
    """I12, I5: every shape of usage that providers send."""
    assert read_usage(raw_usage, "chat") == expected


@pytest.mark.parametrize(
    "raw_usage",
    [
        {},
        {"prompt_tokens": None},
        {"total_tokens": 12},
        {"prompt_tokens": "12", "completion_tokens": 3},
        {"prompt_tokens": -1, "completion_tokens": 3},
        {"prompt_tokens": 1e30, "completion_tokens": 3},
        {"prompt_tokens": 10**400, "completion_tokens": 3},
        {"prompt_tokens": float("nan")},
        {"prompt_tokens": float("inf")},
        {"prompt_tokens": 1.5},
        {"prompt_tokens": True},
        {"prompt_tokens": [], "completion_tokens": {}},
        {"prompt_tokens": 1, "completion_tokens": MAX_REPORTED + 1},
        {"type": "duration", "seconds": -3},
        {"type": "duration", "seconds": 1e299},
        {"type": "duration", "seconds": "long"},
        {"type": "duration"},
    ],
)
def test_what_is_no_usage_is_none(raw_usage: dict) -> None:
    """I4, I23: what can't be a count is no usage, never usage 0; and it is kept and flagged."""
    assert read_usage(raw_usage, "chat") is None
    read = read_answer("chat", {"usage": raw_usage}, {})
    assert read.usage is None
    assert read.flagged == ("unreadable usage" if raw_usage else None)
    assert (read.raw_usage is None) == (not raw_usage)


@pytest.mark.parametrize(
    ("raw_usage", "flagged"),
    [
        (
            {"prompt_tokens": 10, "completion_tokens": 5, "prompt_tokens_details": {"cached_tokens": 50}},
            "cached_input_tokens",
        ),
        (
            {"prompt_tokens": 10, "completion_tokens": 5, "completion_tokens_details": {"reasoning_tokens": 50}},
            "reasoning_output_tokens",
        ),
        (
            {"prompt_tokens": 10, "completion_tokens": 5, "prompt_tokens_details": {"cached_tokens": -5}},
            "cached_tokens",
        ),
        (
            {"prompt_tokens": 10, "completion_tokens": 5, "prompt_tokens_details": {"cached_tokens": "many"}},
            "cached_tokens",
        ),
        ({"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": -15}, "total_tokens"),
    ],
)
async def test_contradictions_are_kept_flagged_and_never_priced_negative(
    stub: Stub, client: TrackedOpenAI, tracker: UsageTracker, records: Records, raw_usage: dict, flagged: str
) -> None:
    """I5, I12: a record that contradicts itself is on the books as sent, flagged, at a price that is no less than 0."""
    stub.answers(answer(chat(usage=raw_usage)))
    await client.chat.completions.create(model=MODEL, messages=QUESTION)
    [row] = await records(tracker)
    assert row["status"] == "ok"
    assert flagged in row["flagged"]
    assert 0 < row["cost_nano_usd"] <= 10 * 150 + 5 * 600
    assert json.loads(row["raw_usage"]) == raw_usage
    assert all(row[name] >= 0 for name in TOKEN_FIELDS)


@pytest.mark.parametrize(
    "body",
    [
        '{"prompt_tokens": 1e30, "completion_tokens": 1}',
        '{"prompt_tokens": -4, "completion_tokens": 1}',
        '{"prompt_tokens": "4", "completion_tokens": "1"}',
        '{"prompt_tokens": null, "completion_tokens": null}',
        '{"prompt_tokens": NaN, "completion_tokens": Infinity}',
        '{"prompt_tokens": 1.25}',
        '"plenty"',
        "[1, 2]",
        "true",
        "17",
    ],
)
async def test_absurd_usage_loses_no_call(
    stub: Stub, client: TrackedOpenAI, tracker: UsageTracker, records: Records, body: str
) -> None:
    """I23, I4, I12: the person gets the answer; the call is booked, estimated from its text, the absurdity kept."""
    stub.answers(raw(json.dumps(chat(usage="USAGE")).replace('"USAGE"', body).encode(), "application/json"))
    result = await client.chat.completions.create(model=MODEL, messages=QUESTION)
    assert result.choices[0].message.content == TEXT
    [row] = await records(tracker)
    assert (row["status"], row["estimated"], row["flagged"]) == ("ok", 1, "unreadable usage")
    assert (row["input_tokens"], row["output_tokens"]) == (question_tokens(), count_tokens(TEXT, MODEL))
    assert row["cost_nano_usd"] > 0
    assert row["raw_usage"]
    assert tracker.ledger.faults == 0


async def test_names_that_no_database_takes(
    stub: Stub, client: TrackedOpenAI, tracker: UsageTracker, records: Records
) -> None:
    """I23, I2: lone surrogates, NULs and a megabyte of name in an answer don't cost us its record."""
    odd = {"id": "id\ud800\0" + "x" * 1_000_000, "service_tier": "\0", "model": "gpt\udfff"}
    stub.answers(answer({**chat(), **odd}))
    await client.chat.completions.create(model=MODEL, messages=QUESTION)
    [row] = await records(tracker)
    assert (row["status"], row["response_model"], row["service_tier"]) == ("ok", "gpt?", "?")
    assert row["response_id"].startswith("id??x")
    assert len(row["response_id"]) == 200
    assert tracker.ledger.dropped == 0


async def test_an_error_object_beside_an_answer(
    stub: Stub, client: TrackedOpenAI, tracker: UsageTracker, records: Records
) -> None:
    """I2, I33: status 200 with an error inside, as some routers send: an error, by its code, without its words."""
    stub.answers(answer({**chat(), "error": {"code": 502, "message": "private words"}}))
    await client.chat.completions.create(model=MODEL, messages=QUESTION)
    [row] = await records(tracker)
    assert (row["status"], row["error_type"], row["cost_nano_usd"]) == ("error", "502", COST_OF_USAGE)
    assert "private" not in str(row)


def test_reasoning_beside_the_completion_is_paid_for_too() -> None:
    """I5: xAI and Gemini leave reasoning out of completion_tokens; their total gives it away."""
    outside = {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 115}
    usage = read_usage({**outside, "completion_tokens_details": {"reasoning_tokens": 100}}, "chat")
    assert usage == Usage(input_tokens=10, output_tokens=105, reasoning_output_tokens=100)
    assert usage.contradictions() == []


def test_tool_fees_are_counted() -> None:
    """I11: web and file searches are billed by the piece, besides tokens."""
    calls = [{"type": "web_search_call"}, {"type": "file_search_call"}, {"type": "web_search_call"}]
    usage = read_answer("responses", response(output=calls), {}).usage
    assert usage is not None
    assert (usage.web_search_calls, usage.file_search_calls) == (2, 1)
    for body in ({"web_search_options": {}}, {"model": "gpt-4o-search-preview"}):
        usage = read_answer("chat", chat(), body).usage
        assert usage is not None
        assert usage.web_search_calls == 1
    assert read_answer("chat", chat(), {"model": MODEL}).usage == Usage(input_tokens=1000, output_tokens=200)


def test_raw_usage_is_kept_as_sent() -> None:
    """I12: unknown fields, nulls, order."""
    sent = {"zebra": None, "prompt_tokens": 3, "vendor": {"joules": 1.5}, "completion_tokens": 4}
    assert read_answer("chat", {"usage": sent}, {}).raw_usage == json.dumps(sent)


def test_deeply_nested_json_is_survived() -> None:
    """I23: a hundred thousand brackets are no answer, and no crash."""
    assert list(json_objects(b'{"usage":' + b"[" * 100_000)) == []


def test_what_counts_as_delivered() -> None:
    """I4: text once, though the Responses API repeats it when done; sound in base64 is no text."""
    events = [
        {"type": "response.output_text.delta", "delta": "hel", "item_id": "m"},
        {"type": "response.output_text.delta", "delta": "lo", "item_id": "m"},
        {"type": "response.output_text.done", "text": "hello", "item_id": "m"},
        {"type": "response.audio.delta", "delta": "AAAA"},
        {"type": "response.function_call_arguments.delta", "delta": "{}", "item_id": "f"},
        {"type": "note", "delta": "no"},
    ]
    assert delivered_texts(events) == ["hello", "{}"]
    assert delivered_texts([response()]) == delivered_texts([chat()]) == [TEXT]
