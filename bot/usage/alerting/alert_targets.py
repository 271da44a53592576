"""The addresses outside Discord to which a server's alerts go too: stored whole, shown masked, removed for good."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from bot.usage.errors import UsageError
from bot.usage.ids import new_id
from bot.usage.storage import audit
from bot.usage.storage.database import Database, Row, Script
from bot.usage.storage.rows import from_microseconds, microseconds

MOST = 5
"""Addresses of one server."""
_ONE_AT_A_TIME = "SELECT pg_advisory_xact_lock(7286314650103)"
"""Of two that are added at once the second sees the first."""
_SELECT = "SELECT id, guild_id, label, added_by, added_at FROM alert_targets"


class TooManyTargetsError(UsageError):
    """A server has as many addresses as it may have."""

    def __init__(self) -> None:
        super().__init__(f"a server may have {MOST} addresses for alerts")


@dataclass(frozen=True, slots=True)
class AlertTarget:
    """An address as people may see it: its `label` holds no secret. `added_by` is a user's id."""

    id: str
    guild_id: int
    label: str
    added_by: str
    added_at: datetime


class AlertTargets:
    """Reads and changes them. Every method raises `DatabaseUnavailableError` where the books can't be reached."""

    def __init__(self, database: Database, clock: Callable[[], datetime]) -> None:
        self._database = database
        self._clock = clock

    async def of(self, guild_id: int) -> list[AlertTarget]:
        """A server's addresses, oldest first."""
        rows = await self._database.fetch(f"{_SELECT} WHERE guild_id = $1 ORDER BY id", guild_id)
        return [_target_of(row) for row in rows]

    async def named(self, target_id: str) -> AlertTarget | None:
        """One address by its id, whoever's it is."""
        rows = await self._database.fetch(f"{_SELECT} WHERE id = $1", target_id)
        return _target_of(rows[0]) if rows else None

    async def address(self, target_id: str) -> str | None:
        """The whole address, a secret (I35): for the module that sends, nobody else. None where it was removed."""
        rows = await self._database.fetch("SELECT url FROM alert_targets WHERE id = $1", target_id)
        return str(rows[0][0]) if rows else None

    async def add(self, guild_id: int, url: str, label: str, *, actor: object) -> AlertTarget:
        """Add an address that was checked; the same one twice is one. Raises `TooManyTargetsError`."""
        added = await self._database.transact(lambda: self._add(guild_id, url, label, str(actor)))
        if added is None:
            raise TooManyTargetsError
        return added

    async def remove(self, target_id: str, *, guild_id: int, actor: object) -> bool:
        """Remove one of a server's own addresses, with what it is owed; False where it has none of that id."""
        return await self._database.transact(lambda: self._remove(target_id, guild_id, str(actor)))

    def _add(self, guild_id: int, url: str, label: str, actor: str) -> Script[AlertTarget | None]:
        now = self._clock()
        yield (_ONE_AT_A_TIME, ())
        same = yield (f"{_SELECT} WHERE guild_id = $1 AND url = $2", (guild_id, url))
        if same:
            return _target_of(same[0])
        [(stored,)] = yield ("SELECT count(*) FROM alert_targets WHERE guild_id = $1", (guild_id,))
        if stored >= MOST:
            return None
        target = AlertTarget(new_id(), guild_id, label, actor, now)
        yield (
            "INSERT INTO alert_targets (id, guild_id, url, label, added_by, added_at) VALUES ($1, $2, $3, $4, $5, $6)",
            (target.id, guild_id, url, label, actor, microseconds(now)),
        )
        yield from audit.note(now, guild_id, actor, "alert address added", {"label": label})
        return target

    def _remove(self, target_id: str, guild_id: int, actor: str) -> Script[bool]:
        removed = yield (
            "DELETE FROM alert_targets WHERE id = $1 AND guild_id = $2 RETURNING label",
            (target_id, guild_id),
        )
        if not removed:
            return False
        yield ("DELETE FROM alert_deliveries WHERE target = $1 AND delivered_at IS NULL", (target_id,))
        yield from audit.note(self._clock(), guild_id, actor, "alert address removed", {"label": removed[0][0]})
        return True


def _target_of(row: Row) -> AlertTarget:
    target_id, guild_id, label, added_by, added_at = row
    return AlertTarget(target_id, guild_id, label, added_by, from_microseconds(added_at))
