"""League actions on the books while they are carried out. Here, since only these books are tried on both databases."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import replace
from datetime import timedelta

import pytest

from bot.league import under_way
from bot.league.under_way import KEPT, Action, UnderWay
from bot.usage.errors import DatabaseUnavailableError
from bot.usage.storage.database import Database
from tests.cogs.helpers import Clock

BOTH_DATABASES = True
ACTION = Action(1, 70, 5, "/league create", "league created", {"title": "Week 7", "channels": 2})


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def killed(database: Database, clock: Clock) -> AsyncIterator[UnderWay]:
    """A process that was killed in the middle of an action."""
    before = UnderWay(database, clock)
    async with AsyncExitStack() as never_left:
        await never_left.enter_async_context(before.doing(ACTION))
        yield before


async def stand(database: Database) -> int:
    return int((await database.fetch("SELECT count(*) FROM league_under_way"))[0][0])


@pytest.mark.parametrize("fault", [None, RuntimeError(), asyncio.CancelledError()])
async def test_what_ends_is_off_the_books(database: Database, clock: Clock, fault: BaseException | None) -> None:
    """However it ends; and nobody takes it for cut off before, however long it takes."""
    book = UnderWay(database, clock)
    try:
        async with book.doing(ACTION):
            assert await stand(database) == 1
            clock.now += timedelta(hours=1)
            assert await book.cut_off([1]) == {}
            if fault is not None:
                raise fault
    except (RuntimeError, asyncio.CancelledError) as error:
        assert error is fault  # noqa: PT017 - a CancelledError passes through pytest.raises badly
    assert await stand(database) == 0


async def test_what_a_kill_leaves_is_told_once(database: Database, clock: Clock, killed: UnderWay) -> None:
    """I32: by one process, with a line in the history; not of a server that this process doesn't see."""
    book, another = UnderWay(database, clock), UnderWay(database, clock)
    clock.now += timedelta(seconds=91)
    assert await book.cut_off([2]) == {}
    first, second = await book.cut_off([1, 2]), await another.cut_off([1, 2]) if database.shared else {}
    [(name, action)] = [*first.items(), *second.items()]
    assert action == ACTION
    await book.told(name, action)
    assert await stand(database) == 0
    assert await database.fetch("SELECT guild_id, actor, action, facts FROM audit_log") == [
        (1, "5", "league created", '{"title": "Week 7", "channels": 2, "result": "cut off"}')
    ]


async def test_what_couldnt_be_told_comes_up_again(database: Database, clock: Clock, killed: UnderWay) -> None:
    book = UnderWay(database, clock)
    for _ in range(2):
        clock.now += timedelta(seconds=91)
        assert list((await book.cut_off([1])).values()) == [ACTION]
    clock.now += KEPT - timedelta(seconds=1)
    await book.forget_old()
    assert await stand(database) == 1
    clock.now += timedelta(seconds=2)
    await book.forget_old()
    assert await stand(database) == 0


async def test_another_process_that_gives_signs_is_alive(
    database: Database, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where processes share the books; else there is no other: whoever holds them knows that all others are dead."""
    monkeypatch.setattr(under_way, "SIGN_SECONDS", 0.001)
    other, book = UnderWay(database, clock), UnderWay(database, clock)
    async with other.doing(replace(ACTION, facts={})):
        clock.now += timedelta(hours=1)
        seen = "SELECT seen_at FROM league_under_way"
        while (await database.fetch(seen))[0][0] < clock.now.timestamp() * 1_000_000:
            await asyncio.sleep(0.005)
        monkeypatch.setattr(under_way, "SIGN_SECONDS", 3_600)
        await asyncio.sleep(0.05)  # no sign may come between the look and the taking
        clock.now += timedelta(seconds=89)
        assert len(await book.cut_off([1])) == (0 if database.shared else 1)


async def test_the_books_are_away_when_it_ends(
    database: Database, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """I23: it is over all the same, nobody is told otherwise, and the row goes when they are back."""
    book, real = UnderWay(database, clock), database.execute

    async def away(*_args: object) -> None:
        raise DatabaseUnavailableError("the books", "away")

    async with book.doing(ACTION):
        monkeypatch.setattr(database, "execute", away)
    monkeypatch.setattr(database, "execute", real)
    assert await stand(database) == 1
    clock.now += timedelta(hours=1)
    assert await book.cut_off([1]) == {}
    assert await stand(database) == 0
