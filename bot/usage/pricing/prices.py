"""The price of a call: `PriceList`, genai-prices' data with data/prices.toml on top.

Which prices apply depends only on model, provider, service tier and time, so each is worked out once, kept as a
`RateCard` for as long as it holds, and looked up after that.

Service tiers (I11): `default`, `auto`, `standard`, `scale` and none at all are the standard rates. `flex` and `batch`
are discounts: where no rate of theirs is known, the standard rate stands, which can only be too high. `priority`,
`fast` and any other word may cost more: where no rate of theirs is known, the call is unpriced, because the standard
rate would be too low, and what is unknown must show (I9).
"""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime
from functools import cached_property
from pathlib import Path
from typing import Self

from bot.usage.data_files import data_file
from bot.usage.pricing.price_catalogue import Catalogue, Listing
from bot.usage.pricing.price_file import PriceEntry, PriceFile
from bot.usage.pricing.price_names import fine_tuned_base, normal, snapshot_family, spellings
from bot.usage.pricing.price_rates import BEGINNING, END, RateCard
from bot.usage.pricing.price_units import RateTable
from bot.usage.records import Kind, Price, Usage

STANDARD_TIERS = frozenset({"", "auto", "default", "on_demand", "scale", "standard", "standard_only"})
"""Service tiers billed at standard rates: OpenAI's default, auto and (prepaid) scale, Groq's and Anthropic's words."""
DISCOUNT_TIERS = frozenset({"batch", "flex"})
"""Service tiers that never cost more than standard."""
_MEMO_LIMIT = 2048
"""Names remembered at most, known or not: names come from callers, and memory is bounded (I24)."""
_CARDS_PER_NAME = 16
"""Stretches of time remembered for each name; a model with peak hours has several a day."""


class PriceList:
    """Prices any usage, exactly and without a network. Wrong names, times and tiers never raise: they are unpriced."""

    def __init__(self, file: PriceFile, catalogue: Catalogue | None = None) -> None:
        self._file = file
        self._catalogue = catalogue or Catalogue()
        self._memo: dict[tuple[str, str | None, str | None], list[RateCard]] = {}

    @classmethod
    def load(cls, path: Path | None = None) -> Self:
        """Read data/prices.toml, or the file given. Raises `DataFileError`, naming file, entry and problem."""
        return cls(PriceFile.load(path or data_file("prices.toml")))

    def price(
        self,
        usage: Usage,
        model: str,
        *,
        at: datetime,
        provider: str | None = None,
        service_tier: str | None = None,
        kind: Kind = Kind.LLM,
    ) -> Price:
        """What `usage` of `model` cost `at` that time, in nano-USD, rounded half-even once; None if unknown (I8, I9).

        Naive times are UTC. `kind` says what the tokens paid for: an image or a speech call that reports tokens is
        paid by them; anywhere else images, seconds and characters need rates of their own, or the call is unpriced.
        Payments' fees aren't here: they depend on the amount, not on a model.
        """
        try:
            card = self._memo[model, provider, service_tier][0]
            if not card.since <= at < card.until:
                card = self._card(model, provider, service_tier, at)
        except (LookupError, TypeError):  # A name not yet met, or a naive time.
            card = self._card(model, provider, service_tier, at)
        return card.price(usage, kind)

    def worst_case(
        self,
        model: str,
        *,
        input_tokens: int,
        output_tokens: int,
        at: datetime,
        provider: str | None = None,
        service_tier: str | None = None,
        audio: bool = False,
        image: bool = False,
    ) -> Price:
        """The dearest way a call of that many tokens can be billed; text only, unless `audio` or `image` says else."""
        card = self._card(model, provider, service_tier, at)
        return card.worst_case(input_tokens, output_tokens, audio=audio, image=image)

    def max_output_tokens(self, model: str) -> int | None:
        """The most tokens the model can answer with, for calls without a cap; None if unknown."""
        limits = self._file.max_output_tokens
        for name, where in self._names(model, None):  # whoever serves it
            if name in limits:
                return limits[name]
            listing = self._catalogue.find(name, where)
            if listing is not None and listing.info.id.lower() in limits:
                return limits[listing.info.id.lower()]
        base = fine_tuned_base(normal(model).rpartition("/")[2])
        return self.max_output_tokens(base) if base else None

    def context_window(self, model: str, provider: str | None = None) -> int | None:
        """The most input tokens the model takes, as genai-prices has it; None if unknown."""
        found = (self._catalogue.find(name, where) for name, where in self._names(model, provider))
        return next((listing.info.context_window for listing in found if listing is not None), None)

    @cached_property
    def as_of(self) -> date | None:
        """The newest day on which either source says that its prices were checked."""
        return max((day for day in (self._catalogue.as_of, self._file.as_of) if day), default=None)

    def described(self) -> str:
        """Both sources with their dates, for the console and the owner."""
        theirs, ours = (day or "undated" for day in (self._catalogue.as_of, self._file.as_of))
        return f"{self._catalogue.source} ({theirs}); {self._file.label} ({ours})"

    def _card(self, model: str, provider: str | None, service_tier: str | None, at: datetime) -> RateCard:
        at = _utc(at)
        if len(self._memo) >= _MEMO_LIMIT:
            self._memo.clear()
        cards = self._memo.setdefault((model, provider, service_tier), [])
        card = next((card for card in cards if card.since <= at < card.until), None)
        if card is None:
            card = self._work_out(model, provider, normal(service_tier or ""), at)
            del cards[_CARDS_PER_NAME - 1 :]
            cards.insert(0, card)
        elif card is not cards[0]:
            cards.remove(card)
            cards.insert(0, card)  # The last one used is looked at first.
        return card

    def _work_out(self, model: str, provider: str | None, tier: str, at: datetime) -> RateCard:
        special = None if tier in STANDARD_TIERS else tier
        points = [BEGINNING, END]
        for name, where in self._names(model, provider):
            entries = self._file.entries_for(name, where)
            listing = self._catalogue.find(name, where)
            points += [point for entry in entries for point in (entry.since, entry.until) if point is not None]
            points += listing.turning_points(at) if listing is not None else ()
            table = self._table(entries, listing, special, at)
            if table is not None:
                break
        else:
            table = None
        since = max(point for point in points if point <= at)
        until = min((point for point in points if point > at), default=END)
        return RateCard(table, since, until, self._file.label, self._catalogue.source)

    def _table(
        self, entries: list[PriceEntry], listing: Listing | None, tier: str | None, at: datetime
    ) -> RateTable | None:
        """The rates of one name, or None where there are none, or none that this tier may be billed at."""
        active = [entry for entry in entries if entry.active(at) and entry.service_tier in (None, tier)]
        if listing is None and not active:
            return None
        table, tier_known = listing.table(at, tier) if listing is not None else (RateTable(), False)
        tier_known = tier_known or any(entry.service_tier is not None for entry in active)
        for entry in active:
            table = _merge(table, entry.table, fill=tier_known and entry.service_tier is None)
        if tier is not None and not tier_known and tier not in DISCOUNT_TIERS and not table.free:
            return None
        return self._with_fees(table, listing)

    def _with_fees(self, table: RateTable, listing: Listing | None) -> RateTable:
        fees = self._file.fees.get(listing.provider) if listing is not None else None
        if not fees or "input" not in table.rates:
            return table
        return _merge(table, RateTable(fees, ours=frozenset(fees)), fill=True)

    def _names(self, model: str, provider: str | None) -> Iterator[tuple[str, str | None]]:
        """Every name to look up, in order: as spelt, its alias, its snapshot's family; each with its provider."""
        for name, where in spellings(model, provider):
            base = fine_tuned_base(name)
            for spelling in (name, f"ft:{base}") if base else (name,):
                family = snapshot_family(spelling)
                for candidate in (spelling, family):
                    if candidate is not None:
                        yield candidate, where
                        if candidate in self._file.aliases:
                            yield self._file.aliases[candidate], where
            if where is not None and "/" not in name:
                yield f"{where}/{name}", where


def _merge(table: RateTable, ours: RateTable, *, fill: bool) -> RateTable:
    """`table` with our rates over it; with `fill`, only where it has none."""
    if ours.free:
        return table if fill else ours
    added = {unit: steps for unit, steps in ours.rates.items() if not (fill and unit in table.rates)}
    return replace(
        table,
        rates={**table.rates, **added},
        images={**table.images, **ours.images},
        default_image=ours.default_image if ours.images else table.default_image,
        instead=table.instead | (ours.instead & added.keys()),
        ours=table.ours | added.keys() | (ours.ours & {"images"}),
        free=False,
    )


def _utc(at: datetime) -> datetime:
    if at.tzinfo is None:
        return at.replace(tzinfo=UTC)
    try:
        return at.astimezone(UTC)
    except OverflowError:  # A time zone's hours off either end of the calendar.
        return BEGINNING if at.year == 1 else END
