"""What a new budget's running period has spent already: counted once, when the budget is set, from the books."""

from datetime import datetime

from bot.usage.budgeting.budgets import BOT, Budget, Scope, Unit
from bot.usage.storage.database import Script
from bot.usage.storage.rows import microseconds

_ROLLUP = {
    Scope.GUILD: "total",
    Scope.CHANNEL: "channel",
    Scope.USER: "user",
    Scope.EACH_USER: "user",
    Scope.OPERATION: "operation",
    Scope.AGENT: "agent",
    Scope.WORKFLOW: "workflow",
}
"""Where `spend_daily` has a server's spend by scope. Roles aren't kept: their budgets start at 0."""
_BOT_ROLLUP = {
    Scope.BOT: "guild",
    Scope.DIRECT_MESSAGES: "total",
    **{scope: f"bot_{dimension}" for scope, dimension in _ROLLUP.items()},
    Scope.GUILD: "guild",
}
"""The same for the operator's budgets."""
_COLUMNS = {
    Scope.GUILD: "guild_id",
    Scope.CHANNEL: "channel_id",
    Scope.USER: "user_id",
    Scope.OPERATION: "operation",
    Scope.AGENT: "agent_name",
    Scope.WORKFLOW: "workflow_id",
}
"""The column of a record that a budget's `scope_id` names."""
_AMOUNT = {Unit.USD: "cost_nano_usd", Unit.TOKENS: "input_tokens + output_tokens"}
_DOUBTFUL = {Unit.USD: "doubtful_nano_usd", Unit.TOKENS: "doubtful_tokens"}
_INSERT = "INSERT INTO budget_periods (guild_id, budget_id, key, period_start, spent, reserved, doubtful, fired) "


def count_what_was_spent(budget: Budget, start: str, begin: datetime | None) -> Script[None]:
    """Part of setting a budget: counters for what was spent since its running period began, at `begin` (UTC)."""
    dimension = (_BOT_ROLLUP if budget.guild_id == BOT else _ROLLUP).get(budget.scope)
    if dimension is None:
        return
    key = "key" if budget.scope is Scope.EACH_USER else "''"
    where = "guild_id = $1 AND dimension = $4 AND day >= $3"
    parameters: tuple[object, ...] = (budget.guild_id, budget.id, start, dimension)
    if budget.scope_id and dimension != "total":
        where += " AND key = $5"
        parameters += (budget.scope_id,)
    counting = (
        f"{_INSERT}SELECT $1, $2, {key}, $3, CAST(sum({_AMOUNT[budget.unit]}) AS BIGINT), 0, 0, 0 FROM spend_daily "
        f"WHERE {where} GROUP BY 3 HAVING sum(calls) > 0"
    )
    yield (counting, parameters)
    yield from _count_what_is_doubtful(budget, start, begin)


def _count_what_is_doubtful(budget: Budget, start: str, begin: datetime | None) -> Script[None]:
    """The same for what the provider may have billed besides, which only the records have: few, and with an index."""
    where = "(doubtful_nano_usd > 0 OR doubtful_tokens > 0) AND started_at >= $4 AND kind <> 'payment'"
    parameters: tuple[object, ...] = (budget.guild_id, budget.id, start, microseconds(begin) if begin else 0)
    if budget.guild_id != BOT or budget.scope is Scope.DIRECT_MESSAGES:
        where += " AND guild_id = $1"
    if (column := _COLUMNS.get(budget.scope)) is not None:
        where += f" AND CAST({column} AS TEXT) = $5"
        parameters += (budget.scope_id,)
    key = "user_id" if budget.scope is Scope.EACH_USER else "''"
    where += " AND user_id IS NOT NULL" if budget.scope is Scope.EACH_USER else ""
    counting = (
        f"{_INSERT}SELECT $1, $2, {key}, $3, 0, 0, CAST(sum({_DOUBTFUL[budget.unit]}) AS BIGINT), 0 "
        f"FROM usage_records WHERE {where} "
        "GROUP BY 3 HAVING count(*) > 0 "
        "ON CONFLICT (guild_id, budget_id, key, period_start) DO UPDATE SET doubtful = excluded.doubtful"
    )
    yield (counting, parameters)
