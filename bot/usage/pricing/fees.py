"""What payment gateways keep of a payment: data/fees.toml, with the source and date of each."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from functools import lru_cache
from pathlib import Path
from typing import Any

from bot.usage.data_files import data_file
from bot.usage.errors import UsageError

_KEYS = {"percent", "fixed_usd", "source", "as_of"}


class FeeFileError(UsageError):
    """data/fees.toml has a mistake. `path` is the file, `entry` the gateway, `problem` what is wrong."""

    def __init__(self, path: Path, entry: str, problem: str) -> None:
        super().__init__(f"{path}: {entry}: {problem}")
        self.path = path
        self.entry = entry
        self.problem = problem


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
    """Every gateway's fee by its name in small letters. Raises `FeeFileError`."""
    path = path or data_file("fees.toml")
    try:
        raw = tomllib.loads(path.read_text(encoding="utf-8"), parse_float=Decimal)
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, OSError) as error:
        raise FeeFileError(path, "the file", str(error)) from None
    return {name.casefold(): _fee(path, name, entry) for name, entry in raw.items()}


def fee_of(gateway: str) -> Fee:
    """A gateway's fee, by its name in any case. Raises `UnknownGatewayError` and `FeeFileError`."""
    fees = load_fees()
    fee = fees.get(gateway.strip().casefold())
    if fee is None:
        raise UnknownGatewayError(gateway, tuple(sorted(fees)))
    return fee


def _fee(path: Path, name: str, entry: Any) -> Fee:
    if not isinstance(entry, dict):
        raise FeeFileError(path, name, "must be a table: [name]")
    if unknown := sorted(set(entry) - _KEYS):
        raise FeeFileError(path, name, f"unknown key {unknown[0]!r}; known: {', '.join(sorted(_KEYS))}")
    if not isinstance(entry.get("source"), str) or not isinstance(entry.get("as_of"), date):
        raise FeeFileError(path, name, "needs `source`, a text, and `as_of`, a date")
    percent, fixed = entry.get("percent", 0), entry.get("fixed_usd", 0)
    if any(isinstance(value, bool) or not isinstance(value, int | Decimal) or value < 0 for value in (percent, fixed)):
        raise FeeFileError(path, name, "`percent` and `fixed_usd` must be numbers from 0 on")
    return Fee(Decimal(percent), Decimal(fixed), entry["source"], entry["as_of"])
