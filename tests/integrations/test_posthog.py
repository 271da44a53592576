"""PostHog: the guide's events with the guide's properties, under pseudonyms that an erasure makes unknown."""

import asyncio
import json
from datetime import timedelta
from typing import Any

from bot.integrations import posthog
from bot.integrations.posthog import PostHog
from bot.usage import UsageTracker
from bot.usage.budgeting.events import premium_uses, prompt_event, quota_events, refusal_event, status_event
from bot.usage.errors import QuotaResult
from bot.usage.records import UNATTRIBUTED, Kind, Status, UsageRecord
from bot.usage.upkeep.erasure import Erasure, remember
from tests.integrations.receiver import Receiver
from tests.usage.making import NOW, a_call, a_settlement

OWN = ("$lib", "$lib_version", "$geoip_disable", "$is_server")
"""What PostHog's client adds to every event."""


def events_of(receiver: Receiver) -> list[dict[str, Any]]:
    assert all(got.path == "/batch/" and got.headers["Content-Encoding"] == "gzip" for got in receiver.received)
    return [event for got in receiver.received for event in json.loads(got.body)["batch"]]


def properties(event: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in event["properties"].items() if name not in OWN}


async def book(tracker: UsageTracker, *records: UsageRecord) -> None:
    for record in records:
        tracker.ledger.record(record)
    await tracker.force_flush()
    await asyncio.sleep(0)


async def test_the_seven_events(tracker: UsageTracker, receiver: Receiver) -> None:
    """Row D8, I33: names and properties to the letter, without a person's id or metadata, and not 80 % of a quota."""
    outlet = PostHog("phc_key", receiver.url)
    await outlet.listen(tracker)
    premium = UsageRecord(a_call(operation="email_draft", user_id="ann"), a_settlement())
    used_up, gated = (
        QuotaResult(False, "used up", True, 0),
        QuotaResult(False, "premium", True, 9, premium_required=True),
    )
    tracker.events.fire(
        [
            refusal_event("ann", "chat", used_up),
            *quota_events("ann", 7_000, 9_000, 10_000),
            prompt_event("ann", "email_draft", 800, gated),
            refusal_event("ann", "email_draft", gated),
            *premium_uses([premium], {"email_draft"}),
            status_event("ann", "free", "premium"),
        ]
    )
    call = a_call(model="gpt-4o", user_id="ann", metadata={"note": "secret words"})
    await book(
        tracker,
        UsageRecord(call, a_settlement(tokens=(1000, 200), duration_ms=1500)),
        UsageRecord(a_call(kind=Kind.EMBEDDING, user_id="ann"), a_settlement()),
        UsageRecord(a_call(kind=Kind.PAYMENT), a_settlement()),
    )
    await outlet.close(5)
    events = events_of(receiver)
    assert {event["event"]: properties(event) for event in events} == {
        "quota_exceeded": {"operation": "chat", "reason": "used up"},
        "quota_critical": {"tokens_used": 9_000, "monthly_limit": 10_000, "percentage": 90.0},
        "upgrade_prompt_shown": {"feature": "email_draft", "tokens_needed": 800, "tokens_remaining": 9},
        "feature_gated": {"feature": "email_draft", "reason": "premium"},
        "premium_feature_used": {"feature": "email_draft"},
        "subscription_status_changed": {"old_status": "free", "new_status": "premium", "plan_type": "premium"},
        "llm_call_made": {
            "operation": "chat", "model": "gpt-4o", "tokens_used": 1200, "duration_ms": 1500, "success": True,
        },
    }  # fmt: skip
    assert len(events) == 7
    assert {event["distinct_id"] for event in events} == {outlet.pseudonym("ann")}
    made = next(event for event in events if event["event"] == "llm_call_made")
    assert made["timestamp"] == (NOW + timedelta(milliseconds=1500)).isoformat()
    assert (json.loads(receiver.received[0].body)["api_key"], outlet.dropped) == ("phc_key", 0)
    assert not any(word in got.body for got in receiver.received for word in (b"ann", b"secret words"))


async def test_nobodys_call_and_a_failed_one(tracker: UsageTracker, receiver: Receiver) -> None:
    """A call outside any context makes no person in PostHog."""
    outlet = PostHog("phc_key", receiver.url)
    await outlet.listen(tracker)
    await book(tracker, UsageRecord(a_call(operation=UNATTRIBUTED), a_settlement(status=Status.ERROR, tokens=(0, 0))))
    await outlet.close(5)
    [event] = events_of(receiver)
    assert properties(event) == {
        "operation": "unattributed", "model": "gpt-4o-mini", "tokens_used": 0, "duration_ms": 7, "success": False,
        "$process_person_profile": False,
    }  # fmt: skip


async def test_pseudonyms(tracker: UsageTracker, receiver: Receiver, monkeypatch: Any) -> None:
    """I34: stable, also in another process; another after an erasure, which leaves nothing to make the old one with."""
    monkeypatch.setattr(posthog, "KEY_SECONDS", 0.01)
    one, other = PostHog("phc_key", receiver.url), PostHog("phc_key", receiver.url)
    assert one.pseudonym("ann") is None
    await one.listen(tracker)
    await other.listen(tracker)
    ann = one.pseudonym("ann")
    assert ann is not None
    assert (len(ann), ann == other.pseudonym("ann"), ann != one.pseudonym("bob")) == (32, True, True)
    await remember(tracker.database, Erasure("bob", 0, tracker.clock()))
    async with asyncio.timeout(5):
        while ann in (one.pseudonym("ann"), other.pseudonym("ann")):
            await asyncio.sleep(0.01)
    assert one.pseudonym("ann") == other.pseudonym("ann")
    await one.close(5)
    await other.close(5)
