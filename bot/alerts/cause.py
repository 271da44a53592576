"""What drove a budget up: the operation, channel or member that grew most against the same length of time before."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Literal

from bot.usage.budgeting.alert_rows import Alert
from bot.usage.budgeting.budgets import BOT, Budget, Unit
from bot.usage.records import SpendLine
from bot.usage.reporting.reports import Days, Reports

CauseSplit = Literal["operation", "channel", "user", "guild"]
TOTAL_DAYS = 7
"""Of a budget in total, which has no period before: the last week against the week before."""
DEAREST = 100
"""Rows of each split that are looked at: whoever grew most is among those who spent most."""


@dataclass(frozen=True, slots=True)
class Cause:
    """What grew most in `days` against `before`: `grew_by` is in the budget's unit, nano-USD or tokens."""

    split: CauseSplit
    key: str
    grew_by: int
    days: Days
    before: Days


async def read_cause(reports: Reports, alert: Alert, budget: Budget, *, with_members: bool) -> Cause | None:
    """The cause of a budget's alert, on its whole server (of guild 0: of the whole bot); None where nothing grew.

    Members count only `with_members`: where everybody can read the answer, nobody is named. Raises
    `DatabaseUnavailableError`.
    """
    guild_id = alert.guild_id or None
    last = alert.fired_at.astimezone(await reports.zone(guild_id)).date()
    days, before = _compared(alert.period_start, last)
    splits: list[CauseSplit] = ["operation", "guild"] if alert.guild_id == BOT else ["operation", "channel"]
    if with_members and alert.guild_id != BOT:
        splits.append("user")
    found = []
    for split in splits:
        now = (await reports.spend_between(guild_id, days, split, limit=DEAREST)).rows
        earlier = (await reports.spend_between(guild_id, before, split)).rows
        if (growth := grew_most(now, {row.key: row for row in earlier}, budget.unit)) is not None:
            found.append(Cause(split, *growth, days, before))
    return max(found, key=lambda cause: cause.grew_by, default=None)


def grew_most(now: Sequence[SpendLine], before: Mapping[str, SpendLine], unit: Unit) -> tuple[str, int] | None:
    """The key whose amount grew most, and by how much; None where none grew. Of several the first: the dearest now."""
    growths = [(row.key, _amount(row, unit) - _amount(before.get(row.key), unit)) for row in now]
    key, growth = max(growths, key=lambda found: found[1], default=("", 0))
    return (key, growth) if growth > 0 else None


def _amount(line: SpendLine | None, unit: Unit) -> int:
    if line is None:
        return 0
    return line.cost_nano_usd if unit is Unit.USD else line.total_tokens


def _compared(period_start: str, last: date) -> tuple[Days, Days]:
    """The period up to `last`, and as many days before it."""
    first = date.fromisoformat(period_start) if period_start else last - timedelta(days=TOTAL_DAYS - 1)
    first = min(first, last)  # a period counted in another zone may start a day later than this one's calendar has it
    length = last - first + timedelta(days=1)
    return Days(first, last), Days(first - length, first - timedelta(days=1))
