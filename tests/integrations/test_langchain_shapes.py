"""What LangChain's providers tell of a call, in their own shapes (langchain-core 1.7's `usage_metadata`)."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from langchain_core.messages import AIMessage, AIMessageChunk, HumanMessage
from langchain_core.outputs import ChatGeneration, Generation, LLMResult

from bot.integrations.langchain import TokenTrackingCallbackHandler
from bot.integrations.langchain_shapes import ModelRequest, delivered_texts, read_answer
from bot.usage import PriceList, Usage, UsageTracker, open_tracker
from tests.integrations.conftest import Rows


def result(message: AIMessage, **llm_output: Any) -> LLMResult:
    return LLMResult(generations=[[ChatGeneration(message=message)]], llm_output=llm_output or None)


def told(input_tokens: int, output_tokens: int, read: Any = None, written: Any = None, **more: Any) -> dict[str, Any]:
    """`usage_metadata`."""
    counts = {
        "input_tokens": input_tokens,
        "output_tokens": output_tokens,
        "total_tokens": input_tokens + output_tokens,
    }
    return {**counts, "input_token_details": read or {}, "output_token_details": written or {}, **more}


CLAUDE = told(1000, 100, {"cache_read": 600, "cache_creation": 200})
CLAUDE_BY_LIFETIME = told(
    1000,
    100,
    {"cache_read": 600, "cache_creation": 0, "ephemeral_5m_input_tokens": 150, "ephemeral_1h_input_tokens": 50},
)


@pytest.mark.parametrize(
    ("provider", "model", "usage", "nano_usd"),
    [
        ("openai", "gpt-4o", told(1024, 256), 5_120_000),
        ("openai", "gpt-4o", told(1000, 100, {"cache_read": 600}), 400 * 2500 + 600 * 1250 + 100 * 10_000),
        ("anthropic", "claude-sonnet-4-5", CLAUDE, 200 * 3000 + 600 * 300 + 200 * 3750 + 100 * 15_000),
        ("anthropic", "claude-sonnet-4-5", CLAUDE_BY_LIFETIME, 200 * 3000 + 600 * 300 + 200 * 3750 + 100 * 15_000),
        ("google_genai", "gemini-2.5-flash", told(1000, 300, None, {"reasoning": 200}), 1000 * 300 + 300 * 2500),
        ("google_vertexai", "models/gemini-2.5-flash", told(1000, 300), 1000 * 300 + 300 * 2500),
        ("amazon_bedrock", "us.anthropic.claude-sonnet-4-5-20250929-v1:0", told(1000, 100), 1000 * 3300 + 100 * 16_500),
        ("mistralai", "mistral-large-2411", told(1000, 100), 1000 * 2000 + 100 * 6000),
        ("ollama", "llama3.2", told(1000, 100), 0),
        ("somebody", "gpt-4o", told(1000, 100), None),
    ],
)
async def test_each_provider_is_priced_as_itself(
    tracker: UsageTracker, rows: Rows, provider: str, model: str, usage: Any, nano_usd: int | None
) -> None:
    """I5, I9, I11: parts lie within their totals, and an unknown provider's price is unknown."""
    handler, run_id = TokenTrackingCallbackHandler("ann"), uuid4()
    metadata = {"ls_provider": provider, "ls_model_name": model}
    handler.on_chat_model_start({}, [[HumanMessage("a")]], run_id=run_id, metadata=metadata)
    handler.on_llm_end(result(AIMessage("b", usage_metadata=usage)), run_id=run_id)
    counts = (usage["input_tokens"], usage["output_tokens"])
    assert await rows("provider", "request_model", "input_tokens", "output_tokens", "cost_nano_usd") == [
        (provider, model, *counts, nano_usd)
    ]


async def test_a_call_is_priced_by_its_start(tmp_path: Path) -> None:
    """I10: it began before midnight, when the price was half."""
    prices, now = tmp_path / "prices.toml", [datetime(2026, 3, 1, 23, 59, tzinfo=UTC)]
    entry = '[[model]]\nnames = ["mine"]\ninput = {}\noutput = 0\nsource = "the test"\nas_of = 2026-01-01\n{}\n'
    prices.write_text(entry.format(1, "until = 2026-03-02") + entry.format(2, "from = 2026-03-02"), encoding="utf-8")
    url = f"sqlite:///{tmp_path}/usage.db"
    async with open_tracker(url, console=False, prices=PriceList.load(prices), clock=lambda: now[0]) as tracker:
        handler, run_id = TokenTrackingCallbackHandler("ann"), uuid4()
        handler.on_chat_model_start({}, [[HumanMessage("a")]], run_id=run_id, metadata={"ls_model_name": "mine"})
        now[0] += timedelta(minutes=2)
        handler.on_llm_end(result(AIMessage("b", usage_metadata=told(1000, 1))), run_id=run_id)
        await tracker.force_flush()
        rows = await tracker.database.fetch("SELECT started_at, cost_nano_usd FROM usage_records")
    assert [tuple(row) for row in rows] == [(1_772_409_540_000_000, 1_000_000)]


TIERED = told(
    1000, 200, {"audio": 0, "flex_cache_read": 600, "flex": 400}, {"audio": 0, "flex_reasoning": 150, "flex": 50}
)
OLDER = {"prompt_tokens": 70, "completion_tokens": 30, "total_tokens": 100}
OLDER_CACHED = {**OLDER, "prompt_tokens_details": {"cached_tokens": 50}}


@pytest.mark.parametrize(
    ("answered", "usage"),
    [
        (
            result(AIMessage("b", usage_metadata=TIERED)),
            Usage(input_tokens=1000, cached_input_tokens=600, output_tokens=200, reasoning_output_tokens=150),
        ),
        (
            result(AIMessage("b", usage_metadata=told(90, 80, {"audio": 40}, {"audio": 60}))),
            Usage(input_tokens=90, output_tokens=80, input_audio_tokens=40, output_audio_tokens=60),
        ),
        (  # xAI counts reasoning beside the completion
            result(AIMessage("b", usage_metadata=told(50, 10, None, {"reasoning": 200}, total_tokens=260))),
            Usage(input_tokens=50, output_tokens=210, reasoning_output_tokens=200),
        ),
        (result(AIMessage("b"), token_usage=OLDER), Usage(input_tokens=70, output_tokens=30)),
        (
            result(AIMessage("b", response_metadata={"token_usage": OLDER_CACHED})),
            Usage(input_tokens=70, cached_input_tokens=50, output_tokens=30),
        ),
        (
            LLMResult(generations=[[Generation(text="b")]], llm_output={"token_usage": OLDER}),
            Usage(input_tokens=70, output_tokens=30),
        ),
        (result(AIMessage("b", usage_metadata=told(0, 0))), None),
        (result(AIMessage("b"), token_usage={}), None),
        (result(AIMessage("b"), token_usage={"prompt_tokens": "many"}), None),
        (LLMResult(generations=[]), None),
        (LLMResult(generations=[[]]), None),
        (None, None),
    ],
)
def test_usage_in_every_shape(answered: LLMResult | None, usage: Usage | None) -> None:
    """I4, I5: "no usage" is never usage 0, and parts lie within their totals."""
    answer = read_answer(answered)
    assert answer.usage == usage
    assert (answer.raw_usage is None) == (usage is None)
    assert answer.flagged is None


def test_who_served_it() -> None:
    """I11, I12: the model and tier that the answer names; a provider's id, not one that LangChain made up."""
    said = {"model_name": "gpt-4o-2024-08-06", "service_tier": "priority", "id": "chatcmpl-7"}
    answer = read_answer(result(AIMessage("b", id="lc_run--1", response_metadata=said, usage_metadata=told(5, 2))))
    assert (answer.model, answer.service_tier, answer.response_id) == ("gpt-4o-2024-08-06", "priority", "chatcmpl-7")
    assert answer.raw_usage is not None
    assert '"input_tokens": 5' in answer.raw_usage
    assert read_answer(result(AIMessage("b", id="lc_run--1"))).response_id is None
    assert read_answer(result(AIMessage("b", id="msg_1"))).response_id == "msg_1"
    assert read_answer(result(AIMessage("b"), model_name="m")).model == "m"


def test_what_contradicts_itself_is_flagged() -> None:
    """I5: kept, and flagged."""
    answer = read_answer(result(AIMessage("b", usage_metadata=told(10, 5, {"cache_read": 60}))))
    assert answer.flagged == "cached_input_tokens"


def test_what_was_written_is_counted_whole() -> None:
    """I4: tools' arguments and reasoning are output too."""
    call = {"name": "schedule", "args": {"week": 3}, "id": "1"}
    whole = AIMessage("text", tool_calls=[call], additional_kwargs={"reasoning_content": "hm"})
    piece = AIMessageChunk("te", tool_call_chunks=[{"name": "schedule", "args": '{"we', "id": "1", "index": 0}])
    assert delivered_texts(result(whole)) == ["text", "hm", 'schedule{"week": 3}']
    assert delivered_texts(result(piece)) == ["te", 'schedule{"we']


def test_what_was_asked() -> None:
    """The model's name by LangChain's own key, else by its clients'; the prompt as OpenAI would have it."""
    weather = {"type": "function", "function": {"name": "schedule"}}
    request = ModelRequest.read(
        [HumanMessage("a")], {"invocation_params": {"model_id": "m", "tools": [weather]}, "metadata": None}
    )
    assert (request.model, request.provider) == ("m", None)
    assert request.body() == {"model": "m", "messages": [{"role": "user", "content": "a"}], "tools": [weather]}
    odd = ModelRequest.read([HumanMessage([{"type": "made_up", "x": 1}, {"type": "text", "text": "b"}])], {})
    assert odd.model == "unknown"
    assert "b" in str(odd.body()["messages"])
    assert ModelRequest.read("text", {}).body() == {"model": "unknown", "prompt": "text"}
