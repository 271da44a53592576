"""What one finished call adds to `spend_daily`: pure sums, made in memory before they reach the database.

A server's rows carry the server's own dimensions and its local date. The operator's rows live under guild 0 in UTC:
dimension `guild` (key: the guild's id, 0 for calls outside servers) and the same breakdowns with `bot_` before them.
A call without a user, channel, agent or workflow adds nothing to that dimension; the reader shows the rest of the
total as one line, so the lines of every breakdown add up.
"""

from collections.abc import Iterable
from datetime import UTC, datetime, tzinfo

from bot.usage.database import Statement
from bot.usage.records import Kind, Settlement, Status, UsageRecord

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

UPSERT = (
    f"INSERT INTO spend_daily (guild_id, dimension, day, key, {', '.join(MEASURES)}) "
    f"VALUES ($1, $2, $3, $4, {', '.join(f'${n}' for n in range(5, 5 + len(MEASURES)))}) "
    "ON CONFLICT (guild_id, dimension, day, key) DO UPDATE SET "
    + ", ".join(f"{name} = spend_daily.{name} + excluded.{name}" for name in MEASURES)
)


class Rollups:
    """Sums by guild, dimension, day and key, for one batch of finished calls."""

    def __init__(self) -> None:
        self._sums: dict[RollupKey, list[int]] = {}

    def add(self, record: UsageRecord, zone: tzinfo) -> None:
        """Add one finished call. `zone` is its server's. Payments have a dimension of their own and no other."""
        call = record.call
        amounts = _amounts(record.settlement)
        who = call.attribution
        utc_day = _day(call.started_at, UTC)
        if call.kind is Kind.PAYMENT:
            self._add((who.guild_id, "payment", _day(call.started_at, zone), call.provider), amounts)
            return
        day = _day(call.started_at, zone) if who.guild_id else utc_day
        keys = (
            ("operation", who.operation),
            ("model", record.model),
            ("user", who.user_id),
            ("channel", who.channel_id),
            ("agent", who.agent_name),
            ("workflow", who.workflow_id),
        )
        self._add((who.guild_id, "total", day, ""), amounts)
        self._add((0, "guild", utc_day, str(who.guild_id)), amounts)
        for dimension, key in keys:
            if key is not None:
                self._add((who.guild_id, dimension, day, str(key)), amounts)
                self._add((0, f"bot_{dimension}", utc_day, str(key)), amounts)

    def statement(self) -> Iterable[Statement]:
        """The upsert for all sums, or nothing."""
        return [(UPSERT, [(*key, *sums) for key, sums in self._sums.items()])] if self._sums else []

    def _add(self, key: RollupKey, amounts: tuple[int, ...]) -> None:
        sums = self._sums.get(key)
        if sums is None:
            self._sums[key] = list(amounts)
        else:
            for index, amount in enumerate(amounts):
                sums[index] += amount


def _amounts(settled: Settlement) -> tuple[int, ...]:
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


def _day(instant: datetime, zone: tzinfo) -> str:
    return instant.astimezone(zone).date().isoformat()
