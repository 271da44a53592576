"""Limits as people type and read them, exact in both directions."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.usage.budgeting.budgets import Unit
from bot.usage.budgeting.limits import (
    LARGEST_TOKENS,
    LARGEST_USD,
    UNDERSTOOD,
    Limit,
    LimitNotUnderstoodError,
    limit_words,
    parse_limit,
    parse_thresholds,
)
from bot.usage.money import format_cost

USD = 10**9


@pytest.mark.parametrize(
    ("typed", "unit", "amount"),
    [
        ("$5", Unit.USD, 5 * USD),
        ("5", Unit.USD, 5 * USD),
        (" 5 usd ", Unit.USD, 5 * USD),
        ("5$", Unit.USD, 5 * USD),
        ("US$ 5", Unit.USD, 5 * USD),
        ("USD5.50", Unit.USD, 5_500_000_000),
        ("5 dollars", Unit.USD, 5 * USD),
        ("1 dollar", Unit.USD, USD),
        ("0.05", Unit.USD, 50_000_000),
        (".05", Unit.USD, 50_000_000),
        ("0,40", Unit.USD, 400_000_000),
        ("0,400 usd", Unit.USD, 400_000_000),
        ("$1,000", Unit.USD, 1_000 * USD),
        ("1,000,000", Unit.USD, 1_000_000 * USD),
        ("$1k", Unit.USD, 1_000 * USD),
        ("0", Unit.USD, 0),
        ("0.000000001", Unit.USD, 1),
        ("200k tokens", Unit.TOKENS, 200_000),
        ("200K Tokens", Unit.TOKENS, 200_000),
        ("1.5M tokens", Unit.TOKENS, 1_500_000),
        ("2b tok", Unit.TOKENS, 2 * 10**9),
        ("20000 tok", Unit.TOKENS, 20_000),
        ("20,000token", Unit.TOKENS, 20_000),
        ("0 tokens", Unit.TOKENS, 0),
    ],
)
def test_what_people_type(typed, unit, amount):
    """I8: to the last nano-dollar."""
    assert parse_limit(typed) == Limit(unit, amount)


@pytest.mark.parametrize(
    ("typed", "words"),
    [
        ("", f"I can't read that as a limit. {UNDERSTOOD}"),
        ("five dollars", f"I can't read that as a limit. {UNDERSTOOD}"),
        ("-5", f"I can't read that as a limit. {UNDERSTOOD}"),
        ("5€", f"I can't read that as a limit. {UNDERSTOOD}"),
        ("1,5", f"I can't read that as a limit. {UNDERSTOOD}"),
        ("1e9", f"I can't read that as a limit. {UNDERSTOOD}"),
        ("NaN", f"I can't read that as a limit. {UNDERSTOOD}"),
        ("٥", f"I can't read that as a limit. {UNDERSTOOD}"),
        ("9" * 5_000, f"I can't read that as a limit. {UNDERSTOOD}"),
        ("$5 usd", f"Give the unit once, before or after the number. {UNDERSTOOD}"),
        ("$5 tokens", f"Give the unit once, before or after the number. {UNDERSTOOD}"),
        ("200k", f"Is that tokens or dollars? Add the unit. {UNDERSTOOD}"),
        ("1000001", "A limit may be at most $1,000,000."),
        ("0.0000000001", "A limit in dollars may have at most nine decimals."),
        ("1.5 tokens", "Tokens come whole: give a number without a fraction."),
        ("200.000 tokens", "Tokens come whole: give a number without a fraction."),
        ("1000001b tokens", "A limit may be at most 1,000,000,000,000,000 tokens."),
    ],
)
def test_what_is_asked_back(typed, words):
    with pytest.raises(LimitNotUnderstoodError) as caught:
        parse_limit(typed)
    assert str(caught.value) == words


@given(st.one_of(st.text(max_size=80), st.from_regex(r"[$0-9.,kM ]{0,20}(tokens|usd)?", fullmatch=True)))
def test_whatever_is_typed_is_a_limit_or_words(typed):
    """Hostile input: never another error, never an amount out of bounds."""
    try:
        limit = parse_limit(typed)
    except LimitNotUnderstoodError:
        return
    assert 0 <= limit.amount <= (LARGEST_USD * USD if limit.unit is Unit.USD else LARGEST_TOKENS)
    assert parse_limit(limit_words(limit.unit, limit.amount)) == limit


@pytest.mark.parametrize(
    ("typed", "thresholds"),
    [("80, 90, 100", (80, 90, 100)), ("100 % 50%; 75", (50, 75, 100)), ("150", (150,)), ("90,90", (90,))],
)
def test_thresholds(typed, thresholds):
    assert parse_thresholds(typed) == thresholds


@pytest.mark.parametrize(
    "typed", ["", "0", "80, 0", "1001", "80.5", "-80", "eighty", "9" * 5_000, "1 2 3 4 5 6 7 8 9 10 11"]
)
def test_thresholds_that_make_no_sense(typed):
    with pytest.raises(LimitNotUnderstoodError) as caught:
        parse_thresholds(typed)
    assert str(caught.value) == "Give one to 10 percentages from 1 to 1000, like `80, 90, 100`."


@given(st.sampled_from(Unit), st.integers(0, 10**15))
def test_a_limit_read_is_the_limit_set(unit, amount):
    """I8: what a person copies from the view sets the same limit."""
    assert parse_limit(limit_words(unit, amount)) == Limit(unit, amount)


@pytest.mark.parametrize(
    ("unit", "amount", "words"),
    [
        (Unit.USD, 0, "$0.00"),
        (Unit.USD, 5 * USD, "$5.00"),
        (Unit.USD, 5_500_000_000, "$5.50"),
        (Unit.USD, 1_234_567_891, "$1.234567891"),
        (Unit.USD, 12_500_000, "$0.0125"),
        (Unit.USD, 500_000, "$0.0005"),
        (Unit.USD, 1_000 * USD, "$1,000.00"),
        (Unit.TOKENS, 200_000, "200,000 tokens"),
        (Unit.TOKENS, 1, "1 token"),
    ],
)
def test_words(unit, amount, words):
    assert limit_words(unit, amount) == words


@given(st.integers(0, 99), st.integers(0, 9))
def test_a_limit_of_two_figures_reads_as_what_was_spent(figures, power):
    """Figures that agree: all of a limit spent is that limit, to the letter."""
    assert format_cost(figures * 10**power) == limit_words(Unit.USD, figures * 10**power)
