"""What was paid for is kept a while: the same question isn't asked twice, nor by two at the same time."""

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Hashable
from datetime import datetime, timedelta
from typing import Generic, TypeVar
from weakref import WeakValueDictionary

Value = TypeVar("Value")


class PaidOnce(Generic[Value]):
    """Values by key, each for `seconds` of the `clock`'s time, at most `most` of them: the longest unused goes first.

    `worth_keeping` says which are kept at all. Nothing of it outlives the process.
    """

    def __init__(
        self,
        clock: Callable[[], datetime],
        *,
        seconds: float,
        most: int,
        worth_keeping: Callable[[Value], bool] = lambda _: True,
    ) -> None:
        self._clock = clock
        self._seconds = seconds
        self._most = most
        self._worth_keeping = worth_keeping
        self._kept: OrderedDict[Hashable, tuple[datetime, Value]] = OrderedDict()
        # A lock lives for as long as somebody holds it or waits for it.
        self._locks: WeakValueDictionary[Hashable, asyncio.Lock] = WeakValueDictionary()

    async def get(self, key: Hashable, make: Callable[[], Awaitable[Value]]) -> tuple[Value, datetime | None]:
        """The value of `key`, and when it was made (UTC) if that was before: None where `make` has just made it.

        Of two at the same time the second waits. Where the first fails or is cancelled, which only the first is told,
        the second makes it itself.
        """
        lock = self._locks.setdefault(key, asyncio.Lock())
        async with lock:
            if (kept := self._fresh(key)) is not None:
                return kept[1], kept[0]
            value = await make()
            if self._worth_keeping(value):
                self._kept[key] = (self._clock(), value)
                while len(self._kept) > self._most:
                    self._kept.popitem(last=False)
            return value, None

    def _fresh(self, key: Hashable) -> tuple[datetime, Value] | None:
        """What is kept under `key`, as just used; None where there is nothing, or it is too old."""
        kept = self._kept.pop(key, None)
        if kept is None or self._clock() - kept[0] >= timedelta(seconds=self._seconds):
            return None
        self._kept[key] = kept
        return kept
