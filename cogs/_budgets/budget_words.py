"""Budgets as words: whom one is for, how it stands, when it is over. Pure; for people who may see amounts.

Mentions are Discord's own marks, shown as names to whoever looks and pinging nobody.
"""

from collections.abc import Sequence
from datetime import datetime

from discord.utils import format_dt

from bot.figures import allowance, amount, at_limit, percent
from bot.operation_titles import title_of
from bot.translation import _, mark, n_
from bot.usage.budgeting.budget_book import Standing
from bot.usage.budgeting.budgets import FULL, Budget, Level, Owner, Scope, Unknown
from bot.usage.budgeting.limits import LimitNotUnderstoodError
from bot.usage.storage.audit import ERASED
from cogs._kit.tables import plain, shorten

EACH = frozenset({Scope.EACH_USER, Scope.EACH_IN_ROLE})
"""Scopes that have a counter for every member."""

TOO_LITTLE = mark("what is left is too little for another answer")
"""Why a budget is used up before all of it is spent."""

_CELLS = 16
_NAME_COLUMNS = 50
_DEAREST = 3
_FOR = {
    Scope.BOT: mark("the whole bot"),
    Scope.GUILD: mark("this server"),
    Scope.CHANNEL: "<#{name}>",
    Scope.USER: "<@{name}>",
    Scope.EACH_USER: mark("each member"),
    Scope.ROLE: mark("all of <@&{name}> together"),
    Scope.EACH_IN_ROLE: mark("each member of <@&{name}>"),
    Scope.OPERATION: mark("the operation `{name}`"),
    Scope.AGENT: mark("the agent `{name}`"),
    Scope.WORKFLOW: mark("the workflow `{name}`"),
    Scope.DIRECT_MESSAGES: mark("direct messages"),
}
_UNNAMED = {**_FOR, Scope.CHANNEL: mark("a private channel"), Scope.USER: mark("a member")}
_NAMED = {
    **_FOR,
    Scope.CHANNEL: "{name}",
    Scope.USER: "{name}",
    Scope.ROLE: mark("all of {name}"),
    Scope.EACH_IN_ROLE: mark("each of {name}"),
}


def whom(budget: Budget) -> str:
    """Whom a budget is for, with mentions: `this server`, `<#1>`, `each member of <@&2>`."""
    if budget.scope is Scope.USER and budget.scope_id == ERASED:
        return _(_UNNAMED[Scope.USER])
    return _(_FOR[budget.scope], name=_name(budget))


def title(budget: Budget) -> str:
    """`$5.00 a month for this server`."""
    return _title(budget, whom(budget))


def unnamed_title(budget: Budget) -> str:
    """The title where not everybody may know of whom it is: `$5.00 a month for a member`."""
    return _title(budget, _(_UNNAMED[budget.scope], name=_name(budget)))


def label(budget: Budget, name: str) -> str:
    """The title where Discord shows no mentions, as in lists: `name` is that of its channel, member or role."""
    named = _(_NAMED[budget.scope], name=shorten(plain(name), _NAME_COLUMNS))
    return _title(budget, named.replace("`", ""))


def alerts_at(budget: Budget) -> str:
    """The percentages at which alerts go out: `alerts at 80, 90 and 100 %`."""
    if not budget.thresholds:
        return _("no alerts")
    *first, last = map(str, budget.thresholds)
    shares = _("{first} and {last}", first=", ".join(first), last=last) if first else last
    return _("alerts at {shares}", shares=shares + "\u00a0%")


def misread(error: LimitNotUnderstoodError) -> str:
    """What is wrong with a limit that somebody typed, and what is understood."""
    return " ".join(_(sentence, **error.bounds) for sentence in error.sentences)


def grouped(standings: Sequence[Standing]) -> list[list[Standing]]:
    """Standings by budget, the operator's first, then in their order."""
    by_id: dict[str, list[Standing]] = {}
    for standing in standings:
        by_id.setdefault(standing.budget.id, []).append(standing)
    return sorted(by_id.values(), key=lambda found: found[0].budget.owner is Owner.SERVER)


def section(standings: Sequence[Standing]) -> str:
    """One budget in a few lines: a bar, what is spent, reserved and left, when it starts anew and when it runs out."""
    budget = standings[0].budget
    is_cap = budget.owner is Owner.OPERATOR
    owner = _("the operator's cap, which only the bot's operator can change") if is_cap else ""
    unknown = _("answers questions of unknown cost") if budget.unknown is Unknown.ADMIT else ""
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
        return _("Never starts anew.")
    at, soon = format_dt(standing.ends_at, "f"), format_dt(standing.ends_at, "R")
    return _("Starts anew {soon}, {at}.", soon=soon, at=at)


def bar(budget: Budget, level: Level) -> str:
    """`███▒▒░░░`: used, reserved, left. Full only at the limit; whatever is above zero shows."""
    used, both = (_cells(amount, budget.limit) for amount in (level.used, level.used + level.reserved))
    return f"`{'█' * used}{'▒' * (both - used)}{'░' * (_CELLS - both)}`"


def paused_words(until: datetime | None) -> str:
    """A line on the AI being paused, with how to end that."""
    return _("⏸️ **The AI is paused on this server** {until}. `/ai resume` ends that.", until=pause_ends(until))


def pause_ends(until: datetime | None) -> str:
    """Until when a pause lasts."""
    if until is None:
        return _("until somebody resumes it")
    return _("until {at} ({soon})", at=format_dt(until, "f"), soon=format_dt(until, "R"))


def _name(budget: Budget) -> str:
    """An id for a mention, or the name of what is for no id."""
    name = title_of(budget.scope_id) if budget.scope is Scope.OPERATION else budget.scope_id
    return shorten(plain(name), _NAME_COLUMNS)


def _title(budget: Budget, whom: str) -> str:
    return _("{allowance} for {whom}", allowance=allowance(budget), whom=whom)


def _cells(amount: int, limit: int) -> int:
    if amount >= limit:
        return _CELLS
    return min(_CELLS - 1, -(-amount * _CELLS // limit)) if amount > 0 else 0


def _bar_line(budget: Budget, level: Level) -> str:
    if not budget.limit:
        return (
            _("A limit of nothing allows nothing.") if budget.stops else _("With a limit of nothing, all is over it.")
        )
    return f"{bar(budget, level)} {percent(level.used, budget.limit)}\u00a0%"


def _amounts(standing: Standing) -> str:
    unit, level = standing.budget.unit, standing.level
    parts = [_spent(standing.budget, level.spent)]
    if level.doubtful:
        doubtful = amount(unit, level.doubtful)
        parts.append(_("{amount} doubtful (the provider may have billed it)", amount=doubtful))
    if level.reserved:
        parts.append(_("{amount} reserved", amount=amount(unit, level.reserved)))
    parts.append(_("**{amount} left**", amount=amount(unit, standing.left)))
    return " · ".join(parts)


def _spent(budget: Budget, number: int) -> str:
    return _("{amount} spent", amount=amount(budget.unit, number, of=budget.limit))


def _pace(standing: Standing) -> str:
    if not standing.budget.limit or not standing.level.used:
        return ""
    if standing.level.used >= standing.budget.limit:
        return _("⛔ Used up.") if standing.budget.stops else _("⚠️ Over the limit.")
    if standing.budget.stops and standing.level.fired >= FULL:
        return _("⛔ Used up: {why}.", why=_(TOO_LITTLE))
    if standing.runs_out_at is None:
        return _("At this pace it lasts.") if standing.ends_at else _("At this pace it lasts for years.")
    at, soon = format_dt(standing.runs_out_at, "f"), format_dt(standing.runs_out_at, "R")
    return _("⚠️ At this pace it runs out {soon}, {at}.", soon=soon, at=at)


def _each(standings: Sequence[Standing]) -> list[str]:
    """The members who have used most of theirs, and how many have used any."""
    budget = standings[0].budget
    used = sorted((s for s in standings if s.key), key=lambda standing: standing.level.used, reverse=True)
    if not used:
        return [_("Nobody has used any of it yet.")]
    lines = [f"{_bar_line(budget, s.level)} <@{s.key}> · {_spent(budget, s.level.used)}" for s in used[:_DEAREST]]
    more = len(used) - _DEAREST
    rest = n_("and {n}\u00a0other member", "and {n}\u00a0other members", more)
    return [*lines, rest] if more > 0 else lines
