"""Every finished call as a row for other programs: the columns of the books, instants as ISO 8601, ids as text."""

import asyncio
import csv
import json
from collections.abc import AsyncIterator
from datetime import datetime
from io import StringIO
from typing import Any, Literal, get_args

from bot.usage.bookkeeping.booked import beginning, page, place_of
from bot.usage.money import usd_text
from bot.usage.records import TOKEN_FIELDS, UsageRecord
from bot.usage.storage.database import Database

Format = Literal["csv", "jsonl"]
FORMATS: tuple[Format, ...] = get_args(Format)
_FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""What a spreadsheet takes for a formula where a cell begins with it."""


async def export_text(
    database: Database,
    form: Format,
    *,
    guild_id: int | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
) -> AsyncIterator[str]:
    """The calls of one server, or all, that started at `since` or later and before `until`, oldest first, as text.

    A thousand lines at a time, made in a thread: JSON Lines, or CSV with a header where there is any call at all. What
    is still in flight isn't among them, nor what is beyond retention. Raises `DatabaseUnavailableError`.
    """
    write = _jsonl if form == "jsonl" else _csv
    is_first = True
    async for records in _pages(database, guild_id, since, until):
        yield await asyncio.to_thread(write, records, is_first)
        is_first = False


async def _pages(
    database: Database, guild_id: int | None, since: datetime | None, until: datetime | None
) -> AsyncIterator[list[UsageRecord]]:
    only, parameters = (" AND guild_id = $4", (guild_id,)) if guild_id is not None else ("", ())
    place = beginning(since)
    while records := await database.read(lambda: page(place, until, only=only, parameters=parameters)):  # noqa: B023
        yield records
        place = place_of(records[-1])


def _jsonl(records: list[UsageRecord], _is_first: bool) -> str:
    return "".join(json.dumps(row_of(record), ensure_ascii=False) + "\n" for record in records)


def _csv(records: list[UsageRecord], is_first: bool) -> str:
    rows = [row_of(record) for record in records]
    text = StringIO()
    writer = csv.DictWriter(text, list(rows[0]), lineterminator="\n")
    if is_first:
        writer.writeheader()
    writer.writerows({name: _cell(value) for name, value in row.items()} for row in rows)
    return text.getvalue()


def _cell(value: Any) -> Any:
    """Callers choose names, and some would be run as a formula by whoever opens the file."""
    if isinstance(value, dict):
        return json.dumps(value, ensure_ascii=False)
    return f"'{value}" if isinstance(value, str) and value.startswith(_FORMULA) else value


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
