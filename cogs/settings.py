"""`/settings`: what a server can choose, for people who may manage it, to their eyes only."""

import discord
from discord import app_commands
from discord.ext import commands

from bot.client import Trilo
from bot.translation import mark
from cogs._kit.access import managed_server
from cogs._settings.settings import SettingsView
from cogs._settings.settings_rows import PAGES


class SettingsCog(commands.Cog):
    """The command; everything after it happens in its view."""

    @app_commands.command(
        name="settings", description=mark("Alerts, league, time zone, reports, who may see what AI costs")
    )
    @app_commands.guild_only()
    @app_commands.default_permissions(manage_guild=True)
    async def settings(self, interaction: discord.Interaction[Trilo]) -> None:
        """Open the view."""
        if await managed_server(interaction) is not None:
            await SettingsView(interaction, PAGES).open(interaction)


async def setup(bot: Trilo) -> None:
    """Called by discord.py when the extension is loaded."""
    await bot.add_cog(SettingsCog())
