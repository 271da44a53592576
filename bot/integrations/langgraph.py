"""A quota check as a node of a LangGraph graph. It needs nothing of LangGraph itself: a node is a function.

workflow.add_node("check_quota", check_quota("task_enrichment"))
"""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from bot.usage import UsageTracker, get_tracker


def check_quota(
    operation: str, *, tracker: UsageTracker | None = None
) -> Callable[[Mapping[str, Any]], Awaitable[dict[str, Any]]]:
    """A node that asks whether `state["user_id"]` may run `operation` (in `state["guild_id"]`, if it is there).

    It sets `quota_check_passed`, and `error` to the reason where it isn't so; the next node looks there. Nothing is
    reserved. Without a `tracker` it is the one open when the node runs. The node raises `DatabaseUnavailableError`,
    `NoTrackerError`, and `KeyError` for a state without a user_id.
    """

    async def node(state: Mapping[str, Any]) -> dict[str, Any]:
        books = tracker or get_tracker()
        guild_id = int(state.get("guild_id") or 0)
        result = await books.check_operation_allowed(state["user_id"], operation, guild_id=guild_id)
        return {"quota_check_passed": True} if result.allowed else {"quota_check_passed": False, "error": result.reason}

    return node
