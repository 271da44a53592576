"""`python -m bot reprice`: single calls by the prices known now, after a model got one or one was wrong."""

import argparse
import asyncio
import json
from dataclasses import asdict

from bot.commands import Commands
from bot.commands.arguments import a_date
from bot.commands.books import COMMAND_LINE, open_books
from bot.settings import Settings
from bot.usage.console import printable
from bot.usage.money import format_cost
from bot.usage.pricing.prices import PriceList
from bot.usage.records import utc_now
from bot.usage.upkeep.repricing import Repriced, Which, preview, reprice


def add(commands: Commands) -> None:
    """Make its arguments."""
    parser = commands.add_parser(
        "reprice",
        help="show what calls would cost by the prices known now; --apply books it",
        description="Each call by the price of the time it was made. Costs given by hand stay.",
    )
    parser.add_argument("--model", metavar="MODEL", help="only calls for, or served by, this model")
    parser.add_argument("--since", type=a_date, metavar="DATE", help="only calls from then on (ISO 8601, UTC)")
    parser.add_argument("--until", type=a_date, metavar="DATE", help="only calls before then")
    parser.add_argument("--apply", action="store_true", help="book it: sums and budgets follow, the audit log says so")
    parser.add_argument("--json", action="store_true", help="one JSON object")
    parser.set_defaults(command=_reprice)


def _reprice(options: argparse.Namespace, settings: Settings) -> int:
    which = Which(options.model, options.since, options.until)
    lines = asyncio.run(_changes(settings.database_url, which, apply=options.apply))
    total = Repriced(
        "",
        sum(line.calls for line in lines),
        sum(line.priced_calls for line in lines),
        sum(line.before_nano_usd for line in lines),
        sum(line.after_nano_usd for line in lines),
    )
    if options.json:
        print(json.dumps({"applied": options.apply, **_facts(total), "rows": [_row(line) for line in lines]}))
        return 0
    for line in [*lines, *([total] if len(lines) != 1 else [])]:
        print(_words(line))
    if lines and not options.apply:
        print("nothing is changed yet; to book it, add --apply")
    return 0


async def _changes(database_url: str, which: Which, *, apply: bool) -> list[Repriced]:
    prices = PriceList.load()
    async with open_books(database_url, read_only=not apply) as database:
        if apply:
            return await reprice(database, prices, which, utc_now, COMMAND_LINE)
        return await preview(database, prices, which)


def _words(line: Repriced) -> str:
    name = printable(line.model) or "all models"
    priced = f" ({line.priced_calls:,} had no price)" if line.priced_calls else ""
    sums = f"{format_cost(line.before_nano_usd)} becomes {format_cost(line.after_nano_usd)}"
    return f"{name}: {line.calls:,} {'call' if line.calls == 1 else 'calls'}{priced}, {sums}"


def _facts(line: Repriced) -> dict[str, int]:
    return {name: value for name, value in asdict(line).items() if name != "model"}


def _row(line: Repriced) -> dict[str, str | int]:
    return {"model": line.model, **_facts(line)}
