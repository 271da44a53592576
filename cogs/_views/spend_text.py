"""A `Spend` in words: the number, the breakdown, the trend, the comparison, and how sure we are. Pure."""

from collections.abc import Mapping, Sequence
from datetime import date

import discord

from bot.usage.money import format_cost
from bot.usage.records import SpendLine
from bot.usage.reports import PeriodName
from cogs._views.figures import NBSP, compact, compared, cost_of, counted, day_words, percent, span_words
from cogs._views.spend import SPLITS, Spend
from cogs._views.tables import code_block, display_width, plain, shorten, sparkline, table

NAME_COLUMNS = 16
"""The widest name that stands beside its figures on a phone."""
LONG_NAME_COLUMNS = 34
"""The widest name on a line of its own."""
MAX_DAYS = 14
MAX_BARS = 31
"""Bars of the trend: the days of the longest month."""

_PHRASES: dict[PeriodName, str] = {
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
        return f"## No calls {_PHRASES[period].replace('in all', 'yet')}\n-# Choose another period below."
    cost = cost_of(total)
    lines = [f"## {'Cost unknown' if cost == 'unknown' else cost} {_PHRASES[period]}"]
    remarks = []
    if spend.before is not None and (verdict := compared(total, spend.before, _COMPARED_WITH[period])):
        remarks.append(verdict[0].upper() + verdict[1:])
    if spend.projection:
        remarks.append(f"on course for {format_cost(spend.projection)}")
    if remarks:
        lines.append(" · ".join(remarks))
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
    """Cost, share, calls and name of each row; every name on a line of its own where one is too long for a phone."""
    labels = [plain(names.get(row.key, row.key)) for row in rows]
    if heading in ("operation", "model", "server") and any(display_width(name) > NAME_COLUMNS for name in labels):
        return _stacked(rows, labels, total)
    body = [
        (cost_of(row), percent(row.cost_nano_usd, total.cost_nano_usd), compact(row.calls), shorten(label, _room(label)))
        for row, label in zip(rows, labels, strict=True)
    ]
    return code_block(table([("cost", "%", "calls", heading), *body], right={1, 2}, points={0}))


def trend(spend: Spend) -> str:
    """A bar for each day, from when to when, and the dearest day."""
    days = spend.trend
    per_bar = -(-len(days) // MAX_BARS)
    cut = len(days) % per_bar
    chunks = [days[:cut]] * bool(cut) + [days[n : n + per_bar] for n in range(cut, len(days), per_bar)]
    values = [sum(line.cost_nano_usd for line in chunk) for chunk in chunks]
    year = _today(spend).year
    first, last = date.fromisoformat(days[0].key), date.fromisoformat(days[-1].key)
    title = f"**Trend** · {span_words(first, last, this_year=year)}"
    if spend.report.days.first == spend.report.days.last:
        title += ", the week up to it"
    if per_bar > 1:
        title += f", {per_bar} days a bar"
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


def _stacked(rows: Sequence[SpendLine], labels: Sequence[str], total: SpendLine) -> str:
    body = [
        (cost_of(row), percent(row.cost_nano_usd, total.cost_nano_usd) + NBSP + "%", counted(row.calls, "call"))
        for row in rows
    ]
    figures = table(body, right={1, 2}, points={0}, gap=3)
    pairs = zip(labels, figures, strict=True)
    return code_block(line for name, figure in pairs for line in (shorten(name, LONG_NAME_COLUMNS), f"  {figure}"))


def _room(label: str) -> int:
    """What we say ourselves of those who are gone isn't cut."""
    return max(NAME_COLUMNS, 20 if label.startswith(("former member ", "deleted channel ")) else 0)


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
