"""Budgets: how they stand, setting and removing them. An operator's cap can be read here, never changed."""

from datetime import datetime
from decimal import Decimal
from typing import Annotated

from fastapi import APIRouter, Depends, Query
from pydantic import BaseModel, ConfigDict, Field

from bot.api.access import server_for, writer
from bot.api.keys import ApiKey
from bot.api.parameters import Books, Reader, Snowflake, Text
from bot.api.problems import Problem
from bot.usage.budgeting.budgets import BOT, Budget, Mode, Owner, Scope, Unit, Unknown
from bot.usage.budgeting.calendars import Period
from bot.usage.money import usd

router = APIRouter(prefix="/budgets", tags=["budgets"])
Writer = Annotated[ApiKey, Depends(writer)]
GuildId = Annotated[int | None, Query(ge=0, le=2**63 - 1, description="A server's id; 0: the whole bot.")]


class BudgetAnswer(BaseModel):
    """A budget. The limit is in USD or in tokens, whichever it counts."""

    id: str
    guild_id: str
    scope: Scope
    scope_id: str
    period: Period
    mode: Mode
    owner: Owner
    thresholds: list[int]
    limit_usd: float | None
    limit_tokens: int | None

    @classmethod
    def of(cls, budget: Budget) -> "BudgetAnswer":
        """The same, as JSON has it."""
        in_usd = budget.unit is Unit.USD
        return cls(
            id=budget.id,
            guild_id=str(budget.guild_id),
            scope=budget.scope,
            scope_id=budget.scope_id,
            period=budget.period,
            mode=budget.mode,
            owner=budget.owner,
            thresholds=list(budget.thresholds),
            limit_usd=float(usd(budget.limit)) if in_usd else None,
            limit_tokens=None if in_usd else budget.limit,
        )


class StandingAnswer(BaseModel):
    """How one counter of a budget stands. Amounts are in the budget's unit; of USD, in nano-USD."""

    budget: BudgetAnswer
    key: str
    used: int
    reserved: int
    left: int
    ends_at: datetime | None
    runs_out_at: datetime | None


class NewBudget(BaseModel):
    """A limit in USD or in tokens, one of them."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"guild_id": 42, "scope": "guild", "period": "month", "limit_usd": "5"}]}
    )
    guild_id: Snowflake | None = Field(default=None, description="Without it the key's own server, or the whole bot.")
    scope: Scope
    scope_id: Text = ""
    period: Period = Period.MONTH
    limit_usd: Decimal | None = Field(default=None, ge=0)
    limit_tokens: int | None = Field(default=None, ge=0, strict=True)
    mode: Mode = Mode.HARD
    thresholds: list[int] = Field(default=[80, 90, 100], max_length=20)
    unknown: Unknown = Unknown.REFUSE


@router.get("")
async def standings(service: Books, key: Reader, guild_id: GuildId = None) -> list[StandingAnswer]:
    """Each budget of a server as it stands now."""
    server = _one_server(key, guild_id)
    return [
        StandingAnswer(
            budget=BudgetAnswer.of(standing.budget),
            key=standing.key,
            used=standing.level.used,
            reserved=standing.level.reserved,
            left=standing.left,
            ends_at=standing.ends_at,
            runs_out_at=standing.runs_out_at,
        )
        for standing in await service.tracker.budgets.standing(server)
    ]


@router.put("")
async def set_budget(service: Books, key: Writer, wanted: NewBudget) -> BudgetAnswer:
    """Set a budget, or change the one of the same server, scope, period and unit."""
    server = server_for(key, wanted.guild_id) or BOT
    stored = await service.tracker.set_budget(
        wanted.scope,
        wanted.scope_id or (str(server) if wanted.scope is Scope.GUILD else ""),
        guild_id=server,
        period=wanted.period,
        limit_usd=wanted.limit_usd,
        limit_tokens=wanted.limit_tokens,
        mode=wanted.mode,
        thresholds=wanted.thresholds,
        unknown=wanted.unknown,
        actor=f"api key {key.id}",
    )
    return BudgetAnswer.of(stored)


@router.delete("/{budget_id}", status_code=204)
async def remove(service: Books, key: Writer, budget_id: Text, guild_id: GuildId = None) -> None:
    """Remove a budget with its counters."""
    server = _one_server(key, guild_id)
    if not await service.tracker.budgets.remove(budget_id, guild_id=server, actor=f"api key {key.id}"):
        raise Problem(404, "no_such_budget", "That server has no budget of that id that its admins may remove.")


def _one_server(key: ApiKey, guild_id: int | None) -> int:
    server = server_for(key, guild_id)
    if server is None:
        raise Problem(422, "invalid_request", "Say whose budgets: `guild_id`; 0 for the whole bot.")
    return server
