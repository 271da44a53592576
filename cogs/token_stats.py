"""`/token-stats`: what this server's AI use costs, for those who may see it, and for their eyes only."""

from typing import cast

import discord
from discord import app_commands
from discord.ext import commands

from bot.client import Trilo, answer_privately
from bot.figures import PERIODS
from bot.translation import _, mark
from bot.usage.reporting.reports import PeriodName
from cogs._kit.access import NOT_FOR_YOU, may_see_usage
from cogs._kit.private import is_from_before
from cogs._spend.spend import Choice, SplitName
from cogs._spend.stats_controls import PREFIX
from cogs._spend.token_stats import TokenStatsView, take_up

_BY: dict[SplitName, str] = {
    "operation": mark("Operation"),
    "model": mark("Model"),
    "member": mark("Member"),
    "channel": mark("Channel"),
    "day": mark("Day"),
    "thread": mark("Thread"),
    "week": mark("League week"),
    "command": mark("Command"),
}


class TokenStatsCog(commands.Cog):
    """The command; everything after it happens in its view."""

    @app_commands.command(
        name="token-stats", description=mark("What this server's AI use costs, and what it was spent on")
    )
    @app_commands.describe(period=mark("How far back"), by=mark("What to break the cost down by"))
    @app_commands.choices(
        period=[app_commands.Choice(name=PERIODS[p], value=p) for p in PERIODS],
        by=[app_commands.Choice(name=_BY[s], value=s) for s in _BY],
    )
    @app_commands.guild_only()
    @app_commands.default_permissions(manage_guild=True)
    async def token_stats(
        self, interaction: discord.Interaction[Trilo], period: str = "month", by: str = "operation"
    ) -> None:
        """Defer, check for ourselves who asks, and open the view."""
        await interaction.response.defer(ephemeral=True, thinking=True)
        if interaction.guild is None or not await may_see_usage(interaction):
            await answer_privately(interaction, _(NOT_FOR_YOU))
            return
        choice = Choice(cast("PeriodName", period), cast("SplitName", by))
        await TokenStatsView(interaction.guild, interaction.user.id, interaction.client, choice).open(interaction)

    @commands.Cog.listener()
    async def on_interaction(self, interaction: discord.Interaction[Trilo]) -> None:
        """A press on a view from before a restart goes on with it."""
        if is_from_before(interaction, PREFIX):
            await take_up(interaction)


async def setup(bot: Trilo) -> None:
    """Called by discord.py when the extension is loaded."""
    await bot.add_cog(TokenStatsCog())
