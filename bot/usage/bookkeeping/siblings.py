"""The other workers of a database that several processes share: which of them live, and which are dead.

Each numbers its transactions, and has one every `LOOK_SECONDS` at the least. Who sees another's number unchanged for
`LEASE_SECONDS` ends that worker, whose open calls then belong to whoever finds them. That time is measured by our own
watch, and anew where we couldn't look for a while: so neither clocks that differ nor a database that was away for
everybody make the living look dead. A session's lock would tell sooner, but a pooler may stand between.
"""

from collections.abc import Callable
from datetime import datetime, timedelta
from time import perf_counter

from bot.usage.storage.database import Database
from bot.usage.storage.rows import microseconds

LOOK_SECONDS = 4.0
LEASE_SECONDS = 20.0
KEPT = timedelta(days=1)
"""How long a worker that has ended is remembered: what it was committing when its connection was lost is told by it."""
_OTHERS = "SELECT id, last_batch FROM workers WHERE id <> $1 AND ended_at IS NULL"
_END = "UPDATE workers SET ended_at = $3 WHERE id = $1 AND last_batch = $2 AND ended_at IS NULL RETURNING id"
_FORGET = "DELETE FROM workers WHERE ended_at < $1"


class Siblings:
    """Watches them. Every method raises `DatabaseUnavailableError` where the books can't be reached."""

    def __init__(self, database: Database, clock: Callable[[], datetime]) -> None:
        self._database = database
        self._clock = clock
        self._seen: dict[str, tuple[int, float]] = {}
        self._looked_at = perf_counter()

    async def end_the_dead(self, own_id: str) -> list[str]:
        """End the workers that have shown no sign of life; those that this very call ended. To be called regularly."""
        found = await self._database.fetch(_OTHERS, own_id)
        now = perf_counter()
        if now - self._looked_at > LEASE_SECONDS / 2:
            self._seen.clear()
        self._looked_at = now
        before, self._seen = self._seen, {}
        ended = []
        for worker_id, number in found:
            last, since = before.get(worker_id, (number, now))
            self._seen[worker_id] = (number, since if number == last else now)
            if now - self._seen[worker_id][1] >= LEASE_SECONDS and await self._end(worker_id, number):
                ended.append(worker_id)
        return ended

    async def _end(self, worker_id: str, number: int) -> bool:
        now = self._clock()
        await self._database.execute(_FORGET, microseconds(now - KEPT))
        return bool(await self._database.execute(_END, worker_id, number, microseconds(now)))
