"""A `Spend` in words: the number, the breakdown, the trend, the comparison, and how sure we are. Pure."""

from collections.abc import Mapping, Sequence
from datetime import date

import discord

from bot.usage.money import format_cost
from bot.usage.records import SpendLine
from bot.usage.reports import PeriodName
from cogs._views.figures import compact, compared, cost_of, counted, day_words, percent, span_words
from cogs._views.spend import SPLITS, Spend
from cogs._views.tables import code_block, display_width, left_to_right, plain, shorten, sparkline, table

ROW_COLUMNS = 34
"""The widest row that most phones show unbroken."""
NAME_COLUMNS = 40
"""The widest name on a line of its own: Discord's names have up to 32 characters, operations and models more."""
MAX_DAYS = 14
MAX_BARS = 31
"""Bars of the trend: the days of the longest month."""

PHRASES: dict[PeriodName, str] = {
    "today": "today",
    "7d": "in the last 7 days",
    "30d": "in the last 30 days",
    "month": "this month",
    "all": "in all",
}
_COMPARED_WITH: dict[PeriodName, str] = {
    "today": "all of yesterday",
    "7d": "the 7 days before",
    "30d": "the 30 days before",
    "month": "the same days of last month",
}


def headline(spend: Spend) -> str:
    """The number, and what to make of it."""
    total, period = spend.report.total, spend.choice.period
    if total.calls == 0:
        return f"## No calls {PHRASES[period]}\n-# Choose another period below."
    cost = cost_of(total)
    lines = [f"## {'Cost unknown' if cost == 'unknown' else cost} {PHRASES[period]}"]
    remarks = []
    if spend.before is not None and (verdict := compared(total, spend.before, _COMPARED_WITH[period])):
        remarks.append(verdict)
    if spend.projection:
        remarks.append(f"on course for {format_cost(spend.projection)}")
    if remarks:
        lines.append(_sentence(" · ".join(remarks)))
    tokens = f"{counted(total.total_tokens, 'token')} ({total.input_tokens:,} in, {total.output_tokens:,} out)"
    lines.append(f"-# {counted(total.calls, 'call')} · {tokens}")
    return "\n".join(lines)


def breakdown(spend: Spend, names: Mapping[str, str]) -> str:
    """The chosen split: its dearest rows, and one line for all others."""
    report, split = spend.report, spend.choice.split
    title = f"**{SPLITS[split]}**"
    if split == "day":
        rows, others = report.rows[-MAX_DAYS:], report.rows[:-MAX_DAYS]
        block = figures_table(rows, names, report.total, split)
        return f"{title}\n{block}" + (f"\n{_earlier(others)}" if others else "")
    block = figures_table(report.rows, names, report.total, split) if report.rows else ""
    return "\n".join(part for part in (title, block, _others(spend)) if part)


def figures_table(rows: Sequence[SpendLine], names: Mapping[str, str], total: SpendLine, heading: str) -> str:
    """Cost, share, calls and name of each row, on one line each; on two where one wouldn't fit a phone."""
    labels = [shorten(plain(names.get(row.key, row.key)), NAME_COLUMNS) for row in rows]
    costs = [cost_of(row) for row in rows]
    shares = [percent(row.cost_nano_usd, total.cost_nano_usd) for row in rows]
    body = zip(costs, shares, [compact(row.calls) for row in rows], labels, strict=True)
    header, *lines = table([("cost", "%", "calls", heading), *body], right={1, 2}, points={0})
    if display_width(header) <= ROW_COLUMNS:
        return code_block([_from_the_left(header), *lines])
    calls = [counted(row.calls, "call") for row in rows]
    figures = table(list(zip(costs, [f"{share} %" for share in shares], calls, strict=True)), right={1, 2}, points={0})
    pairs = zip(labels, figures, strict=True)
    return code_block(line for name, row in pairs for line in (left_to_right(name), f"  {row}"))


def trend(spend: Spend) -> str:
    """A bar for each day, from when to when, and the dearest day."""
    days = spend.trend
    per_bar = -(-len(days) // MAX_BARS)
    cut = len(days) % per_bar
    chunks = [days[:cut]] * bool(cut) + [days[n : n + per_bar] for n in range(cut, len(days), per_bar)]
    values = [sum(line.cost_nano_usd for line in chunk) for chunk in chunks]
    year = _today(spend).year
    first, last = date.fromisoformat(days[0].key), date.fromisoformat(days[-1].key)
    title = "**Trend** · " + ("last 7 days, " if spend.report.days.first == spend.report.days.last else "")
    title += span_words(first, last, this_year=year) + (f", {per_bar} days a bar" if per_bar > 1 else "")
    dearest = max(days, key=lambda line: line.cost_nano_usd)
    if dearest.cost_nano_usd == 0:
        return f"{title}\n-# No day with a cost."
    day = day_words(date.fromisoformat(dearest.key), this_year=year, weekday=True)
    return f"{title}\n{code_block([sparkline(values, MAX_BARS)])}\n-# Dearest day: {day}, {cost_of(dearest)}"


def comparison(spend: Spend) -> str:
    """The figures of the period before."""
    before, days = spend.before, spend.before_days
    if before is None or days is None:
        return ""
    if before.calls == 0:
        return "**Before** · nothing to compare with yet"
    span = span_words(days.first, days.last, this_year=_today(spend).year)
    return f"**Before** · {span}: {cost_of(before)} in {counted(before.calls, 'call')}"


def honesty(spend: Spend) -> str:
    """What the number leaves out or only estimates, and how old the prices are."""
    total = spend.report.total
    doubts = []
    if total.estimated_calls:
        doubts.append(f"{counted(total.estimated_calls, 'call')} estimated")
    if total.unpriced_calls:
        doubts.append(f"{counted(total.unpriced_calls, 'call')} unpriced: no price known, so not in the number above")
    if total.failed_calls:
        doubts.append(f"{counted(total.failed_calls, 'call')} failed")
    if refused := spend.report.refused_calls:
        doubts.append(f"{counted(refused, 'call')} refused, at no cost")
    sure = " · ".join(doubts) if doubts else "No call estimated, unpriced or failed"
    read_at = discord.utils.format_dt(spend.read_at, "T")
    return f"-# {sure}\n-# Prices: {spend.prices}\n-# Days in {spend.zone} · read at {read_at}"


def invitation(mention: str) -> str:
    """For a server without a single call: what to try, instead of zeros."""
    return (
        "## Nothing on the books yet\n"
        f"Mention me with a question, for example “{mention} what makes a fair trade?”, then press **Refresh**: "
        "every answer shows up here with what it cost."
    )


def _from_the_left(header: str) -> str:
    """The header with its first word at the edge: some of Discord's clients drop spaces that begin a code block."""
    words = header.lstrip()
    return words.replace("cost", "cost" + " " * (len(header) - len(words)), 1)


def _sentence(text: str) -> str:
    return text[0].upper() + text[1:]


def _others(spend: Spend) -> str:
    rest, keys = spend.report.rest, spend.report.rest_keys
    if rest.calls == 0:
        return ""
    cost, calls = cost_of(rest), counted(rest.calls, "call")
    if keys == 0:
        return f"not attributed: {cost} in {calls}"
    return f"and {keys:,} {'other' if keys == 1 else 'others'}: {cost} in {calls}"


def _earlier(days: Sequence[SpendLine]) -> str:
    cost = format_cost(sum(line.cost_nano_usd for line in days))
    calls = counted(sum(line.calls for line in days), "call")
    return f"and {counted(len(days), 'earlier day')}: {cost} in {calls}"


def _today(spend: Spend) -> date:
    return spend.report.days.last
