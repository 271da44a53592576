"""Calls that end in every way but well: one record each, at what it may have cost."""

import asyncio
import socket

import httpx2
import openai
import pytest
from pydantic import BaseModel

from bot.usage import TrackedOpenAI, UsageTracker
from bot.usage.calls.tokens import count_tokens
from tests.usage.conftest import Records
from tests.usage.shapes import COST_OF_USAGE, MODEL, QUESTION, TEXT, chat, response
from tests.usage.stub import Stub, answer, drop, error, hang, raw
from tests.usage.test_openai_client import WORST, question_tokens, worst_case


@pytest.mark.parametrize(
    ("status", "kind", "named"),
    [
        (400, openai.BadRequestError, "some_code"),
        (401, openai.AuthenticationError, "some_code"),
        (404, openai.NotFoundError, "some_code"),
        (429, openai.RateLimitError, "some_code"),
        (500, openai.InternalServerError, "some_code"),
    ],
)
async def test_an_error_answer_costs_nothing(
    stub: Stub, client: TrackedOpenAI, tracker: UsageTracker, records: Records, status: int, kind: type, named: str
) -> None:
    """I2, I4, I33: an HTTP error is one record at cost 0, and holds the provider's code but not its words."""
    stub.answers(error(status))
    with pytest.raises(kind):
        await client.chat.completions.create(**WORST)
    [row] = await records(tracker)
    assert (row["status"], row["cost_nano_usd"], row["doubtful_nano_usd"]) == ("error", 0, 0)
    assert (row["input_tokens"], row["output_tokens"], row["estimated"]) == (0, 0, 0)
    assert row["error_type"] == named
    assert "secret" not in str(row)


async def test_retries_are_attempts_of_one_call(
    stub: Stub, client: TrackedOpenAI, tracker: UsageTracker, records: Records
) -> None:
    """I2: two errors and an answer are one record, three attempts, charged once."""
    stub.answers(error(429, retry_after_ms="1"), error(500, retry_after_ms="1"), answer(chat()))
    await client.with_options(max_retries=2).chat.completions.create(**WORST)
    [row] = await records(tracker)
    assert (row["status"], row["attempts"], row["cost_nano_usd"]) == ("ok", 3, COST_OF_USAGE)
    assert row["doubtful_nano_usd"] == 0
    assert len(stub.requests) == 3


async def test_retries_that_all_fail(
    stub: Stub, client: TrackedOpenAI, tracker: UsageTracker, records: Records
) -> None:
    """I2: a 429 to the last attempt is one record of three attempts at cost 0."""
    stub.answers(*[error(429, retry_after_ms="1")] * 3)
    with pytest.raises(openai.RateLimitError):
        await client.with_options(max_retries=2).chat.completions.create(**WORST)
    [row] = await records(tracker)
    assert (row["status"], row["attempts"], row["cost_nano_usd"]) == ("error", 3, 0)


async def test_an_attempt_that_was_never_answered_is_doubtful(
    stub: Stub, client: TrackedOpenAI, tracker: UsageTracker, records: Records
) -> None:
    """I2, I4: the first attempt timed out after it was sent; the provider may have billed it too."""
    stub.answers(hang(), answer(chat()))
    await client.with_options(max_retries=1, timeout=httpx2.Timeout(5, read=0.1)).chat.completions.create(**WORST)
    [row] = await records(tracker)
    assert (row["status"], row["attempts"], row["cost_nano_usd"]) == ("ok", 2, COST_OF_USAGE)
    assert row["doubtful_nano_usd"] == worst_case()


async def test_an_unanswered_attempt_stays_doubtful_when_an_error_answers_the_next(
    stub: Stub, client: TrackedOpenAI, tracker: UsageTracker, records: Records
) -> None:
    """I4: the error costs nothing, but the attempt before it was sent and never answered."""
    stub.answers(drop(), error(400))
    with pytest.raises(openai.BadRequestError):
        await client.with_options(max_retries=1).chat.completions.create(**WORST)
    [row] = await records(tracker)
    assert (row["cost_nano_usd"], row["doubtful_nano_usd"], row["attempts"]) == (0, worst_case(), 2)


@pytest.mark.parametrize("streamed", [False, True])
@pytest.mark.parametrize("scripted", [hang, drop])
async def test_a_call_sent_and_never_answered_is_estimated(
    stub: Stub, client: TrackedOpenAI, tracker: UsageTracker, records: Records, streamed: bool, scripted
) -> None:
    """I4: after a time-out or a lost connection: input as counted is booked, the rest of the worst case is doubtful.

    On the aiohttp transport a server that hangs up looks like a connection never made.
    """
    stub.answers(scripted())
    patient = client.with_options(timeout=httpx2.Timeout(5, read=0.1))
    with pytest.raises(openai.APIConnectionError):
        await patient.chat.completions.create(**WORST, stream=streamed)
    [row] = await records(tracker)
    assert (row["status"], row["estimated"], row["attempts"]) == ("error", 1, 1)
    assert (row["input_tokens"], row["output_tokens"]) == (question_tokens(), 0)
    assert row["cost_nano_usd"] == question_tokens() * 150 > 0
    assert row["cost_nano_usd"] + row["doubtful_nano_usd"] == worst_case()


async def test_a_time_out_on_each_attempt(
    stub: Stub, client: TrackedOpenAI, tracker: UsageTracker, records: Records
) -> None:
    """I2, I4: every attempt that was sent may be billed: the last is estimated, the others are doubtful."""
    stub.answers(hang(), hang())
    impatient = client.with_options(max_retries=1, timeout=httpx2.Timeout(5, read=0.05))
    with pytest.raises(openai.APITimeoutError):
        await impatient.chat.completions.create(**WORST)
    [row] = await records(tracker)
    assert row["attempts"] == 2
    assert row["cost_nano_usd"] + row["doubtful_nano_usd"] == 2 * worst_case()


@pytest.mark.parametrize("streamed", [False, True])
async def test_a_refused_connection_costs_nothing(tracker: UsageTracker, records: Records, streamed: bool) -> None:
    """I4: a connection that was never made costs 0, and nothing is doubtful."""
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
        client = tracker.openai(base_url=f"http://127.0.0.1:{port}/v1", api_key="k", max_retries=1)
        with pytest.raises(openai.APIConnectionError):
            await client.chat.completions.create(**WORST, stream=streamed)
    [row] = await records(tracker)
    assert (row["status"], row["cost_nano_usd"], row["doubtful_nano_usd"]) == ("error", 0, 0)
    assert (row["attempts"], row["estimated"], row["input_tokens"]) == (2, 0, 0)


async def test_a_half_answer_is_estimated(
    stub: Stub, client: TrackedOpenAI, tracker: UsageTracker, records: Records
) -> None:
    """I4: a connection cut inside a whole answer: the provider answered, so it costs something."""
    half = answer(chat())
    half.headers["content-length"] = "9999"
    half.chunked, half.cut = True, True
    half.headers.pop("content-length")
    stub.answers(half)
    with pytest.raises(openai.APIConnectionError):
        await client.chat.completions.create(**WORST)
    [row] = await records(tracker)
    assert row["cost_nano_usd"] == question_tokens() * 150
    assert row["cost_nano_usd"] + row["doubtful_nano_usd"] == worst_case()


async def test_cancelled_before_the_answer(
    stub: Stub, client: TrackedOpenAI, tracker: UsageTracker, records: Records
) -> None:
    """I2, I4: a cancelled call is booked as aborted: input counted, the rest of the worst case doubtful."""
    stub.answers(hang())
    task = asyncio.create_task(client.chat.completions.create(**WORST))
    await stub.arrived.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    [row] = await records(tracker)
    assert (row["status"], row["estimated"], row["error_type"]) == ("aborted", 1, "CancelledError")
    assert row["cost_nano_usd"] + row["doubtful_nano_usd"] == worst_case()


async def test_cancelled_between_attempts(
    stub: Stub, client: TrackedOpenAI, tracker: UsageTracker, records: Records
) -> None:
    """I2: while the SDK sleeps between attempts nothing is at the provider: aborted, at cost 0."""
    stub.answers(error(429, retry_after="30"))
    task = asyncio.create_task(client.with_options(max_retries=1).chat.completions.create(**WORST))
    await stub.arrived.wait()
    await asyncio.sleep(0.1)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    [row] = await records(tracker)
    assert (row["status"], row["cost_nano_usd"], row["doubtful_nano_usd"]) == ("aborted", 0, 0)
    assert row["attempts"] == 1


async def test_cancelled_while_the_intent_is_written(
    stub: Stub, client: TrackedOpenAI, tracker: UsageTracker, records: Records, monkeypatch: pytest.MonkeyPatch
) -> None:
    """I14, I2: the call never left: its reservation ends with it, at cost 0."""
    decide = tracker.ledger._database.decide

    async def slow(*arguments) -> object:
        await asyncio.sleep(0.2)
        return await decide(*arguments)

    monkeypatch.setattr(tracker.ledger._database, "decide", slow)
    task = asyncio.create_task(client.chat.completions.create(**WORST))
    await asyncio.sleep(0.1)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    [row] = await records(tracker)
    assert stub.requests == []
    assert (row["status"], row["cost_nano_usd"], row["doubtful_nano_usd"]) == ("aborted", 0, 0)


async def test_an_answer_that_is_no_json(
    stub: Stub, client: TrackedOpenAI, tracker: UsageTracker, records: Records
) -> None:
    """I2, I4: garbage with status 200 was answered by the provider: booked, estimated, above zero."""
    stub.answers(raw(b'{"id": "x", "choi', "application/json"))
    with pytest.raises(Exception):  # noqa: B017 - the SDK lets a bare JSONDecodeError through
        await client.chat.completions.create(**WORST)
    [row] = await records(tracker)
    assert (row["status"], row["estimated"]) == ("error", 1)
    assert row["cost_nano_usd"] == question_tokens() * 150


async def test_an_answer_without_usage_is_estimated(
    stub: Stub, client: TrackedOpenAI, tracker: UsageTracker, records: Records
) -> None:
    """I4: no usage reported is never usage 0."""
    stub.answers(answer(chat(usage=None)))
    await client.chat.completions.create(**WORST)
    [row] = await records(tracker)
    assert (row["status"], row["estimated"], row["doubtful_nano_usd"]) == ("ok", 1, 0)
    assert (row["input_tokens"], row["output_tokens"]) == (question_tokens(), count_tokens(TEXT, MODEL))
    assert row["cost_nano_usd"] == question_tokens() * 150 + count_tokens(TEXT, MODEL) * 600


class Plan(BaseModel):
    """A structured answer."""

    steps: int


async def test_parse(stub: Stub, client: TrackedOpenAI, tracker: UsageTracker, records: Records) -> None:
    """I1, I2: `chat.completions.parse` and `responses.parse` are booked like any call."""
    stub.answers(answer(chat('{"steps": 3}')), answer(response('{"steps": 4}')))
    parsed = await client.chat.completions.parse(model=MODEL, messages=QUESTION, response_format=Plan)
    assert parsed.choices[0].message.parsed == Plan(steps=3)
    other = await client.responses.parse(model=MODEL, input="plan", text_format=Plan)
    assert other.output_parsed == Plan(steps=4)
    assert [row["cost_nano_usd"] for row in await records(tracker)] == [COST_OF_USAGE] * 2


@pytest.mark.parametrize(
    ("text", "finish", "raised"),
    [('{"ste', "length", openai.LengthFinishReasonError), ('{"steps": "many"}', "stop", ValueError)],
)
async def test_a_parse_that_raises_was_billed_all_the_same(
    stub: Stub, client: TrackedOpenAI, tracker: UsageTracker, records: Records, text: str, finish: str, raised: type
) -> None:
    """I2, I4: the SDK throws the answer away, the provider bills it: its own usage is booked, exactly."""
    payload = chat(text)
    payload["choices"][0]["finish_reason"] = finish
    stub.answers(answer(payload))
    with pytest.raises(raised):
        await client.chat.completions.parse(model=MODEL, messages=QUESTION, response_format=Plan)
    [row] = await records(tracker)
    assert (row["status"], row["cost_nano_usd"], row["estimated"]) == ("error", COST_OF_USAGE, 0)
    assert row["error_type"] == raised.__name__ or "ValidationError" in row["error_type"]
