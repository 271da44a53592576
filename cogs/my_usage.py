"""`/my-usage`: anybody's own tokens, to their eyes only, on a server or in direct messages."""

from typing import cast

import discord
from discord import app_commands
from discord.ext import commands

from bot.client import Trilo
from bot.usage.reports import PeriodName
from cogs._views.my_usage import MyUsageView
from cogs._views.spend import PERIODS


class MyUsageCog(commands.Cog):
    """The command; everything after it happens in its view."""

    @app_commands.command(name="my-usage", description="How many AI tokens you have used, and how many are left")
    @app_commands.describe(period="How far back")
    @app_commands.choices(period=[app_commands.Choice(name=PERIODS[p], value=p) for p in PERIODS])
    async def my_usage(self, interaction: discord.Interaction[Trilo], period: str = "month") -> None:
        """Defer and open the view. There is nothing to permit: it shows the asker's own figures alone."""
        await interaction.response.defer(ephemeral=True, thinking=True)
        await MyUsageView(interaction, cast("PeriodName", period)).open(interaction)


async def setup(bot: Trilo) -> None:
    """Called by discord.py when the extension is loaded."""
    await bot.add_cog(MyUsageCog())
