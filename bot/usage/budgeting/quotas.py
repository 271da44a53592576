"""Quotas: how many tokens a person may use in a month, by tier. Pure rules; counters, grants and times are given.

A month is a calendar month in UTC, and tokens are input and output, over all servers together. What calls in flight may
still use at worst is reserved and counts as used until they end.
"""

import logging
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Any, Self

from bot.usage.data_files import data_file, read_toml
from bot.usage.errors import DataFileError, QuotaResult

log = logging.getLogger(__name__)

EXEMPT = "exempt"
"""In place of a tier's name: no quota applies."""
WARNING_FROM = 75
CRITICAL_FROM = 90
FULL = 100
UNLIMITED = "unlimited"
LARGEST_QUOTA = 10**15
_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,31}")
_MONTHS = (
    "January", "February", "March", "April", "May", "June",
    "July", "August", "September", "October", "November", "December",
)  # fmt: skip


class SubscriptionTier(StrEnum):
    """The tiers that are always there; data/tiers.toml may have more."""

    FREE = "free"
    PREMIUM = "premium"


class QuotaStatus(StrEnum):
    """How much of a quota is used, in a word: `warning` from 75 %, `critical` from 90 %, `exceeded` at 100 %."""

    OK = "ok"
    WARNING = "warning"
    CRITICAL = "critical"
    EXCEEDED = "exceeded"


@dataclass(frozen=True, slots=True)
class Tier:
    """What a person may use: tokens a month (None: no limit), and whether premium operations are open to them."""

    name: str
    monthly_tokens: int | None
    premium: bool = False


class Tiers:
    """The tiers there are, by name."""

    def __init__(self, tiers: Iterable[Tier]) -> None:
        self._tiers = {tier.name: tier for tier in tiers}
        self.free = self._tiers[SubscriptionTier.FREE]
        self._said: set[str] = set()

    @classmethod
    def load(cls, path: Path | None = None) -> Self:
        """Read data/tiers.toml, or the file given. Raises `DataFileError`, naming file, entry and problem."""
        path = path or data_file("tiers.toml")
        raw = read_toml(path)
        for name in SubscriptionTier:
            if name not in raw:
                raise DataFileError(path, "file", f"needs a tier [{name}]")
        return cls(_tier(path, name, entry) for name, entry in raw.items())

    @property
    def names(self) -> tuple[str, ...]:
        """Every tier's name, in the order of the file."""
        return tuple(self._tiers)

    def get(self, name: str) -> Tier:
        """The tier of that name; the free one, and once a word in the log, where the file has no such tier any more."""
        found = self._tiers.get(name)
        if found is not None:
            return found
        if name not in self._said and len(self._said) < 100:  # bounded (I24)
            self._said.add(name)
            log.warning("there is no tier %r in the file of tiers: treated as free", name)
        return self.free


def tier_of(
    tiers: Tiers,
    granted: Iterable[str],
    guild_tier: str | None,
    by_subject: Mapping[str, str],
    user_id: str,
    role_ids: Iterable[int],
) -> Tier | None:
    """The best tier that a person has here; None for one who is exempt from quotas.

    `granted` are the person's own, `guild_tier` the server's subscription, `by_subject` the server's rules by `user:ID`
    and `role:ID`. The highest limit holds; premium operations are open where any of the tiers opens them. Whoever has
    no tier at all is free.
    """
    subjects = [f"user:{user_id}", *(f"role:{role_id}" for role_id in role_ids)]
    names = [*granted, *(by_subject[subject] for subject in subjects if subject in by_subject)]
    if guild_tier:
        names.append(guild_tier)
    if EXEMPT in names:
        return None
    having = [tiers.get(name) for name in names] or [tiers.free]
    best = max(having, key=_worth)
    return replace(best, premium=any(tier.premium for tier in having))


def verdict(
    tier: Tier | None,
    used: int,
    reserved: int,
    operation_premium: bool,
    *,
    needed: int = 0,
    operation: str = "",
    resets_at: datetime | None,
) -> QuotaResult:
    """Whether an operation of about `needed` tokens may run for somebody of that tier (None: exempt).

    `used` and `reserved` are tokens of the running month, which ends at `resets_at` (UTC).
    """
    if tier is None:
        return QuotaResult(True, "", False, None, tier=EXEMPT, used=used, resets_at=resets_at)
    left = None if tier.monthly_tokens is None else max(0, tier.monthly_tokens - used - reserved)
    barred = operation_premium and not tier.premium
    fits = left is None or (left > 0 and left >= needed)
    is_held = left == 0 and tier.monthly_tokens is not None and used < tier.monthly_tokens
    reason = ""
    if barred:
        reason = f"{_words(operation)} is a premium feature. Upgrade to use it."
    elif not fits:
        reason = _HELD if is_held else _too_little(tier, left or 0, needed, _words(operation), resets_at)
    return QuotaResult(
        allowed=fits and not barred,
        reason=reason,
        requires_upgrade=barred or not (fits or tier.premium or is_held),
        tokens_remaining=left,
        tier=tier.name,
        used=used,
        limit=tier.monthly_tokens,
        resets_at=resets_at,
        premium_required=barred,
    )


def percentage(used: int, limit: int | None) -> float:
    """How much of a limit is used, rounded down to a tenth; 0 without a limit, 100 or more of a limit of 0."""
    if limit is None:
        return 0.0
    return (used * 10 * FULL // limit) / 10 if limit else float(FULL)


def status(used: int, limit: int | None) -> QuotaStatus:
    """The word for it."""
    reached = percentage(used, limit)
    if reached >= FULL:
        return QuotaStatus.EXCEEDED
    if reached >= CRITICAL_FROM:
        return QuotaStatus.CRITICAL
    return QuotaStatus.WARNING if reached >= WARNING_FROM else QuotaStatus.OK


def warnings(used: int, limit: int | None) -> list[str]:
    """One sentence for the person from 75 % on, else nothing."""
    if limit is None or status(used, limit) is QuotaStatus.OK:
        return []
    share, left = int(percentage(used, limit)), max(0, limit - used)
    return [f"You have used {share}% of your monthly quota ({left} tokens remaining)."]


def _worth(tier: Tier) -> tuple[bool, int, bool]:
    return tier.monthly_tokens is None, tier.monthly_tokens or 0, tier.premium


_HELD = "What is left of your tokens for this month is held by answers being written. Try again in a moment."


def _too_little(tier: Tier, left: int, needed: int, what: str, resets_at: datetime | None) -> str:
    limit = tier.monthly_tokens or 0
    back = f" They come back on {resets_at.day} {_MONTHS[resets_at.month - 1]} (UTC)." if resets_at and limit else ""
    if not left:
        return f"Your {limit:,} tokens for this month are used up.{back}"
    return f"{what} takes about {needed:,} tokens, and {left:,} of your {limit:,} for this month are left.{back}"


def _words(operation: str) -> str:
    """`email_draft` as `Email draft`."""
    words = operation.replace("_", " ").strip()
    return words[:1].upper() + words[1:] if words else "This"


def _tier(path: Path, name: str, entry: Any) -> Tier:
    def require(right: bool, problem: str) -> None:
        if not right:
            raise DataFileError(path, name, problem)

    require(isinstance(entry, dict), f"write a tier as [{name}] with its keys below")
    require(_NAME.fullmatch(name) is not None, "a name has at most 32 small letters, digits, - and _")
    require(name != EXEMPT, "is the word for people to whom no quota applies, so no tier can be called that")
    unknown = sorted(entry.keys() - {"monthly_tokens", "premium"})
    require(not unknown, f"unknown key {unknown[0] if unknown else ''!r}; known: monthly_tokens, premium")
    tokens, premium = entry.get("monthly_tokens"), entry.get("premium", False)
    whole = type(tokens) is int and 0 <= tokens <= LARGEST_QUOTA
    require(whole or tokens == UNLIMITED, f'monthly_tokens must be a whole number from 0 on, or "{UNLIMITED}"')
    require(isinstance(premium, bool), "premium must be true or false")
    require(name != SubscriptionTier.PREMIUM or premium is True, "must have premium = true")
    return Tier(name, tokens if type(tokens) is int else None, premium)
