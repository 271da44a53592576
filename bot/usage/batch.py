"""What one transaction of the ledger writes, and who waits for it."""

import asyncio
from dataclasses import dataclass, field
from typing import Self

from bot.usage.records import OpenCall, UsageRecord


@dataclass(slots=True)
class Batch:
    """What one transaction writes. `watchdog` lets its waiters go when it takes too long."""

    intents: list[OpenCall] = field(default_factory=list)
    records: list[UsageRecord] = field(default_factory=list)
    waiters: list[asyncio.Future[None]] = field(default_factory=list)
    watchdog: asyncio.TimerHandle | None = None

    def __len__(self) -> int:
        return len(self.intents) + len(self.records)

    def release(self) -> int:
        """Let the waiting callers go; how many there were."""
        if self.watchdog is not None:
            self.watchdog.cancel()
            self.watchdog = None
        waiting, self.waiters = self.waiters, []
        for waiter in waiting:
            if not waiter.done():
                waiter.set_result(None)
        return len(waiting)

    def parts(self) -> list[Self]:
        """Two smaller batches with the same contents in the same order, intents first; none for a single entry."""
        if self.intents and self.records:
            return [type(self)(intents=self.intents), type(self)(records=self.records)]
        half = len(self) // 2
        if not half:
            return []
        if self.intents:
            return [type(self)(intents=self.intents[:half]), type(self)(intents=self.intents[half:])]
        return [type(self)(records=self.records[:half]), type(self)(records=self.records[half:])]
