"""Booking calls made in other languages: told once or ten times, each is on the books once."""

import asyncio
from decimal import Decimal
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends
from pydantic import BaseModel, ConfigDict, Field

from bot.api.access import server_for, writer
from bot.api.keys import ApiKey
from bot.api.parameters import WHO, Books, Instant, Snowflake, Text
from bot.api.problems import Problem
from bot.usage.budgeting.budgets import BOT
from bot.usage.tracker import UsageTracker

router = APIRouter(tags=["events"])
MOST_AT_ONCE = 1_000
DURABLE_SECONDS = 8.0
"""How long whoever tells waits for a database that is away; then it is better told again."""


class Event(BaseModel):
    """A call, an embedding, images or a payment. `id` is yours: the same one of the same time is the same event.

    With the `id`, `at` and `guild_id` that `/check` reserved room under, it ends that reservation.
    """

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "id": "order-17",
                    "at": "2026-11-26T12:00:00Z",
                    "model": "gpt-4o",
                    "usage": {"input_tokens": 100, "output_tokens": 20},
                    "operation": "chat",
                    "user_id": "ann",
                },
                {"id": "pay-3", "at": "2026-11-26T12:00:00Z", "kind": "payment", "model": "stripe", "amount": "10"},
            ]
        }
    )
    id: Text = Field(min_length=1, max_length=200)
    kind: Literal["llm", "embedding", "image", "payment"] = "llm"
    model: Text = Field(default="", max_length=200, description="Of a payment: the gateway.")
    usage: dict[str, Any] = Field(
        default_factory=dict, examples=[{"input_tokens": 100, "output_tokens": 20}], max_length=20
    )
    amount: Decimal | None = Field(default=None, ge=0, description="Of a payment, in USD.")
    cost: Decimal | None = Field(default=None, ge=0, description="USD, where it is known better than by a price list.")
    provider: Text | None = Field(default=None, max_length=100)
    at: Instant = Field(description="When it was made. Told again, it must be the same; without a zone it is UTC.")
    duration_ms: float = Field(default=0, ge=0, le=10**12)
    failed: bool = False
    error_type: Text | None = Field(default=None, max_length=100)
    estimated: bool = Field(default=False, description="The counts are a guess.")
    response_id: Text | None = Field(default=None, max_length=200)
    service_tier: Text | None = Field(default=None, max_length=50, description="The provider's, where it isn't usual.")
    doubtful_cost: Decimal = Field(default=Decimal(0), ge=0, le=10**6, description="USD that may be billed besides.")
    doubtful_tokens: int = Field(default=0, ge=0, le=10**12)
    operation: Text | None = Field(default=None, max_length=200)
    guild_id: Snowflake | None = None
    channel_id: Snowflake | None = None
    user_id: Text | None = Field(default=None, max_length=200)
    session_id: Text | None = Field(default=None, max_length=200)
    workflow_id: Text | None = Field(default=None, max_length=200)
    execution_id: Text | None = Field(default=None, max_length=200)
    agent_name: Text | None = Field(default=None, max_length=200)
    role_ids: list[Snowflake] = Field(default_factory=list, max_length=250)
    metadata: dict[str, Any] | None = None


class Events(BaseModel):
    """Some of them."""

    events: Annotated[list[Event], Field(min_length=1, max_length=MOST_AT_ONCE)]


class Rejected(BaseModel):
    """One that can't be booked, and why."""

    id: str
    problem: str


class Booked(BaseModel):
    """How many are on the books now, those that were there before included."""

    accepted: int
    rejected: list[Rejected]


@router.post("/events", status_code=202)
async def book(service: Books, key: Annotated[ApiKey, Depends(writer)], told: Events) -> Booked:
    """Book calls. When this answers, they are durable."""
    rejected = []
    servers = [server_for(key, event.guild_id) or BOT for event in told.events]  # all of them, before any is booked
    for event, guild_id in zip(told.events, servers, strict=True):
        try:
            await _book(service.tracker, event, guild_id, key.id)
        except (ArithmeticError, TypeError, ValueError) as error:
            rejected.append(Rejected(id=event.id, problem=str(error)))
    try:
        await asyncio.wait_for(service.tracker.force_flush(), DURABLE_SECONDS)
    except TimeoutError:
        detail = "They aren't durable yet: the books are out of reach. Tell them again, each is booked once."
        raise Problem(503, "books_out_of_reach", detail, {"Retry-After": "5"}) from None
    return Booked(accepted=len(told.events) - len(rejected), rejected=rejected)


async def _book(tracker: UsageTracker, event: Event, guild_id: int, key_id: str) -> None:
    await tracker.book_event(
        kind=event.kind,
        model=event.model,
        usage=event.usage,
        amount=event.amount,
        cost=event.cost,
        provider=event.provider,
        at=event.at,
        duration_ms=event.duration_ms,
        failed=event.failed,
        error_type=event.error_type,
        estimated=event.estimated,
        response_id=event.response_id,
        service_tier=event.service_tier,
        doubtful_cost=event.doubtful_cost,
        doubtful_tokens=event.doubtful_tokens,
        key=f"{key_id} {event.id}",
        guild_id=guild_id,
        **{name: getattr(event, name) for name in WHO},
    )
