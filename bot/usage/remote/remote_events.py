"""Calls as a REST API of the books is told them, and its answers as the errors that the door raises."""

from dataclasses import fields
from datetime import datetime
from decimal import Decimal
from typing import Any

from pydantic import TypeAdapter

from bot.usage.calls.hand_tracking import GIVEN
from bot.usage.calls.providers import price_id_of
from bot.usage.errors import (
    AiPausedError,
    BudgetExceededError,
    BudgetFigures,
    CallRefusedError,
    OptedOutError,
    QuotaExceededError,
    QuotaResult,
    Why,
)
from bot.usage.money import usd_text
from bot.usage.records import (
    BY_HAND,
    BY_KEY,
    NOT_CHARGED,
    UNATTRIBUTED,
    Attribution,
    Kind,
    OpenCall,
    Status,
    Usage,
    UsageRecord,
)

_COUNTS = tuple(one.name for one in fields(Usage))
_FIGURES = TypeAdapter(BudgetFigures)
_RESULT = TypeAdapter(QuotaResult)
_INSTANT = TypeAdapter(datetime | None)


def event_of(record: UsageRecord) -> dict[str, Any]:
    """What `POST /events` takes. Prices are the books' own, unless the teller named the cost."""
    call, settled = record.call, record.settlement
    told: dict[str, Any] = {
        **_named(call),
        "model": record.model,
        "usage": _counts(settled.usage),
        "duration_ms": settled.duration_ms,
        "failed": settled.status is not Status.OK,
        "error_type": settled.error_type,
        "estimated": settled.estimated,
        "response_id": settled.response_id,
        "service_tier": settled.service_tier,
        "doubtful_cost": usd_text(settled.doubtful_nano_usd),
        "doubtful_tokens": settled.doubtful_tokens,
    }
    if call.kind is Kind.PAYMENT or settled.price.source in (GIVEN, NOT_CHARGED):
        told["cost"] = usd_text(settled.price.cost_nano_usd)
    return told


def question_of(call: OpenCall, times: int) -> dict[str, Any]:
    """What `POST /check` takes, to reserve its worst case. The cap of one that sets none is the books' to choose."""
    usage = _counts(call.reserved_usage)
    if call.kind is Kind.LLM:
        usage["output_tokens"] = call.reserved_usage.output_tokens
    if call.elastic is not None and call.output_cap is None:
        del usage["output_tokens"]
    return {
        **_named(call),
        "model": call.request_model,
        "usage": usage,
        "choices": call.elastic.choices if call.elastic is not None else 1,
        "opaque": call.opaque,
        "service_tier": call.service_tier,
        "reserve": True,
        "times": times,
    }


def refusal_of(who: Attribution, answer: dict[str, Any]) -> CallRefusedError:
    """Why a call was refused, with what figures the key may see."""
    guild_id, reason, cause = who.guild_id, str(answer["reason"]), str(answer["cause"])
    if answer["budget"] is not None:
        return BudgetExceededError(guild_id, Why(answer["why"]), _FIGURES.validate_python(answer["budget"]))
    if cause == "opted out":
        return OptedOutError(guild_id, who.user_id or "")
    if cause == "paused":
        return AiPausedError(guild_id, _INSTANT.validate_python(answer["paused_until"]))
    if cause in ("premium", "quota", "quota busy"):
        result = QuotaResult(False, reason, bool(answer["requires_upgrade"]), answer["tokens_remaining"])
        if answer["quota"] is not None:
            result = _RESULT.validate_python(answer["quota"])
        return QuotaExceededError(guild_id, who.user_id or "", result)
    return CallRefusedError(guild_id, reason)


def _named(call: OpenCall) -> dict[str, Any]:
    """What a call is found by, and whom it is for."""
    who = call.attribution
    told = call.provider if call.api in (BY_HAND, BY_KEY) else price_id_of(call.provider)
    return {
        "id": call.id,
        "at": call.started_at.isoformat(),
        "kind": call.kind.value,
        "provider": None if told == "unknown" else told,
        "guild_id": who.guild_id or None,
        "operation": None if who.operation == UNATTRIBUTED else who.operation,
        "channel_id": who.channel_id,
        "user_id": who.user_id,
        "session_id": who.session_id,
        "workflow_id": who.workflow_id,
        "execution_id": who.execution_id,
        "agent_name": who.agent_name,
        "role_ids": list(who.role_ids),
        "metadata": dict(who.metadata) or None,
    }


def _counts(usage: Usage) -> dict[str, Any]:
    """A usage by its names, without the zeros, as JSON takes it."""
    found = {name: value for name in _COUNTS if (value := getattr(usage, name))}
    return {name: str(value) if isinstance(value, Decimal) else value for name, value in found.items()}
