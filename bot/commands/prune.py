"""`python -m bot prune`: single calls that are too old go, their sums stay."""

import argparse
import asyncio
import json
from datetime import datetime, timedelta

from bot.commands import Commands
from bot.commands.arguments import number_of_days
from bot.commands.books import open_books
from bot.errors import SettingsError
from bot.settings import Settings
from bot.usage.records import utc_now
from bot.usage.upkeep.retention import SHORTEST_DAYS, forget_by_servers, forget_calls, give_back_space


def add(commands: Commands) -> None:
    """Make its arguments."""
    parser = commands.add_parser(
        "prune", help="delete single calls older than RETENTION_DAYS, also while the bot runs; all sums stay"
    )
    days = number_of_days(SHORTEST_DAYS, 36_500)
    parser.add_argument("--days", type=days, metavar="N", help=f"keep so many days, {SHORTEST_DAYS} at least")
    parser.add_argument(
        "--vacuum", action="store_true", help="give the space back to the disk; on SQLite the bot must be stopped"
    )
    parser.add_argument("--json", action="store_true", help="one JSON object")
    parser.set_defaults(command=_prune)


def _prune(options: argparse.Namespace, settings: Settings) -> int:
    days = options.days or settings.retention_days
    if days is None:
        raise SettingsError("RETENTION_DAYS", "none keeps every call for good: say how many with --days N")
    now = utc_now()
    before = now - timedelta(days=days)
    deleted, by_servers = asyncio.run(_forget(settings.database_url, now, days, vacuum=options.vacuum))
    facts = {"deleted": deleted, "deleted_by_servers": by_servers, "before": before.isoformat()}
    younger = f", and {by_servers:,} younger ones that their servers keep for a shorter time" if by_servers else ""
    words = f"{deleted:,} calls from before {before:%Y-%m-%d %H:%M} UTC are deleted{younger}; all sums are as they were"
    print(json.dumps(facts) if options.json else words)
    return 0


async def _forget(database_url: str, now: datetime, days: int, *, vacuum: bool) -> tuple[int, int]:
    async with open_books(database_url) as database:
        deleted = await forget_calls(database, now - timedelta(days=days))
        by_servers = await forget_by_servers(database, now, days)
    if vacuum:
        await give_back_space(database_url)
    return deleted, by_servers
