"""What other programs ask for: the guides' own questions, with literal answers."""

from collections.abc import AsyncIterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest

from bot.usage import PriceList, UsageTracker, open_tracker

BOTH_DATABASES = True

NOW = datetime(2026, 3, 15, 12, tzinfo=UTC)
NAIVE = datetime(2026, 3, 15)  # noqa: DTZ001 - what callers may give: it is UTC


class Clock:
    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def tracker(database_url: str, prices: PriceList, clock: Clock) -> AsyncIterator[UsageTracker]:
    """Ann: $0.003 today and $0.002 nine days ago, $0.05 in February. Bob: $0.004 today, and one call without a price.

    Ann also paid by card: that is no AI.
    """
    async with open_tracker(database_url, console=False, prices=prices, clock=clock) as opened:
        calls = [
            (0, "ann", "gpt-4o", "0.001", 100, 10, "writer"),
            (0, "ann", "gpt-4o-mini", "0.002", 200, 20, "reader"),
            (9, "ann", "gpt-4o", "0.002", 300, 30, "writer"),
            (40, "ann", "gpt-4o", "0.05", 5_000, 500, "writer"),
            (0, "bob", "gpt-4o-mini", "0.004", 40, 4, None),
            (0, "bob", "nobody-knows-it", None, 7, 3, None),
        ]
        for days_ago, user, model, cost, inputs, outputs, agent in calls:
            clock.now = NOW - timedelta(days=days_ago)
            await opened.track_llm_call(
                user_id=user,
                thread_id=f"{user}-{days_ago}",
                operation_type="chat",
                model=model,
                input_tokens=inputs,
                output_tokens=outputs,
                cost=cost,
                agent_name=agent,
            )
        clock.now = NOW
        await opened.track_payment_fee(user_id="ann", gateway="stripe", amount="10.00")
        yield opened


async def test_the_guides_user_statistics(tracker: UsageTracker) -> None:
    """Row B3: the names and the sums of the quick start's own snippet, in Decimal."""
    stats = await tracker.get_user_usage("ann", days=30)
    assert stats.total_requests == 3
    assert stats.total_tokens == 660
    assert stats.total_cost == Decimal("0.005")
    assert stats.cost_by_model == {"gpt-4o": Decimal("0.003"), "gpt-4o-mini": Decimal("0.002")}
    assert stats.requests_by_agent == {"writer": 2, "reader": 1}
    assert stats.cost_trend == [
        {"date": "2026-03-06", "cost": Decimal("0.002")},
        {"date": "2026-03-15", "cost": Decimal("0.003")},
    ]
    assert list(stats.cost_by_operation.items()) == [("chat", Decimal("0.005"))]


@pytest.mark.parametrize("start", [NAIVE, datetime(2026, 3, 15, tzinfo=UTC), date(2026, 3, 15)])
async def test_since_a_date_naive_times_being_utc(tracker: UsageTracker, start: date) -> None:
    stats = await tracker.get_user_usage("ann", start_date=start)
    assert (stats.total_requests, stats.total_cost) == (2, Decimal("0.003"))


async def test_what_has_no_price_is_counted_apart(tracker: UsageTracker) -> None:
    """I9: unknown isn't free."""
    stats = await tracker.get_user_usage("bob")
    assert (stats.total_requests, stats.unpriced_requests, stats.total_cost) == (2, 1, Decimal("0.004"))
    nobody = await tracker.get_user_usage("nobody")
    assert (nobody.total_requests, nobody.total_cost, nobody.cost_trend) == (0, Decimal(0), [])


async def test_a_conversation(tracker: UsageTracker) -> None:
    stats = await tracker.get_thread_usage("ann-0")
    assert (stats.total_requests, stats.total_tokens, stats.total_cost) == (2, 330, Decimal("0.003"))
    await tracker.track_usage(model="gpt-4o", thread_id="a\0\ud83d", user_id="a\0\ud83d")
    assert (await tracker.get_thread_usage("a\0\ud83d")).total_requests == 1, "asked for as it was told"
    assert (await tracker.get_cost_summary("a\0\ud83d"))["total_calls"] == 1


async def test_the_summary_of_everybody_and_of_one(tracker: UsageTracker) -> None:
    """Row E3. Fees are told apart; a whole day is a day, also its last hour."""
    assert await tracker.get_cost_summary() == {
        "total_cost": Decimal("0.059"),
        "total_calls": 6,
        "total_tokens": 6_214,
        "unpriced_calls": 1,
        "by_model": {"gpt-4o": Decimal("0.053"), "gpt-4o-mini": Decimal("0.006"), "nobody-knows-it": Decimal(0)},
        "by_operation": {"chat": Decimal("0.059")},
        "payment_fees": Decimal("0.59"),
    }
    march = await tracker.get_cost_summary(start=date(2026, 3, 1), end=date(2026, 3, 6))
    assert (march["total_cost"], march["total_calls"], march["payment_fees"]) == (Decimal("0.002"), 1, Decimal(0))
    ann = await tracker.get_cost_summary("ann", date(2026, 3, 6), date(2026, 3, 15))
    assert (ann["total_cost"], ann["total_calls"], ann["payment_fees"]) == (Decimal("0.005"), 3, Decimal("0.59"))
    until_noon = await tracker.get_cost_summary("ann", date(2026, 3, 6), NAIVE.replace(hour=11))
    assert (until_noon["total_cost"], until_noon["payment_fees"]) == (Decimal("0.002"), Decimal(0))


@pytest.mark.parametrize(("user", "today"), [("ann", (Decimal("0.003"), 2, 330)), (None, (Decimal("0.007"), 4, 384))])
async def test_the_daily_trend_has_every_day(
    tracker: UsageTracker, user: str | None, today: tuple[object, ...]
) -> None:
    days = await tracker.get_daily_costs(user, days=10)
    assert [day["date"] for day in days] == [f"2026-03-{number:02d}" for number in range(6, 16)]
    assert days[0] == {"date": "2026-03-06", "cost": Decimal("0.002"), "calls": 1, "tokens": 330}
    assert (days[-1]["cost"], days[-1]["calls"], days[-1]["tokens"]) == today
    assert {day["calls"] for day in days[1:-1]} == {0}


async def test_the_largest_users_by_cost_and_by_tokens(tracker: UsageTracker) -> None:
    ann = {"user_id": "ann", "total_tokens": 6_160, "total_cost": Decimal("0.055"), "call_count": 4}
    bob = {"user_id": "bob", "total_tokens": 54, "total_cost": Decimal("0.004"), "call_count": 2}
    assert await tracker.get_top_users() == [ann, bob]
    assert await tracker.get_top_users(1, date(2026, 3, 15), NOW) == [bob]
    month = {"user_id": "ann", "total_tokens": 660, "total_cost": Decimal("0.005"), "call_count": 3}
    assert await tracker.get_top_users_by_usage(limit=10, days=30) == [month, bob]


async def test_the_platform(tracker: UsageTracker) -> None:
    """Row D7: the keys of the guide's admin endpoint."""
    start = NOW - timedelta(days=30)
    assert await tracker.get_platform_usage_stats(start, NOW) == {
        "active_users": 2,
        "total_tokens": 714,
        "total_cost": Decimal("0.009"),
        "total_calls": 5,
        "avg_tokens_per_call": 142.8,
    }
    nothing = await tracker.get_platform_usage_stats(date(2020, 1, 1), date(2020, 1, 2))
    assert (nothing["total_calls"], nothing["avg_tokens_per_call"]) == (0, 0.0)


async def test_the_month_at_its_pace(tracker: UsageTracker, clock: Clock) -> None:
    assert await tracker.get_cost_projection("ann") == {
        "month_to_date": Decimal("0.005"),
        "projected_cost": Decimal("0.010689655"),  # 0.005 * 31 / 14.5
        "days_elapsed": 14.5,
        "days_in_month": 31,
    }
    assert (await tracker.get_cost_projection())["month_to_date"] == Decimal("0.009")
    clock.now = datetime(2026, 4, 1, 0, 59, tzinfo=UTC)
    first_hour = await tracker.get_cost_projection()
    assert (first_hour["month_to_date"], first_hour["projected_cost"]) == (Decimal(0), None)


async def test_a_name_without_calls_is_none(tracker: UsageTracker) -> None:
    """A call given up and told at last, of another model: the first one's row has nothing left in it."""
    call = {"model": "gpt-4.1-mini", "at": NOW, "usage": {"input_tokens": 1}, "operation": "late"}
    reserved = await tracker.reservations.call(**call, key="one")
    assert (await tracker.reservations.reserve(reserved)).refusal is None
    tracker.reservations._give_up(reserved.id)
    await tracker.force_flush()
    before = set((await tracker.get_cost_summary())["by_model"])
    await tracker.book_event(kind="llm", key="one", **call | {"model": "gpt-4.1"})
    assert set((await tracker.get_cost_summary())["by_model"]) == before - {"gpt-4.1-mini"} | {"gpt-4.1"}
