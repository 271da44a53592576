"""Nano-USD as words."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.usage.money import format_console_cost, format_cost, usd, usd_text

AMOUNTS = st.integers(min_value=-(10**19), max_value=10**19)


@pytest.mark.parametrize(
    ("nano_usd", "text"),
    [
        (5_120_000, "$0.00512"),
        (0, "$0.00000"),
        (1, "<$0.00001"),
        (4_999, "<$0.00001"),
        (5_000, "$0.00000"),  # exactly half a unit goes to the even neighbour
        (5_001, "$0.00001"),
        (15_000, "$0.00002"),
        (25_000, "$0.00002"),
        (24_999, "$0.00002"),
        (25_001, "$0.00003"),
        (103_800, "$0.00010"),
        (48_600, "$0.00005"),
        (12_982_500, "$0.01298"),
        (999_995_000, "$1.00000"),
        (999_985_000, "$0.99998"),
        (1_234_567_890_123, "$1234.56789"),
        (None, "unknown"),
    ],
)
def test_console_cost(nano_usd: int | None, text: str) -> None:
    """I8: five decimals, half-even; above zero and below half a unit is never shown as zero; unpriced is unknown."""
    assert format_console_cost(nano_usd) == text


@given(st.integers(min_value=5_000, max_value=10**18))
def test_console_cost_equals_decimal_rounding(nano_usd: int) -> None:
    """I8: the integer arithmetic is exactly half-even."""
    assert format_console_cost(nano_usd) == f"${(Decimal(nano_usd) / 10**9).quantize(Decimal('0.00001')):f}"


@given(AMOUNTS)
def test_usd_text_is_exact(nano_usd: int) -> None:
    """I8: no exponent, no trailing zeros, nothing lost on the way there and back."""
    text = usd_text(nano_usd)
    assert text is not None
    assert set(text) <= set("-0123456789.")
    assert not ("." in text and text.endswith(("0", ".")))
    assert Decimal(text) * 10**9 == nano_usd
    assert usd(nano_usd) == Decimal(text)


def test_usd_text_literals() -> None:
    """I8: one nano-dollar is shown as it is; unknown stays unknown."""
    assert usd_text(1) == "0.000000001"
    assert usd_text(-1_500_000_000) == "-1.5"
    assert usd_text(0) == "0"
    assert usd_text(10**20) == "100000000000"
    assert usd_text(None) is None


@pytest.mark.parametrize(
    ("nano_usd", "text"),
    [
        (None, "unknown"),
        (0, "$0.00"),
        (4_120_000_000, "$4.12"),
        (1_234_567_000_000_000, "$1,234,567.00"),
        (328_000_000, "$0.33"),
        (105_000_000, "$0.10"),  # half-even, as everywhere
        (105_000_001, "$0.11"),
        (100_000_000, "$0.10"),
        (99_600_000, "$0.10"),
        (99_499_999, "$0.099"),
        (40_000_000, "$0.04"),
        (36_000_000, "$0.036"),
        (11_600_000, "$0.012"),
        (10_000_000, "$0.01"),
        (9_960_000, "$0.01"),
        (9_949_999, "$0.0099"),
        (5_120_000, "$0.0051"),
        (5_000_000, "$0.005"),
        (999_600, "$0.001"),
        (120_000, "$0.00012"),
        (99, "$0.000000099"),
        (12, "$0.000000012"),
        (1, "$0.000000001"),
    ],
)
def test_format_cost(nano_usd: int | None, text: str) -> None:
    """I9: for people, two figures and two decimals at least; unknown is a word, not a zero."""
    assert format_cost(nano_usd) == text


@given(st.one_of(st.integers(min_value=1, max_value=10**15), st.integers(min_value=1, max_value=10**9)))
def test_money_for_people_is_near_and_clean(nano_usd: int) -> None:
    """I9: within half a cent and a twentieth of the cost, so never zero; no zero at the end but in cents."""
    text = format_cost(nano_usd)
    off = abs(Decimal(text.removeprefix("$").replace(",", "")) * 10**9 - nano_usd)
    assert off <= 5_000_000
    assert off * 20 <= nano_usd
    places = len(text.partition(".")[2])
    assert places == 2 or (places > 2 and text[-1] != "0")


@pytest.mark.parametrize(
    ("nano_usd", "limit", "text"),
    [
        (11_600_000, 13_000_000, "$0.012"),
        (165_400, 170_000, "$0.000165"),
        (4_998_000_000, 5_000_000_000, "$4.998"),
        (5_000_000_000, 5_000_000_000, "$5.00"),
        (5_000_000_001, 5_000_000_000, "$5.000000001"),
        (1_236_000_000, 1_238_000_000, "$1.236"),
        (12_500_000, 12_500_000, "$0.0125"),
        (0, 0, "$0.00"),
    ],
)
def test_beside_a_limit(nano_usd: int, limit: int, text: str) -> None:
    """Figures that agree: what isn't all of a limit doesn't read as all of it, nor as more."""
    assert format_cost(nano_usd, of=limit) == text


@given(st.integers(min_value=0, max_value=10**13), st.integers(min_value=-2_000, max_value=2_000))
def test_beside_a_limit_it_reads_as_it_is(limit: int, over: int) -> None:
    text = format_cost(max(0, limit + over), of=limit)
    read = int(Decimal(text.removeprefix("$").replace(",", "")) * 10**9)
    assert (read > limit, read < limit) == (over > 0, over < 0 < limit)


def test_a_million_of_the_cheapest_calls() -> None:
    """I8: integers don't drift, where floats would."""
    assert usd_text(sum([3] * 1_000_000)) == "0.003"
