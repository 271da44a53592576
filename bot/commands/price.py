"""`python -m bot price`: what a usage costs, for one model named on the command line or for JSON lines."""

import argparse
import json
import sys
from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any

from bot.commands import Commands
from bot.commands.arguments import a_date, read_at
from bot.settings import Settings
from bot.usage.money import format_cost, usd_text
from bot.usage.pricing.prices import PriceList
from bot.usage.records import Usage, utc_now


def add(commands: Commands) -> None:
    """Make its arguments."""
    parser = commands.add_parser(
        "price",
        help="what a usage costs; without MODEL, JSON lines in and out",
        description='Without MODEL, reads lines {"model","usage":{…},"at","service_tier"} from standard input.',
    )
    parser.add_argument("model", nargs="?", metavar="MODEL")
    parser.add_argument("--input", type=int, metavar="N", help="input tokens, cached ones included")
    parser.add_argument("--cached", type=int, metavar="N", help="of these, read from the provider's cache")
    parser.add_argument("--output", type=int, metavar="N", help="output tokens, reasoning included")
    parser.add_argument("--usage", metavar="JSON", help="the whole usage as an object, for audio, images and the rest")
    parser.add_argument("--at", type=a_date, metavar="DATE", help="price of that day (ISO 8601, UTC; default: now)")
    parser.add_argument("--service-tier", metavar="TIER", help="the served tier: default, flex, priority, batch")
    parser.add_argument("--json", action="store_true", help="one JSON object")
    parser.set_defaults(command=_price)


def _price(options: argparse.Namespace, _settings: Settings) -> int:
    if options.model is None and (given := _usage_options_given(options)):
        return _refuse(f"{given} needs a MODEL; without one, JSON lines are read from standard input")
    prices = PriceList.load()
    if options.model is None:
        for line in run_lines(prices, sys.stdin):
            print(line, flush=True)
        return 0
    try:
        usage = Usage.from_mapping(_usage_options(options))
        answer = run_single(prices, options.model, usage, options.at, options.service_tier)
    except ValueError as error:
        return _refuse(str(error))
    if options.json:
        print(json.dumps(answer))
    else:
        cost = answer["cost_nano_usd"]
        unknown = f"no price is known for {options.model!r}; add it to data/prices.toml"
        print(f"{format_cost(cost)} ({answer['price_source'] if cost is not None else unknown})")
    return 0


def _refuse(words: str) -> int:
    print(f"trilo: {words}", file=sys.stderr)
    return 2


def run_single(
    prices: PriceList, model: str, usage: Usage, at: datetime | None = None, service_tier: str | None = None
) -> dict[str, Any]:
    """The answer for one usage: `cost_nano_usd` (integer or None), `cost_usd` (exact text or None), `price_source`."""
    price = prices.price(usage, model, at=at or utc_now(), service_tier=service_tier)
    return {
        "cost_nano_usd": price.cost_nano_usd,
        "cost_usd": usd_text(price.cost_nano_usd),
        "price_source": price.source,
    }


def run_lines(prices: PriceList, lines: Iterable[str]) -> Iterator[str]:
    """One JSON line for each line given, in order, each as soon as its line is read.

    A line that can't be priced as it stands is answered in its place by one with an `error` that names it, and the
    rest go on.
    """
    for number, line in enumerate(lines, 1):
        try:
            answer = _answer(prices, line)
        except (ValueError, ArithmeticError, RecursionError) as error:
            answer = {
                "cost_nano_usd": None,
                "cost_usd": None,
                "price_source": "error",
                "error": f"line {number}: {error or type(error).__name__}",
            }
        yield json.dumps(answer, ensure_ascii=False)


def _answer(prices: PriceList, line: str) -> dict[str, Any]:
    try:
        asked = json.loads(line)
    except ValueError as error:
        raise ValueError(f"not JSON ({error})") from error
    if not isinstance(asked, dict):
        raise ValueError('not an object: {"model": …, "usage": {…}, "at": …, "service_tier": …}')  # noqa: TRY004
    model, usage, tier = asked.get("model"), asked.get("usage"), asked.get("service_tier")
    if not isinstance(model, str) or not model.strip():
        raise ValueError("`model` must be the name of a model")
    if not isinstance(usage, dict):
        raise ValueError("`usage` must be an object of counts")  # noqa: TRY004
    if tier is not None and not isinstance(tier, str):
        raise ValueError("`service_tier` must be a word")
    at = asked.get("at")
    return run_single(prices, model, Usage.from_mapping(usage), None if at is None else read_at(at), tier)


def _usage_options(options: argparse.Namespace) -> dict[str, object]:
    try:
        usage: dict[str, object] = json.loads(options.usage) if options.usage else {}
    except (ValueError, RecursionError):
        raise ValueError("--usage must be a JSON object") from None
    if not isinstance(usage, dict):
        raise ValueError("--usage must be a JSON object")  # noqa: TRY004 - bad input, not a bug
    short = {"input_tokens": options.input, "output_tokens": options.output, "cached_input_tokens": options.cached}
    return usage | {name: count for name, count in short.items() if count is not None}


def _usage_options_given(options: argparse.Namespace) -> str:
    names = ("input", "cached", "output", "usage", "at", "service_tier")
    return ", ".join(f"--{name.replace('_', '-')}" for name in names if getattr(options, name) is not None)
