"""The form behind Edit: a budget's limit, its alerts, what happens at the limit and where a cost is unknown."""

from collections.abc import Mapping
from dataclasses import replace
from enum import StrEnum
from typing import Any

import discord

from bot.client import Trilo, answer_privately
from bot.figures import at_limit
from bot.translation import _, mark
from bot.usage.budgeting.budgets import Budget, Mode, Unit, Unknown
from bot.usage.budgeting.limits import LimitNotUnderstoodError, limit_words, parse_limit, parse_thresholds
from cogs._budgets.budget_plan import own_budget, store
from cogs._budgets.budget_words import misread, title
from cogs._kit.access import acknowledge
from cogs._kit.owned import OwnedModal, OwnedView

AT_LIMIT = {Mode.HARD: mark("stop"), Mode.SOFT: mark("warn"), Mode.CHEAPER: mark("cheaper model")}
"""What can be chosen for the limit, and its name there."""
_UNKNOWN_COST = {Unknown.REFUSE: mark("Refuse it"), Unknown.ADMIT: mark("Answer it all the same")}
GONE = mark("That budget is gone: somebody has removed it meanwhile.")
_OTHER_UNIT = {
    Unit.USD: mark("This budget counts dollars. For tokens, set another with `/budget set`."),
    Unit.TOKENS: mark("This budget counts tokens. For dollars, set another with `/budget set`."),
}


class BudgetForm(OwnedModal):
    """Changes one budget of the server's own. What can't be read changes nothing and is told in words."""

    def __init__(self, view: OwnedView, budget: Budget) -> None:
        super().__init__(view, _("Edit this budget"))
        self._budget = budget
        self._limit: discord.ui.TextInput[Any] = discord.ui.TextInput(
            custom_id="limit", default=limit_words(budget.unit, budget.limit), max_length=60
        )
        self._thresholds: discord.ui.TextInput[Any] = discord.ui.TextInput(
            custom_id="thresholds", default=_percentages(budget), max_length=60, required=bool(budget.thresholds)
        )
        modes = {mode: _(name).capitalize() for mode, name in AT_LIMIT.items()}
        self._mode = _choice("mode", modes, budget.mode)
        unknowns = {unknown: _(name) for unknown, name in _UNKNOWN_COST.items()}
        self._unknown = _choice("unknown", unknowns, budget.unknown)
        self.add_item(discord.ui.Label(text=_("Limit"), description=_("Like $5 or 200k tokens"), component=self._limit))
        self.add_item(discord.ui.Label(text=_("Alerts at these percentages"), component=self._thresholds))
        self.add_item(discord.ui.Label(text=_("At the limit"), component=self._mode))
        self.add_item(
            discord.ui.Label(
                text=_("If a question's cost is unknown"),
                description=_("As with a model that nobody knows the price of"),
                component=self._unknown,
            )
        )

    async def on_submit(self, interaction: discord.Interaction[Trilo], /) -> None:  # type: ignore[override]
        """Change what was changed, in the budget as the books have it now."""
        await acknowledge(interaction)
        view = self.view
        now = await own_budget(view.tracker, view.guild.id, self._budget.id)
        if now is None:
            await view.redraw(interaction, _(GONE))
            return
        try:
            changed = self._changed(now)
        except LimitNotUnderstoodError as error:
            unchanged = _("Nothing was changed.")
            await answer_privately(interaction, f"{misread(error)} {unchanged}")
            return
        stored = await store(view.tracker, changed, interaction.user.id)
        await view.redraw(interaction, _("✅ Changed: {budget}, {rule}.", budget=title(stored), rule=at_limit(stored)))

    def _changed(self, budget: Budget) -> Budget:
        limit = parse_limit(self._limit.value)
        if limit.unit is not budget.unit:
            raise LimitNotUnderstoodError(_OTHER_UNIT[budget.unit])
        typed = self._thresholds.value  # a program may have set none: left empty, that stays
        thresholds = parse_thresholds(typed) if typed != _percentages(self._budget) else budget.thresholds
        mode = Mode(self._mode.values[0]) if self._mode.values else budget.mode
        unknown = Unknown(self._unknown.values[0]) if self._unknown.values else budget.unknown
        return replace(budget, limit=limit.amount, thresholds=thresholds, mode=mode, unknown=unknown)


def _percentages(budget: Budget) -> str:
    return ", ".join(map(str, budget.thresholds))


def _choice(custom_id: str, names: Mapping[Any, str], now: StrEnum) -> discord.ui.Select[Any]:
    """One of several values, by their names, with the one that holds now chosen."""
    options = [discord.SelectOption(label=name, value=value, default=value is now) for value, name in names.items()]
    return discord.ui.Select(custom_id=custom_id, options=options)
