"""What one transaction of the ledger writes, and who waits for it."""

import asyncio
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Self

from bot.usage.errors import CallRefusedError
from bot.usage.records import OpenCall, UsageRecord
from bot.usage.storage.rows import microseconds

MICROSECONDS_PER_HOUR = 3_600_000_000
Refusal = tuple[int, int, str]
"""How a refused call is counted: guild_id, hour (since 1970, UTC), cause."""
_NONE: Mapping[Refusal, int] = {}


def refusal_of(call: OpenCall, error: CallRefusedError) -> Refusal:
    """How a refusal is counted."""
    return error.guild_id, microseconds(call.started_at) // MICROSECONDS_PER_HOUR, error.cause


@dataclass(slots=True, eq=False)
class Intent:
    """A call that wants to leave, or has left already where nobody waits for the answer.

    `times`: above 1 it is on the books, and about to be sent once more while the first may be billed. `patience_ends`
    (the event loop's time) is when a call that finds no room stops waiting for some.
    """

    call: OpenCall
    waiter: asyncio.Future[OpenCall] | None = None
    times: int = 1
    patience_ends: float = 0.0

    @property
    def again(self) -> bool:
        """Whether it is on the books already, and about to be sent once more."""
        return self.times > 1

    @property
    def has_left(self) -> bool:
        """Whether nobody waits for the answer any more because the call went ahead."""
        return self.waiter is None or (self.waiter.done() and not self.waiter.cancelled() and not self.is_refused)

    @property
    def asks(self) -> bool:
        """Whether it may still be refused. Read by the database's thread too."""
        return self.waiter is not None and not self.waiter.done()

    @property
    def is_refused(self) -> bool:
        """Whether its caller was told no: it never leaves, and isn't written."""
        waiter = self.waiter
        return waiter is not None and waiter.done() and not waiter.cancelled() and waiter.exception() is not None

    def let_go(self, call: OpenCall) -> bool:
        """Let the waiting caller go; whether there was one."""
        if self.waiter is None or self.waiter.done():
            return False
        self.waiter.set_result(call)
        return True

    def refuse(self, error: Exception) -> bool:
        """Tell the waiting caller no; whether there was one."""
        if self.waiter is None or self.waiter.done():
            return False
        self.waiter.set_exception(error)
        return True


@dataclass(slots=True)
class Batch:
    """What one transaction writes. `watchdog` lets its waiters go when it takes too long.

    `refusals` counts calls that were refused outside of a transaction, by server, hour and cause. `unsure` has the ids
    of calls that may be in the journal too: what of them is on the books already isn't written twice. `worker_id` is
    whose calls they are where that worker is dead.
    """

    intents: list[Intent] = field(default_factory=list)
    records: list[UsageRecord] = field(default_factory=list)
    refusals: Counter[Refusal] = field(default_factory=Counter)
    watchdog: asyncio.TimerHandle | None = None
    unsure: set[str] = field(default_factory=set)
    worker_id: str | None = None

    def __len__(self) -> int:
        return len(self.intents) + len(self.records) + self.refusals.total()

    def answer(self, answer: Callable[[Intent], bool]) -> int:
        """Answer every caller who still waits, as far as `answer` does; to how many it said yes."""
        return sum(answer(intent) for intent in self.intents if intent.asks)

    def done(self) -> None:
        """Nobody's patience need be watched any longer."""
        if self.watchdog is not None:
            self.watchdog.cancel()
            self.watchdog = None

    def parts(self) -> list[Self]:
        """Smaller batches with the same contents in the same order, intents first; none for what can't be halved."""
        intents, records, refusals = self.intents, self.records, self.refusals
        if refusals and (intents or records):
            return [self._part(refusals=refusals), self._part(intents, records)]
        if intents and records:
            return [self._part(intents), self._part(records=records)]
        half = max(len(intents), len(records)) // 2
        if not half:
            return []
        if intents:
            return [self._part(intents[:half]), self._part(intents[half:])]
        return [self._part(records=records[:half]), self._part(records=records[half:])]

    def _part(
        self,
        intents: Sequence[Intent] = (),
        records: Sequence[UsageRecord] = (),
        refusals: Mapping[Refusal, int] = _NONE,
    ) -> Self:
        return replace(self, intents=[*intents], records=[*records], refusals=Counter(refusals), watchdog=None)
