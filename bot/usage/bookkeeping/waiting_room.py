"""Calls that would fit a budget, but for the calls in flight: they wait a while for some of these to end."""

import asyncio
from collections.abc import Callable, Sequence

from bot.usage.bookkeeping.batch import Intent

LOOK_AGAIN_SECONDS = 0.2
"""How often they look for room that other processes have left; what ends in this one calls them at once."""


class WaitingRoom:
    """Holds intents until `call` is called with all of them, in the order in which they came."""

    def __init__(self, call: Callable[[Sequence[Intent]], None]) -> None:
        self._call = call
        self._waiting: list[Intent] = []
        self._timer: asyncio.TimerHandle | None = None

    def __len__(self) -> int:
        return len(self._waiting)

    def take(self, intent: Intent) -> bool:
        """Let it wait, unless its patience is at an end."""
        loop = asyncio.get_running_loop()
        if loop.time() >= intent.patience_ends:
            return False
        self._waiting.append(intent)
        if self._timer is None:
            self._timer = loop.call_later(LOOK_AGAIN_SECONDS, self.empty)
        return True

    def empty(self) -> None:
        """Call everybody who waits."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        waiting, self._waiting = self._waiting, []
        if waiting:
            self._call(waiting)
