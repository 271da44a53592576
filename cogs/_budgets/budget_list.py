"""The view of `/budget show`: how every budget of a server stands, and what can be done with each."""

from typing import Any

import discord

from bot.client import Trilo
from bot.translation import _, mark
from bot.usage.budgeting.budget_book import Standing
from bot.usage.budgeting.budgets import Budget, Owner
from bot.usage.budgeting.server_settings import ServerSettings
from cogs._budgets.budget_form import GONE, BudgetForm
from cogs._budgets.budget_history import history_words
from cogs._budgets.budget_names import labels_of
from cogs._budgets.budget_plan import own_budget
from cogs._budgets.budget_words import grouped, paused_words, section, title
from cogs._kit.controls import Pick, Press, turning
from cogs._kit.look import NOBODY, separated, text_view
from cogs._kit.names import Names
from cogs._kit.owned import OwnedView

PAGE = 6
"""Budgets shown at once: Discord allows 4,000 characters and 40 components in a message."""
NONE_YET = mark("This server has no budget of its own. `/budget set` sets one.")


class BudgetsView(OwnedView):
    """Every budget of one server. `chosen` is the id of the one that the buttons are for."""

    def __init__(
        self, interaction: discord.Interaction[Trilo], *, chosen: str | None = None, removing: bool = False
    ) -> None:
        super().__init__(interaction, "/budget show")
        self._chosen = chosen
        self._removing = removing
        self._page = 0
        self._names = Names(self.guild)
        self._labels: dict[str, str] = {}
        self._settings = ServerSettings(self.guild.id)
        self._by_budget: list[list[Standing]] = []

    async def load(self) -> None:
        """Standings, the pause, and the names of what the budgets are for."""
        standings = await self.tracker.budgets.standing(self.guild.id)
        self._settings = await self.tracker.settings.of(self.guild.id)
        self._by_budget = grouped(standings)
        self._page = max(0, min(self._page, self._last_page))
        listed = [*self._shown_budgets(), *filter(None, [self.budget])]
        self._labels = await labels_of(listed, self.guild, self._names)

    @property
    def budget(self) -> Budget | None:
        """The budget that the buttons are for: the chosen one, else the first of this page; never the operator's."""
        own = [budget for budget in self._shown_budgets() if budget.owner is Owner.SERVER]
        everywhere = [standings[0].budget for standings in self._by_budget]
        chosen = [b for b in everywhere if b.id == self._chosen and b.owner is Owner.SERVER]
        return next(iter([*chosen, *own]), None)

    def draw(self) -> None:
        """The question whether to remove the chosen one, or all there is to see."""
        budget = self.budget
        if self._removing and budget is not None and budget.id == self._chosen:
            self._draw_question(budget)
            return
        self._removing = False
        texts = [self._heading(), *(section(standings) for standings in self._shown())]
        if all(standings[0].budget.owner is Owner.OPERATOR for standings in self._by_budget):
            texts.append(_(NONE_YET))
        self.frame(*separated([*texts, self.note]))
        for row in self._controls(budget):
            self.add_item(row)

    def _heading(self) -> str:
        settings = self._settings
        lines = [_("## Budgets of this server")]
        if settings.paused:
            lines.append(paused_words(settings.paused_until))
        parts = [_("Days, weeks and months in {zone}", zone=settings.time_zone)]
        if self._last_page:
            parts.append(_("page {page} of {pages}", page=self._page + 1, pages=self._last_page + 1))
        return "\n".join([*lines, f"-# {' · '.join(parts)}"])

    def _shown(self) -> list[list[Standing]]:
        return self._by_budget[self._page * PAGE : (self._page + 1) * PAGE]

    def _shown_budgets(self) -> list[Budget]:
        return [standings[0].budget for standings in self._shown()]

    def _controls(self, budget: Budget | None) -> list[discord.ui.ActionRow[Any]]:
        history = Press(_("History"), self._history, custom_id="budgets:history")
        pages = turning(self._page, self._last_page, self._turn, prefix="budgets")
        if budget is None:
            return [discord.ui.ActionRow(history, *pages)]
        danger = discord.ButtonStyle.danger
        options = self._options(budget)
        pick = Pick(options, self._choose, custom_id="budgets:choose")
        return [
            *([discord.ui.ActionRow(pick)] if len(options) > 1 else []),
            discord.ui.ActionRow(
                Press(_("Edit"), self._edit, custom_id="budgets:edit", opens_form=True),
                Press(_("Test alert"), self._test, custom_id="budgets:test"),
                history,
                Press(_("Remove"), self._ask_to_remove, custom_id="budgets:remove", style=danger),
            ),
            *([discord.ui.ActionRow(*pages)] if pages else []),
        ]

    def _options(self, budget: Budget) -> list[discord.SelectOption]:
        own = [shown for shown in self._shown_budgets() if shown.owner is Owner.SERVER]
        if budget.id not in [shown.id for shown in own]:
            own.insert(0, budget)
        return [
            discord.SelectOption(label=self._labels[one.id], value=one.id, default=one.id == budget.id) for one in own
        ]

    @property
    def _last_page(self) -> int:
        return max(0, len(self._by_budget) - 1) // PAGE

    def _draw_question(self, budget: Budget) -> None:
        self.frame(
            discord.ui.TextDisplay(
                _(
                    "## Remove this budget?\n**{budget}**\nWhat it has counted goes with it. What was spent stays "
                    "in `/token-stats`, and other budgets stay as they are.",
                    budget=title(budget),
                )
            ),
            discord.ui.ActionRow(
                Press(_("Remove"), self._remove, custom_id="budgets:confirm", style=discord.ButtonStyle.danger),
                Press(_("Keep"), self._keep, custom_id="budgets:keep"),
            ),
        )

    async def _choose(self, interaction: discord.Interaction[Trilo], values: list[str]) -> None:
        self._chosen = values[0]
        await self.redraw(interaction)

    async def _turn(self, interaction: discord.Interaction[Trilo], by: int) -> None:
        self._page, self._chosen = self._page + by, None
        await self.redraw(interaction)

    async def _edit(self, interaction: discord.Interaction[Trilo]) -> None:
        if (budget := self.budget) is not None:
            await interaction.response.send_modal(BudgetForm(self, budget))

    async def _ask_to_remove(self, interaction: discord.Interaction[Trilo]) -> None:
        budget = self.budget
        self._removing, self._chosen = budget is not None, budget.id if budget else None
        await self.redraw(interaction)

    async def _keep(self, interaction: discord.Interaction[Trilo]) -> None:
        if self._removing:
            self._removing = False
            await self.redraw(interaction, _("Nothing was changed."))

    async def _remove(self, interaction: discord.Interaction[Trilo]) -> None:
        """Only the very budget that was asked about, also where somebody presses twice."""
        if not self._removing:
            return
        budget, self._removing, self._chosen = self.budget, False, None
        own = await own_budget(self.tracker, self.guild.id, budget.id) if budget is not None else None
        if own is None or not await self.tracker.budgets.remove(
            own.id, guild_id=self.guild.id, actor=interaction.user.id
        ):
            await self.redraw(interaction, _(GONE))
            return
        await self.redraw(interaction, _("✅ Removed: {budget}.", budget=title(own)))

    async def _test(self, interaction: discord.Interaction[Trilo]) -> None:
        """Whoever delivers alerts listens for this, and answers."""
        if (budget := self.budget) is not None:
            interaction.client.dispatch("trilo_test_alert", interaction, budget)

    async def _history(self, interaction: discord.Interaction[Trilo]) -> None:
        view = text_view(await history_words(self.tracker, self.guild.id))
        await interaction.followup.send(view=view, ephemeral=True, allowed_mentions=NOBODY)
