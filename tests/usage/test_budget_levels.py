"""What a counter says of its budget: thresholds that it has passed, and how a budget saves before it stops."""

import pytest

from bot.usage.budgeting.budgets import Budget, Level, Mode, Saving, Scope, Unit, highest_passed, newly_passed, saving
from bot.usage.budgeting.calendars import Period


def a_budget(limit: int, mode: Mode = Mode.HARD, cheaper_at: int = 80) -> Budget:
    return Budget("b", 1, Scope.GUILD, "1", Period.MONTH, Unit.USD, limit, mode, cheaper_at=cheaper_at)


@pytest.mark.parametrize(
    ("limit", "level", "new", "highest"),
    [
        (1_000, Level(spent=799), [], 0),
        (1_000, Level(spent=799, reserved=201), [], 0),
        (1_000, Level(spent=800), [80], 80),
        (1_000, Level(spent=700, doubtful=200), [80, 90], 90),
        (1_000, Level(spent=950, fired=80), [90], 90),
        (1_000, Level(spent=1_500, fired=90), [100], 100),
        (1_000, Level(spent=1_500, fired=100), [], 100),
        (0, Level(), [], 0),
        (0, Level(spent=1), [80, 90, 100], 100),
    ],
)
def test_thresholds(limit: int, level: Level, new: list[int], highest: int) -> None:
    """I19: landed on exactly counts, what may have been billed counts, what is only reserved doesn't."""
    assert newly_passed(a_budget(limit), level) == new
    assert highest_passed(a_budget(limit), level) == highest


@pytest.mark.parametrize(
    ("used", "how"),
    [
        (599, Saving.NONE),
        (600, Saving.CHEAPER_MODEL),
        (799, Saving.CHEAPER_MODEL),
        (800, Saving.NO_PICTURES),
        (2_000, Saving.NO_PICTURES),
    ],
)
def test_how_it_saves(used: int, how: Saving) -> None:
    """The fast model from `cheaper_at` (60 %), no pictures from half-way between that and the limit."""
    level = Level(spent=used - 10, doubtful=10)
    assert saving(a_budget(1_000, Mode.CHEAPER, cheaper_at=60), level) is how
    assert saving(a_budget(1_000, Mode.HARD, cheaper_at=60), level) is Saving.NONE
