"""Several workers on one PostgreSQL: the living are left alone, a dead one's calls booked once, and sums are exact."""

import asyncio
import random
from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from typing import Any

import pytest

from bot.usage.alerting.alert_book import AlertBook, AlertKind
from bot.usage.bookkeeping import lookout
from bot.usage.bookkeeping import siblings as siblings_module
from bot.usage.bookkeeping.batch import Batch
from bot.usage.bookkeeping.ledger import Ledger
from bot.usage.bookkeeping.siblings import Siblings
from bot.usage.bookkeeping.writer import _BEAT
from bot.usage.budgeting.budget_book import BudgetBook
from bot.usage.budgeting.budgets import Level
from bot.usage.budgeting.rules import Rules
from bot.usage.budgeting.server_settings import SettingsBook
from bot.usage.errors import BudgetExceededError
from bot.usage.storage.database import Database, open_database
from bot.usage.storage.rows import microseconds
from tests.usage.making import NOW, FaultyDatabase, a_call, a_settlement, recount, the_books

STATUSES = "SELECT id, status, cost_nano_usd FROM usage_records ORDER BY id"
Open = Callable[[], Any]


@pytest.fixture
async def databases(postgres_url: str) -> AsyncIterator[list[Database]]:
    """Three doors to one database, as three processes have them."""
    opened = [await open_database(postgres_url) for _ in range(3)]
    yield opened
    for one in opened:
        await one.close()


@pytest.fixture
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lookout, "LOOK_SECONDS", 0.05)
    monkeypatch.setattr(siblings_module, "LEASE_SECONDS", 0.4)


@pytest.fixture
async def ledgers(databases: list[Database]) -> AsyncIterator[list[Ledger]]:
    made = [Ledger(database, lambda: NOW, lambda records: None) for database in databases]
    for ledger in made:
        assert await ledger.start() == 0
    yield made
    await asyncio.gather(*(ledger.close(patience_seconds=2) for ledger in made))


async def dies(ledger: Ledger) -> None:
    """As by kill -9: nothing more is written, and nobody is told."""
    assert ledger._task is not None
    assert ledger._lookout._timer is not None
    ledger._lookout._timer.cancel()
    ledger._task.cancel()
    await asyncio.gather(ledger._task, return_exceptions=True)


async def until(done: Callable[[], Any]) -> None:
    async with asyncio.timeout(10):
        while not await done():
            await asyncio.sleep(0.02)


async def budget_of(database: Database, usd: str, **given: Any) -> Any:
    async def nobody() -> None: ...

    budgets = BudgetBook(database, Rules(), lambda: NOW, nobody)
    return await budgets.set(**{"scope": "guild", "scope_id": 1, "guild_id": 1, "limit_usd": usd, **given})


async def levels(database: Database) -> list[Level]:
    sql = "SELECT spent, reserved, doubtful, fired FROM budget_periods ORDER BY budget_id"
    return [Level(*row) for row in await database.fetch(sql)]


async def test_the_living_are_left_alone(hasty, ledgers: list[Ledger], databases: list[Database]) -> None:
    """I21: open calls of a worker that has nothing to do but wait for them stay open, however long they take."""
    await ledgers[0].admit(call := a_call())
    await asyncio.sleep(1.2)
    assert await databases[1].fetch(STATUSES) == [(call.id, "open", None)]
    ledgers[0].settle(call, a_settlement())
    await ledgers[0].flush()
    assert await databases[1].fetch(STATUSES) == [(call.id, "ok", 5_000)]


async def test_a_dead_worker_s_calls_are_booked_once(hasty, ledgers: list[Ledger], databases: list[Database]) -> None:
    """I14, I21: by one of those that look for them, at their worst case, and what they held is released."""
    await budget_of(databases[0], "1")
    calls = [a_call(reserved=100) for _ in range(30)]
    await asyncio.gather(*(ledgers[0].admit(call) for call in calls))
    assert await levels(databases[1]) == [Level(reserved=3_000)]
    await dies(ledgers[0])

    async def are_booked() -> bool:
        return not await databases[1].fetch("SELECT id FROM usage_records WHERE status = 'open'")

    await until(are_booked)
    assert await databases[1].fetch(STATUSES) == sorted((call.id, "interrupted", 100) for call in calls)
    assert await levels(databases[1]) == [Level(spent=3_000)]
    assert await the_books(databases[1]) == await recount(databases[1])


async def test_two_find_the_same_dead_at_once(ledgers: list[Ledger], databases: list[Database]) -> None:
    """I14, I22: each of its calls is booked by one of them."""
    await budget_of(databases[0], "1")
    await asyncio.gather(*(ledgers[0].admit(a_call(reserved=1)) for _ in range(1_200)))
    await dies(ledgers[0])
    await databases[0].execute("UPDATE workers SET ended_at = 1 WHERE id = $1", ledgers[0].worker_id)
    found = await asyncio.gather(*(ledger._writer.recover() for ledger in ledgers[1:] for _ in range(2)))
    assert sum(map(len, found)) == 1_200
    assert await levels(databases[1]) == [Level(spent=1_200)]
    assert await the_books(databases[1]) == await recount(databases[1])


async def test_a_worker_that_ends_leaves_its_calls_to_be_booked_at_once(databases: list[Database]) -> None:
    """I21: the next to open the books finds what was still open when another closed them."""
    first, second = (Ledger(database, lambda: NOW, lambda records: None) for database in databases[:2])
    await first.start()
    await first.admit(a_call(reserved=7))
    await first.close()
    assert await second.start() == 1
    await second.close()


async def test_one_who_was_taken_for_dead_goes_on(ledgers: list[Ledger], databases: list[Database]) -> None:
    """I8, I14, I22: its old calls stay as they were booked, nothing is counted twice, and new calls are its own."""
    await budget_of(databases[0], "1")
    mistaken, other = ledgers[:2]
    name = mistaken.worker_id
    old = [a_call(reserved=100), a_call(reserved=100)]
    for call in old:
        await mistaken.admit(call)
    await databases[2].execute("UPDATE workers SET ended_at = 1 WHERE id = $1", name)
    assert len(await other._writer.recover()) == 2
    mistaken.settle(old[0], a_settlement(40))
    new = a_call(reserved=60)
    await asyncio.gather(mistaken.admit(new), mistaken.admit_again(old[1]), mistaken.flush())  # all in one transaction
    await mistaken.admit_again(old[1], 3)
    mistaken.settle(old[1], a_settlement(40))
    await mistaken.flush()
    assert mistaken.faults == 0
    second_name, mistaken._writer._database = mistaken.worker_id, (faulty := FaultyDatabase(databases[0]))
    faulty.faults.append(faulty.problem)
    mistaken.settle(new, a_settlement(50))
    await mistaken.flush()
    assert mistaken.faults == 1
    assert mistaken.worker_id == second_name != name, "a transaction that fails now isn't another death"
    assert await databases[0].fetch(STATUSES) == [
        *((call.id, "interrupted", 100) for call in old),
        (new.id, "ok", 50),
    ]
    assert await levels(databases[0]) == [Level(spent=250)]
    assert await the_books(databases[0]) == await recount(databases[0])


async def test_a_pause_of_ours_makes_nobody_look_dead(databases: list[Database], monkeypatch) -> None:
    """I21: after an outage of the database, or of ourselves, the others get their whole time to show that they live."""
    now = [100.0]
    monkeypatch.setattr(siblings_module, "perf_counter", lambda: now[0])
    insert = "INSERT INTO workers (id, started_at, heartbeat_at, last_batch) VALUES ($1, 0, 0, $2)"
    await databases[0].write([(insert, [("me", 1), ("quiet", 2), ("lively", 3), ("ended", 4), ("long ago", 5)])])
    for name, ago in ("ended", timedelta(days=1)), ("long ago", timedelta(days=1, microseconds=1)):
        await databases[0].execute("UPDATE workers SET ended_at = $2 WHERE id = $1", name, microseconds(NOW - ago))
    siblings = Siblings(databases[0], lambda: NOW)
    found = []
    for number in range(12):
        now[0] += 15.0 if number == 3 else 4.0
        await databases[0].execute("UPDATE workers SET last_batch = last_batch + 1 WHERE id = 'lively'")
        found.append(await siblings.end_the_dead("me"))
    assert found == [*[[]] * 8, ["quiet"], *[[]] * 3]
    assert await databases[0].fetch("SELECT id, ended_at IS NULL FROM workers ORDER BY id") == [
        ("ended", False),
        ("lively", True),
        ("me", True),
        ("quiet", False),
    ]


async def test_a_commit_in_doubt_is_waited_for(ledgers: list[Ledger], databases: list[Database]) -> None:
    """I22: the connection is lost while the server is still committing: nothing is written a second time."""
    writer = ledgers[0]._writer
    committing = asyncio.Event()

    def still_committing():
        yield _BEAT, (writer.worker_id, 7, 1)
        committing.set()
        yield "SELECT pg_sleep(0.3)", ()

    transaction = asyncio.create_task(databases[1].transact(still_committing))
    await committing.wait()
    writer._batch_number = 7
    assert await databases[2].fetch("SELECT last_batch FROM workers WHERE id = $1", writer.worker_id) == [(0,)]
    assert await writer._is_written(Batch())
    await transaction


async def test_budgets_set_amid_traffic_miss_no_call(ledgers: list[Ledger], databases: list[Database]) -> None:
    """I8, I13: whoever sets a budget counts what others are just booking, or they do, and never both."""
    dice = random.Random(5)
    done = asyncio.Event()

    async def traffic(ledger: Ledger) -> None:
        while not done.is_set():
            call = a_call(reserved=1_000, channel_id=dice.randrange(3))
            try:
                await ledger.admit(call)
            except BudgetExceededError:
                continue
            await asyncio.sleep(dice.random() * 0.01)
            ledger.settle(call, a_settlement(dice.randrange(1_000)))

    callers = [asyncio.create_task(traffic(ledger)) for ledger in ledgers for _ in range(3)]
    for number in range(12):
        await asyncio.sleep(0.05)
        await budget_of(databases[number % 3], "1", period=("day", "week", "month", "total")[number % 4], mode="soft")
        await budget_of(databases[number % 3], "1", scope="channel", scope_id=number % 3)
    done.set()
    await asyncio.gather(*callers)
    await asyncio.gather(*(ledger.flush() for ledger in ledgers))
    channels = dict(
        await databases[0].fetch("SELECT channel_id, CAST(sum(cost_nano_usd) AS BIGINT) FROM usage_records GROUP BY 1")
    )
    found = await databases[0].fetch(
        "SELECT b.scope, b.scope_id, p.spent, p.reserved FROM budgets AS b "
        "JOIN budget_periods AS p ON p.budget_id = b.id"
    )
    expected = {
        ("guild", "1"): sum(channels.values()),
        **{("channel", str(key)): cost for key, cost in channels.items()},
    }
    assert len(found) == 7
    assert [row for row in found if row[2:] != (expected[row[:2]], 0)] == []
    assert await the_books(databases[0]) == await recount(databases[0])


async def test_settings_chosen_at_once_are_all_kept(databases: list[Database]) -> None:
    """I17: two admins, two processes: neither choice is lost, and each changed zone is on record."""

    async def nobody() -> None: ...

    books = [SettingsBook(database, lambda: NOW, nobody) for database in databases]
    zones = ("Europe/Berlin", "Asia/Tokyo", "America/Lima")
    await asyncio.gather(
        *(book.set_time_zone(1, zone) for book, zone in zip(books, zones, strict=True)),
        books[0].choose(1, quotas=True),
        books[1].choose(1, alert_channel_id=9),
    )
    chosen = await books[2].of(1)
    assert (chosen.quotas, chosen.alert_channel_id) == (True, 9)
    changes = await databases[0].fetch("SELECT zone_before FROM guild_time_zones ORDER BY changed_at")
    assert {"UTC", *zones} == {*(zone for (zone,) in changes), chosen.time_zone}


async def test_deliveries_that_end_at_once_leave_no_alert_owed(databases: list[Database]) -> None:
    """I20: the server has it and the operator has it, told by two processes in the same moment: nobody is owed it."""
    books = [AlertBook(database, lambda: NOW) for database in databases]
    for number in range(10):
        await books[0].fire(AlertKind.PROVIDER_KEY, 1, f"provider {number}")
        taken = await asyncio.gather(*(book.take_up() for book in books))
        assert sum(map(len, taken)) == 1
        owed = await books[0].due()
        tries = [await book.claim(item) for book, item in zip(books, owed, strict=False)]
        assert {delivery.target for delivery in tries if delivery} == {"server", "operator"}
        assert await books[2].claim(owed[0]) is None
        await asyncio.gather(*(book.delivered(one, "owner") for book, one in zip(books, tries, strict=False) if one))
        assert await databases[0].fetch("SELECT id FROM alerts WHERE delivered_at IS NULL") == []


async def test_thresholds_crossed_in_all_processes_at_once_fire_once(
    ledgers: list[Ledger], databases: list[Database]
) -> None:
    """I13, I19: a hundred calls in three processes cross 80, 90 and 100 %: one event each, and no overshoot."""
    await budget_of(databases[0], "0.0001", thresholds=(50, 80, 90, 100))

    async def call(ledger: Ledger) -> int:
        try:
            await ledger.admit(made := a_call(reserved=1_000))
        except BudgetExceededError:
            return 0
        await asyncio.sleep(0)
        ledger.settle(made, a_settlement(1_000))
        return 1

    made = await asyncio.gather(*(call(ledgers[n % 3]) for n in range(150)))
    await asyncio.gather(*(ledger.flush() for ledger in ledgers))
    assert sum(made) == 100
    assert await levels(databases[0]) == [Level(spent=100_000, fired=100)]
    fired = await databases[0].fetch("SELECT threshold, count(*) FROM alerts GROUP BY 1 ORDER BY 1")
    assert fired == [(50, 1), (80, 1), (90, 1), (100, 1)]
