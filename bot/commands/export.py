"""`python -m bot export`: every finished call as a line, for spreadsheets and other programs."""

import argparse
import asyncio
import csv
import json
import sys
from typing import Any

from bot.commands import Commands
from bot.commands.arguments import a_date, a_guild
from bot.commands.books import open_books
from bot.settings import Settings
from bot.usage.export import export

_FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""What a spreadsheet takes for a formula where a cell begins with it."""


def add(commands: Commands) -> None:
    """Make its arguments."""
    parser = commands.add_parser("export", help="every finished call as a line, oldest first, also while the bot runs")
    parser.add_argument("--format", choices=("csv", "jsonl"), default="jsonl", help="default: jsonl")
    parser.add_argument("--guild", type=a_guild, metavar="ID", help="one server (default: all)")
    parser.add_argument("--since", type=a_date, metavar="DATE", help="only calls from then on (ISO 8601, UTC)")
    parser.add_argument("--until", type=a_date, metavar="DATE", help="only calls before then")
    parser.set_defaults(command=_export)


def _export(options: argparse.Namespace, settings: Settings) -> int:
    asyncio.run(_print(options, settings.database_url))
    return 0


async def _print(options: argparse.Namespace, database_url: str) -> None:
    writer = None
    async with open_books(database_url, read_only=True) as database:
        async for row in export(database, guild_id=options.guild, since=options.since, until=options.until):
            if options.format == "jsonl":
                print(json.dumps(row, ensure_ascii=False))
                continue
            if writer is None:
                writer = csv.DictWriter(sys.stdout, list(row), lineterminator="\n")
                writer.writeheader()
            writer.writerow({name: _cell(value) for name, value in row.items()})


def _cell(value: Any) -> Any:
    """Callers choose names, and some would be run as a formula by whoever opens the file."""
    if isinstance(value, dict):
        return json.dumps(value, ensure_ascii=False)
    return f"'{value}" if isinstance(value, str) and value.startswith(_FORMULA) else value
