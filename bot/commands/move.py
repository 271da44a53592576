"""`python -m bot move`: the books from a SQLite file to PostgreSQL."""

import argparse
import asyncio
import json
import sys

from bot.commands import Commands
from bot.settings import Settings
from bot.usage.money import format_cost
from bot.usage.moving import Moved, move


def add(commands: Commands) -> None:
    """Make its arguments."""
    parser = commands.add_parser(
        "move",
        help="move the books from SQLite to PostgreSQL; the bot must be stopped",
        description="Copies everything from DATABASE_URL, a SQLite file, which stays as it is. One that was broken off "
        "goes on where it was when it is run again. Both are compared at the end.",
    )
    parser.add_argument("--to", required=True, metavar="URL", help="postgresql://user:password@host/name, empty")
    parser.add_argument("--json", action="store_true", help="one JSON object")
    parser.set_defaults(command=_move)


def _move(options: argparse.Namespace, settings: Settings) -> int:
    moved = asyncio.run(move(settings.database_url, options.to, _tell))
    print(json.dumps(_as_json(moved)) if options.json else _as_text(moved))
    return 0


def _tell(table: str, done: int, count: int) -> None:
    print(f"{table}: {done:,} of {count:,}", file=sys.stderr, flush=True)


def _as_json(moved: Moved) -> dict[str, object]:
    return {"rows": dict(moved.rows), "cost_nano_usd": moved.cost_nano_usd}


def _as_text(moved: Moved) -> str:
    calls, others = moved.rows["usage_records"], sum(moved.rows.values()) - moved.rows["usage_records"]
    return (
        f"{calls:,} calls ({format_cost(moved.cost_nano_usd)}) and {others:,} other rows have moved, and both sides "
        "add up to the same. Now set DATABASE_URL to the new address and start the bot."
    )
