"""`/privacy` for everybody; and what is asked to be forgotten, or belongs to servers that left, forgotten in time."""

import logging

import discord
from discord import app_commands
from discord.ext import commands, tasks

from bot.client import Trilo
from bot.translation import mark
from bot.usage.errors import UsageError
from bot.words import where
from cogs._privacy.privacy import PrivacyView

log = logging.getLogger(__name__)

HOURS = 12.0
"""How often what is due is forgotten."""


class PrivacyCog(commands.Cog):
    """The command, whose view does the rest, and the loop that forgets."""

    def __init__(self, bot: Trilo) -> None:
        self.bot = bot
        self._removals = bot.services.tracker.removals

    async def cog_load(self) -> None:
        """Called by discord.py once the bot is logged in."""
        self._forget_in_time.start()

    async def cog_unload(self) -> None:
        """Called by discord.py when the bot closes."""
        self._forget_in_time.cancel()

    @app_commands.command(
        name="privacy", description=mark("What is stored about you: see it, export it, erase it, opt out")
    )
    async def privacy(self, interaction: discord.Interaction[Trilo]) -> None:
        """Open the view. There is nothing to permit: it is about the asker alone."""
        await interaction.response.defer(ephemeral=True, thinking=True)
        await PrivacyView(interaction).open(interaction)

    @commands.Cog.listener()
    async def on_guild_remove(self, guild: discord.Guild) -> None:
        """The bot was removed from a server: its time begins."""
        try:
            await self._removals.note(guild.id)
        except UsageError as error:
            log.warning("that server %d left is noticed later: %s", guild.id, where(error))

    @commands.Cog.listener()
    async def on_guild_join(self, guild: discord.Guild) -> None:
        """It may be one that left, and is back in time."""
        try:
            await self._removals.is_back(guild.id)
        except UsageError as error:
            log.warning("that server %d is back is noticed later: %s", guild.id, where(error))

    @tasks.loop(hours=HOURS)
    async def _forget_in_time(self) -> None:
        try:
            await self.forget()
        except UsageError as error:
            log.warning("what is to be forgotten stays for now: %s", where(error))

    @_forget_in_time.before_loop
    async def _until_ready(self) -> None:
        """Before that nobody knows which servers the bot is on."""
        await self.bot.wait_until_ready()

    async def forget(self) -> None:
        """Servers whose time is over, and people who asked for it. Raises `DatabaseUnavailableError`."""
        await self._removals.notice({guild.id for guild in self.bot.guilds}, self.bot.has_shard_of)
        for guild_id in await self._removals.due():
            if guild_id not in await self._removals.due():  # back, while the servers before it were erased
                continue
            await self.bot.services.league_book.forget_server(guild_id)
            calls = await self._removals.erase(guild_id)
            log.info("server %d left long ago and is erased, with %d calls", guild_id, calls)
        await self.bot.services.tracker.privacy.finish_erasures()


async def setup(bot: Trilo) -> None:
    """Called by discord.py when the extension is loaded."""
    await bot.add_cog(PrivacyCog(bot))
