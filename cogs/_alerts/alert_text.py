"""An alert in words: for Discord with its marks for dates and mentions, and plain for e-mail and webhooks. Pure."""

from collections.abc import Callable
from datetime import date, datetime

from discord.utils import escape_markdown, format_dt

from bot.alerts.cause import Cause
from bot.alerts.facts import AlertFacts
from bot.figures import allowance, amount, day_words, limit, percent
from bot.operation_titles import title_of
from bot.translation import _, count_text, mark, n_
from bot.usage.budgeting.alert_rows import Alert, AlertKind
from bot.usage.budgeting.budgets import FULL, Budget, Mode, Scope
from bot.usage.budgeting.calendars import Period
from cogs._budgets.budget_words import EACH, TOO_LITTLE, title
from cogs._kit.tables import plain

Dated = Callable[[datetime], str]

_PROVIDER = {
    AlertKind.PROVIDER_KEY: (
        mark("The AI provider refuses the key"),
        mark("Questions can't be answered until the bot's operator has put a valid OPENAI_API_KEY in place."),
    ),
    AlertKind.PROVIDER_CREDIT: (
        mark("The AI account is out of credit"),
        mark("Questions can't be answered until the bot's operator has topped it up."),
    ),
}
_UNNAMED = {
    Scope.BOT: mark("the whole bot"),
    Scope.DIRECT_MESSAGES: mark("direct messages"),
    Scope.GUILD: mark("the server"),
    Scope.CHANNEL: mark("a channel"),
    Scope.USER: mark("a member"),
    Scope.EACH_USER: mark("each member"),
    Scope.ROLE: mark("a role"),
    Scope.EACH_IN_ROLE: mark("each member of a role"),
    Scope.OPERATION: mark("the operation {name}"),
    Scope.AGENT: mark("the agent {name}"),
    Scope.WORKFLOW: mark("the workflow {name}"),
}
_GREW_WITH_MARKS = {
    "operation": mark("the operation `{name}`"),
    "channel": "<#{name}>",
    "user": "<@{name}>",
    "guild": mark("the server `{name}`"),
}
_GREW_IN_PLAIN = {
    "operation": mark("the operation {name}"),
    "channel": mark("the channel {name}"),
    "user": mark("the user {name}"),
    "guild": mark("the server {name}"),
}


def heading(facts: AlertFacts) -> str:
    """What happened, in one line."""
    alert, budget = facts.alert, facts.budget
    if alert.kind is not AlertKind.BUDGET:
        return _(_PROVIDER[alert.kind][0])
    if alert.threshold >= FULL and budget is not None and budget.stops:
        return _("A budget was used up") if facts.is_past else _("A budget is used up")
    share = f"{count_text(alert.threshold)}\u00a0%"
    if facts.is_past:
        return _("{share} of a budget was used", share=share)
    return _("{share} of a budget is used", share=share)


def is_grave(facts: AlertFacts) -> bool:
    """Whether questions go unanswered; else it is a warning."""
    if facts.alert.kind is not AlertKind.BUDGET:
        return True
    budget = facts.budget
    return budget is not None and budget.stops and facts.alert.threshold >= FULL and not facts.is_past


def discord_text(facts: AlertFacts, *, with_members: bool, server: str = "") -> str:
    """The whole message; members are named only `with_members`, and the `server` where it is read elsewhere."""
    budget = facts.budget
    sign = "⛔" if is_grave(facts) else "⚠️"
    whom = _title(budget, facts.alert.key, with_members=with_members) if budget else ""
    of = _("On the server **{server}**", server=escape_markdown(plain(server))) if server else ""
    lines = [f"## {sign} {heading(facts)}", of, whom, *_lines(facts, lambda at: format_dt(at, "f"), _cause_with_marks)]
    if facts.is_test:
        lines.append(_("-# This is a test: it shows what an alert will look like here."))
    return "\n".join(filter(None, lines))


def plain_text(facts: AlertFacts, server: str) -> str:
    """The same without marks, for e-mail and webhooks. Nobody is named: it leaves Discord."""
    budget = facts.budget
    whom = _("Budget: {budget}", budget=_unnamed_title(budget)) if budget else ""
    lines = [_("Server: {server}", server=server) if server else "", whom, *_lines(facts, _utc, _cause_in_plain)]
    return "\n".join(filter(None, lines))


def _lines(facts: AlertFacts, dated: Dated, caused: Callable[[Cause, Budget], str]) -> list[str]:
    alert, standing = facts.alert, facts.standing
    if alert.kind is not AlertKind.BUDGET:
        return [_(_PROVIDER[alert.kind][1])]
    if standing is None:
        return [_("The budget was removed since.")]
    budget = standing.budget
    lines = [_used(facts, alert, budget), caused(facts.cause, budget) if facts.cause else ""]
    if facts.is_over:
        return [*lines, _("This comes late: the period it is about is over.")]
    if facts.is_raised:
        return [*lines, _("The limit was raised since, to {limit}.", limit=limit(budget.unit, budget.limit))]
    if alert.threshold < FULL:
        runs_out_at = standing.runs_out_at
        pace = _("At this pace it runs out on {at}.", at=dated(runs_out_at)) if runs_out_at else ""
        return [*lines, pace, _at_full(budget)]
    why = _(TOO_LITTLE)
    too_little = f"{why[0].upper()}{why[1:]}." if budget.stops and alert.used < alert.limit else ""
    return [*lines, too_little, _now(budget, standing.ends_at, dated)]


def _title(budget: Budget, key: str, *, with_members: bool) -> str:
    if budget.scope in EACH and key and with_members:
        return f"**{title(budget)}**: <@{plain(key)}>"
    if budget.scope is Scope.USER and not with_members:
        return f"**{_unnamed_title(budget)}**"
    return f"**{title(budget)}**"


def _unnamed_title(budget: Budget) -> str:
    name = title_of(budget.scope_id) if budget.scope is Scope.OPERATION else budget.scope_id
    whom = _(_UNNAMED[budget.scope], name=plain(name))
    return _("{allowance} for {whom}", allowance=allowance(budget), whom=whom)


def _used(facts: AlertFacts, alert: Alert, budget: Budget) -> str:
    """The figures at the moment it fired."""
    used, most = amount(budget.unit, alert.used, of=alert.limit), limit(budget.unit, alert.limit)
    if alert.limit:
        most = f"{most} ({percent(alert.used, alert.limit)}\u00a0%)"
    if not alert.period_start:
        return _("{amount} of {limit} used.", amount=used, limit=most)
    if budget.period is Period.DAY and not facts.is_over:
        return _("{amount} of {limit} used today.", amount=used, limit=most)
    day = day_words(date.fromisoformat(alert.period_start), this_year=alert.fired_at.year)
    if budget.period is Period.DAY:
        return _("{amount} of {limit} used on {day}.", amount=used, limit=most, day=day)
    return _("{amount} of {limit} used since {day}.", amount=used, limit=most, day=day)


def _cause_with_marks(cause: Cause, budget: Budget) -> str:
    return _grew(cause, budget, _(_GREW_WITH_MARKS[cause.split], name=_named(cause)))


def _cause_in_plain(cause: Cause, budget: Budget) -> str:
    return _grew(cause, budget, _(_GREW_IN_PLAIN[cause.split], name=_named(cause)))


def _named(cause: Cause) -> str:
    return plain(title_of(cause.key) if cause.split == "operation" else cause.key)


def _grew(cause: Cause, budget: Budget, what: str) -> str:
    length = (cause.before.last - cause.before.first).days + 1
    before = _("the day before")
    if length > 1:
        before = n_("in the {n}\u00a0day before", "in the {n}\u00a0days before", length)
    more = amount(budget.unit, cause.grew_by)
    if budget.scope in (Scope.GUILD, Scope.BOT):
        return _("Grew most: {what}, {amount} more than {before}.", what=what, amount=more, before=before)
    return _(
        "On the whole server, grew most: {what}, {amount} more than {before}.", what=what, amount=more, before=before
    )


def _at_full(budget: Budget) -> str:
    """What is going to happen."""
    full, share = f"{FULL}\u00a0%", f"{budget.cheaper_at}\u00a0%"
    if budget.mode is Mode.SOFT:
        return _("At {full} I only say so: questions are answered all the same.", full=full)
    if budget.mode is Mode.CHEAPER:
        return _(
            "From {share} on the cheaper model answers; at {full} further questions are refused.",
            share=share,
            full=full,
        )
    return _("At {full} further questions are refused.", full=full)


def _now(budget: Budget, ends_at: datetime | None, dated: Dated) -> str:
    """What happens now that it is used up."""
    if not budget.stops:
        return _("It only warns: questions are answered all the same.")
    if ends_at is None:
        return _("Further questions are refused until its limit is raised.")
    return _("Further questions are refused until {at}.", at=dated(ends_at))


def _utc(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M} UTC"
