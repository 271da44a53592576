"""A budget's limit as people type and read it: `$5`, `0.05`, `200k tokens`. Pure text in, exact integers out."""

import re
from dataclasses import dataclass
from decimal import Decimal

from bot.usage.budgeting.budget_input import LARGEST_LIMIT, LARGEST_THRESHOLD, MOST_THRESHOLDS
from bot.usage.budgeting.budgets import Unit
from bot.usage.money import usd_text
from bot.usage.records import NANO_USD_PER_USD

LARGEST_USD = LARGEST_LIMIT // NANO_USD_PER_USD
LARGEST_TOKENS = LARGEST_LIMIT


def mark(message: str) -> str:
    """Mark a message for the catalogs, as `bot.translation` does, which the books don't know."""
    return message


UNDERSTOOD = mark("I understand amounts like `$5`, `0.05`, `1,000 usd`, `200k tokens` or `1.5M tokens`.")
_WHOLE = mark("Tokens come whole: give a number without a fraction.")

_MAX_LENGTH = 60
_TYPED = re.compile(
    r"(?P<before>\$|us\$|usd)?\s*"
    r"(?P<number>(?:[1-9][0-9]{0,2}(?:,[0-9]{3})+|[0-9]+)(?:\.[0-9]+)?|\.[0-9]+|0,[0-9]+)\s*"
    r"(?P<times>[kmb])?\s*"
    r"(?P<after>\$|us\$|usd|dollars?|tok(?:en)?s?)?",
    re.IGNORECASE,
)
_PERCENTAGE = re.compile(r"[0-9]{1,4}")
_TIMES = {"k": 10**3, "m": 10**6, "b": 10**9}


class LimitNotUnderstoodError(ValueError):
    """What somebody typed is no limit; the `sentences` say what is wrong with it and what is understood.

    They are English, with braces for the `bounds`: whoever shows them says them in the person's language.
    """

    def __init__(self, *sentences: str, **bounds: str) -> None:
        super().__init__(" ".join(sentences).format(**bounds))
        self.sentences = sentences
        self.bounds = bounds


@dataclass(frozen=True, slots=True)
class Limit:
    """An amount in its unit: nano-USD or tokens."""

    unit: Unit
    amount: int


def parse_limit(text: str) -> Limit:
    """The limit that a person typed; a number alone means dollars. Raises `LimitNotUnderstoodError`.

    Only what can't be misread is taken: `1,5` (half a dollar or five of something?) and `200k` (of what?) are asked
    back, and so is any fraction of a token or of a nano-dollar. No thousands begin with 0, so `0,40` is forty cents.
    """
    typed = text.strip()
    found = _TYPED.fullmatch(typed) if len(typed) <= _MAX_LENGTH else None
    if found is None:
        raise LimitNotUnderstoodError(mark("I can't read that as a limit."), UNDERSTOOD)
    before, times, after = found["before"], found["times"], (found["after"] or "").lower()
    in_tokens = after.startswith("tok")
    if before and after:
        raise LimitNotUnderstoodError(mark("Give the unit once, before or after the number."), UNDERSTOOD)
    if times and not before and not after:
        raise LimitNotUnderstoodError(mark("Is that tokens or dollars? Add the unit."), UNDERSTOOD)
    if in_tokens and not times and "." in found["number"]:  # `200.000 tokens` are two hundred thousand to many
        raise LimitNotUnderstoodError(_WHOLE)
    written = found["number"]
    plain = written.replace(",", "." if written.startswith("0,") else "")
    number = Decimal(plain) * _TIMES.get((times or "").lower(), 1)
    return _tokens(number) if in_tokens else _usd(number)


def limit_words(unit: Unit, amount: int) -> str:
    """A limit exactly, so that `parse_limit` gives it back: `$5.00`, `$0.0125`, `$0.0005`, `200,000 tokens`.

    Of two figures, as nearly all are, it reads as `format_cost` writes what was spent beside it.
    """
    if unit is Unit.TOKENS:
        return _tokens_text(amount)
    whole, _, fraction = (usd_text(amount) or "").partition(".")
    return f"${int(whole):,}.{fraction:0<2}"


def parse_thresholds(text: str) -> tuple[int, ...]:
    """Percentages as a person lists them (`80, 90, 100 %`), lowest first. Raises `LimitNotUnderstoodError`."""
    parts = text.replace("%", " ").replace(",", " ").replace(";", " ").split()
    wanted = sorted({int(part) if _PERCENTAGE.fullmatch(part) else 0 for part in parts})
    if not 1 <= len(wanted) <= MOST_THRESHOLDS or not 1 <= wanted[0] <= wanted[-1] <= LARGEST_THRESHOLD:
        raise LimitNotUnderstoodError(
            mark("Give one to {many} percentages from 1 to {most}, like `80, 90, 100`."),
            many=str(MOST_THRESHOLDS),
            most=str(LARGEST_THRESHOLD),
        )
    return tuple(wanted)


def _usd(number: Decimal) -> Limit:
    if number > LARGEST_USD:
        raise LimitNotUnderstoodError(mark("A limit may be at most ${most}."), most=f"{LARGEST_USD:,}")
    nano = number * NANO_USD_PER_USD
    if nano != int(nano):
        raise LimitNotUnderstoodError(mark("A limit in dollars may have at most nine decimals."))
    return Limit(Unit.USD, int(nano))


def _tokens(number: Decimal) -> Limit:
    if number > LARGEST_TOKENS:
        raise LimitNotUnderstoodError(mark("A limit may be at most {most} tokens."), most=f"{LARGEST_TOKENS:,}")
    if number != int(number):
        raise LimitNotUnderstoodError(_WHOLE)
    return Limit(Unit.TOKENS, int(number))


def _tokens_text(amount: int) -> str:
    return f"{amount:,} token{'' if amount == 1 else 's'}"
