"""Finished calls as the books have them: read back whole, a page at a time, in the order in which they started."""

import json
from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

from bot.usage.records import TOKEN_FIELDS, Price, Settlement, Status, Usage, UsageRecord
from bot.usage.storage.database import Row, Script
from bot.usage.storage.rows import CALL_COLUMNS, call_of, microseconds

PAGE = 1_000
"""How many calls are read at once."""
Place = tuple[int, str]
"""Where a page ends: `started_at` and `id` of its last call."""
_COLUMNS = (
    f"{CALL_COLUMNS}, status, units, cost_nano_usd, price_source, "
    "doubtful_nano_usd, doubtful_tokens, response_model, response_id, service_tier, estimated, flagged, error_type, "
    f"attempts, duration_ms, first_token_ms, raw_usage, {', '.join(TOKEN_FIELDS)}"
)

_CALL = len(CALL_COLUMNS.split(","))


def beginning(since: datetime | None = None) -> Place:
    """The place before every call that started at that time or later; None: before all."""
    return (microseconds(since) if since else -(2**62)), ""


def page(
    after: Place,
    until: datetime | None,
    *,
    only: str = "",
    parameters: Sequence[Any] = (),
    locked: bool = False,
    limit: int | None = None,
) -> Script[list[UsageRecord]]:
    """The next finished calls after a place, started before `until`, at most `limit` (`PAGE`); none after the last.

    `only` is SQL that a call must meet besides, with parameters from `$4` on. `locked`: nobody else changes them before
    this transaction ends.
    """
    sql = (
        f"SELECT {_COLUMNS} FROM usage_records WHERE (started_at, id) > ($1, $2) AND started_at < $3 "
        f"AND status <> 'open'{only} ORDER BY started_at, id LIMIT {limit or PAGE}{' FOR UPDATE' if locked else ''}"
    )
    found = yield sql, (*after, microseconds(until) if until else 2**62, *parameters)
    return [_record_of(row) for row in found]


def place_of(record: UsageRecord) -> Place:
    """Where the next page begins."""
    return microseconds(record.call.started_at), record.call.id


def _record_of(row: Row) -> UsageRecord:
    """A row of `_COLUMNS`."""
    call = call_of(row[:_CALL], Usage(), Price(row[_CALL - 1], "reserved"))
    (
        status, units, cost, source, doubtful, doubtful_tokens, response_model, response_id, service_tier, estimated,
        flagged, error_type, attempts, duration_ms, first_token_ms, raw_usage, *tokens,
    ) = row[_CALL:]  # fmt: skip
    settlement = Settlement(
        status=Status(status),
        usage=Usage(*tokens, **_units(units)),
        price=Price(cost, source or "unknown"),
        duration_ms=duration_ms,
        response_model=response_model,
        response_id=response_id,
        service_tier=service_tier,
        estimated=bool(estimated),
        flagged=flagged,
        error_type=error_type,
        attempts=attempts,
        first_token_ms=first_token_ms,
        doubtful_nano_usd=doubtful,
        doubtful_tokens=doubtful_tokens,
        raw_usage=raw_usage,
    )
    return UsageRecord(call, settlement)


def _units(text: str | None) -> dict[str, Any]:
    units = json.loads(text) if text else {}
    return units | ({"audio_seconds": Decimal(units["audio_seconds"])} if "audio_seconds" in units else {})
