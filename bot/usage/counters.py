"""The counters of budgets and quotas as rows of `budget_periods`, and what a call adds to them.

One statement creates a counter where it is missing, locks it, changes it and tells how it stands: the same on SQLite,
where the transaction holds the one write lock, and on PostgreSQL, where it holds the row's. Whoever touches several
goes in their order, so that no two transactions wait for each other.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from bot.usage.budgets import Level, Unit
from bot.usage.database import Query
from bot.usage.records import OpenCall, Settlement
from bot.usage.rules import CounterKey

_ADD = (
    "INSERT INTO budget_periods (guild_id, budget_id, key, period_start, spent, reserved, doubtful, fired) "
    "VALUES ($1, $2, $3, $4, $5, $6, $7, 0) ON CONFLICT (guild_id, budget_id, key, period_start) DO UPDATE SET "
    "spent = budget_periods.spent + excluded.spent, reserved = budget_periods.reserved + excluded.reserved, "
    "doubtful = budget_periods.doubtful + excluded.doubtful RETURNING spent, reserved, doubtful, fired"
)
CHANGE = (
    "UPDATE budget_periods SET reserved = reserved + $5, fired = $6 "
    "WHERE guild_id = $1 AND budget_id = $2 AND key = $3 AND period_start = $4"
)
"""After `add`, in the same transaction: what was admitted, and what was announced."""


@dataclass(frozen=True, slots=True)
class Change:
    """What is added to a counter, in its unit."""

    spent: int = 0
    reserved: int = 0
    doubtful: int = 0

    def __add__(self, other: "Change") -> "Change":
        return Change(self.spent + other.spent, self.reserved + other.reserved, self.doubtful + other.doubtful)


@dataclass(frozen=True, slots=True)
class Held:
    """What a call has reserved, by counter and in its unit: its worst case once for each attempt that may be billed.

    `version` is the number of the rules it was admitted by; 0 where it wasn't.
    """

    amounts: Mapping[CounterKey, tuple[Unit, int]] = field(default_factory=dict)
    version: int = 0

    def again(self, call: OpenCall) -> "Held":
        """With the worst case of another attempt."""
        more = {key: (unit, amount + reserved(call, unit)) for key, (unit, amount) in self.amounts.items()}
        return replace(self, amounts=more)

    def to_json(self) -> str | None:
        """As it is stored with the call; None for nothing held."""
        return json.dumps([[*key, *amount] for key, amount in self.amounts.items()]) if self.amounts else None

    @classmethod
    def from_json(cls, text: str | None) -> "Held":
        """What `to_json` made."""
        rows = json.loads(text) if text else []
        return cls(
            {(guild, budget, key, start): (Unit(unit), amount) for guild, budget, key, start, unit, amount in rows}
        )


def add(counter: CounterKey, change: Change) -> Query:
    """Its row: spent, reserved, doubtful, fired after the change."""
    return _ADD, (*counter, change.spent, change.reserved, change.doubtful)


def reserved(call: OpenCall, unit: Unit) -> int:
    """The worst case of a call in a budget's unit; what is unknown adds nothing."""
    return (call.reserved.cost_nano_usd or 0) if unit is Unit.USD else call.reserved_usage.total_tokens


def settled(settlement: Settlement, unit: Unit) -> Change:
    """What a finished call adds in a budget's unit."""
    if unit is Unit.USD:
        return Change(settlement.price.cost_nano_usd or 0, 0, settlement.doubtful_nano_usd)
    return Change(settlement.usage.total_tokens, 0, settlement.doubtful_tokens)


def level_of(row: tuple[int, int, int, int]) -> Level:
    """The row of `add`."""
    return Level(*row)
