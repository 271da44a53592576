"""Cost in sums: summary, by day, the largest users, the month at its pace, the whole platform, an estimate."""

from datetime import date
from typing import Annotated

from fastapi import APIRouter, Depends, Query
from pydantic import BaseModel

from bot.api.access import for_all
from bot.api.answers import Lines, Summary
from bot.api.keys import ApiKey
from bot.api.parameters import DAYS, LIMIT, Books, Server, Text, last_days, span_of
from bot.api.problems import Problem
from bot.usage.money import usd
from bot.usage.pricing.costs import nano_usd_of
from bot.usage.reporting.reports import Split

router = APIRouter(tags=["cost"])
ForAll = Annotated[ApiKey, Depends(for_all)]
Start = Annotated[date | None, Query(description="First day; of a server, by its calendar, else in UTC.")]
End = Annotated[date | None, Query(description="Last day, included.")]


class Day(BaseModel):
    """One day of calls."""

    date: str
    cost: float
    cost_nano_usd: int
    calls: int
    tokens: int


class TopUser(BaseModel):
    """One of those who cost the most."""

    user_id: str
    total_tokens: int
    total_cost: float
    cost_nano_usd: int
    call_count: int


class Projection(BaseModel):
    """The running month at its pace so far; null in its first hour."""

    month_to_date: float
    projected_cost: float | None
    days_elapsed: float
    days_in_month: int


class Estimate(BaseModel):
    """The median, and what nine of ten calls stay within. Costs are USD, null without a known price."""

    model: str
    estimated_input_tokens: int
    estimated_output_tokens: int
    estimated_total_tokens: int
    estimated_cost_usd: float | None
    p90_input_tokens: int
    p90_output_tokens: int
    p90_cost_usd: float | None
    learned_from_calls: int


class Platform(BaseModel):
    """Everybody together."""

    active_users: int
    total_tokens: int
    total_cost: float
    cost_nano_usd: int
    total_calls: int
    avg_tokens_per_call: float


@router.get("/summary")
async def summary(
    service: Books, _: ForAll, user_id: Text | None = None, start: Start = None, end: End = None
) -> Summary:
    """What everybody, or one person, cost from one day to another; without days all of it."""
    span_of(service, None, start, end)
    return Summary.of(await service.tracker.get_cost_summary(user_id, start, end))


@router.get("/breakdown")
async def breakdown(service: Books, guild_id: Server, by: Split = "operation", days: DAYS = 30) -> Lines:
    """One server's spend, or everybody's, split one way."""
    report = await service.tracker.reports.spend_between(guild_id, last_days(service, guild_id, days), by)
    return Lines.of(report)


@router.get("/daily")
async def daily(service: Books, guild_id: Server, days: DAYS = 30, user_id: Text | None = None) -> list[Day]:
    """Each of the last days, today included; days without a call too. Of a server, or of a person on all of them."""
    if user_id is not None:
        if guild_id is not None:
            raise Problem(422, "invalid_request", "A person's days are those on all servers: leave out one of the two.")
        found = await service.tracker.get_daily_costs(user_id, days)
        return [_day(day["date"], nano_usd_of(day["cost"]), day["calls"], day["tokens"]) for day in found]
    lines = await service.tracker.reports.trend(guild_id, last_days(service, guild_id, days))
    return [_day(line.key, line.cost_nano_usd, line.calls, line.total_tokens) for line in lines]


def _day(date: str, nano_usd: int, calls: int, tokens: int) -> Day:
    return Day(date=date, cost=float(usd(nano_usd)), cost_nano_usd=nano_usd, calls=calls, tokens=tokens)


@router.get("/top-users")
async def top_users(
    service: Books, guild_id: Server, limit: LIMIT = 10, start: Start = None, end: End = None
) -> list[TopUser]:
    """Those who cost the most, dearest first."""
    days = span_of(service, guild_id, start, end)
    report = await service.tracker.reports.spend_between(guild_id, days, "user", limit=limit)
    return [
        TopUser(
            user_id=line.key,
            total_tokens=line.total_tokens,
            total_cost=float(usd(line.cost_nano_usd)),
            cost_nano_usd=line.cost_nano_usd,
            call_count=line.calls,
        )
        for line in report.rows
    ]


@router.get("/projection")
async def projection(service: Books, _: ForAll, user_id: Text | None = None) -> Projection:
    """What the running month costs in the end: one person's, or everybody's."""
    found = await service.tracker.get_cost_projection(user_id)
    projected = found["projected_cost"]
    return Projection(
        month_to_date=float(found["month_to_date"]),
        projected_cost=float(projected) if projected is not None else None,
        days_elapsed=found["days_elapsed"],
        days_in_month=found["days_in_month"],
    )


@router.get("/platform")
async def platform(service: Books, _: ForAll, start: Start = None, end: End = None) -> Platform:
    """Everybody together, from one day to another; without days of all time."""
    span_of(service, None, start, end)
    stats = await service.tracker.get_platform_usage_stats(start, end)
    cost = stats["total_cost"]
    return Platform(**{**stats, "total_cost": float(cost)}, cost_nano_usd=nano_usd_of(cost))


@router.get("/estimate")
async def estimate(service: Books, _: ForAll, operation: Text, model: Text | None = None) -> Estimate:
    """What an operation usually takes and costs, learnt from its newest calls."""
    return Estimate(**await service.tracker.estimate_operation_cost(operation, model))
