"""Sums against the single calls: right books are found right; what is wrong is found and mended, and nothing else."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest

from bot.usage import PriceList, UsageTracker
from bot.usage.errors import RepairedMeanwhileError
from bot.usage.records import UsageRecord
from bot.usage.upkeep.integrity import Difference, Findings, repair, verify
from tests.usage.making import a_call, a_settlement
from tests.usage.upkeep import END, Clock, dump, tracker_at, write_history

BOTH_DATABASES = True
SUMS = ("spend_daily", "budget_periods")


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def tracker(database_url: str, prices: PriceList, clock: Clock) -> AsyncIterator[UsageTracker]:
    async with tracker_at(database_url, prices, clock) as opened:
        yield opened


async def look(tracker: UsageTracker) -> Findings:
    await tracker.force_flush()
    return await verify(tracker.database, tracker.operations, END)


async def test_books_without_a_call_are_right(tracker: UsageTracker) -> None:
    assert await look(tracker) == Findings()


async def test_right_books_are_found_right(tracker: UsageTracker, clock: Clock) -> None:
    """I8, I14, I17, I25: across changes of time zone, with every scope of budget, doubts, payments and open calls."""
    await write_history(tracker, clock)
    found = await look(tracker)
    assert found.differences == []
    assert found.calls == 240
    [(sums,)] = await tracker.database.fetch("SELECT count(*) FROM spend_daily WHERE dimension <> 'user/month'")
    [(counters,)] = await tracker.database.fetch("SELECT count(*) FROM budget_periods")
    assert (found.sums, found.counters) == (sums, counters)
    assert sums > 1_000
    assert counters > 150
    reserved = await tracker.database.fetch("SELECT count(*) FROM budget_periods WHERE reserved > 0")
    assert reserved[0][0] > 5


async def one(tracker: UsageTracker, **who: Any) -> None:
    tracker.ledger.record(UsageRecord(a_call(at=END, **who), a_settlement(5_000, doubtful_nano_usd=70)))
    await tracker.force_flush()


async def test_what_is_wrong_is_found_and_mended_and_nothing_else(tracker: UsageTracker, clock: Clock) -> None:
    """I8, I25: changed, missing, made up, a month, each amount of a counter, a quota; each with a line of its own."""
    clock.now = END
    budget = await tracker.set_budget(scope="guild", guild_id=1, period="month", limit_usd=1)
    await one(tracker, user_id="ann", channel_id=70)
    await one(tracker, user_id="ann", guild_id=2)
    await tracker.ledger.admit(a_call(at=END))
    right = await dump(tracker.database, *SUMS)
    for sql in (
        "UPDATE spend_daily SET cost_nano_usd = 7, calls = 3 WHERE guild_id = 1 AND dimension = 'total'",
        "UPDATE spend_daily SET duration_ms = 99 WHERE guild_id = 1 AND dimension = 'user'",
        "DELETE FROM spend_daily WHERE guild_id = 1 AND dimension = 'channel'",
        "UPDATE spend_daily SET calls = 9 WHERE guild_id = 2 AND dimension = 'user/month'",
        """INSERT INTO spend_daily SELECT guild_id, dimension, '2026-01-05', 'made up', 4, 0, 0, 0, 0, 0, 0, 0, 0, 0
           FROM spend_daily WHERE guild_id = 2 AND dimension = 'model'""",
        f"UPDATE budget_periods SET spent = 1, reserved = 2, doubtful = 3 WHERE budget_id = '{budget.id}'",
        "UPDATE budget_periods SET spent = 1 WHERE budget_id = 'quota'",
    ):
        await tracker.database.execute(sql)
    nothing = (0,) * 10
    line = (1, 0, 0, 0, 10, 0, 20, 0, 5_000, 7)
    found = await look(tracker)
    assert found.differences == [
        Difference("spend_daily", (2, "model", "2026-01-05", "made up"), (4, *nothing[1:]), nothing),
        Difference("spend_daily", (1, "total", "2026-04-02", ""), (3, *line[1:8], 7, 7), line),
        Difference("spend_daily", (1, "user", "2026-04-02", "ann"), (*line[:9], 99), line),
        Difference("spend_daily", (1, "channel", "2026-04-02", "70"), nothing, line),
        Difference("spend_daily", (2, "user/month", "2026-04-01", "ann"), (9, *line[1:]), line),
        Difference("budget_periods", (0, "quota", "ann", "2026-04-01"), (1, 0, 0), (60, 0, 0)),
        Difference("budget_periods", (1, budget.id, "", "2026-04-01"), (1, 2, 3), (5_000, 9_000, 70)),
    ]
    assert found.differences[1].columns == {"calls": (3, 1), "cost_nano_usd": (7, 5_000)}
    await repair(tracker.database, found, END, "me")
    assert await dump(tracker.database, *SUMS) == right
    assert (await look(tracker)).differences == []
    notes = [(line.actor, line.action, dict(line.facts)) for line in await tracker.settings.audit(2)]
    assert ("me", "sum repaired", {
        "table": "spend_daily", "key": ["user/month", "2026-04-01", "ann"], "calls": [9, 1],
    }) in notes  # fmt: skip
    assert len(notes) + len(await tracker.settings.audit(1)) + len(await tracker.settings.audit(0)) == 8


async def test_a_repair_beside_a_running_bot_keeps_what_is_booked_meanwhile(
    tracker: UsageTracker, clock: Clock
) -> None:
    """I8: between the counting and the mending, and during it."""
    await write_history(tracker, clock)
    await tracker.database.execute(
        "UPDATE spend_daily SET cost_nano_usd = cost_nano_usd + 1, calls = calls - 1 WHERE dimension = 'user'"
    )
    await tracker.database.execute("UPDATE budget_periods SET spent = spent - 1 WHERE budget_id <> 'quota'")
    found = await look(tracker)
    assert len(found.differences) > 200
    mending = asyncio.create_task(repair(tracker.database, found, END))
    booked = 0
    while not mending.done():
        await one(tracker, user_id="ann", channel_id=70)
        booked += 1
    await mending
    assert booked > 3
    assert (await look(tracker)).differences == []


async def test_a_repaired_counter_fires_what_it_has_passed(tracker: UsageTracker, clock: Clock) -> None:
    """I19: once, and only in the period that runs."""
    clock.now = END - timedelta(days=40)
    await tracker.set_budget(scope="guild", guild_id=1, period="month", limit_usd="0.00001")
    await one(tracker)
    for at in (END - timedelta(days=40), END):
        tracker.ledger.record(UsageRecord(a_call(at=at), a_settlement(8_500)))
    clock.now = END
    await tracker.force_flush()
    await tracker.database.execute("DELETE FROM alerts")
    await tracker.database.execute("UPDATE budget_periods SET spent = 0, doubtful = 0, fired = 0")
    for _ in range(2):
        await repair(tracker.database, await look(tracker), END)
    fired = await tracker.database.fetch("SELECT period_start, threshold, used FROM alerts ORDER BY threshold")
    assert fired == [("2026-04-01", threshold, 13_570) for threshold in (80, 90, 100)]


async def test_two_repairs_at_once_don_t_mend_twice(tracker: UsageTracker, clock: Clock) -> None:
    """I8: the second is told, and changes nothing."""
    clock.now = END
    await one(tracker)
    await tracker.database.execute("UPDATE spend_daily SET calls = 5 WHERE dimension IN ('total', 'model')")
    first, second = await look(tracker), await look(tracker)
    await repair(tracker.database, first, END)
    right = await dump(tracker.database, *SUMS)
    with pytest.raises(RepairedMeanwhileError) as raised:
        await repair(tracker.database, second, END)
    assert raised.value.repaired == 0
    assert await dump(tracker.database, *SUMS) == right
    assert (await look(tracker)).differences == []
