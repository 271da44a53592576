"""What one finished call adds to `spend_daily`: pure sums, made in memory before they reach the database.

A server's rows carry the server's own dimensions and its local date. The operator's rows live under guild 0 in UTC:
dimension `guild` (key: the guild's id, 0 for calls outside servers) and the same breakdowns with `bot_` before them.
A call without a user, channel, agent or workflow adds nothing to that dimension; the reader shows the rest of the
total as one line, so the lines of every breakdown add up.
"""

import logging
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime, timedelta, tzinfo
from functools import lru_cache
from operator import add
from zoneinfo import ZoneInfo

from bot.usage.database import Row
from bot.usage.records import Kind, Settlement, Status, UsageRecord
from bot.usage.rows import EPOCH, microseconds

log = logging.getLogger(__name__)

RollupKey = tuple[int, str, str, str]
"""guild_id, dimension, day, key."""

FAILED = frozenset({Status.ERROR, Status.ABORTED})
MEASURES = (
    "calls",
    "failed_calls",
    "estimated_calls",
    "unpriced_calls",
    "input_tokens",
    "cached_input_tokens",
    "output_tokens",
    "reasoning_output_tokens",
    "cost_nano_usd",
    "duration_ms",
)
BREAKDOWNS = ("operation", "model", "user", "channel", "agent", "workflow")
_BOT_BREAKDOWNS = tuple(f"bot_{name}" for name in BREAKDOWNS)

UPSERT = (
    f"INSERT INTO spend_daily (guild_id, dimension, day, key, {', '.join(MEASURES)}) "
    f"VALUES ($1, $2, $3, $4, {', '.join(f'${n}' for n in range(5, 5 + len(MEASURES)))}) "
    "ON CONFLICT (guild_id, dimension, day, key) DO UPDATE SET "
    + ", ".join(f"{name} = spend_daily.{name} + excluded.{name}" for name in MEASURES)
)


def upserts(records: Iterable[UsageRecord], zone_of: Callable[[int], tzinfo]) -> Iterator[Row]:
    """Parameters of `UPSERT` for a batch of finished calls. `zone_of` tells a server's time zone by its id."""
    sums: dict[RollupKey, tuple[int, ...]] = {}
    for record in records:
        amounts = _amounts(record.settlement)
        for key in _keys(record, zone_of(record.call.attribution.guild_id)):
            found = sums.get(key)
            sums[key] = amounts if found is None else tuple(map(add, found, amounts))
    for key, total in sums.items():
        yield key + total


def zone_named(name: str) -> tzinfo:
    """The time zone of an IANA name; UTC, and a word in the log, where this machine knows no such zone."""
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        log.warning("there is no time zone %r on this machine: using UTC", name)
        return UTC


def local_day(instant: datetime, zone: tzinfo) -> str:
    """The ISO date of an instant in a time zone. A naive instant is UTC."""
    return _day_of_minute(microseconds(instant) // 60_000_000, zone)


def _keys(record: UsageRecord, zone: tzinfo) -> Iterator[RollupKey]:
    """The rows that a call adds to. Payments have a dimension of their own and no other."""
    call = record.call
    who = call.attribution
    guild_id = who.guild_id
    utc_day = local_day(call.started_at, UTC)
    day = local_day(call.started_at, zone) if guild_id else utc_day
    if call.kind is Kind.PAYMENT:
        yield guild_id, "payment", day, call.provider
        return
    yield guild_id, "total", day, ""
    yield 0, "guild", utc_day, str(guild_id)
    values = (who.operation, record.model, who.user_id, who.channel_id, who.agent_name, who.workflow_id)
    for dimension, bot_dimension, value in zip(BREAKDOWNS, _BOT_BREAKDOWNS, values, strict=True):
        if value is not None:
            key = str(value)
            yield guild_id, dimension, day, key
            yield 0, bot_dimension, utc_day, key


def _amounts(settled: Settlement) -> tuple[int, ...]:
    """In the order of `MEASURES`."""
    usage = settled.usage
    cost = settled.price.cost_nano_usd
    return (
        1,
        int(settled.status in FAILED),
        int(settled.estimated),
        int(cost is None),
        usage.input_tokens,
        usage.cached_input_tokens,
        usage.output_tokens,
        usage.reasoning_output_tokens,
        cost or 0,
        settled.duration_ms,
    )


@lru_cache(maxsize=4096)
def _day_of_minute(minute: int, zone: tzinfo) -> str:
    """Zones are offset from UTC by whole minutes, so all of a minute lies in one day."""
    return (EPOCH + timedelta(minutes=minute)).astimezone(zone).date().isoformat()
