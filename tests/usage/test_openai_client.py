"""The door: calls booked however they are made, and the caller's own objects back."""

import asyncio
import logging
from pathlib import Path

import httpx2
import openai
import pytest

from bot.usage import LedgerClosedError, PriceList, TrackedOpenAI, UntrackableCallError, UsageTracker, open_tracker
from bot.usage import opened as module
from bot.usage.calls import openai_client
from bot.usage.calls.tokens import count_tokens
from tests.usage.conftest import Records
from tests.usage.shapes import COST_OF_USAGE, MODEL, QUESTION, TEXT, USAGE, chat, chunks
from tests.usage.stub import Stub, answer, sse

WORST = {"model": MODEL, "messages": QUESTION, "max_tokens": 100}


def question_tokens(model: str = MODEL) -> int:
    """Three tokens a message, one for its role, its words, and three for the answer's start."""
    return 3 + 1 + count_tokens(QUESTION[0]["content"], model) + 3


def worst_case() -> int:
    """Nano-USD reserved for `WORST`: input as counted plus 4 a message at $0.15, and 100 tokens at $0.60 a million."""
    return (question_tokens() + 4) * 150 + 100 * 600


async def test_a_call_is_one_record(stub: Stub, client: TrackedOpenAI, tracker: UsageTracker, records: Records) -> None:
    """I2, I12: model, tokens, cost, duration and the usage as sent; the answer is the SDK's own object."""
    stub.answers(answer(chat(service_tier="default"), delay=0.05))
    result = await client.chat.completions.create(model=MODEL, messages=QUESTION)
    assert isinstance(result, openai.types.chat.ChatCompletion)
    assert result.choices[0].message.content == TEXT
    [row] = await records(tracker)
    assert row["status"] == "ok"
    assert row["kind"] == "llm"
    assert row["api"] == "chat"
    assert row["request_model"] == row["response_model"] == MODEL
    assert row["response_id"] == "chatcmpl-1"
    assert row["service_tier"] == "default"
    assert (row["input_tokens"], row["output_tokens"]) == (1000, 200)
    assert row["cost_nano_usd"] == COST_OF_USAGE
    assert row["raw_usage"] == '{"prompt_tokens": 1000, "completion_tokens": 200, "total_tokens": 1200}'
    assert row["attempts"] == 1
    assert row["doubtful_nano_usd"] == row["estimated"] == 0
    assert row["flagged"] is row["error_type"] is row["first_token_ms"] is None
    assert 50 <= row["duration_ms"] < 1000
    assert row["provider"] == "127.0.0.1"


async def test_the_intent_is_stored_before_the_call_leaves(
    stub: Stub, client: TrackedOpenAI, tracker: UsageTracker
) -> None:
    """I21, I2: while the provider works, the row is there, open, at its worst case."""
    stub.answers(answer(chat(), delay=0.2))
    task = asyncio.create_task(client.chat.completions.create(**WORST))
    await stub.arrived.wait()
    found = await tracker.ledger._database.fetch("SELECT status, reserved_nano_usd FROM usage_records")
    assert found == [("open", worst_case())]
    await task


async def test_raw_responses_are_the_usual_ones(
    stub: Stub, client: TrackedOpenAI, tracker: UsageTracker, records: Records
) -> None:
    """I1, I2: `with_raw_response`, which LangChain calls, gives headers and parses as without us."""
    stub.answers(answer(chat(), x_request_id="req_7"))
    raw_response = await client.chat.completions.with_raw_response.create(model=MODEL, messages=QUESTION)
    assert raw_response.request_id == "req_7"
    assert raw_response.parse().choices[0].message.content == TEXT
    [row] = await records(tracker)
    assert (row["cost_nano_usd"], row["status"]) == (COST_OF_USAGE, "ok")


async def test_streaming_responses_of_a_whole_answer(
    stub: Stub, client: TrackedOpenAI, tracker: UsageTracker, records: Records
) -> None:
    """I2: `with_streaming_response`, read as JSON, is booked with its usage."""
    stub.answers(answer(chat()))
    async with client.chat.completions.with_streaming_response.create(model=MODEL, messages=QUESTION) as streaming:
        assert (await streaming.parse()).usage.total_tokens == 1200
    [row] = await records(tracker)
    assert (row["cost_nano_usd"], row["status"], row["estimated"]) == (COST_OF_USAGE, "ok", 0)


async def test_streaming_responses_never_read(
    stub: Stub, client: TrackedOpenAI, tracker: UsageTracker, records: Records
) -> None:
    """I2, I4: opened and left unread: aborted, estimated, above zero."""
    stub.answers(answer(chat()))
    async with client.chat.completions.with_streaming_response.create(**WORST):
        pass
    [row] = await records(tracker)
    assert (row["status"], row["estimated"]) == ("aborted", 1)
    assert row["cost_nano_usd"] + row["doubtful_nano_usd"] == worst_case()


async def test_a_plain_request_through_the_clients_own_post(
    stub: Stub, client: TrackedOpenAI, tracker: UsageTracker, records: Records
) -> None:
    """I1: `client.post` with the SDK's types, the transport's or plain dicts is the same door."""
    stub.answers(answer(chat()), answer(chat()), answer(chat()))
    body = {"model": MODEL, "messages": QUESTION}
    plain = await client.post("/chat/completions", cast_to=httpx2.Response, body=body)
    assert plain.json()["usage"] == USAGE
    await client.post(f"{stub.url}/chat/completions", cast_to=object, body=body)
    await client.post("chat/completions/", cast_to=openai.types.chat.ChatCompletion, body=body)
    assert [row["cost_nano_usd"] for row in await records(tracker)] == [COST_OF_USAGE] * 3


async def test_a_stream_asked_for_behind_the_sdks_back(
    stub: Stub, client: TrackedOpenAI, tracker: UsageTracker, records: Records
) -> None:
    """I3: `extra_body={"stream": True}` makes the provider stream while the SDK reads it whole: same usage."""
    stub.answers(sse(chunks()))
    extra = {"stream": True, "stream_options": {"include_usage": True}}
    create = client.chat.completions.with_raw_response.create
    assert "[DONE]" in (await create(model=MODEL, messages=QUESTION, extra_body=extra)).text
    [row] = await records(tracker)
    assert (row["cost_nano_usd"], row["estimated"]) == (COST_OF_USAGE, 0)


async def test_copies_are_tracked(stub: Stub, client: TrackedOpenAI, tracker: UsageTracker, records: Records) -> None:
    """I1: `with_options` and `copy`, with a transport of their own too, stay on the books."""
    stub.default = lambda _request: answer(chat())
    sent: list[httpx2.Request] = []

    async def note(request: httpx2.Request) -> None:
        sent.append(request)

    async with httpx2.AsyncClient(event_hooks={"request": [note]}) as transport:
        for copy in (
            client.with_options(timeout=3),
            client.copy(api_key="other"),
            client.with_options().copy(),
            client.copy(http_client=transport, max_retries=0),
        ):
            assert isinstance(copy, TrackedOpenAI)
            await copy.chat.completions.create(model=MODEL, messages=QUESTION)
        stub.answers(sse(chunks()))
        async for _ in await copy.chat.completions.create(model=MODEL, messages=QUESTION, stream=True):
            pass
    assert len(sent) == 2  # the whole one and the streamed one
    assert [row["cost_nano_usd"] for row in await records(tracker)] == [COST_OF_USAGE] * 5


async def test_a_transport_of_ones_own(stub: Stub, tracker: UsageTracker, records: Records) -> None:
    """I1: a given `http_client` carries whole answers and streams."""
    stub.answers(answer(chat()), sse(chunks()))
    client = tracker.openai(base_url=stub.url, api_key="k", http_client=httpx2.AsyncClient(headers={"x-mine": "1"}))
    await client.chat.completions.create(model=MODEL, messages=QUESTION)
    async for _ in await client.chat.completions.create(model=MODEL, messages=QUESTION, stream=True):
        pass
    assert [request.headers["x-mine"] for request in stub.requests] == ["1", "1"]
    assert [row["cost_nano_usd"] for row in await records(tracker)] == [COST_OF_USAGE] * 2


async def test_synchronous_clients_are_refused(tracker: UsageTracker) -> None:
    """I1: a synchronous transport would go past the books: refused with words, wherever it is given."""
    with httpx2.Client() as synchronous:
        with pytest.raises(UntrackableCallError, match="synchronous"):
            tracker.openai(api_key="k", http_client=synchronous)
        with pytest.raises(UntrackableCallError, match="synchronous"):
            TrackedOpenAI(api_key="k", http_client=synchronous)
        with pytest.raises(UntrackableCallError, match="synchronous"):
            tracker.openai(api_key="k").with_options(http_client=synchronous)


@pytest.mark.parametrize(
    "connect",
    [
        lambda c: c.realtime.connect(model="gpt-realtime"),
        lambda c: c.beta.realtime.connect(model="gpt-realtime"),
        lambda c: c.realtime.translations.connect(model="gpt-realtime"),
        lambda c: c.responses.connect(),
        lambda c: c.beta.responses.connect(),
        lambda c: c.live.connect(),
        lambda c: c.live.sideband.connect(session_id="s"),
        lambda c: c.live.forks.connect(session_id="s"),
    ],
)
async def test_websockets_are_refused(client: TrackedOpenAI, connect) -> None:
    """I1: a websocket would bypass the door: refused, with what to use instead."""
    for one in (client, client.with_options(timeout=1)):
        with pytest.raises(UntrackableCallError, match="websocket"):
            async with connect(one):
                pass


async def test_calls_outside_any_tracker_are_made_with_one_warning(
    stub: Stub, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """I23: without open books the person still gets the answer; the operator gets one warning."""
    monkeypatch.setattr(module, "_warned", False)
    stub.answers(answer(chat()), sse(chunks(usage=None)))
    async with TrackedOpenAI(base_url=stub.url, api_key="k") as client:
        with caplog.at_level(logging.WARNING):
            await client.chat.completions.create(model=MODEL, messages=QUESTION)
            stream = await client.chat.completions.create(model=MODEL, messages=QUESTION, stream=True)
            assert len([chunk async for chunk in stream]) == len(chunks(usage=None))
    assert len([r for r in caplog.records if "outside any open tracker" in r.message]) == 1
    assert "stream_options" not in stub.bodies[1]


async def test_a_client_without_a_tracker_finds_the_open_one(
    stub: Stub, tracker: UsageTracker, records: Records
) -> None:
    """I1: a `TrackedOpenAI` made by hand is booked by the tracker that is open."""
    stub.answers(answer(chat()))
    async with TrackedOpenAI(base_url=stub.url, api_key="k") as client:
        await client.chat.completions.create(model=MODEL, messages=QUESTION)
    assert [row["cost_nano_usd"] for row in await records(tracker)] == [COST_OF_USAGE]


async def test_after_the_tracker_is_closed_no_call_leaves(stub: Stub, database_url: str, prices) -> None:
    """I1, I21: a call that couldn't be booked any more is refused before it leaves."""
    async with open_tracker(database_url, console=False, prices=prices) as tracker:
        client = tracker.openai(base_url=stub.url, api_key="k")
    with pytest.raises(LedgerClosedError):
        await client.chat.completions.create(model=MODEL, messages=QUESTION)
    assert stub.requests == []


async def test_two_calls_with_one_provider_id_are_two_records(
    stub: Stub, client: TrackedOpenAI, tracker: UsageTracker, records: Records
) -> None:
    """I6: a record's id is ours; a provider that repeats its own loses us nothing."""
    stub.answers(answer(chat()), answer(chat()))
    for _ in range(2):
        await client.chat.completions.create(model=MODEL, messages=QUESTION)
    rows = await records(tracker)
    assert [row["response_id"] for row in rows] == ["chatcmpl-1"] * 2
    assert len({row["id"] for row in rows}) == 2
    assert tracker.get_summary()["total_cost"] == pytest.approx(2 * COST_OF_USAGE / 1e9)


async def test_what_was_served_is_billed(
    stub: Stub, client: TrackedOpenAI, tracker: UsageTracker, records: Records
) -> None:
    """I11: the answer's model and service tier win over the request's, streamed or not."""
    served = {"model": "gpt-4o-2024-08-06", "service_tier": "default"}
    stub.answers(answer(chat(**served)), sse([{**event, **served} for event in chunks()]))
    await client.chat.completions.create(model=MODEL, messages=QUESTION, service_tier="flex")
    async for _ in await client.chat.completions.create(
        model=MODEL, messages=QUESTION, service_tier="flex", stream=True
    ):
        pass
    for row in await records(tracker):
        assert (row["request_model"], row["response_model"]) == (MODEL, "gpt-4o-2024-08-06")
        assert row["service_tier"] == "default"
        assert row["cost_nano_usd"] == 1000 * 2500 + 200 * 10_000


async def test_the_tier_asked_for_counts_where_the_answer_names_none(
    stub: Stub, client: TrackedOpenAI, tracker: UsageTracker, records: Records
) -> None:
    """I11: gpt-5-mini on flex costs half; an answer that says nothing of its tier was served as asked."""
    said = {"model": "gpt-5-mini"}
    stub.answers(answer(chat(**said)), answer(chat(**said)), answer(chat(**said, service_tier="default")))
    for tier in ("flex", "default", "flex"):
        await client.chat.completions.create(model="gpt-5-mini", messages=QUESTION, service_tier=tier)
    flex, standard, not_served_as_asked = [row["cost_nano_usd"] for row in await records(tracker)]
    assert flex * 2 == standard == not_served_as_asked


async def test_a_client_stays_with_its_tracker(
    stub: Stub, client: TrackedOpenAI, tracker: UsageTracker, records: Records, tmp_path: Path, prices: PriceList
) -> None:
    """I7: with two books open, clients and their copies write into their own."""
    stub.default = lambda _request: answer(chat())
    async with open_tracker(f"sqlite:///{tmp_path}/other.db", console=False, prices=prices) as other:
        await client.with_options(timeout=5).chat.completions.create(model=MODEL, messages=QUESTION)
        assert await records(other) == []
    assert len(await records(tracker)) == 1


async def test_a_call_leaves_nothing_behind(stub: Stub, client: TrackedOpenAI) -> None:
    """I2: what is sent after a call, in the same task, is no attempt of it."""
    stub.answers(answer(chat()), answer({}, 400))
    await client.chat.completions.create(model=MODEL, messages=QUESTION)
    with pytest.raises(openai.BadRequestError):
        await client.chat.completions.create(model=MODEL, messages=QUESTION)
    assert openai_client._current.get() is None


async def test_the_sdk_still_calls_the_methods_we_override() -> None:
    """I1: `request` carries every call and `_send_request` every attempt; a new SDK that moves either fails here."""
    base = openai._base_client.AsyncAPIClient
    assert "self._send_request(" in __import__("inspect").getsource(base.request)
    for verb in ("get", "post", "put", "patch", "delete"):
        assert "self.request(" in __import__("inspect").getsource(getattr(base, verb))
