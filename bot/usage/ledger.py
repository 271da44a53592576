"""The writer of the books: `admit` before a call leaves, `settle` when it has ended. One task, group commit.

Whatever intents wait when a transaction starts go into it, so 64 callers share one commit. An intent is awaited until
it is durable; settlements follow behind the answers, gathered for `SETTLE_DELAY_SECONDS`, because one transaction with
many costs a fraction of many with one.
Each transaction carries its number into `workers.last_batch`, so that one whose reply was lost is not written twice.
"""

import asyncio
import logging
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import UTC, datetime, tzinfo
from itertools import count

from bot.usage import rollups, rows
from bot.usage.batch import Batch
from bot.usage.database import SqliteDatabase, Statement
from bot.usage.errors import DatabaseUnavailableError, LedgerClosedError
from bot.usage.ids import new_id
from bot.usage.records import OpenCall, Price, Settlement, Status, Usage, UsageRecord

log = logging.getLogger(__name__)

SETTLE_DELAY_SECONDS = 0.05
"""How long a settlement waits for others to share its transaction with."""
SETTLE_AT_ONCE = 500
"""So many settlements wait for no more."""
ADMIT_PATIENCE_SECONDS = 3.0
"""The longest a call waits for its intent to be durable; after that it goes ahead and is written later (I23)."""
QUEUE_LIMIT = 10_000
"""Unwritten entries at which further calls wait: memory is bounded (I24)."""
RETRY_SECONDS = (0.1, 0.3, 1.0, 3.0, 5.0)
NEVER_LEFT = Settlement(Status.ABORTED, Usage(), Price(0, "not charged"), 0, error_type="CancelledError", attempts=0)
"""How a call ends whose caller gave up while its intent was being stored."""

_PASSING = (DatabaseUnavailableError, MemoryError, OSError)
"""Failures that are no row's fault: the whole batch is tried again."""
_START_WORKER = "INSERT INTO workers (id, started_at, heartbeat_at, last_batch) VALUES ($1, $2, $2, 0)"
_BEAT = "UPDATE workers SET last_batch = $2, heartbeat_at = $3 WHERE id = $1"


class Ledger:
    """Writes calls to the database. Made by `open_tracker`; use `start` before and `close` after.

    `on_booked` is called with each batch of records once they are durable. `unrecorded` counts calls that went
    ahead before their intent was durable, `faults` failed transactions, `dropped` calls that never got on the books:
    those no database would take, and those for which there was no room while it was away.
    """

    def __init__(
        self,
        database: SqliteDatabase,
        clock: Callable[[], datetime],
        on_booked: Callable[[Sequence[UsageRecord]], None],
    ) -> None:
        self.worker_id = new_id()
        self.unrecorded = self.faults = self.dropped = 0
        self._database = database
        self._clock = clock
        self._on_booked = on_booked
        self._zones: dict[int, tzinfo] = {}
        self._pending = Batch()
        self._writing = Batch()
        self._lost: set[str] = set()
        self._wake = asyncio.Event()
        self._progress = asyncio.Event()
        self._settled: list[UsageRecord] = []
        self._settle_timer: asyncio.TimerHandle | None = None
        self._settle_due = False
        self._batch_number = 0
        self._queued = self._written = 0
        self._degraded = self._closing = self._stopped = False
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> int:
        """Book the open calls of dead workers, then take calls. Returns how many were found interrupted.

        The caller holds the process lock, which proves that every other worker of this database is dead.
        """
        now_us = rows.microseconds(self._clock())
        await self._database.execute(_START_WORKER, self.worker_id, now_us)
        for guild_id, name in await self._database.fetch("SELECT guild_id, time_zone FROM guild_settings"):
            self._zones[guild_id] = rollups.zone_named(name)
        recovered = await self._recover()
        await self._database.execute("DELETE FROM workers WHERE id <> $1", self.worker_id)
        self._task = asyncio.create_task(self._write_forever(), name="ledger writer")
        return recovered

    async def admit(self, call: OpenCall) -> None:
        """Make a call's intent durable. When this returns the call may leave.

        With the database out of reach it returns after `ADMIT_PATIENCE_SECONDS` at most: our fault is not the
        caller's; the intent stays queued, if there is room. A caller that is cancelled meanwhile finds its call
        settled: it never left and costs nothing. Raises `LedgerClosedError` after `close`.
        """
        if not self._has_room():
            with suppress(TimeoutError):
                async with asyncio.timeout(ADMIT_PATIENCE_SECONDS):
                    await self._until(self._has_room)
        if self._closing:
            raise LedgerClosedError
        if not self._has_room():
            self._lose(call, "the queue is full")
            return
        self._pending.intents.append(call)
        self._queued += 1
        self._wake.set()
        if self._degraded:
            self.unrecorded += 1
            return
        try:
            await self._stored()
        except asyncio.CancelledError:
            self.settle(call, NEVER_LEFT)
            raise

    def settle(self, call: OpenCall, settled: Settlement) -> None:
        """Queue how a call ended. Never blocks and never raises into the call's caller."""
        if self._stopped:
            log.error("call %s ended after the books were closed: booked at its worst case at the next start", call.id)
            return
        self._settled.append(UsageRecord(call, settled))
        self._queued += 1
        if self._settle_timer is None:
            self._settle_timer = asyncio.get_running_loop().call_later(SETTLE_DELAY_SECONDS, self._settle_now)
        if len(self._settled) >= SETTLE_AT_ONCE:
            self._settle_now()

    def record(self, record: UsageRecord) -> None:
        """Queue a call that is over already, one that was tracked by hand. Never blocks and never raises."""
        if self._stopped or not self._has_room():
            self._drop(record.call, "the books are closed" if self._stopped else "the queue is full")
            return
        self._pending.intents.append(record.call)
        self._queued += 1
        self.settle(record.call, record.settlement)

    async def flush(self) -> None:
        """Return when everything queued so far is durable, which takes as long as the database is out of reach.

        After `close` there is nothing left to wait for.
        """
        target = self._queued
        self._settle_now()
        await self._until(lambda: self._written >= target)

    async def close(self, patience_seconds: float = 10.0) -> None:
        """Write what is queued, then stop. What can't be written within the patience is logged as a count."""
        self._closing = True
        task = self._task
        if task is None:
            return
        self._settle_now()
        try:
            await asyncio.wait({task}, timeout=patience_seconds)
        finally:
            if not task.done():
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)
                log.error("closed with %d unwritten entries: the database stayed away", self._queued - self._written)

    def zone(self, guild_id: int) -> tzinfo:
        """The time zone that a server's days are in: UTC until it is set."""
        return self._zones.get(guild_id, UTC)

    async def _stored(self) -> None:
        """Wait until what is pending now is durable, or its watchdog loses patience."""
        loop = asyncio.get_running_loop()
        waiter = loop.create_future()
        self._pending.waiters.append(waiter)
        if self._pending.watchdog is None:
            self._pending.watchdog = loop.call_later(ADMIT_PATIENCE_SECONDS, self._degrade, "it takes too long")
        await waiter

    def _has_room(self) -> bool:
        return len(self._pending) + len(self._settled) < QUEUE_LIMIT

    def _settle_now(self) -> None:
        self._settle_due = True
        self._wake.set()

    async def _until(self, done: Callable[[], bool]) -> None:
        while not (done() or self._stopped):
            await self._progress.wait()

    async def _write_forever(self) -> None:
        try:
            while not self._closing or len(self._pending) or self._settled:
                await self._wake.wait()
                self._wake.clear()
                self._writing, self._pending = self._pending, Batch()
                if self._settle_due or self._closing:
                    self._take_settled()
                entries = len(self._writing)
                if entries:
                    await self._write(self._writing)
                    self._writing.release()
                    self._written += entries
                self._progress.set()
                self._progress.clear()
                if len(self._pending):
                    self._wake.set()
        finally:
            self._stopped = self._degraded = True
            self._writing.release()
            self._pending.release()
            self._progress.set()

    def _take_settled(self) -> None:
        """Put the settlements into the batch being written: after its intents, so that none overtakes its own."""
        self._settle_due = False
        if self._settle_timer is not None:
            self._settle_timer.cancel()
            self._settle_timer = None
        self._writing.records, self._settled = self._settled, []

    async def _write(self, batch: Batch) -> None:
        """Write a batch exactly once, however long the database stays away."""
        if self._lost:
            batch.records = [record for record in batch.records if not self._is_lost(record.call)]
        self._batch_number += 1
        poison = None
        for attempt in count():
            try:
                if attempt and await self._is_written():
                    break
                if poison is not None:
                    await self._split(batch, poison)
                    return
                await self._database.write(self._statements(batch))
                break
            except Exception as error:  # noqa: BLE001 - whatever a row did to the driver, the others must get in
                self.faults += 1
                poison = None if isinstance(error, _PASSING) else error
                if attempt or poison is None:
                    self._degrade(getattr(error, "problem", type(error).__name__))
                    await asyncio.sleep(RETRY_SECONDS[min(attempt, len(RETRY_SECONDS) - 1)])
        if self._degraded:
            log.warning("the ledger can write again")
            self._degraded = False
        batch.release()
        self._booked(batch.records)

    async def _split(self, batch: Batch, error: Exception) -> None:
        """A batch holds a row that no database takes: halve it until the one at fault stands alone."""
        parts = batch.parts()
        for part in parts:
            await self._write(part)
        if not parts and batch.intents:
            self._lose(batch.intents[0], type(error).__name__)
        elif not parts:
            self._drop(batch.records[0].call, type(error).__name__)

    async def _is_written(self) -> bool:
        """Whether the transaction that seemed to fail was committed after all (I22)."""
        found = await self._database.fetch("SELECT last_batch FROM workers WHERE id = $1", self.worker_id)
        return found == [(self._batch_number,)]

    def _statements(self, batch: Batch) -> list[Statement]:
        """The rows are generators, so that they are made on the database's thread."""
        statements: list[Statement] = []
        if batch.intents:
            statements.append((rows.INSERT_OPEN, (rows.open_row(call, self.worker_id) for call in batch.intents)))
        if batch.records:
            statements.append((rows.UPDATE_SETTLED, (rows.settled_row(r.call, r.settlement) for r in batch.records)))
            statements.append((rollups.UPSERT, rollups.upserts(batch.records, self.zone)))
        beat = (self.worker_id, self._batch_number, rows.microseconds(self._clock()))
        return [*statements, (_BEAT, [beat])]

    def _degrade(self, problem: str) -> None:
        if not self._degraded:
            log.error("the ledger can't write (%s); calls go ahead and are written later", problem)
        self._degraded = True
        self.unrecorded += self._writing.release() + self._pending.release()

    def _drop(self, call: OpenCall, why: str) -> None:
        self.dropped += 1
        log.error("call %s can't be stored: %s", call.id, why)

    def _lose(self, call: OpenCall, why: str) -> None:
        """A call whose intent isn't on the books: its settlement must not get there either, or sums would differ."""
        self._lost.add(call.id)
        self._drop(call, why)

    def _is_lost(self, call: OpenCall) -> bool:
        lost = call.id in self._lost
        self._lost.discard(call.id)
        return lost

    def _booked(self, records: Sequence[UsageRecord]) -> None:
        if not records:
            return
        try:
            self._on_booked(records)
        except (Exception, asyncio.CancelledError) as error:  # noqa: BLE001 - a subscriber's fault must not stop the books
            log.error("a subscriber failed on %d booked calls: %s", len(records), type(error).__name__)  # noqa: TRY400 - I33

    async def _recover(self) -> int:
        recovered = 0
        while found := await self._database.fetch(rows.SELECT_OPEN, self.worker_id):
            batch = Batch(records=[rows.interrupted(row) for row in sorted(found)])
            self._batch_number += 1
            await self._database.write(self._statements(batch))
            self._booked(batch.records)
            recovered += len(batch.records)
        return recovered
