"""Reservations across processes: one that ended, and others that share the books."""

import asyncio
from datetime import UTC, datetime
from typing import Any

import pytest

from bot.usage import PriceList, UsageTracker, open_tracker
from bot.usage.calls.told import id_of
from bot.usage.upkeep.integrity import verify

BOTH_DATABASES = True

NOW = datetime(2026, 3, 15, 12, tzinfo=UTC)
CALL = {"model": "gpt-4o", "at": NOW, "guild_id": 42}
WORST = 1_250_000


async def reserve(tracker: UsageTracker, key: str, times: int = 1, **what: Any) -> None:
    call = {**CALL, "usage": {"input_tokens": 100, "output_tokens": 100}, **what}
    verdict = await tracker.reservations.reserve(await tracker.reservations.call(**call, key=key), times)
    assert verdict.refusal is None


async def tell(tracker: UsageTracker, key: str, **what: Any) -> None:
    """$0.00025."""
    await tracker.book_event(kind="llm", key=key, usage={"input_tokens": 100}, **{**CALL, **what})
    await tracker.force_flush()


async def levels(tracker: UsageTracker, guild_id: int) -> list[tuple[int, int]]:
    return [(one.level.used, one.level.reserved) for one in await tracker.budgets.standing(guild_id)]


async def is_exact(tracker: UsageTracker) -> bool:
    return (await verify(tracker.database, tracker.operations, NOW)).differences == []


@pytest.fixture
def how(prices: PriceList) -> dict[str, Any]:
    return {"prices": prices, "console": False, "clock": lambda: NOW}


async def test_its_process_ends(database_url: str, how: dict[str, Any]) -> None:
    """I14, I21: at its worst case, until it is told what became of it; then exactly that, once."""
    async with open_tracker(database_url, **how) as first:
        await first.set_budget("guild", 42, guild_id=42, limit_usd=1)
        await reserve(first, "a")
        await reserve(first, "b")
    async with open_tracker(database_url, **how) as second:
        assert await levels(second, 42) == [(2 * WORST, 0)]
        for _ in range(2):
            await tell(second, "a")
            assert await levels(second, 42) == [(250_000 + WORST, 0)]
        assert await is_exact(second)


async def test_what_served_it_and_what_is_owed(database_url: str, how: dict[str, Any]) -> None:
    """I4, I11: another model than asked for; where its price isn't known, what was reserved may be owed."""
    async with open_tracker(database_url, **how) as tracker:
        pairs = [("gpt-4o", "gpt-4o"), ("gpt-4o", "gpt-4o-2024-08-06"), ("gpt-4o", "nobody-knows"), ("?", "?")]
        for key, (asked, served) in enumerate(pairs):
            await reserve(tracker, f"{key}", model=asked)
            await tell(tracker, f"{key}", model=served)
        sql = "SELECT request_model, response_model, cost_nano_usd, doubtful_nano_usd FROM usage_records"
        assert sorted(await tracker.database.fetch(sql), key=repr) == [
            ("?", None, None, 0),
            ("gpt-4o", "gpt-4o-2024-08-06", 250_000, 0),
            ("gpt-4o", "nobody-knows", None, WORST),
            ("gpt-4o", None, 250_000, 0),
        ]
        assert tracker.ledger.faults == 0


async def test_it_is_told_to_another_process(emptied_url: str, how: dict[str, Any]) -> None:
    """I13, I14: what ended there is held nowhere here, in no budget that is set afterwards either."""
    async with open_tracker(emptied_url, **how) as first, open_tracker(emptied_url, **how) as second:
        await first.set_budget("guild", 42, guild_id=42, limit_usd=1)
        await reserve(first, "a")
        await reserve(first, "b")
        await tell(second, "a")
        await second.set_budget("bot", limit_usd=1)
        await first.ledger.rules_changed()
        await reserve(first, "c")
        assert await levels(first, 42) == await levels(first, 0) == [(250_000, 2 * WORST)]
        await reserve(second, "b", times=2)
        assert await levels(first, 42) == [(250_000, 3 * WORST)]
        await tell(first, "b")
        await tell(second, "c")
        assert await levels(first, 42) == await levels(first, 0) == [(750_000, 0)]
        first.reservations._give_up(id_of("a"))  # its time is over
        await first.force_flush()
        assert await levels(first, 42) == await levels(first, 0) == [(750_000, 0)]
        assert not {id_of("a"), id_of("b")} & first.ledger._writer.held.keys()
        assert await is_exact(first)


async def test_it_is_told_to_two_at_once(emptied_url: str, how: dict[str, Any]) -> None:
    """I6, I22: by a teller who lost patience with the one and asked the other."""
    async with open_tracker(emptied_url, **how) as first, open_tracker(emptied_url, **how) as second:
        await first.set_budget("guild", 42, guild_id=42, limit_usd=1)
        for n in range(10):
            await asyncio.gather(tell(first, f"{n}"), tell(second, f"{n}"))
            await asyncio.gather(reserve(first, f"r{n}"), reserve(second, f"r{n}"))
        assert await levels(first, 42) == [(10 * 250_000, 10 * WORST)]
        assert await is_exact(first)


async def test_without_a_cap_it_may_take_all_that_its_model_can(tracker: UsageTracker) -> None:
    """I21: whoever serves it."""
    asked = {"model": "openai/gpt-4o", "provider": "openrouter", "usage": {"input_tokens": 100}, "choices": 2}
    call = await tracker.reservations.call(**asked)  # type: ignore[arg-type]
    assert call.reserved_usage.output_tokens == 2 * 16_384
