"""LangChain's model calls on the books: the guide's own snippets, and every way to call a model."""

import asyncio
import subprocess
import sys
from typing import Any

import pytest
from langchain_core.caches import InMemoryCache
from langchain_core.callbacks import AsyncCallbackManager, BaseCallbackHandler, CallbackManager
from langchain_core.prompts import ChatPromptTemplate
from langchain_core.runnables import RunnableConfig, RunnableLambda
from langchain_core.tools import tool
from langchain_openai import ChatOpenAI, OpenAI
from langgraph.graph import START, MessagesState, StateGraph
from langgraph.prebuilt import ToolNode, tools_condition

from bot.integrations.langchain import TokenTrackingCallbackHandler, attach_token_tracking
from bot.integrations.langchain_runs import _under_way
from bot.sandbox.stand_in_model import StandInModel
from bot.usage import UsageTracker, get_tracker, open_tracker, token_tracking_context
from tests.commands import REPOSITORY
from tests.integrations.conftest import Rows
from tests.usage import shapes
from tests.usage.shapes import COST_OF_USAGE
from tests.usage.stub import Request, Scripted, Stub, answer, sse

WHO = ("user_id", "session_id", "agent_name")
WHAT = ("status", "estimated", "input_tokens", "output_tokens", "cost_nano_usd")
WHOLE = ("ok", 0, 1000, 200, COST_OF_USAGE)
CONFIG: RunnableConfig = {"configurable": {"user_id": "user@example.com", "thread_id": "conversation-123"}}


@tool
def schedule(week: int) -> str:
    """The games of a week."""
    return f"Week {week}: Lions at Bears"


def agent_of(chat: ChatOpenAI) -> Any:
    """An agent: a model with a tool, called until it wants none."""

    async def call_model(state: MessagesState, config: RunnableConfig) -> dict[str, Any]:
        return {"messages": [await chat.bind_tools([schedule]).ainvoke(state["messages"], config)]}

    graph = StateGraph(MessagesState)
    graph.add_node("agent", call_model)
    graph.add_node("tools", ToolNode([schedule]))
    graph.add_edge(START, "agent")
    graph.add_conditional_edges("agent", tools_condition)
    graph.add_edge("tools", "agent")
    return graph.compile()


def wants_the_tool() -> dict[str, Any]:
    call = {"id": "call_1", "type": "function", "function": {"name": "schedule", "arguments": '{"week": 3}'}}
    message = {"role": "assistant", "content": None, "tool_calls": [call]}
    return shapes.chat(choices=[{"index": 0, "finish_reason": "tool_calls", "message": message}])


async def test_the_five_minute_setup(tracker: UsageTracker, chat: ChatOpenAI, stub: Stub, rows: Rows) -> None:
    """I2, I7: the quick start's own lines; each of an agent's model calls is booked once, and is its user's."""
    agent, messages = agent_of(chat), [("user", "Who plays in week 3?")]
    stub.answers(answer(wants_the_tool()), answer(shapes.chat("Lions at Bears.")))

    config: RunnableConfig = {"configurable": {"user_id": "user@example.com", "thread_id": "conversation-123"}}
    config = attach_token_tracking(config, agent_name="my_agent")
    result = await agent.ainvoke({"messages": messages}, config=config)

    assert result["messages"][-1].content == "Lions at Bears."
    mine = ("user@example.com", "conversation-123", "my_agent")
    assert await rows(*WHO, *WHAT) == [(*mine, *WHOLE)] * 2
    assert tracker.get_summary()["total_cost"] == 2 * COST_OF_USAGE / 10**9


async def test_the_page_in_the_docs(tmp_path: Any, chat: ChatOpenAI, stub: Stub) -> None:
    """docs/langchain.md's set-up, run as it stands but for the line that is the guide's own."""
    page = (REPOSITORY / "docs" / "langchain.md").read_text(encoding="utf-8")
    snippet = page.partition("```python\n")[2].partition("```")[0]
    ours = [line for line in snippet.splitlines() if not line.endswith("# theirs")]
    source = "\n    ".join(
        ["async def run():", *ours, "    return await get_tracker().get_user_usage('user@example.com')"]
    )
    names: dict[str, Any] = {"agent": agent_of(chat), "messages": [("user", "Hello")], "get_tracker": get_tracker}
    exec(source.replace("usage.db", f"{tmp_path}/usage.db"), names)
    stats = await names["run"]()
    assert (stats.total_requests, stats.total_tokens, stats.requests_by_agent) == (1, 1200, {"my_agent": 1})


async def test_example_1_a_handler_given_to_a_call(chat: ChatOpenAI, rows: Rows) -> None:
    chat_model, messages = chat, [("user", "Hello")]

    callback = TokenTrackingCallbackHandler(user_id="user@example.com", thread_id="conv-123", agent_name="my_agent")

    result = await chat_model.ainvoke(messages, config={"callbacks": [callback]})

    assert result.content == shapes.TEXT
    assert await rows(*WHO, *WHAT) == [("user@example.com", "conv-123", "my_agent", *WHOLE)]


async def test_example_2_a_helper_function(chat: ChatOpenAI, rows: Rows) -> None:
    agent, input_data, config = chat, "Hello", CONFIG

    def track_my_agent(config: RunnableConfig) -> RunnableConfig:
        return attach_token_tracking(config, agent_name="my_agent")

    config = track_my_agent(config)
    await agent.ainvoke(input_data, config)

    assert await rows(*WHO) == [("user@example.com", "conversation-123", "my_agent")]
    assert CONFIG == {"configurable": {"user_id": "user@example.com", "thread_id": "conversation-123"}}


def streamed(_request: Request) -> Scripted:
    return sse(shapes.chunks())


async def drain(stream: Any) -> None:
    async for _ in stream:
        pass


@pytest.mark.parametrize(
    ("way", "calls"), [("ainvoke", 1), ("invoke", 1), ("abatch", 3), ("batch", 3), ("astream", 1), ("stream", 1)]
)
async def test_every_way_to_call(chat: ChatOpenAI, stub: Stub, rows: Rows, way: str, calls: int) -> None:
    """I2, I3: whole or streamed, sync or async, one or many: one record a call, with the provider's usage."""
    config, asked = attach_token_tracking(CONFIG, "my_agent"), ["a", "b", "c"]
    match way:
        case "ainvoke":
            await chat.ainvoke("a", config)
        case "invoke":
            await asyncio.to_thread(chat.invoke, "a", config)
        case "abatch":
            await chat.abatch(asked, config)
        case "batch":
            await asyncio.to_thread(chat.batch, asked, config)
        case "astream":
            stub.default = streamed
            await drain(chat.astream("a", config, stream_usage=True))
        case "stream":
            stub.default = streamed
            await asyncio.to_thread(list, chat.stream("a", config, stream_usage=True))
    assert await rows(*WHO, *WHAT) == [("user@example.com", "conversation-123", "my_agent", *WHOLE)] * calls
    first_token = [shown for (shown,) in await rows("first_token_ms")]
    assert all((shown is not None) == ("stream" in way) for shown in first_token)
    assert not _under_way


async def test_a_sync_program_of_its_own(tmp_path: Any) -> None:
    """A chain called in the tracker's own thread, as a script does it, is booked at once."""
    async with StandInModel(latency=0, token_delay=0) as model:
        script = f"""
import asyncio, threading
from langchain_openai import ChatOpenAI
from bot.integrations.langchain import attach_token_tracking
from bot.usage import open_tracker
async def main():
    async with open_tracker("sqlite:///{tmp_path}/script.db", console=False) as tracker:
        chat = ChatOpenAI(model="gpt-4o-mini", base_url="{model.base_url}", api_key="k", max_retries=0)
        said = chat.invoke("Hello", attach_token_tracking(agent_name="script"))
        assert tracker.get_summary()["total_tokens"] == said.usage_metadata["total_tokens"] > 0
asyncio.run(main())
"""
        run = await asyncio.create_subprocess_exec(sys.executable, "-c", script, cwd=REPOSITORY)
        assert await run.wait() == 0


async def test_runs_at_the_same_time_are_not_mixed(tracker: UsageTracker, stand_in: StandInModel, rows: Rows) -> None:
    """I7: forty runs of one chain in one process, each with its own person, server and length."""
    chat = ChatOpenAI(model="gpt-4o-mini", base_url=stand_in.base_url, api_key="k", max_retries=0, streaming=True)
    chat.stream_usage = True
    prompt = ChatPromptTemplate.from_messages([("user", "{question}")])
    chain = prompt | RunnableLambda(lambda said: said) | (lambda said: said) | chat

    async def ask(number: int) -> tuple[Any, ...]:
        config = attach_token_tracking({"configurable": {"user_id": number, "guild_id": number % 3}}, f"agent-{number}")
        async with token_tracking_context(operation=f"operation-{number}", channel_id=number):
            said = await chain.ainvoke({"question": "word " * number}, config)
        used = said.usage_metadata
        return (
            str(number), number % 3, number, f"agent-{number}", f"operation-{number}",
            used["input_tokens"], used["output_tokens"],
        )  # fmt: skip

    expected = await asyncio.gather(*(ask(number) for number in range(1, 41)))
    columns = ("user_id", "guild_id", "channel_id", "agent_name", "operation", "input_tokens", "output_tokens")
    assert sorted(await rows(*columns)) == sorted(expected)
    assert len({row[5] for row in expected}) == 40


async def test_details_are_priced_as_the_door_prices_them(
    chat: ChatOpenAI, through_the_door: ChatOpenAI, stub: Stub, rows: Rows
) -> None:
    """I5, I11: cached and reasoning tokens lie within their totals; the model and tier that served win."""
    usage = {
        "prompt_tokens": 1000, "completion_tokens": 200, "total_tokens": 1200,
        "prompt_tokens_details": {"cached_tokens": 600, "audio_tokens": 0},
        "completion_tokens_details": {"reasoning_tokens": 150, "audio_tokens": 0},
    }  # fmt: skip
    served = {"model": "o4-mini-2025-04-16", "service_tier": "flex", "usage": usage}
    stub.default = lambda _request: answer(shapes.chat(**served))
    config = attach_token_tracking(CONFIG)
    await chat.ainvoke("a", config)
    await through_the_door.ainvoke("a", config)
    by_hand, by_door = await rows(
        "request_model", "response_model", "response_id", "service_tier", "cached_input_tokens",
        "reasoning_output_tokens", "price_source", *WHAT,
    )  # fmt: skip
    assert by_hand == by_door
    assert by_hand[:6] == ("gpt-4o-mini", "o4-mini-2025-04-16", "chatcmpl-1", "flex", 600, 150)
    assert by_hand[-5:] == ("ok", 0, 1000, 200, 400 * 550 + 600 * 138 + 200 * 2200)
    assert await rows("api", "provider") == [("by hand", "openai"), ("chat", "127.0.0.1")]


@pytest.mark.parametrize("streams", [False, True])
async def test_without_usage_it_is_counted_and_says_so(chat: ChatOpenAI, stub: Stub, rows: Rows, streams: bool) -> None:
    """I4: "no usage reported" is never the same as "usage 0"."""
    config = attach_token_tracking(CONFIG)
    if streams:
        stub.answers(sse(shapes.chunks(usage=None)))
        await drain(chat.astream([("user", shapes.QUESTION[0]["content"])], config))
    else:
        stub.answers(answer(shapes.chat(usage=None)))
        await chat.ainvoke([("user", shapes.QUESTION[0]["content"])], config)
    # 12 words and signs of the question, and 7 of the frame; 15 of the answer
    assert await rows(*WHAT) == [("ok", 1, 19, 15, 19 * 150 + 15 * 600)]


async def test_a_cached_answer_is_no_call(chat: ChatOpenAI, rows: Rows) -> None:
    """I2: what LangChain's own cache answers never left."""
    chat.cache = InMemoryCache()
    config = attach_token_tracking(CONFIG)
    assert (await chat.ainvoke("a", config)).content == (await chat.ainvoke("a", config)).content
    assert await rows(*WHAT) == [WHOLE]


async def test_prompts_sent_to_a_text_model_at_once_are_one_call(stub: Stub, rows: Rows) -> None:
    """I2: the counts of all stand in the one answer that there was."""
    choices = [{"index": number, "text": "Yes.", "finish_reason": "stop", "logprobs": None} for number in range(3)]
    payload = {"id": "cmpl-1", "object": "text_completion", "created": 1, "model": "gpt-3.5-turbo-instruct"}
    stub.default = lambda _request: answer({**payload, "choices": choices, "usage": shapes.USAGE})
    text_model = OpenAI(model="gpt-3.5-turbo-instruct", base_url=stub.url, api_key="k", max_retries=0)
    await text_model.abatch(["a", "b", "c"], attach_token_tracking(CONFIG))
    assert len(stub.requests) == 1
    assert await rows(*WHAT) == [("ok", 0, 1000, 200, 1000 * 1500 + 200 * 2000)]


class Counting(BaseCallbackHandler):
    """Somebody else's callback."""

    def __init__(self) -> None:
        self.ended = 0

    def on_llm_end(self, *_: Any, **__: Any) -> None:
        self.ended += 1


@pytest.mark.parametrize("manager", [None, CallbackManager, AsyncCallbackManager])
async def test_callbacks_already_there_stay(chat: ChatOpenAI, rows: Rows, manager: Any) -> None:
    """B1: a new config; the one given keeps its own callbacks, which go on being called."""
    theirs = Counting()
    callbacks = [theirs] if manager is None else manager(handlers=[theirs], inheritable_handlers=[theirs])
    given: RunnableConfig = {**CONFIG, "tags": ["t"], "callbacks": callbacks}
    config = attach_token_tracking(attach_token_tracking(given, agent_name="outer"), agent_name="inner")

    handlers = callbacks if manager is None else callbacks.handlers
    assert handlers == [theirs]
    assert config["tags"] == ["t"]
    await chat.ainvoke("a", config)
    assert theirs.ended == 1
    assert await rows(*WHO) == [("user@example.com", "conversation-123", "inner")]


async def test_attaching_to_a_handler_adds_names(tracker: UsageTracker, chat: ChatOpenAI, rows: Rows) -> None:
    """I7: as contexts nest, the later overrides only what it names."""
    handler = TokenTrackingCallbackHandler("ann", "t", "outer", guild_id=4, workflow_id="w", tracker=tracker)
    config = attach_token_tracking({"callbacks": [handler], "configurable": {"thread_id": "u"}}, agent_name="inner")
    await chat.ainvoke("a", config)
    assert await rows(*WHO, "guild_id", "workflow_id") == [("ann", "u", "inner", 4, "w")]


async def test_nothing_is_booked_twice_by_two_handlers(chat: ChatOpenAI, rows: Rows) -> None:
    """I2: one given to the model and one to the call hear of the same run: the call's own books it."""
    chat.callbacks = [TokenTrackingCallbackHandler(user_id="of the model")]
    await chat.ainvoke("a", attach_token_tracking(CONFIG))
    await chat.ainvoke("a")
    assert await rows("user_id") == [("user@example.com",), ("of the model",)]


async def test_configs_name_servers_and_workflows(chat: ChatOpenAI, rows: Rows) -> None:
    """I7: what the config doesn't name comes from the context where the call is made."""
    names = {"operation": "draft", "guild_id": "42", "channel_id": 7, "workflow_id": "w", "execution_id": "e"}
    config = attach_token_tracking({"configurable": {**names, "thread_id": 9}})
    async with token_tracking_context(user_id="of the context", operation="outer"):
        await chat.ainvoke("a", config)
    columns = ("user_id", "session_id", "operation", "guild_id", "channel_id", "workflow_id", "execution_id")
    assert await rows(*columns) == [("of the context", "9", "draft", 42, 7, "w", "e")]
    with pytest.raises(ValueError, match="abc"):
        attach_token_tracking({"configurable": {"guild_id": "abc"}})


async def test_it_never_fails_a_chain(chat: ChatOpenAI, tmp_path: Any, caplog: pytest.LogCaptureFixture) -> None:
    """I23, I33: with the books closed, or wrong arguments from LangChain, the answer comes; no text is logged."""
    async with open_tracker(f"sqlite:///{tmp_path}/closed.db", console=False) as closed:
        pass
    config = attach_token_tracking(CONFIG, tracker=closed)
    assert (await chat.ainvoke("a secret", config)).content == shapes.TEXT
    handler = TokenTrackingCallbackHandler(tracker=closed)
    handler.on_chat_model_start({}, "a secret", run_id=None)
    handler.on_llm_end("a secret", run_id=None)
    assert closed.ledger.faults == 2
    assert "accounting failed: " in caplog.text
    assert "secret" not in caplog.text


async def test_without_an_open_tracker_calls_are_made(chat: ChatOpenAI) -> None:
    """A model call outside any open tracker is made, never a crash."""
    assert (await chat.ainvoke("a", attach_token_tracking(CONFIG))).content == shapes.TEXT
    assert not _under_way


def test_the_books_do_without_langchain() -> None:
    """`import bot.usage` needs none of this; nor does the quota node."""
    script = """
import sys
import bot.usage, bot.integrations.langgraph
print({name.partition(".")[0] for name in sys.modules} & {"langchain_core", "langgraph", "langsmith"})
"""
    done = subprocess.run([sys.executable, "-c", script], cwd=REPOSITORY, capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"
