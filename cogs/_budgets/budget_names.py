"""Budgets by the names of what they are for, where Discord shows no mentions: in lists and autocomplete."""

from collections.abc import Sequence

import discord

from bot.operation_titles import title_of
from bot.usage.budgeting.budgets import Budget, Scope
from cogs._budgets.budget_words import label
from cogs._kit.names import Names
from cogs._kit.tables import LABEL_CHARACTERS, cut


async def labels_of(budgets: Sequence[Budget], guild: discord.Guild, names: Names) -> dict[str, str]:
    """Budgets as lists show them, by their ids: with names where the rest of the view has mentions."""
    members = await names.members([budget.scope_id for budget in budgets if budget.scope is Scope.USER])
    channels = names.channels([budget.scope_id for budget in budgets if budget.scope is Scope.CHANNEL])
    roles = {str(role.id): f"@{role.name.removeprefix('@')}" for role in guild.roles}
    operations = {one.scope_id: title_of(one.scope_id) for one in budgets if one.scope is Scope.OPERATION}
    known = {**operations, **roles, **channels, **members}
    return {
        budget.id: cut(label(budget, known.get(budget.scope_id, budget.scope_id)), LABEL_CHARACTERS)
        for budget in budgets
    }
