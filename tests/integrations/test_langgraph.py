"""The guide's LangGraph workflow, as it stands there but for names."""

import time
from typing import Any, TypedDict
from uuid import UUID

import pytest
from langchain_openai import ChatOpenAI
from langgraph.graph import END, StateGraph

from bot.integrations.langchain import attach_token_tracking
from bot.integrations.langgraph import check_quota
from bot.usage import NoTrackerError, UsageTracker, get_tracker
from tests.integrations.conftest import Rows
from tests.usage import shapes
from tests.usage.stub import Stub

USER, SESSION = "7f3c1f6e-0d4b-4c39-9a3e-2f4f5a8a1b11", "0b8f6c2a-93f1-4b52-8a53-6d1f4f0c9e22"


class TaskWorkflowState(TypedDict):
    user_id: str
    session_id: str
    task_description: str
    enriched_task: dict
    error: str | None
    quota_check_passed: bool


def task_enrichment_workflow(llm: ChatOpenAI) -> Any:
    """Example 3, both nodes of it."""

    async def enrich_task_node(state: TaskWorkflowState) -> TaskWorkflowState:
        if not state["quota_check_passed"]:
            # Skip if quota check failed
            return state

        tracker = get_tracker()
        user_id = UUID(state["user_id"])
        session_id = UUID(state["session_id"])

        # Make LLM call
        start_time = time.time()

        prompt = f"Enrich this task: {state['task_description']}"
        response = await llm.ainvoke(prompt)

        duration_ms = (time.time() - start_time) * 1000

        # Track the call
        await tracker.track_llm_call(
            user_id=user_id,
            operation_type="task_enrichment",
            model="gpt-4o-mini",
            input_tokens=response.response_metadata["token_usage"]["prompt_tokens"],
            output_tokens=response.response_metadata["token_usage"]["completion_tokens"],
            session_id=session_id,
            intent="enrich_task",
            metadata={"workflow": "task_graph"},
            duration_ms=duration_ms,
        )

        state["enriched_task"] = {"original": state["task_description"], "enriched": response.content}

        return state

    return compiled(enrich_task_node)


def compiled(enrich_task_node: Any) -> Any:
    # Build LangGraph workflow
    workflow = StateGraph(TaskWorkflowState)

    # Add nodes
    workflow.add_node("check_quota", check_quota("task_enrichment"))
    workflow.add_node("enrich_task", enrich_task_node)

    # Define edges
    workflow.set_entry_point("check_quota")
    workflow.add_edge("check_quota", "enrich_task")
    workflow.add_edge("enrich_task", END)

    # Compile
    return workflow.compile()


def asked(**more: Any) -> dict[str, Any]:
    return {"user_id": USER, "session_id": SESSION, "task_description": "Plan week 3", "error": None, **more}


WHAT = ("user_id", "session_id", "operation", "input_tokens", "output_tokens", "cost_nano_usd")
ENRICHED = (USER, SESSION, "task_enrichment", 1000, 200, shapes.COST_OF_USAGE)


async def test_a_task_within_its_quota_is_enriched(tracker: UsageTracker, chat: ChatOpenAI, rows: Rows) -> None:
    """D4: checked, called, tracked."""
    done = await task_enrichment_workflow(chat).ainvoke(asked())
    assert done["enriched_task"] == {"original": "Plan week 3", "enriched": shapes.TEXT}
    assert (done["quota_check_passed"], done["error"]) == (True, None)
    assert await rows(*WHAT) == [ENRICHED]
    summary = await tracker.get_quota_summary(USER)
    assert (summary["monthly"]["used"], summary["operation_breakdown"]) == (1200, {"task_enrichment": 1200})


async def test_beyond_the_quota_nothing_is_called(
    tracker: UsageTracker, chat: ChatOpenAI, stub: Stub, rows: Rows
) -> None:
    """D4: the reason is in the state, and the model isn't asked."""
    await tracker.track_usage(user_id=USER, model="gpt-4o-mini", input_tokens=9000, output_tokens=1000)
    done = await task_enrichment_workflow(chat).ainvoke(asked())
    expected = await tracker.check_operation_allowed(USER, "task_enrichment")
    assert (done["quota_check_passed"], done["error"]) == (False, expected.reason)
    assert expected.reason
    assert "enriched_task" not in done
    assert stub.requests == []
    assert len(await rows("id")) == 1


async def test_the_same_workflow_tracked_by_its_config(chat: ChatOpenAI, rows: Rows) -> None:
    """B1, D4: LangGraph hands the config's callbacks to what its nodes call; nothing is tracked by hand."""

    async def enrich_task_node(state: TaskWorkflowState) -> dict[str, Any]:
        if not state["quota_check_passed"]:
            return {}
        response = await chat.ainvoke(f"Enrich this task: {state['task_description']}")
        return {"enriched_task": {"enriched": response.content}}

    config = attach_token_tracking(
        {"configurable": {"user_id": USER, "thread_id": SESSION}}, operation="task_enrichment"
    )
    done = await compiled(enrich_task_node).ainvoke(asked(), config)
    assert done["enriched_task"] == {"enriched": shapes.TEXT}
    assert await rows(*WHAT) == [ENRICHED]


async def test_a_given_tracker_and_a_server(tracker: UsageTracker) -> None:
    """The server's tier counts where the state names a server; a state without a user is a mistake, not nobody."""
    await tracker.quotas.set_rule(42, f"user:{USER}", "exempt")
    await tracker.track_usage(user_id=USER, model="gpt-4o-mini", input_tokens=9000, output_tokens=1000)
    node = check_quota("task_enrichment", tracker=tracker)
    assert await node({"user_id": USER, "guild_id": "42"}) == {"quota_check_passed": True}
    assert (await node({"user_id": USER}))["quota_check_passed"] is False
    with pytest.raises(KeyError, match="user_id"):
        await node({"session_id": SESSION})


async def test_without_an_open_tracker() -> None:
    with pytest.raises(NoTrackerError):
        await check_quota("task_enrichment")({"user_id": USER})
