"""Where the bars of the trend stand: whole, in order, as high as what they cost."""

from datetime import date, timedelta

from bot.api.page.bars import HEIGHT, MOST_BARS, Bar, Chart, Piece, chart_of
from bot.usage.records import SpendLine

A, B, C = 2, 1, 0
"""Their colours."""


def days(*costs: int) -> list[SpendLine]:
    first = date(2026, 3, 1)
    return [SpendLine((first + timedelta(days=n)).isoformat(), calls=1, cost_nano_usd=c) for n, c in enumerate(costs)]


def test_bars_stack_what_is_told_apart_below_the_rest() -> None:
    chart = chart_of(days(30, 0), {"a": {"2026-03-01": 10}, "b": {"2026-03-01": 5}, "c": {}})
    whole = Bar(
        "2026-03-01", "2026-03-01", 30, "5.000%", "40.000%",
        [Piece(A, "135.00", "45.00"), Piece(B, "112.50", "22.50"), Piece(None, "45.00", "67.50")],
    )  # fmt: skip
    assert chart.has_others
    assert not chart_of(days(30), {"a": {"2026-03-01": 30}}).has_others
    assert chart == Chart(
        [whole, Bar("2026-03-02", "2026-03-02", 0, "55.000%", "40.000%", [])], 40, 1, {"a": A, "b": B, "c": C}
    )


def test_a_long_time_has_several_days_a_bar() -> None:
    """I8: no day is left out, and none is in two."""
    chart = chart_of(days(*range(1, 101)), {"a": {"2026-03-01": 1, "2026-06-08": 100}})
    assert (len(chart.bars), chart.days_a_bar, chart.top) == (25, 4, 400)
    assert len(chart.bars) <= MOST_BARS
    assert sum(bar.cost for bar in chart.bars) == sum(range(1, 101))
    assert [(bar.first, bar.last) for bar in chart.bars[:2]] == [
        ("2026-03-01", "2026-03-04"), ("2026-03-05", "2026-03-08")
    ]  # fmt: skip
    for bar in chart.bars:
        assert abs(sum(float(piece.height) for piece in bar.pieces) - bar.cost * HEIGHT / 400) < 0.02
    cut = chart_of(days(*[1] * 33), {})
    assert [(bar.first, bar.cost) for bar in cut.bars[:2]] == [("2026-03-01", 1), ("2026-03-02", 2)]


def test_without_a_cost_there_is_no_picture() -> None:
    assert chart_of(days(0, 0), {}) == Chart([], 0, 1, {})
    assert chart_of([], {}) == Chart([], 0, 1, {})
    assert [chart_of(days(cost), {}).top for cost in (1, 2, 3, 7, 99, 100, 101)] == [1, 2, 4, 8, 100, 100, 200]
