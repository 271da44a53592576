"""Which calls a budget counts, by its scope (I7)."""

from dataclasses import replace

import pytest

from bot.usage.budgeting.budgets import Budget, Mode, Scope, Unit
from bot.usage.budgeting.calendars import Period
from bot.usage.records import Attribution

ANN = Attribution(
    operation="chat", guild_id=1, channel_id=7, user_id="ann", workflow_id="wf-1", agent_name="scout", role_ids=(3, 4)
)
IN_DIRECT_MESSAGES = replace(ANN, guild_id=0)


@pytest.mark.parametrize(
    ("scope", "scope_id", "key", "other"),
    [
        (Scope.GUILD, "1", "", "2"),
        (Scope.CHANNEL, "7", "", "8"),
        (Scope.USER, "ann", "", "bob"),
        (Scope.ROLE, "4", "", "5"),
        (Scope.EACH_IN_ROLE, "3", "ann", "5"),
        (Scope.OPERATION, "chat", "", "vision"),
        (Scope.AGENT, "scout", "", "judge"),
        (Scope.WORKFLOW, "wf-1", "", "wf-2"),
    ],
)
def test_what_a_scope_names(scope: Scope, scope_id: str, key: str, other: str) -> None:
    """It counts what it names, and neither its like nor another server's."""
    budget = Budget("b", 1, scope, scope_id, Period.MONTH, Unit.USD, 1, Mode.HARD)
    assert budget.key_for(ANN) == key
    assert replace(budget, scope_id=other).key_for(ANN) is None
    assert budget.key_for(replace(ANN, guild_id=2)) is None


def test_scopes_without_a_name() -> None:
    """Everybody's own, the whole bot, and what is outside servers."""
    budget = Budget("b", 0, Scope.BOT, "", Period.MONTH, Unit.USD, 1, Mode.HARD)
    each, direct = replace(budget, scope=Scope.EACH_USER), replace(budget, scope=Scope.DIRECT_MESSAGES)
    assert [one.key_for(ANN) for one in (budget, each, direct)] == ["", "ann", None]
    assert [one.key_for(IN_DIRECT_MESSAGES) for one in (budget, each, direct)] == ["", "ann", ""]
    assert each.key_for(replace(ANN, user_id=None)) is None
