"""`python -m bot backup` and `restore`: the books as one file, and back."""

import argparse
import asyncio
import json
from pathlib import Path

from bot.commands import Commands
from bot.settings import Settings
from bot.usage.records import utc_now
from bot.usage.upkeep.backup import FOLDER, Copy, back_up, restore


def add(commands: Commands) -> None:
    """Make the arguments of both."""
    backup = commands.add_parser("backup", help="copy the books into one file, also while the bot runs")
    backup.add_argument(
        "path", nargs="?", type=Path, metavar="PATH", help=f"a new file, or a folder (default: {FOLDER}/ beside them)"
    )
    backup.add_argument("--json", action="store_true", help="one JSON object")
    backup.set_defaults(command=_back_up)
    back = commands.add_parser("restore", help="put a backup in the place of the books; the bot must be stopped")
    back.add_argument("path", type=Path, metavar="PATH", help="what `backup` made")
    back.add_argument("--json", action="store_true", help="one JSON object")
    back.set_defaults(command=_restore)


def _back_up(options: argparse.Namespace, settings: Settings) -> int:
    made = asyncio.run(back_up(settings.database_url, options.path, utc_now()))
    _tell(made, f"{made.calls:,} calls are in {made.path} ({made.size:,} bytes, checked)", as_json=options.json)
    return 0


def _restore(options: argparse.Namespace, settings: Settings) -> int:
    done = asyncio.run(restore(settings.database_url, options.path, utc_now()))
    before = f"; what was there before is in {done.kept}" if done.kept else ""
    _tell(done, f"{done.path} holds the {done.calls:,} calls of {options.path} now{before}", as_json=options.json)
    return 0


def _tell(copy: Copy, words: str, *, as_json: bool) -> None:
    facts = {"path": str(copy.path), "calls": copy.calls, "bytes": copy.size, "kept": copy.kept and str(copy.kept)}
    print(json.dumps(facts) if as_json else words)
