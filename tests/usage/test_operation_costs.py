"""Estimates: learnt from the ledger, as declared before, refused for what nobody knows."""

from datetime import timedelta
from statistics import median

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bot.usage import UsageTracker
from bot.usage.budgeting.operation_costs import OperationCosts, UnknownOperationError, _within
from bot.usage.records import Status, UsageRecord
from tests.usage.making import NOW, a_call, a_settlement

BOTH_DATABASES = True


async def booked(
    tracker: UsageTracker, *sizes: tuple[int, int], operation: str = "email_draft", model: str = "gpt-4o", **ended
) -> None:
    """Calls one minute after the other, the last one newest."""
    for number, size in enumerate(sizes):
        at = NOW + timedelta(minutes=number)
        call = a_call(at=at, operation=operation, model=model)
        tracker.ledger.record(UsageRecord(call, a_settlement(tokens=size, **ended)))
    await tracker.force_flush()


async def test_the_guides_sample(tracker: UsageTracker):
    """Row D6 and example 6: 560 in, 240 out on gpt-4o is $0.0038 at gpt-4o's prices."""
    tracker.define_operation("email_draft", model="gpt-4o", input_tokens=560, output_tokens=240)
    estimate = await tracker.estimate_operation_cost(operation_type="email_draft", model="gpt-4o")
    assert {
        "feature": "Email Draft",
        "estimated_tokens": estimate["estimated_total_tokens"],
        "estimated_cost_usd": estimate["estimated_cost_usd"],
        "model": estimate["model"],
        "breakdown": {
            "input_tokens": estimate["estimated_input_tokens"],
            "output_tokens": estimate["estimated_output_tokens"],
        },
    } == {
        "feature": "Email Draft",
        "estimated_tokens": 800,
        "estimated_cost_usd": 0.0038,
        "model": "gpt-4o",
        "breakdown": {"input_tokens": 560, "output_tokens": 240},
    }
    assert estimate["learned_from_calls"] == 0
    assert estimate == await tracker.estimate_operation_cost("email_draft")


async def test_what_somebody_may_be_refused_for(tracker: UsageTracker):
    """The declared size, until there are twenty calls with the declared model: one long call makes no habit."""
    costs = OperationCosts(tracker.database, tracker.prices, tracker.operations, tracker.clock)
    await booked(tracker, *[(100, 11)] * 19, (9_000, 9_000))
    assert await costs.usual_tokens("email_draft") == 0
    tracker.define_operation("email_draft", input_tokens=560)
    assert await costs.usual_tokens("email_draft") == 560
    tracker.define_operation("email_draft", model="gpt-4o-mini", input_tokens=560, output_tokens=240)
    await booked(tracker, *[(100, 11)] * 19, model="gpt-4o-mini")
    assert await costs.usual_tokens("email_draft") == 800
    await booked(tracker, (9_000, 9_000), model="gpt-4o-mini")
    assert await costs.usual_tokens("email_draft") == 111


async def test_it_learns_median_and_ninetieth_percentile(tracker: UsageTracker):
    tracker.define_operation("email_draft", model="gpt-4o", input_tokens=1, output_tokens=1)
    await booked(tracker, *((100 * n, 10 * n) for n in range(1, 11)))
    assert await tracker.estimate_operation_cost("email_draft") == {
        "model": "gpt-4o",
        "estimated_input_tokens": 550,
        "estimated_output_tokens": 55,
        "estimated_total_tokens": 605,
        "estimated_cost_usd": 0.001925,
        "p90_input_tokens": 900,
        "p90_output_tokens": 90,
        "p90_cost_usd": 0.00315,
        "learned_from_calls": 10,
    }


async def test_only_answered_calls_of_that_operation_and_model_count(tracker: UsageTracker):
    tracker.define_operation("email_draft", model="gpt-4o", input_tokens=1, output_tokens=1)
    await booked(tracker, (560, 240))
    await booked(tracker, (9, 9), model="gpt-4o-mini")
    await booked(tracker, (9, 9), operation="chat")
    await booked(tracker, (9, 9), status=Status.ERROR)
    assert (await tracker.estimate_operation_cost("email_draft"))["estimated_total_tokens"] == 800
    mini = await tracker.estimate_operation_cost("email_draft", "gpt-4o-mini")
    assert (mini["model"], mini["estimated_total_tokens"]) == ("gpt-4o-mini", 18)


async def test_only_the_newest_two_hundred_count(tracker: UsageTracker):
    await booked(tracker, *[(9_000, 9_000)] * 150, *[(30, 20)] * 200)
    estimate = await tracker.estimate_operation_cost("email_draft", "gpt-4o")
    assert (estimate["estimated_total_tokens"], estimate["p90_input_tokens"]) == (50, 30)
    assert estimate["learned_from_calls"] == 200


@pytest.mark.sqlite_only
async def test_it_reads_through_an_index(tracker: UsageTracker):
    """I18's spirit: an estimate costs the same however long the history is."""
    sql = (
        "EXPLAIN QUERY PLAN SELECT input_tokens, output_tokens FROM usage_records WHERE operation = $1 "
        "AND request_model = $2 AND status = 'ok' ORDER BY started_at DESC LIMIT $3"
    )
    plan = await tracker.ledger._database.fetch(sql, "a", "b", 200)
    assert [row[-1] for row in plan] == [
        "SEARCH usage_records USING INDEX usage_records_operation (operation=? AND request_model=?)"
    ]


async def test_a_model_without_a_price_has_no_cost(tracker: UsageTracker):
    """I9: unknown is not free."""
    tracker.define_operation("odd", model="mystery-1", input_tokens=5, output_tokens=6)
    estimate = await tracker.estimate_operation_cost("odd")
    assert (estimate["estimated_total_tokens"], estimate["estimated_cost_usd"]) == (11, None)


async def test_what_nobody_knows_is_an_error_that_says_what_to_do(tracker: UsageTracker):
    tracker.define_operation("bare")
    tracker.define_operation("sizeless", model="gpt-4o")
    with pytest.raises(ValueError, match="operation 'unheard_of': name a model, or declare the operation with one"):
        await tracker.estimate_operation_cost("unheard_of")
    with pytest.raises(UnknownOperationError, match="nobody declared it") as caught:
        await tracker.estimate_operation_cost("unheard_of", "gpt-4o")
    assert caught.value.operation == "unheard_of"
    with pytest.raises(UnknownOperationError, match="name a model"):
        await tracker.estimate_operation_cost("bare")
    with pytest.raises(UnknownOperationError, match="declared without its usual tokens"):
        await tracker.estimate_operation_cost("sizeless")


async def test_one_name_of_two(tracker: UsageTracker):
    with pytest.raises(TypeError, match="one thing"):
        await tracker.estimate_operation_cost("a", operation_type="a")
    with pytest.raises(TypeError, match="one thing"):
        await tracker.estimate_operation_cost()


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=50)
@given(st.lists(st.tuples(st.integers(0, 10**6), st.integers(0, 10**6)), min_size=1, max_size=40))
def test_half_are_below_the_median_and_nine_of_ten_within(prices, sizes: list[tuple[int, int]]):
    costs = OperationCosts(None, prices, {}, lambda: NOW)
    found = costs._cost("gpt-4o", sizes, learned=len(sizes))
    inputs = [size[0] for size in sizes]
    assert found["estimated_input_tokens"] == round(median(inputs))
    assert sum(tokens <= found["p90_input_tokens"] for tokens in inputs) >= 0.9 * len(inputs)
    assert sum(tokens < found["p90_input_tokens"] for tokens in inputs) < 0.9 * len(inputs)
    assert found["p90_output_tokens"] == _within([size[1] for size in sizes])
