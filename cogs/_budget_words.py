"""Budgets as words: whom one is for, how it stands, when it is over. Pure; for people who may see amounts.

Mentions are Discord's own marks, shown as names to whoever looks and pinging nobody.
"""

from collections.abc import Sequence
from datetime import datetime

from discord.utils import format_dt

from bot.usage.budget_book import Standing
from bot.usage.budgets import FULL, Budget, Level, Mode, Owner, Scope, Unknown
from bot.usage.calendars import Period
from bot.usage.limits import amount_words, limit_words
from cogs._views.figures import counted, percent
from cogs._views.tables import plain, shorten

PER = {Period.DAY: "a day", Period.WEEK: "a week", Period.MONTH: "a month", Period.TOTAL: "in total"}
EACH = frozenset({Scope.EACH_USER, Scope.EACH_IN_ROLE})
"""Scopes that have a counter for every member."""

TOO_LITTLE = "what is left is too little for another answer"
"""Why a budget is used up before all of it is spent."""

_CELLS = 16
_NAME_COLUMNS = 50
_DEAREST = 3
_FOR = {
    Scope.BOT: "the whole bot",
    Scope.GUILD: "this server",
    Scope.CHANNEL: "<#{0}>",
    Scope.USER: "<@{0}>",
    Scope.EACH_USER: "each member",
    Scope.ROLE: "all of <@&{0}> together",
    Scope.EACH_IN_ROLE: "each member of <@&{0}>",
    Scope.OPERATION: "the operation `{0}`",
    Scope.AGENT: "the agent `{0}`",
    Scope.WORKFLOW: "the workflow `{0}`",
    Scope.DIRECT_MESSAGES: "direct messages",
}
_UNNAMED = {**_FOR, Scope.CHANNEL: "a private channel", Scope.USER: "a member"}
_NAMED = {**_FOR, Scope.CHANNEL: "{0}", Scope.USER: "{0}", Scope.ROLE: "all of {0}", Scope.EACH_IN_ROLE: "each of {0}"}


def whom(budget: Budget) -> str:
    """Whom a budget is for, with mentions: `this server`, `<#1>`, `each member of <@&2>`."""
    return _FOR[budget.scope].format(shorten(plain(budget.scope_id), _NAME_COLUMNS))


def title(budget: Budget) -> str:
    """`$5.00 a month for this server`."""
    return f"{limit_words(budget.unit, budget.limit)} {PER[budget.period]} for {whom(budget)}"


def unnamed_title(budget: Budget) -> str:
    """The title where not everybody may know of whom it is: `$5.00 a month for a member`."""
    unnamed = _UNNAMED[budget.scope].format(shorten(plain(budget.scope_id), _NAME_COLUMNS))
    return f"{limit_words(budget.unit, budget.limit)} {PER[budget.period]} for {unnamed}"


def label(budget: Budget, name: str) -> str:
    """The title where Discord shows no mentions, as in lists: `name` is that of its channel, member or role."""
    named = _NAMED[budget.scope].format(shorten(plain(name), _NAME_COLUMNS)).replace("`", "")
    return f"{limit_words(budget.unit, budget.limit)} {PER[budget.period]} for {named}"


def at_limit(budget: Budget) -> str:
    """What happens at the limit: `stops at the limit`."""
    if budget.mode is Mode.SOFT:
        return "only warns"
    if budget.mode is Mode.CHEAPER:
        return f"takes the cheaper model from {budget.cheaper_at}\u00a0% on, then stops"
    return "stops at the limit"


def alerts_at(budget: Budget) -> str:
    """The percentages at which alerts go out: `alerts at 80, 90 and 100 %`."""
    if not budget.thresholds:
        return "no alerts"
    *first, last = map(str, budget.thresholds)
    listed = f"{', '.join(first)} and {last}" if first else last
    return f"alerts at {listed}\u00a0%"


def grouped(standings: Sequence[Standing]) -> list[list[Standing]]:
    """Standings by budget, the operator's first, then in their order."""
    by_id: dict[str, list[Standing]] = {}
    for standing in standings:
        by_id.setdefault(standing.budget.id, []).append(standing)
    return sorted(by_id.values(), key=lambda found: found[0].budget.owner is Owner.SERVER)


def section(standings: Sequence[Standing]) -> str:
    """One budget in a few lines: a bar, what is spent, reserved and left, when it starts anew and when it runs out."""
    budget = standings[0].budget
    owner = "the operator's cap, which only the bot's operator can change" if budget.owner is Owner.OPERATOR else ""
    unknown = "answers questions of unknown cost" if budget.unknown is Unknown.ADMIT else ""
    rules = " · ".join(filter(None, [at_limit(budget), alerts_at(budget), owner, unknown]))
    heading = f"**{title(budget)}**\n-# {rules[0].upper()}{rules[1:]}"
    if budget.scope in EACH:
        return "\n".join([heading, *_each(standings), ends(standings[0])])
    standing = standings[0]
    return "\n".join(
        filter(None, [heading, _bar_line(budget, standing.level), _amounts(standing), _pace(standing), ends(standing)])
    )


def ends(standing: Standing) -> str:
    """When the period is over."""
    if standing.ends_at is None:
        return "Never starts anew."
    return f"Starts anew {format_dt(standing.ends_at, 'R')}, {format_dt(standing.ends_at, 'f')}."


def bar(budget: Budget, level: Level) -> str:
    """`███▒▒░░░`: used, reserved, left. Full only at the limit; whatever is above zero shows."""
    used, both = (_cells(amount, budget.limit) for amount in (level.used, level.used + level.reserved))
    return f"`{'█' * used}{'▒' * (both - used)}{'░' * (_CELLS - both)}`"


def paused_words(until: datetime | None) -> str:
    """A line on the AI being paused, with how to end that."""
    return f"⏸️ **The AI is paused on this server** {pause_ends(until)}. `/ai resume` ends that."


def pause_ends(until: datetime | None) -> str:
    """Until when a pause lasts."""
    return f"until {format_dt(until, 'f')} ({format_dt(until, 'R')})" if until else "until somebody resumes it"


def _cells(amount: int, limit: int) -> int:
    if amount >= limit:
        return _CELLS
    return min(_CELLS - 1, -(-amount * _CELLS // limit)) if amount > 0 else 0


def _bar_line(budget: Budget, level: Level) -> str:
    if not budget.limit:
        return "A limit of nothing allows nothing." if budget.stops else "With a limit of nothing, all is over it."
    return f"{bar(budget, level)} {percent(level.used, budget.limit)}\u00a0%"


def _amounts(standing: Standing) -> str:
    unit, level = standing.budget.unit, standing.level
    doubtful = f"{amount_words(unit, level.doubtful)} doubtful (the provider may have billed it)"
    return " · ".join(
        [
            f"{amount_words(unit, level.spent)} spent",
            *([doubtful] if level.doubtful else []),
            f"{amount_words(unit, level.reserved)} reserved",
            f"**{amount_words(unit, standing.left)} left**",
        ]
    )


def _pace(standing: Standing) -> str:
    if not standing.budget.limit or not standing.level.used:
        return ""
    if standing.level.used >= standing.budget.limit:
        return "⛔ Used up." if standing.budget.stops else "⚠️ Over the limit."
    if standing.budget.stops and standing.level.fired >= FULL:
        return f"⛔ Used up: {TOO_LITTLE}."
    if standing.runs_out_at is None:
        return "At this pace it lasts." if standing.ends_at else "At this pace it lasts for years."
    return f"⚠️ At this pace it runs out {format_dt(standing.runs_out_at, 'R')}, {format_dt(standing.runs_out_at, 'f')}."


def _each(standings: Sequence[Standing]) -> list[str]:
    """The members who have used most of theirs, and how many have used any."""
    budget = standings[0].budget
    used = sorted((s for s in standings if s.key), key=lambda standing: standing.level.used, reverse=True)
    if not used:
        return ["Nobody has used any of it yet."]
    lines = [
        f"{_bar_line(budget, s.level)} <@{s.key}> · {amount_words(budget.unit, s.level.used)} spent"
        for s in used[:_DEAREST]
    ]
    more = len(used) - _DEAREST
    return [*lines, f"and {counted(more, 'other member')}"] if more > 0 else lines
