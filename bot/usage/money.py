"""Nano-USD as words. Exact integers in, text out; nothing here feeds back into a sum."""

from decimal import ROUND_HALF_EVEN, Decimal

from bot.usage.records import NANO_USD_PER_USD

_CONSOLE_UNIT = 10_000
"""Nano-USD in $0.00001, the console's last decimal."""


def usd(nano_usd: int) -> Decimal:
    """Nano-USD as an exact amount of USD."""
    return Decimal(nano_usd).scaleb(-9)


def usd_text(nano_usd: int | None) -> str | None:
    """Exact USD as plain decimal text without an exponent or trailing zeros; None stays None."""
    if nano_usd is None:
        return None
    whole, fraction = divmod(abs(nano_usd), NANO_USD_PER_USD)
    digits = f"{fraction:09d}".rstrip("0")
    return f"{'-' if nano_usd < 0 else ''}{whole}{'.' + digits if digits else ''}"


def format_console_cost(nano_usd: int | None) -> str:
    """`$0.00512`: five decimals; `unknown` without a price; `<$0.00001` above zero and below half a unit."""
    if nano_usd is None:
        return "unknown"
    if 0 < nano_usd * 2 < _CONSOLE_UNIT:
        return "<$0.00001"
    units, rest = divmod(nano_usd, _CONSOLE_UNIT)
    units += rest * 2 > _CONSOLE_UNIT or (rest * 2 == _CONSOLE_UNIT and units % 2)
    return f"${units // 100_000}.{units % 100_000:05d}"


def format_cost(nano_usd: int | None, *, of: int | None = None) -> str:
    """For people: two decimals, or as many more as show two figures, with no zero after the second decimal at the end.

    `$4.12`, `$0.33`, `$0.037`, `$0.04`, `$0.005`, `$0.00012`, `$0.00`; `unknown` without a price. Beside the limit that
    it is `of`, it has as many more as it takes to read as less than that, or as more: `$4.998` of $5.00.
    """
    if nano_usd is None:
        return "unknown"
    amount, most = usd(nano_usd), None if of is None else usd(of)
    places = max(2, min(9, 1 - amount.adjusted()))
    rounded = _rounded(amount, places)
    while most is not None and rounded.compare(most) != amount.compare(most):
        places += 1
        rounded = _rounded(amount, places)
    whole, _point, fraction = f"{rounded:,f}".partition(".")
    return f"${whole}.{fraction.rstrip('0'):0<2}"


def _rounded(amount: Decimal, places: int) -> Decimal:
    return amount.quantize(Decimal(1).scaleb(-places), rounding=ROUND_HALF_EVEN)
