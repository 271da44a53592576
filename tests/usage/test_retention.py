"""Old single calls go, and nobody who looks at sums can tell."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from time import perf_counter
from typing import Any

import pytest

from bot.usage import DatabaseBusyError, DatabaseUnavailableError, PriceList, UsageTracker
from bot.usage.bookkeeping.kept_since import kept
from bot.usage.records import UsageRecord
from bot.usage.reporting.reports import PERIODS, SPLITS
from bot.usage.storage.months import make_months
from bot.usage.upkeep.integrity import verify
from bot.usage.upkeep.retention import STEP, forget_calls, give_back_space
from tests.usage.making import a_call, a_record, a_settlement
from tests.usage.upkeep import BEGIN, END, Clock, dump, tracker_at, write_history

BOTH_DATABASES = True
CUT = END - timedelta(days=32)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def tracker(database_url: str, prices: PriceList, clock: Clock) -> AsyncIterator[UsageTracker]:
    async with tracker_at(database_url, prices, clock) as opened:
        yield opened


async def everything_shown(tracker: UsageTracker) -> list[Any]:
    """Every report, standing and quota there is."""
    reports = [
        await tracker.reports.spend(guild, period, by)
        for guild in (None, 0, 1, 2)
        for period in PERIODS
        for by in SPLITS
    ]
    standings = [await tracker.budgets.standing(guild) for guild in (0, 1, 2)]
    quotas = [await tracker.get_quota_summary(user) for user in ("ann", "bob")]
    return [reports, standings, quotas, await dump(tracker.database, "spend_daily", "budget_periods", "alerts")]


async def count(tracker: UsageTracker, where: str = "1 = 1") -> int:
    return int((await tracker.database.fetch(f"SELECT count(*) FROM usage_records WHERE {where}"))[0][0])


async def since(tracker: UsageTracker) -> datetime | None:
    return (await tracker.database.read(kept)).everywhere


async def test_totals_stay_when_detail_goes(tracker: UsageTracker, clock: Clock) -> None:
    """I25, D9: reports, counters and quotas are as they were, across changes of time zone; what is kept adds up."""
    await write_history(tracker, clock)
    shown = await everything_shown(tracker)
    old = f"started_at < {int(CUT.timestamp()) * 1_000_000}"
    doubtful = await count(tracker, f"{old} AND doubtful_nano_usd > 0")
    everything, before = await count(tracker), await count(tracker, old)
    assert doubtful > 5
    assert await since(tracker) is None
    assert await forget_calls(tracker.database, CUT) == before - doubtful
    assert await count(tracker, old) == doubtful
    assert await count(tracker) == everything - (before - doubtful)
    assert await since(tracker) == CUT
    assert await everything_shown(tracker) == shown
    found = await verify(tracker.database, tracker.operations, END)
    assert found.differences == []
    assert (found.kept_since, found.calls < 160) == (CUT, True)
    assert 300 < found.sums < 1_000


async def test_what_is_wrong_in_kept_days_is_still_found(tracker: UsageTracker, clock: Clock) -> None:
    """I25: "wherever the detail still exists", and a member's month in any case."""
    await write_history(tracker, clock)
    await forget_calls(tracker.database, CUT)
    await tracker.database.execute(
        "UPDATE spend_daily SET calls = calls + 1 WHERE dimension = 'total' AND guild_id = 1"
    )
    await tracker.database.execute("UPDATE spend_daily SET calls = 0 WHERE dimension = 'user/month' AND key = 'ann'")
    await tracker.database.execute("UPDATE budget_periods SET spent = spent + 1 WHERE budget_id <> 'quota'")
    found = (await verify(tracker.database, tracker.operations, END)).differences
    days = [difference.key[2] for difference in found if difference.key[1] == "total"]
    whole = "SELECT day FROM spend_daily WHERE guild_id = 1 AND dimension = 'total' AND day > '2026-03-01' ORDER BY day"
    assert days == [day for (day,) in await tracker.database.fetch(whole)]
    assert len(days) == 28
    assert sorted({d.key[2] for d in found if d.key[1] == "user/month"}) == ["2026-02-01", "2026-03-01", "2026-04-01"]
    periods = {d.key[3] for d in found if d.table == "budget_periods"}
    assert min(periods) == "2026-03-02", "neither those of before, nor one without a beginning"
    assert "2026-03-09" in periods


async def test_calls_in_flight_and_young_ones_stay(tracker: UsageTracker, clock: Clock) -> None:
    """I14: an old call in flight is settled like any other."""
    clock.now, old = END, a_call(at=BEGIN)
    await tracker.ledger.admit(old)
    tracker.ledger.record(UsageRecord(a_call(at=CUT - timedelta(microseconds=1)), a_settlement()))
    tracker.ledger.record(UsageRecord(a_call(at=CUT), a_settlement()))
    tracker.ledger.record(UsageRecord(a_call(at=BEGIN), a_settlement(0, doubtful_nano_usd=1)))
    tracker.ledger.record(UsageRecord(a_call(at=BEGIN), a_settlement(0, doubtful_tokens=1)))
    await tracker.force_flush()
    assert await forget_calls(tracker.database, CUT) == 1
    tracker.ledger.settle(old, a_settlement(123))
    await tracker.force_flush()
    assert (await tracker.reports.spend(1, "all", "day")).total.cost_nano_usd == 5_000 + 5_000 + 123
    assert await count(tracker) == 4


async def test_a_day_that_is_kept_in_part_is_not_counted(tracker: UsageTracker, clock: Clock) -> None:
    """I17, I25: a server's own day: the cut goes through it, though not through the day of UTC."""
    clock.now = BEGIN
    await tracker.settings.set_time_zone(1, "Asia/Kolkata")
    cut = datetime(2026, 3, 1, 20, tzinfo=UTC)
    for hours in (-1, 1, 30):
        tracker.ledger.record(UsageRecord(a_call(at=cut + timedelta(hours=hours)), a_settlement()))
    await tracker.force_flush()
    assert await forget_calls(tracker.database, cut) == 1
    assert (await verify(tracker.database, tracker.operations, END)).differences == []


async def many(tracker: UsageTracker, how_many: int) -> None:
    for number in range(how_many):
        tracker.ledger.record(UsageRecord(a_call(at=BEGIN + timedelta(seconds=number)), a_settlement()))
        if number % 5_000 == 0:
            await tracker.force_flush()
    await tracker.force_flush()


async def test_it_goes_in_small_steps_and_goes_on_where_it_was_stopped(tracker: UsageTracker) -> None:
    """I23, I25: never more than a step in a transaction; a step that is done stays done, and is known to be."""
    await many(tracker, 3 * STEP)
    tracker.ledger.record(UsageRecord(a_call(at=BEGIN), a_settlement(doubtful_tokens=1)))
    await tracker.force_flush()
    going = asyncio.create_task(forget_calls(tracker.database, CUT, pause_seconds=30))
    while await count(tracker) > 2 * STEP + 1:
        await asyncio.sleep(0.005)
    assert (await count(tracker), await since(tracker)) == (2 * STEP + 1, CUT)
    going.cancel()
    assert await forget_calls(tracker.database, CUT - timedelta(days=1), pause_seconds=0) == 2 * STEP
    assert (await count(tracker), await since(tracker)) == (1, CUT)


async def test_no_call_waits_long_for_it(tracker: UsageTracker) -> None:
    """I23: calls are booked beside it."""
    await many(tracker, 10 * STEP)
    going = asyncio.create_task(forget_calls(tracker.database, CUT, pause_seconds=0.005))
    waits = []
    while not going.done():
        began = perf_counter()
        await tracker.ledger.admit(a_call())
        waits.append(perf_counter() - began)
    assert await going == 10 * STEP
    assert len(waits) > 20
    assert sorted(waits)[len(waits) * 9 // 10] < 0.1


@pytest.mark.sqlite_only
async def test_space_comes_back_once_the_bot_has_stopped(
    tmp_path: Path, database_url: str, prices: PriceList, clock: Clock
) -> None:
    """I25: what is left is all there; and a running bot isn't held up by it."""
    async with tracker_at(database_url, prices, clock) as tracker:
        await many(tracker, 2_000)
        tracker.ledger.record(a_record())
        await tracker.force_flush()
        await forget_calls(tracker.database, CUT, pause_seconds=0)
        with pytest.raises(DatabaseBusyError):
            await give_back_space(database_url)
    size = (tmp_path / "usage.db").stat().st_size
    await give_back_space(database_url)
    assert (tmp_path / "usage.db").stat().st_size < size / 2
    clock.now = END
    async with tracker_at(database_url, prices, clock) as tracker:
        assert await count(tracker) == 1
        assert (await tracker.reports.spend(1, "all", "day")).total.calls == 2_001
    await give_back_space("sqlite:///:memory:")


async def test_books_out_of_reach_are_told(tracker: UsageTracker) -> None:
    await tracker.database.close()
    with pytest.raises(DatabaseUnavailableError):
        await forget_calls(tracker.database, CUT)


async def months(tracker: UsageTracker) -> set[str]:
    """The parts of `usage_records` on PostgreSQL."""
    parent = "CAST('usage_records' AS regclass)"
    sql = f"SELECT CAST(CAST(inhrelid AS regclass) AS TEXT) FROM pg_inherits WHERE inhparent = {parent}"
    return {name for (name,) in await tracker.database.fetch(sql)}


async def test_a_month_without_calls_goes_whole_on_postgresql(postgres_url: str, prices: PriceList) -> None:
    """I25: its space comes back; a month with a doubt in it, the month of the cut and later ones stay."""
    clock = Clock(END)
    async with tracker_at(postgres_url, prices, clock) as tracker:
        await make_months(tracker.database, date(2025, 12, 1), 5)
        for at, doubt in ((datetime(2025, 12, 31, tzinfo=UTC), 0), (datetime(2026, 1, 5, tzinfo=UTC), 1), (BEGIN, 0)):
            tracker.ledger.record(UsageRecord(a_call(at=at), a_settlement(doubtful_tokens=doubt)))
        await tracker.force_flush()
        before = await months(tracker)
        assert await forget_calls(tracker.database, CUT) == 2
        after = await months(tracker)
        assert before - after == {"usage_records_2025_12", "usage_records_2026_02"}
        assert {"usage_records_2026_01", "usage_records_2026_03"} <= after
        late = UsageRecord(a_call(at=datetime(2025, 12, 30, tzinfo=UTC)), a_settlement())
        tracker.ledger.record(late)
        await tracker.force_flush()
        assert await count(tracker) == 2
        assert (await tracker.reports.spend(1, "all", "day")).total.calls == 4
