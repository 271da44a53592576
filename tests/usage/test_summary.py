"""Sums since the start of the process."""

from bot.usage.records import Kind, Price, Settlement, Status, Usage, UsageRecord
from bot.usage.reporting.summary import RunningSums
from tests.usage.making import a_call, a_settlement


def test_the_summary_has_the_documented_shape() -> None:
    """I8: totals are the sums of the operations; failed and unpriced calls count as calls."""
    sums = RunningSums()
    sums.add(UsageRecord(a_call(operation="chat"), a_settlement(20_000_000, tokens=(100, 20))))
    sums.add(UsageRecord(a_call(operation="chat"), a_settlement(None, tokens=(7, 3))))
    sums.add(UsageRecord(a_call(operation="setup"), a_settlement(3_400_000, tokens=(1, 0), status=Status.ERROR)))
    assert sums.summary() == {
        "total_cost": 0.0234,
        "total_tokens": 131,
        "operations": 3,
        "by_operation": {
            "chat": {"count": 2, "total_tokens": 130, "total_cost": 0.02},
            "setup": {"count": 1, "total_tokens": 1, "total_cost": 0.0034},
        },
    }


def test_nothing_yet() -> None:
    """I16: an empty summary is zeros, not an error."""
    assert RunningSums().summary() == {"total_cost": 0.0, "total_tokens": 0, "operations": 0, "by_operation": {}}


def test_payments_stay_out() -> None:
    """I8: a payment's fee is no AI cost."""
    sums = RunningSums()
    sums.add(UsageRecord(a_call(kind=Kind.PAYMENT), a_settlement(1_000)))
    assert sums.summary()["operations"] == 0


def test_a_million_of_the_cheapest_calls() -> None:
    """I8: floats appear only in the answer: a million times three nano-dollars is exactly $0.003."""
    sums = RunningSums()
    record = UsageRecord(a_call(), Settlement(Status.OK, Usage(input_tokens=1), Price(3, "test"), 0))
    for _ in range(1_000_000):
        sums.add(record)
    assert sums.summary()["total_cost"] == 0.003
    assert sums.summary()["total_tokens"] == 1_000_000
