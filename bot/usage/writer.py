"""Writes batches, each exactly once, however long the database stays away and whatever a row in them does to it (I22).

Each transaction carries its number into `workers.last_batch`, so that one whose reply was lost is not written twice.
"""

import asyncio
import logging
from collections.abc import Callable, Sequence
from datetime import datetime
from functools import partial
from itertools import count
from typing import Protocol

from bot.usage import rows
from bot.usage.batch import Batch, Intent
from bot.usage.counters import Held
from bot.usage.database import Script, SqliteDatabase, Statement
from bot.usage.decision import Decision, Outcome
from bot.usage.errors import DatabaseUnavailableError
from bot.usage.ids import new_id
from bot.usage.records import OpenCall, UsageRecord
from bot.usage.rules import Rules

log = logging.getLogger(__name__)

RETRY_SECONDS = (0.1, 0.3, 1.0, 3.0, 5.0)
_PASSING = (DatabaseUnavailableError, MemoryError, OSError)
"""Failures that are no row's fault: the whole batch is tried again."""
_START_WORKER = "INSERT INTO workers (id, started_at, heartbeat_at, last_batch) VALUES ($1, $2, $2, 0)"
_BEAT = "UPDATE workers SET last_batch = $2, heartbeat_at = $3 WHERE id = $1"


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
        database: SqliteDatabase,
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

    async def start(self) -> None:
        """Enter this worker into the books. Raises `DatabaseUnavailableError`."""
        await self._database.execute(_START_WORKER, self.worker_id, rows.microseconds(self._clock()))

    def pass_over(self, call: OpenCall) -> None:
        """A call whose intent isn't on the books: its settlement must not get there either, or sums would differ."""
        self._unbooked.add(call.id)

    async def write(self, batch: Batch) -> None:
        """Return when the batch is durable, as far as any database takes it."""
        if self._unbooked:
            batch.records = [record for record in batch.records if not self._is_passed_over(record)]
        self._batch_number += 1
        poison: Exception | None = None
        decision = self._decision(batch)
        for attempt in count():
            try:
                if attempt and await self._is_written():
                    poison = None
                    break
                if poison is not None:
                    break
                decision = self._decision(batch)
                await self._database.decide(partial(self._script, decision))
                break
            except Exception as error:  # noqa: BLE001 - whatever a row did to the driver, the others must get in
                poison = None if isinstance(error, _PASSING) else error
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
        found = await self._database.fetch(rows.SELECT_OPEN, self.worker_id)
        records = []
        for row in sorted(found, key=lambda row: str(row[0])):
            record = rows.interrupted(row)
            self.held[record.call.id] = Held.from_json(record.call, row[-1])
            records.append(record)
        if records:
            self._batch_number += 1
            decision = self._decision(Batch(records=records))
            await self._database.decide(partial(self._script, decision))
            self._take_up(Batch(records=records), decision.outcome)
        return records

    async def forget_others(self) -> None:
        """Strike dead workers off, once their calls are booked."""
        await self._database.execute("DELETE FROM workers WHERE id <> $1", self.worker_id)

    def _take_up(self, batch: Batch, outcome: Outcome) -> None:
        self.held.update(outcome.held)
        self._held_by = outcome.version
        for record in batch.records:
            self.held.pop(record.call.id, None)
        self._told.written(batch, outcome)

    def _decision(self, batch: Batch) -> Decision:
        return Decision(batch, self._rules, self.held, self._held_by, self.worker_id, self._clock())

    def _script(self, decision: Decision) -> Script[tuple[Outcome, Sequence[Statement]]]:
        outcome, statements = yield from decision.script()
        beat = (self.worker_id, self._batch_number, rows.microseconds(self._clock()))
        return outcome, [*statements, (_BEAT, [beat])]

    async def _split(self, batch: Batch, error: Exception) -> None:
        """A batch holds a row that no database takes: halve it until the one at fault stands alone."""
        parts = batch.parts()
        for part in parts:
            await self.write(part)
        if not parts and batch.intents:
            [intent] = batch.intents
            self.pass_over(intent.call)
            self._told.untakeable(intent.call, error, intent)
        elif not parts and batch.records:
            self._told.untakeable(batch.records[0].call, error, None)
        elif not parts:
            log.error("%d refusals can't be counted: %s", batch.refusals.total(), type(error).__name__)

    async def _is_written(self) -> bool:
        """Whether the transaction that seemed to fail was committed after all (I22)."""
        found = await self._database.fetch("SELECT last_batch FROM workers WHERE id = $1", self.worker_id)
        return found == [(self._batch_number,)]

    def _is_passed_over(self, record: UsageRecord) -> bool:
        found = record.call.id in self._unbooked
        self._unbooked.discard(record.call.id)
        return found
