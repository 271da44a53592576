"""Alerts on the books: taken up once, claimed by one, owed until delivered."""

import asyncio
from datetime import timedelta

import pytest

from bot.usage.alerting.alert_book import KEPT, LOG, OPERATOR, SERVER, AlertBook, Owed
from bot.usage.alerting.alert_targets import AlertTargets
from bot.usage.alerting.deliveries import LEASE, TRIES, Delivery, Trouble
from bot.usage.budgeting.alert_rows import INSERT, Alert, AlertKind, threshold_rows
from bot.usage.storage.database import Database, open_database
from bot.usage.storage.rows import microseconds
from tests.usage.making import NOW

BOTH_DATABASES = True

GUILD = 7


class Clock:
    def __init__(self) -> None:
        self.now = NOW

    def __call__(self):
        return self.now

    def passes(self, **time: float) -> None:
        self.now += timedelta(**time)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def book(database: Database, clock: Clock) -> AlertBook:
    return AlertBook(database, clock)


async def passes(database: Database, guild_id: int, *thresholds: int, at=NOW) -> None:
    """As the ledger writes it: these thresholds of one budget at once."""
    rows = threshold_rows((guild_id, "b1", "", "2026-03-01"), list(thresholds), 96, 100, microseconds(at))
    await database.write([(INSERT, rows)])


async def first_due(book: AlertBook) -> tuple[Owed, Delivery]:
    owed = (await book.due())[0]
    delivery = await book.claim(owed)
    assert delivery is not None
    return owed, delivery


def of(alerts: list[Alert]) -> list[tuple[int, str | None]]:
    return [(alert.threshold, alert.delivered_how) for alert in alerts]


async def test_several_thresholds_at_once_are_one_message_owed(database: Database, book: AlertBook) -> None:
    """I19: the highest is owed, the others stand as passed; in the history all of them."""
    await passes(database, GUILD, 80, 90, 100)
    (taken,) = await book.take_up()
    assert (taken.threshold, taken.used, taken.limit, taken.guild_id) == (100, 96, 100, GUILD)
    assert of(await book.history(GUILD)) == [(100, None), (90, "passed"), (80, "passed")]
    assert of(await book.owed()) == [(100, None)]
    assert [(owed.alert.threshold, owed.target) for owed in await book.due()] == [(100, SERVER)]


async def test_what_is_passed_before_anybody_was_told_is_one_message_too(
    database: Database, book: AlertBook, clock: Clock
) -> None:
    """I19, I20: a refusal passes 100 % right after 90 %. Who was told of 90 % already is told of 100 % as well."""
    await passes(database, GUILD, 80)
    assert [alert.threshold for alert in await book.take_up()] == [80]
    await passes(database, GUILD, 90, at=NOW + timedelta(seconds=1))
    await passes(database, GUILD, 100, at=NOW + timedelta(seconds=2))
    await passes(database, GUILD + 1, 90)  # another's
    told: list[tuple[int, int]] = []
    book.on_alert(lambda alert: told.append((alert.guild_id, alert.threshold)))
    assert len(await book.take_up()) == 2
    assert sorted(told) == [(GUILD, 100), (GUILD + 1, 90)]
    assert of(await book.history(GUILD)) == [(100, None), (90, "passed"), (80, None)]
    assert [owed.alert.threshold for owed in await book.due() if owed.alert.guild_id == GUILD] == [80, 100]
    assert await book.take_up() == []


async def test_a_threshold_after_a_higher_one_is_news(database: Database, book: AlertBook) -> None:
    """I20: the limit was raised in between, and what the first message says isn't so any more."""
    await passes(database, GUILD, 100)
    await passes(database, GUILD, 80, at=NOW + timedelta(seconds=1))
    assert [alert.threshold for alert in await book.take_up()] == [100, 80]
    await passes(database, 0, 90)
    assert await book.fire(AlertKind.PROVIDER_KEY, 0, "openai")
    assert {alert.kind for alert in await book.take_up()} == {AlertKind.BUDGET, AlertKind.PROVIDER_KEY}


async def test_it_is_taken_up_once_by_two_processes(database: Database, database_url: str, clock: Clock) -> None:
    """I19: whoever takes it up logs it; two at once take each alert once between them."""
    other = await open_database(database_url)
    for guild in range(1, 21):
        await passes(database, guild, 80)
    books = [AlertBook(database, clock), AlertBook(other, clock)]
    taken = await asyncio.gather(*(book.take_up() for book in books))
    assert sorted(alert.guild_id for some in taken for alert in some) == list(range(1, 21))
    due = await books[0].due()
    assert len(due) == 20
    claims = await asyncio.gather(*(book.claim(owed) for owed in due for book in books))
    assert sum(claim is not None for claim in claims) == 20
    await other.close()


async def test_who_subscribed_hears_of_it_once(database: Database, book: AlertBook) -> None:
    """I19, I23: from the process that takes it up; one subscriber's fault keeps it from nobody."""
    told: list[int] = []

    def fails(alert: Alert) -> None:
        raise ValueError

    book.on_alert(fails)
    book.on_alert(lambda alert: told.append(alert.threshold))
    await passes(database, 1, 80, 100)
    assert [alert.threshold for alert in await book.take_up()] == [100]
    assert await book.take_up() == []
    assert told == [100]


async def test_a_lease_keeps_others_off_for_a_minute_and_no_longer(
    database: Database, book: AlertBook, clock: Clock
) -> None:
    """I20: a process that died with the alert in its hands doesn't keep it."""
    await passes(database, GUILD, 80)
    await book.take_up()
    owed, first = await first_due(book)
    assert first.attempts == 1
    assert await book.due() == []
    assert await book.claim(owed) is None
    clock.passes(seconds=LEASE.total_seconds())
    second = await book.claim(owed)
    assert second is not None
    assert second.attempts == 2
    await book.failed(first, "came back from the dead")  # changes nothing: the row is the second's now
    clock.passes(seconds=31)
    assert await book.due() == []
    await book.delivered(second, "channel 1")
    clock.passes(days=1)
    assert await book.due() == []
    assert await book.owed() == []
    assert of(await book.history(GUILD)) == [(80, "channel 1")]


async def test_pauses_grow_to_ten_minutes_and_it_stays_owed(database: Database, book: AlertBook, clock: Clock) -> None:
    """I20: an outage of hours loses nothing."""
    await passes(database, GUILD, 80)
    await book.take_up()
    pauses = []
    for _ in range(40):
        _, delivery = await first_due(book)
        await book.failed(delivery, "Discord was out of reach")
        waited = 0
        while not await book.due():
            clock.passes(seconds=30)
            waited += 30
        pauses.append(waited)
    assert pauses[:7] == [30, 60, 120, 240, 480, 600, 600]
    assert set(pauses[5:]) == {600}
    assert len(await book.owed()) == 1


async def test_an_address_is_tried_for_three_days_and_then_no_more(
    database: Database, book: AlertBook, clock: Clock
) -> None:
    await passes(database, GUILD, 80)
    await book.take_up(["operator/abc"])
    await book.delivered((await first_due_of(book, SERVER)), "channel 1")
    begin, tries = clock.now, 0
    while tries < 20:
        delivery = await first_due_of(book, "operator/abc")
        tries += 1
        await book.failed(delivery, f"problem {tries}")
        clock.passes(hours=6)
    assert timedelta(days=2.9) < clock.now - begin
    assert await book.due() == []
    assert await book.troubles() == [Trouble("operator/abc", 1, 20, "problem 20", NOW)]
    assert await book.owed() == []


async def test_deliveries_that_ended_long_ago_are_forgotten(database: Database, book: AlertBook, clock: Clock) -> None:
    """I20: what is still owed stays for as long as it takes, and nothing is taken up a second time."""
    await passes(database, GUILD, 80)
    (told,) = await book.take_up(["operator/dead"])
    await book.delivered(await first_due_of(book, SERVER), "channel 1")
    clock.passes(days=1)
    await passes(database, 8, 80, at=clock.now)
    (late,) = await book.take_up()
    await database.write([(ENDED_REPORT, [("report 7 day 2026-03-01", microseconds(clock.now))])])
    for _ in range(TRIES):
        await book.failed(await first_due_of(book, "operator/dead"), "no answer")
        clock.passes(hours=6)
    assert len(await book.troubles()) == 1
    await book.forget_old()
    assert len(await deliveries(database)) == 4
    clock.now = NOW + KEPT + timedelta(days=2)
    await book.forget_old()
    assert await deliveries(database) == [(late.id, SERVER)]
    assert await book.troubles() == []
    assert await book.take_up(["operator/dead"]) == []
    assert of(await book.history(GUILD)) == [(80, "channel 1")]
    assert told.id != late.id


ENDED_REPORT = (
    "INSERT INTO alert_deliveries (alert_id, target, attempts, next_try_at, problem) VALUES ($1, 'report', 1, $2, 'x')"
)


async def deliveries(database: Database) -> list[tuple[str, str]]:
    return await database.fetch("SELECT alert_id, target FROM alert_deliveries ORDER BY alert_id")


async def first_due_of(book: AlertBook, target: str) -> Delivery:
    (owed,) = [owed for owed in await book.due() if owed.target == target]
    delivery = await book.claim(owed)
    assert delivery is not None
    return delivery


async def test_everybody_it_is_owed_to(database: Database, book: AlertBook, clock: Clock) -> None:
    targets = AlertTargets(database, clock)
    mine = await targets.add(GUILD, "json://example.com", "json://example.com/…", actor=1)
    await targets.add(8, "json://example.org", "json://example.org/…", actor=1)
    await passes(database, GUILD, 80)
    await passes(database, 0, 90)
    await book.fire(AlertKind.PROVIDER_KEY, GUILD, "openai")
    await book.take_up(["operator/abc"])
    found = await database.fetch(
        "SELECT a.kind, a.guild_id, d.target FROM alert_deliveries AS d JOIN alerts AS a ON a.id = d.alert_id"
    )
    assert sorted(map(tuple, found)) == sorted(
        [
            ("budget", GUILD, SERVER), ("budget", GUILD, mine.id), ("budget", GUILD, "operator/abc"),
            ("budget", 0, OPERATOR), ("budget", 0, "operator/abc"),
            ("provider_key", GUILD, SERVER), ("provider_key", GUILD, OPERATOR), ("provider_key", GUILD, mine.id),
            ("provider_key", GUILD, "operator/abc"),
        ]
    )  # fmt: skip


async def test_in_development_a_server_s_addresses_are_left_out(
    database: Database, book: AlertBook, clock: Clock
) -> None:
    await AlertTargets(database, clock).add(GUILD, "json://example.com", "json://example.com/…", actor=1)
    await passes(database, GUILD, 80)
    await book.take_up(with_addresses=False)
    assert [owed.target for owed in await book.due()] == [SERVER]


async def test_it_is_delivered_when_server_and_operator_have_it(database: Database, book: AlertBook) -> None:
    """I20: outside addresses neither complete it nor hold it up."""
    await book.fire(AlertKind.PROVIDER_CREDIT, GUILD, "openai")
    await book.take_up(["operator/abc"])
    await book.delivered(await first_due_of(book, "operator/abc"), "outside")
    await book.delivered(await first_due_of(book, SERVER), "channel 1")
    assert len(await book.owed()) == 1
    await book.delivered(await first_due_of(book, OPERATOR), LOG)
    assert await book.owed() == []


async def test_the_provider_s_trouble_fires_once_until_it_works_again(
    database: Database, database_url: str, book: AlertBook, clock: Clock
) -> None:
    """Asked by many at once, in two connections, one row is written; after a restart still."""
    other = await open_database(database_url)
    books = [book, AlertBook(other, clock)]
    fired = await asyncio.gather(*(b.fire(AlertKind.PROVIDER_KEY, n, "openai") for n in range(20) for b in books))
    assert sum(fired) == 1
    await other.close()
    assert await book.stands(AlertKind.PROVIDER_KEY, "openai")
    assert not await book.stands(AlertKind.PROVIDER_CREDIT, "openai")
    assert await book.fire(AlertKind.PROVIDER_CREDIT, 1, "openai")
    assert await book.fire(AlertKind.PROVIDER_KEY, 1, "groq")
    assert await book.cleared(AlertKind.PROVIDER_KEY, "openai")
    assert not await book.cleared(AlertKind.PROVIDER_KEY, "openai")
    clock.passes(minutes=59)
    assert not await book.fire(AlertKind.PROVIDER_KEY, 1, "openai")
    clock.passes(minutes=1)
    assert await book.fire(AlertKind.PROVIDER_KEY, 1, "openai")
    assert not await book.fire(AlertKind.PROVIDER_KEY, 1, "openai")
    assert len(await database.fetch("SELECT 1 FROM alerts")) == 4


async def test_many_messages_for_one_slow_address_stand_before_nobody(database: Database, book: AlertBook) -> None:
    """I20: a server may owe its address as many as it likes."""
    targets = AlertTargets(database, lambda: NOW)
    slow = await targets.add(1, "jsons://example.com", "jsons://example.com/…", actor=1)
    for n in range(4):
        await book.fire(AlertKind.PROVIDER_KEY, 1, f"provider {n}")
        await book.take_up()
    for owed in await book.due():
        if owed.target != slow.id:
            delivery = await book.claim(owed)
            assert delivery is not None
            await book.delivered(delivery, "channel 1")
    await book.fire(AlertKind.PROVIDER_KEY, 2, "openai")
    await book.take_up()
    assert [(owed.alert.key, owed.target) for owed in await book.due(limit=3)] == [
        ("provider 0", slow.id),
        ("openai", OPERATOR),
        ("openai", SERVER),
    ]
