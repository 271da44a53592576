"""A `Spend` in words: the number, the breakdown, the trend, the comparison, and how sure we are. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from typing import TypeVar
from zoneinfo import ZoneInfo

import discord

from bot.figures import (
    COMPARED_WITH,
    PHRASES,
    amount,
    calls_words,
    compact,
    compared,
    cost_of,
    day_words,
    money,
    percent,
    short_usd,
    span_words,
    tokens_words,
)
from bot.translation import _, count_text, mark, n_
from bot.usage.records import SpendLine
from bot.usage.reporting.reports import Days
from cogs._kit.tables import ROW_COLUMNS, code_block, named_figures, plain, sparkline
from cogs._spend.spend import HEADINGS, SPLITS, Opened, Spend, SplitName

MAX_BARS = 31
"""Bars of the picture: the days of the longest month."""

ONE: dict[SplitName, str] = {
    "operation": mark("The operation"),
    "model": mark("The model"),
    "member": mark("The member"),
    "channel": mark("The channel"),
}
"""What is looked at more closely."""
_LEFT_OUT: dict[SplitName, str] = {
    "day": mark("on other days"),
    "thread": mark("outside of threads, or long ago"),
    "week": mark("before the first advance shown"),
}
Day = TypeVar("Day")
_NOT_ATTRIBUTED = mark("not attributed")
_NONE: dict[SplitName, str] = {
    "week": mark("No advance has been announced in these days yet: `/league advance` begins a week."),
    "thread": mark("Nothing was asked in threads."),
}
_NOTHING = mark("Nothing to tell apart here.")


def headline(spend: Spend, opened: str = "") -> str:
    """The number, how it compares and where it is heading, each as far as it is true and known. `opened` is the name of
    the one row that is looked at.
    """
    total, when = spend.report.total, phrase_of(spend)
    about = _about(spend.choice.opened, opened)
    if total.calls == 0:
        return about + _("## No calls {when}\n-# Choose another period below.", when=when)
    said = [_("{what} {when}", what=sum_words(total), when=when)]
    if spend.before is not None and (verdict := compared(total, spend.before, _compared_with(spend))):
        said.append(verdict)
    if heading := _heading_for(spend):
        said.append(heading)
    tokens = _(
        "{tokens} ({into} in, {out} out)",
        tokens=tokens_words(total.total_tokens),
        into=count_text(total.input_tokens),
        out=count_text(total.output_tokens),
    )
    share = ""
    if spend.whole is not None and spend.whole.cost_nano_usd:
        part = percent(total.cost_nano_usd, spend.whole.cost_nano_usd)
        share = " · " + _("{percent}\u00a0% of the server's {cost}", percent=part, cost=cost_of(spend.whole))
    return f"{about}## {' · '.join(said)}\n-# {calls_words(total.calls)} · {tokens}{share}"


def _about(row: Opened | None, named: str) -> str:
    """What is looked at more closely; of an operation with a title also its name, by which a budget is set for it."""
    if row is None:
        return ""
    name = f" (`{plain(row.key)}`)" if row.split == "operation" and named != row.key else ""
    return f"-# {_(ONE[row.split])} `{plain(named)}`{name}\n"


def sum_words(total: SpendLine) -> str:
    """What a headline begins with: the cost, or that it is unknown."""
    return _("Cost unknown") if total.known_cost_nano_usd is None else cost_of(total)


def phrase_of(spend: Spend) -> str:
    """The period within a sentence."""
    period, days = spend.choice.period, spend.report.days
    if isinstance(period, Days):
        if days.first == days.last:
            return _("on {day}", day=_span(days))
        return _("from {span}", span=_span(days))
    return _(PHRASES[period])


def _compared_with(spend: Spend) -> str:
    period, before = spend.choice.period, spend.before_days
    if not isinstance(period, Days):
        return _(COMPARED_WITH[period])
    assert before is not None  # noqa: S101 - it is compared with
    return _span(before)


def _heading_for(spend: Spend) -> str:
    """Where the month is heading, against the tightest limit on it."""
    course, limit = spend.projection, spend.limit
    if limit is None:
        return _("on course for {cost}", cost=money(course)) if course else ""
    words, most = short_usd(limit.budget.limit), limit.budget.limit
    if limit.level.used >= most:
        if limit.budget.stops:
            return _("the limit of {limit} is used up", limit=words)
        return _("over its limit of {limit}", limit=words)
    if not course:
        return ""
    if course <= most:
        return _("on course for {cost} of {limit}", cost=amount(limit.budget.unit, course, of=most), limit=words)
    if limit.runs_out_at is None:
        return _("on course to pass its limit of {limit}", limit=words)
    day = limit.runs_out_at.astimezone(ZoneInfo(spend.zone)).date()
    when = day_words(day, this_year=_today(spend).year)
    return _("on course to use up its {limit} on {day}", limit=words, day=when)


def breakdown(spend: Spend, names: Mapping[str, str]) -> str:
    """The chosen split: a page of its rows, and one line for all others."""
    report, split = spend.report, spend.choice.split
    title = f"**{_(SPLITS[split])}**"
    if not report.rows:
        return f"{title}\n-# {_(_NONE.get(split, _NOTHING))}"
    block, uncounted = figures_table(report.rows, names, report.total, split), ""
    if spend.uncounted:
        uncounted = n_(
            "-# {n}\u00a0call too old to be told apart", "-# {n}\u00a0calls too old to be told apart", spend.uncounted
        )
    return "\n".join(part for part in (title, block, _others(spend), uncounted) if part)


def figures_table(rows: Sequence[SpendLine], names: Mapping[str, str], total: SpendLine, split: SplitName) -> str:
    """Cost, share, calls and name of each row, on one line each; on two where one wouldn't fit a phone."""
    heading = (_("cost"), "%", _("calls"), _(HEADINGS[split]))
    figures = [
        (
            cost_of(row),
            percent(row.cost_nano_usd, total.cost_nano_usd),
            compact(row.calls),
            names.get(row.key, row.key),
        )
        for row in rows
    ]
    return code_block(named_figures(heading, figures, right={1, 2}, points={0}))


def bars(days: Sequence[Day], most: int = MAX_BARS) -> list[Sequence[Day]]:
    """The days, a list for each bar: one day each, or as many as it takes for all to fit."""
    per_bar = -(-len(days) // most)
    cut = len(days) % per_bar
    return [days[:cut]] * bool(cut) + [days[n : n + per_bar] for n in range(cut, len(days), per_bar)]


def trend_title(span: str, days_a_bar: int) -> str:
    """From when to when, and for how many days a bar stands where that isn't one."""
    if days_a_bar > 1:
        return _("**Trend** · {span}, {n} days a bar", span=span, n=days_a_bar)
    return _("**Trend** · {span}", span=span)


def trend(spend: Spend, *, drawn: bool = False) -> str:
    """From when to when, a bar for each day unless a picture has been `drawn`, and the dearest day."""
    days, chunks = spend.trend, bars(spend.trend, MAX_BARS if drawn else ROW_COLUMNS)
    values = [sum(line.cost_nano_usd for line in chunk) for chunk in chunks]
    year = _today(spend).year
    first, last = date.fromisoformat(days[0].key), date.fromisoformat(days[-1].key)
    span = span_words(first, last, this_year=year)
    if spend.report.days.first == spend.report.days.last:
        title = _("**Trend** · last 7 days, {span}", span=span)
    else:
        title = trend_title(span, len(chunks[-1]))
    dearest = max(days, key=lambda line: line.cost_nano_usd)
    if dearest.cost_nano_usd == 0:
        return title + "\n" + _("-# No day with a cost.")
    day = day_words(date.fromisoformat(dearest.key), this_year=year, weekday=True)
    picture = "" if drawn else f"{code_block([sparkline(values, ROW_COLUMNS)])}\n"
    return f"{title}\n{picture}" + _("-# Dearest day: {day}, {cost}", day=day, cost=cost_of(dearest))


def comparison(spend: Spend) -> str:
    """The figures of the period before."""
    before, days = spend.before, spend.before_days
    if before is None or days is None:
        return ""
    if before.calls == 0:
        return _("**Before** · nothing to compare with yet")
    span = span_words(days.first, days.last, this_year=_today(spend).year)
    return _("**Before** · {span}: {cost} in {calls}", span=span, cost=cost_of(before), calls=calls_words(before.calls))


def honesty(spend: Spend) -> str:
    """What the number leaves out or only estimates, and how old the prices are."""
    sure = " · ".join(_doubts(spend)) or _("No call estimated, unpriced or failed")
    prices = _("Prices: {sources}", sources=spend.prices)
    days = _("Days in {zone} · read at {time}", zone=spend.zone, time=discord.utils.format_dt(spend.read_at, "T"))
    return f"-# {sure}\n-# {prices}\n-# {days}"


def _doubts(spend: Spend) -> Iterator[str]:
    total = spend.report.total
    if number := total.estimated_calls:
        yield n_("{n}\u00a0call estimated", "{n}\u00a0calls estimated", number)
    if number := total.unpriced_calls:
        yield n_(
            "{n}\u00a0call unpriced: no price known, so not in the number above",
            "{n}\u00a0calls unpriced: no price known, so not in the number above",
            number,
        )
    if number := total.failed_calls:
        yield n_("{n}\u00a0call failed", "{n}\u00a0calls failed", number)
    if number := spend.report.refused_calls:
        yield n_("{n}\u00a0call refused, at no cost", "{n}\u00a0calls refused, at no cost", number)


def invitation(mention: str) -> str:
    """For a server without a single call: what to try, instead of zeros."""
    return _(
        "## Nothing on the books yet\n"
        "Mention me with a question, for example “{mention} what makes a fair trade?”, then press **Refresh**: every "
        "answer shows up here with what it cost.",
        mention=mention,
    )


def _others(spend: Spend) -> str:
    rest, keys = spend.report.rest, spend.report.rest_keys
    if rest.calls == 0:
        return ""
    cost, calls = cost_of(rest), calls_words(rest.calls)
    if keys == 0:
        where = _(_LEFT_OUT.get(spend.choice.split, _NOT_ATTRIBUTED))
        return _("{where}: {cost} in {calls}", where=where, cost=cost, calls=calls)
    return n_("and {n} other: {cost} in {calls}", "and {n} others: {cost} in {calls}", keys, cost=cost, calls=calls)


def _today(spend: Spend) -> date:
    return spend.report.days.last


def _span(days: Days) -> str:
    return span_words(days.first, days.last, this_year=days.last.year)
