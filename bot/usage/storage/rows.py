"""Calls as rows of `usage_records`: the SQL and the order of its parameters, in one place for writing and reading."""

import json
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from operator import attrgetter
from typing import Any

from bot.usage.records import (
    TOKEN_FIELDS,
    UNIT_FIELDS,
    Attribution,
    Kind,
    OpenCall,
    Price,
    Settlement,
    Status,
    Usage,
    UsageRecord,
)
from bot.usage.storage.database import Row

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
RESERVED_SOURCE = "reserved"
"""Price source of a call whose process died with it: charged at the worst case it was admitted at."""
LARGEST = 10**15
"""The most tokens, nano-USD or milliseconds that one call can have: a larger number is a mistake somewhere, and a few
of them would push a sum over 64 bits, where SQLite goes on with floats."""

_OPEN = Status.OPEN.value
_TOKENS = attrgetter(*TOKEN_FIELDS)
_UNITS = attrgetter(*UNIT_FIELDS)
_MICROSECOND = timedelta(microseconds=1)
_OPEN_COLUMNS = (
    "id",
    "worker_id",
    "kind",
    "api",
    "started_at",
    "guild_id",
    "channel_id",
    "user_id",
    "operation",
    "agent_name",
    "session_id",
    "workflow_id",
    "execution_id",
    "metadata",
    "provider",
    "request_model",
    "status",
    "reserved_nano_usd",
    "input_tokens",
    "output_tokens",
    "held",
)
_SETTLED_COLUMNS = (
    "status",
    *TOKEN_FIELDS,
    "units",
    "cost_nano_usd",
    "price_source",
    "doubtful_nano_usd",
    "doubtful_tokens",
    "response_model",
    "response_id",
    "service_tier",
    "estimated",
    "flagged",
    "error_type",
    "attempts",
    "duration_ms",
    "first_token_ms",
    "raw_usage",
)

INSERT_OPEN = (
    f"INSERT INTO usage_records ({', '.join(_OPEN_COLUMNS)}) "
    f"VALUES ({', '.join(f'${n}' for n in range(1, len(_OPEN_COLUMNS) + 1))}) ON CONFLICT DO NOTHING"
)
_THE_CALL = "WHERE guild_id = $1 AND started_at = $2 AND id = $3"
"""All of its key on PostgreSQL, where records are kept by month. `key` has the parameters."""
UPDATE_SETTLED = (
    "UPDATE usage_records SET "
    + ", ".join(f"{name} = ${n}" for n, name in enumerate(_SETTLED_COLUMNS, start=4))
    + f", held = NULL {_THE_CALL}"
)
UPDATE_AGAIN = (
    "UPDATE usage_records SET reserved_nano_usd = reserved_nano_usd + $4, input_tokens = input_tokens + $5, "
    f"output_tokens = output_tokens + $6, held = $7 {_THE_CALL} AND status = 'open'"
)
"""A second attempt leaves while the first may be billed: after a crash both are charged (I21)."""
UPDATE_WORSE = (
    "UPDATE usage_records SET reserved_nano_usd = $4, input_tokens = $5, output_tokens = $6 "
    f"{_THE_CALL} AND status = 'open' AND input_tokens + output_tokens < CAST($5 AS BIGINT) + CAST($6 AS BIGINT)"
)
"""The same as it stands in a journal, which may be written twice: the worst case of all attempts together."""
UPDATE_HELD = f"UPDATE usage_records SET held = $4 {_THE_CALL} AND status = 'open'"
CALL_COLUMNS = (
    "id, kind, api, started_at, guild_id, channel_id, user_id, operation, agent_name, session_id, workflow_id, "
    "execution_id, metadata, provider, request_model, reserved_nano_usd"
)
"""What a call was before it left: `call_of` reads them."""
SELECT_KNOWN = f"SELECT status, held, {CALL_COLUMNS} FROM usage_records {_THE_CALL} FOR UPDATE"
"""What is on the books of a call that may be there; `key` has the parameters."""
SELECT_RESERVED = f"SELECT status, reserved_nano_usd, input_tokens, output_tokens FROM usage_records {_THE_CALL}"
"""How a call that is told by key stands, and the worst case it was admitted at; `key` has the parameters."""
SELECT_ORPHANS = (
    f"SELECT {CALL_COLUMNS}, input_tokens, output_tokens, held "
    "FROM usage_records WHERE status = 'open' AND NOT EXISTS (SELECT 1 FROM workers WHERE workers.id = worker_id "
    "AND ended_at IS NULL) ORDER BY worker_id LIMIT 1000 FOR UPDATE SKIP LOCKED"
)
"""Open calls of workers that have ended: each is taken by one of the processes that look for them."""


def microseconds(instant: datetime) -> int:
    """An instant as whole microseconds since 1970 in UTC. A naive one is UTC."""
    if instant.tzinfo is None:
        instant = instant.replace(tzinfo=UTC)
    return (instant - EPOCH) // _MICROSECOND


def from_microseconds(value: int) -> datetime:
    """The instant that `microseconds` made, in UTC."""
    return EPOCH + timedelta(microseconds=value)


def open_row(call: OpenCall, worker_id: str, held: str | None = None) -> Row:
    """Parameters of `INSERT_OPEN`. Tokens are the worst case's until the call is settled.

    `held` names the counters in which that worst case is reserved, so that a recovery can release it.

    Raises `OverflowError` for a number beyond `LARGEST`.
    """
    who = call.attribution
    usage = call.reserved_usage
    cost = call.reserved.cost_nano_usd
    _require_plausible((usage.input_tokens, usage.output_tokens, cost or 0))
    return (
        call.id,
        worker_id,
        call.kind.value,
        call.api,
        microseconds(call.started_at),
        who.guild_id,
        who.channel_id,
        who.user_id,
        who.operation,
        who.agent_name,
        who.session_id,
        who.workflow_id,
        who.execution_id,
        json.dumps(dict(who.metadata)) if who.metadata else None,
        call.provider,
        call.request_model,
        _OPEN,
        cost,
        usage.input_tokens,
        usage.output_tokens,
        held,
    )


def again_row(call: OpenCall, held: str | None) -> Row:
    """Parameters of `UPDATE_AGAIN`."""
    usage = call.reserved_usage
    return *key(call), call.reserved.cost_nano_usd or 0, usage.input_tokens, usage.output_tokens, held


def worse_row(call: OpenCall) -> Row:
    """Parameters of `UPDATE_WORSE`."""
    usage = call.reserved_usage
    return *key(call), call.reserved.cost_nano_usd, usage.input_tokens, usage.output_tokens


def held_row(call: OpenCall, held: str | None) -> Row:
    """Parameters of `UPDATE_HELD`."""
    return *key(call), held


def settled_row(call: OpenCall, settled: Settlement) -> Row:
    """Parameters of `UPDATE_SETTLED`. Raises `OverflowError` for a number beyond `LARGEST`."""
    usage = settled.usage
    tokens = _TOKENS(usage)
    cost = settled.price.cost_nano_usd
    doubtful = settled.doubtful_nano_usd, settled.doubtful_tokens
    _require_plausible((*tokens, cost or 0, *doubtful, settled.duration_ms))
    return (
        *key(call),
        settled.status.value,
        *tokens,
        json.dumps(usage.units) if any(_UNITS(usage)) else None,
        cost,
        settled.price.source,
        *doubtful,
        settled.response_model,
        settled.response_id,
        settled.service_tier,
        int(settled.estimated),
        settled.flagged,
        settled.error_type,
        settled.attempts,
        settled.duration_ms,
        settled.first_token_ms,
        settled.raw_usage,
    )


def key(call: OpenCall) -> tuple[int, int, str]:
    """What a call is found by: its server, start and id."""
    return call.attribution.guild_id, microseconds(call.started_at), call.id


def _require_plausible(numbers: Iterable[int]) -> None:
    for number in numbers:
        if not -LARGEST <= number <= LARGEST:
            raise OverflowError(f"{number} is no number of tokens, nano-USD or milliseconds")


def interrupted(row: Row) -> UsageRecord:
    """A row of `SELECT_ORPHANS` as the record it becomes: charged at its reserved worst case, estimated (I21).

    Nobody saw how long it took: its duration is 0.
    """
    *call, input_tokens, output_tokens, _ = row
    usage, reserved = Usage(input_tokens=input_tokens, output_tokens=output_tokens), call[-1]
    price = Price(reserved, RESERVED_SOURCE if reserved is not None else "unknown")
    settlement = Settlement(Status.INTERRUPTED, usage, price, duration_ms=0, estimated=True)
    return UsageRecord(call_of(call, usage, price), settlement)


def call_of(row: Sequence[Any], reserved_usage: Usage, reserved: Price) -> OpenCall:
    """The call in a row of `CALL_COLUMNS`. What isn't kept has its default: roles, and what it was admitted by."""
    (
        call_id, kind, api, started_at, guild_id, channel_id, user_id, operation, agent_name, session_id, workflow_id,
        execution_id, metadata, provider, request_model, _,
    ) = row  # fmt: skip
    return OpenCall(
        id=call_id,
        kind=Kind(kind),
        api=api,
        started_at=from_microseconds(started_at),
        attribution=Attribution(
            operation=operation,
            guild_id=guild_id,
            channel_id=channel_id,
            user_id=user_id,
            session_id=session_id,
            workflow_id=workflow_id,
            execution_id=execution_id,
            agent_name=agent_name,
            metadata=json.loads(metadata) if metadata else {},
        ),
        provider=provider,
        request_model=request_model,
        reserved_usage=reserved_usage,
        reserved=reserved,
    )
