"""The writer of the books in fair weather: durable before it leaves, few transactions, nothing lost at the end."""

import asyncio
import re
from concurrent.futures import ThreadPoolExecutor
from time import perf_counter

import pytest

from bot.usage.bookkeeping import entries
from bot.usage.bookkeeping.ledger import Ledger
from bot.usage.errors import LedgerClosedError
from bot.usage.records import Kind, Price, Settlement, Status, Usage, UsageRecord
from bot.usage.storage import rows
from bot.usage.storage.database import Database, open_database
from tests.usage.making import (
    NOW,
    FaultyDatabase,
    a_call,
    a_settlement,
    bury,
    columns_of,
    ledger_on,
    recount,
    the_books,
)

BOTH_DATABASES = True


@pytest.fixture
def database(database: Database) -> FaultyDatabase:
    return FaultyDatabase(database)


@pytest.fixture
def seen_from_outside(database, database_url: str):
    """The statuses on the books by id, as a connection sees them that has nothing to do with ours."""

    async def read() -> dict[str, str]:
        outside = await open_database(database_url, read_only=True)
        try:
            return dict(await outside.fetch("SELECT id, status FROM usage_records"))
        finally:
            await outside.close()

    with ThreadPoolExecutor(1) as thread:
        yield lambda: thread.submit(asyncio.run, read()).result()


async def test_the_intent_is_on_disk_before_the_call_leaves(database, seen_from_outside) -> None:
    """I21: at the instant `admit` returns, each of a hundred concurrent callers finds its own intent on disk."""
    async with ledger_on(database) as ledger:

        async def call() -> None:
            opened = a_call()
            await ledger.admit(opened)
            assert seen_from_outside()[opened.id] == "open"

        await asyncio.gather(*(call() for _ in range(100)))


async def test_everything_about_a_call_is_stored(database) -> None:
    """I12: each column holds what was given, and a settled call keeps what was reserved."""
    call = a_call(
        guild_id=2**63 - 1, channel_id=5, user_id="u", session_id="s", workflow_id="w", execution_id="e",
        agent_name="🤖", metadata={"a": [1, "ü"]}, kind=Kind.IMAGE,
    )  # fmt: skip
    settled = Settlement(
        Status.ERROR, Usage(100, 40, 1, 50, 20, images=2, image_size="1024x1024"), Price(777, "list"), 1234, "m-1",
        "r-1", "flex", estimated=True, flagged="x", error_type="E", attempts=3, first_token_ms=9, doubtful_nano_usd=8,
        raw_usage='{"a": 1}',
    )  # fmt: skip
    async with ledger_on(database) as ledger:
        await ledger.admit(call)
        ledger.settle(call, settled)
        await ledger.flush()
        names = await columns_of(database, "usage_records")
        row = dict(zip(names, (await database.fetch("SELECT * FROM usage_records"))[0], strict=True))
    expected = {
        "id": call.id, "worker_id": ledger.worker_id, "kind": "image", "api": "chat", "guild_id": 2**63 - 1,
        "channel_id": 5, "user_id": "u", "session_id": "s", "workflow_id": "w", "execution_id": "e", "agent_name": "🤖",
        "metadata": '{"a": [1, "\\u00fc"]}', "started_at": rows.microseconds(NOW), "status": "error",
        "reserved_nano_usd": 9_000, "input_tokens": 100, "cached_input_tokens": 40, "cache_write_input_tokens": 1,
        "output_tokens": 50, "reasoning_output_tokens": 20,
        "units": '{"images": 2, "image_size": "1024x1024"}',
        "cost_nano_usd": 777, "price_source": "list", "duration_ms": 1234, "response_model": "m-1",
        "response_id": "r-1", "service_tier": "flex", "estimated": 1, "flagged": "x",
        "error_type": "E", "attempts": 3, "first_token_ms": 9, "doubtful_nano_usd": 8,
        "raw_usage": '{"a": 1}', "operation": "chat", "provider": "openai",
        "request_model": "gpt-4o-mini",
    }  # fmt: skip
    assert {name: row[name] for name in expected} == expected


@pytest.mark.parametrize("callers", [64, 500])
async def test_concurrent_callers_share_transactions(database, callers: int) -> None:
    """I18: many callers at once cost a few commits, not one each."""
    async with ledger_on(database) as ledger:
        before = database.writes
        calls = [a_call() for _ in range(callers)]
        await asyncio.gather(*(ledger.admit(call) for call in calls))
        assert database.writes - before <= 3
        for call in calls:
            ledger.settle(call, a_settlement())
        await ledger.flush()
        assert database.writes - before <= 5
    assert await the_books(database) == await recount(database)
    assert (await the_books(database))[1, "total", "2026-03-31", ""][0] == callers


async def test_settlements_of_one_call_after_another_share_a_transaction(database) -> None:
    """I21: an intent isn't held up by settlements; they gather behind it and go in together."""
    async with ledger_on(database) as ledger:
        before = database.writes
        for _ in range(3):
            await ledger.admit(call := a_call())
            ledger.settle(call, a_settlement())
        assert database.writes == before + 3
        found = await database.fetch("SELECT status FROM usage_records ORDER BY id")
        assert found == [("open",), ("open",), ("open",)]
        await ledger.flush()
        assert database.writes == before + 4
        found = await database.fetch("SELECT status FROM usage_records ORDER BY id")
        assert found == [("ok",), ("ok",), ("ok",)]


async def test_many_settlements_wait_for_no_more(database, monkeypatch: pytest.MonkeyPatch) -> None:
    """I24: under load they go in as they come, not only after the delay."""
    monkeypatch.setattr(entries, "SETTLE_DELAY_SECONDS", 3600)
    monkeypatch.setattr(entries, "SETTLE_AT_ONCE", 5)
    async with ledger_on(database) as ledger:
        calls = [a_call() for _ in range(5)]
        await asyncio.gather(*(ledger.admit(call) for call in calls))
        for call in calls:
            ledger.settle(call, a_settlement())
        async with asyncio.timeout(5):
            while await database.fetch("SELECT 1 FROM usage_records WHERE status = 'open'"):
                await asyncio.sleep(0.01)


async def test_a_lone_settlement_is_written_soon(database, seen_from_outside) -> None:
    """I21: without a next call the settlement is on disk after the delay, and not in a transaction a call."""
    async with ledger_on(database) as ledger:
        calls = [a_call() for _ in range(5)]
        await asyncio.gather(*(ledger.admit(call) for call in calls))
        before = database.writes
        for call in calls:
            ledger.settle(call, a_settlement())
        assert set(seen_from_outside().values()) == {"open"}
        await asyncio.sleep(entries.SETTLE_DELAY_SECONDS * 5)
        assert set(seen_from_outside().values()) == {"ok"}
        assert database.writes == before + 1


async def test_ten_thousand_settlements_are_ten_thousand(database) -> None:
    """I22: one flush of 10,000 writes 10,000."""
    async with ledger_on(database) as ledger:
        for n in range(9_999):
            ledger.record(UsageRecord(a_call(user_id=str(n % 100)), a_settlement(1)))
            if n % 4_000 == 3_999:
                await ledger.flush()
        await ledger.admit(last := a_call())
        ledger.settle(last, a_settlement(1))
        await ledger.flush()
    assert await database.fetch("SELECT count(*), sum(cost_nano_usd), min(status) FROM usage_records") == [
        (10_000, 10_000, "ok")
    ]
    assert (await the_books(database))[1, "total", "2026-03-31", ""][0] == 10_000


async def test_many_settlements_in_one_transaction(database) -> None:
    """I22: 10,000 settlements that wait together are one transaction, every one of them."""
    async with ledger_on(database) as ledger:
        calls = [a_call() for _ in range(10_000)]
        await asyncio.gather(*(ledger.admit(call) for call in calls))
        before = database.writes
        for call in calls:
            ledger.settle(call, a_settlement(1))
        await ledger.flush()
        assert database.writes == before + 1
        assert await database.fetch("SELECT count(*) FROM usage_records WHERE status = 'ok'") == [(10_000,)]


async def test_subscribers_hear_of_a_call_when_it_is_durable(database, seen_from_outside) -> None:
    """I22: each record is told once, and not before it is on disk."""
    told: list[UsageRecord] = []

    def on_booked(records) -> None:
        on_disk = seen_from_outside()
        assert all(on_disk[record.call.id] == "ok" for record in records)
        told.extend(records)

    calls = [a_call() for _ in range(50)]
    async with ledger_on(database, on_booked) as ledger:
        for call in calls:
            await ledger.admit(call)
            ledger.settle(call, a_settlement())
        await ledger.flush()
    assert [record.call.id for record in told] == [call.id for call in calls]


@pytest.mark.parametrize("error", [ValueError("no"), asyncio.CancelledError()])
async def test_a_subscriber_that_raises_harms_nobody(database, error: BaseException) -> None:
    """I23: the call is on the books, and the next ones too."""

    def on_booked(records) -> None:
        raise error

    async with ledger_on(database, on_booked) as ledger:
        for _ in range(3):
            await ledger.admit(call := a_call())
            ledger.settle(call, a_settlement())
            await ledger.flush()
        assert ledger.faults == 0
    assert await database.fetch("SELECT count(*) FROM usage_records WHERE status = 'ok'") == [(3,)]


async def test_a_caller_who_gives_up_leaves_nothing_open(database) -> None:
    """I14: a call cancelled while its intent is being stored never left: settled as aborted, at no cost."""
    database.delay = 0.05
    async with ledger_on(database) as ledger:
        callers = [asyncio.create_task(ledger.admit(a_call())) for _ in range(10)]
        await asyncio.sleep(0.01)  # the first transaction is on its way
        late = [asyncio.create_task(ledger.admit(a_call())) for _ in range(10)]
        await asyncio.sleep(0)
        for caller in callers[:5] + late[:5]:
            caller.cancel()
        done = await asyncio.gather(*callers, *late, return_exceptions=True)
        assert [type(d) for d in done].count(asyncio.CancelledError) == 10
        await ledger.flush()
        found = await database.fetch(
            "SELECT status, cost_nano_usd, count(*) FROM usage_records GROUP BY 1, 2 ORDER BY 1"
        )
    assert found == [("aborted", 0, 10), ("open", None, 10)]
    assert await the_books(database) == await recount(database)


async def test_flush_returns_while_calls_keep_coming(database) -> None:
    """I24: a flush waits for what was queued before it, not for a gap in the traffic."""
    async with ledger_on(database) as ledger:
        stop = False

        async def caller() -> None:
            while not stop:
                await ledger.admit(call := a_call())
                ledger.settle(call, a_settlement())

        load = [asyncio.create_task(caller()) for _ in range(8)]
        await asyncio.sleep(0.02)
        async with asyncio.timeout(2):
            for _ in range(5):
                ledger.record(UsageRecord(a_call(), a_settlement()))
                await ledger.flush()
        stop = True
        await asyncio.gather(*load)


async def test_flush_when_idle_returns_at_once(database) -> None:
    """I24: nothing queued, nothing to wait for, no transaction."""
    async with ledger_on(database) as ledger:
        before = database.writes
        began = perf_counter()
        await ledger.flush()
        assert perf_counter() - began < 0.01
        assert database.writes == before


async def test_close_writes_what_is_queued(database, seen_from_outside) -> None:
    """I21: closing loses neither settlements nor intents."""
    async with ledger_on(database) as ledger:
        calls = [a_call() for _ in range(20)]
        await asyncio.gather(*(ledger.admit(call) for call in calls))
        waiting = asyncio.create_task(ledger.admit(a_call()))
        await asyncio.sleep(0)
        for call in calls:
            ledger.settle(call, a_settlement())
        await ledger.close()
        await waiting
        assert sorted(seen_from_outside().values()) == ["ok"] * 20 + ["open"]
        await ledger.close()


async def test_after_close(database, caplog: pytest.LogCaptureFixture) -> None:
    """I21: no call leaves a closed ledger; one that ends late is told in the log and booked at the next start."""
    async with ledger_on(database) as ledger:
        await ledger.admit(late := a_call(reserved=4_321))
        await ledger.close()
        with pytest.raises(LedgerClosedError):
            await ledger.admit(a_call())
        ledger.settle(late, a_settlement())
        assert late.id in caplog.text
        async with asyncio.timeout(1):
            await ledger.flush()
    async with ledger_on(database):
        found = await database.fetch("SELECT status, cost_nano_usd, estimated FROM usage_records")
    assert found == [("interrupted", 4_321, 1)]


async def test_a_dead_worker_s_calls_are_booked_at_their_worst_case(database) -> None:
    """I21: once each, at what was reserved; unpriced stays unpriced; finished ones and our own are left alone."""
    who = {"user_id": "u", "channel_id": 3, "session_id": "s", "metadata": {"a": 1}}
    dead = Ledger(database, lambda: NOW, lambda records: None)
    await dead.start()
    calls = [a_call(reserved=100, **who), a_call(reserved=None, **who), a_call(reserved=0, **who), a_call(**who)]
    for call in calls:
        await dead.admit(call)
    dead.settle(calls[3], a_settlement(5))
    await dead.flush()
    dead._task.cancel()
    await bury(database)
    told: list[UsageRecord] = []
    living = Ledger(database, lambda: NOW, told.extend)
    assert await living.start() == 3
    assert [record.call for record in told] == list(told_as(calls[:3]))
    await living.admit(a_call())
    assert await database.fetch("SELECT id FROM workers WHERE ended_at IS NULL") == [(living.worker_id,)]
    await living.close()
    sql = "SELECT status, cost_nano_usd, estimated, input_tokens, output_tokens FROM usage_records ORDER BY id LIMIT 4"
    assert await database.fetch(sql) == [
        ("interrupted", 100, 1, 100, 1_000),
        ("interrupted", None, 1, 100, 1_000),
        ("interrupted", 0, 1, 100, 1_000),
        ("ok", 5, 0, 10, 20),
    ]
    assert await the_books(database) == await recount(database)
    line = (await the_books(database))[1, "total", "2026-03-31", ""]
    assert (line[0], line[3], line[8]) == (4, 1, 105)


def told_as(calls):
    """Calls as a recovery reads them back: their price source says what it is."""
    for call in calls:
        cost = call.reserved.cost_nano_usd
        yield type(call)(
            **{
                **{name: getattr(call, name) for name in call.__slots__},
                "reserved": Price(cost, "unknown" if cost is None else "reserved"),
            }
        )


async def test_three_thousand_open_calls_are_recovered(database) -> None:
    """I21: recovery goes on beyond one batch."""
    dead = Ledger(database, lambda: NOW, lambda records: None)
    await dead.start()
    await asyncio.gather(*(dead.admit(a_call(reserved=1)) for _ in range(3_001)))
    dead._task.cancel()
    await bury(database)
    living = Ledger(database, lambda: NOW, lambda records: None)
    assert await living.start() == 3_001
    await living.close()
    assert (await the_books(database))[1, "total", "2026-03-31", ""][8] == 3_001


async def test_a_zone_that_nobody_knows_stops_nobody(database) -> None:
    """I23: one server's bad time zone is UTC and a line in the log, not a bot that can't start."""
    await database.execute("INSERT INTO guild_settings (guild_id, time_zone) VALUES (1, 'Atlantis/Capital')")
    await database.execute("INSERT INTO guild_settings (guild_id, time_zone) VALUES (2, 'America')")
    await database.execute("INSERT INTO guild_settings (guild_id, time_zone) VALUES (3, '../../etc/passwd')")
    async with ledger_on(database) as ledger:
        assert {str(ledger.zone(guild_id)) for guild_id in (1, 2, 3, 4)} == {"UTC"}


ORPHANS = rows.SELECT_ORPHANS.removesuffix(" FOR UPDATE SKIP LOCKED")


async def statements_of_one_call(database) -> list[str]:
    async with ledger_on(database) as ledger:
        database.statements.clear()
        await ledger.admit(call := a_call())
        ledger.settle(call, a_settlement())
        await ledger.flush()
        return list(database.statements)


@pytest.mark.sqlite_only
async def test_admission_asks_the_same_of_a_database_with_200_000_records(database) -> None:
    """I18: the statements are the same with and without history, and none of the hot ones scans it."""
    empty = await statements_of_one_call(database)
    filling = """INSERT INTO usage_records (id, worker_id, kind, api, started_at, guild_id, user_id, session_id,
        operation, provider, request_model, status)
        WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 200000)
        SELECT printf('%032x', i), 'w', 'llm', 'chat', i * 1000000, i % 50, i % 1000, i % 5000, 'chat', 'openai',
        'gpt-4o', 'ok' FROM n"""
    await database.execute(filling)
    assert await statements_of_one_call(database) == empty
    assert len(empty) == len(set(empty))
    hot = [*empty, ORPHANS, "SELECT last_batch FROM workers WHERE id = $1"]
    for sql in hot:
        parameters = [1] * len(set(re.findall(r"\$\d+", sql)))
        plan = " / ".join(row[3] for row in await database.fetch(f"EXPLAIN QUERY PLAN {sql}", *parameters))
        assert "SCAN usage_records" not in plan or "usage_records_open" in plan, (sql, plan)
    began = perf_counter()
    assert await database.fetch(ORPHANS) == []
    assert perf_counter() - began < 0.02
