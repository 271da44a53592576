"""The face of the books' writer: `admit` before a call leaves, `settle` when it has ended. One task, group commit.

Whatever intents wait when a transaction starts go into it, so 64 callers share one commit. An intent is awaited until
it is durable; settlements follow behind the answers, gathered for `SETTLE_DELAY_SECONDS`, because one transaction with
many costs a fraction of many with one. What a transaction does is `decision.py`'s, that it is done once `writer.py`'s.

What happens while the database is away is `outage.py`'s.
"""

import asyncio
import logging
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, tzinfo
from pathlib import Path
from typing import Any

from bot.usage.admission import out_of_reach
from bot.usage.batch import Batch, Intent, refusal_of
from bot.usage.database import Database
from bot.usage.decision import Outcome
from bot.usage.errors import CallRefusedError, DatabaseUnavailableError, LedgerClosedError
from bot.usage.months import make_months_ahead
from bot.usage.outage import Outage
from bot.usage.quota_gate import QuotaMove
from bot.usage.records import Attribution, OpenCall, Price, Settlement, Status, Usage, UsageRecord
from bot.usage.rules import Rules
from bot.usage.siblings import LOOK_SECONDS, Siblings
from bot.usage.waiting_room import WaitingRoom
from bot.usage.writer import Writer

log = logging.getLogger(__name__)

SETTLE_DELAY_SECONDS = 0.05
"""How long a settlement waits for others to share its transaction with."""
SETTLE_AT_ONCE = 500
"""So many settlements wait for no more."""
ADMIT_PATIENCE_SECONDS = 3.0
"""The longest a call waits for its intent to be durable; after that it goes ahead and is written later (I23)."""
AWAY_PATIENCE_SECONDS = 1.0
"""How long closing waits for a database that is away, where the journal has everything."""
ROOM_PATIENCE_SECONDS = 3.0
"""The longest a call waits for room in a budget that calls in flight have filled."""
QUEUE_LIMIT = 10_000
"""Unwritten entries at which further calls wait: memory is bounded (I24)."""
NEVER_LEFT = Settlement(Status.ABORTED, Usage(), Price(0, "not charged"), 0, error_type="CancelledError", attempts=0)
"""How a call ends whose caller gave up while its intent was being stored."""


class Ledger:
    """Writes calls to the database. Made by `open_tracker`; use `start` before and `close` after.

    `on_booked` is called with each batch of records once they are durable, `on_quota_moves` with what that did to
    quotas where they are on. `rules` are those in force; without any, there are no tiers and no operations.
    `fail_open`: with the books out of reach, calls under a budget that stops leave too (I23). `journal` is where the
    journals of this database lie, None for keeping in memory what waits for it.

    `journalled` counts calls that left with their intent in the journal, `unrecorded` those that went ahead before it
    was durable anywhere, `faults` failed transactions, `dropped` calls that never got on the books: those no database
    would take, and those for which there was no room while it was away.
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
        self.unrecorded = self.faults = self.dropped = self.journalled = 0
        self.rules = rules or Rules()
        self._database = database
        self._clock = clock
        self._on_booked = on_booked
        self._on_quota_moves = on_quota_moves
        self._fail_open = fail_open
        self._writer = Writer(database, self.rules, clock, self)
        self._outage = Outage(journal, self._writer)
        self._leaving: set[asyncio.Task[None]] = set()
        self._pending = Batch()
        self._writing = Batch()
        self._crowded = WaitingRoom(self._queue_all)
        self._wake = asyncio.Event()
        self._progress = asyncio.Event()
        self._settled: list[UsageRecord] = []
        self._settle_timer: asyncio.TimerHandle | None = None
        self._siblings = Siblings(database, clock)
        self._look_timer: asyncio.TimerHandle | None = None
        self._look_due = False
        self._settle_due = False
        self._queued = self._written = 0
        self._closing = self._stopped = False
        self._task: asyncio.Task[None] | None = None

    @property
    def unreadable(self) -> int:
        """How many lines of journals were found damaged since this process started, and are lost."""
        return self._outage.damaged

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
        self._look_later()
        return recovered

    async def rules_changed(self) -> None:
        """Take in rules that were changed just now. Raises `DatabaseUnavailableError`."""
        await self._database.transact(lambda: self.rules.refresh(self._clock()))
        self._crowded.empty()

    async def admit(self, call: OpenCall) -> OpenCall:
        """Make a call's intent durable and its worst case reserved in every budget. When this returns it may leave.

        Returns the call as admitted: one that sets no output cap may have been given one. Raises `CallRefusedError`
        where a rule forbids it; one that calls in flight leave no room for waits `ROOM_PATIENCE_SECONDS` for some.

        With the database out of reach it returns after `ADMIT_PATIENCE_SECONDS` at most, and a little more where the
        journal's disk hangs as well: our fault is not the caller's; the intent is in the journal then, or stays queued,
        if there is room. Not so under a budget that stops: then it raises. A caller that is cancelled meanwhile finds
        its call settled: it never left and costs nothing. Raises `LedgerClosedError` after `close`.
        """
        if not self._has_room() and not self._outage.is_journalled:
            with suppress(TimeoutError):
                async with asyncio.timeout(ADMIT_PATIENCE_SECONDS):
                    await self._until(self._has_room)
        if self._closing:
            raise LedgerClosedError
        if self._outage.is_on or not self._has_room():
            stops = self.stopping(call.attribution)
            if stops is None:
                await self._let_leave(call)
                return call
            if not self._has_room():
                raise stops
        intent = Intent(call)
        try:
            return await self._answer(intent)
        except asyncio.CancelledError:
            if intent.is_refused:  # told no in the same turn: it isn't on the books
                raise
            self._crowded.empty()  # it may be among them, and must be on the books before its end is
            self.settle(call, NEVER_LEFT)
            raise

    async def admit_again(self, call: OpenCall, times: int = 2) -> None:
        """Reserve an admitted call's worst case once more: it is about to be sent again, and with that `times` attempts
        may be billed. Raises as `admit` does.
        """
        if (stops := self.stopping(call.attribution)) is None and self._outage.is_on:
            await self._outage.keep(call, times)
            return
        if self._closing or not self._has_room():
            if stops is not None:
                raise stops
            return
        await self._answer(Intent(replace(call, elastic=None), times=times))

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
            self._drop(record.call, "the books are closed")
        elif self._outage.is_journalled:
            self._outage.keep_ended(record, self._settle_if_room)
        elif self._has_room():
            self._queue(Intent(record.call))
            self.settle(record.call, record.settlement)
        else:
            self._drop(record.call, "the queue is full")

    async def flush(self) -> None:
        """Return when everything queued so far is durable, which takes as long as the database is out of reach.

        After `close` there is nothing left to wait for.
        """
        target = self._queued
        self._settle_now()
        await self._until(lambda: self._written >= target and not self._outage.has_backlog)

    async def close(self, patience_seconds: float = 10.0) -> None:
        """Write what is queued, then stop. What can't be written within the patience is logged as a count."""
        self._closing = True
        task = self._task
        if task is None:
            return
        if self._look_timer is not None:
            self._look_timer.cancel()
        self._crowded.empty()
        self._settle_now()
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
            await self._outage.close(self._queued - self._written)

    def zone(self, guild_id: int) -> tzinfo:
        """The time zone that a server chose last: UTC until it does."""
        return self.rules.calendar(guild_id).chosen

    def stopping(self, who: Attribution) -> CallRefusedError | None:
        """Why a call may not leave unrecorded now, by the last known rules (I23); None where it may."""
        now = self._clock()
        if (paused := self.rules.pause(who.guild_id, now)) is not None:
            return paused
        return None if self._fail_open else out_of_reach(who.guild_id, self.rules.counting(who, now))

    # What the writer tells.

    def failed(self, error: Exception, *, lasting: bool) -> None:
        """A transaction failed and is tried again."""
        self.faults += 1
        if lasting:
            self._degrade(getattr(error, "problem", type(error).__name__))
            self._let_go_unwritten()

    def written(self, batch: Batch, outcome: Outcome) -> None:
        """Answer those who waited for this, as it was decided."""
        if self._outage.is_on and not self._outage.has_backlog:
            self._end_outage()
        self.rules.keep(outcome.levels)
        for intent, call in outcome.admitted:
            if not intent.let_go(call) and intent.is_refused and not intent.again:
                self.settle(call, NEVER_LEFT)  # it was told no while this was being written
        for intent, error in outcome.refused:
            self._refuse(intent, error)
        for intent, error in outcome.crowded:
            self._let_wait(intent, error)
        if outcome.settled:
            self._crowded.empty()
            self._tell(self._on_booked, outcome.settled)
        if outcome.quota_moves:
            self._tell(self._on_quota_moves, outcome.quota_moves)

    def untakeable(self, call: OpenCall, error: Exception, intent: Intent | None) -> None:
        """No database takes this call: it goes ahead, unless a budget stops."""
        self._drop(call, type(error).__name__)
        if intent is not None:
            self._answer_unwritten(intent)

    # Inside.

    async def _let_leave(self, call: OpenCall) -> None:
        """It goes ahead, and is written when the books are back, if there is room to keep it till then."""
        try:
            kept = await self._outage.keep(call)
        except asyncio.CancelledError:
            self.settle(call, NEVER_LEFT)
            raise
        if kept:
            self.journalled += 1
        elif self._has_room():
            self.unrecorded += 1
            self._queue(Intent(call))
        else:
            self._lose(call, "the queue is full")

    def _settle_if_room(self, record: UsageRecord) -> None:
        if self._has_room():
            self._settle_in_memory(record)
        else:
            self._drop(record.call, "the queue is full, and so is the journal's disk")

    def _settle_in_memory(self, record: UsageRecord) -> None:
        if self._stopped:
            call_id = record.call.id
            log.error("call %s ended after the books were closed: booked at its worst case at the next start", call_id)
            return
        self._settled.append(record)
        self._queued += 1
        if self._settle_timer is None:
            self._settle_timer = asyncio.get_running_loop().call_later(SETTLE_DELAY_SECONDS, self._settle_now)
        if len(self._settled) >= SETTLE_AT_ONCE or self._crowded:
            self._settle_now()

    def _queue(self, intent: Intent) -> None:
        self._pending.intents.append(intent)
        self._queued += 1
        self._wake.set()
        if intent.asks and self._pending.watchdog is None:
            loop = asyncio.get_running_loop()
            self._pending.watchdog = loop.call_later(ADMIT_PATIENCE_SECONDS, self._lose_patience)

    def _queue_all(self, intents: Sequence[Intent]) -> None:
        for intent in intents:
            self._queue(intent)

    async def _answer(self, intent: Intent) -> OpenCall:
        """Queue an intent and wait until it is durable or refused, or its watchdog loses patience."""
        loop = asyncio.get_running_loop()
        intent.waiter = loop.create_future()
        intent.patience_ends = loop.time() + ROOM_PATIENCE_SECONDS
        self._queue(intent)
        return await intent.waiter

    def _refuse(self, intent: Intent, error: CallRefusedError) -> None:
        if intent.refuse(error) or intent.again or intent.is_refused:
            return
        if intent.has_left:  # while this was being written: what has left is written without being asked
            self._queue(Intent(intent.call))
        else:
            self._writer.pass_over(intent.call)  # its caller gave up, and has settled what isn't on the books

    def _let_wait(self, intent: Intent, error: CallRefusedError) -> None:
        """It would fit, but for the calls in flight: until some of them have ended, or its patience has."""
        if intent.asks and not self._closing and self._crowded.take(intent):
            self._settle_now()
            return
        if intent.asks:
            self._count(intent.call, error)
        self._refuse(intent, error)

    def _let_go_unwritten(self) -> None:
        """Let those go who wait to be written, by way of the journal, unless a budget stops: they wait on."""
        for batch in (self._writing, self._pending):
            for intent in batch.intents:
                if intent.asks and self.stopping(intent.call.attribution) is None:
                    leaving = asyncio.create_task(self._keep_and_let_go(intent))
                    self._leaving.add(leaving)
                    leaving.add_done_callback(self._leaving.discard)

    async def _keep_and_let_go(self, intent: Intent) -> None:
        kept = await self._outage.keep(intent.call, intent.times)
        if intent.let_go(intent.call):
            self.journalled += kept
            self.unrecorded += not kept
        elif intent.is_refused and not intent.again:
            self.settle(intent.call, NEVER_LEFT)

    def _answer_unwritten(self, intent: Intent) -> bool:
        """Let a call go that isn't on the books, or refuse it where a budget stops. Whether it goes."""
        return self._refuse_stopped(intent) or intent.let_go(intent.call)

    def _refuse_stopped(self, intent: Intent) -> bool:
        """Refuse a call that may not leave unwritten. Whether it was one."""
        refusal = self.stopping(intent.call.attribution)
        if refusal is not None and intent.refuse(refusal):
            self._count(intent.call, refusal)
        return refusal is not None

    def _count(self, call: OpenCall, refusal: CallRefusedError) -> None:
        """A refusal that no transaction counts goes into the next one."""
        self._pending.refusals[refusal_of(call, refusal)] += 1
        self._queued += 1
        self._wake.set()

    def _has_room(self) -> bool:
        return len(self._pending.intents) + len(self._pending.records) + len(self._settled) < QUEUE_LIMIT

    def _has_work(self) -> bool:
        return bool(len(self._pending) or self._settled or self._outage.has_backlog)

    def _settle_now(self) -> None:
        self._settle_due = True
        self._wake.set()

    async def _until(self, done: Callable[[], bool]) -> None:
        while not (done() or self._stopped):
            await self._progress.wait()

    async def _write_forever(self) -> None:
        try:
            while not self._closing or self._has_work():
                await self._wake.wait()
                self._wake.clear()
                self._writing, self._pending = self._pending, Batch()
                if self._settle_due or self._closing:
                    self._take_settled()
                self._outage.mark(self._writing)
                entries = len(self._writing)
                if entries:
                    await self._writer.write(self._writing)
                    self._writing.done()
                    self._writing = Batch()
                    self._written += entries
                if self._outage.has_backlog:
                    await self._catch_up()
                if self._look_due and not self._closing:
                    await self._look_around()
                self._progress.set()
                self._progress.clear()
                if len(self._pending):
                    self._wake.set()
        finally:
            self._stopped = True
            self._crowded.empty()
            for batch in (self._writing, self._pending):
                batch.done()
                batch.answer(self._answer_unwritten)
            self._outage.begin((self._writing, self._pending), self._settled)
            self._progress.set()

    async def _catch_up(self) -> None:
        """Write a piece of the journal, until nothing is left there."""
        if await self._outage.catch_up():
            self._wake.set()
        else:
            self._end_outage()

    def _look_later(self) -> None:
        if self._database.shared:
            self._look_timer = asyncio.get_running_loop().call_later(LOOK_SECONDS, self._look_now)

    def _look_now(self) -> None:
        self._look_due = True
        self._wake.set()

    async def _look_around(self) -> None:
        """Show that we live, take in what others have changed, and book the calls of those who live no more."""
        self._look_due = False
        try:
            await self._writer.write(Batch(), patient=False)
            await self._siblings.end_the_dead(self.worker_id)
            await make_months_ahead(self._database, self._clock())
            if found := await self._writer.recover():
                log.warning("left open by a dead process and booked at their reserved worst case: %d", len(found))
                self._look_now()  # there may be more, but first whoever waits to be admitted
                return
        except Exception as error:  # noqa: BLE001 - the next look may do better
            log.warning("could not look after the other processes: %s", type(error).__name__)
        self._look_later()

    async def _end(self) -> None:
        if self._database.shared:
            with suppress(DatabaseUnavailableError):
                await self._writer.end()

    def _take_settled(self) -> None:
        """Put the settlements into the batch being written: after its intents, so that none overtakes its own."""
        self._settle_due = False
        if self._settle_timer is not None:
            self._settle_timer.cancel()
            self._settle_timer = None
        self._writing.records, self._settled = self._settled, []

    def _degrade(self, problem: str) -> None:
        if not self._outage.is_on:
            but = "" if self._fail_open else ", but not under a budget that stops,"
            log.error("the ledger can't write (%s); calls go ahead%s and are written later", problem, but)
            self._outage.begin((self._writing, self._pending), self._settled)
            self._wake.set()

    def _end_outage(self) -> None:
        log.warning("the ledger can write again")
        waiting = (intent.call.id for intent in self._pending.intents)
        self._outage.end({*waiting, *(record.call.id for record in self._settled)})

    def _lose_patience(self) -> None:
        self._degrade("it takes too long")
        self._let_go_unwritten()
        for batch in (self._writing, self._pending):
            batch.done()
            batch.answer(self._refuse_stopped)

    def _drop(self, call: OpenCall, why: str) -> None:
        self.dropped += 1
        log.error("call %s can't be stored: %s", call.id, why)

    def _lose(self, call: OpenCall, why: str) -> None:
        self._writer.pass_over(call)
        self._drop(call, why)

    def _tell(self, subscriber: Callable[[Sequence[Any]], None], what: Sequence[Any]) -> None:
        try:
            subscriber(what)
        except (Exception, asyncio.CancelledError) as error:  # noqa: BLE001 - a subscriber's fault must not stop the books
            log.error("a subscriber failed on %d booked calls: %s", len(what), type(error).__name__)  # noqa: TRY400 - I33
