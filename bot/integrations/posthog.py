"""PostHog: the seven events of the guide, under pseudonyms, sent in batches by PostHog's own client.

A person's pseudonym is a keyed hash of their id. The key is random and kept in our database alone (`PSEUDONYM_KEY`), so
PostHog can't tell who is who; erasing a person deletes it, and then nobody can.
"""

import asyncio
import hashlib
import hmac
import logging
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any

from posthog import Posthog

from bot.integrations.closing import ended_within
from bot.usage.bookkeeping.claims import PSEUDONYM_KEY
from bot.usage.budgeting.events import Event, EventKind
from bot.usage.errors import UsageError
from bot.usage.records import Kind, Status, UsageRecord
from bot.usage.tracker import UsageTracker

log = logging.getLogger(__name__)

LLM_CALL_MADE = "llm_call_made"
SENT = frozenset(EventKind) - {EventKind.QUOTA_WARNING}
"""The guide's events; PostHog isn't told of 80 % of a quota."""
QUEUE_LIMIT = 10_000
"""Events that wait for PostHog at most; further ones are dropped and counted."""
KEY_SECONDS = 60.0
"""How often the key is read again: for so long after an erasure the old one may still be used."""
ATTEMPT_SECONDS = 10.0
_OWN = frozenset({"$lib", "$lib_version", "$is_server", "$geoip_disable", "$process_person_profile"})
"""Of the properties that PostHog's client adds, those that PostHog needs; the others tell of this machine."""


class PostHog:
    """Tells one PostHog project what happens. `dropped` counts the events that it won't hear of."""

    name = "posthog"

    def __init__(self, api_key: str, host: str | None = None, *, queue_limit: int = QUEUE_LIMIT) -> None:
        self._refused = self._failed = 0
        self._key: bytes | None = None
        self._reading: asyncio.Task[None] | None = None
        self._client = Posthog(
            api_key,
            host=host,
            gzip=True,
            max_queue_size=queue_limit,
            timeout=ATTEMPT_SECONDS,
            on_error=self._batch_failed,
            before_send=_without_machine,
        )

    @property
    def dropped(self) -> int:
        """How many events are lost: there was no room for them, or PostHog never took them."""
        return self._refused + self._failed

    async def listen(self, tracker: UsageTracker) -> None:
        """Send what happens from now on."""
        self._tracker = tracker
        await self._read_key()
        self._reading = asyncio.create_task(self._read_key_forever(), name="pseudonym key")
        tracker.subscribe(self._calls_made)
        tracker.on_event(self._happened)

    async def close(self, seconds: float) -> None:
        """Send what is queued, for at most so long."""
        if self._reading is not None:
            self._reading.cancel()
            await asyncio.gather(self._reading, return_exceptions=True)
        if not await ended_within(seconds, self._client.shutdown):
            log.warning("PostHog didn't take the last events in time")

    def pseudonym(self, user_id: str) -> str | None:
        """What PostHog knows a person by; None while the key couldn't be read yet."""
        if self._key is None:
            return None
        return hmac.new(self._key, user_id.encode("utf-8", "replace"), hashlib.sha256).hexdigest()[:32]

    def _calls_made(self, records: Sequence[UsageRecord]) -> None:
        for record in records:
            if record.call.kind is Kind.LLM:
                settled = record.settlement
                properties = {
                    "operation": record.call.attribution.operation,
                    "model": record.model,
                    "tokens_used": settled.usage.total_tokens,
                    "duration_ms": settled.duration_ms,
                    "success": settled.status is Status.OK,
                }
                at = record.call.started_at + timedelta(milliseconds=settled.duration_ms)
                self._send(LLM_CALL_MADE, record.call.attribution.user_id, properties, at)

    def _happened(self, event: Event) -> None:
        if event.kind in SENT:
            self._send(event.kind.value, event.user_id, event.properties, self._tracker.clock())

    def _send(self, name: str, user_id: str | None, properties: Mapping[str, Any], at: datetime) -> None:
        """Queue one event. Nobody's event (a call without a user) makes no person in PostHog."""
        who = self.pseudonym(user_id) if user_id is not None else None
        if user_id is not None and who is None:
            self._refuse("its names for people can't be made without the books")
            return
        whose = {"distinct_id": who} if who is not None else {}
        if self._client.capture(name, properties=dict(properties), timestamp=at, **whose) is None:
            self._refuse("its queue is full")

    def _refuse(self, why: str) -> None:
        if not self._refused:
            log.warning("PostHog isn't told everything from now on: %s", why)
        self._refused += 1

    def _batch_failed(self, error: Exception, batch: Sequence[object]) -> None:
        """Called in the client's thread when it has given a batch up."""
        self._failed += len(batch)
        log.warning("PostHog took none of %d events: %s", len(batch), type(error).__name__)

    async def _read_key(self) -> None:
        with suppress(UsageError):  # it is read again soon; without one nobody is named
            self._key = bytes.fromhex(await self._tracker.claims.secret(PSEUDONYM_KEY))

    async def _read_key_forever(self) -> None:
        while True:
            await asyncio.sleep(KEY_SECONDS)
            await self._read_key()


def _without_machine(event: dict[str, Any]) -> dict[str, Any]:
    """The guide's properties alone, as its readers expect them."""
    properties = event["properties"]
    kept = {name: value for name, value in properties.items() if name in _OWN or not name.startswith("$")}
    return {**event, "properties": kept}
