"""The form behind "Raise the limit": a higher limit for one of the server's own budgets, up to the operator's cap."""

import logging
from dataclasses import replace

import discord

from bot.client import Trilo, answer_failure, answer_privately
from bot.discord_failures import DISCORD_FAILED
from bot.figures import allowance, limit
from bot.translation import _, mark, speaking
from bot.usage.budgeting.budgets import Budget, Owner, Scope, Unit
from bot.usage.budgeting.calendars import Period
from bot.usage.budgeting.limits import LimitNotUnderstoodError, limit_words, parse_limit
from bot.words import where
from cogs._budgets.budget_plan import store
from cogs._budgets.budget_words import misread, title
from cogs._kit.access import NOT_A_MANAGER, may_manage
from cogs._kit.form import Form
from cogs._kit.language import hear, public_language
from cogs._kit.look import NOBODY

log = logging.getLogger(__name__)

NO_SUCH_BUDGET = mark("That budget isn't there any more. `/budget show` has those there are.")
OPERATORS = mark("That limit is the operator's: only the people who run this bot can change it.")
_LENGTHS = {Period.DAY: 0, Period.WEEK: 1, Period.MONTH: 2, Period.TOTAL: 3}


class RaiseModal(Form):
    """Asks for the new limit. What the form was opened for is looked up anew when it comes back."""

    def __init__(self, budget: Budget) -> None:
        super().__init__(_("Raise the limit"))
        self._budget_id = budget.id
        now = limit_words(budget.unit, budget.limit)
        self.limit = discord.ui.TextInput["RaiseModal"](custom_id="limit", default=now, max_length=60)
        self.add_item(
            discord.ui.Label(
                text=_("New limit"),
                description=_("Now {allowance}", allowance=allowance(budget)),
                component=self.limit,
            )
        )

    async def on_submit(self, interaction: discord.Interaction[Trilo], /) -> None:  # type: ignore[override]
        """Check everything again, then set it."""
        hear(interaction)
        await interaction.response.defer(ephemeral=True, thinking=True)
        tracker, wanted = interaction.client.services.tracker, await raisable(interaction, self._budget_id)
        if isinstance(wanted, Budget):
            wanted = _raised(wanted, self.limit.value, await tracker.budgets.of(wanted.guild_id))
        if isinstance(wanted, str):
            await answer_privately(interaction, wanted)
            return
        stored = await store(tracker, wanted, interaction.user.id)
        words = _("The limit is now **{budget}**.", budget=title(stored))
        await interaction.followup.send(words, ephemeral=True, allowed_mentions=NOBODY)
        if interaction.guild is not None and interaction.message is not None:
            await self._tell_everybody(interaction, interaction.guild, interaction.message, stored)

    async def _tell_everybody(
        self, interaction: discord.Interaction[Trilo], guild: discord.Guild, alert: discord.Message, stored: Budget
    ) -> None:
        """Below the alert: whoever read there that questions are refused reads that they are answered again."""
        with speaking(await public_language(interaction.client, guild)):
            words = _(
                "{person} raised the limit to **{budget}**.", person=interaction.user.mention, budget=title(stored)
            )
        try:
            await alert.reply(words, mention_author=False, allowed_mentions=NOBODY)
        except DISCORD_FAILED as error:
            log.info("a raised limit can't be told below its alert: %s", where(error))

    async def on_error(self, interaction: discord.Interaction[Trilo], error: Exception, /) -> None:  # type: ignore[override]
        """Words for the person, details for the operator."""
        await answer_failure(interaction, "raising a limit", error)


async def raisable(interaction: discord.Interaction[Trilo], budget_id: str) -> Budget | str:
    """The budget whose limit the person may raise, or words on why they can't. Raises `DatabaseUnavailableError`."""
    if interaction.guild is None or not await may_manage(interaction):
        return _(NOT_A_MANAGER)
    budgets = await interaction.client.services.tracker.budgets.of(interaction.guild.id)
    budget = next((found for found in budgets if found.id == budget_id), None)
    if budget is None or budget.owner is Owner.OPERATOR:
        return _(OPERATORS if budget else NO_SUCH_BUDGET)
    return budget


def _raised(budget: Budget, typed: str, budgets: list[Budget]) -> Budget | str:
    """The budget with the limit that was typed, or words on why that can't be."""
    try:
        wanted = parse_limit(typed)
    except LimitNotUnderstoodError as error:
        return misread(error)
    if wanted.unit is not budget.unit:
        if budget.unit is Unit.USD:
            return _("This budget is counted in dollars.")
        return _("This budget is counted in tokens.")
    if wanted.amount <= budget.limit:
        now = limit(budget.unit, budget.limit)
        return _("That isn't more than the {limit} it has. `/budget set` lowers it.", limit=now)
    if (cap := _cap(budget, budgets)) is not None and wanted.amount > cap.limit:
        return _(
            "The operator's cap for this server is {allowance}: a budget can't go above it.", allowance=allowance(cap)
        )
    return replace(budget, limit=wanted.amount)


def _cap(budget: Budget, budgets: list[Budget]) -> Budget | None:
    """The lowest of the operator's caps that a budget can't go above: one for as long a time as its own, or longer."""
    caps = [
        cap
        for cap in budgets
        if cap.owner is Owner.OPERATOR
        and cap.scope is Scope.GUILD
        and cap.unit is budget.unit
        and _LENGTHS[cap.period] >= _LENGTHS[budget.period]
    ]
    return min(caps, key=lambda cap: cap.limit, default=None)
