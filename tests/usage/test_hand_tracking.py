"""Calls made elsewhere and told to us."""

import asyncio
import logging

import pytest

from bot.usage import PriceList, UsageTracker, open_tracker
from bot.usage.calls.hand_tracking import Buffering
from tests.usage.conftest import Records

BOTH_DATABASES = True

CALL = {"model": "gpt-4o", "input_tokens": 100, "output_tokens": 200}


async def calls(tracker: UsageTracker) -> int:
    rows = await tracker.ledger._database.fetch("SELECT count(*) FROM usage_records")
    return int(rows[0][0])


async def test_a_call_is_priced_like_the_doors_and_attributed(database_url: str) -> None:
    async with open_tracker(database_url, console=False) as tracker:
        await tracker.track_usage(**CALL, user_id="ann", thread_id="conv-123", agent_name="my_agent")
        await tracker.force_flush()
        rows = await tracker.ledger._database.fetch(
            "SELECT operation, user_id, session_id, agent_name, status, cost_nano_usd, price_source, estimated "
            "FROM usage_records"
        )
        source = rows[0][6]
        assert rows == [("unattributed", "ann", "conv-123", "my_agent", "ok", 2_250_000, source, 0)]
        assert source.startswith("genai-prices")
        assert tracker.get_summary()["total_cost"] == 0.00225
        report = await tracker.reports.spend(None, "today", "agent")
        assert [(row.key, row.cost_nano_usd) for row in report.rows] == [("my_agent", 2_250_000)]


async def test_calls_wait_for_their_batch_or_their_time(database_url: str) -> None:
    """LEDGER_BATCH_SIZE and LEDGER_FLUSH_SECONDS."""
    async with open_tracker(database_url, console=False, buffering=Buffering(3, 2.0)) as tracker:
        for _ in range(2):
            await tracker.track_usage(**CALL)
        await tracker.ledger.flush()
        assert await calls(tracker) == 0
        await tracker.track_usage(**CALL)
        await tracker.ledger.flush()
        assert await calls(tracker) == 3
        await tracker.track_usage(**CALL)
        async with asyncio.timeout(20):
            while await calls(tracker) < 4:
                await asyncio.sleep(0.05)


async def test_closing_writes_what_is_buffered(database_url: str) -> None:
    """I21: an orderly end loses nothing."""
    async with open_tracker(database_url, console=False) as tracker:
        await tracker.track_usage(**CALL)
    async with open_tracker(database_url, console=False) as tracker:
        assert await calls(tracker) == 1


@pytest.mark.parametrize(
    ("cost", "nano_usd"), [(0, 0), ("0.000000001", 1), (0.1, 100_000_000), ("0.0000000025", 2), (None, 2_250_000)]
)
async def test_a_given_cost_wins_and_zero_is_free(database_url: str, cost: object, nano_usd: int) -> None:
    """I9: `cost=0` is free, not unpriced."""
    async with open_tracker(database_url, console=False) as tracker:
        await tracker.track_usage(**CALL, cost=cost)  # type: ignore[arg-type]
        await tracker.force_flush()
        rows = await tracker.ledger._database.fetch("SELECT cost_nano_usd FROM usage_records")
        assert rows == [(nano_usd,)]


@pytest.mark.parametrize(
    "wrong",
    [
        {"input_tokens": -1},
        {"output_tokens": "many"},
        {"cost": "a lot"},
        {"cost": -1},
        {"metadata": {"x": "y" * 5000}},
        {"user_id": "a", "colour": "red"},
        {"duration_ms": float("nan")},
        {"model": None},
    ],
)
async def test_it_never_raises_into_the_teller(
    database_url: str, wrong: dict[str, object], caplog: pytest.LogCaptureFixture
) -> None:
    """I23: what can't be booked is logged, and the next one is booked."""
    async with open_tracker(database_url, console=False) as tracker:
        with caplog.at_level(logging.ERROR):
            await tracker.track_usage(**{**CALL, **wrong})  # type: ignore[arg-type]
        assert "a call tracked by hand can't be booked" in caplog.text
        await tracker.track_payment_fee(gateway="stripe", amount=1, metadata=["a list"])
        await tracker.track_payment_fee(gateway=None, amount=1)  # type: ignore[arg-type]
        assert caplog.text.count("a payment's fee can't be booked") == 2
        await tracker.track_usage(**CALL)
        await tracker.force_flush()
        assert await calls(tracker) == 1


async def test_texts_that_no_database_takes(tracker: UsageTracker, records: Records) -> None:
    """I22: half an emoji, a NUL, a number and an exception are booked as text on both."""
    await tracker.track_usage(
        model="gpt\0", provider="me\ud83d", error_type=ValueError("no"), response_id=7,  # type: ignore[arg-type]
    )  # fmt: skip
    [row] = await records(tracker)
    assert [row[name] for name in ("request_model", "provider", "error_type", "response_id")] == [
        "gpt?",
        "me?",
        "no",
        "7",
    ]


async def test_a_client_that_cannot_be_closed(database_url: str, prices: PriceList) -> None:
    """I21: everything is written down all the same, and the others are closed."""
    tracker: UsageTracker
    with pytest.raises(OSError, match="no"):
        async with open_tracker(database_url, console=False, prices=prices) as tracker:
            one, other = tracker.openai(api_key="k"), tracker.openai(api_key="k")
            closing = one.close

            async def failing() -> None:
                await closing()
                raise OSError("no")

            one.close = failing  # type: ignore[method-assign]
            await tracker.track_usage(**CALL)
    assert other.is_closed()
    async with open_tracker(database_url, console=False, prices=prices) as tracker:
        assert await calls(tracker) == 1
