"""What happened to somebody's quota or subscription, for whoever subscribed: analytics, an operator's own code.

Names and properties are those of the guide that callers of the library know. Ids, counts and names only (I33).
"""

import asyncio
import logging
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from bot.usage.budgeting.quotas import FULL, percentage
from bot.usage.errors import QuotaResult
from bot.usage.records import Status, UsageRecord

log = logging.getLogger(__name__)


class EventKind(StrEnum):
    """What happened. `llm_call_made` isn't among them: booked calls reach their own subscribers."""

    QUOTA_WARNING = "quota_warning"
    QUOTA_CRITICAL = "quota_critical"
    QUOTA_EXCEEDED = "quota_exceeded"
    UPGRADE_PROMPT_SHOWN = "upgrade_prompt_shown"
    FEATURE_GATED = "feature_gated"
    PREMIUM_FEATURE_USED = "premium_feature_used"
    SUBSCRIPTION_STATUS_CHANGED = "subscription_status_changed"


CROSSINGS = {80: EventKind.QUOTA_WARNING, 90: EventKind.QUOTA_CRITICAL}
"""Percentages of a person's quota that are told when they are crossed."""


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that happened to one person. `properties` are as the kind says; tokens are counts, no money."""

    kind: EventKind
    user_id: str
    properties: Mapping[str, Any] = field(default_factory=dict)


EventCallback = Callable[[Event], None]


class Events:
    """Who wants to know. Whoever fires an event never waits for it, and never hears of a callback's fault."""

    def __init__(self) -> None:
        self._callbacks: list[EventCallback] = []

    def on_event(self, callback: EventCallback) -> None:
        """Call `callback` with each event from now on, on the event loop, after what caused it. It must not block."""
        self._callbacks.append(callback)

    def fire(self, events: Iterable[Event]) -> None:
        """Tell everybody in the loop's next turn. Call it on the event loop."""
        found = tuple(events)
        if found and self._callbacks:
            asyncio.get_running_loop().call_soon(self._tell, found)

    def _tell(self, events: tuple[Event, ...]) -> None:
        for event in events:
            for callback in self._callbacks:
                try:
                    callback(event)
                except Exception as error:  # noqa: BLE001 - one subscriber's fault must not reach the next
                    log.error("a subscriber failed on %s: %s", event.kind, type(error).__name__)  # noqa: TRY400 - I33


def quota_events(user_id: str, used_before: int, used_after: int, limit: int | None) -> list[Event]:
    """What a booked call makes of a person's quota: one event for each crossing of 80 and 90 %, lowest first.

    Told by the transaction that changes the counter, with what it was before and after, each crossing is told once.
    """
    if not limit:
        return []
    share = percentage(used_after, limit)
    properties = {"tokens_used": used_after, "monthly_limit": limit, "percentage": share}
    return [
        Event(kind, user_id, properties)
        for threshold, kind in CROSSINGS.items()
        if used_before * FULL < threshold * limit <= used_after * FULL
    ]


def refusal_event(user_id: str, operation: str, result: QuotaResult) -> Event:
    """A quota refused somebody an operation: `feature_gated` where it is for premium members, else `quota_exceeded`."""
    if result.premium_required:
        return Event(EventKind.FEATURE_GATED, user_id, {"feature": operation, "reason": result.reason})
    return Event(EventKind.QUOTA_EXCEEDED, user_id, {"operation": operation, "reason": result.reason})


def prompt_event(user_id: str, operation: str, tokens_needed: int, result: QuotaResult) -> Event:
    """Somebody was shown that an upgrade would help."""
    properties = {
        "feature": operation,
        "tokens_needed": tokens_needed,
        "tokens_remaining": result.tokens_remaining,
    }
    return Event(EventKind.UPGRADE_PROMPT_SHOWN, user_id, properties)


def status_event(user_id: str, old: str, new: str) -> Event:
    """Somebody's tier changed."""
    properties = {"old_status": old, "new_status": new, "plan_type": new}
    return Event(EventKind.SUBSCRIPTION_STATUS_CHANGED, user_id, properties)


def premium_uses(records: Iterable[UsageRecord], premium_operations: Collection[str]) -> list[Event]:
    """What booked calls tell of premium operations: one event for each answered call somebody made of one."""
    return [
        Event(EventKind.PREMIUM_FEATURE_USED, user_id, {"feature": record.call.attribution.operation})
        for record in records
        if (user_id := record.call.attribution.user_id) is not None
        and record.settlement.status is Status.OK
        and record.call.attribution.operation in premium_operations
    ]
