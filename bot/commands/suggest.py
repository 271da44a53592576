"""`python -m bot suggest`: where money could be saved, as the books show it. Reads, never writes."""

import argparse
import asyncio
import json
from textwrap import fill

from bot.commands import Commands
from bot.commands.arguments import a_guild, number_of_days
from bot.commands.books import open_books, our_operations
from bot.settings import Settings
from bot.usage import PriceList, Suggestion, suggestion_words
from bot.usage.console import printable
from bot.usage.money import format_cost
from bot.usage.records import utc_now
from bot.usage.reporting.suggestion_words import suggestion_facts
from bot.usage.reporting.suggestions import Suggestions

_LONGEST_DAYS = 365


def add(commands: Commands) -> None:
    """Make its arguments."""
    parser = commands.add_parser(
        "suggest",
        help="where money could be saved: models, caches, caps, failures; also while the bot runs",
        description="Judged by the newest calls that are kept. Where an operation has too few calls, nothing is said.",
    )
    parser.add_argument("--guild", type=a_guild, metavar="ID", help="one server (default: the whole bot)")
    days = number_of_days(1, _LONGEST_DAYS)
    parser.add_argument("--days", type=days, default=30, metavar="N", help="how many days back (default: 30)")
    parser.add_argument("--json", action="store_true", help="a JSON list")
    parser.set_defaults(command=_suggest)


def _suggest(options: argparse.Namespace, settings: Settings) -> int:
    found = asyncio.run(_read(settings, options.guild, options.days))
    if options.json:
        print(json.dumps([suggestion_facts(one) for one in found]))
    else:
        print(_as_text(found, options.days))
    return 0


async def _read(settings: Settings, guild_id: int | None, days: int) -> list[Suggestion]:
    async with open_books(settings.database_url, read_only=True) as database:
        return await Suggestions(database, PriceList.load(), our_operations(settings), utc_now).of(guild_id, days)


def _as_text(found: list[Suggestion], days: int) -> str:
    if not found:
        return f"nothing to suggest from the calls of the last {days} days"
    lines = []
    for one in found:
        gain = format_cost(one.saves_nano_usd) if one.saves_nano_usd else "–"
        words = printable(suggestion_words(one))
        lines.append(fill(words, 100, initial_indent=f"{gain:>8}  ", subsequent_indent=" " * 10))
    return "\n".join(lines)
