"""A budget's limit as people type and read it: `$5`, `0.05`, `200k tokens`. Pure text in, exact integers out."""

import re
from dataclasses import dataclass
from decimal import Decimal

from bot.usage.budget_input import LARGEST_LIMIT, LARGEST_THRESHOLD, MOST_THRESHOLDS
from bot.usage.budgets import Unit
from bot.usage.money import format_cost, usd_text
from bot.usage.records import NANO_USD_PER_USD

LARGEST_USD = LARGEST_LIMIT // NANO_USD_PER_USD
LARGEST_TOKENS = LARGEST_LIMIT
UNDERSTOOD = "I understand amounts like `$5`, `0.05`, `1,000 usd`, `200k tokens` or `1.5M tokens`."

_MAX_LENGTH = 60
_TYPED = re.compile(
    r"(?P<before>\$|us\$|usd)?\s*"
    r"(?P<number>(?:[0-9]{1,3}(?:,[0-9]{3})+|[0-9]+)(?:\.[0-9]+)?|\.[0-9]+)\s*"
    r"(?P<times>[kmb])?\s*"
    r"(?P<after>\$|us\$|usd|dollars?|tok(?:en)?s?)?",
    re.IGNORECASE,
)
_PERCENTAGE = re.compile(r"[0-9]{1,4}")
_TIMES = {"k": 10**3, "m": 10**6, "b": 10**9}


class LimitNotUnderstoodError(ValueError):
    """What somebody typed is no limit; the message says what is wrong with it and what is understood."""


@dataclass(frozen=True, slots=True)
class Limit:
    """An amount in its unit: nano-USD or tokens."""

    unit: Unit
    amount: int


def parse_limit(text: str) -> Limit:
    """The limit that a person typed; a number alone means dollars. Raises `LimitNotUnderstoodError`.

    Only what can't be misread is taken: `1,5` (half a dollar or five of something?) and `200k` (of what?) are asked
    back, and so is any fraction of a token or of a nano-dollar.
    """
    typed = text.strip()
    found = _TYPED.fullmatch(typed) if len(typed) <= _MAX_LENGTH else None
    if found is None:
        raise LimitNotUnderstoodError(f"I can't read that as a limit. {UNDERSTOOD}")
    before, times, after = found["before"], found["times"], (found["after"] or "").lower()
    in_tokens = after.startswith("tok")
    if before and after:
        raise LimitNotUnderstoodError(f"Give the unit once, before or after the number. {UNDERSTOOD}")
    if times and not before and not after:
        raise LimitNotUnderstoodError(f"Is that tokens or dollars? Add the unit. {UNDERSTOOD}")
    number = Decimal(found["number"].replace(",", "")) * _TIMES.get((times or "").lower(), 1)
    return _tokens(number) if in_tokens else _usd(number)


def limit_words(unit: Unit, amount: int) -> str:
    """A limit exactly, so that `parse_limit` gives it back: `$5.00`, `$0.0005`, `200,000 tokens`."""
    if unit is Unit.TOKENS:
        return _tokens_text(amount)
    whole, _, fraction = (usd_text(amount) or "").partition(".")
    return f"${int(whole):,}.{fraction:0<2}"


def amount_words(unit: Unit, amount: int) -> str:
    """What was spent or is left, rounded as money is everywhere: `$4.12`, `$0.00012`, `1,200 tokens`."""
    return _tokens_text(amount) if unit is Unit.TOKENS else format_cost(amount)


def parse_thresholds(text: str) -> tuple[int, ...]:
    """Percentages as a person lists them (`80, 90, 100 %`), lowest first. Raises `LimitNotUnderstoodError`."""
    parts = text.replace("%", " ").replace(",", " ").replace(";", " ").split()
    wanted = sorted({int(part) if _PERCENTAGE.fullmatch(part) else 0 for part in parts})
    if not 1 <= len(wanted) <= MOST_THRESHOLDS or not 1 <= wanted[0] <= wanted[-1] <= LARGEST_THRESHOLD:
        raise LimitNotUnderstoodError(
            f"Give one to {MOST_THRESHOLDS} percentages from 1 to {LARGEST_THRESHOLD}, like `80, 90, 100`."
        )
    return tuple(wanted)


def _usd(number: Decimal) -> Limit:
    if number > LARGEST_USD:
        raise LimitNotUnderstoodError(f"A limit may be at most ${LARGEST_USD:,}.")
    nano = number * NANO_USD_PER_USD
    if nano != int(nano):
        raise LimitNotUnderstoodError("A limit in dollars may have at most nine decimals.")
    return Limit(Unit.USD, int(nano))


def _tokens(number: Decimal) -> Limit:
    if number > LARGEST_TOKENS:
        raise LimitNotUnderstoodError(f"A limit may be at most {LARGEST_TOKENS:,} tokens.")
    if number != int(number):
        raise LimitNotUnderstoodError("Tokens come whole: give a number without a fraction.")
    return Limit(Unit.TOKENS, int(number))


def _tokens_text(amount: int) -> str:
    return f"{amount:,} token{'' if amount == 1 else 's'}"
