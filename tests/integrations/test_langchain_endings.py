"""How LangChain's calls end besides well, with its own client and through our door: one record each, always."""

import asyncio
from typing import Any
from uuid import uuid4

import openai
import pytest
from langchain_core.messages import HumanMessage
from langchain_openai import ChatOpenAI

from bot.integrations.langchain import attach_token_tracking
from bot.integrations.langchain_runs import _under_way
from bot.usage import BudgetExceededError, UsageTracker
from tests.integrations.conftest import Rows
from tests.usage import shapes
from tests.usage.shapes import COST_OF_USAGE
from tests.usage.stub import Stub, answer, drop, error, hang, sse

CONFIG = attach_token_tracking({"configurable": {"user_id": "ann", "thread_id": "t"}}, "my_agent")
QUESTION = shapes.QUESTION[0]["content"]
WHAT = ("status", "estimated", "input_tokens", "output_tokens", "cost_nano_usd", "error_type")
ASKED = 19
"""Tokens of the question."""
pytestmark = pytest.mark.usefixtures("nothing_left_over")


@pytest.fixture
async def nothing_left_over() -> Any:
    yield
    assert not _under_way


async def fails(chat: ChatOpenAI, **how: Any) -> None:
    with pytest.raises(Exception):  # noqa: B017 - whatever LangChain makes of it
        await chat.ainvoke(QUESTION, CONFIG, **how)


async def test_an_error_answer_costs_nothing(chat: ChatOpenAI, stub: Stub, rows: Rows) -> None:
    """I2, I4: on the books as failed, with no tokens."""
    stub.answers(error(429, "rate_limit_exceeded"))
    await fails(chat)
    assert await rows(*WHAT) == [("error", 0, 0, 0, 0, "rate_limit_exceeded")]


async def test_a_connection_never_made_costs_nothing(chat: ChatOpenAI, rows: Rows) -> None:
    """I4: nothing left."""
    nowhere = ChatOpenAI(model="gpt-4o-mini", base_url="http://127.0.0.1:9/v1", api_key="k", max_retries=0)
    await fails(nowhere)
    assert await rows(*WHAT[:5]) == [("error", 0, 0, 0, 0)]


async def test_a_lost_connection_may_have_been_billed(chat: ChatOpenAI, stub: Stub, rows: Rows) -> None:
    """I4: sent and never answered: the input as counted, marked estimated."""
    stub.answers(drop())
    await fails(chat)
    assert await rows(*WHAT[:5]) == [("error", 1, ASKED, 0, ASKED * 150)]


async def test_a_time_out_may_have_been_billed(stub: Stub, rows: Rows) -> None:
    stub.answers(hang())
    await fails(ChatOpenAI(model="gpt-4o-mini", base_url=stub.url, api_key="k", max_retries=0, timeout=0.2))
    assert await rows(*WHAT[:5]) == [("error", 1, ASKED, 0, ASKED * 150)]


async def test_a_stream_cut_off_costs_what_it_delivered(chat: ChatOpenAI, stub: Stub, rows: Rows) -> None:
    stub.answers(sse(shapes.chunks()[:6], done=False, cut=True))
    said = ""
    with pytest.raises(Exception):  # noqa: B017 - as above
        async for chunk in chat.astream(QUESTION, CONFIG):
            said += chunk.text
    assert said == "First create the channels, then"
    assert await rows(*WHAT[:5]) == [("error", 1, ASKED, 6, ASKED * 150 + 6 * 600)]


async def test_an_answer_cut_short_is_billed_in_full(chat: ChatOpenAI, stub: Stub, rows: Rows) -> None:
    """I4: a form that the output cap cut off raises, and its usage is with the error."""
    short = shapes.chat('{"wee')
    short["choices"][0]["finish_reason"] = "length"
    stub.answers(answer(short))
    form = {"type": "json_schema", "json_schema": {"name": "f", "schema": {"type": "object"}}}
    await fails(chat, response_format=form)
    assert await rows(*WHAT) == [("error", 0, 1000, 200, COST_OF_USAGE, "LengthFinishReasonError")]


async def left_early(chat: ChatOpenAI) -> None:
    stream = chat.astream(QUESTION, CONFIG)
    async for chunk in stream:
        if chunk.text:
            break
    await stream.aclose()


async def cancelled(chat: ChatOpenAI) -> None:
    task = asyncio.create_task(chat.ainvoke(QUESTION, CONFIG))
    await asyncio.sleep(0.15)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def timed_out(chat: ChatOpenAI) -> None:
    try:
        async with asyncio.timeout(0.15):
            await chat.ainvoke(QUESTION, CONFIG)
    except TimeoutError:
        return
    pytest.fail("nothing hung")


GONE = [(left_early, 1), (cancelled, 0), (timed_out, 0)]


@pytest.mark.parametrize(("leave", "delivered"), GONE)
async def test_a_caller_that_goes_away(chat: ChatOpenAI, stub: Stub, rows: Rows, leave: Any, delivered: int) -> None:
    """I2, I4: LangChain says nothing of a cancelled `ainvoke`; it is on the books all the same, and the next is too."""
    stub.answers(sse(shapes.chunks(), pause_at=3) if delivered else hang())
    await leave(chat)
    async with asyncio.timeout(5):
        while _under_way:  # what hangs on a cancelled call is let go of a moment later
            await asyncio.sleep(0.01)
    assert [row[:5] for row in await rows(*WHAT)] == [("aborted", 1, ASKED, delivered, ASKED * 150 + delivered * 600)]
    await chat.ainvoke(QUESTION, CONFIG)
    assert [row[0] for row in await rows(*WHAT)] == ["aborted", "ok"]


async def test_a_cancelled_call_whose_run_somebody_remembers(chat: ChatOpenAI, stub: Stub, rows: Rows) -> None:
    """I2: a tracer that waits for the run's end for good doesn't keep it from the books."""
    stub.answers(hang())
    run_id = uuid4()
    task = asyncio.create_task(chat.ainvoke(QUESTION, {**CONFIG, "run_id": run_id}))
    await asyncio.wait_for(stub.arrived.wait(), 5)
    task.cancel()
    await asyncio.wait([task])
    assert await rows(*WHAT) == [("aborted", 1, ASKED, 0, ASKED * 150, "CancelledError")]


async def test_a_sync_stream_that_is_left(chat: ChatOpenAI, stub: Stub, rows: Rows) -> None:
    stub.answers(sse(shapes.chunks(), pause=0.01))

    def leave() -> None:
        for chunk in chat.stream(QUESTION, CONFIG):
            if chunk.text:
                break

    await asyncio.to_thread(leave)
    assert await rows(*WHAT) == [("aborted", 1, ASKED, 1, ASKED * 150 + 600, "GeneratorExit")]


@pytest.mark.parametrize("way", ["ainvoke", "astream", "abatch", "agenerate", "responses", "fails", "drops", "cut"])
async def test_what_the_door_has_booked_is_not_booked_again(
    through_the_door: ChatOpenAI, stub: Stub, rows: Rows, way: str
) -> None:
    """I2: one record a call, the door's own, with the names that the config gave it."""
    chat = through_the_door
    match way:
        case "ainvoke":
            await chat.ainvoke(QUESTION, CONFIG)
        case "astream":
            stub.answers(sse(shapes.chunks()))
            assert "".join([chunk.text async for chunk in chat.astream(QUESTION, CONFIG)]) == shapes.TEXT
        case "abatch":
            await chat.abatch([QUESTION] * 3, CONFIG)
        case "agenerate":
            await chat.agenerate([[HumanMessage(QUESTION)]] * 3, callbacks=CONFIG["callbacks"])
        case "responses":
            stub.answers(answer(shapes.response()))
            await chat.model_copy(update={"use_responses_api": True}).ainvoke(QUESTION, CONFIG)
        case "fails":
            stub.answers(error(500, "server_error"))
            await fails(chat)
        case "drops":
            stub.answers(drop())
            await fails(chat)
        case "cut":
            stub.answers(sse(shapes.chunks()[:6], done=False, cut=True))
            with pytest.raises(Exception):  # noqa: B017 - as above
                await chat.ainvoke(QUESTION, CONFIG, stream=True)
    api = "responses" if way == "responses" else "chat"
    calls = 3 if way in ("abatch", "agenerate") else 1
    assert await rows("api", "user_id", "session_id", "agent_name") == [(api, "ann", "t", "my_agent")] * calls
    assert len(stub.requests) == calls


@pytest.mark.parametrize(("leave", "delivered"), GONE)
async def test_a_caller_that_goes_away_from_the_door(
    through_the_door: ChatOpenAI, stub: Stub, rows: Rows, leave: Any, delivered: int
) -> None:
    """I2: what was abandoned is settled by the door, once."""
    stub.answers(sse(shapes.chunks(), pause_at=3) if delivered else hang())
    await leave(through_the_door)
    async with asyncio.timeout(5):
        while await rows("api", "status") != [("chat", "aborted")]:
            await asyncio.sleep(0.05)
    await through_the_door.ainvoke(QUESTION, CONFIG)
    assert await rows("api", "status") == [("chat", "aborted"), ("chat", "ok")]


async def test_a_refused_call_is_no_failed_one(
    tracker: UsageTracker, through_the_door: ChatOpenAI, stub: Stub, rows: Rows
) -> None:
    """I13: the door holds LangChain to budgets; what it refuses never left, and has no record."""
    await tracker.set_budget(scope="guild", scope_id=1, guild_id=1, period="day", limit_usd="0", mode="hard")
    config = attach_token_tracking({"configurable": {"guild_id": 1}})
    with pytest.raises(BudgetExceededError):
        await through_the_door.ainvoke(QUESTION, config)
    assert (await rows("id"), stub.requests) == ([], [])


async def test_the_sync_calls_of_a_model_over_the_door(through_the_door: ChatOpenAI, rows: Rows) -> None:
    """I2: these go over LangChain's own sync client, past the door: they are booked here."""
    await through_the_door.ainvoke(QUESTION, CONFIG)
    await asyncio.to_thread(through_the_door.invoke, QUESTION, CONFIG)
    assert await rows("api", "cost_nano_usd") == [("chat", COST_OF_USAGE), ("by hand", COST_OF_USAGE)]


async def test_a_readers_own_call_is_not_the_streams(
    tracker: UsageTracker, chat: ChatOpenAI, stub: Stub, rows: Rows
) -> None:
    """I2, I7: while it reads a stream that isn't the door's, somebody calls the door: both calls are booked."""
    client = tracker.openai(base_url=stub.url, api_key="k", max_retries=0)
    stub.answers(sse(shapes.chunks()))
    async for chunk in chat.astream(QUESTION, CONFIG, stream_usage=True):
        if "draft" in chunk.text:
            await client.chat.completions.create(model="gpt-4o-mini", messages=[{"role": "user", "content": "a"}])
    expected = [("by hand", "ann", COST_OF_USAGE), ("chat", None, COST_OF_USAGE)]
    assert sorted(await rows("api", "user_id", "cost_nano_usd")) == expected


async def test_the_door_called_after_langchain_is_on_its_own(
    tracker: UsageTracker, chat: ChatOpenAI, stub: Stub, rows: Rows
) -> None:
    """I7: a run's names end with it."""
    client: openai.AsyncOpenAI = tracker.openai(base_url=stub.url, api_key="k", max_retries=0)
    await chat.ainvoke(QUESTION, CONFIG)
    await client.chat.completions.create(model="gpt-4o-mini", messages=[{"role": "user", "content": "a"}])
    await chat.ainvoke(QUESTION, attach_token_tracking())
    assert await rows("api", "user_id", "agent_name") == [
        ("by hand", "ann", "my_agent"),
        ("chat", None, None),
        ("by hand", None, None),
    ]
