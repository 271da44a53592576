"""Numbers, shares, comparisons and dates as words. Pure; money itself is put into words by `bot.usage.money`."""

from datetime import date

from bot.usage.money import format_cost
from bot.usage.records import SpendLine

MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
NBSP = "\u00a0"


def counted(number: int, one: str, many: str | None = None) -> str:
    """`1 call`, `1,204 calls`."""
    return f"{number:,}{NBSP}{one if number == 1 else many or one + 's'}"


def compact(number: int) -> str:
    """At most five characters: `9,999`, then `12.3k`, `450k`, `1.2M`."""
    if number < 10_000:
        return f"{number:,}"
    for unit, size in (("k", 10**3), ("M", 10**6), ("B", 10**9)):
        tenths = round(number * 10 / size)
        if tenths < 1_000:
            return f"{tenths // 10}.{tenths % 10}{unit}"
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


def cost_of(line: SpendLine) -> str:
    """What a line cost; `unknown` where none of its calls has a price (I9)."""
    return format_cost(line.known_cost_nano_usd)


def compared(now: SpendLine, before: SpendLine, with_what: str) -> str | None:
    """How spend compares, in words; None where there is nothing to compare with."""
    old, new = before.cost_nano_usd, now.cost_nano_usd
    if before.calls == 0:
        return None
    if old == 0:
        return f"{with_what} cost nothing" if new else f"nothing, like {with_what}"
    change = round(abs(new - old) * 100 / old)
    if change == 0:
        return f"as much as {with_what}"
    if change < 100 or new < old:
        return f"{change}{NBSP}% {'less' if new < old else 'more'} than {with_what}"
    times = f"{new / old:.1f}" if new < old * 10 else f"{new / old:,.0f}"
    return f"{times} times as much as {with_what}"


def day_words(day: date, *, this_year: int, weekday: bool = False) -> str:
    """`3 Oct`, `Sat 3 Oct`, and with its year where that isn't this one."""
    words = f"{day.day} {MONTHS[day.month - 1]}"
    if weekday:
        words = f"{WEEKDAYS[day.weekday()]} {words}"
    return words if day.year == this_year else f"{words} {day.year}"


def span_words(first: date, last: date, *, this_year: int) -> str:
    """`3 Oct`, `1–3 Oct`, `28 Sep – 3 Oct`."""
    if first == last:
        return day_words(first, this_year=this_year)
    if (first.year, first.month) == (last.year, last.month):
        return f"{first.day}–{day_words(last, this_year=this_year)}"
    return f"{day_words(first, this_year=this_year)} – {day_words(last, this_year=this_year)}"
