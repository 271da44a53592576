"""Looks around regularly where several processes share a database: shows that we live, and sees who doesn't."""

import asyncio
import logging
from collections.abc import Callable
from datetime import datetime

from bot.usage.bookkeeping.batch import Batch
from bot.usage.bookkeeping.siblings import LOOK_SECONDS, Siblings
from bot.usage.bookkeeping.writer import Writer
from bot.usage.storage.database import Database
from bot.usage.storage.months import make_months_ahead

log = logging.getLogger(__name__)


class Lookout:
    """`wake` is called when it is time to `look`, which the writing task does between its transactions."""

    def __init__(
        self, database: Database, clock: Callable[[], datetime], writer: Writer, wake: Callable[[], None]
    ) -> None:
        self.is_due = False
        self._database = database
        self._clock = clock
        self._writer = writer
        self._wake = wake
        self._siblings = Siblings(database, clock)
        self._timer: asyncio.TimerHandle | None = None

    def later(self) -> None:
        """Look in a while, where there may be others."""
        if self._database.shared:
            self._timer = asyncio.get_running_loop().call_later(LOOK_SECONDS, self._now)

    def stop(self) -> None:
        """Look no more."""
        if self._timer is not None:
            self._timer.cancel()

    async def look(self) -> None:
        """Show that we live, take in what others have changed, and book the calls of those who live no more."""
        self.is_due = False
        try:
            await self._writer.write(Batch(), patient=False)
            await self._siblings.end_the_dead(self._writer.worker_id)
            await make_months_ahead(self._database, self._clock())
            if found := await self._writer.recover():
                log.warning("left open by a dead process and booked at their reserved worst case: %d", len(found))
                self._now()  # there may be more, but first whoever waits to be admitted
                return
        except Exception as error:  # noqa: BLE001 - the next look may do better
            log.warning("could not look after the other processes: %s", type(error).__name__)
        self.later()

    def _now(self) -> None:
        self.is_due = True
        self._wake()
