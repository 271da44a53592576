"""Events: the names and properties of the guide, once for each crossing, and never in the way of a call."""

import asyncio
import logging

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.usage import UsageTracker
from bot.usage.budgeting.events import (
    Event,
    EventKind,
    Events,
    premium_uses,
    prompt_event,
    quota_events,
    refusal_event,
    status_event,
)
from bot.usage.errors import QuotaResult
from bot.usage.records import Status
from tests.usage.making import a_call, a_record, a_settlement

BOTH_DATABASES = True


def test_the_names_and_properties_of_the_guide():
    """Row D8."""
    quota = QuotaResult(False, "used up", True, 0)
    gated = QuotaResult(False, "premium", True, 9_000, premium_required=True)
    assert refusal_event("3", "chat", quota) == Event(
        EventKind.QUOTA_EXCEEDED, "3", {"operation": "chat", "reason": "used up"}
    )
    assert refusal_event("3", "draft", gated) == Event(
        EventKind.FEATURE_GATED, "3", {"feature": "draft", "reason": "premium"}
    )
    assert prompt_event("3", "draft", 800, gated) == Event(
        EventKind.UPGRADE_PROMPT_SHOWN, "3", {"feature": "draft", "tokens_needed": 800, "tokens_remaining": 9_000}
    )
    assert status_event("3", "free", "premium") == Event(
        EventKind.SUBSCRIPTION_STATUS_CHANGED,
        "3",
        {"old_status": "free", "new_status": "premium", "plan_type": "premium"},
    )
    assert {kind.value for kind in EventKind} == {
        "quota_warning",
        "quota_critical",
        "quota_exceeded",
        "upgrade_prompt_shown",
        "feature_gated",
        "premium_feature_used",
        "subscription_status_changed",
    }


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        (0, 7_999, []),
        (7_999, 8_000, [("quota_warning", 80.0)]),
        (8_000, 8_999, []),
        (8_999, 9_000, [("quota_critical", 90.0)]),
        (9_000, 9_001, []),
        (0, 15_000, [("quota_warning", 150.0), ("quota_critical", 150.0)]),
        (15_000, 16_000, []),
    ],
)
def test_crossings(before: int, after: int, expected: list[tuple[str, float]]):
    """I19, for a person's own quota."""
    found = quota_events("3", before, after, 10_000)
    assert [(event.kind.value, event.properties["percentage"]) for event in found] == expected
    assert all(event.properties["tokens_used"] == after for event in found)
    assert all(event.properties["monthly_limit"] == 10_000 for event in found)


@given(st.lists(st.integers(0, 40), max_size=30), st.integers(1, 200))
def test_each_crossing_is_told_once_however_the_calls_fall(calls: list[int], limit: int):
    """I19: one event a threshold that was reached, none for one that wasn't."""
    told: list[str] = []
    used = 0
    for tokens in calls:
        told += [event.kind.value for event in quota_events("3", used, used + tokens, limit)]
        used += tokens
    assert told.count("quota_warning") == int(used * 100 >= 80 * limit)
    assert told.count("quota_critical") == int(used * 100 >= 90 * limit)


def test_without_a_limit_nothing_is_crossed():
    assert quota_events("3", 0, 10**9, None) == []
    assert quota_events("3", 0, 1, 0) == []


async def test_a_callback_that_fails_reaches_nobody(caplog: pytest.LogCaptureFixture):
    """I23, I33: neither who fired the event nor the next subscriber; and the log has no text of the error's."""
    events, seen = Events(), []

    def fails(event: Event) -> None:
        raise ValueError("secret text")

    events.on_event(fails)
    events.on_event(seen.append)
    event = Event(EventKind.PREMIUM_FEATURE_USED, "3", {"feature": "draft"})
    with caplog.at_level(logging.ERROR):
        events.fire([event, event])
        assert seen == [], "told after what caused it, not in its way"
        await asyncio.sleep(0)
    assert seen == [event, event]
    assert caplog.messages == ["a subscriber failed on premium_feature_used: ValueError"] * 2


async def test_premium_uses_are_told_once_booked(tracker: UsageTracker):
    """Row D8: answered calls of premium operations, from the books."""
    seen: list[Event] = []
    tracker.on_event(seen.append)
    tracker.define_operation("email_draft", premium=True)
    tracker.define_operation("chat")
    for operation, user, status in (
        ("email_draft", "3", Status.OK),
        ("email_draft", "3", Status.ERROR),
        ("email_draft", None, Status.OK),
        ("chat", "3", Status.OK),
    ):
        call = a_call(operation=operation, user_id=user)
        await tracker.ledger.admit(call)
        tracker.ledger.settle(call, a_settlement(status=status))
    await tracker.force_flush()
    await asyncio.sleep(0)
    assert seen == [Event(EventKind.PREMIUM_FEATURE_USED, "3", {"feature": "email_draft"})]
    assert premium_uses([a_record()], {"email_draft"}) == []
