"""A refused key or an empty account, seen in the calls, told once until it works again."""

from datetime import timedelta
from pathlib import Path

import pytest

from bot.alerts.provider import ProviderWatch
from bot.usage.alerting.alert_book import AlertBook
from bot.usage.budgeting.alert_rows import AlertKind
from bot.usage.errors import DatabaseUnavailableError
from bot.usage.records import Price, Status, UsageRecord
from tests.cogs.helpers import Clock
from tests.usage.making import a_call, a_settlement, fresh_database


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def book(tmp_path: Path, clock: Clock):
    async with fresh_database(tmp_path / "a.db") as database:
        yield AlertBook(database, clock)


def failed(error_type: str, guild_id: int = 1) -> UsageRecord:
    settled = a_settlement(status=Status.ERROR, error_type=error_type, price=Price(0, "not charged"))
    return UsageRecord(a_call(guild_id=guild_id), settled)


def worked() -> UsageRecord:
    return UsageRecord(a_call(), a_settlement())


async def told(book: AlertBook) -> list[tuple[AlertKind, int, str]]:
    return [(alert.kind, alert.guild_id, alert.key) for alert in await book.owed()]


async def test_once_until_it_works_again(book: AlertBook, clock: Clock):
    watch = ProviderWatch()
    watch.see([failed("invalid_api_key", 3), failed("invalid_api_key", 4)])
    watch.see([failed("AuthenticationError", 5)])
    await watch.settle(book)
    watch.see([failed("invalid_api_key", 6)])
    await watch.settle(book)
    assert await told(book) == [(AlertKind.PROVIDER_KEY, 3, "openai")]
    watch.see([worked()])
    await watch.settle(book)
    clock.now += timedelta(hours=1)
    watch.see([failed("invalid_api_key", 6)])
    await watch.settle(book)
    assert await told(book) == [(AlertKind.PROVIDER_KEY, 3, "openai"), (AlertKind.PROVIDER_KEY, 6, "openai")]


async def test_what_comes_and_goes_is_told_once_an_hour(book: AlertBook, clock: Clock):
    watch = ProviderWatch()
    for _ in range(120):
        watch.see([failed("insufficient_quota")])
        await watch.settle(book)
        watch.see([worked()])
        await watch.settle(book)
        clock.now += timedelta(seconds=59)
    assert len(await told(book)) == 2
    assert not await book.stands(AlertKind.PROVIDER_CREDIT, "openai")
    clock.now += timedelta(hours=1)
    watch.see([failed("insufficient_quota")])
    await watch.settle(book)
    assert len(await told(book)) == 3
    assert await book.stands(AlertKind.PROVIDER_CREDIT, "openai")


async def test_not_again_after_a_restart(book: AlertBook):
    for _ in range(2):
        watch = ProviderWatch()
        watch.see([failed("insufficient_quota")])
        await watch.settle(book)
    assert await told(book) == [(AlertKind.PROVIDER_CREDIT, 1, "openai")]


@pytest.mark.parametrize(
    "error_type",
    ["rate_limit_exceeded", "context_length_exceeded", "APITimeoutError", "InternalServerError", "truncated"],
)
async def test_other_troubles_are_no_alert(book: AlertBook, error_type):
    watch = ProviderWatch()
    watch.see([failed(error_type)])
    await watch.settle(book)
    assert await told(book) == []


async def test_a_key_that_works_between_two_looks_is_no_alert(book: AlertBook):
    watch = ProviderWatch()
    watch.see([failed("invalid_api_key"), worked()])
    await watch.settle(book)
    assert await told(book) == []


async def test_the_books_out_of_reach_delay_it(book: AlertBook, monkeypatch: pytest.MonkeyPatch):
    """I20."""
    watch = ProviderWatch()
    watch.see([failed("invalid_api_key")])

    async def broken(*_arguments):
        raise DatabaseUnavailableError("a.db", "disk I/O error")

    with monkeypatch.context() as patch:
        patch.setattr(book, "fire", broken)
        with pytest.raises(DatabaseUnavailableError):
            await watch.settle(book)
    await watch.settle(book)
    assert await told(book) == [(AlertKind.PROVIDER_KEY, 1, "openai")]
