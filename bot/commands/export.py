"""`python -m bot export`: every finished call as a line, for spreadsheets and other programs."""

import argparse
import asyncio

from bot.commands import Commands
from bot.commands.arguments import a_date, a_guild
from bot.commands.books import open_books
from bot.settings import Settings
from bot.usage.reporting.export import FORMATS, export_text


def add(commands: Commands) -> None:
    """Make its arguments."""
    parser = commands.add_parser("export", help="every finished call as a line, oldest first, also while the bot runs")
    parser.add_argument("--format", choices=FORMATS, default="jsonl", help="default: jsonl")
    parser.add_argument("--guild", type=a_guild, metavar="ID", help="one server (default: all)")
    parser.add_argument("--since", type=a_date, metavar="DATE", help="only calls from then on (ISO 8601, UTC)")
    parser.add_argument("--until", type=a_date, metavar="DATE", help="only calls before then")
    parser.set_defaults(command=_export)


def _export(options: argparse.Namespace, settings: Settings) -> int:
    asyncio.run(_print(options, settings.database_url))
    return 0


async def _print(options: argparse.Namespace, database_url: str) -> None:
    async with open_books(database_url, read_only=True) as database:
        form, since, until = options.format, options.since, options.until
        async for text in export_text(database, form, guild_id=options.guild, since=since, until=until):
            print(text, end="")
