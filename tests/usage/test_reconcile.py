"""The books against the provider's bill: its own shapes and pages, why both differ, and what is put right with that."""

import re
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from bot.usage import PriceList, Status, TrackedOpenAI, UsageTracker
from bot.usage.records import Price, Settlement, Usage, UsageRecord
from bot.usage.upkeep.bills import Billed, family, read_bill
from bot.usage.upkeep.integrity import verify
from bot.usage.upkeep.reconcile import Cause, Comparison, compare, put_right
from bot.usage.upkeep.repricing import Which, preview
from bot.usage.upkeep.retention import forget_calls
from tests.usage.making import a_call, a_settlement
from tests.usage.stub import Request, Scripted, Stub, answer
from tests.usage.upkeep import Clock, tracker_at

BOTH_DATABASES = True
DAY = date(2026, 3, 10)
NOON = datetime(2026, 3, 10, 12, tzinfo=UTC)
NOW = datetime(2026, 3, 20, tzinfo=UTC)
MINI = DAY, "gpt-4o-mini"


@pytest.fixture
async def tracker(database_url: str, prices: PriceList) -> AsyncIterator[UsageTracker]:
    async with tracker_at(database_url, prices, Clock(NOW)) as opened:
        yield opened


# --- the bill ---------------------------------------------------------------------------------------------------------


def bucket(day: int, *results: dict[str, Any]) -> dict[str, Any]:
    start = int(datetime(2026, 3, day, tzinfo=UTC).timestamp())
    return {"object": "bucket", "start_time": start, "end_time": start + 86_400, "results": list(results)}


def used(model: str, requests: int, into: int, out: int) -> dict[str, Any]:
    """As https://api.openai.com answers `/v1/organization/usage/completions` (OpenAI, API reference, "Usage")."""
    return {
        "object": "organization.usage.completions.result", "input_tokens": into, "output_tokens": out,
        "input_cached_tokens": 0, "input_audio_tokens": 0, "output_audio_tokens": 0, "num_model_requests": requests,
        "project_id": None, "user_id": None, "api_key_id": None, "model": model, "batch": None, "service_tier": None,
    }  # fmt: skip


def cost(line_item: str | None, usd: float) -> dict[str, Any]:
    """The same of `/v1/organization/costs` ("Costs")."""
    amount = {"value": usd, "currency": "usd"}
    return {"object": "organization.costs.result", "amount": amount, "line_item": line_item, "project_id": None}


def pages(*buckets: dict[str, Any]) -> list[dict[str, Any]]:
    """One bucket a page."""
    names = [f"page_{n}" for n in range(1, len(buckets))]
    return [
        {"object": "page", "data": [found], "has_more": name is not None, "next_page": name}
        for found, name in zip(buckets, [*names, None], strict=True)
    ]


def serve(stub: Stub, usage: list[dict[str, Any]], costs: list[dict[str, Any]]) -> None:
    def page(request: Request) -> Scripted:
        found = usage if "/usage/completions" in request.path else costs
        number = re.search(r"page=page_(\d+)", request.path)
        return answer(found[int(number[1]) if number else 0])

    stub.default = page


@pytest.mark.sqlite_only
async def test_the_bill_is_read_page_by_page(tracker: UsageTracker, stub: Stub) -> None:
    """I2: snapshots of a model are added up; what has no model keeps its own name; none of it is booked as a call."""
    serve(
        stub,
        pages(bucket(10, used("gpt-4o-2024-08-06", 2, 100, 10), used("gpt-4o-2024-11-20", 1, 50, 5)),
              bucket(11), bucket(12, used("gpt-4o-mini-2024-07-18", 1, 7, 3))),
        pages(bucket(10, cost("gpt-4o-2024-08-06, input", 0.00025), cost("gpt-4o-2024-08-06, output", 0.1 + 0.2),
                     cost("web search tool calls", 0.01), cost(None, 0.5)),
              bucket(12, cost("gpt-4o-mini-2024-07-18, input_tokens", 1.05e-06))),
    )  # fmt: skip
    client = tracker.openai(base_url=stub.url, api_key="sk-none", admin_api_key="sk-admin", max_retries=0)
    assert await read_bill(client, DAY, DAY + timedelta(days=2)) == {
        (DAY, "gpt-4o"): Billed(3, 150, 15, 300_250_000),
        (DAY, "web search tool calls"): Billed(cost_nano_usd=10_000_000),
        (DAY, ""): Billed(cost_nano_usd=500_000_000),
        (DAY + timedelta(days=2), "gpt-4o-mini"): Billed(1, 7, 3, 1_050),
    }
    assert {request.headers["authorization"] for request in stub.requests} == {"Bearer sk-admin"}
    first = parse_qs(urlsplit(stub.requests[0].path).query)
    assert first == {
        "start_time": ["1773100800"], "end_time": ["1773360000"], "bucket_width": ["1d"], "limit": ["31"],
        "group_by[]": ["model"],
    }  # fmt: skip
    paths = [urlsplit(request.path).path for request in stub.requests]
    assert paths == ["/v1/organization/usage/completions"] * 3 + ["/v1/organization/costs"] * 2
    await tracker.force_flush()
    assert await tracker.database.fetch("SELECT * FROM usage_records") == []


@pytest.mark.sqlite_only
async def test_a_bill_with_gaps_is_read_as_far_as_it_goes(client: TrackedOpenAI, stub: Stub) -> None:
    """I23: what is missing or new in it is no crash."""
    new = {"object": "organization.costs.result", "line_item": "moonbeams", "amount": None, "phase": "full"}
    half = {"object": "organization.usage.completions.result", "model": "gpt-4o"}
    serve(stub, pages(bucket(10, half)), pages(bucket(10, new, {"object": "organization.novelty"})))
    admin = client.with_options(admin_api_key="sk-admin")
    assert set((await read_bill(admin, DAY, DAY)).values()) == {Billed()}


@pytest.mark.parametrize(
    ("name", "expected"),
    [("gpt-4o-2024-08-06", "gpt-4o"), ("GPT-4o", "gpt-4o"), ("gpt-4o-mini", "gpt-4o-mini"), ("", "")],
)
def test_families(name: str, expected: str) -> None:
    """I9: by a date at its end alone."""
    assert family(name) == expected


# --- both sides -------------------------------------------------------------------------------------------------------


def a_known(cost: int = 75_000, at: datetime = NOON, **changes: Any) -> UsageRecord:
    """100 tokens in, 100 out, as the provider told."""
    settled = a_settlement(cost, tokens=(100, 100), response_model="gpt-4o-mini-2024-07-18", **changes)
    return UsageRecord(a_call(at=at), settled)


def an_interrupted(
    cost: int | None = 615_000, at: datetime = NOON, tokens: tuple[int, int] = (100, 1_000)
) -> UsageRecord:
    """Left at its worst case by a crash: 100 tokens in and 1,000 out, $0.000615."""
    price = Price(cost, "reserved" if cost is not None else "unknown")
    settled = a_settlement(tokens=(100, 1_000), price=price, status=Status.INTERRUPTED, duration_ms=0, estimated=True)
    return UsageRecord(a_call(at=at, user_id="ann"), settled)


def a_broken(at: datetime = NOON) -> UsageRecord:
    """Broke off after 10 tokens: up to 990 more may have been billed."""
    settled = a_settlement(
        21_000, tokens=(100, 10), status=Status.ERROR, estimated=True, doubtful_nano_usd=594_000, doubtful_tokens=990
    )
    return UsageRecord(a_call(at=at), settled)


async def book(tracker: UsageTracker, *records: UsageRecord) -> None:
    for record in records:
        tracker.ledger.record(record)
    await tracker.force_flush()


async def against(
    tracker: UsageTracker, prices: PriceList, bill: dict[tuple[date, str], Billed], now: datetime = NOW
) -> Comparison:
    return await compare(
        tracker.database, bill, DAY - timedelta(days=9), DAY, provider="openai", prices=prices, now=now
    )


@pytest.mark.parametrize(
    ("records", "billed", "drift", "percent", "cause"),
    [
        ([a_known()], Billed(1, 100, 100, 75_000), 0, 0.0, Cause.NONE),
        ([a_known(75_400)], Billed(1, 100, 100, 75_000), -400, -0.53, Cause.NONE),
        ([a_known()], Billed(3, 400, 400, 300_000), 225_000, 75.0, Cause.OUTSIDE),
        ([], Billed(3, 400, 400, 300_000), 300_000, 100.0, Cause.OUTSIDE),
        ([a_broken()], Billed(1, 100, 500, 315_000), 294_000, 93.33, Cause.DOUBTFUL),
        ([a_known(), an_interrupted()], Billed(1, 100, 100, 75_000), -615_000, -820.0, Cause.TOO_HIGH),
        ([a_known(37_500)], Billed(1, 100, 100, 75_000), 37_500, 50.0, Cause.PRICE),
        ([a_known(150_000)], Billed(1, 100, 100, 75_000), -75_000, -100.0, Cause.PRICE),
        ([a_known()], Billed(), -75_000, None, Cause.NOT_BILLED),
    ],
)
@pytest.mark.sqlite_only
async def test_how_far_they_differ_and_why(
    tracker: UsageTracker, prices: PriceList, records: list[UsageRecord], billed: Billed, drift: int,
    percent: float | None, cause: Cause,
) -> None:  # fmt: skip
    await book(tracker, *records)
    [found] = (await against(tracker, prices, {MINI: billed})).drifts
    assert (found.day, found.model, found.theirs) == (*MINI, billed)
    assert (found.nano_usd, found.percent, found.cause) == (drift, percent, cause)
    assert found.ours.calls == len(records)


async def test_only_calls_that_went_there_count(tracker: UsageTracker, prices: PriceList) -> None:
    """Another provider's, payments, and other days' are no drift; days whose single calls are gone aren't compared."""
    elsewhere = a_known()
    await book(
        tracker,
        a_known(),
        UsageRecord(replace(elsewhere.call, provider="groq"), elsewhere.settlement),
        a_known(at=NOON + timedelta(hours=12)),
        a_known(at=NOON - timedelta(days=2)),
    )
    bill = {MINI: Billed(1, 100, 100, 75_000), (DAY - timedelta(days=2), "gpt-4o-mini"): Billed(1, 100, 100, 75_000)}
    drifts = (await against(tracker, prices, bill)).drifts
    assert [(drift.day.day, drift.ours.calls, drift.nano_usd) for drift in drifts] == [(8, 1, 0), (10, 1, 0)]
    cut = NOON - timedelta(days=1)
    await forget_calls(tracker.database, cut)
    found = await against(tracker, prices, bill)
    assert ([drift.day.day for drift in found.drifts], found.kept_since) == ([10], cut)


# --- what is put right ------------------------------------------------------------------------------------------------


def lowered(record: UsageRecord, cost: int | None, tokens: tuple[int, int], **changes: Any) -> Settlement:
    usage = Usage(input_tokens=tokens[0], output_tokens=tokens[1])
    price = record.settlement.price if cost is None else Price(cost, "reconciled")
    return replace(record.settlement, usage=usage, price=price, **changes)


DIED, BROKE = an_interrupted(), a_broken()
RETRIED = a_known(doubtful_nano_usd=615_000, doubtful_tokens=1_100, attempts=2)
UNPRICED = an_interrupted(None)


@pytest.mark.parametrize(
    ("record", "left", "after"),
    [
        (DIED, (0, 0), lowered(DIED, 0, (0, 0))),
        (DIED, (100, 300), lowered(DIED, 195_000, (100, 300))),
        (DIED, (5_000, 300), lowered(DIED, 195_000, (100, 300))),
        (DIED, (100, 1_000), None),
        (DIED, (9_000, 9_000), None),
        (UNPRICED, (0, 0), lowered(UNPRICED, 0, (0, 0))),
        (BROKE, (100, 10), replace(BROKE.settlement, doubtful_nano_usd=0, doubtful_tokens=0)),
        (BROKE, (100, 410), replace(BROKE.settlement, doubtful_nano_usd=240_000, doubtful_tokens=400)),
        (BROKE, (0, 0), lowered(BROKE, 0, (0, 0), doubtful_nano_usd=0, doubtful_tokens=0)),
        (BROKE, (9_000, 9_000), None),
        (RETRIED, (0, 0), replace(RETRIED.settlement, doubtful_nano_usd=0, doubtful_tokens=0)),
        (RETRIED, (100, 500), replace(RETRIED.settlement, doubtful_nano_usd=315_000, doubtful_tokens=600)),
        (RETRIED, (9_000, 9_000), None),
    ],
)
async def test_what_the_bill_leaves_is_the_most_it_can_be(
    tracker: UsageTracker, prices: PriceList, record: UsageRecord, left: tuple[int, int], after: Settlement | None
) -> None:
    """I4, I21: lowered, never raised; sums, budgets and quotas follow (I8); once, with a line in the audit log."""
    await tracker.set_budget(scope="guild", guild_id=1, period="total", limit_usd=1)
    await tracker.set_budget(scope="guild", guild_id=1, period="total", limit_tokens=10**9)
    known = a_known()
    await book(tracker, known, record)
    told = 2 if not record.settlement.estimated else 1
    bill = {MINI: Billed(2, 100 * told + left[0], 100 * told + left[1], 1)}
    found = await against(tracker, prices, bill)
    assert [settlement for _, settlement in found.corrections] == ([] if after is None else [after])
    for times in (1, 0):
        done = await put_right(tracker.database, found.corrections, tracker.operations, tracker.clock)
        assert done == len(found.corrections) * times
    assert (await verify(tracker.database, tracker.operations, NOW)).differences == []
    assert (await against(tracker, prices, bill)).corrections == []
    notes = [line for line in await tracker.settings.audit(1) if line.action == "reconciled"]
    assert [line.facts["call"] for line in notes] == [record.call.id] * len(found.corrections)
    [standing, _] = await tracker.budgets.standing(1)
    booked = after or record.settlement
    assert standing.level.used == 75_000 + (booked.price.cost_nano_usd or 0) + booked.doubtful_nano_usd


async def test_what_is_written_to_the_audit_log(tracker: UsageTracker, prices: PriceList) -> None:
    await book(tracker, a_known(), BROKE)
    found = await against(tracker, prices, {MINI: Billed(2, 200, 105, 1)})
    await put_right(tracker.database, found.corrections, {}, tracker.clock, "me")
    [line] = await tracker.settings.audit(1)
    assert (line.actor, dict(line.facts)) == ("me", {
        "call": BROKE.call.id, "cost": [21_000, 18_000], "tokens": [110, 105], "doubtful": [594_000, 0],
        "doubtful tokens": [990, 0],
    })  # fmt: skip


@pytest.mark.parametrize(
    ("records", "bill", "now"),
    [
        ([DIED], {MINI: Billed()}, NOW),
        ([DIED, a_known()], {}, NOW),
        ([DIED, a_known()], {MINI: Billed(1, 100, 99, 1)}, NOW),
        ([DIED, a_known()], {MINI: Billed(1, 99, 100, 1)}, NOW),
        ([DIED, a_known()], {MINI: Billed(1, 100, 100, 1)}, datetime(2026, 3, 11, 23, tzinfo=UTC)),
        ([an_interrupted(at=NOON + timedelta(hours=11, seconds=1)), a_known()], {MINI: Billed(1, 100, 100, 1)}, NOW),
        (
            [UsageRecord(replace(DIED.call, api="embeddings"), DIED.settlement), a_known()],
            {MINI: Billed(1, 100, 100, 1)},
            NOW,
        ),
    ],
    ids=["nothing known", "no bill", "less out", "less in", "too early", "near midnight", "not on that bill"],
)
@pytest.mark.sqlite_only
async def test_a_bill_that_may_not_be_ours_or_whole_puts_nothing_right(
    tracker: UsageTracker, prices: PriceList, records: list[UsageRecord], bill: Any, now: datetime
) -> None:
    """I21: spend after a crash is never less than what the provider charged."""
    await book(tracker, *records)
    assert (await against(tracker, prices, bill, now)).corrections == []


async def test_a_call_that_went_on_past_midnight_says_nothing_of_its_day(
    tracker: UsageTracker, prices: PriceList
) -> None:
    """I21: it may be on either day's bill, so what the day's bill holds may all be another's."""
    late = a_known(at=NOON + timedelta(hours=11, minutes=59), duration_ms=90_000)
    await book(tracker, a_known(), late, DIED)
    found = await against(tracker, prices, {MINI: Billed(2, 200, 400, 1)})
    assert [settlement for _, settlement in found.corrections] == [lowered(DIED, 195_000, (100, 300))]


async def test_what_was_put_right_is_not_priced_anew(tracker: UsageTracker, prices: PriceList) -> None:
    """I10: its cost is the bill's bound, not a price."""
    cheap = replace(BROKE, settlement=replace(BROKE.settlement, price=Price(9, "test")))
    await book(tracker, a_known(), cheap)
    assert [line.calls for line in await preview(tracker.database, prices, Which())] == [1]
    found = await against(tracker, prices, {MINI: Billed(2, 200, 105, 1)})
    assert [settlement.price for _, settlement in found.corrections] == [Price(9, "reconciled")]
    assert await put_right(tracker.database, found.corrections, {}, tracker.clock) == 1
    assert await preview(tracker.database, prices, Which()) == []
