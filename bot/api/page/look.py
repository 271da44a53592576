"""What one look at the page shows: read once, from the reports that `/token-stats` reads, with what names there are."""

from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo
from typing import Literal

from bot.colours import COLOURS
from bot.usage.budgeting.budget_book import Standing
from bot.usage.budgeting.budgets import BOT, Scope
from bot.usage.records import SpendLine
from bot.usage.reporting.recent_calls import RecentCall
from bot.usage.reporting.reports import Days, PeriodName, Report, Split, earlier_days
from bot.usage.reporting.single_calls import bounds
from bot.usage.reporting.suggestions import Suggestion
from bot.usage.tracker import UsageTracker

TOP = 20
"""Rows of a breakdown; what is beyond them is one line."""
CALLS = 20
CALLS_FROM = timedelta(days=30)
"""Single calls are looked for no further back, whatever the period: there may be millions."""
ADVISED_DAYS = 30
COUNTERS = 5
"""Members shown of a budget that each of them has."""

Named = Literal["user", "channel", "role", "guild"]
Names = Callable[[int | None, Named, Collection[str]], Awaitable[Mapping[str, str]]]
"""Names for ids on a server (None: on any), as far as they are known and may be shown to whoever sees its page."""


@dataclass(frozen=True, slots=True)
class Choice:
    """What somebody wants to see. `advise`: where money could be saved too, which takes reading many calls."""

    period: PeriodName = "month"
    by: Split = "operation"
    advise: bool = False


@dataclass(frozen=True, slots=True)
class Look:
    """The answer. `guild_id` None: all servers together. `trend` has a line a day; of a single day, for its week.

    `by_key` are the keys told apart in the trend, with what they cost on which day. `names` go by kind, then id.
    """

    guild_id: int | None
    choice: Choice
    report: Report
    trend: list[SpendLine]
    by_key: dict[str, dict[str, int]]
    before: SpendLine | None
    before_days: Days | None
    projection: int | None
    budgets: list[list[Standing]]
    calls: list[RecentCall]
    failures: list[RecentCall]
    suggestions: list[Suggestion] | None
    prices: str
    zone: tzinfo
    read_at: datetime
    names: dict[str, Mapping[str, str]]


async def no_names(_guild_id: int | None, _kind: Named, _ids: Collection[str]) -> Mapping[str, str]:
    """Where nobody knows any: ids stand for themselves."""
    return {}


async def read_look(tracker: UsageTracker, guild_id: int | None, choice: Choice, names: Names) -> Look:
    """Read it. Raises `DatabaseUnavailableError`."""
    reports, now = tracker.reports, tracker.clock()
    by, period = choice.by, choice.period
    report = await reports.spend(guild_id, period, by, limit=None if by == "day" else TOP)
    trend_days = report.days if report.days.first < report.days.last else await reports.days(guild_id, "7d")
    trend = await reports.trend(guild_id, trend_days)
    told_apart = [] if by == "day" else [row.key for row in report.rows[:COLOURS]]
    zone = await reports.zone(guild_id)
    since = max(bounds(report.days, zone)[0], now - CALLS_FROM)
    newest = now + timedelta(days=1), ""
    calls = await tracker.recent_calls.page(since, newest, limit=CALLS, guild_id=guild_id)
    failures = await tracker.recent_calls.page(since, newest, limit=CALLS, guild_id=guild_id, failed=True)
    budgets = _by_budget(await tracker.budgets.standing(BOT if guild_id is None else guild_id))
    return Look(
        guild_id=guild_id,
        choice=choice,
        report=report,
        trend=trend,
        by_key=await reports.trend_by(guild_id, [line.key for line in trend], by, told_apart),
        before=await reports.before(guild_id, period),
        before_days=earlier_days(period, report.days),
        projection=await reports.projection(guild_id) if period == "month" else None,
        budgets=budgets,
        calls=calls,
        failures=failures,
        suggestions=await tracker.suggestions(guild_id, ADVISED_DAYS) if choice.advise else None,
        prices=tracker.prices.described(),
        zone=zone,
        read_at=now,
        names=await _names(guild_id, names, report, by, [*calls, *failures], budgets),
    )


def _by_budget(standings: list[Standing]) -> list[list[Standing]]:
    """A budget's counters together, fullest first."""
    found: dict[str, list[Standing]] = {}
    for standing in standings:
        found.setdefault(standing.budget.id, []).append(standing)
    return list(found.values())


async def _names(
    guild_id: int | None,
    names: Names,
    report: Report,
    by: Split,
    calls: list[RecentCall],
    budgets: list[list[Standing]],
) -> dict[str, Mapping[str, str]]:
    ids: dict[Named, set[str]] = {
        "user": {call.user_id for call in calls if call.user_id},
        "channel": {str(call.channel_id) for call in calls if call.channel_id is not None},
        "guild": {str(call.guild_id) for call in calls} if guild_id is None else {str(guild_id)},
        "role": set(),
    }
    if by in ("user", "channel", "guild"):
        ids[by] |= {row.key for row in report.rows}
    for standings in budgets:
        scope, scope_id = standings[0].budget.scope, standings[0].budget.scope_id
        if scope in (Scope.USER, Scope.CHANNEL):
            ids["user" if scope is Scope.USER else "channel"].add(scope_id)
        if scope in (Scope.ROLE, Scope.EACH_IN_ROLE):
            ids["role"].add(scope_id)
        if scope in (Scope.EACH_USER, Scope.EACH_IN_ROLE):
            ids["user"] |= {standing.key for standing in standings[:COUNTERS] if standing.key}
    return {kind: await names(guild_id, kind, wanted) for kind, wanted in ids.items() if wanted}
