"""A budget as callers give it, in whatever types, made a `Budget` or refused with words."""

from collections.abc import Iterable
from decimal import Decimal, InvalidOperation
from enum import StrEnum
from typing import TypeVar

from bot.usage.budgeting.budgets import BOT, FULL, NUMBERED, Budget, Mode, Owner, Scope, Unit, Unknown
from bot.usage.budgeting.calendars import Period
from bot.usage.context import MAX_ID, storable
from bot.usage.errors import InvalidBudgetError
from bot.usage.records import NANO_USD_PER_USD

Choice = TypeVar("Choice", bound=StrEnum)

LARGEST_LIMIT = 10**15
"""A million dollars, or 10^15 tokens: sums must fit 64 bits."""
LARGEST_THRESHOLD = 1000
MOST_THRESHOLDS = 10
_UNNAMED = frozenset({Scope.BOT, Scope.EACH_USER, Scope.DIRECT_MESSAGES})
_WHOLE_BOT = frozenset({Scope.BOT, Scope.DIRECT_MESSAGES})


def budget_from(
    scope: Scope | str,
    scope_id: object,
    guild_id: object,
    period: Period | str,
    limit_usd: Decimal | str | float | None,
    limit_tokens: int | None,
    mode: Mode | str,
    owner: Owner | str,
    thresholds: Iterable[int],
    cheaper_at: int,
    unknown: Unknown | str,
) -> Budget:
    """The budget, without an id. Raises `InvalidBudgetError`, naming the field."""
    unit = Unit.USD if limit_usd is not None else Unit.TOKENS
    if (limit_usd is None) == (limit_tokens is None):
        raise InvalidBudgetError("limit", "give either limit_usd or limit_tokens")
    if not _is_whole(cheaper_at, 1, FULL - 1):
        raise InvalidBudgetError("cheaper_at", "must be a whole percentage from 1 to 99")
    scope = one_of(Scope, "scope", scope)
    if not isinstance(guild_id, int) or not _is_whole(guild_id, 0, MAX_ID):
        raise InvalidBudgetError("guild_id", "must be the server's id, or 0 for calls wherever they are made")
    return Budget(
        id="",
        guild_id=guild_id,
        scope=scope,
        scope_id=_checked_id(scope, scope_id, guild_id),
        period=one_of(Period, "period", period),
        unit=unit,
        limit=_nano(limit_usd) if limit_usd is not None else _tokens(limit_tokens),
        mode=one_of(Mode, "mode", mode),
        owner=one_of(Owner, "owner", owner),
        thresholds=_checked_thresholds(thresholds),
        cheaper_at=cheaper_at,
        unknown=one_of(Unknown, "unknown", unknown),
    )


def one_of(kind: type[Choice], field: str, value: str) -> Choice:
    """The member that a value names. Raises `InvalidBudgetError`, naming the field and all there are."""
    try:
        return kind(value)
    except ValueError:
        names = ", ".join(member.value for member in kind)
        raise InvalidBudgetError(field, f"must be one of {names}, not {str(value)[:40]!r}") from None


def _checked_id(scope: Scope, scope_id: object, guild_id: int) -> str:
    text = storable(scope_id) if scope_id is not None else ""
    if scope in _WHOLE_BOT and guild_id != BOT:
        raise InvalidBudgetError("scope", f"{scope.value} is for the whole bot, so guild_id must be 0")
    if scope is Scope.GUILD and guild_id != BOT and text not in ("", str(guild_id)):
        raise InvalidBudgetError("scope_id", "a server's budget is its own: scope_id must be guild_id")
    if scope in _UNNAMED and text:
        raise InvalidBudgetError("scope_id", f"a budget of scope {scope.value} is nobody's in particular: leave it out")
    if scope in _UNNAMED:
        return ""
    if scope is Scope.GUILD and guild_id != BOT:
        return str(guild_id)
    if not text:
        raise InvalidBudgetError("scope_id", f"name the {scope.value} that the budget is for")
    if scope not in NUMBERED:
        return text
    if not (text.isascii() and text.isdecimal() and int(text) <= MAX_ID):
        raise InvalidBudgetError("scope_id", f"must be the {NUMBERED[scope]}'s id, a number")
    return str(int(text))


def _checked_thresholds(thresholds: Iterable[int]) -> tuple[int, ...]:
    given = tuple(thresholds) if isinstance(thresholds, Iterable) else (None,)
    if len(given) > MOST_THRESHOLDS or not all(_is_whole(threshold, 1, LARGEST_THRESHOLD) for threshold in given):
        raise InvalidBudgetError(
            "thresholds", f"must be at most {MOST_THRESHOLDS} whole percentages from 1 to {LARGEST_THRESHOLD}"
        )
    return tuple(sorted(set(given)))


def _nano(limit_usd: Decimal | str | float) -> int:
    try:
        amount = Decimal(str(limit_usd).replace("_", "?")) * NANO_USD_PER_USD
    except InvalidOperation:
        amount = Decimal("NaN")
    if not amount.is_finite() or not 0 <= amount <= LARGEST_LIMIT or amount != int(amount):
        most = LARGEST_LIMIT // NANO_USD_PER_USD
        raise InvalidBudgetError("limit_usd", f"must be an amount from 0 to {most} USD, with nine decimals at most")
    return int(amount)


def _tokens(limit: int | None) -> int:
    if limit is None or not _is_whole(limit, 0, LARGEST_LIMIT):
        raise InvalidBudgetError("limit_tokens", f"must be a whole number from 0 to {LARGEST_LIMIT}")
    return limit


def _is_whole(value: object, least: int, most: int) -> bool:
    return type(value) is int and least <= value <= most
