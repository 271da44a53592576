"""What waits to be written: intents of calls that want to leave, and the ends of calls. In the order it came, bounded.

Whatever waits when a transaction starts goes into it. Intents are written at once; settlements gather for a moment,
because one transaction with many costs a fraction of many with one.
"""

import asyncio
from collections.abc import Callable, Sequence

from bot.usage.bookkeeping.batch import Batch, Intent, Refusal
from bot.usage.records import UsageRecord

SETTLE_DELAY_SECONDS = 0.05
"""How long a settlement waits for others to share its transaction with."""
SETTLE_AT_ONCE = 500
"""So many settlements wait for no more."""
ADMIT_PATIENCE_SECONDS = 3.0
"""The longest a call waits for its intent to be durable; after that it goes ahead and is written later (I23)."""
QUEUE_LIMIT = 10_000
"""Unwritten entries at which further calls wait: memory is bounded (I24)."""


class Entries:
    """Filled by the ledger, emptied by its one writing task. `on_impatience`: an intent has waited for too long.

    `pending` is what the next transaction takes, `writing` what the running one has, `settled` the ends that gather.
    """

    def __init__(self, on_impatience: Callable[[], None]) -> None:
        self.pending = Batch()
        self.writing = Batch()
        self.settled: list[UsageRecord] = []
        self._on_impatience = on_impatience
        self._wake = asyncio.Event()
        self._progress = asyncio.Event()
        self._settle_timer: asyncio.TimerHandle | None = None
        self._settle_due = False
        self._queued = self._written = 0

    def __len__(self) -> int:
        """How many aren't durable yet. Each call is two: its intent and its end."""
        return self._queued - self._written

    @property
    def batches(self) -> tuple[Batch, Batch]:
        """What is being written, and what is next."""
        return self.writing, self.pending

    @property
    def has_room(self) -> bool:
        """Whether another call may be kept."""
        return len(self.pending.intents) + len(self.settled) < QUEUE_LIMIT

    @property
    def is_empty(self) -> bool:
        """Whether nothing waits for a transaction."""
        return not (len(self.pending) or self.settled)

    def add(self, intent: Intent) -> None:
        """For the next transaction."""
        self.pending.intents.append(intent)
        self._queued += 1
        self._wake.set()
        if intent.asks and self.pending.watchdog is None:
            loop = asyncio.get_running_loop()
            self.pending.watchdog = loop.call_later(ADMIT_PATIENCE_SECONDS, self._on_impatience)

    def add_all(self, intents: Sequence[Intent]) -> None:
        """Several, in their order."""
        for intent in intents:
            self.add(intent)

    def add_refusal(self, refusal: Refusal) -> None:
        """One that no transaction counts goes into the next one."""
        self.pending.refusals[refusal] += 1
        self._queued += 1
        self._wake.set()

    def settle(self, record: UsageRecord, *, at_once: bool) -> None:
        """A call has ended; `at_once`: somebody waits for the room that this makes."""
        self.settled.append(record)
        self._queued += 1
        if self._settle_timer is None:
            self._settle_timer = asyncio.get_running_loop().call_later(SETTLE_DELAY_SECONDS, self.settle_now)
        if len(self.settled) >= SETTLE_AT_ONCE or at_once:
            self.settle_now()

    def settle_now(self) -> None:
        """The next transaction takes the ends that have gathered."""
        self._settle_due = True
        self._wake.set()

    def wake(self) -> None:
        """The writing task has something else to do."""
        self._wake.set()

    async def something(self) -> None:
        """Return when there is something to do."""
        await self._wake.wait()
        self._wake.clear()

    def take(self, *, everything: bool) -> Batch:
        """What the next transaction is to write. Ends come after intents, so that none overtakes its own."""
        self.writing, self.pending = self.pending, Batch()
        if self._settle_due or everything:
            self._settle_due = False
            if self._settle_timer is not None:
                self._settle_timer.cancel()
                self._settle_timer = None
            self.writing.records, self.settled = self.settled, []
        return self.writing

    def written(self, count: int) -> None:
        """What was taken is durable: so many entries, as they were when it was taken."""
        self.writing.done()
        self.writing = Batch()
        self._written += count

    def tell(self) -> None:
        """Whoever waits `until` something looks again; and on to what has come meanwhile."""
        self._progress.set()
        self._progress.clear()
        if len(self.pending):
            self._wake.set()

    def stop(self) -> None:
        """Nothing is written any more."""
        self._progress.set()

    @property
    def queued(self) -> int:
        """How many ever came: what was queued before is durable when `is_written` of this number."""
        return self._queued

    def is_written(self, queued: int) -> bool:
        """Whether so many of those that ever came are durable."""
        return self._written >= queued

    async def until(self, done: Callable[[], bool]) -> None:
        """Return when that is so. It is looked at again after each transaction."""
        while not done():
            await self._progress.wait()
