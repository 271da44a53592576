"""Weeks of calls of every sort, for whatever keeps the books in order: the same at each run."""

import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

from bot.usage import PriceList, Tier, Tiers, UsageTracker, open_tracker
from bot.usage.records import Kind, Price, Status, Usage, UsageRecord
from tests.usage.making import a_call, a_settlement

BEGIN = datetime(2026, 2, 1, 1, 30, tzinfo=UTC)
DAYS = 60
END = BEGIN + timedelta(days=DAYS)
TIERS = Tiers([Tier("free", 10_000), Tier("premium", 1_000_000, premium=True)])
TABLES = {
    "spend_daily": "guild_id, dimension, day, key",
    "budget_periods": "guild_id, budget_id, key, period_start",
    "usage_records": "id",
    "alerts": "id",
}


class Clock:
    """Stands where it was put."""

    def __init__(self, now: datetime = BEGIN) -> None:
        self.now = now

    def __call__(self) -> datetime:
        return self.now


@asynccontextmanager
async def tracker_at(url: str, prices: PriceList, clock: Clock) -> AsyncIterator[UsageTracker]:
    async with open_tracker(url, console=False, prices=prices, tiers=TIERS, clock=clock) as tracker:
        tracker.define_operation("league", counts_toward_quota=False)
        yield tracker


async def write_history(tracker: UsageTracker, clock: Clock) -> None:
    """Two servers, one of which changes its time zone twice, direct messages, budgets of every scope, failures, doubts,
    unpriced calls, payments; two calls are in flight at the end.
    """
    clock.now, dice = BEGIN, random.Random(5)
    await set_budgets(tracker)
    for day in range(DAYS):
        if day in (5, 33):
            clock.now = BEGIN + timedelta(days=day, hours=11)
            await tracker.settings.set_time_zone(1, "Asia/Kolkata" if day == 5 else "America/Los_Angeles")
        for hour in sorted(dice.sample(range(24), 4)):
            clock.now = BEGIN + timedelta(days=day, hours=hour, seconds=dice.randrange(3_600))
            record = UsageRecord(_a_call(clock.now, dice), _an_end(dice))
            if dice.random() < 0.5:
                await tracker.ledger.admit(record.call)
                tracker.ledger.settle(record.call, record.settlement)
            else:
                tracker.ledger.record(record)
        await tracker.force_flush()
    clock.now = END
    for user in ("ann", "bob"):
        await tracker.ledger.admit(a_call(at=END, user_id=user, role_ids=(8,)))


async def set_budgets(tracker: UsageTracker) -> None:
    for given in (
        {"scope": "guild", "guild_id": 1, "period": "month", "limit_usd": 1},
        {"scope": "guild", "guild_id": 1, "period": "day", "limit_usd": 1},
        {"scope": "each_user", "guild_id": 1, "period": "day", "limit_tokens": 10**9},
        {"scope": "channel", "scope_id": 70, "guild_id": 1, "period": "week", "limit_tokens": 10**9},
        {"scope": "role", "scope_id": 8, "guild_id": 1, "period": "month", "limit_usd": 1},
        {"scope": "workflow", "scope_id": "w", "guild_id": 2, "period": "total", "limit_usd": 1},
        {"scope": "bot", "period": "total", "limit_usd": 1},
        {"scope": "operation", "scope_id": "league", "period": "month", "limit_usd": 1},
        {"scope": "user", "scope_id": "ann", "period": "week", "limit_usd": 1},
        {"scope": "direct_messages", "period": "day", "limit_tokens": 10**9},
    ):
        await tracker.set_budget(**given)


def _a_call(at: datetime, dice: random.Random) -> Any:
    return a_call(
        at=at,
        guild_id=dice.choice((1, 1, 1, 2, 0)),
        user_id=dice.choice(("ann", "bob", None)),
        channel_id=dice.choice((70, 71, None)),
        operation=dice.choice(("chat", "chat", "league")),
        workflow_id=dice.choice(("w", None)),
        agent_name=dice.choice(("scout", None)),
        role_ids=dice.choice(((8,), ())),
        model=dice.choice(("gpt-4o", "gpt-4o-mini", "mystery")),
        kind=dice.choices((Kind.LLM, Kind.PAYMENT), (20, 1))[0],
    )


def _an_end(dice: random.Random) -> Any:
    usage = Usage(
        input_tokens=dice.randrange(500), cached_input_tokens=dice.randrange(5), output_tokens=dice.randrange(200)
    )
    price = Price(None, "unknown") if dice.random() < 0.1 else Price(dice.randrange(10_000), "test")
    doubts = dice.random() < 0.15
    return a_settlement(
        usage=usage,
        price=price,
        status=dice.choices((Status.OK, Status.ERROR, Status.ABORTED, Status.INTERRUPTED), (20, 2, 2, 1))[0],
        duration_ms=dice.randrange(3_000),
        estimated=doubts,
        doubtful_nano_usd=dice.randrange(1, 900) if doubts else 0,
        doubtful_tokens=dice.randrange(1, 90) if doubts else 0,
    )


async def dump(database: Any, *tables: str) -> dict[str, list[tuple[Any, ...]]]:
    """Every row of some tables, in the order of their keys."""
    return {table: await database.fetch(f"SELECT * FROM {table} ORDER BY {TABLES[table]}") for table in tables}
