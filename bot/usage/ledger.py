"""The writer of the books: `admit` before a call leaves, `settle` when it has ended. One task, group commit.

Whatever waits when a transaction starts goes into it, so 64 callers share one commit. An intent is awaited until it
is durable; a settlement follows behind the answer, in the next intent's transaction or after `SETTLE_DELAY_SECONDS`.
Each transaction carries its number into `workers.last_batch`, so that one whose reply was lost is not written twice.
"""

import asyncio
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, tzinfo
from itertools import count
from zoneinfo import ZoneInfo

from bot.usage import rows
from bot.usage.database import SqliteDatabase, Statement
from bot.usage.errors import DatabaseUnavailableError, LedgerClosedError
from bot.usage.ids import new_id
from bot.usage.records import OpenCall, Settlement, UsageRecord
from bot.usage.rollups import Rollups

log = logging.getLogger(__name__)

SETTLE_DELAY_SECONDS = 0.02
"""How long a settlement waits for an intent to share its transaction with."""
ADMIT_PATIENCE_SECONDS = 3.0
"""The longest a call waits for its intent to be durable; after that it goes ahead and is written later (I23)."""
QUEUE_LIMIT = 10_000
"""Unwritten calls at which further ones wait: memory is bounded and nothing is dropped (I24)."""
RETRY_SECONDS = (0.1, 0.3, 1.0, 3.0, 5.0)
UTC = ZoneInfo("UTC")

_START_WORKER = "INSERT INTO workers (id, started_at, heartbeat_at, last_batch) VALUES ($1, $2, $2, 0)"
_BEAT = "UPDATE workers SET last_batch = $2, heartbeat_at = $3 WHERE id = $1"


@dataclass(slots=True)
class _Batch:
    """What one transaction writes."""

    intents: list[OpenCall] = field(default_factory=list)
    waiters: list[asyncio.Future[None]] = field(default_factory=list)
    records: list[UsageRecord] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.intents) + len(self.records)

    def release(self) -> None:
        for waiter in self.waiters:
            if not waiter.done():
                waiter.set_result(None)
        self.waiters.clear()


class Ledger:
    """Writes calls to the database. Made by `open_tracker`; use `start` before and `close` after.

    `on_booked` is called with each batch of records once they are durable. `unrecorded` counts calls that went
    ahead before their intent was durable, `faults` failed transactions, `dropped` rows no database would take.
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
        self._pending = _Batch()
        self._wake = asyncio.Event()
        self._settle_timer: asyncio.TimerHandle | None = None
        self._room = asyncio.Condition()
        self._batch_number = 0
        self._queued = self._written = 0
        self._degraded = False
        self._closing = False
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> int:
        """Book the open calls of dead workers, then take calls. Returns how many were found interrupted.

        The caller holds the process lock, which proves that every other worker of this database is dead.
        """
        now_us = rows.microseconds(self._clock())
        await self._database.execute(_START_WORKER, self.worker_id, now_us)
        for guild_id, name in await self._database.fetch("SELECT guild_id, time_zone FROM guild_settings"):
            self._zones[guild_id] = ZoneInfo(name)
        recovered = await self._recover()
        await self._database.execute("DELETE FROM workers WHERE id <> $1", self.worker_id)
        self._task = asyncio.create_task(self._write_forever(), name="ledger writer")
        return recovered

    async def admit(self, call: OpenCall) -> None:
        """Make a call's intent durable. When this returns the call may leave.

        With the database out of reach it returns after `ADMIT_PATIENCE_SECONDS` at most: our fault is not the
        caller's; the intent stays queued. Raises `LedgerClosedError` after `close`.
        """
        if self._closing:
            raise LedgerClosedError
        if len(self._pending) >= QUEUE_LIMIT:
            async with self._room:
                await self._room.wait_for(lambda: len(self._pending) < QUEUE_LIMIT)
        self._pending.intents.append(call)
        self._queued += 1
        if self._degraded:
            self.unrecorded += 1
            self._wake.set()
            return
        waiter = asyncio.get_running_loop().create_future()
        self._pending.waiters.append(waiter)
        self._wake.set()
        await waiter

    def settle(self, call: OpenCall, settled: Settlement) -> None:
        """Queue how a call ended. Never blocks and never raises into the call's caller."""
        self._pending.records.append(UsageRecord(call, settled))
        self._queued += 1
        if self._settle_timer is None and not self._wake.is_set():
            loop = asyncio.get_running_loop()
            self._settle_timer = loop.call_later(SETTLE_DELAY_SECONDS, self._wake.set)

    async def flush(self) -> None:
        """Return when everything queued so far is durable, which takes as long as the database is out of reach."""
        target = self._queued
        self._wake.set()
        async with self._room:
            await self._room.wait_for(lambda: self._written >= target)

    async def close(self, patience_seconds: float = 10.0) -> None:
        """Write what is queued, then stop. What can't be written within the patience is logged as a count."""
        self._closing = True
        task, self._task = self._task, None
        if task is None:
            return
        self._wake.set()
        done, _ = await asyncio.wait({task}, timeout=patience_seconds)
        if not done:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            log.error("closed with %d unwritten entries: the database stayed away", self._queued - self._written)
        else:
            task.result()

    def zone(self, guild_id: int) -> tzinfo:
        """The time zone that a server's days are in: UTC until it is set."""
        return self._zones.get(guild_id, UTC)

    async def _write_forever(self) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            if self._settle_timer is not None:
                self._settle_timer.cancel()
                self._settle_timer = None
            batch, self._pending = self._pending, _Batch()
            if len(batch):
                await self._write(batch)
                self._written += len(batch)
            async with self._room:
                self._room.notify_all()
            if len(self._pending):
                self._wake.set()
            elif self._closing:
                return

    async def _write(self, batch: _Batch) -> None:
        """Write one batch, however long the database stays away; waiting callers are let go within their patience."""
        self._batch_number += 1
        for attempt in count():
            watchdog = asyncio.get_running_loop().call_later(ADMIT_PATIENCE_SECONDS, self._degrade, batch, "slow")
            try:
                if attempt == 0 or not await self._is_written():
                    await self._database.write(self._statements(batch))
                break
            except DatabaseUnavailableError as error:
                self.faults += 1
                self._degrade(batch, error.problem)
            except Exception as error:  # noqa: BLE001 - whatever a row did to the driver, the others must get in
                self.faults += 1
                await self._split(batch, error)
                return
            finally:
                watchdog.cancel()
            await asyncio.sleep(RETRY_SECONDS[min(attempt, len(RETRY_SECONDS) - 1)])
        if self._degraded:
            log.warning("the ledger can write again")
            self._degraded = False
        batch.release()
        self._booked(batch.records)

    async def _split(self, batch: _Batch, error: Exception) -> None:
        """A batch holds a row that no database takes: write each alone; the one at fault is counted and named."""
        if len(batch) == 1:
            self.dropped += 1
            call = batch.intents[0] if batch.intents else batch.records[0].call
            log.error("call %s can't be stored: %s", call.id, type(error).__name__)
        else:
            for call in batch.intents:
                await self._write(_Batch(intents=[call]))
            for record in batch.records:
                await self._write(_Batch(records=[record]))
        batch.release()

    async def _is_written(self) -> bool:
        """Whether the transaction that seemed to fail was committed after all (I22)."""
        found = await self._database.fetch("SELECT last_batch FROM workers WHERE id = $1", self.worker_id)
        return found == [(self._batch_number,)]

    def _statements(self, batch: _Batch) -> list[Statement]:
        now_us = rows.microseconds(self._clock())
        statements: list[Statement] = []
        if batch.intents:
            statements.append((rows.INSERT_OPEN, [rows.open_row(call, self.worker_id) for call in batch.intents]))
        if batch.records:
            statements.append((rows.UPDATE_SETTLED, [rows.settled_row(r.call, r.settlement) for r in batch.records]))
            rollups = Rollups()
            for record in batch.records:
                rollups.add(record, self.zone(record.call.attribution.guild_id))
            statements.extend(rollups.statement())
        statements.append((_BEAT, [(self.worker_id, self._batch_number, now_us)]))
        return statements

    def _degrade(self, batch: _Batch, problem: str) -> None:
        if not self._degraded:
            log.error("the ledger can't write (%s); calls go ahead and are written later", problem)
        self._degraded = True
        waiting = batch.waiters + self._pending.waiters
        self.unrecorded += len(waiting)
        batch.release()
        self._pending.release()

    def _booked(self, records: Sequence[UsageRecord]) -> None:
        if not records:
            return
        try:
            self._on_booked(records)
        except Exception:
            log.exception("a subscriber failed on %d booked calls", len(records))

    async def _recover(self) -> int:
        recovered = 0
        while found := await self._database.fetch(rows.SELECT_OPEN, self.worker_id):
            batch = _Batch(records=[rows.interrupted(row) for row in found])
            self._batch_number += 1
            await self._database.write(self._statements(batch))
            self._booked(batch.records)
            recovered += len(batch.records)
        return recovered
