"""What `/owner prices` says: what a model costs by the prices in force now, and what it cost in the last 30 days."""

from collections.abc import Iterator, Sequence
from decimal import Decimal

from bot.figures import compact, cost_of, counted
from bot.usage.money import usd_text
from bot.usage.records import Kind, SpendLine, Usage
from bot.usage.tracker import UsageTracker
from cogs._kit.tables import code_block, named_figures, plain, shorten, table

MODELS = 15
"""Models in the list without a name."""
_SAMPLE = 1_000
"""Tokens that a rate is asked for with: few enough for no long-context price, enough to be exact."""
_MILLION = 10**6
_UNITS: tuple[tuple[str, Usage, Kind], ...] = (
    ("an image, 1024x1024", Usage(images=1, image_size="1024x1024"), Kind.IMAGE),
    ("a minute of audio", Usage(audio_seconds=Decimal(60)), Kind.AUDIO),
    ("1,000 characters", Usage(characters=1_000), Kind.AUDIO),
)
_TIERS = ("flex", "batch", "priority")
_NOTHING = "$0.00"
NO_MODELS = "No model was used in the last 30 days. Name one to see its price."


def price_words(tracker: UsageTracker, model: str, used: SpendLine | None) -> str:
    """All that is known of one model's price; `used` is what it did in the last 30 days."""
    name = f"`{shorten(plain(model), 60)}`"
    by_token = list(_token_lines(tracker, model))
    lines = [*by_token, *_unit_lines(tracker, model)]
    told = f"{counted(used.calls, 'call')} in the last 30 days: {cost_of(used)}" if used else "not used in 30 days"
    footer = f"-# {told}\n-# {tracker.prices.described()}"
    if not lines:
        return (
            f"## {name} has no price\nIts calls are counted, shown as unpriced, and never taken for free. Write the "
            f"price into `data/prices.toml`; `python -m bot reprice` then books it for those there are.\n{footer}"
        )
    heading = f"## {name}\n-# Tokens: for a million" if by_token else f"## {name}"
    return f"{heading}\n{code_block(line.rstrip() for line in table(lines, points={0}))}\n{footer}"


def list_words(tracker: UsageTracker, models: Sequence[SpendLine]) -> str:
    """The dearest models of the last 30 days, each with what a million tokens cost."""
    if not models:
        return NO_MODELS
    rows = [
        (*(_rate(tracker, row.key, usage) or "–" for usage in (_INPUT, _OUTPUT)), compact(row.calls), row.key)
        for row in models[:MODELS]
    ]
    lines = named_figures(("in", "out", "calls", "model"), rows, right={2}, points={0, 1})
    more = f"\nand {len(models) - MODELS:,} more" if len(models) > MODELS else ""
    heading = "## Prices of the models in use\n-# For a million tokens; the dearest of the last 30 days first"
    return f"{heading}\n{code_block(lines)}{more}\n-# {tracker.prices.described()}"


_INPUT = Usage(input_tokens=_SAMPLE)
_OUTPUT = Usage(output_tokens=_SAMPLE)
_CACHED = Usage(input_tokens=_SAMPLE, cached_input_tokens=_SAMPLE)


def _token_lines(tracker: UsageTracker, model: str) -> Iterator[tuple[str, str]]:
    """What a million tokens cost: as usual, from the cache, in one very long request, and by tier, where it differs."""
    usual = _rate(tracker, model, _INPUT)
    if usual is None:
        return
    yield usual, "input"
    if (cached := _rate(tracker, model, _CACHED)) not in (None, usual):
        yield cached or "", "input from cache"
    window = tracker.prices.context_window(model) or _SAMPLE
    if (long := _rate(tracker, model, Usage(input_tokens=window), window)) not in (None, usual):
        yield long or "", f"input, {compact(window)} at once"
    output = _rate(tracker, model, _OUTPUT)
    if output not in (None, _NOTHING):
        yield output or "", "output"
    for tier in _TIERS:
        both = [_rate(tracker, model, usage, tier=tier) for usage in (_INPUT, _OUTPUT)]
        if both != [usual, output] and all(both):
            yield both[0] or "", f"input, {tier}"
            yield both[1] or "", f"output, {tier}"


def _unit_lines(tracker: UsageTracker, model: str) -> Iterator[tuple[str, str]]:
    for words, usage, kind in _UNITS:
        cost = tracker.prices.price(usage, model, at=tracker.clock(), kind=kind).cost_nano_usd
        if cost is not None:
            yield _dollars(cost), words


def _rate(
    tracker: UsageTracker, model: str, usage: Usage, tokens: int = _SAMPLE, *, tier: str | None = None
) -> str | None:
    """What a million of those tokens cost; None where nobody knows."""
    cost = tracker.prices.price(usage, model, at=tracker.clock(), service_tier=tier).cost_nano_usd
    return None if cost is None else _dollars(cost * _MILLION // tokens)


def _dollars(nano_usd: int) -> str:
    """Exact, with cents: `$2.50`, `$0.075`."""
    whole, _, fraction = (usd_text(nano_usd) or "").partition(".")
    return f"${whole}.{fraction:0<2}"
