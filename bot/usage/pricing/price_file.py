"""data/prices.toml: the prices that genai-prices lacks, that an operator negotiated, or that are 0 at home."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any, Self

from bot.usage.data_files import read_toml
from bot.usage.errors import DataFileError
from bot.usage.pricing.price_names import normal
from bot.usage.pricing.price_units import RateTable, Steps

_NANO = 10**9
_PER_MILLION = Fraction(_NANO, 10**6)
_RATES: Mapping[str, tuple[str, Fraction]] = {
    "input": ("input", _PER_MILLION),
    "cached_input": ("cached", _PER_MILLION),
    "cache_write": ("write", _PER_MILLION),
    "output": ("output", _PER_MILLION),
    "reasoning": ("reasoning", _PER_MILLION),
    "input_audio": ("input_audio", _PER_MILLION),
    "output_audio": ("output_audio", _PER_MILLION),
    "cached_input_audio": ("cached_audio", _PER_MILLION),
    "input_image": ("input_image", _PER_MILLION),
    "output_image": ("output_image", _PER_MILLION),
    "cached_input_image": ("cached_image", _PER_MILLION),
    "characters": ("characters", _PER_MILLION),
    "audio_minute": ("seconds", Fraction(_NANO, 60)),
    "web_search": ("web_search", Fraction(_NANO, 1000)),
    "file_search": ("file_search", Fraction(_NANO, 1000)),
    "call": ("request", Fraction(_NANO)),
}
"""Keys of the file, the unit each prices, and nano-USD a unit for 1 in the file."""
_OTHER_KEYS = frozenset(
    {"names", "providers", "service_tier", "from", "until", "free", "image", "default_image", "long_context"}
    | {"source", "as_of"}
)


@dataclass(frozen=True, slots=True)
class PriceEntry:
    """One `[[model]]` of the file: its rates, for whom they hold, and from when until when (UTC, end excluded)."""

    names: frozenset[str]
    providers: frozenset[str]
    service_tier: str | None
    since: datetime | None
    until: datetime | None
    table: RateTable

    def matches(self, name: str, provider: str | None) -> bool:
        """Whether the entry prices that name there. A name in the file may end in `/*` or `:*`, and only so."""
        if self.providers and provider is not None and provider not in self.providers:
            return False
        return name in self.names or any(f"{name[:end]}*" in self.names for end in _joints(name))

    def active(self, at: datetime) -> bool:
        """Whether the entry holds at that time."""
        return (self.since is None or self.since <= at) and (self.until is None or at < self.until)


@dataclass(frozen=True, slots=True)
class PriceFile:
    """The file, read and checked. `label` is what a price's source shows."""

    label: str = "data/prices.toml"
    as_of: date | None = None
    entries: tuple[PriceEntry, ...] = ()
    aliases: Mapping[str, str] = field(default_factory=dict)
    fees: Mapping[str, Mapping[str, Steps]] = field(default_factory=dict)
    max_output_tokens: Mapping[str, int] = field(default_factory=dict)

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read the file. Raises `DataFileError` for a missing file, wrong TOML, or an entry that can't be right."""
        return cls._from(read_toml(path), _Reader(path))

    @classmethod
    def _from(cls, raw: Mapping[str, Any], reader: "_Reader") -> Self:
        reader.only(raw, {"as_of", "model", "aliases", "fees", "max_output_tokens"}, "file")
        reader.require(isinstance(raw.get("model", []), list), "model", "write entries as [[model]]")
        fees = {
            normal(provider): reader.rates(fee, f"fees.{provider}")
            for provider, fee in reader.table(raw, "fees").items()
        }
        limits = reader.table(raw, "max_output_tokens")
        for name, limit in limits.items():
            reader.require(type(limit) is int and limit > 0, f"max_output_tokens.{name}", "must be a whole number")
        aliases = reader.table(raw, "aliases")
        for name, target in aliases.items():
            reader.require(isinstance(target, str), f"aliases.{name}", "must be the name of a model")
        return cls(
            label="/".join(reader.path.parts[-2:]),
            as_of=reader.day(raw, "as_of", "file"),
            entries=tuple(reader.entry(entry, number) for number, entry in enumerate(raw.get("model", []), 1)),
            aliases={normal(name): normal(target) for name, target in aliases.items()},
            fees=fees,
            max_output_tokens={normal(name): limit for name, limit in limits.items()},
        )

    def entries_for(self, name: str, provider: str | None) -> list[PriceEntry]:
        """The entries that price that name there, whatever their time and tier, in the order of the file."""
        return [entry for entry in self.entries if entry.matches(name, provider)]


class _Reader:
    """Checks and converts one file; every complaint names the file and the entry."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def require(self, right: bool, where: str, problem: str) -> None:
        if not right:
            raise DataFileError(self.path, where, problem)

    def only(self, raw: Mapping[str, Any], known: Iterable[str], where: str) -> None:
        for key in raw:
            self.require(key in known, where, f"unknown key {key!r}; known: {', '.join(sorted(known))}")

    def table(self, raw: Mapping[str, Any], key: str) -> Mapping[str, Any]:
        value = raw.get(key, {})
        self.require(isinstance(value, dict), key, "must be a table")
        return value if isinstance(value, dict) else {}

    def entry(self, raw: Any, number: int) -> PriceEntry:
        self.require(isinstance(raw, dict), f"model {number}", "must be a table")
        names = self.words(raw, "names", f"model {number}")
        self.require(bool(names), f"model {number}", 'needs names = ["…"]')
        where = f"model {number} ({names[0]})"
        self.only(raw, [*_RATES, *_OTHER_KEYS], where)
        for name in names:
            self.require(
                "*" not in name or (name.index("*") == len(name) - 1 and name[-2:-1] in ("/", ":")),
                where,
                f"name {name!r}: a * may stand only at the end, right after / or :",
            )
        tier = raw.get("service_tier")
        self.require(tier is None or isinstance(tier, str), where, "service_tier must be a word")
        since, until = self.moment(raw, "from", where), self.moment(raw, "until", where)
        self.require(since is None or until is None or since < until, where, "from must be before until")
        self.require(isinstance(raw.get("source"), str), where, "needs a source: where the price comes from")
        self.require(self.day(raw, "as_of", where) is not None, where, "needs as_of: the day the price was checked")
        providers = self.words(raw, "providers", where)
        return PriceEntry(
            frozenset(names),
            frozenset(providers),
            normal(tier) if tier else None,
            since,
            until,
            self.rate_table(raw, where),
        )

    def rate_table(self, raw: Mapping[str, Any], where: str) -> RateTable:
        self.require(isinstance(raw.get("free", False), bool), where, "free must be true or false")
        image = self.table(raw, "image")
        images = {
            _image_key(key): self.amount(value, f"{where}, image {key!r}") * _NANO for key, value in image.items()
        }
        rates = self.rates({key: value for key, value in raw.items() if key not in _OTHER_KEYS}, where)
        rates = self.with_long_context(rates, self.table(raw, "long_context"), where)
        free = bool(raw.get("free"))
        self.require(
            free or bool(rates) or bool(images), where, "names no price; for one that costs nothing: free = true"
        )
        self.require(not (free and (rates or images)), where, "is free and has prices: choose one")
        default = raw.get("default_image", "")
        self.require(isinstance(default, str), where, "default_image must be a size and a quality")
        units = frozenset(rates) | ({"images"} if images else frozenset())
        return RateTable(
            rates,
            images,
            _image_key(default),
            units & {"seconds", "characters"},
            units | ({"free"} if free else set()),
            free,
        )

    def rates(self, raw: Any, where: str) -> dict[str, Steps]:
        self.require(isinstance(raw, dict), where, "must be a table")
        self.only(raw, [*_RATES, "source", "as_of"], where)
        return {
            _RATES[key][0]: ((-1, self.amount(value, f"{where}, {key}") * _RATES[key][1]),)
            for key, value in raw.items()
            if key in _RATES
        }

    def with_long_context(self, rates: dict[str, Steps], raw: Mapping[str, Any], where: str) -> dict[str, Steps]:
        if not raw:
            return rates
        above = raw.get("above")
        self.require(type(above) is int and above > 0, where, "long_context needs above = a number of input tokens")
        more = self.rates({key: value for key, value in raw.items() if key != "above"}, f"{where}, long_context")
        for unit in more:
            self.require(unit in rates, where, f"long_context prices {unit}, which has no base price beside it")
        return {
            unit: (*steps, (int(above or 0), more[unit][0][1])) if unit in more else steps
            for unit, steps in rates.items()
        }

    def amount(self, value: Any, where: str) -> Fraction:
        number = Decimal(value) if type(value) in (int, Decimal) else Decimal(-1)
        self.require(number.is_finite() and number >= 0, where, f"must be an amount in USD from 0 on, not {value!r}")
        return Fraction(number)

    def words(self, raw: Mapping[str, Any], key: str, where: str) -> list[str]:
        value = raw.get(key, [])
        right = isinstance(value, list) and all(isinstance(word, str) and word.strip() for word in value)
        self.require(right, where, f"{key} must be a list of words")
        return [normal(word) for word in value]

    def day(self, raw: Mapping[str, Any], key: str, where: str) -> date | None:
        value = raw.get(key)
        self.require(value is None or type(value) is date, where, f"{key} must be a day, as in {key} = 2026-11-23")
        return value if type(value) is date else None

    def moment(self, raw: Mapping[str, Any], key: str, where: str) -> datetime | None:
        value = raw.get(key)
        if value is None:
            return None
        if isinstance(value, datetime):
            return value.astimezone(UTC) if value.tzinfo else value.replace(tzinfo=UTC)
        self.require(isinstance(value, date), where, f"{key} must be a day or a time")
        return datetime.combine(value, time(), tzinfo=UTC)


def _joints(name: str) -> Iterable[int]:
    return (place + 1 for place, sign in enumerate(name) if sign in "/:")


def _image_key(words: str) -> tuple[str, str]:
    size, _, quality = normal(words).partition(" ")
    return size, quality.strip()
