"""`/ai`: the switch for whoever manages a server. Paused, every question is refused kindly and nothing is spent."""

from datetime import datetime, timedelta

import discord
from discord import app_commands
from discord.ext import commands

from bot.client import Trilo, answer_privately
from bot.translation import _, mark
from bot.usage.budgeting.calendars import Period
from cogs._budgets.budget_words import pause_ends
from cogs._kit.access import managed_server

NOT_PAUSED = mark("The AI isn't paused on this server.")
RESUMED = mark("▶️ The AI answers again on this server.")
_FOR = {"hour": mark("1 hour"), "today": mark("today"), "resumed": mark("until resumed")}


@app_commands.guild_only()
@app_commands.default_permissions(manage_guild=True)
class AiCog(commands.GroupCog, group_name="ai", group_description=mark("Pause the AI on this server, and resume it")):
    """The two commands."""

    def __init__(self, bot: Trilo) -> None:
        self.bot = bot

    @app_commands.command(
        name="pause", description=mark("Pause the AI on this server: nothing is answered, nothing spent")
    )
    @app_commands.describe(duration=mark("How long (until resumed)"))
    @app_commands.rename(duration="for")
    @app_commands.choices(duration=[app_commands.Choice(name=name, value=value) for value, name in _FOR.items()])
    async def pause(self, interaction: discord.Interaction[Trilo], duration: str = "resumed") -> None:
        """Pause, and say until when."""
        if (guild := await managed_server(interaction)) is None:
            return
        until = self._until(guild.id, duration)
        await self.bot.services.tracker.settings.pause(guild.id, until, actor=interaction.user.id)
        await answer_privately(
            interaction,
            _(
                "⏸️ The AI is paused on this server {until}. Whoever asks is told so, and nothing is spent. "
                "`/ai resume` ends the pause.",
                until=pause_ends(until),
            ),
        )

    @app_commands.command(name="resume", description=mark("Let the AI answer again on this server"))
    async def resume(self, interaction: discord.Interaction[Trilo]) -> None:
        """End the pause, if there is one."""
        if (guild := await managed_server(interaction)) is None:
            return
        settings = self.bot.services.tracker.settings
        if not (await settings.of(guild.id)).paused:
            await answer_privately(interaction, _(NOT_PAUSED))
            return
        await settings.resume(guild.id, actor=interaction.user.id)
        await answer_privately(interaction, _(RESUMED))

    def _until(self, guild_id: int, duration: str) -> datetime | None:
        """The end of a pause (UTC): an hour from now, the end of the server's day, or none."""
        tracker = self.bot.services.tracker
        now = tracker.clock()
        if duration == "hour":
            return now + timedelta(hours=1)
        return tracker.calendar(guild_id).end(Period.DAY, now) if duration == "today" else None


async def setup(bot: Trilo) -> None:
    """Called by discord.py when the extension is loaded."""
    await bot.add_cog(AiCog(bot))
