"""The counters of budgets and quotas as rows of `budget_periods`, and what a call adds to them.

One statement creates a counter where it is missing, locks it, changes it and tells how it stands: the same on SQLite,
where the transaction holds the one write lock, and on PostgreSQL, where it holds the row's. Whoever touches several
goes in their order, so that no two transactions wait for each other.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from bot.usage.budgeting.budgets import Level, Unit
from bot.usage.budgeting.rules import CounterKey
from bot.usage.records import OpenCall, Settlement
from bot.usage.storage.database import Query

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
SET_FIRED = (
    "UPDATE budget_periods SET fired = $5 WHERE guild_id = $1 AND budget_id = $2 AND key = $3 AND period_start = $4"
)
"""The highest threshold announced, outside the ledger's transactions."""


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
    """What an open call has reserved, by counter and in its unit: its worst case for each of `times` attempts.

    `version` is the number of the rules by which it was reserved.
    """

    call: OpenCall
    amounts: Mapping[CounterKey, tuple[Unit, int]] = field(default_factory=dict)
    version: int = -1
    times: int = 1

    def again(self) -> "Held":
        """With the worst case of another attempt."""
        more = {key: (unit, amount + self.once(key)) for key, (unit, amount) in self.amounts.items()}
        return replace(self, amounts=more, times=self.times + 1)

    def once(self, counter: CounterKey) -> int:
        """What one attempt has reserved there."""
        return self.amounts[counter][1] // self.times

    def to_json(self) -> str | None:
        """Where it is reserved, as it is stored with the call; None for nothing."""
        return json.dumps([[*key, *amount] for key, amount in self.amounts.items()]) if self.amounts else None

    @classmethod
    def from_json(cls, call: OpenCall, text: str | None) -> "Held":
        """What `to_json` made, of a call that another worker left open."""
        rows = json.loads(text) if text else []
        amounts = {
            (guild, budget, key, start): (Unit(unit), amount) for guild, budget, key, start, unit, amount in rows
        }
        return cls(call, amounts)


def add(counter: CounterKey, change: Change) -> Query:
    """Its row: spent, reserved, doubtful, fired after the change."""
    return _ADD, (*counter, change.spent, change.reserved, change.doubtful)


def reserved(call: OpenCall, unit: Unit) -> int:
    """The worst case of a call in a budget's unit; what is unknown adds nothing."""
    return (call.reserved.cost_nano_usd or 0) if unit is Unit.USD else call.reserved_usage.total_tokens


def quota_reserved(call: OpenCall) -> int:
    """What a quota holds back for a call: quotas are soft, so not its model's ceiling where it set no cap."""
    if call.elastic is None or call.output_cap is not None:
        return call.reserved_usage.total_tokens
    return call.reserved_usage.input_tokens + call.elastic.most * call.elastic.choices


def settled(settlement: Settlement, unit: Unit) -> tuple[int, int]:
    """What a finished call spent, and what is doubtful, in a budget's unit."""
    if unit is Unit.USD:
        return settlement.price.cost_nano_usd or 0, settlement.doubtful_nano_usd
    return settlement.usage.total_tokens, settlement.doubtful_tokens


def level_of(row: tuple[int, int, int, int]) -> Level:
    """The row of `add`."""
    return Level(*row)
