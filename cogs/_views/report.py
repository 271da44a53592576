"""A scheduled report as a message: the total, how it compares, what it was spent on, how the budgets stand."""

from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass

import discord

from bot.usage.budget_book import Standing
from bot.usage.calendars import Period
from bot.usage.limits import amount_words, limit_words
from bot.usage.records import SpendLine
from bot.usage.reports import Report, Split
from bot.usage.scheduled_reports import DueReport
from bot.usage.tracker import UsageTracker
from cogs._budget_words import EACH, title, unnamed_title
from cogs._views.figures import compared, cost_of, counted, percent, span_words
from cogs._views.look import COLOUR
from cogs._views.spend_text import figures_table

TOP = 5
"""Rows of each breakdown."""
MOST_BUDGETS = 10
_NAMES = {Period.DAY: "yesterday", Period.WEEK: "last week", Period.MONTH: "last month"}
_BEFORE = {Period.DAY: "the day before", Period.WEEK: "the week before", Period.MONTH: "the month before"}
_MISSED = "-# I was away when earlier reports were due: this is the newest, `/token-stats` has the rest."
_SPLITS: dict[Split, str] = {"operation": "By operation", "channel": "By channel", "user": "By member"}


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


class ReportView(discord.ui.LayoutView):
    """The message. It has nothing to press.

    `names` are those of channels and members, by their ids; `hidden` are the ids of budgets whose member or channel not
    everybody who reads it may know of.
    """

    def __init__(self, facts: ReportFacts, names: Mapping[str, str], hidden: Container[str]) -> None:
        super().__init__(timeout=None)
        container = discord.ui.Container["ReportView"](accent_colour=COLOUR)
        for number, text in enumerate(_sections(facts, names, hidden)):
            if number:
                container.add_item(discord.ui.Separator())
            container.add_item(discord.ui.TextDisplay(text))
        self.add_item(container)


def _sections(facts: ReportFacts, names: Mapping[str, str], hidden: Container[str]) -> list[str]:
    found: list[tuple[Split, Report | None]] = [
        ("operation", facts.operations),
        ("channel", facts.channels),
        ("user", facts.members),
    ]
    tables = [_breakdown(split, report, names) for split, report in found if report is not None and report.rows]
    small = [_MISSED] if facts.due.missed else []
    small.append(f"-# Days in {facts.zone}")
    return [_headline(facts), *tables, *filter(None, [_budgets(facts.standings, hidden)]), "\n".join(small)]


def _headline(facts: ReportFacts) -> str:
    total, due = facts.operations.total, facts.due
    days = span_words(due.days.first, due.days.last, this_year=due.days.last.year)
    if total.calls == 0:
        return f"## No calls {_NAMES[due.every]}\n-# {days}"
    cost = cost_of(total)
    lines = [f"## {'Cost unknown' if cost == 'unknown' else cost} {_NAMES[due.every]}"]
    if verdict := compared(total, facts.before, _BEFORE[due.every]):
        lines.append(verdict[0].upper() + verdict[1:])
    unpriced = f" · {counted(total.unpriced_calls, 'call')} unpriced" if total.unpriced_calls else ""
    lines.append(f"-# {days} · {counted(total.calls, 'call')} · {counted(total.total_tokens, 'token')}{unpriced}")
    return "\n".join(lines)


def _breakdown(split: Split, report: Report, names: Mapping[str, str]) -> str:
    heading = {"user": "member"}.get(split, split)
    block = figures_table(report.rows, names, report.total, heading)
    rest = report.rest
    more = f"\nand the rest: {cost_of(rest)} in {counted(rest.calls, 'call')}" if rest.calls else ""
    return f"**{_SPLITS[split]}**\n{block}{more}"


def _budgets(standings: Sequence[Standing], hidden: Container[str]) -> str:
    """How the server's pools stand now; a budget for each member has a counter for each of them, which isn't told."""
    pools = [standing for standing in standings if standing.budget.scope not in EACH]
    lines = [_standing(standing, hidden) for standing in pools[:MOST_BUDGETS]]
    if not lines:
        return ""
    more = [f"and {counted(len(pools) - MOST_BUDGETS, 'other budget')}"] if len(pools) > MOST_BUDGETS else []
    return "\n".join(["**Budgets now**", *lines, *more])


def _standing(standing: Standing, hidden: Container[str]) -> str:
    budget, used = standing.budget, standing.level.used
    limit = limit_words(budget.unit, budget.limit)
    told = unnamed_title(budget) if budget.id in hidden else title(budget)
    return f"{told}: {amount_words(budget.unit, used)} of {limit}, {percent(used, budget.limit)} %"
