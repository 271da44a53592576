"""A budget as callers give it, in whatever types, made a `Budget` or refused with words."""

from collections.abc import Sequence
from decimal import Decimal, InvalidOperation
from enum import StrEnum
from typing import TypeVar

from bot.usage.budgets import BOT, FULL, Budget, Mode, Owner, Scope, Unit, Unknown
from bot.usage.calendars import Period
from bot.usage.errors import InvalidBudgetError
from bot.usage.records import NANO_USD_PER_USD

Choice = TypeVar("Choice", bound=StrEnum)

LARGEST_LIMIT = 10**15
"""A million dollars, or 10^15 tokens: sums must fit 64 bits."""
LARGEST_THRESHOLD = 1000
_UNNAMED = frozenset({Scope.BOT, Scope.EACH_USER, Scope.DIRECT_MESSAGES})
_WHOLE_BOT = frozenset({Scope.BOT, Scope.DIRECT_MESSAGES})


def budget_from(
    scope: Scope | str,
    scope_id: object,
    guild_id: int,
    period: Period | str,
    limit_usd: Decimal | str | float | None,
    limit_tokens: int | None,
    mode: Mode | str,
    owner: Owner | str,
    thresholds: Sequence[int],
    cheaper_at: int,
    unknown: Unknown | str,
) -> Budget:
    """The budget, without an id. Raises `InvalidBudgetError`, naming the field."""
    unit = Unit.USD if limit_usd is not None else Unit.TOKENS
    if (limit_usd is None) == (limit_tokens is None):
        raise InvalidBudgetError("limit", "give either limit_usd or limit_tokens")
    if not all(isinstance(t, int) and 1 <= t <= LARGEST_THRESHOLD for t in thresholds):
        raise InvalidBudgetError("thresholds", f"must be percentages from 1 to {LARGEST_THRESHOLD}")
    if not 1 <= cheaper_at < FULL:
        raise InvalidBudgetError("cheaper_at", "must be a percentage from 1 to 99")
    scope = _one_of(Scope, "scope", scope)
    return Budget(
        id="",
        guild_id=guild_id,
        scope=scope,
        scope_id=_checked_id(scope, scope_id, guild_id),
        period=_one_of(Period, "period", period),
        unit=unit,
        limit=_nano(limit_usd) if limit_usd is not None else _tokens(limit_tokens),
        mode=_one_of(Mode, "mode", mode),
        owner=_one_of(Owner, "owner", owner),
        thresholds=tuple(sorted(set(thresholds))),
        cheaper_at=cheaper_at,
        unknown=_one_of(Unknown, "unknown", unknown),
    )


def _checked_id(scope: Scope, scope_id: object, guild_id: int) -> str:
    text = str(scope_id) if scope_id not in (None, "") else ""
    if scope in _WHOLE_BOT and guild_id != BOT:
        raise InvalidBudgetError("scope", f"{scope.value} is for the whole bot, so guild_id must be 0")
    if scope is Scope.GUILD and guild_id != BOT and text not in ("", str(guild_id)):
        raise InvalidBudgetError("scope_id", "a server's budget is its own: scope_id must be guild_id")
    if scope is Scope.GUILD:
        return text or str(guild_id)
    if scope in _UNNAMED:
        return ""
    if not text:
        raise InvalidBudgetError("scope_id", f"name the {scope.value} that the budget is for")
    if scope in (Scope.ROLE, Scope.EACH_IN_ROLE, Scope.CHANNEL) and not text.isdecimal():
        raise InvalidBudgetError("scope_id", f"must be the {scope.value}'s id, a number")
    return text


def _nano(limit_usd: Decimal | str | float) -> int:
    try:
        amount = Decimal(str(limit_usd)) * NANO_USD_PER_USD
    except InvalidOperation:
        amount = Decimal("NaN")
    if not amount.is_finite() or not 0 <= amount <= LARGEST_LIMIT:
        raise InvalidBudgetError("limit_usd", f"must be an amount from 0 to {LARGEST_LIMIT // NANO_USD_PER_USD} USD")
    return int(amount)


def _tokens(limit: int | None) -> int:
    if not isinstance(limit, int) or isinstance(limit, bool) or not 0 <= limit <= LARGEST_LIMIT:
        raise InvalidBudgetError("limit_tokens", f"must be a whole number from 0 to {LARGEST_LIMIT}")
    return limit


def _one_of(kind: type[Choice], field: str, value: str) -> Choice:
    try:
        return kind(value)
    except ValueError:
        names = ", ".join(member.value for member in kind)
        raise InvalidBudgetError(field, f"must be one of {names}, not {str(value)[:40]!r}") from None
