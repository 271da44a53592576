"""What the analytics answer with: usage and cost of a person, a thread, a day, everybody. Costs are USD, exact."""

from dataclasses import dataclass, field
from decimal import Decimal
from typing import TypedDict


class DayCost(TypedDict):
    """One day; `date` is ISO, `cost` USD."""

    date: str
    cost: Decimal


class DailyCost(DayCost):
    """One day with its calls and tokens."""

    calls: int
    tokens: int


class CostSummary(TypedDict):
    """Costs are USD; `total_cost` is AI's alone. `unpriced_calls` are in no sum: unknown is not free."""

    total_cost: Decimal
    total_calls: int
    total_tokens: int
    unpriced_calls: int
    by_model: dict[str, Decimal]
    by_operation: dict[str, Decimal]
    payment_fees: Decimal


class UserTotal(TypedDict):
    """One person in a list of the largest. Cost is USD."""

    user_id: str
    total_tokens: int
    total_cost: Decimal
    call_count: int


class PlatformStats(TypedDict):
    """Everybody together. Cost is USD; the average is of tokens, input and output."""

    active_users: int
    total_tokens: int
    total_cost: Decimal
    total_calls: int
    avg_tokens_per_call: float


class CostProjection(TypedDict):
    """The running month, UTC. USD; the projection is None in its first hour, when nothing can be said."""

    month_to_date: Decimal
    projected_cost: Decimal | None
    days_elapsed: float
    days_in_month: int


@dataclass(frozen=True, slots=True)
class UsageOf:
    """What one person or thread used. Costs are USD and leave out `unpriced_requests`; tokens are input and output.

    `cost_by_model` and the others are by what they cost or count, most first; `cost_trend` has every day with a call.
    """

    total_requests: int = 0
    unpriced_requests: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    total_cost: Decimal = Decimal(0)
    cost_by_model: dict[str, Decimal] = field(default_factory=dict)
    cost_by_operation: dict[str, Decimal] = field(default_factory=dict)
    requests_by_agent: dict[str, int] = field(default_factory=dict)
    cost_trend: list[DayCost] = field(default_factory=list)

    @property
    def total_tokens(self) -> int:
        """Input and output tokens."""
        return self.input_tokens + self.output_tokens
