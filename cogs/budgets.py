"""`/budget`: what a server may spend, set and shown by people who may manage it, to their eyes only."""

import discord
from discord import app_commands
from discord.ext import commands

from bot.client import Trilo, answer_privately
from bot.operation_titles import title_of
from bot.translation import _, mark
from bot.usage.budgeting.budgets import Budget, Mode, Owner, Scope
from bot.usage.budgeting.calendars import Period
from bot.usage.budgeting.limits import LimitNotUnderstoodError, parse_limit
from cogs._budgets.budget_confirm import ConfirmBudgetView
from cogs._budgets.budget_form import AT_LIMIT
from cogs._budgets.budget_list import BudgetsView
from cogs._budgets.budget_names import labels_of
from cogs._budgets.budget_target import APPLIES_TO, TargetError, Which, target_of
from cogs._budgets.budget_words import misread
from cogs._kit.access import managed_server, may_manage
from cogs._kit.names import Names
from cogs._kit.tables import LABEL_CHARACTERS, cut

NOT_A_BUDGET = mark("I don't know that budget. Pick one from the list that appears while you type.")
NOT_A_BOT = mark("Bots never ask me anything, so there is nothing to limit. Name a member who isn't one.")
_PERIODS = {
    Period.DAY: mark("day"),
    Period.WEEK: mark("week"),
    Period.MONTH: mark("month"),
    Period.TOTAL: mark("total"),
}
_MOST_CHOICES = 25

BudgetChannel = discord.TextChannel | discord.VoiceChannel | discord.StageChannel | discord.ForumChannel
"""Threads are left out: what is asked in one counts for the channel that it is in."""


@app_commands.guild_only()
@app_commands.default_permissions(manage_guild=True)
class BudgetsCog(commands.GroupCog, group_name="budget", group_description=mark("What this server may spend on AI")):
    """The commands; everything after them happens in their views."""

    def __init__(self, bot: Trilo) -> None:
        self.bot = bot

    @app_commands.command(
        name="set", description=mark("Limit what AI may cost: the server, a channel, members, a role …")
    )
    @app_commands.describe(
        limit=mark("Like $5, 0.05, 200k tokens or 1.5M tokens"),
        per=mark("How long it lasts before it starts anew (month)"),
        applies_to=mark("What it limits (the server)"),
        at_limit=mark("What happens when it is used up (stop)"),
        channel=mark("The channel it is for"),
        role=mark("The role it is for"),
        member=mark("The member it is for"),
        operation=mark("The kind of question it is for"),
    )
    @app_commands.rename(applies_to="applies-to", at_limit="at-limit")
    @app_commands.choices(
        per=[app_commands.Choice(name=name, value=period.value) for period, name in _PERIODS.items()],
        applies_to=[app_commands.Choice(name=name, value=scope.value) for scope, name in APPLIES_TO.items()],
        at_limit=[app_commands.Choice(name=name, value=mode.value) for mode, name in AT_LIMIT.items()],
    )
    async def set_budget(
        self,
        interaction: discord.Interaction[Trilo],
        limit: str,
        per: str = "month",
        applies_to: str | None = None,
        at_limit: str = "hard",
        channel: BudgetChannel | None = None,
        role: discord.Role | None = None,
        member: discord.Member | None = None,
        operation: str | None = None,
    ) -> None:
        """Ask for confirmation; nothing is set before that."""
        if (guild := await managed_server(interaction)) is None:
            return
        if member is not None and member.bot:
            await answer_privately(interaction, _(NOT_A_BOT))
            return
        which = Which(_id(channel), _id(role), _id(member), operation)
        try:
            amount = parse_limit(limit)
            chosen = Scope(applies_to) if applies_to is not None else None
            scope, scope_id = target_of(chosen, which, self.bot.services.tracker.operations)
        except LimitNotUnderstoodError as error:
            await answer_privately(interaction, misread(error))
            return
        except TargetError as error:
            await answer_privately(interaction, str(error))
            return
        wanted = Budget(
            id="",
            guild_id=guild.id,
            scope=scope,
            scope_id=str(guild.id) if scope is Scope.GUILD else scope_id,
            period=Period(per),
            unit=amount.unit,
            limit=amount.amount,
            mode=Mode(at_limit),
        )
        await ConfirmBudgetView(interaction, wanted).open(interaction)

    @app_commands.command(name="show", description=mark("How this server's budgets stand; edit, test and remove them"))
    async def show(self, interaction: discord.Interaction[Trilo]) -> None:
        """Open the view."""
        if await managed_server(interaction) is not None:
            await BudgetsView(interaction).open(interaction)

    @app_commands.command(name="remove", description=mark("Remove one of this server's budgets"))
    @app_commands.describe(budget=mark("Which one"))
    async def remove(self, interaction: discord.Interaction[Trilo], budget: str) -> None:
        """Ask for confirmation first."""
        if (guild := await managed_server(interaction)) is None:
            return
        if budget not in {own.id for own in await self._own(guild.id)}:
            await answer_privately(interaction, _(NOT_A_BUDGET))
            return
        await BudgetsView(interaction, chosen=budget, removing=True).open(interaction)

    @set_budget.autocomplete("operation")
    async def _operations(self, _interaction: discord.Interaction[Trilo], typed: str) -> list[app_commands.Choice[str]]:
        wanted = typed.strip().casefold()
        labels = {name: _label(name) for name in sorted(self.bot.services.tracker.operations)}
        found = [
            app_commands.Choice(name=cut(label, LABEL_CHARACTERS), value=name)
            for name, label in labels.items()
            if wanted in label.casefold() and len(name) <= LABEL_CHARACTERS  # a longer one can only be typed whole
        ]
        return found[:_MOST_CHOICES]

    @remove.autocomplete("budget")
    async def _budgets(self, interaction: discord.Interaction[Trilo], typed: str) -> list[app_commands.Choice[str]]:
        if interaction.guild is None or not await may_manage(interaction):
            return []
        wanted = typed.strip().casefold()
        own = await self._own(interaction.guild.id)
        if not wanted:
            own = own[:_MOST_CHOICES]
        labels = await labels_of(own, interaction.guild, Names(interaction.guild))
        found = [budget for budget in own if wanted in labels[budget.id].casefold()]
        return [app_commands.Choice(name=labels[budget.id], value=budget.id) for budget in found[:_MOST_CHOICES]]

    async def _own(self, guild_id: int) -> list[Budget]:
        budgets = await self.bot.services.tracker.budgets.of(guild_id)
        return [budget for budget in budgets if budget.owner is Owner.SERVER]


def _label(operation: str) -> str:
    """An operation's title, and the name that may be typed as well."""
    title = title_of(operation)
    return operation if title == operation else f"{title} · {operation}"


def _id(named: discord.abc.Snowflake | None) -> int | None:
    return named.id if named is not None else None


async def setup(bot: Trilo) -> None:
    """Called by discord.py when the extension is loaded."""
    await bot.add_cog(BudgetsCog(bot))
