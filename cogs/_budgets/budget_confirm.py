"""The answer to `/budget set`: what exactly would be set, and only then the setting."""

from typing import Any

import discord

from bot.client import Trilo
from bot.translation import _, mark
from bot.usage.budgeting.budgets import Budget
from cogs._budgets.budget_plan import Plan, plan_words, read_plan, store
from cogs._budgets.budget_words import section
from cogs._kit.channel_choice import choose_channel
from cogs._kit.controls import PickChannel, Press
from cogs._kit.owned import OwnedView

CANCELLED = mark("Nothing was changed.")
_WHERE_TO = mark(
    "**Where should alerts go?** This server has chosen no channel for them yet. One that only your team can read is "
    "best. `/settings` changes it later."
)
_CHOSEN = mark("**Channel for alerts**\n-# `/settings` changes it later.")


class ConfirmBudgetView(OwnedView):
    """A budget that somebody wants: confirm or cancel, and where alerts go if nobody has said so yet."""

    def __init__(self, interaction: discord.Interaction[Trilo], wanted: Budget) -> None:
        super().__init__(interaction, "/budget set")
        self._wanted = wanted
        self._plan: Plan | None = None
        self._done = ""
        self._asks_for_channel = False
        self._alert_channel_id: int | None = None

    async def load(self) -> None:
        """What setting it would do, for as long as it isn't decided."""
        if not self._done:
            self._plan = await read_plan(self.tracker, self._wanted)

    def draw(self) -> None:
        """The plan with its two buttons; afterwards what was done."""
        if self._done:
            self._draw_done()
        elif self._plan is not None:
            self.frame(
                discord.ui.TextDisplay(plan_words(self._plan)),
                discord.ui.ActionRow(
                    Press(_("Confirm"), self._confirm, custom_id="budget:confirm", style=discord.ButtonStyle.success),
                    Press(_("Cancel"), self._cancel, custom_id="budget:cancel"),
                ),
            )

    def _draw_done(self) -> None:
        items: list[discord.ui.Item[Any]] = [discord.ui.TextDisplay(self._done)]
        if self._asks_for_channel:
            row = discord.ui.ActionRow[Any](
                PickChannel(
                    self._channel,
                    custom_id="budget:alerts",
                    placeholder=_("A channel for alerts"),
                    chosen=self._alert_channel_id,
                )
            )
            updates = self.guild.public_updates_channel
            words = _(_WHERE_TO)
            if self._alert_channel_id is not None:
                words = _(_CHOSEN)
            elif updates is not None:
                words = _("**Alerts go to {channel}** unless you choose a channel.", channel=updates.mention)
            items += [discord.ui.Separator(), discord.ui.TextDisplay(words), row]
        if self.note:
            items.append(discord.ui.TextDisplay(self.note))
        self.frame(*items)

    async def _confirm(self, interaction: discord.Interaction[Trilo]) -> None:
        """Set it by what the books say now: somebody may have changed them since the question was asked."""
        async with self._lock:  # of two buttons pressed at once the first one counts
            if self._done:
                return
            plan = await read_plan(self.tracker, self._wanted)
            stored = await store(self.tracker, plan.budget, interaction.user.id)
            standings = await self.tracker.budgets.standing(self.guild.id)
            settings = await self.tracker.settings.of(self.guild.id)
            shown = section([standing for standing in standings if standing.budget.id == stored.id])
            self._done = _("✅ **Set**") + f"\n{shown}"
            self._asks_for_channel = settings.alert_channel_id is None
        await self.redraw(interaction)

    async def _cancel(self, interaction: discord.Interaction[Trilo]) -> None:
        async with self._lock:
            if self._done:
                return
            self._done = _(CANCELLED)
        await self.redraw(interaction)

    async def _channel(self, interaction: discord.Interaction[Trilo], chosen: list[Any]) -> None:
        note = await choose_channel(self, interaction, "alert_channel_id", chosen)
        self._alert_channel_id = (await self.tracker.settings.of(self.guild.id)).alert_channel_id
        await self.redraw(interaction, note)
