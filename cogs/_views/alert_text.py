"""An alert in words: for Discord with its marks for dates and mentions, and plain for e-mail and webhooks. Pure."""

from collections.abc import Callable
from datetime import date, datetime

from discord.utils import escape_markdown, format_dt

from bot.alerts.cause import Cause
from bot.alerts.facts import AlertFacts
from bot.usage.alert_rows import Alert, AlertKind
from bot.usage.budgets import FULL, Budget, Mode, Scope
from bot.usage.limits import amount_words, limit_words
from cogs._budget_words import EACH, PER, TOO_LITTLE, title
from cogs._views.figures import counted, day_words, percent
from cogs._views.tables import plain

Dated = Callable[[datetime], str]

_PROVIDER = {
    AlertKind.PROVIDER_KEY: (
        "The AI provider refuses the key",
        "Questions can't be answered until the bot's operator has put a valid OPENAI_API_KEY in place.",
    ),
    AlertKind.PROVIDER_CREDIT: (
        "The AI account is out of credit",
        "Questions can't be answered until the bot's operator has topped it up.",
    ),
}
_UNNAMED = {
    Scope.BOT: "the whole bot",
    Scope.DIRECT_MESSAGES: "direct messages",
    Scope.GUILD: "the server",
    Scope.CHANNEL: "a channel",
    Scope.USER: "a member",
    Scope.EACH_USER: "each member",
    Scope.ROLE: "a role",
    Scope.EACH_IN_ROLE: "each member of a role",
}


def heading(facts: AlertFacts) -> str:
    """What happened, in one line."""
    alert, budget = facts.alert, facts.budget
    if alert.kind is not AlertKind.BUDGET:
        return _PROVIDER[alert.kind][0]
    if alert.threshold >= FULL and budget is not None and budget.stops:
        return "A budget was used up" if facts.is_past else "A budget is used up"
    return f"{alert.threshold:,} % of a budget {'was' if facts.is_past else 'is'} used"


def is_grave(facts: AlertFacts) -> bool:
    """Whether questions go unanswered; else it is a warning."""
    if facts.alert.kind is not AlertKind.BUDGET:
        return True
    budget = facts.budget
    return budget is not None and budget.stops and facts.alert.threshold >= FULL and not facts.is_past


def discord_text(facts: AlertFacts, *, with_members: bool, server: str = "") -> str:
    """The whole message; members are named only `with_members`, and the `server` where it is read elsewhere."""
    budget = facts.budget
    mark = "⛔" if is_grave(facts) else "⚠️"
    whom = _title(budget, facts.alert.key, with_members=with_members) if budget else ""
    of = f"On the server **{escape_markdown(plain(server))}**" if server else ""
    lines = [f"## {mark} {heading(facts)}", of, whom, *_lines(facts, lambda at: format_dt(at, "f"), _cause_with_marks)]
    if facts.is_test:
        lines.append("-# This is a test: it shows what an alert will look like here.")
    return "\n".join(filter(None, lines))


def plain_text(facts: AlertFacts, server: str) -> str:
    """The same without marks, for e-mail and webhooks. Nobody is named: it leaves Discord."""
    budget = facts.budget
    whom = f"Budget: {_amount(budget)} {PER[budget.period]} for {_unnamed(budget)}" if budget else ""
    lines = [f"Server: {server}" if server else "", whom, *_lines(facts, _utc, _cause_in_plain)]
    return "\n".join(filter(None, lines))


def _lines(facts: AlertFacts, dated: Dated, caused: Callable[[Cause, Budget], str]) -> list[str]:
    alert, standing = facts.alert, facts.standing
    if alert.kind is not AlertKind.BUDGET:
        return [_PROVIDER[alert.kind][1]]
    if standing is None:
        return ["The budget was removed since."]
    budget = standing.budget
    lines = [_used(alert, budget), caused(facts.cause, budget) if facts.cause else ""]
    if facts.is_over:
        return [*lines, "This comes late: the period it is about is over."]
    if facts.is_raised:
        return [*lines, f"The limit was raised since, to {_amount(budget)}."]
    if alert.threshold < FULL:
        pace = f"At this pace it runs out on {dated(standing.runs_out_at)}." if standing.runs_out_at else ""
        return [*lines, pace, _at_full(budget)]
    too_little = f"{TOO_LITTLE[0].upper()}{TOO_LITTLE[1:]}." if budget.stops and alert.used < alert.limit else ""
    return [*lines, too_little, _now(budget, standing.ends_at, dated)]


def _title(budget: Budget, key: str, *, with_members: bool) -> str:
    if budget.scope in EACH and key and with_members:
        return f"**{title(budget)}**: <@{plain(key)}>"
    if budget.scope is Scope.USER and not with_members:
        return f"**{_amount(budget)} {PER[budget.period]} for {_unnamed(budget)}**"
    return f"**{title(budget)}**"


def _amount(budget: Budget) -> str:
    return limit_words(budget.unit, budget.limit)


def _unnamed(budget: Budget) -> str:
    return _UNNAMED.get(budget.scope) or f"the {budget.scope.value} {plain(budget.scope_id)}"


def _used(alert: Alert, budget: Budget) -> str:
    """The figures at the moment it fired."""
    since = f" since {_day(date.fromisoformat(alert.period_start), alert)}" if alert.period_start else ""
    share = f" ({percent(alert.used, alert.limit)} %)" if alert.limit else ""
    return f"{amount_words(budget.unit, alert.used)} of {limit_words(budget.unit, alert.limit)}{share} used{since}."


def _day(day: date, alert: Alert) -> str:
    return day_words(day, this_year=alert.fired_at.year)


def _cause_with_marks(cause: Cause, budget: Budget) -> str:
    marks = {"channel": "<#{0}>", "user": "<@{0}>"}
    return _grew(cause, budget, marks.get(cause.split, f"the {cause.split.replace('guild', 'server')} `{{0}}`"))


def _cause_in_plain(cause: Cause, budget: Budget) -> str:
    return _grew(cause, budget, f"the {cause.split.replace('guild', 'server')} {{0}}")


def _grew(cause: Cause, budget: Budget, named: str) -> str:
    length = (cause.before.last - cause.before.first).days + 1
    before = f"in the {counted(length, 'day')} before" if length > 1 else "the day before"
    where = "Grew most" if budget.scope in (Scope.GUILD, Scope.BOT) else "On the whole server, grew most"
    more = amount_words(budget.unit, cause.grew_by)
    return f"{where}: {named.format(plain(cause.key))}, {more} more than {before}."


def _at_full(budget: Budget) -> str:
    """What is going to happen."""
    if budget.mode is Mode.SOFT:
        return "At 100 % I only say so: questions are answered all the same."
    if budget.mode is Mode.CHEAPER:
        return f"From {budget.cheaper_at} % on the cheaper model answers; at 100 % further questions are refused."
    return "At 100 % further questions are refused."


def _now(budget: Budget, ends_at: datetime | None, dated: Dated) -> str:
    """What happens now that it is used up."""
    if not budget.stops:
        return "It only warns: questions are answered all the same."
    until = f"until {dated(ends_at)}" if ends_at else "until its limit is raised"
    return f"Further questions are refused {until}."


def _utc(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M} UTC"
