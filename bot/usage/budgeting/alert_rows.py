"""Alerts as rows: written in the transaction that caused them, delivered by whoever finds them owed (I19, I20)."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from bot.usage.ids import new_id
from bot.usage.storage.database import Row
from bot.usage.storage.rows import from_microseconds

COLUMNS = (
    "id, guild_id, kind, budget_id, key, period_start, threshold, used, limit_amount, fired_at, delivered_at, "
    "delivered_how"
)
INSERT = f"INSERT INTO alerts ({COLUMNS}) VALUES ({', '.join(f'${n}' for n in range(1, 13))})"
PASSED = "passed"
"""`delivered_how` of a threshold that a higher one's message covers."""


class AlertKind(StrEnum):
    """What happened."""

    BUDGET = "budget"
    """A budget reached a threshold."""
    PROVIDER_KEY = "provider_key"
    """The provider refuses the key."""
    PROVIDER_CREDIT = "provider_credit"
    """The provider's account is out of credit."""


@dataclass(frozen=True, slots=True)
class Alert:
    """One event. `used` and `limit` are the budget's at that moment, in its unit; `guild_id` 0 is the operator's.

    `delivered_at` is None for as long as somebody is owed the message.
    """

    id: str
    guild_id: int
    kind: AlertKind
    budget_id: str
    key: str
    period_start: str
    threshold: int
    used: int
    limit: int
    fired_at: datetime
    delivered_at: datetime | None = None
    delivered_how: str | None = None


def alert_of(row: Row) -> Alert:
    """A row of `COLUMNS`."""
    alert_id, guild_id, kind, budget_id, key, period_start, threshold, used, limit, fired_at, delivered_at, how = row
    return Alert(
        id=alert_id,
        guild_id=guild_id,
        kind=AlertKind(kind),
        budget_id=budget_id,
        key=key,
        period_start=period_start,
        threshold=threshold,
        used=used,
        limit=limit,
        fired_at=from_microseconds(fired_at),
        delivered_at=from_microseconds(delivered_at) if delivered_at is not None else None,
        delivered_how=how,
    )


def threshold_rows(
    counter: tuple[int, str, str, str], passed: list[int], used: int, limit: int, at_us: int
) -> list[Row]:
    """Parameters of `INSERT` for thresholds passed at once: the highest is owed a message, which covers the others."""
    guild_id, budget_id, key, start = counter
    highest = max(passed)
    return [
        (new_id(), guild_id, AlertKind.BUDGET.value, budget_id, key, start, threshold, used, limit, at_us)
        + ((None, None) if threshold == highest else (at_us, PASSED))
        for threshold in passed
    ]
