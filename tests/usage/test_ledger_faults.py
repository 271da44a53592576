"""The writer of the books in foul weather: a database that is locked, full, gone, slow or forgetful, and bad rows."""

import asyncio
import random
import sqlite3
from datetime import timedelta
from time import perf_counter
from zoneinfo import ZoneInfo

import pytest

from bot.usage.bookkeeping import entries
from bot.usage.bookkeeping import writer as writer_module
from bot.usage.bookkeeping.ledger import Ledger
from bot.usage.errors import DatabaseUnavailableError, LedgerClosedError
from bot.usage.records import Kind, Status, Usage, UsageRecord
from bot.usage.storage.database import Database
from bot.usage.storage.sqlite import SqliteDatabase
from tests.usage.making import (
    NOW,
    FaultyDatabase,
    a_call,
    a_settlement,
    bury,
    ledger_on,
    recount,
    the_books,
)

BOTH_DATABASES = True

AWAY = DatabaseUnavailableError("test.db", "database is locked")
LOST_REPLIES = [
    AWAY,
    sqlite3.Error("?"),
    RuntimeError("reply lost"),
    MemoryError(),
    TimeoutError(),
    OverflowError("int"),
]


@pytest.fixture
def database(database: Database, monkeypatch: pytest.MonkeyPatch) -> FaultyDatabase:
    monkeypatch.setattr(writer_module, "RETRY_SECONDS", (0.01, 0.02))
    return FaultyDatabase(database)


@pytest.fixture
def real(database: FaultyDatabase) -> Database:
    return database._database


async def total_calls(database) -> int:
    return (await the_books(database)).get((1, "total", "2026-03-31", ""), (0,))[0]


async def run_calls(ledger: Ledger, number: int) -> list[str]:
    """Admit and settle some calls at once; their ids."""

    async def one() -> str:
        await ledger.admit(call := a_call())
        ledger.settle(call, a_settlement())
        return call.id

    return await asyncio.gather(*(one() for _ in range(number)))


@pytest.mark.parametrize("error", LOST_REPLIES, ids=lambda e: type(e).__name__)
@pytest.mark.parametrize("committed", [False, True])
async def test_a_failed_write_is_repeated_exactly_once(database, error: Exception, committed: bool) -> None:
    """I22: a transaction that failed is written again; one that was committed but lost its reply is not."""
    told: list[UsageRecord] = []
    async with ledger_on(database, told.extend) as ledger:
        fate = (error,) if committed else error
        database.faults.extend([fate, None, fate, fate, None])
        ids = await run_calls(ledger, 20)
        await ledger.flush()
        ids += await run_calls(ledger, 20)
        await ledger.flush()
        assert ledger.faults
        assert ledger.dropped == 0
    assert await total_calls(database) == 40
    assert await the_books(database) == await recount(database)
    assert sorted(record.call.id for record in told) == sorted(ids)


@pytest.mark.parametrize("seed", range(20))
async def test_any_weather_leaves_exact_books(database, seed: int) -> None:
    """I22, I25: whatever fails in whatever order, each call is there once and the rollups equal a recount."""
    dice = random.Random(seed)
    zone = ZoneInfo("America/Los_Angeles")
    await database.execute("INSERT INTO guild_settings (guild_id, time_zone) VALUES (1, 'America/Los_Angeles')")
    kinds = [Kind.LLM] * 8 + [Kind.IMAGE, Kind.PAYMENT]
    admitted: list[str] = []
    async with ledger_on(database) as ledger:

        async def caller() -> None:
            for _ in range(dice.randrange(1, 12)):
                call = a_call(
                    guild_id=dice.choice([0, 1, 2]),
                    user_id=dice.choice([None, "", "u", "v"]),
                    channel_id=dice.choice([None, 0, 7]),
                    agent_name=dice.choice([None, "a"]),
                    workflow_id=dice.choice([None, "w"]),
                    at=NOW + timedelta(hours=dice.randrange(-80, 80)),
                    kind=dice.choice(kinds),
                )
                await ledger.admit(call)
                admitted.append(call.id)
                await asyncio.sleep(dice.choice([0, 0, 0.001]))
                cost = dice.choice([None, 0, dice.randrange(10**9)])
                status = dice.choice([Status.OK, Status.ERROR, Status.ABORTED])
                ledger.settle(call, a_settlement(cost, status=status, estimated=dice.random() < 0.2))

        async def weather() -> None:
            while True:
                await asyncio.sleep(dice.random() * 0.01)
                passing = dice.choice([AWAY, MemoryError(), TimeoutError()])
                database.faults.append(dice.choice([passing, (dice.choice(LOST_REPLIES),)]))
                database.gone = dice.random() < 0.2

        storm = asyncio.create_task(weather())
        await asyncio.gather(*(caller() for _ in range(20)))
        storm.cancel()
        database.gone = False
        await ledger.flush()
        assert ledger.dropped == 0
    stored = await database.fetch("SELECT id FROM usage_records WHERE status <> 'open'")
    assert sorted(admitted) == sorted(row[0] for row in stored)
    assert await the_books(database) == await recount(database, {1: zone})


POISONS = {
    "guild beyond 64 bits": {"guild_id": 2**63},
    "user that can't be bound": {"user_id": object()},
    "half a character": {"operation": "\ud800"},
    "no operation": {"operation": None},
    "metadata that is no JSON": {"metadata": {"a": object()}},
    "more than any call reserves": {"reserved": 10**16},
}


@pytest.mark.parametrize("poison", POISONS.values(), ids=POISONS.keys())
async def test_an_intent_that_no_database_takes(database, poison, caplog: pytest.LogCaptureFixture) -> None:
    """I23: the call goes ahead, is counted and named in the log; the 99 beside it are stored; no sum is torn."""
    async with ledger_on(database) as ledger:
        bad = a_call(**poison)
        calls = [a_call() for _ in range(50)] + [bad] + [a_call() for _ in range(49)]

        async def refuse() -> None:
            ledger._entries.add_refusal((1, 7, "budget busy"))

        async with asyncio.timeout(2):
            await asyncio.gather(*(ledger.admit(call) for call in calls), refuse())
        for call in calls:
            ledger.settle(call, a_settlement())
        await ledger.flush()
        assert ledger.dropped == 1
        assert bad.id in caplog.text
        assert not ledger._writer._unbooked
    assert await database.fetch("SELECT guild_id, hour, cause, calls FROM refusals") == [(1, 7, "budget busy", 1)]
    assert await total_calls(database) == 99
    assert await the_books(database) == await recount(database)


@pytest.mark.parametrize(
    "poison",
    [
        {"cost": 2**63},
        {"cost": 10**16},
        {"tokens": (10**16, 1)},
        {"duration_ms": 2**70},
        {"raw_usage": object()},
        {"response_model": "\udfff"},
        {"usage": Usage(input_tokens="many")},
    ],
    ids=["cost", "large cost", "tokens", "duration", "raw usage", "model", "usage"],
)
async def test_a_settlement_that_no_database_takes(database, poison, caplog: pytest.LogCaptureFixture) -> None:
    """I21, I23: the others get in; the call stays open and is charged at its worst case at the next start."""
    async with ledger_on(database) as ledger:
        calls = [a_call(reserved=3) for _ in range(100)]
        await asyncio.gather(*(ledger.admit(call) for call in calls))
        for n, call in enumerate(calls):
            ledger.settle(call, a_settlement(**(poison if n == 40 else {})))
        await ledger.flush()
        assert ledger.dropped == 1
        assert calls[40].id in caplog.text
        assert await the_books(database) == await recount(database)
    async with ledger_on(database):
        found = await database.fetch("SELECT id, cost_nano_usd FROM usage_records WHERE status = 'interrupted'")
        assert found == [(calls[40].id, 3)]
    assert await total_calls(database) == 100
    assert await the_books(database) == await recount(database)


@pytest.mark.sqlite_only
async def test_the_largest_numbers_never_break_a_sum(database) -> None:
    """I8: a thousand calls at the largest cost there is still add up exactly, as integers."""
    async with ledger_on(database) as ledger:
        for _ in range(1_000):
            ledger.record(UsageRecord(a_call(), a_settlement(10**15)))
        await ledger.flush()
    [(cost, kind)] = await database.fetch(
        "SELECT cost_nano_usd, typeof(cost_nano_usd) FROM spend_daily WHERE guild_id = 1 AND dimension = 'total'"
    )
    assert (cost, kind) == (10**18, "integer")


async def test_a_poisoned_crowd_is_sorted_quickly(database) -> None:
    """I23: three bad rows among 5,000 cost a few dozen transactions, not 5,000."""
    async with ledger_on(database) as ledger:
        before = database.writes
        for n in range(2_500):
            bad = {"user_id": object()} if n in (7, 1_200, 2_499) else {}
            ledger.record(UsageRecord(a_call(**bad), a_settlement()))
        await ledger.flush()
        assert ledger.dropped == 3
        assert database.writes - before < 120
    assert await total_calls(database) == 2_497


@pytest.mark.sqlite_only
async def test_locked_by_another_process(real: SqliteDatabase, monkeypatch: pytest.MonkeyPatch) -> None:
    """I23: with the file locked, callers go on within the busy time-out, and everything gets in afterwards."""
    await real.execute("PRAGMA busy_timeout = 200")
    monkeypatch.setattr(writer_module, "RETRY_SECONDS", (0.05,))
    async with ledger_on(real) as ledger:
        other = sqlite3.connect(real.path, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        began = perf_counter()
        ids = await run_calls(ledger, 50)
        assert perf_counter() - began < 0.5
        began = perf_counter()
        ids += await run_calls(ledger, 50)
        assert perf_counter() - began < 0.05, "once in trouble, further calls don't wait"
        assert ledger.unrecorded == 100
        other.execute("COMMIT")
        other.close()
        async with asyncio.timeout(3):
            await ledger.flush()
        assert ledger.faults
        ids += await run_calls(ledger, 1)
        assert ledger.unrecorded == 100, "back to normal: the intent is durable first"
    stored = await real.fetch("SELECT id FROM usage_records WHERE status = 'ok'")
    assert sorted(ids) == sorted(row[0] for row in stored)
    assert await the_books(real) == await recount(real)


@pytest.mark.sqlite_only
async def test_disk_full(real: SqliteDatabase, monkeypatch: pytest.MonkeyPatch) -> None:
    """I23: with the disk full, callers go on at once, and everything gets in when there is room again."""
    monkeypatch.setattr(writer_module, "RETRY_SECONDS", (0.02,))
    async with ledger_on(real) as ledger:
        pages = (await real.execute("PRAGMA page_count"))[0][0]
        await real.execute(f"PRAGMA max_page_count = {pages}")
        async with asyncio.timeout(1):
            await run_calls(ledger, 1_000)
        assert ledger.unrecorded > 0
        await real.execute("PRAGMA max_page_count = 1000000")
        async with asyncio.timeout(3):
            await ledger.flush()
    assert await total_calls(real) == 1_000
    assert await the_books(real) == await recount(real)


@pytest.mark.sqlite_only
async def test_the_file_is_taken_away_and_brought_back(real: SqliteDatabase, monkeypatch: pytest.MonkeyPatch) -> None:
    """I21: nothing is written into a file that nobody will find."""
    monkeypatch.setattr(writer_module, "RETRY_SECONDS", (0.02,))
    async with ledger_on(real) as ledger:
        await run_calls(ledger, 1)
        await ledger.flush()
        assert await total_calls(real) == 1
        moved = real.path.rename(real.path.with_name("elsewhere.db"))
        async with asyncio.timeout(1):
            await run_calls(ledger, 10)
        await asyncio.sleep(0.1)
        assert await total_calls(real) == 1
        moved.rename(real.path)
        async with asyncio.timeout(2):
            await ledger.flush()
    assert await total_calls(real) == 11


async def test_a_slow_database_holds_nobody_beyond_the_bound(database, monkeypatch: pytest.MonkeyPatch) -> None:
    """I23: whenever a call comes, just before or long after a slow write began, it waits no longer than the bound."""
    monkeypatch.setattr(entries, "ADMIT_PATIENCE_SECONDS", 0.2)
    waits: list[float] = []
    async with ledger_on(database) as ledger:

        async def caller(after: float) -> None:
            await asyncio.sleep(after)
            began = perf_counter()
            await ledger.admit(call := a_call())
            waits.append(perf_counter() - began)
            ledger.settle(call, a_settlement())

        database.delay = 0.19  # each write just in time, so that two in a row would be too much
        await asyncio.gather(*(caller(n * 0.01) for n in range(60)))
        assert max(waits) < 0.28
        database.delay = 0
        await ledger.flush()
    assert await total_calls(database) == 60
    assert await the_books(database) == await recount(database)


async def test_who_was_written_in_time_is_watched_no_longer(database, monkeypatch, caplog) -> None:
    """I23: or each call would be followed by an outage that is none."""
    monkeypatch.setattr(entries, "ADMIT_PATIENCE_SECONDS", 0.1)
    async with ledger_on(database) as ledger:
        await ledger.admit(a_call())
        await asyncio.sleep(0.15)
        assert not ledger.is_away
    assert caplog.text == ""


async def test_the_stated_bound() -> None:
    """I23: the bound that the documentation states, above the time-out of a locked file."""
    assert entries.ADMIT_PATIENCE_SECONDS == 3.0


async def test_a_full_queue_makes_callers_wait_and_drops_nothing(database, monkeypatch: pytest.MonkeyPatch) -> None:
    """I24: with a slow database the queue stays at its limit; who waits gets in when there is room."""
    monkeypatch.setattr(entries, "QUEUE_LIMIT", 10)
    database.delay = 0.02
    async with ledger_on(database) as ledger:
        longest = 0

        async def watch() -> None:
            nonlocal longest
            while True:
                longest = max(longest, len(ledger._entries.pending))
                await asyncio.sleep(0)

        watching = asyncio.create_task(watch())
        await run_calls(ledger, 200)
        await ledger.flush()
        watching.cancel()
        assert ledger.dropped == 0
        assert ledger.unrecorded == 0
        assert longest <= 30  # the limit, and a settlement for each of the calls let through
    assert await total_calls(database) == 200


async def test_a_full_queue_without_a_database_lets_calls_go_and_counts_them(database, monkeypatch, caplog) -> None:
    """I23, I24: no database and no room: the call goes ahead within the bound, counted; no half of it is booked."""
    monkeypatch.setattr(entries, "QUEUE_LIMIT", 10)
    monkeypatch.setattr(entries, "ADMIT_PATIENCE_SECONDS", 0.1)
    async with ledger_on(database) as ledger:
        database.gone = True
        await run_calls(ledger, 10)  # intents that are tried again and again; their settlements fill the queue
        began = perf_counter()
        lost = await run_calls(ledger, 5)
        assert 0.09 < perf_counter() - began < 0.5
        assert ledger.dropped == 5
        assert all(call_id in caplog.text for call_id in lost)
        assert len(ledger._entries.pending) <= 30
        database.gone = False
        await ledger.flush()
        assert not ledger._writer._unbooked
    assert await database.fetch("SELECT status, count(*) FROM usage_records GROUP BY 1") == [("ok", 10)]
    assert await the_books(database) == await recount(database)


async def test_a_flood_told_by_hand_stays_bounded(database, monkeypatch, caplog) -> None:
    """I24: calls tracked by hand don't wait; beyond the limit, or after closing, each is counted and named."""
    monkeypatch.setattr(entries, "QUEUE_LIMIT", 10)
    async with ledger_on(database) as ledger:
        database.gone = True
        calls = [a_call() for _ in range(100)]
        for call in calls:
            ledger.record(UsageRecord(call, a_settlement()))
        assert len(ledger._entries.pending) + len(ledger._entries.settled) == 10
        assert ledger.dropped == 95
        database.gone = False
        await ledger.flush()
        await ledger.close()
        ledger.record(UsageRecord(late := a_call(), a_settlement()))
        assert ledger.dropped == 96
        assert late.id in caplog.text
    assert await total_calls(database) == 5
    assert await the_books(database) == await recount(database)


async def test_closing_wakes_those_who_wait_for_room(database, monkeypatch: pytest.MonkeyPatch) -> None:
    """I23: a call that waits for room when the ledger closes is refused with words, not forgotten."""
    monkeypatch.setattr(entries, "QUEUE_LIMIT", 5)
    async with ledger_on(database) as ledger:
        database.delay = 0.05
        callers = [asyncio.create_task(ledger.admit(a_call())) for _ in range(20)]
        await asyncio.sleep(0.01)
        async with asyncio.timeout(2):
            await ledger.close()
            done = await asyncio.gather(*callers, return_exceptions=True)
    refused = [outcome for outcome in done if isinstance(outcome, LedgerClosedError)]
    assert len(refused) + len(await database.fetch("SELECT id FROM usage_records")) == 20
    assert refused


async def test_close_gives_up_on_a_database_that_stays_away(database, caplog: pytest.LogCaptureFixture) -> None:
    """I23: closing returns within its patience, says how much is unwritten, and leaves nobody waiting."""
    async with ledger_on(database) as ledger:
        await run_calls(ledger, 1)
        await ledger.flush()
        database.gone = True
        await run_calls(ledger, 3)
        flushing = asyncio.create_task(ledger.flush())
        await asyncio.sleep(0.01)
        began = perf_counter()
        await ledger.close(patience_seconds=0.2)
        assert 0.19 < perf_counter() - began < 0.4
        assert "6 unwritten" in caplog.text
        async with asyncio.timeout(1):
            await flushing


async def test_a_close_that_is_cancelled_stops_the_writer(database) -> None:
    """I21: a second SIGTERM during closing leaves no task behind that writes to a closed database."""
    async with ledger_on(database) as ledger:
        database.gone = True
        await run_calls(ledger, 1)
        closing = asyncio.create_task(ledger.close())
        await asyncio.sleep(0.02)
        closing.cancel()
        with pytest.raises(asyncio.CancelledError):
            await closing
        assert ledger._task is not None
        assert ledger._task.done()


async def test_intents_left_behind_do_not_stop_recovery(database, monkeypatch: pytest.MonkeyPatch) -> None:
    """I21: recovery is itself a transaction: cut off in the middle and begun again, each call is booked once."""
    dead = Ledger(database, lambda: NOW, lambda records: None)
    await dead.start()
    await asyncio.gather(*(dead.admit(a_call(reserved=1)) for _ in range(1_500)))
    dead._task.cancel()
    await bury(database)
    for fate in (AWAY, (AWAY,)):
        database.faults.extend([fate])
        with pytest.raises(DatabaseUnavailableError):
            await Ledger(database, lambda: NOW, lambda records: None).start()
    async with ledger_on(database):
        assert await database.fetch("SELECT count(*) FROM usage_records WHERE status = 'interrupted'") == [(1_500,)]
    assert await total_calls(database) == 1_500
    assert await the_books(database) == await recount(database)
