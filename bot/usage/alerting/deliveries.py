"""Which message is owed to whom: a row for each alert or report and target, tried until it is delivered (I20).

One process at a time works on a row: claiming it is one conditional statement that moves its next try a lease ahead, so
that what a crashed process had claimed is taken up again by itself.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from bot.usage.storage.database import Database, Script
from bot.usage.storage.rows import from_microseconds, microseconds

LEASE = timedelta(seconds=60)
"""How long a claim is good for: longer than one try may take."""
FIRST_PAUSE = timedelta(seconds=30)
"""After the first failed try; each further pause is twice as long."""
LONGEST_PAUSE = timedelta(hours=6)
LONGEST_PAUSE_ON_DISCORD = timedelta(minutes=10)
TRIES = 20
"""Of an address outside Discord: about three days' worth. After that nobody needs the message any more."""
_PROBLEM_CHARACTERS = 200
_EXPECT = (
    "INSERT INTO alert_deliveries (alert_id, target, attempts, next_try_at) VALUES ($1, $2, 0, $3) "
    "ON CONFLICT (alert_id, target) DO NOTHING RETURNING target"
)
_CLAIM = (
    "UPDATE alert_deliveries SET next_try_at = $4, attempts = attempts + 1 WHERE alert_id = $1 AND target = $2 "
    "AND delivered_at IS NULL AND next_try_at <= $3 RETURNING attempts"
)
_END = (
    "UPDATE alert_deliveries SET delivered_at = $3, next_try_at = NULL, problem = NULL "
    "WHERE alert_id = $1 AND target = $2"
)
_FAILED = (
    "UPDATE alert_deliveries SET next_try_at = $4, problem = $5 "
    "WHERE alert_id = $1 AND target = $2 AND attempts = $3 AND delivered_at IS NULL"
)
"""`attempts` tells this try from that of a process that took the row over when our lease had run out."""
_TROUBLES = (
    "SELECT d.target, count(*), max(d.attempts), max(d.problem), min(a.fired_at) FROM alert_deliveries AS d "
    "JOIN alerts AS a ON a.id = d.alert_id WHERE d.delivered_at IS NULL AND d.problem IS NOT NULL "
    "GROUP BY d.target ORDER BY 3 DESC, 1"
)


@dataclass(frozen=True, slots=True)
class Delivery:
    """One claimed try to tell `target` of an event. `attempts` counts this one."""

    event_id: str
    target: str
    attempts: int


@dataclass(frozen=True, slots=True)
class Trouble:
    """A target that was tried and doesn't take what it is owed: so many `messages`, at most so many `attempts` each.

    `since` is when the oldest of them fired, in UTC.
    """

    target: str
    messages: int
    attempts: int
    problem: str
    since: datetime


class Deliveries:
    """Reads and writes them. Every method raises `DatabaseUnavailableError` where the books can't be reached."""

    def __init__(self, database: Database, clock: Callable[[], datetime]) -> None:
        self._database = database
        self._clock = clock

    async def claim(self, event_id: str, target: str) -> Delivery | None:
        """Take a try for the length of a lease. None where another process has it, or where it isn't due."""
        return await self._database.transact(lambda: claiming(event_id, target, self._clock()))

    async def failed(
        self, delivery: Delivery, problem: str, *, longest: timedelta = LONGEST_PAUSE, tries: int | None = TRIES
    ) -> None:
        """Note why a try failed, and when the next one is: after `tries` never, with None for as long as it takes."""
        pause = min(longest, FIRST_PAUSE * 2 ** min(delivery.attempts - 1, TRIES))
        goes_on = tries is None or delivery.attempts < tries
        next_try_at = microseconds(self._clock() + pause) if goes_on else None
        await self._database.execute(
            _FAILED, delivery.event_id, delivery.target, delivery.attempts, next_try_at, problem[:_PROBLEM_CHARACTERS]
        )

    async def troubles(self) -> list[Trouble]:
        """Targets of alerts that failed and aren't delivered to yet, most tried first."""
        return [
            Trouble(target, messages, attempts, problem, from_microseconds(since))
            for target, messages, attempts, problem, since in await self._database.fetch(_TROUBLES)
        ]


def expecting(event_id: str, target: str, now_us: int) -> Script[bool]:
    """Part of a transaction: owe an event to a target, due at once. False where that was noted before."""
    rows = yield (_EXPECT, (event_id, target, now_us))
    return bool(rows)


def claiming(event_id: str, target: str, now: datetime) -> Script[Delivery | None]:
    """Part of a transaction: a try for the length of a lease, where it is due and nobody else has it."""
    rows = yield (_CLAIM, (event_id, target, microseconds(now), microseconds(now + LEASE)))
    return Delivery(event_id, target, rows[0][0]) if rows else None


def ending(delivery: Delivery, now_us: int) -> Script[None]:
    """Part of a transaction: it was delivered. That stays true even where our lease had run out meanwhile."""
    yield (_END, (delivery.event_id, delivery.target, now_us))
