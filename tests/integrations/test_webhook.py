"""The webhook: signed as the specification says, batched, tried again, bounded, and to one address only."""

import asyncio
import base64
import json
import logging
from typing import Any

import pytest

from bot.integrations import webhook
from bot.integrations.webhook import Webhook, read_secret, signature
from bot.usage import UsageTracker
from bot.usage.budgeting.alert_rows import AlertKind
from bot.usage.budgeting.events import quota_events, refusal_event, status_event
from bot.usage.errors import QuotaResult
from bot.usage.records import UsageRecord
from tests.integrations.receiver import Received, Receiver
from tests.usage.making import NOW, a_call, a_settlement

KEY = b"k" * 32


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(webhook, "GATHER_SECONDS", 0.05)
    monkeypatch.setattr(webhook, "RETRY_SECONDS", (0.01, 0.01))


def message(got: Received) -> dict[str, Any]:
    """A request's body, once its signature is verified as a receiver does it."""
    timestamp = int(got.headers["webhook-timestamp"])
    assert got.headers["webhook-signature"] == signature(KEY, got.headers["webhook-id"], timestamp, got.body)
    assert got.headers["Content-Type"] == "application/json"
    return json.loads(got.body)


async def opened(tracker: UsageTracker, url: str, **how: Any) -> Webhook:
    outlet = Webhook(url, KEY, **how)
    await outlet.listen(tracker)
    return outlet


async def book(tracker: UsageTracker, count: int = 1) -> None:
    for number in range(count):
        call = a_call(operation=f"op{number}", user_id="ann", metadata={"note": "secret words"})
        tracker.ledger.record(UsageRecord(call, a_settlement(raw_usage='{"secret": 1}')))
    await tracker.force_flush()


def test_the_specifications_own_vector() -> None:
    """https://github.com/standard-webhooks/standard-webhooks: secret, id, timestamp, payload and what they make."""
    key = read_secret("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    made = signature(key, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, b'{"test": 2432232314}')
    assert made == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
    assert read_secret("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw") == key


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("whsec_not base64", "is no Base64"),
        ("whsec_" + base64.b64encode(b"short").decode(), "has 5 bytes; the specification wants 24 to 64"),
        ("", "has 0 bytes; the specification wants 24 to 64"),
    ],
)
def test_a_secret_that_is_none(text: str, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        read_secret(text)


async def test_booked_calls_come_together(tracker: UsageTracker, receiver: Receiver) -> None:
    """I33: one message for those that are booked at once, each as an export has it, without the caller's metadata."""
    outlet = await opened(tracker, f"{receiver.url}/hook")
    await book(tracker, 3)
    [got] = await receiver.arrived(1)
    await outlet.close(5)
    told = message(got)
    assert (got.path, told["type"], len(receiver.received), outlet.dropped) == ("/hook", "calls.settled", 1, 0)
    calls = told["data"]["calls"]
    assert [call["operation"] for call in calls] == ["op0", "op1", "op2"]
    shown = (
        "started_at",
        "status",
        "guild_id",
        "user_id",
        "provider",
        "request_model",
        "input_tokens",
        "cost_nano_usd",
    )
    assert {name: calls[0][name] for name in shown} == {
        "started_at": NOW.isoformat(timespec="microseconds"), "status": "ok", "guild_id": "1", "user_id": "ann",
        "provider": "openai", "request_model": "gpt-4o-mini", "input_tokens": 10, "cost_nano_usd": 5_000,
    }  # fmt: skip
    assert b"secret" not in got.body


async def test_thresholds_and_quotas(tracker: UsageTracker, receiver: Receiver) -> None:
    """A budget's threshold by whoever takes it up, with the budget's unit; of a person's events those about quotas."""
    outlet = await opened(tracker, receiver.url)
    budget = await tracker.set_budget(scope="guild", guild_id=1, period="total", limit_usd="0.00001", mode="soft")
    await book(tracker, 2)
    taken = await tracker.alerts.take_up()
    assert await tracker.alerts.take_up() == []
    await tracker.alerts.fire(AlertKind.PROVIDER_KEY, 1, "openai")
    await tracker.alerts.take_up()
    used_up = QuotaResult(False, "used up", True, 0)
    tracker.events.fire([*quota_events("ann", 0, 9_000, 10_000), refusal_event("ann", "chat", used_up)])
    tracker.events.fire([status_event("ann", "free", "premium")])
    await asyncio.sleep(0)
    await outlet.close(5)
    told = [message(got) for got in receiver.received]
    assert [one["type"] for one in told] == [
        "calls.settled", "budget.threshold_reached", "provider.key_refused", "quota.warning", "quota.critical",
        "quota.exceeded",
    ]  # fmt: skip
    assert told[1]["data"] == {
        "id": taken[-1].id, "guild_id": "1", "budget_id": budget.id, "scope": "guild", "period": "total", "unit": "usd",
        "key": "", "period_start": None, "threshold": 100, "used": 10_000, "limit": 10_000,
        "fired_at": taken[-1].fired_at.isoformat(),
    }  # fmt: skip
    quota = {"user_id": "ann", "tokens_used": 9_000, "monthly_limit": 10_000, "percentage": 90.0}
    assert [one["data"] for one in told[3:]] == [
        quota,
        quota,
        {"user_id": "ann", "operation": "chat", "reason": "used up"},
    ]
    assert (told[2]["data"]["budget_id"], told[2]["data"]["unit"], told[2]["data"]["key"]) == (None, None, "openai")


async def test_what_fails_is_tried_again_under_its_id(tracker: UsageTracker, receiver: Receiver) -> None:
    """A receiver that has seen the id knows the message; a redirect is an answer like any other."""
    receiver.statuses.extend([500, 302])
    outlet = await opened(tracker, receiver.url)
    await book(tracker)
    first, second, third = await receiver.arrived(3)
    await outlet.close(5)
    assert {(got.path, got.headers["webhook-id"]) for got in (second, third)} == {("/", first.headers["webhook-id"])}
    assert message(first) == message(third)
    assert (len(receiver.received), outlet.dropped) == (3, 0)


async def test_what_is_never_taken_is_dropped_and_counted(
    tracker: UsageTracker, receiver: Receiver, caplog: pytest.LogCaptureFixture
) -> None:
    """I35: after the last attempt, and the next message has its own; the log has the trouble, not the address."""
    receiver.statuses.extend([500] * 3)
    outlet = await opened(tracker, f"{receiver.url}/secret-path")
    with caplog.at_level(logging.WARNING):
        await book(tracker, 2)
        await receiver.arrived(3)
        await book(tracker)
        [first, *_, fourth] = await receiver.arrived(4)
    await outlet.close(5)
    assert first.headers["webhook-id"] != fourth.headers["webhook-id"]
    assert outlet.dropped == 2
    assert caplog.messages == ["the webhook has lost 2 events so far: it answers 500"]


async def test_an_address_that_is_gone_is_left_alone(tracker: UsageTracker, receiver: Receiver) -> None:
    """By the specification: 410 ends it."""
    receiver.statuses.append(410)
    outlet = await opened(tracker, receiver.url)
    await book(tracker)
    await receiver.arrived(1)
    await asyncio.sleep(0.05)
    await book(tracker, 2)
    await outlet.close(5)
    assert (len(receiver.received), outlet.dropped) == (1, 3)
