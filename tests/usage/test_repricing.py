"""Calls priced anew: by the price of their own time, nothing that isn't the price list's, and everything follows."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import openai
import pytest

from bot.usage import PriceList, TrackedOpenAI, UsageTracker
from bot.usage.bookkeeping import booked
from bot.usage.records import Kind, Price, Status, Usage, UsageRecord
from bot.usage.upkeep import repricing
from bot.usage.upkeep.integrity import verify
from bot.usage.upkeep.repricing import Repriced, Which, preview, reprice
from tests.usage.making import a_call, a_settlement
from tests.usage.shapes import chat
from tests.usage.stub import Stub, answer, drop
from tests.usage.upkeep import END, Clock, dump, tracker_at, write_history

BOTH_DATABASES = True
RISE = datetime(2026, 3, 15, tzinfo=UTC)
PRICES = """
[[model]]
names = ["mystery"]
input = 1
output = 2
source = "a contract"
as_of = 2026-03-01

[[model]]
names = ["mystery"]
from = 2026-03-15
input = 10
output = 20
source = "a contract"
as_of = 2026-03-01

[[model]]
names = ["mystery"]
service_tier = "priority"
input = 100
output = 200
source = "a contract"
as_of = 2026-03-01

[[model]]
names = ["ours"]
providers = ["house"]
input = 7
output = 7
source = "a contract"
as_of = 2026-03-01
"""
UNKNOWN = Price(None, "unknown")


@pytest.fixture(scope="module")
def new_prices(tmp_path_factory: pytest.TempPathFactory) -> PriceList:
    path = tmp_path_factory.mktemp("prices") / "prices.toml"
    path.write_text(f"as_of = 2026-03-01\n{PRICES}")
    return PriceList.load(path)


@pytest.fixture
def clock() -> Clock:
    return Clock(END)


@pytest.fixture
async def tracker(database_url: str, prices: PriceList, clock: Clock) -> AsyncIterator[UsageTracker]:
    async with tracker_at(database_url, prices, clock) as opened:
        yield opened


async def book(tracker: UsageTracker, *records: UsageRecord) -> None:
    for record in records:
        tracker.ledger.record(record)
    await tracker.force_flush()


def a_mystery(at: datetime = END, price: Price = UNKNOWN, call: Any = None, **changes: Any) -> UsageRecord:
    """1,000 tokens in, 500 out: $0.002 before the rise, $0.020 after it."""
    settled = a_settlement(usage=Usage(input_tokens=1_000, output_tokens=500), price=price, **changes)
    return UsageRecord(a_call(at=at, model="mystery", **(call or {})), settled)


async def stored(tracker: UsageTracker, column: str = "cost_nano_usd") -> list[Any]:
    return [
        row[0] for row in await tracker.database.fetch(f"SELECT {column} FROM usage_records ORDER BY started_at, id")
    ]


async def all_right(tracker: UsageTracker) -> None:
    await tracker.force_flush()
    assert (await verify(tracker.database, tracker.operations, END)).differences[:2] == []


async def test_each_call_has_the_price_of_its_own_time(tracker: UsageTracker, new_prices: PriceList) -> None:
    """I9, I10: the instant of the rise is after it; before and after sums by model, and only what differs."""
    moments = [RISE - timedelta(days=40), RISE - timedelta(microseconds=1), RISE, RISE + timedelta(days=1)]
    wrong = UsageRecord(a_call(at=RISE, model="gpt-4o"), a_settlement(7, tokens=(1_000, 100)))
    right = UsageRecord(a_call(at=RISE, model="gpt-4o"), a_settlement(3_500_000, tokens=(1_000, 100)))
    await book(tracker, *map(a_mystery, moments), wrong, right)
    lines = [
        Repriced("mystery", calls=4, priced_calls=4, before_nano_usd=0, after_nano_usd=44_000_000),
        Repriced("gpt-4o", calls=1, priced_calls=0, before_nano_usd=7, after_nano_usd=3_500_000),
    ]
    before = await dump(tracker.database, "usage_records", "spend_daily", "budget_periods")
    assert await preview(tracker.database, new_prices, Which()) == lines
    assert await dump(tracker.database, "usage_records", "spend_daily", "budget_periods") == before
    assert await reprice(tracker.database, new_prices, Which(), tracker.clock) == lines
    costs = [2_000_000, 2_000_000, 20_000_000, 3_500_000, 3_500_000, 20_000_000]
    assert sorted(await stored(tracker)) == sorted(costs)
    sql = "SELECT sum(cost_nano_usd), sum(unpriced_calls), sum(calls) FROM spend_daily WHERE dimension = 'total'"
    [total] = await tracker.database.fetch(sql)
    assert total == (51_000_000, 0, 6)
    assert await preview(tracker.database, new_prices, Which()) == []
    assert await reprice(tracker.database, new_prices, Which(), tracker.clock) == []
    [note] = await tracker.settings.audit(0)
    assert (note.actor, note.action, dict(note.facts)) == ("system", "repriced", {
        "calls": 5, "since": moments[0].isoformat(), "until": moments[3].isoformat(), "before": 7, "after": 47_500_000,
    })  # fmt: skip
    await all_right(tracker)


@pytest.mark.parametrize(
    ("which", "calls"),
    [
        (Which(), 4),
        (Which(since=RISE), 2),
        (Which(until=RISE), 2),
        (Which(since=RISE, until=RISE + timedelta(days=1)), 1),
        (Which("mystery", until=RISE), 2),
        (Which("gpt-4o"), 0),
        (Which("served"), 0),
    ],
)
async def test_which_calls(tracker: UsageTracker, new_prices: PriceList, which: Which, calls: int) -> None:
    """I10: from `since` on, before `until`, and for or served by a model."""
    moments = [RISE - timedelta(days=40), RISE - timedelta(microseconds=1), RISE, RISE + timedelta(days=1)]
    await book(tracker, *map(a_mystery, moments))
    found = await preview(tracker.database, new_prices, which)
    assert sum(line.calls for line in found) == calls
    assert await reprice(tracker.database, new_prices, which, tracker.clock) == found
    assert sum(cost is not None for cost in await stored(tracker)) == calls


async def test_the_model_that_served_is_priced_and_either_name_finds_it(
    tracker: UsageTracker, new_prices: PriceList
) -> None:
    """I11."""
    record = a_mystery()
    call = replace(record.call, request_model="auto")
    await book(tracker, UsageRecord(call, replace(record.settlement, response_model="mystery")))
    line = Repriced("mystery", 1, 1, 0, 20_000_000)
    for name in ("auto", "mystery"):
        assert await preview(tracker.database, new_prices, Which(name)) == [line]


@pytest.mark.parametrize(
    ("record", "cost", "doubtful"),
    [
        (a_mystery(service_tier="priority"), 200_000_000, 0),
        (a_mystery(doubtful_nano_usd=900, doubtful_tokens=9), 20_000_000, 0),
        (a_mystery(doubtful_nano_usd=30_000_000, estimated=True), 20_000_000, 10_000_000),
        (a_mystery(doubtful_nano_usd=30_000_000, attempts=2), 20_000_000, 10_000_000),
        (a_mystery(price=Price(9, "test"), doubtful_nano_usd=30, estimated=True), 20_000_000, 30),
        (a_mystery(price=Price(9, "given")), 9, 0),
        (a_mystery(price=Price(0, "given")), 0, 0),
        (a_mystery(price=Price(0, "not charged"), status=Status.ERROR), 0, 0),
        (a_mystery(price=Price(9, "reserved"), status=Status.INTERRUPTED, estimated=True), 9, 0),
        (a_mystery(status=Status.INTERRUPTED, estimated=True), 20_000_000, 0),
        (a_mystery(status=Status.ERROR, estimated=True, flagged="never retrieved"), 20_000_000, 0),
        (a_mystery(price=Price(9, "test"), estimated=True, flagged="never retrieved"), 9, 0),
        (a_mystery(call={"kind": Kind.PAYMENT}), None, 0),
        (UsageRecord(a_call(at=END, model="mystery"), a_settlement(usage=Usage(), price=UNKNOWN)), None, 0),
        (UsageRecord(a_call(at=END, model="another"), a_settlement(price=UNKNOWN)), None, 0),
        (UsageRecord(a_call(at=END, model="another"), a_settlement(9)), 9, 0),
    ],
)
@pytest.mark.sqlite_only
async def test_what_is_priced_anew_and_what_stays(
    tracker: UsageTracker, new_prices: PriceList, record: UsageRecord, cost: int | None, doubtful: int
) -> None:
    """I4, I9, I11, I21: the price list's own alone; what a crash left at its worst case isn't made cheaper."""
    await tracker.set_budget(scope="bot", period="total", limit_usd=1)
    await tracker.set_budget(scope="bot", period="total", limit_tokens=10**9)
    await book(tracker, record)
    await reprice(tracker.database, new_prices, Which(), tracker.clock)
    assert await stored(tracker, "cost_nano_usd") == [cost]
    assert await stored(tracker, "doubtful_nano_usd") == [doubtful]
    assert await stored(tracker, "raw_usage") == [record.settlement.raw_usage]
    await all_right(tracker)


async def test_an_unpriced_call_of_a_crash_gets_its_worst_case(tracker: UsageTracker, prices: PriceList) -> None:
    """I21: everything that went in may have been written to the cache, which costs more: never below the bill."""
    usage = Usage(input_tokens=1_000, output_tokens=500)
    call = replace(a_call(at=END, model="claude-sonnet-4-5"), provider="anthropic")
    await book(tracker, UsageRecord(call, a_settlement(usage=usage, price=UNKNOWN, status=Status.INTERRUPTED)))
    await reprice(tracker.database, prices, Which(), tracker.clock)
    price = prices.price(usage, "claude-sonnet-4-5", at=END).cost_nano_usd
    assert price == 10_500_000
    assert await stored(tracker) == [11_250_000]


async def test_what_was_tracked_by_hand_is_priced_where_it_was_told_to_be(
    tracker: UsageTracker, new_prices: PriceList
) -> None:
    """I9: a provider that only the teller knows; a cost that was given stays."""
    for told in ({"provider": "house"}, {"provider": "house", "cost": "0.5"}, {}):
        await tracker.track_usage(model="ours", input_tokens=10, output_tokens=10, **told)
    await tracker.force_flush()
    assert await preview(tracker.database, new_prices, Which()) == [Repriced("ours", 2, 2, 0, 280_000)]


async def test_calls_of_the_door_are_priced_as_they_were(
    tracker: UsageTracker, stub: Stub, client: TrackedOpenAI, prices: PriceList
) -> None:
    """I10, I11, I12: a record holds all that its price depends on; with the same prices nothing changes."""
    ask: dict[str, Any] = {"model": "gpt-5", "messages": [{"role": "user", "content": "hello"}]}
    stub.answers(answer(chat(model="gpt-5")), answer(chat(model="gpt-5", service_tier="priority")), drop())
    for _ in range(2):
        await client.chat.completions.create(**ask, service_tier="flex")
    with pytest.raises(openai.APIConnectionError):
        await client.chat.completions.create(**ask, service_tier="flex")
    await tracker.force_flush()
    assert (await stored(tracker, "service_tier"))[:2] == ["flex", "priority"]
    assert await preview(tracker.database, prices, Which()) == []


async def test_sums_and_budgets_follow(tracker: UsageTracker, clock: Clock, new_prices: PriceList) -> None:
    """I8, I10, I17: across changes of time zone, past periods too. Quotas count tokens, which stay."""
    await write_history(tracker, clock)
    quotas = "SELECT * FROM budget_periods WHERE budget_id = 'quota' ORDER BY key, period_start"
    before = await tracker.database.fetch(quotas)
    found = await preview(tracker.database, new_prices, Which())
    assert [line.model for line in found] == ["mystery", "gpt-4o-mini", "gpt-4o"]
    assert sum(line.calls for line in found) > 200
    assert await reprice(tracker.database, new_prices, Which(), tracker.clock) == found
    await all_right(tracker)
    assert await tracker.database.fetch(quotas) == before
    assert await preview(tracker.database, new_prices, Which()) == []


async def test_stopped_in_between_it_goes_on(
    tracker: UsageTracker, clock: Clock, new_prices: PriceList, monkeypatch: pytest.MonkeyPatch
) -> None:
    """I8, I10: after each transaction everything agrees; what is done isn't done again."""
    await write_history(tracker, clock)
    every = await preview(tracker.database, new_prices, Which())
    monkeypatch.setattr(booked, "PAGE", 40)
    monkeypatch.setattr(repricing, "PAUSE_SECONDS", 30)
    going = asyncio.create_task(reprice(tracker.database, new_prices, Which(), tracker.clock))
    while (await tracker.settings.audit(0))[0].action != "repriced":
        await asyncio.sleep(0.005)
    await all_right(tracker)
    going.cancel()
    monkeypatch.setattr(repricing, "PAUSE_SECONDS", 0)
    rest = await reprice(tracker.database, new_prices, Which(), tracker.clock)
    assert sum(line.calls for line in rest) == sum(line.calls for line in every) - 36
    await all_right(tracker)
    assert await preview(tracker.database, new_prices, Which()) == []


async def test_beside_a_running_bot_and_a_second_one(
    tracker: UsageTracker, clock: Clock, new_prices: PriceList, monkeypatch: pytest.MonkeyPatch
) -> None:
    """I8: calls that are booked meanwhile stay, and no call is priced anew twice."""
    await write_history(tracker, clock)
    monkeypatch.setattr(booked, "PAGE", 40)
    going = asyncio.gather(*(reprice(tracker.database, new_prices, Which(), tracker.clock) for _ in range(2)))
    booked_meanwhile = 0
    while not going.done():
        await book(tracker, a_mystery(END + timedelta(seconds=1), call={"user_id": "ann", "channel_id": 70}))
        booked_meanwhile += 1
    await going
    assert booked_meanwhile > 2
    await all_right(tracker)


async def test_a_budget_that_is_passed_with_that_says_so(
    tracker: UsageTracker, clock: Clock, new_prices: PriceList
) -> None:
    """I19: once, with what it stands at; a period that is over is no news."""
    clock.now = END - timedelta(days=35)
    await tracker.set_budget(scope="guild", guild_id=1, period="month", limit_usd="0.02")
    clock.now = END
    await book(tracker, a_mystery(at=END - timedelta(days=15)), a_mystery(at=END - timedelta(days=16)), a_mystery())
    assert await tracker.database.fetch("SELECT * FROM alerts") == []
    for _ in range(2):
        await reprice(tracker.database, new_prices, Which(), tracker.clock)
    sql = "SELECT period_start, threshold, used, delivered_how FROM alerts ORDER BY threshold"
    fired = await tracker.database.fetch(sql)
    assert fired == [
        ("2026-04-01", 80, 20_000_000, "passed"),
        ("2026-04-01", 90, 20_000_000, "passed"),
        ("2026-04-01", 100, 20_000_000, None),
    ]
    told = await tracker.database.fetch("SELECT period_start, fired FROM budget_periods ORDER BY period_start")
    assert told == [("2026-03-01", 0), ("2026-04-01", 100)]
    await all_right(tracker)


def test_every_flag_of_a_worst_case_is_known() -> None:
    """I21: what the door books at its worst case is found by its flag."""
    source = "".join(Path(f"bot/usage/calls/{name}.py").read_text() for name in ("tracked_call", "calls_in_flight"))
    assert {"accounting failed", "never retrieved"} == repricing._AT_WORST
    assert source.count('give_up(self, flagged: str = "accounting failed")') == 1
    assert source.count('give_up("never retrieved")') == source.count('give_up("') == 1
