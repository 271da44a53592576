"""The face of the books' writer: `admit` before a call leaves, `settle` when it has ended. One task, group commit.

Whatever intents wait when a transaction starts go into it, so 64 callers share one commit. An intent is awaited until
it is durable; settlements follow behind the answers. What waits is in `entries.py`, who is told what in
`leaving.py`; what a transaction does is `decision.py`'s, that it is done once `writer.py`'s, what happens while the
database is away `outage.py`'s, and what becomes of other processes' calls `lookout.py`'s.
"""

import asyncio
import logging
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, tzinfo
from pathlib import Path
from typing import Any

from bot.usage.bookkeeping import entries
from bot.usage.bookkeeping.batch import Batch, Intent
from bot.usage.bookkeeping.decision import Outcome
from bot.usage.bookkeeping.entries import Entries
from bot.usage.bookkeeping.leaving import NEVER_LEFT, Leaving
from bot.usage.bookkeeping.lookout import Lookout
from bot.usage.bookkeeping.outage import Outage
from bot.usage.bookkeeping.writer import Writer
from bot.usage.budgeting.quota_gate import QuotaMove
from bot.usage.budgeting.rules import Rules
from bot.usage.errors import CallRefusedError, DatabaseUnavailableError, LedgerClosedError
from bot.usage.records import Attribution, OpenCall, Settlement, UsageRecord
from bot.usage.storage.database import Database
from bot.usage.storage.months import make_months_ahead

log = logging.getLogger(__name__)

AWAY_PATIENCE_SECONDS = 1.0
"""How long closing waits for a database that is away, where the journal has everything."""


class Ledger:
    """Writes calls to the database. Made by `open_tracker`; use `start` before and `close` after.

    `on_booked` is called with each batch of records once they are durable, `on_quota_moves` with what that did to
    quotas where they are on. `rules` are those in force; without any, there are no tiers and no operations.
    `fail_open`: with the books out of reach, calls under a budget that stops leave too (I23). `journal` is where the
    journals of this database lie, None for keeping in memory what waits for it.

    `journalled` counts calls that left with their intent in the journal, `unrecorded` those that went ahead before it
    was durable anywhere, `faults` failed transactions, `dropped` calls that never got on the books: those no database
    would take, and those for which there was no room while it was away. `written_at` is when a transaction of this
    process was last committed (UTC).
    """

    def __init__(
        self,
        database: Database,
        clock: Callable[[], datetime],
        on_booked: Callable[[Sequence[UsageRecord]], None],
        *,
        rules: Rules | None = None,
        on_quota_moves: Callable[[Sequence[QuotaMove]], None] = lambda moves: None,
        fail_open: bool = False,
        journal: Path | None = None,
    ) -> None:
        self.faults = 0
        self.written_at: datetime | None = None
        self.rules = rules or Rules()
        self._database = database
        self._clock = clock
        self._on_booked = on_booked
        self._on_quota_moves = on_quota_moves
        self._writer = Writer(database, self.rules, clock, self)
        self._outage = Outage(journal, self._writer)
        self._entries = Entries(self._lose_patience)
        self._leaving = Leaving(
            self._entries, self._outage, self._writer, self.rules, clock, self.settle, fail_open=fail_open
        )
        self._lookout = Lookout(database, clock, self._writer, self._entries.wake)
        self._stopped = False
        self._task: asyncio.Task[None] | None = None

    @property
    def unrecorded(self) -> int:
        """How many calls went ahead before they were durable anywhere."""
        return self._leaving.unrecorded

    @property
    def journalled(self) -> int:
        """How many calls left with their intent in the journal."""
        return self._leaving.journalled

    @property
    def dropped(self) -> int:
        """How many calls never got on the books."""
        return self._leaving.dropped

    @property
    def unreadable(self) -> int:
        """How many lines of journals were found damaged since this process started, and are lost."""
        return self._outage.damaged

    @property
    def is_away(self) -> bool:
        """Whether the database takes nothing just now."""
        return self._outage.is_on

    @property
    def queue_length(self) -> int:
        """How many entries aren't durable yet: intents, and ends of calls. Each call is two."""
        return len(self._entries)

    @property
    def worker_id(self) -> str:
        """The name of this process in the books."""
        return self._writer.worker_id

    async def start(self) -> int:
        """Book what dead workers left in journals and open, then take calls. Returns how many were found interrupted.

        On SQLite the caller holds the process lock, which proves that every other worker of it is dead. Where several
        processes share a database, one that died is noticed after a while, here or by another (`siblings.py`).
        """
        await make_months_ahead(self._database, self._clock())
        await self._writer.start()
        await self.rules_changed()
        await self._outage.replay_left_behind()
        recovered = 0
        while found := await self._writer.recover():
            recovered += len(found)
        self._task = asyncio.create_task(self._write_forever(), name="ledger writer")
        self._lookout.later()
        return recovered

    async def rules_changed(self) -> None:
        """Take in rules that were changed just now. Raises `DatabaseUnavailableError`."""
        await self._database.transact(lambda: self.rules.refresh(self._clock()))
        self._leaving.crowded.empty()

    async def admit(self, call: OpenCall) -> OpenCall:
        """Make a call's intent durable and its worst case reserved in every budget. When this returns it may leave.

        Returns the call as admitted: one that sets no output cap may have been given one. Raises `CallRefusedError`
        where a rule forbids it; one that calls in flight leave no room for waits `ROOM_PATIENCE_SECONDS` for some.

        With the database out of reach it returns after `ADMIT_PATIENCE_SECONDS` at most, and a little more where the
        journal's disk hangs as well: our fault is not the caller's; the intent is in the journal then, or stays queued,
        if there is room. Not so under a budget that stops: then it raises. A caller that is cancelled meanwhile finds
        its call settled: it never left and costs nothing. Raises `LedgerClosedError` after `close`.
        """
        await self.room()
        if self._is_closing:
            raise LedgerClosedError
        if self._outage.is_on or not self._entries.has_room:
            stops = self.stopping(call.attribution)
            if stops is None:
                await self._leaving.let_leave(call)
                return call
            if not self._entries.has_room:
                raise stops
        intent = Intent(call)
        try:
            return await self._leaving.answer(intent)
        except asyncio.CancelledError:
            if intent.is_refused:  # told no in the same turn: it isn't on the books
                raise
            self._leaving.crowded.empty()  # it may be among them, and must be on the books before its end is
            self.settle(call, NEVER_LEFT)
            raise

    async def admit_again(self, call: OpenCall, times: int = 2) -> None:
        """Reserve an admitted call's worst case once more: it is about to be sent again, and with that `times` attempts
        may be billed. Raises as `admit` does.
        """
        if (stops := self.stopping(call.attribution)) is None and self._outage.is_on:
            await self._outage.keep(call, times)
            return
        if self._is_closing or not self._entries.has_room:
            if stops is not None:
                raise stops
            return
        await self._leaving.answer(Intent(replace(call, elastic=None), times=times))

    async def room(self) -> None:
        """Wait a while where too much is unwritten already: memory is bounded (I24)."""
        if not self._entries.has_room and not self._outage.is_journalled:
            with suppress(TimeoutError):
                async with asyncio.timeout(entries.ADMIT_PATIENCE_SECONDS):
                    await self._entries.until(lambda: self._entries.has_room or self._stopped)

    def left_unrecorded(self) -> None:
        """Count a call that leaves and never gets on the books, by our own fault."""
        self._leaving.unrecorded += 1

    def settle(self, call: OpenCall, settled: Settlement) -> None:
        """Queue how a call ended. Never blocks and never raises into the call's caller."""
        if self._writer.forget(call):
            return
        record = UsageRecord(call, settled)
        if self._outage.is_journalled and not self._stopped:
            self._outage.keep_ended(record, self._settle_in_memory)
        else:
            self._settle_in_memory(record)

    def record(self, record: UsageRecord) -> None:
        """Queue a call that is over already, one that was tracked by hand. Never blocks and never raises."""
        if self._stopped:
            self._leaving.drop(record.call, "the books are closed")
        elif self._outage.is_journalled:
            self._outage.keep_ended(record, self._settle_if_room)
        elif self._entries.has_room:
            self._entries.add(Intent(record.call))
            self.settle(record.call, record.settlement)
        else:
            self._leaving.drop(record.call, "the queue is full")

    async def flush(self) -> None:
        """Return when everything queued so far is durable, which takes as long as the database is out of reach.

        After `close` there is nothing left to wait for.
        """
        entries, target = self._entries, self._entries.queued
        entries.settle_now()
        await entries.until(lambda: (entries.is_written(target) and not self._outage.has_backlog) or self._stopped)

    async def close(self, patience_seconds: float = 10.0) -> None:
        """Write what is queued, then stop. What can't be written within the patience is logged as a count."""
        self._leaving.is_closing = True
        task = self._task
        if task is None:
            return
        self._lookout.stop()
        self._leaving.crowded.empty()
        self._entries.settle_now()
        try:
            while patience_seconds > 0 and not task.done():
                await asyncio.wait({task}, timeout=min(patience_seconds, AWAY_PATIENCE_SECONDS))
                patience_seconds = 0 if self._outage.is_journalled else patience_seconds - AWAY_PATIENCE_SECONDS
        finally:
            if not task.done():
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)
            else:
                await self._end()
            await self._outage.close(self.queue_length)

    def zone(self, guild_id: int) -> tzinfo:
        """The time zone that a server chose last: UTC until it does."""
        return self.rules.calendar(guild_id).chosen

    def stopping(self, who: Attribution) -> CallRefusedError | None:
        """Why a call may not leave unrecorded now, by the last known rules (I23); None where it may."""
        return self._leaving.stopping(who)

    # What the writer tells.

    def failed(self, error: Exception, *, lasting: bool) -> None:
        """A transaction failed and is tried again."""
        self.faults += 1
        if lasting:
            self._degrade(getattr(error, "problem", type(error).__name__))
            self._leaving.let_go_unwritten()

    def written(self, batch: Batch, outcome: Outcome) -> None:
        """Answer those who waited for this, as it was decided."""
        self.written_at = self._clock()
        if self._outage.is_on and not self._outage.has_backlog:
            self._end_outage()
        self.rules.keep(outcome.levels)
        for intent, call in outcome.admitted:
            self._leaving.admitted(intent, call)
        for intent, error in outcome.refused:
            self._leaving.refuse(intent, error)
        for intent, error in outcome.crowded:
            self._leaving.let_wait(intent, error)
        if outcome.settled:
            self._leaving.crowded.empty()
            self._tell(self._on_booked, outcome.settled)
        if outcome.quota_moves:
            self._tell(self._on_quota_moves, outcome.quota_moves)

    def untakeable(self, call: OpenCall, error: Exception, intent: Intent | None) -> None:
        """No database takes this call: it goes ahead, unless a budget stops."""
        self._leaving.drop(call, type(error).__name__)
        if intent is not None:
            self._leaving.answer_unwritten(intent)

    # Inside.

    @property
    def _is_closing(self) -> bool:
        return self._leaving.is_closing

    def _settle_if_room(self, record: UsageRecord) -> None:
        if self._entries.has_room:
            self._settle_in_memory(record)
        else:
            self._leaving.drop(record.call, "the queue is full, and so is the journal's disk")

    def _settle_in_memory(self, record: UsageRecord) -> None:
        if self._stopped:
            call_id = record.call.id
            log.error("call %s ended after the books were closed: booked at its worst case at the next start", call_id)
            return
        self._entries.settle(record, at_once=bool(self._leaving.crowded))

    async def _write_forever(self) -> None:
        entries = self._entries
        try:
            while not self._is_closing or not entries.is_empty or self._outage.has_backlog:
                await entries.something()
                batch = entries.take(everything=self._is_closing)
                self._outage.mark(batch)
                if count := len(batch):
                    await self._writer.write(batch)
                    entries.written(count)
                if self._outage.has_backlog:
                    await self._catch_up()
                if self._lookout.is_due and not self._is_closing:
                    await self._lookout.look()
                entries.tell()
        finally:
            self._stopped = True
            self._leaving.crowded.empty()
            for batch in entries.batches:
                batch.done()
                batch.answer(self._leaving.answer_unwritten)
            self._outage.begin(entries.batches, entries.settled)
            entries.stop()

    async def _catch_up(self) -> None:
        """Write a piece of the journal, until nothing is left there."""
        if await self._outage.catch_up():
            self._entries.wake()
        else:
            self._end_outage()

    async def _end(self) -> None:
        if self._database.shared:
            with suppress(DatabaseUnavailableError):
                await self._writer.end()

    def _degrade(self, problem: str) -> None:
        if not self._outage.is_on:
            but = "" if self._leaving.fail_open else ", but not under a budget that stops,"
            log.error("the ledger can't write (%s); calls go ahead%s and are written later", problem, but)
            self._outage.begin(self._entries.batches, self._entries.settled)
            self._entries.wake()

    def _end_outage(self) -> None:
        log.warning("the ledger can write again")
        waiting = (intent.call.id for intent in self._entries.pending.intents)
        self._outage.end({*waiting, *(record.call.id for record in self._entries.settled)})

    def _lose_patience(self) -> None:
        self._degrade("it takes too long")
        self._leaving.let_go_unwritten()
        for batch in self._entries.batches:
            batch.done()
            batch.answer(self._leaving.refuse_stopped)

    def _tell(self, subscriber: Callable[[Sequence[Any]], None], what: Sequence[Any]) -> None:
        try:
            subscriber(what)
        except (Exception, asyncio.CancelledError) as error:  # noqa: BLE001 - a subscriber's fault must not stop the books
            log.error("a subscriber failed on %d booked calls: %s", len(what), type(error).__name__)  # noqa: TRY400 - I33
