"""genai-prices, read strictly: which model a name means there, and its rates at a time and service tier.

Imported when first needed, not at start: it costs 20 ms of CPU beside openai (which has already loaded pydantic and
httpx2), 130 ms alone (P12).
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from fractions import Fraction
from functools import cached_property
from typing import TYPE_CHECKING, Any

from bot.usage.pricing.price_names import MAKERS, dashed, fine_tuned_base, strictly_fine_tuned, strictly_names
from bot.usage.pricing.price_units import RateTable, Steps

if TYPE_CHECKING:
    from genai_prices.data_snapshot import DataSnapshot
    from genai_prices.types import ModelInfo, Provider

_PER_MILLION = Fraction(10**9, 10**6)
_PER_THOUSAND = Fraction(10**9, 10**3)
_RATES: Mapping[str, tuple[str, Fraction]] = {
    "input_mtok": ("input", _PER_MILLION),
    "cache_read_mtok": ("cached", _PER_MILLION),
    "cache_write_mtok": ("write", _PER_MILLION),
    "output_mtok": ("output", _PER_MILLION),
    "output_reasoning_mtok": ("reasoning", _PER_MILLION),
    "input_audio_mtok": ("input_audio", _PER_MILLION),
    "cache_audio_read_mtok": ("cached_audio", _PER_MILLION),
    "output_audio_mtok": ("output_audio", _PER_MILLION),
    "input_image_mtok": ("input_image", _PER_MILLION),
    "cache_image_read_mtok": ("cached_image", _PER_MILLION),
    "output_image_mtok": ("output_image", _PER_MILLION),
    "input_mchars": ("characters", _PER_MILLION),
    "audio_hours": ("seconds", Fraction(10**9, 3600)),
    "web_searches_kcount": ("web_search", _PER_THOUSAND),
    "storage_searches_kcount": ("file_search", _PER_THOUSAND),
    "requests_kcount": ("request", _PER_THOUSAND),
}
"""genai-prices' price keys, our unit for each, and nano-USD a unit for 1 there. Its other keys price what `Usage`
doesn't count (pages, pixels, video), or, like `input_audio_hours`, repeat one of these."""
_CONTEXTS: Mapping[str, Mapping[str, str]] = {
    "flex": {"service_tier": "flex"},
    "priority": {"service_tier": "priority"},
    "fast": {"service_tier": "fast", "speed": "fast"},
    "batch": {"processing": "batch"},
}
"""How genai-prices calls a service tier. Batch isn't one there, but another kind of processing."""
_CHECKED = re.compile(r"\b(?:verified|checked)\b[^.]{0,60}?\b(20\d\d-\d\d-\d\d)", re.IGNORECASE)
_GROQ_WHISPERS = frozenset({"whisper-large-v3", "whisper-large-v3-turbo"})
_GROQ_MINIMUM_SECONDS = 10
"""Groq bills at least so much of a transcription, as genai-prices knows too (`ModelInfo.calc_price`)."""
_DAY = timedelta(days=1)
_FIRST, _LAST = date(1, 1, 4), date(9999, 12, 28)
"""Days that leave room for a day and a time zone to each side."""


@dataclass(frozen=True, slots=True)
class Listing:
    """A model as genai-prices lists it under one provider."""

    info: "ModelInfo"
    provider: str
    own: bool
    """Whether the provider lists the model itself. A borrowed one (Azure's GPTs are OpenAI's) has no tiers."""

    def table(self, at: datetime, tier: str | None) -> tuple[RateTable, bool]:
        """The rates at that time, and whether they are the tier's own rather than the standard ones."""
        context = _CONTEXTS.get(tier or "", {}) if self.own else {}
        prices = vars(self.info.get_prices(at, context))
        rates: dict[str, Steps] = {}
        for key, (unit, factor) in _RATES.items():
            if (price := prices.get(key)) is not None:
                rates[unit] = _steps(price, factor)
        whisper = self.provider == "groq" and self.info.id in _GROQ_WHISPERS
        # No rates at all is how genai-prices writes "costs nothing": moderation, `:free` models, Copilot's included.
        free = not any(value is not None for value in prices.values())
        table = RateTable(rates, free=free, minimum_seconds=_GROQ_MINIMUM_SECONDS if whisper else 0)
        return table, self._knows(at, context)

    def turning_points(self, at: datetime) -> Iterator[datetime]:
        """The moments around `at` at which the rates may change: start dates, and times of day a day to each side."""
        prices: Any = self.info.prices
        dated = [*(prices if isinstance(prices, list) else ()), *(self.info.price_variants or ())]
        for constraint in (price.constraint for price in dated):
            start = getattr(constraint, "start_date", None)
            if start is not None:
                yield _utc(start, time())
            elif constraint is not None:
                today = min(max(at.date(), _FIRST), _LAST)
                for day in (today - _DAY, today, today + _DAY):
                    yield _utc(day, constraint.start_time)
                    yield _utc(day, constraint.end_time)

    def _knows(self, at: datetime, context: Mapping[str, str]) -> bool:
        return bool(context) and any(
            all(context.get(key) == value for key, value in variant.when.items())
            and (variant.constraint is None or variant.constraint.active(at))
            for variant in self.info.price_variants or ()
        )


class Catalogue:
    """genai-prices' data, as it comes with that library."""

    @cached_property
    def source(self) -> str:
        """What a price from here shows as its source."""
        import genai_prices

        return f"genai-prices {genai_prices.__version__}"

    @property
    def _data(self) -> "DataSnapshot":
        from genai_prices.data_snapshot import get_snapshot

        return get_snapshot()

    @cached_property
    def as_of(self) -> date | None:
        """The newest day on which the data says that its prices were verified."""
        comments = (
            comment or ""
            for provider in self._data.providers
            for comment in (provider.price_comments, *(model.price_comments for model in provider.models))
        )
        days = [day for comment in comments for day in _CHECKED.findall(comment)]
        return date.fromisoformat(max(days)) if days else None

    def find(self, name: str, provider: str | None) -> Listing | None:
        """The model that `name`, in lower case, strictly means (`price_names`); None if there is none."""
        base = fine_tuned_base(name)
        for candidate in self._providers(name, provider):
            info = candidate.find_model(name, all_providers=self._data.providers)
            if info is None:
                continue
            if base is not None and name != info.id.lower():
                known = strictly_fine_tuned(info, name) and self.find(base, candidate.id) is not None
            else:
                strict = (strictly_names(info, spelling, candidate.id) for spelling in (name, dashed(name)))
                known = any(strict) or strictly_fine_tuned(info, name)
            if known:
                return Listing(info, candidate.id, any(model is info for model in candidate.models))
        return None

    def _providers(self, name: str, provider: str | None) -> "Iterator[Provider]":
        providers = {candidate.id: candidate for candidate in self._data.providers}
        if provider is not None:
            if provider in providers:
                yield providers[provider]
            return
        for candidate in providers.values():
            if candidate.model_match is not None and candidate.model_match.is_match(name):
                yield candidate
                break
        for maker in MAKERS:
            if maker in providers:
                yield providers[maker]


def _steps(price: Any, factor: Fraction) -> Steps:
    tiers = getattr(price, "tiers", None)
    if tiers is None:
        return ((-1, Fraction(price) * factor),)
    return ((-1, Fraction(price.base) * factor), *((tier.start, Fraction(tier.price) * factor) for tier in tiers))


def _utc(day: date, clock: time) -> datetime:
    moment = datetime.combine(day, clock)
    return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
