"""P4: pricing a call, over genai-prices itself (results equal) and over the least that could do the same work."""

import asyncio
import random
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from decimal import ROUND_HALF_EVEN, Decimal
from statistics import median
from time import perf_counter

import genai_prices

from benchmarks.measure import Effort, Row, in_turns, ratios
from bot.usage import Price, PriceList, Usage

MODELS = ("gpt-4o-mini", "gpt-4o", "gpt-4.1-mini", "gpt-5-mini", "o3-mini")
AT = datetime(2026, 3, 1, 12, tzinfo=UTC)
GPT_4O_MINI = {"gpt-4o-mini": (150, 75, 600)}
"""Nano-USD a token: input, cached input, output."""


def run(effort: Effort) -> list[Row]:
    """All rows of this file."""
    prices = PriceList.load()
    _assert_equal(prices)
    usage = Usage(input_tokens=1200, cached_input_tokens=400, output_tokens=350)
    theirs = _their_usage(usage)
    assert _by_dict(usage, "gpt-4o-mini").cost_nano_usd == prices.price(usage, "gpt-4o-mini", at=AT).cost_nano_usd
    sides = {
        "ours": (lambda: prices.price(usage, "gpt-4o-mini", at=AT), effort.some(100_000)),
        "genai-prices": (lambda: genai_prices.calc_price(theirs, "gpt-4o-mini", provider_id="openai",
                                                         genai_request_timestamp=AT), effort.some(2_000)),
        "dict": (lambda: _by_dict(usage, "gpt-4o-mini"), effort.some(100_000)),
        "nothing": (_nothing, effort.some(100_000)),
    }  # fmt: skip
    found = asyncio.run(in_turns({name: _timed(*side) for name, side in sides.items()}, effort.rounds))
    call = median(found["nothing"])
    ours, genai, plain = ([t - call for t in found[name]] for name in ("ours", "genai-prices", "dict"))
    return [
        Row("P4", "pricing a call / genai-prices' calc_price, results equal", ratios(ours, genai), 1 / 80,
            note=f"{median(ours) * 1e6:.2f} µs on {median(genai) * 1e6:.1f} µs"),
        Row("P4", "pricing a call / one dict lookup and integers (same Usage in, same Price out)",
            ratios(ours, plain), 4, note=f"{median(ours) * 1e6:.2f} µs on {median(plain) * 1e6:.2f} µs"),
    ]  # fmt: skip


def _by_dict(usage: Usage, model: str) -> Price:
    """The baseline: knows one model, no tiers, dates, long context, audio or images."""
    of_input, of_cached, of_output = GPT_4O_MINI[model]
    cached = usage.cached_input_tokens
    cost = (usage.input_tokens - cached) * of_input + cached * of_cached + usage.output_tokens * of_output
    return Price(cost, "genai-prices")


def _nothing() -> None:
    """What calling a function takes: taken off all sides."""


def _timed(function: Callable[[], object], times: int) -> Callable[[], Awaitable[float]]:
    async def once() -> float:
        began = perf_counter()
        for _ in range(times):
            function()
        return (perf_counter() - began) / times

    return once


def _assert_equal(prices: PriceList) -> None:
    """Both sides give the same nano-dollar for a thousand usages."""
    chance = random.Random(7)
    for number in range(1000):
        tokens = chance.randrange(100_000)
        cached = chance.randrange(tokens + 1)
        usage = Usage(input_tokens=tokens, cached_input_tokens=cached, output_tokens=chance.randrange(20_000))
        model = MODELS[number % len(MODELS)]
        total = genai_prices.calc_price(
            _their_usage(usage), model, provider_id="openai", genai_request_timestamp=AT
        ).total_price
        nano_usd = int((Decimal(total) * 10**9).quantize(Decimal(1), ROUND_HALF_EVEN))
        ours = prices.price(usage, model, at=AT)
        assert ours.cost_nano_usd == nano_usd, (model, usage, ours, nano_usd)


def _their_usage(usage: Usage) -> genai_prices.Usage:
    return genai_prices.Usage(
        input_tokens=usage.input_tokens,
        cache_read_tokens=usage.cached_input_tokens,
        output_tokens=usage.output_tokens,
    )
