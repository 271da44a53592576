"""Every finished call as a row for other programs: the columns of the books, instants as ISO 8601, ids as text."""

import json
from collections.abc import AsyncIterator
from datetime import datetime
from typing import Any

from bot.usage.booked import beginning, page, place_of
from bot.usage.database import Database
from bot.usage.money import usd_text
from bot.usage.records import TOKEN_FIELDS, UsageRecord


async def export(
    database: Database, *, guild_id: int | None = None, since: datetime | None = None, until: datetime | None = None
) -> AsyncIterator[dict[str, Any]]:
    """The calls of one server, or all, that started at `since` or later and before `until`, oldest first.

    What is still in flight isn't among them, nor what is beyond retention. Raises `DatabaseUnavailableError`.
    """
    only, parameters = (" AND guild_id = $4", (guild_id,)) if guild_id is not None else ("", ())
    place = beginning(since)
    while records := await database.read(lambda: page(place, until, only=only, parameters=parameters)):  # noqa: B023
        for record in records:
            yield row_of(record)
        place = place_of(records[-1])


def row_of(record: UsageRecord) -> dict[str, Any]:
    """One call. Ids of Discord are text: they are too long for the numbers of most other languages."""
    call, settled = record.call, record.settlement
    who = call.attribution
    return {
        "id": call.id,
        "started_at": call.started_at.isoformat(timespec="microseconds"),
        "kind": call.kind.value,
        "api": call.api,
        "status": settled.status.value,
        "guild_id": str(who.guild_id),
        "channel_id": None if who.channel_id is None else str(who.channel_id),
        "user_id": who.user_id,
        "operation": who.operation,
        "agent_name": who.agent_name,
        "session_id": who.session_id,
        "workflow_id": who.workflow_id,
        "execution_id": who.execution_id,
        "provider": call.provider,
        "request_model": call.request_model,
        "response_model": settled.response_model,
        "response_id": settled.response_id,
        "service_tier": settled.service_tier,
        "cost_nano_usd": settled.price.cost_nano_usd,
        "cost_usd": usd_text(settled.price.cost_nano_usd),
        "price_source": settled.price.source,
        "doubtful_nano_usd": settled.doubtful_nano_usd,
        "doubtful_tokens": settled.doubtful_tokens,
        **{name: getattr(settled.usage, name) for name in TOKEN_FIELDS},
        "units": settled.usage.units or None,
        "estimated": settled.estimated,
        "flagged": settled.flagged,
        "error_type": settled.error_type,
        "attempts": settled.attempts,
        "duration_ms": settled.duration_ms,
        "first_token_ms": settled.first_token_ms,
        "metadata": dict(who.metadata) or None,
        "raw_usage": json.loads(settled.raw_usage) if settled.raw_usage else None,
    }
