"""One person's own use in words: tokens and shares, no amounts of money. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

from discord.utils import format_dt

from bot.figures import (
    COMPARED_WITH,
    PHRASES,
    calls_words,
    changed,
    compact,
    day_words,
    percent,
    span_words,
    tokens_words,
)
from bot.operation_titles import title_of
from bot.translation import _, count_text, mark, n_
from bot.usage.budgeting.quota_answers import OwnUsage, QuotaStanding
from bot.usage.budgeting.quotas import percentage
from bot.usage.reporting.reports import PeriodName
from cogs._kit.tables import ROW_COLUMNS, code_block, named_figures, sparkline
from cogs._spend.spend_text import bars, trend_title

OPERATIONS = 8
"""Rows of the breakdown; what is beyond them is one line."""
BAR_CELLS = 10
_EXEMPT = mark("exempt")
_NOTHING: dict[PeriodName, str] = {
    "today": mark("## You haven't used me today"),
    "7d": mark("## You haven't used me in the last 7 days"),
    "30d": mark("## You haven't used me in the last 30 days"),
    "month": mark("## You haven't used me this month"),
    "all": mark("## You haven't used me in all"),
}


@dataclass(frozen=True, slots=True)
class Own:
    """What one look shows. `quota` is None where quotas don't hold; `guild_id` is None in direct messages.

    `days` are tokens by day (UTC), where there are several; `before` those of the period before, None where unknown.
    """

    period: PeriodName
    lines: Sequence[OwnUsage]
    quota: QuotaStanding | None
    guild_id: int | None
    since: datetime
    days: Sequence[tuple[date, int]] = ()
    before: int | None = None


def sections(own: Own) -> list[str]:
    """Everything there is to say, from the number to the small print."""
    found = [headline(own)]
    if own.quota is not None:
        found.append(quota(own.quota))
    if own.lines:
        found.append(breakdown(own.lines))
        if any(tokens for _day, tokens in own.days):
            found.append(trend(own.days))
    return [*found, small_print(own)]


def headline(own: Own) -> str:
    """The tokens, everywhere and on this server."""
    total = sum(line.total_tokens for line in own.lines)
    if not own.lines:
        return _(_NOTHING[own.period])
    calls, into = sum(line.calls for line in own.lines), sum(line.input_tokens for line in own.lines)
    compared = f" · {changed(total, own.before, _(COMPARED_WITH[own.period]))}" if own.before else ""
    words = [
        "## " + _("{what} {when}", what=tokens_words(total), when=_(PHRASES[own.period])) + compared,
        _(
            "-# {calls} · {into} in, {out} out · on all servers together",
            calls=calls_words(calls),
            into=count_text(into),
            out=count_text(total - into),
        ),
    ]
    if own.guild_id is not None:
        here = sum(line.total_tokens for line in own.lines if line.guild_id == own.guild_id)
        if here == total:
            words.append(_("-# all of them on this server"))
        else:
            words.append(_("-# {tokens} of them on this server", tokens=tokens_words(here)))
    return "\n".join(words)


def quota(standing: QuotaStanding) -> str:
    """How much of the month's quota is used, and when it starts anew."""
    if standing.limit is None:
        name = _(_EXEMPT) if standing.tier is None else standing.tier.name
        return _("**Monthly quota** · {tier}\nNo limit applies to you here.", tier=name)
    assert standing.tier is not None  # noqa: S101 - only a tier has a limit
    share = percentage(standing.used, standing.limit)
    left = max(0, standing.limit - standing.used)
    filled = min(BAR_CELLS, int(share / 100 * BAR_CELLS))
    bar = f"`{'█' * filled}{'░' * (BAR_CELLS - filled)}`"
    return _(
        "**Monthly quota** · {tier}\n"
        "{bar} {percent}\u00a0% of {limit}\n"
        "-# {left} left · starts anew {time} · counts what you use on all servers together",
        tier=standing.tier.name,
        bar=bar,
        percent=int(share),
        limit=tokens_words(standing.limit),
        left=tokens_words(left),
        time=format_dt(standing.resets_at, "R"),
    )


def breakdown(lines: Sequence[OwnUsage]) -> str:
    """Tokens, share and calls by operation, most first."""
    sums: dict[str, tuple[int, int]] = {}
    for line in lines:
        tokens, calls = sums.get(line.operation, (0, 0))
        sums[line.operation] = (tokens + line.total_tokens, calls + line.calls)
    total = sum(tokens for tokens, _calls in sums.values())
    ordered = sorted(sums.items(), key=lambda item: (-item[1][0], item[0]))
    title, block = _("By operation"), _figures(ordered[:OPERATIONS], total)
    rest = ordered[OPERATIONS:]
    if not rest:
        return f"**{title}**\n{block}"
    others = n_(
        "and {n}\u00a0other operation: {tokens}",
        "and {n}\u00a0other operations: {tokens}",
        len(rest),
        tokens=tokens_words(sum(tokens for _name, (tokens, _calls) in rest)),
    )
    return f"**{title}**\n{block}\n{others}"


def _figures(operations: Sequence[tuple[str, tuple[int, int]]], total: int) -> str:
    """Tokens, share, calls and name of each, on one line each; on two where one wouldn't fit a phone."""
    rows = [
        (compact(tokens), percent(tokens, total), compact(calls), title_of(name))
        for name, (tokens, calls) in operations
    ]
    heading = (_("tokens"), "%", _("calls"), _("operation"))
    return code_block(named_figures(heading, rows, right={0, 1, 2}))


def trend(days: Sequence[tuple[date, int]]) -> str:
    """A bar for each day, and the day with the most."""
    first, last = days[0][0], days[-1][0]
    most, tokens = max(days, key=lambda day: day[1])
    chunks = bars(days, ROW_COLUMNS)
    block = code_block([sparkline([sum(amount for _day, amount in chunk) for chunk in chunks], ROW_COLUMNS)])
    title = trend_title(span_words(first, last, this_year=last.year), len(chunks[-1]))
    peak = day_words(most, this_year=last.year, weekday=True)
    return f"{title}\n{block}\n" + _("-# Most on {day}, {tokens}", day=peak, tokens=tokens_words(tokens))


def small_print(own: Own) -> str:
    """What the figures are, and who sees them."""
    if own.period == "all":
        return _("-# As far back as single calls are kept, days in UTC · only you see this")
    return _("-# Since {time}, days in UTC · only you see this", time=format_dt(own.since, "f"))
