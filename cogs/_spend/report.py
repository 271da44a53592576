"""A scheduled report as a message: the total, how it compares, what it was spent on, how the budgets stand."""

from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass

import discord

from bot.figures import (
    amount,
    calls_words,
    compared,
    cost_of,
    limit,
    percent,
    span_words,
    tokens_words,
)
from bot.translation import _, mark, n_
from bot.usage.alerting.scheduled_reports import DueReport
from bot.usage.budgeting.budget_book import Standing
from bot.usage.budgeting.calendars import Period
from bot.usage.records import SpendLine
from bot.usage.reporting.reports import Report
from bot.usage.tracker import UsageTracker
from cogs._budgets.budget_words import EACH, title, unnamed_title
from cogs._kit.look import text_view
from cogs._spend.spend import SPLITS, SplitName
from cogs._spend.spend_text import figures_table, sum_words

TOP = 5
"""Rows of each breakdown."""
MOST_BUDGETS = 10
_NAMES = {Period.DAY: mark("yesterday"), Period.WEEK: mark("last week"), Period.MONTH: mark("last month")}
_BEFORE = {
    Period.DAY: mark("the day before"),
    Period.WEEK: mark("the week before"),
    Period.MONTH: mark("the month before"),
}
_MISSED = mark("-# I was away when earlier reports were due: this is the newest, `/token-stats` has the rest.")


@dataclass(frozen=True, slots=True)
class ReportFacts:
    """What a report says, as the books have it. `members` is None where everybody can read the report."""

    due: DueReport
    operations: Report
    channels: Report
    members: Report | None
    before: SpendLine
    standings: Sequence[Standing]
    zone: str


async def read_report(tracker: UsageTracker, due: DueReport, *, with_members: bool) -> ReportFacts:
    """Read it. Raises `DatabaseUnavailableError`."""
    reports, guild_id = tracker.reports, due.guild_id
    return ReportFacts(
        due=due,
        operations=await reports.spend_between(guild_id, due.days, "operation", limit=TOP),
        channels=await reports.spend_between(guild_id, due.days, "channel", limit=TOP),
        members=await reports.spend_between(guild_id, due.days, "user", limit=TOP) if with_members else None,
        before=(await reports.spend_between(guild_id, due.before, "operation", limit=1)).total,
        standings=await tracker.budgets.standing(guild_id),
        zone=str(await reports.zone(guild_id)),
    )


def report_view(facts: ReportFacts, names: Mapping[str, str], hidden: Container[str]) -> discord.ui.LayoutView:
    """The message.

    `names` are those of channels and members, by their ids; `hidden` are the ids of budgets whose member or channel not
    everybody who reads it may know of.
    """
    return text_view(_sections(facts, names, hidden))


def _sections(facts: ReportFacts, names: Mapping[str, str], hidden: Container[str]) -> list[str]:
    found: list[tuple[SplitName, Report | None]] = [
        ("operation", facts.operations),
        ("channel", facts.channels),
        ("member", facts.members),
    ]
    tables = [_breakdown(split, report, names) for split, report in found if report is not None and report.rows]
    small = [_(_MISSED)] if facts.due.missed else []
    small.append(_("-# Days in {zone}", zone=facts.zone))
    return [_headline(facts), *tables, *filter(None, [_budgets(facts.standings, hidden)]), "\n".join(small)]


def _headline(facts: ReportFacts) -> str:
    total, due = facts.operations.total, facts.due
    days, when = span_words(due.days.first, due.days.last, this_year=due.days.last.year), _(_NAMES[due.every])
    if total.calls == 0:
        return _("## No calls {when}", when=when) + f"\n-# {days}"
    lines = ["## " + _("{what} {when}", what=sum_words(total), when=when)]
    if verdict := compared(total, facts.before, _(_BEFORE[due.every])):
        lines.append(verdict[0].upper() + verdict[1:])
    small = [days, calls_words(total.calls), tokens_words(total.total_tokens)]
    if total.unpriced_calls:
        small.append(n_("{n}\u00a0call unpriced", "{n}\u00a0calls unpriced", total.unpriced_calls))
    return "\n".join([*lines, f"-# {' · '.join(small)}"])


def _breakdown(split: SplitName, report: Report, names: Mapping[str, str]) -> str:
    block = f"**{_(SPLITS[split])}**\n{figures_table(report.rows, names, report.total, split)}"
    rest = report.rest
    if not rest.calls:
        return block
    return f"{block}\n" + _("and the rest: {cost} in {calls}", cost=cost_of(rest), calls=calls_words(rest.calls))


def _budgets(standings: Sequence[Standing], hidden: Container[str]) -> str:
    """How the server's pools stand now; a budget for each member has a counter for each of them, which isn't told."""
    pools = [standing for standing in standings if standing.budget.scope not in EACH]
    lines = [_standing(standing, hidden) for standing in pools[:MOST_BUDGETS]]
    if not lines:
        return ""
    if (more := len(pools) - MOST_BUDGETS) > 0:
        lines.append(n_("and {n}\u00a0other budget", "and {n}\u00a0other budgets", more))
    return "\n".join([_("**Budgets now**"), *lines])


def _standing(standing: Standing, hidden: Container[str]) -> str:
    budget, used = standing.budget, standing.level.used
    return _(
        "{budget}: {used} of {limit}, {percent}\u00a0%",
        budget=unnamed_title(budget) if budget.id in hidden else title(budget),
        used=amount(budget.unit, used, of=budget.limit),
        limit=limit(budget.unit, budget.limit),
        percent=percent(used, budget.limit),
    )
