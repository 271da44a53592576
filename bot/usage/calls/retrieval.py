"""Asking for a response that was made in the background: no new charge, but it may show what the making cost (I2)."""

from collections.abc import Mapping
from typing import Any

from bot.usage.calls.exchange import Exchange, spares_the_caller
from bot.usage.calls.metered_body import End, Seen
from bot.usage.calls.tracked_call import TrackedCall

_OVER = frozenset({"completed", "failed", "cancelled", "incomplete"})


class Retrieval(Exchange):
    """Watches the retrieval of a response made in the background: what first shows its usage settles its call."""

    def __init__(self, call: TrackedCall) -> None:
        super().__init__(call.books.ledger)
        self._call = call

    def failed(self, error: BaseException) -> None:
        """A failed retrieval says nothing of the call."""

    def give_up(self) -> None:
        """Nor does one that can't be read: the call stays open for the next."""

    def answered(self, payload: Mapping[str, Any]) -> None:
        """Settles the call if the response is over; anything else says nothing."""
        if payload.get("usage") or str(payload.get("status")) in _OVER:
            self._call.answered(payload)

    @spares_the_caller
    def body_ended(self, seen: Seen, _end: End, _error: BaseException | None) -> None:
        """A streamed retrieval ended."""
        self.answered(seen.answer())
