"""What a refused person reads: what ran out and when it is back, for anybody's eyes, so never an amount of money."""

import re
from datetime import UTC, datetime
from typing import Any

import pytest

from bot.translation import speaking
from bot.usage.budgeting.budgets import Scope
from bot.usage.errors import (
    AiPausedError,
    BudgetExceededError,
    BudgetFigures,
    CallRefusedError,
    QuotaExceededError,
    QuotaResult,
    Why,
)
from bot.words import FALLBACK, words_for

BACK = datetime(2026, 4, 1, tzinfo=UTC)
MARK = "<t:1775001600:R>"
UNKNOWN_COST = (
    "I can't tell beforehand what that would cost, and the budget here doesn't allow such questions. "
    "Please put it differently, without pictures or files."
)
OUT_OF_REACH = (
    "My books are out of reach just now, and without them I may not spend anything. Please try again in a minute."
)
SOMEBODY = "Somebody who manages this server"


def budget(why: Why = Why.USED_UP, **figures: Any) -> BudgetExceededError:
    usual = {"scope": "guild", "scope_id": "1", "key": "", "period": "month", "unit": "usd", "owner": "server"}
    numbers = {"limit": 5_000_000_000, "spent": 4_999_000_000, "needed": 7_000_000, "ends_at": BACK}
    return BudgetExceededError(1, why, BudgetFigures(budget_id="b", **{**usual, **numbers, **figures}))


def quota(**result: Any) -> QuotaExceededError:
    return QuotaExceededError(1, "2", QuotaResult(False, "secret reason $5", True, 0, **result))


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (budget(), f"This server's AI budget for this month is used up. It is back {MARK}."),
        (budget(scope="bot", owner="operator"), f"My AI budget for this month is used up. It is back {MARK}."),
        (budget(scope="channel", period="day"), f"This channel's AI budget for today is used up. It is back {MARK}."),
        (budget(scope="user", period="week"), f"Your own AI budget for this week is used up. It is back {MARK}."),
        (budget(scope="each_user", key="2"), f"Your own AI budget for this month is used up. It is back {MARK}."),
        (
            budget(scope="role"),
            f"The AI budget that your role shares for this month is used up. It is back {MARK}.",
        ),
        (
            budget(scope="operation"),
            f"The AI budget for this kind of question for this month is used up. It is back {MARK}.",
        ),
        (
            budget(period="total", ends_at=None),
            f"This server's AI budget is used up, for good. {SOMEBODY} can raise it.",
        ),
        (
            budget(period="total", ends_at=None, owner="operator"),
            "This server's AI budget is used up, for good. Whoever runs this bot can raise it.",
        ),
        (budget(limit=0, spent=0), f"This server's AI budget allows no questions. {SOMEBODY} can change that."),
        (budget(Why.BUSY), "I'm busy with other questions just now. Please try again in a moment."),
        (
            budget(Why.UNKNOWN_COST, needed=None),
            UNKNOWN_COST,
        ),
        (
            budget(Why.OUT_OF_REACH),
            OUT_OF_REACH,
        ),
        (quota(resets_at=BACK), f"You have used up your AI tokens for this month. They are back {MARK}."),
        (quota(), "You have used up your AI tokens for this month."),
        (quota(used=8, limit=9), "I'm busy with other questions just now. Please try again in a moment."),
        (quota(used=9, limit=9), "You have used up your AI tokens for this month."),
        (quota(premium_required=True), "That is for premium members."),
        (AiPausedError(1, BACK), f"The AI is paused here. It is back {MARK}."),
        (AiPausedError(1, None), "The AI is paused here until somebody who manages this server resumes it."),
        (CallRefusedError(1, "secret"), FALLBACK),
    ],
)
def test_words(error: CallRefusedError, words: str):
    assert words_for(error) == words


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (budget(), f"El presupuesto de IA de este servidor se agotó por este mes. Vuelve {MARK}."),
        (
            budget(scope="each_user", period="total", ends_at=None, owner="operator"),
            "Tu propio presupuesto de IA se agotó y no se renueva. Quien administra el bot puede subirlo.",
        ),
        (quota(resets_at=BACK), f"Ya usaste todos tus tokens de IA de este mes. Vuelves a tenerlos {MARK}."),
        (AiPausedError(1, BACK), f"La IA está en pausa aquí. Vuelve {MARK}."),
    ],
)
def test_words_in_spanish(error: CallRefusedError, words: str):
    with speaking("es-MX"):
        assert words_for(error) == words


@pytest.mark.parametrize("why", Why)
@pytest.mark.parametrize("scope", Scope)
def test_no_amount_is_told_to_members(scope: Scope, why: Why):
    """I26: what a server may spend is for those who manage it."""
    for period, ends_at in (("day", BACK), ("week", BACK), ("month", BACK), ("total", None)):
        told = words_for(budget(why, scope=scope.value, period=period, ends_at=ends_at))
        assert told.endswith(".")
        assert "$" not in told
        assert not re.search(r"\d", told.replace(MARK, ""))
