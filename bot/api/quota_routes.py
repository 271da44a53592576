"""Quotas: how somebody stands, and whether they may run an operation now."""

from typing import Annotated

from fastapi import APIRouter, Depends
from pydantic import BaseModel, Field

from bot.api.access import for_all
from bot.api.keys import ApiKey
from bot.api.parameters import Books

router = APIRouter(tags=["quotas"])
ForAll = Annotated[ApiKey, Depends(for_all)]


class MonthlyUsage(BaseModel):
    """A month in tokens; `limit` and `remaining` are null without a limit."""

    used: int
    limit: int | None
    remaining: int | None
    percentage: float
    status: str = Field(examples=["ok", "warning", "critical", "exceeded"])


class MyQuota(BaseModel):
    """How somebody's month stands, in tokens."""

    subscription_tier: str = Field(examples=["free"])
    monthly_usage: MonthlyUsage
    warnings: list[str] = Field(examples=[["You have used 75% of your monthly quota (2500 tokens remaining)."]])
    top_operations: dict[str, int]
    last_reset: str


class Question(BaseModel):
    """Whether somebody may run an operation of its usual size, or use so many tokens."""

    user_id: str
    operation: str | None = None
    estimated_tokens: int | None = Field(default=None, ge=0)


class Answer(BaseModel):
    """Whether they may; nothing is reserved: a call is decided when it is made."""

    allowed: bool
    reason: str
    requires_upgrade: bool
    tokens_remaining: int | None


@router.get("/my-quota")
async def my_quota(service: Books, _: ForAll, user_id: str) -> MyQuota:
    """How somebody's running month stands."""
    summary = await service.tracker.get_quota_summary(user_id)
    return MyQuota(
        subscription_tier=summary["subscription_tier"],
        monthly_usage=MonthlyUsage(**summary["monthly"]),
        warnings=summary["warnings"],
        top_operations=summary["operation_breakdown"],
        last_reset=summary["last_reset_at"],
    )


@router.post("/check")
async def check(service: Books, _: ForAll, question: Question) -> Answer:
    """By the number of tokens where one is given, else by what the operation usually takes."""
    if question.estimated_tokens is not None:
        room = await service.tracker.can_use_tokens(question.user_id, question.estimated_tokens)
        return Answer(
            allowed=room.can_use,
            reason=room.reason,
            requires_upgrade=False,
            tokens_remaining=room.remaining_tokens,
        )
    result = await service.tracker.check_operation_allowed(question.user_id, question.operation or "")
    return Answer(
        allowed=result.allowed,
        reason=result.reason,
        requires_upgrade=result.requires_upgrade,
        tokens_remaining=result.tokens_remaining,
    )
