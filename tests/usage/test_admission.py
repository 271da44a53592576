"""Whether a call may leave and with what cap: the arithmetic of one decision, and of a budget served to its end."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.usage.budgeting.admission import SHORTEST, Refused, judge
from bot.usage.budgeting.budgets import Budget, Level, Mode, Scope, Unit, Unknown
from bot.usage.budgeting.calendars import Period
from bot.usage.budgeting.rules import Counted, CounterKey
from bot.usage.errors import Why
from bot.usage.records import Elastic, OpenCall, Price, Usage
from tests.usage.making import a_call

ENDS = datetime(2026, 4, 1, tzinfo=UTC)
COUNTER: CounterKey = (1, "b", "", "2026-03-01")


def a_budget(limit: int, mode: Mode = Mode.HARD, unit: Unit = Unit.USD, **changes: Any) -> Budget:
    return Budget("b", 1, Scope.GUILD, "1", Period.MONTH, unit, limit, mode, **changes)


NOTHING = Level()


def decided(call: OpenCall, budget: Budget, level: Level = NOTHING) -> OpenCall | Refused:
    return judge(call, [Counted(budget, COUNTER)], {COUNTER: level}, lambda _: ENDS)


def elastic(
    *, input_nano: int | None = 15_000, most_nano: int | None = 629_400, most: int = 1024, choices: int = 1,
    declared: bool = False, input_tokens: int = 100,
) -> OpenCall:  # fmt: skip
    """A call that sets no cap: gpt-4o-mini's prices, 100 tokens in."""
    return replace(
        a_call(),
        reserved_usage=Usage(input_tokens=input_tokens, output_tokens=16_384 * choices),
        reserved=Price(9_845_400, "test"),
        elastic=Elastic(most, choices, input_nano, most_nano, declared),
    )


@pytest.mark.parametrize(
    ("limit", "level", "why"),
    [
        (9_000, Level(), None),  # exactly fits
        (8_999, Level(), Why.USED_UP),
        (20_000, Level(spent=11_000), None),
        (20_000, Level(spent=11_001), Why.USED_UP),
        (20_000, Level(doubtful=11_001), Why.USED_UP),
        (20_000, Level(reserved=11_000), None),
        (20_000, Level(reserved=11_001), Why.BUSY),
        (20_000, Level(spent=12_000, reserved=8_000), Why.USED_UP),
        (0, Level(), Why.USED_UP),
        (20_000, Level(spent=20_000), Why.USED_UP),
    ],
)
def test_a_call_that_sets_its_cap_fits_or_not(limit: int, level: Level, why: Why | None) -> None:
    """I13, I16: settled + doubtful + in flight + its worst case (9,000) ≤ limit, to the nano-dollar."""
    call = a_call(reserved=9_000)
    found = decided(call, a_budget(limit), level)
    if why is None:
        assert found == call
    else:
        assert isinstance(found, Refused)
        figures = found.error.budget
        assert (found.error.why, figures.needed, figures.limit, figures.ends_at) == (why, 9_000, limit, ENDS)
        assert (figures.spent, figures.reserved, figures.doubtful) == (level.spent, level.reserved, level.doubtful)
        assert found.is_crowded == (why is Why.BUSY)


@pytest.mark.parametrize(
    ("call", "unit", "small", "is_final"),
    [
        (a_call(), Unit.USD, 9_000, True),
        (replace(a_call(), small_nano_usd=500), Unit.USD, 500, False),
        (replace(a_call(), small_nano_usd=951), Unit.USD, 951, True),
        (a_call(), Unit.TOKENS, 100 + 150, False),
        (replace(a_call(), reserved_usage=Usage(5_000, output_tokens=40)), Unit.TOKENS, 1_000 + 40, True),
        (elastic(choices=2, input_tokens=700), Unit.TOKENS, 700 + 2 * 150, True),
    ],
)
def test_a_dear_call_says_nothing_of_what_is_left(call: OpenCall, unit: Unit, small: int, is_final: bool) -> None:
    """I19: where a small call like it would fit, its refusal isn't the budget's 100 %."""
    found = decided(call, a_budget(1_000, unit=unit), Level(spent=50))
    assert isinstance(found, Refused)
    assert (found.error.why, found.error.budget.small, found.is_final) == (Why.USED_UP, small, is_final)


def test_a_free_call_under_a_limit_of_nothing() -> None:
    """I16: a limit of 0 allows nothing, not even what costs nothing."""
    assert isinstance(decided(a_call(reserved=0), a_budget(0)), Refused)
    free = a_call(reserved=0)
    assert decided(free, a_budget(1)) == free


def test_a_budget_that_only_warns_stops_nothing() -> None:
    """I16: used up many times over."""
    call = a_call(reserved=9_000)
    assert decided(call, a_budget(10, Mode.SOFT), Level(spent=99_999)) == call
    uncapped = elastic()
    assert decided(uncapped, a_budget(10, Mode.SOFT), Level(spent=99_999)) == uncapped


def test_a_budget_that_saves_stops_in_the_end() -> None:
    assert isinstance(decided(a_call(reserved=9_000), a_budget(8_999, Mode.CHEAPER)), Refused)


@pytest.mark.parametrize("opaque", [True, False])
def test_what_cannot_be_told_is_as_the_server_chose(opaque: bool) -> None:
    """I15: an unknown price, or input that lies with the provider."""
    call = replace(a_call(reserved=9_000 if opaque else None), opaque=opaque)
    refused = decided(call, a_budget(10**9))
    assert isinstance(refused, Refused)
    assert (refused.error.why, refused.error.budget.needed) == (Why.UNKNOWN_COST, None)
    assert decided(call, a_budget(10**9, unknown=Unknown.ADMIT)) == call
    # Chosen to be let through, it still has to stop somewhere.
    spent = decided(call, a_budget(10**9, unknown=Unknown.ADMIT), Level(spent=10**9))
    assert isinstance(spent, Refused)
    assert spent.error.why is Why.USED_UP


def test_an_unknown_price_is_no_matter_where_tokens_are_counted() -> None:
    """I15: a budget in tokens knows what it needs to know."""
    call = a_call(reserved=None)
    assert decided(call, a_budget(1_100, unit=Unit.TOKENS)) == call
    found = decided(call, a_budget(1_099, unit=Unit.TOKENS))
    assert isinstance(found, Refused)
    assert (found.error.why, found.error.budget.needed) == (Why.USED_UP, 1_100)


@pytest.mark.parametrize(
    ("limit", "level", "cap"),
    [
        (10**9, Level(), 1024),
        (4_930_193, Level(), 1024),  # an eighth of what the input leaves is exactly what 1,024 tokens cost
        (4_930_192, Level(), 1023),
        (5_035_200, Level(reserved=2_000_000), 629),
        (2_000_000, Level(), 413),
        (200_000, Level(), SHORTEST),
        (105_001, Level(), SHORTEST),  # all that is left, for the shortest answer
    ],
)
def test_a_call_without_a_cap_is_given_one(limit: int, level: Level, cap: int) -> None:
    """I13: 1,024 tokens, or what an eighth of the rest pays for once the input is paid, and never less than 150."""
    found = decided(elastic(), a_budget(limit), level)
    assert isinstance(found, OpenCall)
    assert found.output_cap == cap
    assert found.reserved_usage == Usage(input_tokens=100, output_tokens=cap)
    cost = found.reserved.cost_nano_usd
    assert cost is not None
    assert 15_000 + 600 * cap <= cost <= 15_000 + 600 * cap + 1


def test_a_dear_input_doesnt_cut_the_answer_short() -> None:
    """I13: what it costs is taken off first, in either unit: three such calls fit, and each gets an answer."""
    dear = elastic(input_nano=1_000_000, most_nano=1_614_400, input_tokens=6_600)
    for budget, cap in ((a_budget(4_000_000), 624), (a_budget(12_000, unit=Unit.TOKENS), 675)):
        found = decided(dear, budget)
        assert isinstance(found, OpenCall)
        assert found.output_cap == cap


def test_half_a_sentence_is_refused() -> None:
    """I13: what is left would pay for 149 tokens."""
    found = decided(elastic(), a_budget(104_999))
    assert isinstance(found, Refused)
    assert (found.error.why, found.error.budget.needed) == (Why.USED_UP, 105_001)


def test_an_operation_with_a_cap_has_it_without_any_budget() -> None:
    call = elastic(most=300, most_nano=195_000, declared=True)
    sized = judge(call, [], {}, lambda _: None)
    assert isinstance(sized, OpenCall)
    assert (sized.output_cap, sized.reserved.cost_nano_usd) == (300, 195_000)
    uncapped = elastic()
    assert judge(uncapped, [], {}, lambda _: None) == uncapped


def test_a_short_cap_of_an_operation_is_respected() -> None:
    """An answer that is never longer than 20 tokens needs no room for 150."""
    call = elastic(most=20, most_nano=27_000, declared=True)
    sized = decided(call, a_budget(27_000))
    assert isinstance(sized, OpenCall)
    assert sized.output_cap == 20
    assert isinstance(decided(call, a_budget(26_999)), Refused)


def test_the_tightest_budget_sets_the_cap_and_the_one_used_up_the_reason() -> None:
    wide, narrow = Counted(a_budget(10**9), COUNTER), Counted(a_budget(2_000_000), (1, "n", "", ""))
    levels = {wide.counter: Level(), narrow.counter: Level()}
    sized = judge(elastic(), [wide, narrow], levels, lambda _: ENDS)
    assert isinstance(sized, OpenCall)
    assert sized.output_cap == 413
    levels = {wide.counter: Level(reserved=10**9), narrow.counter: Level(spent=2_000_000)}
    refused = judge(elastic(), [wide, narrow], levels, lambda _: ENDS)
    assert isinstance(refused, Refused)
    assert (refused.error.why, refused.counted) == (Why.USED_UP, narrow)


def test_a_budget_served_to_its_end_by_calls_without_caps() -> None:
    """I13: one call after another, each using all it was given: the rule serves 94 % and more of the limit."""
    budget, level, served = a_budget(50_000_000), Level(), 0
    call = elastic(input_nano=1_000_000, most_nano=11_240_000)  # gpt-4o: 400 tokens in
    while isinstance(found := decided(call, budget, level), OpenCall):
        served += 1
        level = replace(level, spent=level.spent + (found.reserved.cost_nano_usd or 0))
    assert level.spent <= budget.limit
    assert level.spent >= budget.limit * 94 // 100
    assert served >= 10


@given(
    limits=st.lists(st.tuples(st.integers(0, 10**7), st.sampled_from(list(Unit))), min_size=1, max_size=3),
    levels=st.lists(
        st.builds(Level, st.integers(0, 10**6), st.integers(0, 10**6), st.integers(0, 10**5)), min_size=3, max_size=3
    ),
    input_nano=st.integers(0, 10**6),
    output_nano=st.integers(0, 10**7),
    most=st.integers(1, 5_000),
    choices=st.integers(1, 4),
    input_tokens=st.integers(0, 10**5),
)
def test_whatever_is_admitted_fits(limits, levels, input_nano, output_nano, most, choices, input_tokens) -> None:
    """I13: in every budget, whatever the sizes; and the cap is never more than was asked for."""
    call = elastic(
        input_nano=input_nano, most_nano=input_nano + output_nano, most=most, choices=choices,
        input_tokens=input_tokens,
    )  # fmt: skip
    counted = [Counted(a_budget(limit, unit=unit), (1, str(n), "", "")) for n, (limit, unit) in enumerate(limits)]
    standing = {item.counter: level for item, level in zip(counted, levels, strict=False)}
    found = judge(call, counted, standing, lambda _: None)
    if isinstance(found, Refused):
        return
    assert found.output_cap is not None
    assert min(SHORTEST, most) <= found.output_cap <= most
    exact = input_nano + output_nano * found.output_cap / most
    assert found.reserved.cost_nano_usd is not None
    assert found.reserved.cost_nano_usd >= exact
    for item in counted:
        level = standing[item.counter]
        usd = item.budget.unit is Unit.USD
        worst = found.reserved.cost_nano_usd if usd else found.reserved_usage.total_tokens
        assert level.used + level.reserved + worst <= item.budget.limit
