"""Numbers, money, shares, comparisons and dates as words, for Discord and the page, in the language of whoever reads.

Pure.
"""

from datetime import date
from decimal import Decimal

from bot.translation import ENGLISH, _, count_text, date_text, decimal_text, language, mark, money_text, n_
from bot.usage.budgeting.budgets import Budget, Mode, Unit
from bot.usage.budgeting.calendars import Period
from bot.usage.budgeting.limits import limit_words
from bot.usage.money import format_console_cost, format_cost
from bot.usage.records import SpendLine, Status
from bot.usage.reporting.reports import PeriodName

MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
NBSP = "\u00a0"
PERIODS: dict[PeriodName, str] = {
    "today": mark("Today"),
    "7d": mark("Last 7 days"),
    "30d": mark("Last 30 days"),
    "month": mark("This month"),
    "all": mark("All time"),
}
PHRASES: dict[PeriodName, str] = {
    "today": mark("today"),
    "7d": mark("in the last 7 days"),
    "30d": mark("in the last 30 days"),
    "month": mark("this month"),
    "all": mark("in all"),
}
"""The periods within a sentence."""
COMPARED_WITH: dict[PeriodName, str] = {
    "today": mark("all of yesterday"),
    "7d": mark("the 7 days before"),
    "30d": mark("the 30 days before"),
    "month": mark("the same days of last month"),
}
PER = {
    Period.DAY: mark("a day"),
    Period.WEEK: mark("a week"),
    Period.MONTH: mark("a month"),
    Period.TOTAL: mark("in total"),
}
ENDED = {
    Status.ERROR.value: mark("failed"),
    Status.ABORTED.value: mark("broken off"),
    Status.INTERRUPTED.value: mark("interrupted"),
}
"""How a call ended that didn't end well."""


def counted(number: int, one: str, many: str | None = None) -> str:
    """`1 call`, `1,204 calls`: in English, for the operator's screens."""
    return f"{number:,}{NBSP}{one if number == 1 else many or one + 's'}"


def calls_words(number: int) -> str:
    """`1 call`, `1,204 calls`."""
    return n_("{n}\u00a0call", "{n}\u00a0calls", number)


def tokens_words(number: int) -> str:
    """`1 token`, `1,204 tokens`, not to be broken."""
    return n_("{n}\u00a0token", "{n}\u00a0tokens", number)


def money(nano_usd: int | None) -> str:
    """`$4.12`, `$0.037`: two decimals, or as many more as show two figures; `unknown` without a price (I9)."""
    if nano_usd is None:
        return _("unknown")
    return _as_they_write(format_cost(nano_usd))


def exact_money(nano_usd: int | None) -> str:
    """`$0.00512`: five decimals, as the operator's console shows a single call; `unknown` where there is no price."""
    if nano_usd is None:
        return _("unknown")
    return _as_they_write(format_console_cost(nano_usd))


def limit(unit: Unit, amount: int) -> str:
    """A limit exactly: `$5.00`, `$0.0005`, `200,000 tokens`."""
    return _tokens(amount) if unit is Unit.TOKENS else _as_they_write(limit_words(unit, amount))


def amount(unit: Unit, number: int, *, of: int | None = None) -> str:
    """What was spent or is left, rounded as money is everywhere: `$4.12`, `1,200 tokens`.

    Beside the limit that it is `of`, it never reads as that unless it is: `$4.998` of $5.00.
    """
    return _tokens(number) if unit is Unit.TOKENS else _as_they_write(format_cost(number, of=of))


def compact(number: int) -> str:
    """At most five characters: `9,999`, then `12.3k`, `450k`, `1.2M`."""
    if number < 10_000:
        return count_text(number)
    for unit, size in (("k", 10**3), ("M", 10**6), ("B", 10**9)):
        tenths = round(number * 10 / size)
        if tenths < 1_000:
            return f"{decimal_text(Decimal(tenths) / 10, 1)}{unit}"
        if (whole := round(number / size)) < 1_000:
            return f"{whole}{unit}"
    return f"{number / 10**12:,.0f}T"


def percent(part: int, whole: int) -> str:
    """A share as a number without its sign: `75`, `<1` and `>99` where rounding would lie, `–` of nothing."""
    if whole <= 0:
        return "–"
    rounded = round(part * 100 / whole)
    if part > 0 and part * 100 < whole:
        return "<1"
    return ">99" if rounded == 100 and part < whole else str(rounded)


def share(part: int, whole: int) -> str:
    """A share: `75 %`, `<1 %`, `–` of nothing; not to be broken."""
    return f"{percent(part, whole)}{NBSP}%" if whole > 0 else "–"


def seconds(milliseconds: int) -> str:
    """`2.3 s`, not to be broken."""
    return f"{decimal_text(Decimal(milliseconds) / 1_000, 1)}{NBSP}s"


def allowance(budget: Budget) -> str:
    """`$5.00 a month`."""
    return _("{limit} {per}", limit=limit(budget.unit, budget.limit), per=_(PER[budget.period]))


def at_limit(budget: Budget) -> str:
    """What happens at the limit: `stops at the limit`."""
    if budget.mode is Mode.SOFT:
        return _("only warns")
    if budget.mode is Mode.CHEAPER:
        share = f"{budget.cheaper_at}{NBSP}%"
        return _("takes the cheaper model from {share} on, then stops", share=share)
    return _("stops at the limit")


def cost_of(line: SpendLine) -> str:
    """What a line cost; `unknown` where none of its calls has a price (I9)."""
    return money(line.known_cost_nano_usd)


def short_usd(nano_usd: int) -> str:
    """A limit exactly, without needless cents: `$15`, `$0.50`."""
    return _as_they_write(limit_words(Unit.USD, nano_usd).removesuffix(".00"))


def compared(now: SpendLine, before: SpendLine, with_what: str) -> str | None:
    """How spend compares, in words; None where there is nothing to compare with."""
    old, new = before.cost_nano_usd, now.cost_nano_usd
    if before.calls == 0:
        return None
    if old == 0:
        return _("{what} cost nothing", what=with_what) if new else _("nothing, like {what}", what=with_what)
    return changed(new, old, with_what)


def changed(new: int, old: int, with_what: str) -> str:
    """How one amount compares with another above zero, in words."""
    change = round(abs(new - old) * 100 / old)
    if change == 0:
        return _("as much as {what}", what=with_what)
    if change < 100 or new < old:
        if new < old:
            return _("{percent}\u00a0% less than {what}", percent=change, what=with_what)
        return _("{percent}\u00a0% more than {what}", percent=change, what=with_what)
    times = decimal_text(Decimal(new) / old, 1 if new < old * 10 else 0)
    return _("{times} times as much as {what}", times=times, what=with_what)


def day_words(day: date, *, this_year: int, weekday: bool = False) -> str:
    """`3 Oct`, `Sat 3 Oct`, and with its year where that isn't this one."""
    if language() != ENGLISH:
        return date_text(day, ("MMMEd" if weekday else "MMMd") if day.year == this_year else "yMMMd")
    words = f"{day.day} {MONTHS[day.month - 1]}"
    if weekday:
        words = f"{WEEKDAYS[day.weekday()]} {words}"
    return words if day.year == this_year else f"{words} {day.year}"


def span_words(first: date, last: date, *, this_year: int) -> str:
    """`3 Oct`, `1–3 Oct`, `28 Sep – 3 Oct`."""
    end = day_words(last, this_year=this_year)
    if first == last:
        return end
    if (first.year, first.month) == (last.year, last.month) and end.startswith(f"{last.day} "):
        return f"{first.day}–{end}"
    return f"{day_words(first, this_year=this_year)} – {end}"


def _tokens(number: int) -> str:
    return n_("{n} token", "{n} tokens", number)


def _as_they_write(dollars: str) -> str:
    """`$4.12` as people of this language write it."""
    if language() == ENGLISH:
        return dollars
    below, _dollar, number = dollars.replace(",", "").partition("$")
    return below + money_text(Decimal(number), len(number.partition(".")[2]))
