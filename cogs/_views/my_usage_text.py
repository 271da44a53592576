"""One person's own use in words: tokens and shares, no amounts of money. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from discord.utils import format_dt

from bot.usage.quota_answers import OwnUsage, QuotaStanding
from bot.usage.quotas import EXEMPT, percentage
from bot.usage.reports import PeriodName
from cogs._views.figures import compact, counted, percent
from cogs._views.spend_text import PHRASES
from cogs._views.tables import code_block, plain, shorten, table

OPERATIONS = 8
"""Rows of the breakdown; what is beyond them is one line."""
NAME_COLUMNS = 20
BAR_CELLS = 10


@dataclass(frozen=True, slots=True)
class Own:
    """What one look shows. `quota` is None where quotas don't hold; `guild_id` is None in direct messages."""

    period: PeriodName
    lines: Sequence[OwnUsage]
    quota: QuotaStanding | None
    guild_id: int | None
    since: datetime


def sections(own: Own) -> list[str]:
    """Everything there is to say, from the number to the small print."""
    found = [headline(own)]
    if own.quota is not None:
        found.append(quota(own.quota))
    if own.lines:
        found.append(breakdown(own.lines))
    return [*found, small_print(own)]


def headline(own: Own) -> str:
    """The tokens, everywhere and on this server."""
    total = sum(line.total_tokens for line in own.lines)
    if not own.lines:
        return f"## You haven't used me {PHRASES[own.period]}"
    calls, into = sum(line.calls for line in own.lines), sum(line.input_tokens for line in own.lines)
    words = [
        f"## {counted(total, 'token')} {PHRASES[own.period]}",
        f"-# {counted(calls, 'call')} · {into:,} in, {total - into:,} out · on all servers together",
    ]
    if own.guild_id is not None:
        here = sum(line.total_tokens for line in own.lines if line.guild_id == own.guild_id)
        words.append(f"-# {'all' if here == total else counted(here, 'token')} of them on this server")
    return "\n".join(words)


def quota(standing: QuotaStanding) -> str:
    """How much of the month's quota is used, and when it starts anew."""
    if standing.limit is None:
        name = EXEMPT if standing.tier is None else standing.tier.name
        return f"**Monthly quota** · {name}\nNo limit applies to you here."
    assert standing.tier is not None  # noqa: S101 - only a tier has a limit
    share = percentage(standing.used, standing.limit)
    left = max(0, standing.limit - standing.used)
    filled = min(BAR_CELLS, int(share / 100 * BAR_CELLS))
    return (
        f"**Monthly quota** · {standing.tier.name}\n"
        f"`{'█' * filled}{'░' * (BAR_CELLS - filled)}` {int(share)} % of {counted(standing.limit, 'token')}\n"
        f"-# {counted(left, 'token')} left · starts anew {format_dt(standing.resets_at, 'R')} · "
        "counts what you use on all servers together"
    )


def breakdown(lines: Sequence[OwnUsage]) -> str:
    """Tokens, share and calls by operation, most first."""
    sums: dict[str, tuple[int, int]] = {}
    for line in lines:
        tokens, calls = sums.get(line.operation, (0, 0))
        sums[line.operation] = (tokens + line.total_tokens, calls + line.calls)
    total = sum(tokens for tokens, _ in sums.values())
    ordered = sorted(sums.items(), key=lambda item: (-item[1][0], item[0]))
    rows = [
        (compact(tokens), percent(tokens, total), compact(calls), shorten(plain(name), NAME_COLUMNS))
        for name, (tokens, calls) in ordered[:OPERATIONS]
    ]
    block = code_block(table([("tokens", "%", "calls", "operation"), *rows], right={0, 1, 2}))
    rest = ordered[OPERATIONS:]
    if not rest:
        return f"**By operation**\n{block}"
    others = counted(len(rest), "other operation")
    return f"**By operation**\n{block}\nand {others}: {counted(sum(tokens for _, (tokens, _) in rest), 'token')}"


def small_print(own: Own) -> str:
    """What the figures are, and who sees them."""
    since = "as far back as single calls are kept" if own.period == "all" else f"since {format_dt(own.since, 'f')}"
    return f"-# {since[0].upper()}{since[1:]}, days in UTC · only you see this"
