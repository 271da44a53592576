"""What the routes answer with. Costs are USD as numbers, with the exact `cost_nano_usd` beside them; ids are text."""

from datetime import datetime
from typing import Literal

from pydantic import BaseModel, Field

from bot.usage.money import usd
from bot.usage.pricing.costs import nano_usd_of
from bot.usage.records import SpendLine
from bot.usage.reporting.analytics_answers import CostSummary, UsageOf
from bot.usage.reporting.recent_calls import RecentCall
from bot.usage.reporting.reports import Report


class DayCost(BaseModel):
    """One day (UTC) and what it cost."""

    date: str = Field(examples=["2026-11-26"])
    cost: float


class UsageAnswer(BaseModel):
    """What one person or thread used."""

    total_requests: int
    unpriced_requests: int = Field(description="Calls without a known price: in no sum of costs.")
    total_tokens: int
    input_tokens: int
    output_tokens: int
    total_cost: float
    cost_nano_usd: int
    cost_by_model: dict[str, float]
    cost_by_operation: dict[str, float]
    requests_by_agent: dict[str, int]
    cost_trend: list[DayCost]

    @classmethod
    def of(cls, usage: UsageOf) -> "UsageAnswer":
        """The same, as JSON has it."""
        return cls(
            total_requests=usage.total_requests,
            unpriced_requests=usage.unpriced_requests,
            total_tokens=usage.total_tokens,
            input_tokens=usage.input_tokens,
            output_tokens=usage.output_tokens,
            total_cost=float(usage.total_cost),
            cost_nano_usd=nano_usd_of(usage.total_cost),
            cost_by_model={name: float(cost) for name, cost in usage.cost_by_model.items()},
            cost_by_operation={name: float(cost) for name, cost in usage.cost_by_operation.items()},
            requests_by_agent=usage.requests_by_agent,
            cost_trend=[DayCost(date=day["date"], cost=float(day["cost"])) for day in usage.cost_trend],
        )


class Call(BaseModel):
    """One call on the books. There is never a text in it."""

    id: str
    started_at: datetime
    kind: str
    guild_id: str | None
    channel_id: str | None
    user_id: str | None
    thread_id: str | None
    operation: str
    agent_name: str | None
    workflow_id: str | None
    model: str
    provider: str
    status: str
    estimated: bool
    input_tokens: int
    cached_input_tokens: int
    output_tokens: int
    reasoning_output_tokens: int
    cost: float | None = Field(description="USD; null where no price is known: unknown is not free.")
    cost_nano_usd: int | None
    duration_ms: int
    error_type: str | None

    @classmethod
    def of(cls, call: RecentCall) -> "Call":
        """The same, as JSON has it: a snowflake is a text there."""
        nano = call.cost_nano_usd
        return cls(
            guild_id=str(call.guild_id) if call.guild_id else None,
            channel_id=str(call.channel_id) if call.channel_id is not None else None,
            thread_id=call.session_id,
            cost=float(usd(nano)) if nano is not None else None,
            **{name: getattr(call, name) for name in cls.model_fields if name in _SAME},
        )


_SAME = {
    "id", "started_at", "kind", "user_id", "operation", "agent_name", "workflow_id", "model", "provider", "status",
    "estimated", "input_tokens", "cached_input_tokens", "output_tokens", "reasoning_output_tokens", "cost_nano_usd",
    "duration_ms", "error_type",
}  # fmt: skip
"""What a call is called both here and on the books."""


class Calls(BaseModel):
    """A page of calls, newest first."""

    calls: list[Call]
    next_cursor: str | None = Field(description="Give it as `cursor` for the next page; null on the last one.")


class Line(BaseModel):
    """Sums over calls that share a key."""

    key: str
    calls: int
    failed_calls: int
    unpriced_calls: int
    input_tokens: int
    output_tokens: int
    total_tokens: int
    cost: float
    cost_nano_usd: int

    @classmethod
    def of(cls, line: SpendLine) -> "Line":
        """The same, as JSON has it."""
        names = ("key", "calls", "failed_calls", "unpriced_calls", "input_tokens", "output_tokens", "cost_nano_usd")
        values = {name: getattr(line, name) for name in names}
        return cls(**values, total_tokens=line.total_tokens, cost=float(usd(line.cost_nano_usd)))


class Lines(BaseModel):
    """A breakdown, dearest first (days in their order). Its rows and `rest` add up to `total`."""

    total: Line
    rows: list[Line]
    rest: Line

    @classmethod
    def of(cls, report: Report) -> "Lines":
        """The same, as JSON has it."""
        return cls(total=Line.of(report.total), rows=[Line.of(line) for line in report.rows], rest=Line.of(report.rest))


class Summary(BaseModel):
    """What was spent. AI's costs alone; payments' fees stand apart."""

    total_cost: float
    cost_nano_usd: int
    total_calls: int
    total_tokens: int
    unpriced_calls: int
    by_model: dict[str, float]
    by_operation: dict[str, float]
    payment_fees: float

    @classmethod
    def of(cls, summary: CostSummary) -> "Summary":
        """The same, as JSON has it."""
        return cls(
            total_cost=float(summary["total_cost"]),
            cost_nano_usd=nano_usd_of(summary["total_cost"]),
            total_calls=summary["total_calls"],
            total_tokens=summary["total_tokens"],
            unpriced_calls=summary["unpriced_calls"],
            by_model={name: float(cost) for name, cost in summary["by_model"].items()},
            by_operation={name: float(cost) for name, cost in summary["by_operation"].items()},
            payment_fees=float(summary["payment_fees"]),
        )


class Health(BaseModel):
    """Whether the service is up and reaches its books."""

    status: Literal["ok"] = "ok"
    version: str
