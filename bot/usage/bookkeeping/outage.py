"""While the database is away: what leaves and what ends goes to the journal, and from there to the books.

When it is back, everything new still goes to the journal until that is nearly caught up with; then to the books again,
beside the rest of the journal. What the journal doesn't take waits in memory. Of what is there, a part may be in the
journal as well, or in the books by way of it: whatever is written from memory until all of that has gone is looked up.
"""

import asyncio
import logging
from collections.abc import Callable, Iterable
from pathlib import Path

from bot.usage.bookkeeping.batch import Batch, Intent
from bot.usage.bookkeeping.journal import PIECE_BYTES, Journal
from bot.usage.bookkeeping.writer import Writer
from bot.usage.records import BY_KEY, OpenCall, UsageRecord

log = logging.getLogger(__name__)

JOURNAL_PATIENCE_SECONDS = 1.0
"""The longest a call waits for the journal, whose disk may hang as well."""


class Outage:
    """Goes on from `begin` to `end`. `path` is where the journals of the database lie, None for none.

    `is_on`: what leaves doesn't wait for the database. `has_backlog`: something may be in the journal that isn't on the
    books, which is so for a while longer.
    """

    def __init__(self, path: Path | None, writer: Writer) -> None:
        self.is_on = self.has_backlog = False
        self.journal = Journal(path, writer.worker_id) if path is not None else None
        self._path = path
        self._writer = writer
        self._unsure: set[str] = set()
        self._found_damaged = 0

    @property
    def damaged(self) -> int:
        """How many lines of this journal, and of those found at the start, couldn't be read."""
        return self._found_damaged + (self.journal.damaged if self.journal is not None else 0)

    @property
    def is_journalled(self) -> bool:
        """Whether it is on, and there is a journal for what would wait."""
        return self.is_on and self.journal is not None

    def begin(self, batches: Iterable[Batch], settled: Iterable[UsageRecord]) -> None:
        """What is in memory goes to the journal as well: this process may not live to write it."""
        was_on, self.is_on = self.is_on, True
        if self.journal is None or was_on:
            return
        self.has_backlog = True
        for batch in batches:
            for intent in batch.intents:
                if intent.has_left:
                    self.journal.keep(intent.call.repeated(intent.times))
            for record in batch.records:
                self.journal.keep(record)
        for record in settled:
            self.journal.keep(record)

    def end(self, waiting: Iterable[str]) -> None:
        """All that was in the journal is on the books. `waiting`: the ids of what is in memory."""
        self.is_on = self.has_backlog = False
        self._unsure = set(waiting)

    async def keep(self, call: OpenCall, times: int = 1) -> bool:
        """Put a call into the journal that is about to leave, with what it may cost by then. Whether it is there."""
        if self.journal is None:
            return False
        kept = self.journal.keep(call.repeated(times))
        await asyncio.wait({kept}, timeout=JOURNAL_PATIENCE_SECONDS)
        return kept.done() and kept.result()

    def keep_ended(self, record: UsageRecord, otherwise: Callable[[UsageRecord], None]) -> None:
        """Put a call into the journal that has ended; where that fails, `otherwise` has it."""

        def done(kept: "asyncio.Future[bool]") -> None:
            if not kept.result():
                otherwise(record)

        if self.journal is not None:
            self.journal.keep(record).add_done_callback(done)

    def mark(self, batch: Batch) -> None:
        """Tell a batch from memory which of its calls must be looked up: what is told by key may be told again."""
        calls = [intent.call for intent in batch.intents] + [record.call for record in batch.records]
        batch.unsure = {call.id for call in calls if call.api == BY_KEY}
        if self.has_backlog or self._unsure:
            ids = {call.id for call in calls}
            batch.unsure |= ids if self.has_backlog else ids & self._unsure
            self._unsure -= ids

    async def catch_up(self) -> bool:
        """Write the next piece of the journal. Whether there is more."""
        if self.journal is None:
            return False
        found = await self._replay(self.journal)
        if self.journal.backlog_bytes < PIECE_BYTES:
            self.is_on = False  # else it might never end: under load there is always one more line on its way
        return found or not self.journal.is_empty

    async def replay_left_behind(self) -> None:
        """Book what dead workers left in their journals. Raises `DatabaseUnavailableError`."""
        for journal in Journal.left_behind(self._path) if self._path is not None else ():
            log.warning("booking what is in the journal %s", journal.path)
            try:
                while await self._replay(journal, patient=False):
                    pass
            finally:
                self._found_damaged += journal.damaged
                await journal.close()

    async def close(self, unwritten: int) -> None:
        """Tell what is left, and let go of the journal. `unwritten`: how many entries are in memory."""
        if self.journal is None or self.journal.is_failing:
            if unwritten:
                log.error("closed with %d unwritten entries: the database stayed away", unwritten)
        elif not self.journal.is_empty:
            log.warning("the database stayed away: what is in the journal is booked at the next start")
        if self.journal is not None:
            await self.journal.close()

    async def _replay(self, journal: Journal, *, patient: bool = True) -> bool:
        entries = await journal.read()
        if not entries:
            return False
        left = {entry.id: entry for entry in entries if isinstance(entry, OpenCall)}  # the latest: with all attempts
        ended = {entry.call.id: entry for entry in entries if isinstance(entry, UsageRecord)}
        intents = [Intent(call) for call in left.values()]
        batch = Batch(intents, [*ended.values()], unsure={*left, *ended}, worker_id=journal.worker_id)
        await self._writer.write(batch, patient=patient)
        journal.replayed()
        return True
