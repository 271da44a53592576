"""Calls that wait to leave: who may, who may not, and who goes unwritten because the books are out of reach (I23)."""

import asyncio
import logging
from collections.abc import Callable
from datetime import datetime

from bot.usage.bookkeeping.batch import Intent, refusal_of
from bot.usage.bookkeeping.entries import Entries
from bot.usage.bookkeeping.outage import Outage
from bot.usage.bookkeeping.waiting_room import WaitingRoom
from bot.usage.bookkeeping.writer import Writer
from bot.usage.budgeting.admission import out_of_reach
from bot.usage.budgeting.rules import Rules
from bot.usage.errors import CallRefusedError
from bot.usage.records import NOT_CHARGED, Attribution, OpenCall, Price, Settlement, Status, Usage

log = logging.getLogger(__name__)

ROOM_PATIENCE_SECONDS = 3.0
"""The longest a call waits for room in a budget that calls in flight have filled."""
NEVER_LEFT = Settlement(Status.ABORTED, Usage(), Price(0, NOT_CHARGED), 0, error_type="CancelledError", attempts=0)
"""How a call ends whose caller gave up while its intent was being stored."""
Settle = Callable[[OpenCall, Settlement], None]


class Leaving:
    """Answers who waits. `settle` ends a call whose caller was told no, or gave up, while it was being written.

    `journalled`, `unrecorded` and `dropped` are counted as the ledger says.
    """

    def __init__(
        self,
        entries: Entries,
        outage: Outage,
        writer: Writer,
        rules: Rules,
        clock: Callable[[], datetime],
        settle: Settle,
        *,
        fail_open: bool,
    ) -> None:
        self.unrecorded = self.dropped = self.journalled = 0
        self.crowded = WaitingRoom(entries.add_all)
        self.fail_open = fail_open
        self.is_closing = False
        self._entries = entries
        self._outage = outage
        self._writer = writer
        self._rules = rules
        self._clock = clock
        self._settle = settle
        self._on_their_way: set[asyncio.Task[None]] = set()

    def stopping(self, who: Attribution) -> CallRefusedError | None:
        """Why a call may not leave unrecorded now, by the last known rules; None where it may."""
        now = self._clock()
        if (refused := self._rules.opt_out(who) or self._rules.pause(who.guild_id, now)) is not None:
            return refused
        return None if self.fail_open else out_of_reach(who.guild_id, self._rules.counting(who, now))

    async def answer(self, intent: Intent) -> OpenCall:
        """Queue an intent and wait until it is durable or refused, or its watchdog loses patience."""
        loop = asyncio.get_running_loop()
        intent.waiter = loop.create_future()
        intent.patience_ends = loop.time() + ROOM_PATIENCE_SECONDS
        self._entries.add(intent)
        return await intent.waiter

    async def let_leave(self, call: OpenCall) -> None:
        """It goes ahead, and is written when the books are back, if there is room to keep it till then."""
        try:
            kept = await self._outage.keep(call)
        except asyncio.CancelledError:
            self._settle(call, NEVER_LEFT)
            raise
        if kept:
            self.journalled += 1
        elif self._entries.has_room:
            self.unrecorded += 1
            self._entries.add(Intent(call))
        else:
            self._writer.pass_over(call)
            self.drop(call, "the queue is full")

    def admitted(self, intent: Intent, call: OpenCall) -> None:
        """It is on the books, and may leave."""
        if not intent.let_go(call) and intent.is_refused and not intent.again:
            self._settle(call, NEVER_LEFT)  # it was told no while this was being written

    def refuse(self, intent: Intent, error: CallRefusedError) -> None:
        """It isn't on the books, and may not leave."""
        if intent.refuse(error) or intent.again or intent.is_refused:
            return
        if intent.has_left:  # while this was being written: what has left is written without being asked
            self._entries.add(Intent(intent.call))
        else:
            self._writer.pass_over(intent.call)  # its caller gave up, and has settled what isn't on the books

    def let_wait(self, intent: Intent, error: CallRefusedError) -> None:
        """It would fit, but for the calls in flight: until some of them have ended, or its patience has."""
        if intent.asks and not self.is_closing and self.crowded.take(intent):
            self._entries.settle_now()
            return
        if intent.asks:
            self._count(intent.call, error)
        self.refuse(intent, error)

    def let_go_unwritten(self) -> None:
        """Let those go who wait to be written, by way of the journal, unless a budget stops: they wait on."""
        for batch in self._entries.batches:
            for intent in batch.intents:
                if intent.asks and self.stopping(intent.call.attribution) is None:
                    leaving = asyncio.create_task(self.keep_and_let_go(intent))
                    self._on_their_way.add(leaving)
                    leaving.add_done_callback(self._on_their_way.discard)

    async def keep_and_let_go(self, intent: Intent) -> None:
        """Let one go once the journal has it, or it is certain that it won't."""
        kept = await self._outage.keep(intent.call, intent.times)
        if intent.let_go(intent.call):
            self.journalled += kept
            self.unrecorded += not kept
        elif intent.is_refused and not intent.again:
            self._settle(intent.call, NEVER_LEFT)

    def answer_unwritten(self, intent: Intent) -> bool:
        """Let a call go that isn't on the books, or refuse it where a budget stops. Whether it goes."""
        return self.refuse_stopped(intent) or intent.let_go(intent.call)

    def refuse_stopped(self, intent: Intent) -> bool:
        """Refuse a call that may not leave unwritten. Whether it was one."""
        refusal = self.stopping(intent.call.attribution)
        if refusal is not None and intent.refuse(refusal):
            self._count(intent.call, refusal)
        return refusal is not None

    def drop(self, call: OpenCall, why: str) -> None:
        """It never gets on the books."""
        self.dropped += 1
        log.error("call %s can't be stored: %s", call.id, why)

    def _count(self, call: OpenCall, refusal: CallRefusedError) -> None:
        self._entries.add_refusal(refusal_of(call, refusal))
