"""What was paid for is kept a while, and asked for once."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from bot.assistant.paid_once import PaidOnce

NOON = datetime(2026, 3, 15, 12, tzinfo=UTC)


class Shop:
    """Sells the numbers 1, 2, 3 …, each once, when `open`."""

    def __init__(self) -> None:
        self.now = NOON
        self.sold = 0
        self.open = asyncio.Event()
        self.open.set()
        self.fails = 0
        self.kept = PaidOnce[int](lambda: self.now, seconds=3600, most=2, worth_keeping=lambda number: number != 13)

    async def sell(self) -> int:
        self.sold += 1
        sold = self.sold
        await self.open.wait()
        if self.fails:
            self.fails -= 1
            raise ConnectionError
        return sold

    async def get(self, key: str) -> tuple[int, datetime | None]:
        return await self.kept.get(key, self.sell)


async def test_the_same_key_is_paid_for_once_an_hour() -> None:
    shop = Shop()
    assert await shop.get("a") == (1, None)
    shop.now = NOON + timedelta(seconds=3599)
    assert await shop.get("a") == (1, NOON)
    assert await shop.get("b") == (2, None)
    shop.now = NOON + timedelta(seconds=3600)
    assert await shop.get("a") == (3, None)
    assert await shop.get("a") == (3, shop.now)


async def test_what_was_unused_longest_goes_first() -> None:
    shop = Shop()
    for key in "aba":
        await shop.get(key)
    assert await shop.get("c") == (3, None)
    assert await shop.get("a") == (1, NOON)
    assert await shop.get("b") == (4, None)


async def test_what_is_not_worth_keeping_is_bought_anew() -> None:
    shop = Shop()
    shop.sold = 12
    assert await shop.get("a") == (13, None)
    assert await shop.get("a") == (14, None)
    assert await shop.get("a") == (14, NOON)


async def test_two_at_the_same_time_pay_once() -> None:
    shop = Shop()
    shop.open.clear()
    tasks = [asyncio.create_task(shop.get("a")) for _ in range(5)]
    other = asyncio.create_task(shop.get("b"))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert shop.sold == 2, "another key waits for nobody"
    shop.open.set()
    assert await asyncio.gather(*tasks) == [(1, None)] + [(1, NOON)] * 4
    assert await other == (2, None)
    assert len(shop.kept._locks) == 0


async def test_if_the_first_fails_the_second_asks_itself() -> None:
    shop = Shop()
    shop.fails = 1
    first, second = await asyncio.gather(shop.get("a"), shop.get("a"), return_exceptions=True)
    assert isinstance(first, ConnectionError)
    assert second == (2, None)


async def test_if_the_first_is_cancelled_the_second_asks_itself() -> None:
    shop = Shop()
    shop.open.clear()
    first, second = (asyncio.create_task(shop.get("a")) for _ in range(2))
    await asyncio.sleep(0)
    first.cancel()
    with pytest.raises(asyncio.CancelledError):
        await first
    shop.open.set()
    assert await second == (2, None)
