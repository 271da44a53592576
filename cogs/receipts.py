"""“What did this cost?”, in the menu of any answer of the bot: read from the books, so a restart changes nothing."""

import discord
from discord import app_commands
from discord.ext import commands

from bot.client import Trilo, answer_privately
from bot.translation import _, mark
from cogs._kit.access import may_see_usage
from cogs._kit.look import NOBODY, text_view
from cogs._spend.receipt_text import FREE, NOT_AN_ANSWER, NOT_MINE, sections

NAME = mark("What did this cost?")


class ReceiptsCog(commands.Cog):
    """The menu entry, for everybody; dollars are for those who may see the server's usage, tokens for all."""

    def __init__(self, bot: Trilo) -> None:
        self.bot = bot
        self._menu = app_commands.guild_only(app_commands.ContextMenu(name=NAME, callback=self._open))

    async def cog_load(self) -> None:
        """discord.py has no decorator for a menu entry within a cog."""
        self.bot.tree.add_command(self._menu)

    async def cog_unload(self) -> None:
        """Take it away again."""
        self.bot.tree.remove_command(NAME, type=discord.AppCommandType.message)

    async def _open(self, interaction: discord.Interaction[Trilo], message: discord.Message) -> None:
        """Say what the calls behind a message cost, to the person alone."""
        await interaction.response.defer(ephemeral=True, thinking=True)
        if interaction.guild is None or self.bot.user is None or message.author.id != self.bot.user.id:
            await answer_privately(interaction, _(NOT_MINE))
            return
        calls = await self.bot.services.tracker.shown_answers.calls(interaction.guild.id, message.id)
        if not calls:
            await answer_privately(interaction, _(NOT_AN_ANSWER if calls is None else FREE))
            return
        view = text_view(sections(calls, shows_money=await may_see_usage(interaction)))
        await interaction.followup.send(view=view, ephemeral=True, allowed_mentions=NOBODY)


async def setup(bot: Trilo) -> None:
    """Called by discord.py when the extension is loaded."""
    await bot.add_cog(ReceiptsCog(bot))
