"""Quotas: how somebody's month stands."""

from typing import Annotated

from fastapi import APIRouter, Depends
from pydantic import BaseModel, Field

from bot.api.access import for_all
from bot.api.keys import ApiKey
from bot.api.parameters import Books, Text

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


@router.get("/my-quota")
async def my_quota(service: Books, _: ForAll, user_id: Text) -> MyQuota:
    """How somebody's running month stands."""
    summary = await service.tracker.get_quota_summary(user_id)
    return MyQuota(
        subscription_tier=summary["subscription_tier"],
        monthly_usage=MonthlyUsage(**summary["monthly"]),
        warnings=summary["warnings"],
        top_operations=summary["operation_breakdown"],
        last_reset=summary["last_reset_at"],
    )
