"""Booking calls made in other languages: told once or ten times, each is on the books once."""

from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends
from pydantic import BaseModel, Field

from bot.api.access import server_for, writer
from bot.api.keys import ApiKey
from bot.api.parameters import Books
from bot.usage.tracker import UsageTracker

router = APIRouter(tags=["events"])
MOST_AT_ONCE = 1_000


class Event(BaseModel):
    """A call, an embedding, images or a payment. `id` is yours: the same one of the same time is the same event."""

    id: str = Field(min_length=1, max_length=200)
    kind: Literal["llm", "embedding", "image", "payment"] = "llm"
    model: str = Field(default="", max_length=200, description="Of a payment: the gateway.")
    usage: dict[str, Any] = Field(
        default_factory=dict, examples=[{"input_tokens": 100, "output_tokens": 20}], max_length=20
    )
    amount: Decimal | None = Field(default=None, ge=0, description="Of a payment, in USD.")
    cost: Decimal | None = Field(default=None, ge=0, description="USD, where it is known better than by a price list.")
    provider: str | None = Field(default=None, max_length=100)
    at: datetime = Field(description="When it was made. Told again, it must be the same; without a zone it is UTC.")
    duration_ms: float = Field(default=0, ge=0)
    failed: bool = False
    error_type: str | None = Field(default=None, max_length=100)
    operation: str | None = Field(default=None, max_length=200)
    guild_id: int | None = Field(default=None, ge=0, le=2**63 - 1)
    channel_id: int | None = Field(default=None, ge=0, le=2**63 - 1)
    user_id: str | None = Field(default=None, max_length=200)
    session_id: str | None = Field(default=None, max_length=200)
    workflow_id: str | None = Field(default=None, max_length=200)
    execution_id: str | None = Field(default=None, max_length=200)
    agent_name: str | None = Field(default=None, max_length=200)
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
    for event in told.events:
        guild_id = server_for(key, event.guild_id) or 0
        try:
            await _book(service.tracker, event, guild_id, key.id)
        except (ArithmeticError, TypeError, ValueError) as error:
            rejected.append(Rejected(id=event.id, problem=str(error)))
    await service.tracker.force_flush()
    return Booked(accepted=len(told.events) - len(rejected), rejected=rejected)


async def _book(tracker: UsageTracker, event: Event, guild_id: int, key_id: str) -> None:
    names = ("channel_id", "user_id", "session_id", "workflow_id", "execution_id", "agent_name", "metadata")
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
        key=f"{key_id} {event.id}",
        operation=event.operation,
        guild_id=guild_id,
        **{name: getattr(event, name) for name in names},
    )
