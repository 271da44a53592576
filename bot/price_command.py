"""`python -m bot price`: what a usage costs, for one model named on the command line or for JSON lines."""

import json
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import Any

from bot.usage.money import usd_text
from bot.usage.pricing.prices import PriceList
from bot.usage.records import Usage, utc_now


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


def read_at(text: str | None) -> datetime | None:
    """An ISO 8601 date or time, UTC where it names no zone; None stays None. Raises `ValueError` with words."""
    if text is None:
        return None
    try:
        at = datetime.fromisoformat(text)
    except (TypeError, ValueError) as error:
        raise ValueError(f"`at` must be an ISO 8601 date or time, not {text!r}") from error
    return at if at.tzinfo else at.replace(tzinfo=UTC)


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
    return run_single(prices, model, Usage.from_mapping(usage), read_at(asked.get("at")), tier)
