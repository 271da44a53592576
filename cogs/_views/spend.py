"""What one look at a server's spend shows: read once, from the books alone, then only put into words."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from bot.usage.records import SpendLine
from bot.usage.reports import Days, PeriodName, Report, Reports, Split, earlier_days
from bot.usage.tracker import UsageTracker

SplitName = Literal["operation", "model", "member", "channel", "day"]

PERIODS: dict[PeriodName, str] = {
    "today": "Today",
    "7d": "Last 7 days",
    "30d": "Last 30 days",
    "month": "This month",
    "all": "All time",
}
SPLITS: dict[SplitName, str] = {
    "operation": "By operation",
    "model": "By model",
    "member": "By member",
    "channel": "By channel",
    "day": "By day",
}
TOP = 10
"""Rows of a breakdown; what is beyond them is one line."""


@dataclass(frozen=True, slots=True)
class Choice:
    """What somebody wants to see."""

    period: PeriodName = "month"
    split: SplitName = "operation"


@dataclass(frozen=True, slots=True)
class Spend:
    """The answer. `trend` has a line for each day; of a single day, for the week that ends with it.

    `has_history` is False for a server that never had a call. `before` is None where there is no period before.
    """

    choice: Choice
    report: Report
    trend: list[SpendLine]
    before: SpendLine | None
    before_days: Days | None
    projection: int | None
    has_history: bool
    prices: str
    zone: str
    read_at: datetime


async def read_spend(tracker: UsageTracker, guild_id: int, choice: Choice) -> Spend:
    """Read what a choice shows of one server. Raises `DatabaseUnavailableError`."""
    reports = tracker.reports
    split: Split = "user" if choice.split == "member" else choice.split
    report = await reports.spend(guild_id, choice.period, split, limit=None if split == "day" else TOP)
    trend_days = report.days if report.days.first < report.days.last else await reports.days(guild_id, "7d")
    return Spend(
        choice=choice,
        report=report,
        trend=await reports.trend(guild_id, trend_days),
        before=await reports.before(guild_id, choice.period),
        before_days=earlier_days(choice.period, report.days),
        projection=await reports.projection(guild_id) if choice.period == "month" else None,
        has_history=report.total.calls > 0 or await _has_history(reports, guild_id),
        prices=tracker.prices.described(),
        zone=str(await tracker.reports.zone(guild_id)),
        read_at=tracker.clock(),
    )


async def _has_history(reports: Reports, guild_id: int) -> bool:
    return (await reports.spend(guild_id, "all", "operation", limit=1)).total.calls > 0
