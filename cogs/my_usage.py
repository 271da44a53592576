"""`/my-usage`: anybody's own tokens, to their eyes only, on a server or in direct messages."""

from typing import cast

import discord
from discord import app_commands
from discord.ext import commands

from bot.client import Trilo
from bot.figures import PERIODS
from bot.translation import mark
from bot.usage.reporting.reports import PeriodName
from cogs._kit.private import is_from_before
from cogs._spend.my_usage import PREFIX, MyUsageView, take_up


class MyUsageCog(commands.Cog):
    """The command; everything after it happens in its view."""

    @app_commands.command(name="my-usage", description=mark("How many AI tokens you have used, and how many are left"))
    @app_commands.describe(period=mark("How far back"))
    @app_commands.choices(period=[app_commands.Choice(name=PERIODS[p], value=p) for p in PERIODS])
    async def my_usage(self, interaction: discord.Interaction[Trilo], period: str = "month") -> None:
        """Defer and open the view. There is nothing to permit: it shows the asker's own figures alone."""
        await interaction.response.defer(ephemeral=True, thinking=True)
        await MyUsageView(interaction, cast("PeriodName", period)).open(interaction)

    @commands.Cog.listener()
    async def on_interaction(self, interaction: discord.Interaction[Trilo]) -> None:
        """A press on a view from before a restart goes on with it."""
        if is_from_before(interaction, PREFIX):
            await take_up(interaction)


async def setup(bot: Trilo) -> None:
    """Called by discord.py when the extension is loaded."""
    await bot.add_cog(MyUsageCog())
