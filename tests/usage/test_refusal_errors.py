"""The errors of refused calls, as developers meet them: plain words, whole data, and through pools of processes."""

import pickle
from datetime import UTC, datetime

import pytest

from bot.usage.budgeting.operation_costs import UnknownOperationError
from bot.usage.errors import (
    AiPausedError,
    BudgetExceededError,
    BudgetFigures,
    CallRefusedError,
    InvalidBudgetError,
    QuotaExceededError,
    QuotaResult,
    TriloError,
    Why,
)

END = datetime(2026, 12, 1, tzinfo=UTC)
MONEY = BudgetFigures("b", "user", "ann", "", "month", "usd", "server", 3_000_000, 2_900_000, 0, 50_000, 1_000_000)
TOKENS = BudgetFigures("b", "each_in_role", "7", "bob", "total", "tokens", "server", 500, 499)
BOT = BudgetFigures("b", "bot", "", "", "day", "usd", "operator", 0)


@pytest.mark.parametrize(
    ("why", "figures", "words"),
    [
        (
            Why.USED_UP,
            MONEY,
            (
                "refused by the budget of $0.003 a month for user ann: used up "
                "(spent $0.0029, doubtful $0.00005, reserved $0, needed $0.001)"
            ),
        ),
        (
            Why.UNKNOWN_COST,
            TOKENS,
            (
                "refused by the budget of 500 tokens in total for each in role bob: unknown cost "
                "(spent 499 tokens, doubtful 0 tokens, reserved 0 tokens, needed unknown)"
            ),
        ),
        (
            Why.OUT_OF_REACH,
            BOT,
            (
                "refused by the budget of $0 a day for bot: out of reach "
                "(spent $0, doubtful $0, reserved $0, needed unknown)"
            ),
        ),
    ],
)
def test_a_refusal_says_who_and_how_much(why: Why, figures: BudgetFigures, words: str) -> None:
    assert str(BudgetExceededError(1, why, figures)) == words


@pytest.mark.parametrize(
    "error",
    [
        BudgetExceededError(1, Why.BUSY, MONEY),
        QuotaExceededError(1, "ann", QuotaResult(False, "used up", True, 0, resets_at=END)),
        AiPausedError(1, END),
        InvalidBudgetError("limit", "is wrong"),
        UnknownOperationError("poem", "is unknown"),
    ],
)
def test_errors_survive_pickling(error: TriloError) -> None:
    again = pickle.loads(pickle.dumps(error))
    assert (type(again), str(again), again.args, vars(again)) == (type(error), str(error), error.args, vars(error))


@pytest.mark.parametrize(
    ("error", "cause"),
    [
        (BudgetExceededError(1, Why.USED_UP, MONEY), "budget used_up"),
        (QuotaExceededError(1, "ann", QuotaResult(False, "", True, 0, used=9, limit=9)), "quota"),
        (QuotaExceededError(1, "ann", QuotaResult(False, "", False, 0, used=8, limit=9)), "quota busy"),
        (QuotaExceededError(1, "ann", QuotaResult(False, "", True, 5, premium_required=True)), "premium"),
        (AiPausedError(1, None), "paused"),
    ],
)
def test_refusals_are_counted_by_their_cause(error: CallRefusedError, cause: str) -> None:
    assert error.cause == cause
