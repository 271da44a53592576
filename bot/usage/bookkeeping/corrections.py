"""Finished calls that are booked otherwise from now on: record, sums and counters follow in one transaction (I8, I10).

Sums and counters change by the difference, so that what a running bot books meanwhile stays. Budgets of roles keep what
they had: who had which role isn't on record.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime

from bot.usage.bookkeeping import rollups
from bot.usage.budgeting import alert_rows, counters
from bot.usage.budgeting.budgets import newly_passed
from bot.usage.budgeting.counters import Change
from bot.usage.budgeting.rules import CounterKey, Rules
from bot.usage.records import Settlement, UsageRecord
from bot.usage.storage import rows
from bot.usage.storage.database import Script, Statement

RECONCILED = "reconciled"
"""Price source of a call whose cost the provider's bill bounds."""
Correction = tuple[UsageRecord, Settlement]
"""A finished call as it is on the books, and how it is to be."""


def correct(corrections: Sequence[Correction], rules: Rules, now: datetime) -> Script[list[Statement]]:
    """Change the counters, firing the thresholds that are now passed (I19); the statements that are left to run.

    `rules` are as of this transaction, and the records locked in it.
    """
    pairs = [(record, UsageRecord(record.call, settlement)) for record, settlement in corrections]
    changes: dict[CounterKey, Change] = {}
    for before, after in pairs:
        for counter, change in added(after, rules):
            changes[counter] = changes.get(counter, Change()) + change
        for counter, change in added(before, rules):
            changes[counter] += Change(-change.spent, 0, -change.doubtful)
    for counter in sorted(key for key, change in changes.items() if change != Change()):
        yield from change_counter(counter, changes[counter], rules, now)
    return [
        (rows.UPDATE_SETTLED, [rows.settled_row(record.call, settlement) for record, settlement in corrections]),
        (rollups.UPSERT, list(rollups.differences(pairs, rules.calendar))),
    ]


def change_counter(counter: CounterKey, change: Change, rules: Rules, now: datetime) -> Script[None]:
    """Add to a counter; what it has passed with that is announced if its period is running."""
    [row] = yield counters.add(counter, change)
    guild_id, budget_id, _, start = counter
    budget, level = rules.of(guild_id).budget(budget_id), counters.level_of(row)
    if budget is None or start != rules.calendar(guild_id).start(budget.period, now):
        return
    if passed := newly_passed(budget, level):
        for alert in alert_rows.threshold_rows(counter, passed, level.used, budget.limit, rows.microseconds(now)):
            yield alert_rows.INSERT, alert
        yield counters.SET_FIRED, (*counter, max(passed))


def added(record: UsageRecord, rules: Rules) -> Iterator[tuple[CounterKey, Change]]:
    """What a finished call has added to each counter that it is in. A quota has no doubts (`decision.py`)."""
    for item in rules.counted(record.call):
        spent, doubtful = counters.settled(record.settlement, item.budget.unit)
        yield item.counter, Change(spent=spent, doubtful=doubtful)
    if (quota := rules.quota_counter(record.call)) is not None:
        yield quota, Change(spent=record.settlement.usage.total_tokens)
