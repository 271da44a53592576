"""A signed webhook: booked calls, thresholds and quotas as JSON, by the Standard Webhooks specification.

https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md. Best effort: what can't be
delivered for a while is dropped and counted; the books have it all (`GET /token-usage/all`).
"""

import asyncio
import base64
import binascii
import hashlib
import hmac
import json
import logging
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime
from itertools import islice, takewhile
from typing import Any, NamedTuple

import aiohttp

from bot.usage.budgeting.alert_rows import Alert, AlertKind
from bot.usage.budgeting.events import Event, EventKind
from bot.usage.ids import new_id
from bot.usage.records import UsageRecord
from bot.usage.reporting.export import row_of
from bot.usage.tracker import UsageTracker

log = logging.getLogger(__name__)

CALLS_SETTLED = "calls.settled"
ALERTS = {
    AlertKind.BUDGET: "budget.threshold_reached",
    AlertKind.PROVIDER_KEY: "provider.key_refused",
    AlertKind.PROVIDER_CREDIT: "provider.out_of_credit",
}
EVENTS = {
    EventKind.QUOTA_WARNING: "quota.warning",
    EventKind.QUOTA_CRITICAL: "quota.critical",
    EventKind.QUOTA_EXCEEDED: "quota.exceeded",
}
QUEUE_LIMIT = 5_000
"""Events that wait at most; further ones are dropped and counted."""
CALLS_AT_ONCE = 100
"""Calls in one message at most."""
GATHER_SECONDS = 1.0
"""How long the first call waits for others to share its message with."""
ATTEMPT_SECONDS = 10.0
RETRY_SECONDS = (1.0, 5.0, 30.0, 120.0, 300.0)
"""The pauses before the further attempts; after the last the message is dropped."""
GONE = 410
"""An answer that says: send nothing more, by the specification."""
_SECRET_PREFIX = "whsec_"  # noqa: S105 - what every secret begins with
_NOT_SENT = ("metadata", "raw_usage")


class Queued(NamedTuple):
    """One thing that happened. `at` is UTC."""

    type: str
    at: datetime
    data: Any


def read_secret(text: str) -> bytes:
    """The key in `whsec_…`, or in its Base64 alone. Raises `ValueError` where it is none of 24 to 64 bytes."""
    try:
        key = base64.b64decode(text.removeprefix(_SECRET_PREFIX), validate=True)
    except binascii.Error:
        raise ValueError("is no Base64") from None
    if not 24 <= len(key) <= 64:
        raise ValueError(f"has {len(key)} bytes; the specification wants 24 to 64")
    return key


def signature(key: bytes, message_id: str, timestamp: int, body: bytes) -> str:
    """The header `webhook-signature`: HMAC-SHA256 over id, seconds since 1970 and body."""
    digest = hmac.new(key, f"{message_id}.{timestamp}.".encode() + body, hashlib.sha256).digest()
    return f"v1,{base64.b64encode(digest).decode()}"


class Webhook:
    """Sends to one address of the operator's, one message at a time. `dropped` counts the events it never had."""

    name = "webhook"

    def __init__(self, url: str, key: bytes, *, queue_limit: int = QUEUE_LIMIT) -> None:
        self.dropped = 0
        self._url = url
        self._key = key
        self._queue_limit = queue_limit
        self._queue: deque[Queued] = deque()
        self._more = asyncio.Event()
        self._closing = asyncio.Event()
        self._is_gone = False
        self._task: asyncio.Task[None] | None = None

    async def listen(self, tracker: UsageTracker) -> None:
        """Send what happens from now on."""
        self._tracker = tracker
        self._task = asyncio.create_task(self._send_forever(), name="webhook")
        tracker.subscribe(self._calls_settled)
        tracker.on_event(self._happened)
        tracker.alerts.on_alert(self._alerted)

    async def close(self, seconds: float) -> None:
        """Send what is queued, each message tried once, for at most so long."""
        self._closing.set()
        self._more.set()
        if self._task is not None:
            await asyncio.wait({self._task}, timeout=seconds)
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        self._drop(len(self._queue), "closed before they were delivered")

    def _calls_settled(self, records: Sequence[UsageRecord]) -> None:
        for record in records:
            row = {name: value for name, value in row_of(record).items() if name not in _NOT_SENT}
            self._put(CALLS_SETTLED, row)

    def _happened(self, event: Event) -> None:
        if event.kind in EVENTS:
            self._put(EVENTS[event.kind], {"user_id": event.user_id, **event.properties})

    def _alerted(self, alert: Alert) -> None:
        budgets = self._tracker.ledger.rules.of(alert.guild_id).budgets
        budget = next((found for found in budgets if found.id == alert.budget_id), None)
        data = {
            "id": alert.id,
            "guild_id": str(alert.guild_id),
            "budget_id": alert.budget_id or None,
            "scope": budget and budget.scope.value,
            "period": budget and budget.period.value,
            "unit": budget and budget.unit.value,
            "key": alert.key,
            "period_start": alert.period_start or None,
            "threshold": alert.threshold,
            "used": alert.used,
            "limit": alert.limit,
            "fired_at": alert.fired_at.isoformat(),
        }
        self._put(ALERTS[alert.kind], data)

    def _put(self, kind: str, data: Any) -> None:
        if self._is_gone:
            self.dropped += 1
        elif len(self._queue) >= self._queue_limit:
            self._drop(1, "the queue is full", tell=not self.dropped)
        else:
            self._queue.append(Queued(kind, self._tracker.clock(), data))
            self._more.set()

    def _drop(self, count: int, why: str, *, tell: bool = True) -> None:
        self.dropped += count
        if count and tell:
            log.warning("the webhook has lost %d events so far: %s", self.dropped, why)

    async def _send_forever(self) -> None:
        """Until closing, and then until the queue is empty. What is being delivered stays in the queue till it is."""
        timeout = aiohttp.ClientTimeout(total=ATTEMPT_SECONDS)
        async with aiohttp.ClientSession(timeout=timeout) as session:
            while self._queue or not self._closing.is_set():
                if not self._queue:
                    self._more.clear()
                    await self._more.wait()
                    continue
                batch = await self._next()
                problem = await self._deliver(session, batch)
                for _ in batch:
                    self._queue.popleft()
                if problem is not None:
                    self._drop(len(batch), problem)
                if self._is_gone:
                    return

    async def _next(self) -> list[Queued]:
        """What goes into one message: the calls that follow one another, or one thing of another kind."""
        if self._queue[0].type != CALLS_SETTLED:
            return [self._queue[0]]
        if len(self._queue) < CALLS_AT_ONCE:
            await self._pause(GATHER_SECONDS)
        return list(takewhile(lambda queued: queued.type == CALLS_SETTLED, islice(self._queue, CALLS_AT_ONCE)))

    async def _deliver(self, session: aiohttp.ClientSession, batch: Sequence[Queued]) -> str | None:
        """Try until it is taken; why it isn't, after the last attempt."""
        first, message_id = batch[0], f"msg_{new_id()}"
        data = {"calls": [queued.data for queued in batch]} if first.type == CALLS_SETTLED else first.data
        body = json.dumps({"type": first.type, "timestamp": first.at.isoformat(), "data": data}, default=str).encode()
        problem = ""
        for pause in (*RETRY_SECONDS, None):
            try:
                status = await self._attempt(session, message_id, body)
            except Exception as error:  # noqa: BLE001 - whatever it is, it must not end the sending
                problem = type(error).__name__
            else:
                if 200 <= status < 300:
                    return None
                problem = f"it answers {status}"
                if status == GONE:
                    self._is_gone = True
                    return "it answers 410, so that it is sent nothing more until the next start"
            if pause is None or self._closing.is_set():
                break
            await self._pause(pause)
        return problem

    async def _attempt(self, session: aiohttp.ClientSession, message_id: str, body: bytes) -> int:
        """The status of the answer. A redirect isn't followed: the operator named this address and no other."""
        timestamp = int(self._tracker.clock().timestamp())
        headers = {
            "content-type": "application/json",
            "webhook-id": message_id,
            "webhook-timestamp": str(timestamp),
            "webhook-signature": signature(self._key, message_id, timestamp, body),
        }
        async with session.post(self._url, data=body, headers=headers, allow_redirects=False) as answer:
            return answer.status

    async def _pause(self, seconds: float) -> None:
        """Not at the end, when there is no time for it."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._closing.wait()
