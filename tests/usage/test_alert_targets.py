"""Addresses of servers: kept whole, shown by their labels, removed with what they are owed."""

import asyncio

import pytest

from bot.usage.alerting.alert_book import SERVER, AlertBook
from bot.usage.alerting.alert_targets import MOST, AlertTarget, AlertTargets, TooManyTargetsError
from bot.usage.budgeting.alert_rows import AlertKind
from bot.usage.storage import audit
from bot.usage.storage.database import Database
from tests.usage.making import NOW

BOTH_DATABASES = True

SECRET = "mailtos://me:hunter2@example.com"
LABEL = "mailtos://…@example.com"


@pytest.fixture
def targets(database: Database) -> AlertTargets:
    return AlertTargets(database, lambda: NOW)


async def test_added_read_and_removed_with_a_line_in_the_audit_log(database: Database, targets: AlertTargets):
    """I35: no more than the label is read but by who sends. I26: by no other server."""
    added = await targets.add(1, SECRET, LABEL, actor=5)
    assert await targets.of(1) == [AlertTarget(added.id, 1, LABEL, "5", NOW)]
    assert await targets.named(added.id) == added
    assert await targets.of(2) == []
    assert await targets.address(added.id) == SECRET
    assert not await targets.remove(added.id, guild_id=2, actor=6)
    assert await targets.remove(added.id, guild_id=1, actor=6)
    assert not await targets.remove(added.id, guild_id=1, actor=6)
    assert await targets.address(added.id) is None
    assert await targets.named(added.id) is None
    lines = await audit.newest(database, 1)
    assert {(line.actor, line.action, line.facts["label"]) for line in lines} == {
        ("5", "alert address added", LABEL),
        ("6", "alert address removed", LABEL),
    }
    assert "hunter2" not in repr(lines) + repr(added)


async def test_the_same_twice_is_one_and_there_are_so_many_at_most(targets: AlertTargets):
    first = await targets.add(1, SECRET, LABEL, actor=5)
    assert await targets.add(1, SECRET, LABEL, actor=6) == first
    for n in range(MOST - 1):
        await targets.add(1, f"{SECRET}{n}", LABEL, actor=5)
    with pytest.raises(TooManyTargetsError):
        await targets.add(1, "json://example.com", "json://example.com/…", actor=5)
    assert len(await targets.of(1)) == MOST
    await targets.add(2, SECRET, LABEL, actor=5)


async def test_added_at_the_same_moment_they_are_counted_too(database: Database, targets: AlertTargets) -> None:
    """Two who manage a server, or one who presses twice: neither sees yet what the other is writing."""
    again = await asyncio.gather(*(targets.add(1, SECRET, LABEL, actor=n) for n in range(3)))
    assert len({target.id for target in again}) == 1
    found = await asyncio.gather(
        *(targets.add(1, f"{SECRET}{n}", LABEL, actor=5) for n in range(6)), return_exceptions=True
    )
    assert sum(isinstance(one, TooManyTargetsError) for one in found) == 2
    assert len(await targets.of(1)) == MOST


async def test_removing_an_address_drops_what_it_is_owed(database: Database, targets: AlertTargets):
    book = AlertBook(database, lambda: NOW)
    added = await targets.add(1, SECRET, LABEL, actor=5)
    await book.fire(AlertKind.PROVIDER_KEY, 1)
    await book.take_up()
    assert added.id in {owed.target for owed in await book.due()}
    await targets.remove(added.id, guild_id=1, actor=5)
    assert {owed.target for owed in await book.due()} == {SERVER, "operator"}
