"""What one look at a server's spend shows: read once, from the books alone, then only put into words and a picture."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import Literal

from bot.client import Services
from bot.colours import COLOURS
from bot.translation import mark
from bot.usage.budgeting.budget_book import Standing
from bot.usage.budgeting.budgets import Scope, Unit
from bot.usage.budgeting.calendars import Period
from bot.usage.records import SpendLine
from bot.usage.reporting.reports import Days, PeriodName, Report, Split, earlier_days, rest_of, sum_of
from bot.usage.reporting.single_calls import Aspect, Only
from bot.usage.tracker import UsageTracker
from cogs._spend.commands_used import command_of

SplitName = Literal["operation", "model", "member", "channel", "day", "thread", "week", "command"]

SPLITS: dict[SplitName, str] = {
    "operation": mark("By operation"),
    "model": mark("By model"),
    "member": mark("By member"),
    "channel": mark("By channel"),
    "day": mark("By day"),
    "thread": mark("By thread"),
    "week": mark("By league week"),
    "command": mark("By command"),
}
HEADINGS: dict[SplitName, str] = {
    "operation": mark("operation"),
    "model": mark("model"),
    "member": mark("member"),
    "channel": mark("channel"),
    "day": mark("day"),
    "thread": mark("thread"),
    "week": mark("week"),
    "command": mark("command"),
}
"""What the names in a breakdown's rows are."""
KEPT: dict[SplitName, Split] = {"operation": "operation", "model": "model", "member": "user", "channel": "channel"}
"""The splits whose sums are kept by day: their rows can be opened, and their picture is stacked."""
ASPECTS: dict[SplitName, Aspect] = {
    "operation": "operation",
    "model": "model",
    "member": "user",
    "channel": "channel",
    "thread": "session",
}
"""The splits that single calls can be told apart by."""
TOP = 10
"""Rows of a breakdown on one page; what is beyond them is one line."""
DAYS_A_PAGE = 14
_MOST_OPERATIONS = 100


@dataclass(frozen=True, slots=True)
class Opened:
    """One row of a breakdown, looked at more closely."""

    split: SplitName
    key: str


@dataclass(frozen=True, slots=True)
class Choice:
    """What somebody wants to see. Days in place of a named period are a range of their own. Pages count from 0."""

    period: PeriodName | Days = "month"
    split: SplitName = "operation"
    opened: Opened | None = None
    page: int = 0


@dataclass(frozen=True, slots=True)
class Spend:
    """The answer. `trend` has a line for each day; of a single day, for the week that ends with it.

    `shares` are what the dearest rows cost on these days, `{key: {ISO date: nano-USD}}`. `report.rows` are one page of
    the breakdown, of `pages`. `has_history` is False for a server that never had a call. `before` is None where there
    is no period before. `limit` is the tightest monthly budget in USD for the whole server, of the running month.
    `whole` is the server's total where one row is opened, and `uncounted` its calls that are too old to be broken down.
    """

    choice: Choice
    report: Report
    trend: list[SpendLine]
    shares: Mapping[str, Mapping[str, int]]
    before: SpendLine | None
    before_days: Days | None
    projection: int | None
    limit: Standing | None
    has_history: bool
    prices: str
    zone: str
    read_at: datetime
    pages: int = 1
    whole: SpendLine | None = None
    uncounted: int = 0


async def read_spend(services: Services, guild_id: int, choice: Choice) -> Spend:
    """Read what a choice shows of one server. Raises `DatabaseUnavailableError`."""
    tracker, reports = services.tracker, services.tracker.reports
    days = choice.period if isinstance(choice.period, Days) else await reports.days(guild_id, choice.period)
    trend_days = days if days.first < days.last else Days(days.last - timedelta(days=6), days.last)
    before_days = _before(choice.period, days)
    trend = await reports.trend(guild_id, trend_days)
    whole: SpendLine | None = None
    before: SpendLine | None = None
    if choice.opened is None:
        report, pages = await _breakdown(services, guild_id, days, choice)
        if before_days is not None:
            before = await _total(tracker, guild_id, before_days)
    else:
        whole = await _total(tracker, guild_id, days)
        report, pages = await _closer(tracker, guild_id, days, choice)
        mine = await _days_of(tracker, guild_id, trend_days, choice.opened)
        trend = [mine.get(line.key, SpendLine(line.key)) for line in trend]
        if before_days is not None:
            before = sum_of("", (await _days_of(tracker, guild_id, before_days, choice.opened)).values())
    monthly = choice.period == "month" and choice.opened is None
    return Spend(
        choice=choice,
        report=report,
        trend=trend,
        shares=await _shares(tracker, guild_id, choice, trend, report, days),
        before=before,
        before_days=before_days,
        projection=await reports.projection(guild_id) if monthly else None,
        limit=tightest(await tracker.budgets.standing(guild_id)) if monthly else None,
        has_history=report.total.calls > 0 or whole is not None or await _has_history(tracker, guild_id),
        prices=tracker.prices.described(),
        zone=str(await reports.zone(guild_id)),
        read_at=tracker.clock(),
        pages=pages,
        whole=whole,
        uncounted=max(0, report.total.calls - report.rest.calls - sum(row.calls for row in report.rows)),
    )


def tightest(standings: Sequence[Standing]) -> Standing | None:
    """The lowest monthly limit in USD on all of a server's spend, the operator's included."""
    found = [s for s in standings if (s.budget.scope, s.budget.period, s.budget.unit) == _MONTHLY]
    return min(found, key=lambda standing: standing.budget.limit, default=None)


_MONTHLY = (Scope.GUILD, Period.MONTH, Unit.USD)


def _before(period: PeriodName | Days, days: Days) -> Days | None:
    """The days to compare with: of a range, as many before it."""
    if not isinstance(period, Days):
        return earlier_days(period, days)
    length = days.last - days.first + timedelta(days=1)
    return Days(days.first - length, days.first - timedelta(days=1))


async def _breakdown(services: Services, guild_id: int, days: Days, choice: Choice) -> tuple[Report, int]:
    """One page of a split of all that the server spent, and how many pages there are."""
    reports, split, skip = services.tracker.reports, choice.split, choice.page * TOP
    if split in KEPT:
        report = await reports.spend_between(guild_id, days, KEPT[split], limit=TOP, skip=skip)
        return report, _pages(report)
    everything = await reports.spend_between(guild_id, days, "day")
    if split == "day":
        return _day_page(everything, choice.page)
    if split == "command":
        operations = await reports.spend_between(guild_id, days, "operation", limit=_MOST_OPERATIONS)
        return _rows(everything, _by_command(operations.rows)), 1
    if split == "week":
        zone = await reports.zone(guild_id)
        begun = [(at.astimezone(zone).date(), week) for at, week in await services.league_book.advances(guild_id)]
        return _rows(everything, by_week(everything.rows, begun, days)), 1
    found = await services.tracker.single_calls.spend(guild_id, days, ASPECTS[split], limit=TOP, skip=skip)
    return replace(_rows(everything, found.rows), rest_keys=found.rest_keys), _pages(found)


async def _closer(tracker: UsageTracker, guild_id: int, days: Days, choice: Choice) -> tuple[Report, int]:
    """The same of one row alone: its days are kept, anything else is read from its single calls."""
    opened = choice.opened
    assert opened is not None  # noqa: S101 - the caller has looked
    mine = list((await _days_of(tracker, guild_id, days, opened)).values())
    everything = Report(days, sum_of("", mine), mine, SpendLine(""), 0)
    if choice.split == "day":
        return _day_page(everything, choice.page)
    only = Only(ASPECTS[opened.split], opened.key)
    by = ASPECTS[choice.split]
    found = await tracker.single_calls.spend(guild_id, days, by, only=only, limit=TOP, skip=choice.page * TOP)
    return replace(found, total=everything.total), _pages(found)


async def _days_of(tracker: UsageTracker, guild_id: int, days: Days, opened: Opened) -> dict[str, SpendLine]:
    lines = await tracker.reports.trend_of(guild_id, days, KEPT[opened.split], opened.key)
    return {line.key: line for line in lines}


async def _total(tracker: UsageTracker, guild_id: int, days: Days) -> SpendLine:
    return (await tracker.reports.spend_between(guild_id, days, "operation", limit=1)).total


async def _shares(
    tracker: UsageTracker, guild_id: int, choice: Choice, trend: Sequence[SpendLine], report: Report, days: Days
) -> dict[str, dict[str, int]]:
    """What the dearest rows cost on the days of the trend."""
    on = [line.key for line in trend if line.calls]
    if choice.opened is not None:
        return {}
    if choice.split == "command":
        operations = await tracker.reports.spend_between(guild_id, days, "operation", limit=_MOST_OPERATIONS)
        found = await tracker.reports.trend_by(guild_id, on, "operation", [row.key for row in operations.rows])
        return _added_up(found, [row.key for row in report.rows[:COLOURS]])
    if choice.split not in KEPT:
        return {}
    split, rows = KEPT[choice.split], report.rows
    if choice.page > 0:
        rows = (await tracker.reports.spend_between(guild_id, days, split, limit=COLOURS)).rows
    return await tracker.reports.trend_by(guild_id, on, split, [row.key for row in rows[:COLOURS]])


def _added_up(by_operation: Mapping[str, Mapping[str, int]], wanted: Sequence[str]) -> dict[str, dict[str, int]]:
    found: dict[str, dict[str, int]] = {command: {} for command in wanted}
    for operation, costs in by_operation.items():
        sums = found.get(command_of(operation), {})
        for day, cost in costs.items():
            sums[day] = sums.get(day, 0) + cost
    return found


def _by_command(operations: Sequence[SpendLine]) -> list[SpendLine]:
    groups: dict[str, list[SpendLine]] = {}
    for row in operations:
        groups.setdefault(command_of(row.key), []).append(row)
    found = [sum_of(command, rows) for command, rows in groups.items()]
    return sorted(found, key=lambda line: (-line.cost_nano_usd, -line.calls, line.key))


def by_week(lines: Sequence[SpendLine], begun: Sequence[tuple[date, int]], days: Days) -> list[SpendLine]:
    """A line for each league week in the days, newest last: a week begins on the day of its advance, which is all its
    own. Keys are `WEEK FIRST LAST`, with ISO dates. Days before the first advance are in none.
    """
    found = []
    for number, (first, week) in enumerate(begun):
        last = begun[number + 1][0] - timedelta(days=1) if number + 1 < len(begun) else days.last
        first, last = max(first, days.first), min(last, days.last)
        inside = [line for line in lines if first.isoformat() <= line.key <= last.isoformat()]
        if inside:
            found.append(sum_of(f"{week} {first} {last}", inside))
    return found[-TOP:]


def _rows(whole: Report, rows: Sequence[SpendLine]) -> Report:
    """A report of other rows; what they leave is the rest."""
    return replace(whole, rows=list(rows), rest=rest_of(whole.total, rows), rest_keys=0)


def _day_page(everything: Report, page: int) -> tuple[Report, int]:
    """Some of the days, the newest on the first page, and how many pages there are."""
    days = everything.rows
    last = max(0, len(days) - page * DAYS_A_PAGE)
    return _rows(everything, days[max(0, last - DAYS_A_PAGE) : last]), max(1, -(-len(days) // DAYS_A_PAGE))


def _pages(report: Report) -> int:
    return max(1, -(-(len(report.rows) + report.rest_keys) // TOP))


async def _has_history(tracker: UsageTracker, guild_id: int) -> bool:
    return (await tracker.reports.spend(guild_id, "all", "operation", limit=1)).total.calls > 0
