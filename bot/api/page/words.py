"""Figures as words, for the page's templates. Pure; money is put into words by `bot.usage.money`."""

from collections.abc import Mapping
from datetime import date, datetime, tzinfo

from bot.usage.budgets import Budget, Scope
from bot.usage.calendars import Period
from bot.usage.limits import limit_words
from bot.usage.money import format_cost
from bot.usage.records import SpendLine
from bot.usage.reports import PeriodName, Split

PERIODS: dict[PeriodName, str] = {
    "today": "Today",
    "7d": "Last 7 days",
    "30d": "Last 30 days",
    "month": "This month",
    "all": "All time",
}
SPLITS: dict[Split, str] = {
    "operation": "Operation",
    "model": "Model",
    "user": "Member",
    "channel": "Channel",
    "day": "Day",
    "agent": "Agent",
    "workflow": "Workflow",
}
"""Of one server. All of them together are split by server too."""
OF_ALL_SERVERS: dict[Split, str] = {"guild": "Server", **SPLITS}
_BEFORE: dict[PeriodName, str] = {
    "today": "all of yesterday",
    "7d": "the 7 days before",
    "30d": "the 30 days before",
    "month": "the same days of last month",
}
_PER = {Period.DAY: "a day", Period.WEEK: "a week", Period.MONTH: "a month", Period.TOTAL: "in total"}
_FOR = {
    Scope.BOT: "the whole bot",
    Scope.GUILD: "this server",
    Scope.EACH_USER: "each member",
    Scope.CHANNEL: "channel {0}",
    Scope.USER: "member {0}",
    Scope.ROLE: "all of role {0} together",
    Scope.EACH_IN_ROLE: "each member of role {0}",
    Scope.OPERATION: "operation {0}",
    Scope.AGENT: "agent {0}",
    Scope.WORKFLOW: "workflow {0}",
    Scope.DIRECT_MESSAGES: "direct messages",
}
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def cost_of(line: SpendLine) -> str:
    """What a line cost; `unknown` where none of its calls has a price (I9)."""
    return format_cost(line.known_cost_nano_usd)


def counted(number: int, one: str) -> str:
    """`1 call`, `1,204 calls`."""
    return f"{number:,} {one if number == 1 else one + 's'}"


def share(part: int, whole: int) -> str:
    """A share in percent: `75 %`, `<1 %` and `>99 %` where rounding would lie, `–` of nothing."""
    if whole <= 0:
        return "–"
    if 0 < part * 100 < whole:
        return "<1 %"
    rounded = round(part * 100 / whole)
    return ">99 %" if rounded == 100 and part < whole else f"{rounded} %"


def change(now: SpendLine, before: SpendLine, period: PeriodName) -> str:
    """How spend compares with the period before: `18 % less than the same days of last month ($5.02)`."""
    old, new, what = before.cost_nano_usd, now.cost_nano_usd, _BEFORE[period]
    if before.calls == 0:
        return f"nothing to compare with: no call in {what}"
    if old == 0:
        return f"{what} cost nothing"
    if (percent := round(abs(new - old) * 100 / old)) == 0:
        return f"as much as {what} ({format_cost(old)})"
    return f"{percent:,} % {'less' if new < old else 'more'} than {what} ({format_cost(old)})"


def day(iso: str, this_year: int) -> str:
    """`3 Oct`, and with its year where that isn't this one."""
    found = date.fromisoformat(iso)
    words = f"{found.day} {_MONTHS[found.month - 1]}"
    return words if found.year == this_year else f"{words} {found.year}"


def span(first: str, last: str, this_year: int) -> str:
    """`3 Oct`, `28 Sep – 3 Oct`."""
    return day(first, this_year) if first == last else f"{day(first, this_year)} – {day(last, this_year)}"


def moment(at: datetime, zone: tzinfo, this_year: int) -> str:
    """`3 Oct 14:05` by the clock of that zone, and with its year where that isn't this one."""
    local = at.astimezone(zone)
    return f"{day(local.date().isoformat(), this_year)} {local:%H:%M}"


def lasted(milliseconds: int) -> str:
    """`850 ms`, `2.3 s`."""
    return f"{milliseconds:,} ms" if milliseconds < 1_000 else f"{milliseconds / 1_000:,.1f} s"


def budget_title(budget: Budget, names: Mapping[str, Mapping[str, str]]) -> str:
    """`$5.00 a month for this server`. `names` are those of channels, members (`user`) and roles, by their ids."""
    kind = {Scope.CHANNEL: "channel", Scope.USER: "user", Scope.ROLE: "role", Scope.EACH_IN_ROLE: "role"}
    name = names.get(kind.get(budget.scope, ""), {}).get(budget.scope_id, budget.scope_id)
    return f"{limit_words(budget.unit, budget.limit)} {_PER[budget.period]} for {_FOR[budget.scope].format(name)}"
