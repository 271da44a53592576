"""A call that somebody else made, as it is told to us: what it used, how it ended, and what the books name it by."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from bot.usage.context import text_of
from bot.usage.pricing.costs import Money
from bot.usage.records import Kind, Price, Settlement, Status, Usage
from bot.usage.storage.rows import EPOCH


@dataclass(frozen=True, slots=True)
class Ending:
    """How a call that was told ended. Milliseconds."""

    duration_ms: float = 0
    failed: bool = False
    error_type: str | None = None
    estimated: bool = False
    response_id: str | None = None
    service_tier: str | None = None
    doubtful_nano_usd: int = 0
    doubtful_tokens: int = 0

    def settlement(self, usage: Usage, price: Price) -> Settlement:
        """The same with what it used and cost."""
        return Settlement(
            Status.ERROR if self.failed else Status.OK,
            usage,
            price,
            duration_ms=round(self.duration_ms),
            response_id=text_of(self.response_id),
            service_tier=text_of(self.service_tier),
            estimated=self.estimated,
            error_type=text_of(self.error_type),
            doubtful_nano_usd=self.doubtful_nano_usd,
            doubtful_tokens=self.doubtful_tokens,
        )


@dataclass(frozen=True, slots=True)
class Told:
    """A call as it is told: `usage` by the names of `Usage`, `cost` in USD where it is known better than by its price.

    Of a payment, `model` and `provider` are the gateway. `who` has what `attribution_named` takes.
    """

    kind: Kind
    model: str
    usage: Mapping[str, Any]
    provider: str | None
    cost: Money | None
    ending: Ending
    who: Mapping[str, Any]


def id_of(key: str) -> str:
    """The id on the books of what is told by a key."""
    return hashlib.sha256(key.encode()).hexdigest()[:32]


def attribution_named(who: Mapping[str, Any]) -> dict[str, Any]:
    """The names that other systems use, as `token_tracking_context` has them."""
    named = dict(who)
    if (intent := named.pop("intent", None)) is not None:
        named["metadata"] = {**(named.get("metadata") or {}), "intent": str(intent)}
    if (agent_id := named.pop("agent_id", None)) is not None:
        if named.get("agent_name") is not None:
            raise TypeError("give agent_name or agent_id, not both: they are one thing")
        named["agent_name"] = str(agent_id)
    return named


def utc(at: datetime) -> datetime:
    """An instant as it was told; a naive one is UTC. Raises `ValueError` for one before 1970: no call was earlier."""
    told = at if at.tzinfo is not None else at.replace(tzinfo=UTC)
    if told < EPOCH:
        raise ValueError(f"{at.isoformat()} is before 1970")
    return told
