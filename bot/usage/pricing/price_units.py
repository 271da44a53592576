"""What can be billed, and how much of each a usage holds.

Subsets are taken out of their wholes before anything is charged: cached and cache-write tokens out of input tokens,
reasoning and audio tokens out of output tokens, so that each is paid for once (I5). What has no rate of its own stays
in its whole and costs what the whole costs: audio tokens of a model that publishes no audio rate cost as text, exactly
as genai-prices computes it, and cached input without a cached rate costs as input.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction

from bot.usage.records import Usage

_PARTS = (
    ("cached", "cached_input_tokens"),
    ("write", "cache_write_input_tokens"),
    ("input_audio", "input_audio_tokens"),
    ("cached_audio", "cached_input_audio_tokens"),
    ("input_image", "input_image_tokens"),
    ("cached_image", "cached_input_image_tokens"),
    ("reasoning", "reasoning_output_tokens"),
    ("output_audio", "output_audio_tokens"),
    ("output_image", "output_image_tokens"),
)
"""Units charged on a part of the input or output tokens, and the field of `Usage` that counts each."""
TOKENS = frozenset({"input", "output"} | {unit for unit, _ in _PARTS})
"""The units that are tokens. The others: seconds, characters, web_search, file_search, request (one a call)."""

Steps = tuple[tuple[int, Fraction], ...]
"""A rate as (threshold, nano-USD) pairs, ascending: it holds for the whole request above its threshold of input
tokens, never at it (I11: 272,000 is base, 272,001 is long context). The base rate's threshold is -1."""
ImageRates = Mapping[tuple[str, str], Fraction]
"""Nano-USD an image, by size and quality, both lower case, either of them empty where it makes no difference."""


@dataclass(frozen=True, slots=True)
class RateTable:
    """All rates of one model at one time and tier. `ours` names those that come from data/prices.toml.

    `images`, and the rates of `instead` (seconds, characters), are what a call costs that reports no billed tokens:
    where tokens are reported, they are the bill, and nothing is charged twice (I5). A `free` table has no rates.
    Fewer than `minimum_seconds` of sound are billed as so many.
    """

    rates: Mapping[str, Steps] = field(default_factory=dict)
    images: ImageRates = field(default_factory=dict)
    default_image: tuple[str, str] = ("", "")
    instead: frozenset[str] = frozenset()
    ours: frozenset[str] = frozenset()
    free: bool = False
    minimum_seconds: int = 0


def count_units(usage: Usage, table: RateTable) -> dict[str, int | Fraction]:
    """What each rate is charged on: disjoint counts, none below zero, that add up to the usage's totals (I5).

    A part without a rate of its own stays in its whole. A part that is larger than its whole is cut to fit: a record
    that contradicts itself is flagged by `Usage.contradictions`, and priced at most as if the excess weren't there.
    """
    part = {unit: getattr(usage, name) if unit in table.rates else 0 for unit, name in _PARTS}
    tokens, output = max(usage.input_tokens, 0), max(usage.output_tokens, 0)
    audio = _fit(part["input_audio"], tokens)
    image = _fit(part["input_image"], tokens - audio)
    text = tokens - audio - image
    cached_audio = _fit(part["cached_audio"], min(audio, max(part["cached"], 0)))
    cached_image = _fit(part["cached_image"], min(image, max(part["cached"] - cached_audio, 0)))
    cached = _fit(part["cached"] - cached_audio - cached_image, text)
    written = _fit(part["write"], text - cached)
    output_audio = _fit(part["output_audio"], output)
    output_image = _fit(part["output_image"], output - output_audio)
    reasoning = _fit(part["reasoning"], output - output_audio - output_image)
    seconds = max(Fraction(usage.audio_seconds), Fraction(0))
    return {
        "input": text - cached - written,
        "cached": cached,
        "write": written,
        "input_audio": audio - cached_audio,
        "cached_audio": cached_audio,
        "input_image": image - cached_image,
        "cached_image": cached_image,
        "output": output - output_audio - output_image - reasoning,
        "output_audio": output_audio,
        "output_image": output_image,
        "reasoning": reasoning,
        "seconds": max(seconds, Fraction(table.minimum_seconds)) if seconds else 0,
        "characters": max(usage.characters, 0),
        "web_search": max(usage.web_search_calls, 0),
        "file_search": max(usage.file_search_calls, 0),
    }


def _fit(part: int, whole: int) -> int:
    return min(max(part, 0), whole)
