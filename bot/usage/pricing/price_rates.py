"""Rates, and what a usage costs at them: integers throughout, rounded half-even once (I5, I8).

A rate is what one token, second, character or call costs, in nano-USD. Some have fractions (cached input of gpt-5-nano
in a batch costs 2.5), so a card multiplies all of its own by one `scale` that makes them whole, adds up, and divides
once at the end.

Text alone, by far the commonest usage, is a sum of weights: with a cached rate of 1.25 and an input rate of 2.50 the
cached weight is -1.25, and `input * 2.50 + cached * -1.25` charges each token once (I5). Everything else is counted
out by `bot.usage.pricing.price_units` first. Both give the same to the nano.
"""

from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from fractions import Fraction
from math import lcm

from bot.usage.pricing.price_units import TOKENS, RateTable, Steps, count_units
from bot.usage.records import Kind, Price, Usage

UNKNOWN = Price(None, "unknown")
"""The price of what isn't known: never 0 (I9)."""
BEGINNING = datetime.min.replace(tzinfo=UTC)
END = datetime.max.replace(tzinfo=UTC)
_new_price = object.__new__
_set_cost = Price.__dict__["cost_nano_usd"].__set__
_set_source = Price.__dict__["source"].__set__
"""How `Price` is filled without its `__init__`, which, being a frozen dataclass's, takes 120 ns longer: a sixth of a
whole call of `PriceList.price` (P4)."""
_NEVER = 1 << 62
"""More input tokens than any request has: the threshold of a model without long-context rates."""


class RateCard:
    """A rate table made ready: priced usages come out as integers, for any time from `since` up to `until`."""

    __slots__ = (
        "_any_call",
        "_bands",
        "_known",
        "_own_source",
        "_plain",
        "_scale",
        "_source",
        "_table",
        "_text",
        "_their_source",
        "_threshold",
        "_thresholds",
        "_worst_text",
        "since",
        "until",
    )

    def __init__(
        self, table: RateTable | None, since: datetime, until: datetime, own_source: str, their_source: str
    ) -> None:
        self.since = since
        self.until = until
        self._known = table is not None
        self._table = table = table or RateTable()
        self._own_source, self._their_source = own_source, their_source
        every = [rate for steps in table.rates.values() for _, rate in steps]
        self._scale = scale = lcm(*(rate.denominator for rate in every))
        self._thresholds = sorted({above for steps in table.rates.values() for above, _ in steps} | {-1})
        self._bands = [
            {unit: int(_rate_above(steps, above) * scale) for unit, steps in table.rates.items()}
            for above in self._thresholds
        ]
        self._worst_text = [_dearest(self._bands[:upto]) for upto in range(1, len(self._bands) + 1)]
        base = self._bands[0]
        self._text = _text_weights(base)
        self._threshold = self._thresholds[1] if len(self._thresholds) > 1 else _NEVER
        self._plain = "input" in base and "output" in base and "reasoning" not in base
        self._source = self._source_of(("input", "output", "cached", "write"))
        self._any_call = self._price_of_any_call()

    def price(self, usage: Usage, kind: Kind) -> Price:
        """What `usage` costs. Text alone takes a short way."""
        tokens = usage.input_tokens
        cached = usage.cached_input_tokens
        written = usage.cache_write_input_tokens
        output = usage.output_tokens
        if (
            not self._plain
            or cached | written | output < 0  # One of them is negative: only then is their bitwise or.
            or cached + written > tokens
            or usage.input_audio_tokens
            or usage.output_audio_tokens
            or usage.input_image_tokens
            or usage.output_image_tokens
            or usage.images
            or usage.audio_seconds
            or usage.characters
            or usage.web_search_calls
            or usage.file_search_calls
        ):
            return self._price_in_full(usage, kind)
        if tokens <= self._threshold:
            of_input, of_cached, of_written, of_output, of_call = self._text
        else:
            of_input, of_cached, of_written, of_output, of_call = _text_weights(self._band(tokens))
        total = tokens * of_input + cached * of_cached + written * of_written + output * of_output + of_call
        scale = self._scale
        if scale != 1:
            total, rest = divmod(total, scale)
            if rest * 2 > scale or (rest * 2 == scale and total & 1):
                total += 1
        price = _new_price(Price)
        _set_cost(price, total)
        _set_source(price, self._source)
        return price

    def worst_case(self, tokens: int, output: int, *, audio: bool, image: bool) -> Price:
        """The dearest way to bill that many input and output tokens: nothing cached, everything written to the cache
        where that costs more, long context where the input reaches it. Never falls when either number rises.
        """
        if self._any_call is not None:
            return self._any_call
        if not self._known or ("input" not in self._bands[0] and "output" not in self._bands[0]):
            return UNKNOWN
        upto = max(1, bisect_left(self._thresholds, tokens))
        if audio or image:
            of_input, of_output = _dearest(self._bands[:upto], ("_audio",) * audio + ("_image",) * image)
        else:
            of_input, of_output = self._worst_text[upto - 1]
        total = max(tokens, 0) * of_input + max(output, 0) * of_output + self._bands[0].get("request", 0)
        return Price(total if self._scale == 1 else round(Fraction(total, self._scale)), self._source)

    def _price_of_any_call(self) -> Price | None:
        """What every call costs, whatever it uses: nothing, or what each is billed at. None where usage decides."""
        if self._table.free:
            return Price(0, self._source)
        if self._table.rates.keys() != {"request"} or self._table.images:
            return None
        return Price(round(Fraction(self._bands[0]["request"], self._scale)), self._source_of(("request",)))

    def _band(self, tokens: int) -> Mapping[str, int]:
        return self._bands[max(1, bisect_left(self._thresholds, tokens)) - 1]

    def _price_in_full(self, usage: Usage, kind: Kind) -> Price:
        if not self._known:
            return UNKNOWN
        if self._any_call is not None:
            return self._any_call
        table = self._table
        counts = {unit: count for unit, count in count_units(usage, table).items() if count > 0}
        by_token = any(unit in table.rates for unit in counts if unit in TOKENS)
        image_rate = self._image_rate(usage, kind, by_token=by_token)
        billed = {
            unit: count
            for unit, count in counts.items()
            if unit in table.rates and not (by_token and unit in table.instead)
        }
        if image_rate is None or not self._covers(
            counts, kind, by_token=by_token, otherwise=bool(billed or image_rate)
        ):
            return UNKNOWN
        band = self._band(usage.input_tokens)
        total = (
            Fraction(sum(band[unit] * count for unit, count in billed.items()) + band.get("request", 0)) / self._scale
        )
        if image_rate:
            total += image_rate * usage.images
            billed["images"] = usage.images
        return Price(round(total), self._source_of(billed))

    def _image_rate(self, usage: Usage, kind: Kind, *, by_token: bool) -> Fraction | None:
        """Nano-USD for each of the usage's images; 0 where there are none or tokens pay for them; None: unknown."""
        table = self._table
        if usage.images <= 0:
            return Fraction(0)
        tokens_pay = kind is Kind.IMAGE or usage.output_image_tokens or table.images or "output_image" in table.rates
        if by_token and tokens_pay:
            return Fraction(0)
        words = zip((usage.image_size, usage.image_quality), table.default_image, strict=True)
        size, quality = (default if word in (None, "", "auto") else str(word).lower() for word, default in words)
        return next((table.images[key] for key in ((size, quality), (size, ""), ("", "")) if key in table.images), None)

    def _covers(self, counts: Iterable[str], kind: Kind, *, by_token: bool, otherwise: bool) -> bool:
        """Whether everything in the usage has a rate, or is paid for by something else in it that has one."""
        rates, instead = self._table.rates, self._table.instead
        for unit in counts:
            if unit in rates:
                continue
            if unit in ("seconds", "characters"):
                covered = by_token and (kind is Kind.AUDIO or "seconds" in instead or "input_audio" in rates)
            elif unit == "output":
                covered = "input" in rates or (otherwise and not by_token)
            else:
                covered = unit == "input" and otherwise and not by_token
            if not covered:
                return False
        return True

    def _source_of(self, units: Iterable[str]) -> str:
        ours = self._table.ours
        named = [unit for unit in units if unit in self._table.rates or unit == "images"]
        own = any(unit in ours for unit in named)
        if self._table.free or not named:
            return self._own_source if ours or not self._their_source else self._their_source
        if own and not all(unit in ours for unit in named):
            return f"{self._their_source}, {self._own_source}"
        return self._own_source if own else self._their_source


def _rate_above(steps: Steps, above: int) -> Fraction:
    return [rate for threshold, rate in steps if threshold <= above][-1]


def _dearest(bands: Sequence[Mapping[str, int]], modalities: tuple[str, ...] = ()) -> tuple[int, int]:
    """The dearest that one input and one output token can be in any of these bands."""
    of_input = ("input", "cached", "write", *(f"input{name}" for name in modalities))
    of_output = ("output", "reasoning", *(f"output{name}" for name in modalities))
    return (
        max(band.get(unit, 0) for band in bands for unit in of_input),
        max(band.get(unit, 0) for band in bands for unit in of_output),
    )


def _text_weights(band: Mapping[str, int]) -> tuple[int, int, int, int, int]:
    """What one more input, cached, cache-write or output token adds, and the call itself."""
    of_input = band.get("input", 0)
    return (
        of_input,
        band.get("cached", of_input) - of_input,
        band.get("write", of_input) - of_input,
        band.get("output", 0),
        band.get("request", 0),
    )
