"""The calls that have left and haven't ended: put on the books before, settled after, waited for at the end."""

import asyncio
from collections import Counter
from collections.abc import Callable, Coroutine, Mapping
from contextlib import suppress
from datetime import datetime
from typing import Any

import httpx2

from bot.usage.bookkeeping.keeper import Keeper
from bot.usage.bookkeeping.witness import note_admission
from bot.usage.budgeting.events import Events, refusal_event
from bot.usage.calls.endpoints import Endpoint
from bot.usage.calls.intent import adds_usage, open_call
from bot.usage.calls.providers import provider_of
from bot.usage.calls.request_tokens import estimate_request_async
from bot.usage.calls.tracked_call import Retrieval, TrackedCall
from bot.usage.errors import CallRefusedError, QuotaExceededError
from bot.usage.pricing.prices import PriceList
from bot.usage.records import OpenCall, Settlement, UsageRecord

BACKGROUND_LIMIT = 10_000
"""Responses in the background that are waited for at once; beyond it the oldest end when their patience does."""
BACKGROUND_PATIENCE_SECONDS = 86_400.0
"""After a day a response that nobody has retrieved with its usage is booked at its worst case."""


class CallsInFlight:
    """The door's way to the ledger. `on_settled` hears of each call as it ends, before that is durable.

    `refused` counts the calls that weren't let through since this process started, by `CallRefusedError.cause`.
    """

    def __init__(
        self,
        prices: PriceList,
        ledger: Keeper,
        clock: Callable[[], datetime],
        events: Events,
        on_settled: Callable[[UsageRecord], None],
    ) -> None:
        self.prices = prices
        self.ledger = ledger
        self.refused: Counter[str] = Counter()
        self._clock = clock
        self._events = events
        self._on_settled = on_settled
        self._in_flight: set[str] = set()
        self._landed = asyncio.Event()
        self._settling: set[asyncio.Task[None]] = set()
        self._background: dict[str, TrackedCall] = {}
        self._patience: dict[str, asyncio.TimerHandle] = {}

    def __len__(self) -> int:
        return len(self._in_flight)

    async def admit(
        self, endpoint: Endpoint, body: Mapping[str, Any], *, base_url: httpx2.URL, streamed: bool
    ) -> TrackedCall:
        """Put a call on the books at its worst case. When this returns it may leave. Raises `CallRefusedError`."""
        estimate = await estimate_request_async(endpoint.api, body)
        provider = provider_of(base_url)
        opened = open_call(
            endpoint, body, estimate,
            prices=self.prices, provider=provider, at=self._clock(), operation=self.ledger.rules.operation,
        )  # fmt: skip
        opened = await self.admitted(opened)
        note_admission()
        self._in_flight.add(opened.id)
        self._landed.clear()
        asks = adds_usage(endpoint, body, streamed=streamed)
        return TrackedCall(self, opened, body, estimate.input_tokens, provider.price_id, adds_usage=asks)

    async def admitted(self, call: OpenCall) -> OpenCall:
        """The call as the ledger admits it; a refusal is counted and told. Raises `CallRefusedError`."""
        try:
            return await self.ledger.admit(call)
        except CallRefusedError as error:
            self.refused[error.cause] += 1
            if isinstance(error, QuotaExceededError) and not error.result.is_busy:
                self._events.fire([refusal_event(error.user_id, call.attribution.operation, error.result)])
            raise

    def settle(self, call: OpenCall, settled: Settlement) -> None:
        """Queue how a call ended."""
        self._has_landed(call)
        if (patience := self._patience.pop(call.id, None)) is not None:
            patience.cancel()  # which lets go of the call: else it would stay in memory for the rest of the day
        self.ledger.settle(call, settled)
        self._on_settled(UsageRecord(call, settled))

    def settle_later(self, settling: Coroutine[Any, Any, None]) -> None:
        """Own a settlement that must count tokens first."""
        task = asyncio.get_running_loop().create_task(settling)
        self._settling.add(task)
        task.add_done_callback(self._settling.discard)

    def expect_background(self, call: TrackedCall) -> None:
        """A response goes on at the provider: whoever retrieves it with its usage first, settles this call."""
        while len(self._background) >= BACKGROUND_LIMIT:
            self._background.pop(next(iter(self._background)))
        self._background[call.background_id] = call
        self._has_landed(call.opened)
        if call.opened.id not in self._patience:
            loop = asyncio.get_running_loop()
            self._patience[call.opened.id] = loop.call_later(BACKGROUND_PATIENCE_SECONDS, self._stop_expecting, call)

    def retrieval(self, response_id: str | None) -> Retrieval | None:
        """The unsettled call that a retrieved response belongs to. Retrieving any other is no new charge (I2)."""
        call = self._background.get(response_id or "")
        if call is not None and call.is_settled:
            del self._background[call.background_id]
            return None
        return Retrieval(call) if call is not None else None

    async def landed(self, patience_seconds: float) -> None:
        """Wait until every call has ended, at most so long."""
        if self._in_flight:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._landed.wait(), patience_seconds)

    async def settled(self, patience_seconds: float | None = None) -> None:
        """Wait until those that ended and must count tokens first are with the ledger, at most so long."""
        while self._settling:
            # Not gather: whoever gives up waiting must not cancel the settlements with it.
            await asyncio.wait(self._settling, timeout=patience_seconds)
            if patience_seconds is not None:
                return

    def _stop_expecting(self, call: TrackedCall) -> None:
        """Nobody has asked for it: its reservation has to end, and it may have been billed in full (I14)."""
        self._background.pop(call.background_id, None)
        if not call.is_settled:
            call.give_up("never retrieved")

    def _has_landed(self, call: OpenCall) -> None:
        self._in_flight.discard(call.id)
        if not self._in_flight:
            self._landed.set()
