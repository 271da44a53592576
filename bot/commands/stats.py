"""`python -m bot stats`: the books on the command line, also while the bot runs. Reads, never writes."""

import argparse
import asyncio
import json
import logging
from dataclasses import asdict
from typing import Any

from bot.commands import Commands
from bot.commands.arguments import a_guild
from bot.commands.books import open_books
from bot.settings import Settings
from bot.usage.console import printable
from bot.usage.money import format_cost
from bot.usage.records import SpendLine, utc_now
from bot.usage.reporting.reports import PERIODS, SPLITS, Days, PeriodName, Report, Reports, Split
from bot.usage.storage.database import is_postgres, sqlite_path

log = logging.getLogger(__name__)

_SETTING_UP_SECONDS = 0.5
"""How long a bot that has just made its database may take to make its tables."""
_SHOWN = (
    "cost_nano_usd",
    "calls",
    "failed_calls",
    "estimated_calls",
    "unpriced_calls",
    "input_tokens",
    "cached_input_tokens",
    "output_tokens",
    "reasoning_output_tokens",
)


def add(commands: Commands) -> None:
    """Make its arguments."""
    parser = commands.add_parser("stats", help="what was spent, also while the bot runs")
    parser.add_argument("--guild", type=a_guild, metavar="ID", help="one server (default: the whole bot, in UTC days)")
    parser.add_argument("--period", choices=PERIODS, default="month", help="default: month")
    parser.add_argument("--by", choices=SPLITS, default="operation", help="default: operation")
    parser.add_argument("--json", action="store_true", help="one JSON object")
    parser.set_defaults(command=_stats)


def _stats(options: argparse.Namespace, settings: Settings) -> int:
    report = asyncio.run(_read_spend(settings.database_url, options.guild, options.period, options.by))
    print(json.dumps(_as_json(report)) if options.json else _as_text(report, options.by))
    return 0


async def _read_spend(database_url: str, guild_id: int | None, period: PeriodName, by: Split) -> Report:
    """The report. Raises `DatabaseUnavailableError`."""
    if _is_new(database_url):
        today = utc_now().date()
        return Report(Days(today, today), SpendLine(""), [], SpendLine(""), 0)
    async with open_books(database_url, read_only=True, patience_seconds=_SETTING_UP_SECONDS) as database:
        return await Reports(database, clock=utc_now).spend(guild_id, period, by)


def _is_new(database_url: str) -> bool:
    """Whether there is nothing to read: the database isn't there yet, which is logged, is empty or in memory."""
    if is_postgres(database_url):
        return False
    path = sqlite_path(database_url)
    if path is not None and not path.exists():
        log.warning("there is no database at %s yet", path.absolute())
    return path is None or not path.exists() or not path.stat().st_size


def _as_json(report: Report) -> dict[str, Any]:
    """The object that `--json` prints; the rows add up to the total."""
    return {
        **_measures(report.total),
        "refused_calls": report.refused_calls,
        "rows": [{"key": row.key, **_measures(row)} for row in _all_rows(report)],
    }


def _as_text(report: Report, by: Split) -> str:
    """The same for people."""
    total = report.total
    tokens = f"{total.input_tokens:,} tokens in and {total.output_tokens:,} out"
    lines = [f"{format_cost(total.known_cost_nano_usd)} in {total.calls:,} {_calls(total.calls)}, {tokens}"]
    doubts = [
        f"{count:,} {name}"
        for count, name in (
            (total.failed_calls, "failed"),
            (total.estimated_calls, "estimated"),
            (total.unpriced_calls, "without a known price, not in the sum"),
        )
        if count
    ]
    if doubts:
        lines.append("of these " + ", ".join(doubts))
    if report.refused_calls:
        lines.append(f"besides, {report.refused_calls:,} refused by a budget, a quota or a pause, at no cost")
    rows = _all_rows(report)
    names = [printable(row.key) or f"no {by}" for row in rows]
    width = max(map(len, names), default=0)
    for name, row in zip(names, rows, strict=True):
        cost = format_cost(row.known_cost_nano_usd)
        lines.append(
            f"  {name.ljust(width)}  {cost:>12}  {row.calls:>8,} {_calls(row.calls):<5}  {row.total_tokens:>12,} tokens"
        )
    return "\n".join(lines)


def _calls(count: int) -> str:
    return "call" if count == 1 else "calls"


def _all_rows(report: Report) -> list[SpendLine]:
    return [*report.rows, report.rest] if report.rest.calls else report.rows


def _measures(line: SpendLine) -> dict[str, int]:
    values = asdict(line)
    return {name: values[name] for name in _SHOWN}
