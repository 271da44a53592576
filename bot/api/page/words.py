"""What is on the page in words, for its templates, in the language of whoever looks. Pure."""

from collections.abc import Mapping
from datetime import date, datetime, tzinfo

from bot.figures import COMPARED_WITH, allowance, compared, cost_of, day_words, span_words
from bot.operation_titles import title_of
from bot.translation import _, mark
from bot.usage.budgeting.budgets import Budget, Scope
from bot.usage.records import SpendLine
from bot.usage.reporting.reports import PeriodName, Split

SPLITS: dict[Split, str] = {
    "operation": mark("By operation"),
    "model": mark("By model"),
    "user": mark("By member"),
    "channel": mark("By channel"),
    "day": mark("By day"),
    "agent": mark("By agent"),
    "workflow": mark("By workflow"),
}
"""Of one server. All of them together are split by server too."""
OF_ALL_SERVERS: dict[Split, str] = {"guild": mark("By server"), **SPLITS}
HEADINGS: dict[Split, str] = {
    "operation": mark("operation"),
    "model": mark("model"),
    "user": mark("member"),
    "channel": mark("channel"),
    "day": mark("day"),
    "agent": mark("agent"),
    "workflow": mark("workflow"),
    "guild": mark("server"),
}
"""What the names in a breakdown's rows are."""
_FOR = {
    Scope.BOT: mark("the whole bot"),
    Scope.GUILD: mark("this server"),
    Scope.EACH_USER: mark("each member"),
    Scope.CHANNEL: mark("channel {name}"),
    Scope.USER: mark("member {name}"),
    Scope.ROLE: mark("all of {name}"),
    Scope.EACH_IN_ROLE: mark("each of {name}"),
    Scope.OPERATION: mark("operation {name}"),
    Scope.AGENT: mark("agent {name}"),
    Scope.WORKFLOW: mark("workflow {name}"),
    Scope.DIRECT_MESSAGES: mark("direct messages"),
}


def change(now: SpendLine, before: SpendLine, period: PeriodName) -> str:
    """How spend compares with the period before: `18 % less than the same days of last month ($5.02)`."""
    what = _(COMPARED_WITH[period])
    words = compared(now, before, what)
    if words is None:
        return _("nothing to compare with: no call in {what}", what=what)
    return f"{words} ({cost_of(before)})" if before.cost_nano_usd else words


def day(iso: str, this_year: int) -> str:
    """`3 Oct`, and with its year where that isn't this one."""
    return day_words(date.fromisoformat(iso), this_year=this_year)


def span(first: str, last: str, this_year: int) -> str:
    """`3 Oct`, `1–3 Oct`, `28 Sep – 3 Oct`."""
    return span_words(date.fromisoformat(first), date.fromisoformat(last), this_year=this_year)


def moment(at: datetime, zone: tzinfo, this_year: int) -> str:
    """`3 Oct 14:05` by the clock of that zone, and with its year where that isn't this one."""
    local = at.astimezone(zone)
    return f"{day_words(local.date(), this_year=this_year)} {local:%H:%M}"


def budget_title(budget: Budget, names: Mapping[str, Mapping[str, str]]) -> str:
    """`$5.00 a month for this server`. `names` are those of channels, members (`user`) and roles, by their ids."""
    kind = {Scope.CHANNEL: "channel", Scope.USER: "user", Scope.ROLE: "role", Scope.EACH_IN_ROLE: "role"}
    name = names.get(kind.get(budget.scope, ""), {}).get(budget.scope_id, budget.scope_id)
    if budget.scope is Scope.OPERATION:
        name = title_of(budget.scope_id)
    return _("{allowance} for {whom}", allowance=allowance(budget), whom=_(_FOR[budget.scope], name=name))
