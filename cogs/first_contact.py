"""Hello to a server that has just invited the bot: once, however often Discord or a restart tells of it."""

import logging
from collections.abc import Iterator
from datetime import timedelta

import discord
from discord.ext import commands

from bot.client import Trilo
from bot.discord_failures import DISCORD_FAILED
from bot.translation import speaking
from bot.usage import UsageError
from bot.words import where
from cogs._kit.channels import Writable, everyone_reads
from cogs._kit.language import server_language
from cogs._kit.look import NOBODY
from cogs._settings.first_contact import HelloView, LimitButton, ServerHello, cap_of

log = logging.getLogger(__name__)

FRESH = timedelta(days=1)
"""So long after an invitation there is a hello, if the bot was down meanwhile. Shorter than claims are kept."""


class FirstContactCog(commands.Cog):
    """Says hello, and keeps the button below it working across restarts."""

    def __init__(self, bot: Trilo) -> None:
        self.bot = bot

    async def cog_load(self) -> None:
        """The button below a hello outlives this process."""
        self.bot.add_dynamic_items(LimitButton)

    @commands.Cog.listener()
    async def on_trilo_entered(self, guild: discord.Guild) -> None:
        """A server that the bot may serve, and whose cap is written: just joined, or there before this start."""
        async with self.bot.working():
            try:
                if await self._is_news(guild):
                    await self._say_hello(guild)
            except UsageError as error:
                log.warning("no hello to server %d: %s", guild.id, where(error))

    async def _is_news(self, guild: discord.Guild) -> bool:
        """Whether this invitation is a fresh one that nobody has answered; from now on somebody has.

        Each invitation has a time of joining of its own, so that whoever invites again is greeted again.
        """
        tracker, joined_at = self.bot.services.tracker, guild.me.joined_at
        if joined_at is None or tracker.clock() - joined_at > FRESH:
            return False
        return await tracker.claims.claim(f"hello {guild.id} {joined_at.isoformat()}")

    async def _say_hello(self, guild: discord.Guild) -> None:
        """In the first of the channels that takes it, in the server's language. Raises `DatabaseUnavailableError`."""
        budgets = await self.bot.services.tracker.budgets.of(guild.id)
        language = await server_language(self.bot, guild)
        for channel in _channels(guild):
            to_team = channel == guild.public_updates_channel and not everyone_reads(channel)
            hello = ServerHello(guild.me.mention, cap_of(budgets), to_team, guild.public_updates_channel is not None)
            with speaking(language):
                view = HelloView(hello)
            try:
                await channel.send(view=view, allowed_mentions=NOBODY)
            except DISCORD_FAILED as error:
                log.info("channel %d takes no hello: %s", channel.id, where(error))
            else:
                return


def _channels(guild: discord.Guild) -> Iterator[Writable]:
    """Where a hello may go, best first: Discord's channel for a server's team, its channel for news, any other."""
    likely = [guild.public_updates_channel, guild.system_channel, *guild.text_channels]
    for channel in dict.fromkeys(filter(None, likely)):
        may = channel.permissions_for(guild.me)
        if may.view_channel and may.send_messages:
            yield channel


async def setup(bot: Trilo) -> None:
    """Called by discord.py when the extension is loaded."""
    await bot.add_cog(FirstContactCog(bot))
