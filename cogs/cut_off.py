"""A league action in the middle of which the bot was killed is told where it was pressed, once the bot is back."""

import logging

import discord
from discord.ext import commands, tasks

from bot.client import Trilo
from bot.discord_failures import DISCORD_FAILED
from bot.league.under_way import Action
from bot.translation import _, speaking
from bot.usage import UsageError
from bot.words import where
from cogs._kit.language import server_language

log = logging.getLogger(__name__)

EVERY_SECONDS = 60


class CutOffCog(commands.Cog):
    """Looks for them at the start and every minute: another process of the same bot may have died."""

    def __init__(self, bot: Trilo) -> None:
        self.bot = bot
        self._under_way = bot.services.league_book.under_way

    async def cog_load(self) -> None:
        """Begin, once the bot knows its servers."""
        self._loop.start()

    async def cog_unload(self) -> None:
        """Stop; what hasn't been told is told after the next start."""
        self._loop.cancel()

    async def tell(self) -> None:
        """Tell each, and write it into the league's history. Raises `DatabaseUnavailableError`."""
        here = {guild.id: guild for guild in self.bot.guilds if not guild.unavailable}
        for name, action in (await self._under_way.cut_off(here)).items():
            try:
                await self._say(here[action.guild_id], action)
            except (discord.Forbidden, discord.NotFound) as error:
                log.warning("a %s that was cut off can't be told where it was pressed: %s", action.action, where(error))
            except DISCORD_FAILED as error:
                log.warning("a %s that was cut off is told later: %s", action.action, where(error))
                continue
            await self._under_way.told(name, action)

    async def _say(self, guild: discord.Guild, action: Action) -> None:
        with speaking(await server_language(self.bot, guild)):
            words = _(
                "<@{user_id}> I went down in the middle of `{command}` and couldn't take back what I had begun. "
                "Please look at it: what I had made is still there, and what I had deleted comes back with "
                "`/league restore`.",
                user_id=action.user_id,
                command=action.command,
            )
        channel = self.bot.get_partial_messageable(action.channel_id, guild_id=guild.id)
        only_them = discord.AllowedMentions(
            everyone=False, roles=False, users=[discord.Object(action.user_id)], replied_user=False
        )
        await channel.send(words, allowed_mentions=only_them)

    @tasks.loop(seconds=EVERY_SECONDS)
    async def _loop(self) -> None:
        try:
            await self.tell()
        except UsageError as error:
            log.warning("what was cut off is told later: %s", error)
        except Exception as error:  # noqa: BLE001 - one fault must not silence every later one
            log.error("what was cut off can't be told: %s", where(error))  # noqa: TRY400

    @_loop.before_loop
    async def _wait_until_ready(self) -> None:
        await self.bot.wait_until_ready()


async def setup(bot: Trilo) -> None:
    """Called by discord.py when the extension is loaded."""
    await bot.add_cog(CutOffCog(bot))
