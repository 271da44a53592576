"""What the quota book answers with: how somebody stands, what they used, what they may."""

from dataclasses import dataclass
from datetime import datetime
from typing import TypedDict

from bot.usage.budgeting.quotas import Tier


@dataclass(frozen=True, slots=True)
class TokenAllowance:
    """The answer of `can_use_tokens`. `remaining_tokens` is None without a limit, `reason` empty where they can."""

    can_use: bool
    remaining_tokens: int | None
    reason: str = ""


@dataclass(frozen=True, slots=True)
class OwnUsage:
    """What one person used of one operation on one server (0: outside servers). Tokens are input and output."""

    guild_id: int
    operation: str
    calls: int
    input_tokens: int
    output_tokens: int

    @property
    def total_tokens(self) -> int:
        """Input and output tokens."""
        return self.input_tokens + self.output_tokens


@dataclass(frozen=True, slots=True)
class QuotaStanding:
    """A person's running month. `tier` is None for somebody exempt; instants are UTC, the rest tokens.

    `told` is the highest percentage that the person was told of this month.
    """

    user_id: str
    tier: Tier | None
    used: int
    reserved: int
    told: int
    began_at: datetime
    resets_at: datetime

    @property
    def limit(self) -> int | None:
        """Tokens a month, None without a limit."""
        return self.tier.monthly_tokens if self.tier else None


class MonthlyQuota(TypedDict):
    """A month of a quota in numbers; `limit` and `remaining` are None without a limit."""

    used: int
    limit: int | None
    remaining: int | None
    percentage: float
    status: str


class QuotaSummary(TypedDict):
    """What `get_quota_summary` returns. `operation_breakdown` has tokens by operation, most first."""

    user_id: str
    subscription_tier: str
    monthly: MonthlyQuota
    warnings: list[str]
    operation_breakdown: dict[str, int]
    last_reset_at: str


class Subscription(TypedDict):
    """What `update_user_subscription` returns. The limit is in tokens, None: none."""

    user_id: str
    subscription_tier: str
    monthly_token_limit: int | None
