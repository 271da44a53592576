"""May this be done? A person's quota, or one call by every rule that the door follows; room is kept for it if asked."""

from datetime import datetime, timedelta
from typing import Annotated, Any, Literal, Self

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict, Field, model_validator

from bot.api.access import for_all, server_for, writer
from bot.api.budget_routes import BudgetAnswer
from bot.api.keys import ApiKey
from bot.api.parameters import WHO, Books, Instant, Reader, Snowflake, Text
from bot.usage.budgeting.budgets import BOT, Level
from bot.usage.budgeting.rules import Counted
from bot.usage.calls.reservations import Verdict
from bot.usage.calls.told import utc
from bot.usage.errors import (
    AiPausedError,
    BudgetExceededError,
    BudgetFigures,
    CallRefusedError,
    QuotaExceededError,
    QuotaResult,
    Why,
)
from bot.usage.ids import new_id
from bot.usage.tracker import UsageTracker

router = APIRouter(tags=["quotas"])
_CLOCKS_DIFFER = timedelta(hours=1)


class Asked(BaseModel):
    """A person's quota, or with a `model` one call: by pauses, budgets, and quotas where its server has them on."""

    user_id: Text | None = Field(default=None, max_length=200)
    operation: Text | None = Field(default=None, max_length=200)
    estimated_tokens: int | None = Field(default=None, ge=0, le=10**12, description="In all.")
    model: Text | None = Field(default=None, min_length=1, max_length=200)
    provider: Text | None = Field(default=None, max_length=100)
    guild_id: Snowflake | None = None
    channel_id: Snowflake | None = None

    @model_validator(mode="after")
    def _names_somebody(self) -> Self:
        if self.user_id is None and self.model is None:
            raise ValueError("name a `user_id`, or the `model` of a call")
        return self


class AskedShortly(Asked):
    """The same in an address."""

    input_tokens: int | None = Field(default=None, ge=0, le=10**12)
    output_tokens: int | None = Field(default=None, ge=0, le=10**12)


class Question(Asked):
    """The same of any call. With `reserve`, its worst case is kept free for it until its event is told."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {"user_id": "ann", "operation": "chat"},
                {"model": "gpt-4o", "usage": {"input_tokens": 900}, "guild_id": 42, "user_id": "ann", "reserve": True},
            ]
        }
    )
    kind: Literal["llm", "embedding", "image", "audio"] = "llm"
    usage: dict[str, Any] = Field(
        default_factory=dict,
        max_length=20,
        description="The most it can use. Of a text without output_tokens, the answer says how many it may have.",
    )
    choices: int = Field(default=1, ge=1, le=1_000)
    opaque: bool = Field(default=False, description="Part of what it will use can't be told before.")
    service_tier: Text | None = Field(default=None, max_length=50)
    session_id: Text | None = Field(default=None, max_length=200)
    workflow_id: Text | None = Field(default=None, max_length=200)
    execution_id: Text | None = Field(default=None, max_length=200)
    agent_name: Text | None = Field(default=None, max_length=200)
    role_ids: list[Snowflake] = Field(default_factory=list, max_length=250)
    metadata: dict[str, Any] | None = None
    reserve: bool = False
    id: Text | None = Field(
        default=None, min_length=1, max_length=200, description="Yours; asked again, it is the same."
    )
    at: Instant | None = Field(default=None, description="When it is made: about now. Needed with an `id`.")
    times: int = Field(default=1, ge=1, le=100, description="Attempts that may be billed: 2 before the second is sent.")


class Limit(BaseModel):
    """A budget that counts the call. Amounts are in the budget's unit; of USD, in nano-USD."""

    budget: BudgetAnswer
    key: str
    used: int
    reserved: int
    left: int

    @classmethod
    def of(cls, counted: Counted, level: Level) -> "Limit":
        """The same, as JSON has it."""
        return cls(
            budget=BudgetAnswer.of(counted.budget),
            key=counted.counter[2],
            used=level.used,
            reserved=level.reserved,
            left=max(0, counted.budget.limit - level.used - level.reserved),
        )


class Reservation(BaseModel):
    """Tell the event of this `id`, `at` and the same server, however the call ended: it ends with that.

    Untold at `expires_at`, it counts as made, at its worst case; told later, as told.
    """

    id: str
    at: datetime
    expires_at: datetime


class Answer(BaseModel):
    """Whether it may be done, and what says so. A call that is refused costs nothing and isn't on the books."""

    allowed: bool
    reason: str
    requires_upgrade: bool = False
    tokens_remaining: int | None = Field(default=None, description="Of a person's quota; null without a limit.")
    cause: str | None = Field(default=None, examples=["budget used_up", "budget busy", "quota", "premium", "paused"])
    max_output_tokens: int | None = Field(default=None, description="The cap to send, where the call sets none.")
    limits: list[Limit] = Field(default=[], description="Budgets that count it; to a server's key, that server's.")
    stops: bool = Field(default=False, description="Its server, or the whole bot, has a budget that refuses calls.")
    reservation: Reservation | None = None
    why: Why | None = None
    budget: BudgetFigures | None = Field(default=None, description="The budget that refuses it.")
    quota: QuotaResult | None = Field(default=None, description="How the person's quota stands, where that decides.")
    paused_until: datetime | None = None


@router.get("/check")
async def look(service: Books, key: Reader, asked: Annotated[AskedShortly, Query()]) -> Answer:
    """May this be done now? Nothing is reserved: a call is decided when it is made."""
    counts = {"input_tokens": asked.input_tokens, "output_tokens": asked.output_tokens}
    usage = {name: count for name, count in counts.items() if count is not None}
    shared = asked.model_dump(exclude=set(counts))
    return await check(service, key, Question(**shared, usage=usage))


@router.post("/check")
async def check(service: Books, key: Reader, question: Question) -> Answer:
    """The same. With `reserve` and a writing key, no budget can be overshot by the call until its event is told."""
    if question.model is None:
        return await _quota(service.tracker, for_all(key), question)
    now = service.tracker.clock()
    at = utc(question.at) if question.at is not None else now
    if abs(at - now) > _CLOCKS_DIFFER:
        raise ValueError("`at` must be about now: it is when the call is made")
    if question.id is not None and question.at is None:
        raise ValueError("give `at` with `id`: asked again, both must be the same")
    event_id = question.id or new_id()
    guild_id = server_for(key, question.guild_id) or BOT
    tracker = service.tracker
    call = await tracker.reservations.call(
        model=question.model,
        kind=question.kind,
        usage=_usage(question),
        choices=question.choices,
        opaque=question.opaque,
        provider=question.provider,
        service_tier=question.service_tier,
        at=at,
        key=f"{key.id} {event_id}",
        guild_id=guild_id,
        **{name: getattr(question, name) for name in WHO},
    )
    if not question.reserve:
        return _answer(key, await tracker.reservations.check(call), None)
    await writer(key)
    verdict = await tracker.reservations.reserve(call, question.times)
    kept = Reservation(id=event_id, at=at, expires_at=verdict.expires_at) if verdict.expires_at else None
    return _answer(key, verdict, kept)


def _usage(question: Question) -> dict[str, Any]:
    """Tokens estimated in all are counted as output, the dearer of the two."""
    if question.usage or question.estimated_tokens is None:
        return question.usage
    return {"output_tokens": question.estimated_tokens}


async def _quota(tracker: UsageTracker, _: ApiKey, question: Question) -> Answer:
    """By the number of tokens where one is given, else by what the operation usually takes."""
    guild_id = question.guild_id or BOT
    if question.estimated_tokens is not None:
        room = await tracker.can_use_tokens(
            question.user_id, question.estimated_tokens, guild_id=guild_id, role_ids=question.role_ids
        )
        return Answer(allowed=room.can_use, reason=room.reason, tokens_remaining=room.remaining_tokens)
    result = await tracker.check_operation_allowed(
        question.user_id, question.operation or "", guild_id=guild_id, role_ids=question.role_ids
    )
    return _answer_of(result)


def _answer(key: ApiKey, verdict: Verdict, kept: Reservation | None) -> Answer:
    call, seen = verdict.call, [limit for limit in verdict.limits if key.may_see(limit[0].budget.guild_id)]
    facts = _facts(key, verdict.refusal, {counted.budget.id for counted, _ in seen}) if verdict.refusal else {}
    return Answer(
        **{"reason": "", **facts},
        allowed=verdict.refusal is None,
        max_output_tokens=call.output_cap,
        limits=[Limit.of(*limit) for limit in seen],
        stops=verdict.stops,
        reservation=kept,
    )


def _facts(key: ApiKey, refusal: CallRefusedError, seen: set[str]) -> dict[str, Any]:
    """Why it is refused. The figures of the whole bot, and of a person everywhere, aren't for a server's key (I26)."""
    facts: dict[str, Any] = {"reason": str(refusal), "cause": refusal.cause}
    if isinstance(refusal, BudgetExceededError):
        if refusal.budget.budget_id not in seen:
            return {**facts, "why": refusal.why, "reason": f"refused by the operator's budget: {refusal.why.value}"}
        return {**facts, "why": refusal.why, "budget": refusal.budget}
    if isinstance(refusal, QuotaExceededError):
        if key.guild_id is not None:
            reason = "refused by the person's quota"
            return {**facts, "reason": reason, "requires_upgrade": refusal.result.requires_upgrade}
        return {**_answer_of(refusal.result).model_dump(exclude={"allowed"}, exclude_defaults=True), **facts}
    return {**facts, "paused_until": refusal.until if isinstance(refusal, AiPausedError) else None}


def _answer_of(result: QuotaResult) -> Answer:
    return Answer(
        allowed=result.allowed,
        reason=result.reason,
        requires_upgrade=result.requires_upgrade,
        tokens_remaining=result.tokens_remaining,
        cause=None if result.allowed else QuotaExceededError(BOT, "", result).cause,
        quota=result,
    )
