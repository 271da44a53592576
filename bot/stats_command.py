"""`python -m bot stats`: the books on the command line, also while the bot runs. Reads, never writes."""

import asyncio
import logging
from dataclasses import asdict
from typing import Any

from bot.usage import DatabaseUnavailableError
from bot.usage.money import format_cost
from bot.usage.records import SpendLine, utc_now
from bot.usage.reporting.reports import Days, PeriodName, Report, Reports, Split
from bot.usage.storage import schema
from bot.usage.storage.database import is_postgres, open_database, sqlite_path

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


async def read_spend(database_url: str, guild_id: int | None, period: PeriodName, by: Split) -> Report:
    """The report. A database that isn't there yet holds nothing. Raises `DatabaseUnavailableError`."""
    path = None if is_postgres(database_url) else sqlite_path(database_url)
    if path is not None and not path.exists():
        log.warning("there is no database at %s yet", path.absolute())
        return _empty()
    database = await open_database(database_url, read_only=True)
    try:
        if not await schema.is_current(database):
            if not database.shared and (path is None or not path.stat().st_size):
                return _empty()
            await asyncio.sleep(_SETTING_UP_SECONDS)
            if not await schema.is_current(database):
                problem = "it holds no books, or those of an earlier version, which starting the bot brings up to date"
                raise DatabaseUnavailableError(database.name, problem)
        return await Reports(database, clock=utc_now).spend(guild_id, period, by)
    finally:
        await database.close()


def as_json(report: Report) -> dict[str, Any]:
    """The object that `--json` prints; the rows add up to the total."""
    return {
        **_measures(report.total),
        "refused_calls": report.refused_calls,
        "rows": [{"key": row.key, **_measures(row)} for row in _all_rows(report)],
    }


def as_text(report: Report, by: Split) -> str:
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
    names = [_printable(row.key) or f"no {by}" for row in rows]
    width = max(map(len, names), default=0)
    for name, row in zip(names, rows, strict=True):
        cost = format_cost(row.known_cost_nano_usd)
        lines.append(
            f"  {name.ljust(width)}  {cost:>12}  {row.calls:>8,} {_calls(row.calls):<5}  {row.total_tokens:>12,} tokens"
        )
    return "\n".join(lines)


def _printable(key: str) -> str:
    """A name as a terminal may have it: callers choose names, and some characters command a terminal."""
    return "".join(c if c.isprintable() else "?" for c in key)


def _calls(count: int) -> str:
    return "call" if count == 1 else "calls"


def _all_rows(report: Report) -> list[SpendLine]:
    return [*report.rows, report.rest] if report.rest.calls else report.rows


def _measures(line: SpendLine) -> dict[str, int]:
    values = asdict(line)
    return {name: values[name] for name in _SHOWN}


def _empty() -> Report:
    today = utc_now().date()
    return Report(Days(today, today), SpendLine(""), [], SpendLine(""), 0)
