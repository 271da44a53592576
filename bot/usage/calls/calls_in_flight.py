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
from bot.usage.calls.retrieval import Retrieval
from bot.usage.calls.tracked_call import TrackedCall
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
        self._background: dict[str, TrackedCall] = {}  # by the provider's id of the response
        self._expected: dict[str, tuple[str, asyncio.TimerHandle]] = {}  # the same by our id, and until when

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
        if call.id in self._expected:
            self._stop_expecting(call)
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
        if call.opened.id not in self._expected:
            patience = asyncio.get_running_loop().call_later(BACKGROUND_PATIENCE_SECONDS, self._give_up, call)
            self._expected[call.opened.id] = call.background_id, patience

    def retrieval(self, response_id: str | None) -> Retrieval | None:
        """The unsettled call that a retrieved response belongs to. Retrieving any other is no new charge (I2)."""
        call = self._background.get(response_id or "")
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

    def close(self) -> None:
        """Expect nothing any more: what goes on at the provider is booked at the next opening (I21)."""
        for _, patience in self._expected.values():
            patience.cancel()
        self._expected.clear()
        self._background.clear()

    def _stop_expecting(self, call: OpenCall) -> None:
        """It has ended: nothing of it stays in memory for the rest of the day (I24)."""
        response_id, patience = self._expected.pop(call.id)
        patience.cancel()
        found = self._background.get(response_id)
        if found is not None and found.opened.id == call.id:
            del self._background[response_id]

    def _give_up(self, call: TrackedCall) -> None:
        """Nobody has asked for it: its reservation has to end, and it may have been billed in full (I14)."""
        if not call.is_settled:
            call.give_up("never retrieved")

    def _has_landed(self, call: OpenCall) -> None:
        self._in_flight.discard(call.id)
        if not self._in_flight:
            self._landed.set()
