"""What payment gateways keep of a payment: data/fees.toml, with the source and date of each."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from functools import lru_cache
from pathlib import Path
from typing import Any

from bot.usage.data_files import data_file, read_toml
from bot.usage.errors import DataFileError, UsageError

_KEYS = {"percent", "fixed_usd", "source", "as_of"}


class UnknownGatewayError(UsageError, ValueError):
    """There is no such gateway. `gateway` is its name, `known` those there are."""

    def __init__(self, gateway: str, known: tuple[str, ...]) -> None:
        super().__init__(f"no fee is known for gateway {gateway!r}; known: {', '.join(known)}")
        self.gateway = gateway
        self.known = known


@dataclass(frozen=True, slots=True)
class Fee:
    """A gateway's fee: percent of the amount, and USD for each payment."""

    percent: Decimal
    fixed_usd: Decimal
    source: str
    as_of: date

    def of(self, amount_usd: Decimal) -> Decimal:
        """What is kept of a payment of so many USD, exactly: no gateway's own rounding is imitated."""
        return amount_usd * self.percent / 100 + self.fixed_usd


@lru_cache(maxsize=4)
def load_fees(path: Path | None = None) -> Mapping[str, Fee]:
    """Every gateway's fee by its name in small letters. Raises `DataFileError`."""
    path = path or data_file("fees.toml")
    return {name.casefold(): _fee(path, name, entry) for name, entry in read_toml(path).items()}


def fee_of(gateway: str) -> Fee:
    """A gateway's fee, by its name in any case. Raises `UnknownGatewayError` and `DataFileError`."""
    fees = load_fees()
    fee = fees.get(gateway.strip().casefold())
    if fee is None:
        raise UnknownGatewayError(gateway, tuple(sorted(fees)))
    return fee


def _fee(path: Path, name: str, entry: Any) -> Fee:
    if not isinstance(entry, dict):
        raise DataFileError(path, name, "must be a table: [name]")
    if unknown := sorted(set(entry) - _KEYS):
        raise DataFileError(path, name, f"unknown key {unknown[0]!r}; known: {', '.join(sorted(_KEYS))}")
    if not isinstance(entry.get("source"), str) or not isinstance(entry.get("as_of"), date):
        raise DataFileError(path, name, "needs `source`, a text, and `as_of`, a date")
    percent, fixed = entry.get("percent", 0), entry.get("fixed_usd", 0)
    if not all(_is_amount(value) for value in (percent, fixed)):
        raise DataFileError(path, name, "`percent` and `fixed_usd` must be numbers from 0 on")
    return Fee(Decimal(percent), Decimal(fixed), entry["source"], entry["as_of"])


def _is_amount(value: Any) -> bool:
    return type(value) in (int, Decimal) and Decimal(value).is_finite() and value >= 0
