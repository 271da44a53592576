"""Writes batches, each exactly once, however long the database stays away and whatever a row in them does to it (I22).

Each transaction carries its number into `workers.last_batch`, so that one whose reply was lost is not written twice. It
begins with that, which holds the worker's row: nobody takes it for dead meanwhile. One who was taken for dead finds its
row ended, and goes on as another worker: the calls it had open were booked by a sibling (`siblings.py`).
"""

import asyncio
import logging
from collections.abc import Callable, Sequence
from datetime import datetime
from itertools import count
from typing import Protocol

from bot.usage.bookkeeping.batch import Batch, Intent
from bot.usage.bookkeeping.decision import Decision, Outcome
from bot.usage.budgeting.counters import Held
from bot.usage.budgeting.rules import Rules
from bot.usage.errors import DatabaseUnavailableError
from bot.usage.ids import new_id
from bot.usage.records import OpenCall, UsageRecord
from bot.usage.storage import rows
from bot.usage.storage.database import Database, Row, Script, Statement

log = logging.getLogger(__name__)

RETRY_SECONDS = (0.1, 0.3, 1.0, 3.0, 5.0)
_PASSING = (DatabaseUnavailableError, MemoryError, OSError)
"""Failures that are no row's fault: the whole batch is tried again."""
_START_WORKER = (
    "INSERT INTO workers (id, started_at, heartbeat_at, last_batch) VALUES ($1, $2, $2, 0) ON CONFLICT DO NOTHING"
)
_BEAT = "UPDATE workers SET last_batch = $2, heartbeat_at = $3 WHERE id = $1 AND ended_at IS NULL RETURNING id"
_END = "UPDATE workers SET ended_at = $2 WHERE id = $1"
_LAST_BATCH = "SELECT last_batch FROM workers WHERE id = $1 FOR UPDATE"
"""Waits for a transaction of ours that is still being committed, though its connection is lost."""


class _TakenForDeadError(Exception):
    """The row of this worker is ended."""


class Told(Protocol):
    """Who is told what became of a batch. None of it may raise."""

    def failed(self, error: Exception, *, lasting: bool) -> None:
        """A transaction failed and is tried again; `lasting`: nobody should wait for it any longer."""

    def written(self, batch: Batch, outcome: Outcome) -> None:
        """A batch, or a part of one, is durable."""

    def untakeable(self, call: OpenCall, error: Exception, intent: Intent | None) -> None:
        """No database takes this call's intent, or its settlement (then `intent` is None)."""


class Writer:
    """The one writer of a worker's calls. `held` has what each open call holds of budgets, by the call's id."""

    def __init__(
        self,
        database: Database,
        rules: Rules,
        clock: Callable[[], datetime],
        told: Told,
    ) -> None:
        self.worker_id = new_id()
        self.held: dict[str, Held] = {}
        self._database = database
        self._rules = rules
        self._clock = clock
        self._told = told
        self._held_by = -1
        self._unbooked: set[str] = set()
        self._batch_number = 0
        self._former_ids: set[str] = set()
        self._is_taken_for_dead = False

    async def start(self) -> None:
        """Enter this worker into the books; where it has them alone, every other is struck off.

        Raises `DatabaseUnavailableError`.
        """
        await self._database.execute(_START_WORKER, self.worker_id, rows.microseconds(self._clock()))
        if not self._database.shared:
            await self._database.execute("DELETE FROM workers WHERE id <> $1", self.worker_id)

    async def end(self) -> None:
        """Nothing more is written: who finds calls of this worker open may book them. Raises as `start` does."""
        await self._database.execute(_END, self.worker_id, rows.microseconds(self._clock()))

    def pass_over(self, call: OpenCall) -> None:
        """A call whose intent isn't on the books: its settlement must not get there either, or sums would differ."""
        self._unbooked.add(call.id)

    def forget(self, call: OpenCall) -> bool:
        """Whether an ended call was passed over. That is asked once for each."""
        found = call.id in self._unbooked
        self._unbooked.discard(call.id)
        return found

    async def write(self, batch: Batch, *, patient: bool = True) -> None:
        """Return when the batch is durable, as far as any database takes it.

        That takes as long as the database stays away; without patience it raises `DatabaseUnavailableError` instead.
        """
        self._leave_out(batch)
        self._batch_number += 1
        poison: Exception | None = None
        decision = self._decision(batch)

        def script() -> Script[tuple[Outcome, Sequence[Statement]]]:
            nonlocal decision
            decision = self._decision(batch)
            return self._script(decision)

        for attempt in count():
            try:
                if attempt and await self._is_written(batch):
                    poison = None
                    break
                if poison is not None:
                    break
                await self._database.decide(script)
                break
            except _TakenForDeadError:
                self._is_taken_for_dead = True
            except Exception as error:
                poison = None if isinstance(error, _PASSING) else error
                if poison is None and not patient:
                    raise
                lasting = bool(attempt) or poison is None
                self._told.failed(error, lasting=lasting)
                if lasting:
                    await asyncio.sleep(RETRY_SECONDS[min(attempt, len(RETRY_SECONDS) - 1)])
        if poison is not None:
            await self._split(batch, poison)
        else:
            self._take_up(batch, decision.outcome)

    async def recover(self) -> list[UsageRecord]:
        """Book some open calls of dead workers as interrupted, at their worst case. None are left where it's empty."""
        records, outcome = await self._database.decide(self._recovery)
        if records:
            self._told.written(Batch(records=records), outcome)
        return records

    def _recovery(self) -> Script[tuple[tuple[list[UsageRecord], Outcome], Sequence[Statement]]]:
        found = yield rows.SELECT_ORPHANS, ()
        if not found:
            return ([], Outcome()), ()
        held = {}
        for row in sorted(found, key=lambda row: str(row[0])):
            record = rows.interrupted(row)
            held[record.call.id] = record, Held.from_json(record.call, row[-1])
        records = [record for record, _ in held.values()]
        holding = {call_id: holds for call_id, (_, holds) in held.items()}
        decision = Decision(Batch(records=records), self._rules, holding, -1, self.worker_id, self._clock())
        outcome, statements = yield from decision.script()
        return (records, outcome), statements

    async def _begin_again(self, batch: Batch) -> None:
        """Go on as another worker, without the calls that were booked for dead."""
        log.warning("another process took this one for dead and booked its %d open calls", len(self.held))
        self._former_ids.add(self.worker_id)
        self.worker_id = new_id()
        await self.start()
        self._unbooked.update(self.held)
        self.held.clear()
        self._is_taken_for_dead = False
        self._leave_out(batch)

    def _leave_out(self, batch: Batch) -> None:
        """What isn't on the books, or not as ours any more, must not be ended there."""
        if not self._unbooked:
            return
        for intent in batch.intents:
            if intent.again and intent.call.id in self._unbooked:
                intent.let_go(intent.call)
        batch.intents = [intent for intent in batch.intents if intent.call.id not in self._unbooked]
        batch.records = [record for record in batch.records if not self.forget(record.call)]

    def _take_up(self, batch: Batch, outcome: Outcome) -> None:
        self.held.update(outcome.held)
        self._held_by = outcome.version
        for record in (*outcome.settled, *batch.records):  # of what is told twice, only the first is settled
            self.held.pop(record.call.id, None)
        self._told.written(batch, outcome)

    def _decision(self, batch: Batch) -> Decision:
        whose = batch.worker_id or self.worker_id
        if whose in self._former_ids:
            whose = self.worker_id
        return Decision(batch, self._rules, self.held, self._held_by, whose, self._clock())

    def _script(self, decision: Decision) -> Script[tuple[Outcome, Sequence[Statement]]]:
        now_us = rows.microseconds(self._clock())
        alive = yield _BEAT, (self.worker_id, self._batch_number, now_us)
        if not alive:
            raise _TakenForDeadError
        return (yield from decision.script())

    async def _split(self, batch: Batch, error: Exception) -> None:
        """A batch holds a row that no database takes: halve it until the one at fault stands alone."""
        parts = batch.parts()
        for part in parts:
            await self.write(part)
        if parts:
            return
        if batch.intents:
            [intent] = batch.intents
            self.pass_over(intent.call)
            self._told.untakeable(intent.call, error, intent)
        elif batch.records:
            self._told.untakeable(batch.records[0].call, error, None)
        elif batch.refusals:
            log.error("%d refusals can't be counted: %s", batch.refusals.total(), type(error).__name__)

    async def _is_written(self, batch: Batch) -> bool:
        """Whether the transaction that seemed to fail was committed after all (I22)."""
        if self._is_taken_for_dead:
            await self._begin_again(batch)
        return await self._database.transact(self._last_batch) == [(self._batch_number,)]

    def _last_batch(self) -> Script[list[Row]]:
        return (yield _LAST_BATCH, (self.worker_id,))
