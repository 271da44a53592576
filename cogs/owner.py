"""`/owner`: for the people who run the bot, on their own server (OWNER_GUILD_ID) only."""

import discord
from discord import app_commands
from discord.ext import commands

from bot.client import Trilo, answer_privately
from bot.usage.records import SpendLine
from bot.usage.reports import Report
from cogs._access import NOT_THE_OWNER, owns_the_bot
from cogs._views.figures import cost_of, counted
from cogs._views.look import COLOUR, NOBODY
from cogs._views.spend_text import figures_table
from cogs._views.tables import plain, shorten

SHOWN = 15
"""Servers in one answer."""
OUTSIDE = "outside servers"


class OwnerCog(commands.GroupCog, group_name="owner", group_description="For the people who run this bot"):
    """Everything that sees across servers (I26)."""

    def __init__(self, bot: Trilo) -> None:
        self.bot = bot

    @app_commands.command(name="servers", description="What each server's AI use costs this month")
    @app_commands.describe(query="Only servers whose name or id contains this")
    async def servers(
        self, interaction: discord.Interaction[Trilo], query: app_commands.Range[str, 1, 100] | None = None
    ) -> None:
        """The total first, then the dearest servers, or those that match."""
        await interaction.response.defer(ephemeral=True, thinking=True)
        if not await owns_the_bot(interaction):
            await answer_privately(interaction, NOT_THE_OWNER)
            return
        reports = self.bot.services.tracker.reports
        report = await reports.spend(None, "month", "guild", limit=None if query else SHOWN)
        view = discord.ui.LayoutView(timeout=None)
        container: discord.ui.Container[discord.ui.LayoutView] = discord.ui.Container(accent_colour=COLOUR)
        container.add_item(discord.ui.TextDisplay(_total(report.total, len(self.bot.guilds))))
        container.add_item(discord.ui.Separator())
        container.add_item(discord.ui.TextDisplay(self._matching(report, query) if query else self._dearest(report)))
        view.add_item(container)
        await interaction.followup.send(view=view, ephemeral=True, allowed_mentions=NOBODY)

    def _dearest(self, report: Report) -> str:
        if not report.rows:
            return "No server has used the AI this month."
        block = self._table(report.rows, report.total)
        if report.rest.calls == 0:
            return block
        cost, calls = cost_of(report.rest), counted(report.rest.calls, "call")
        return f"{block}\nand {counted(report.rest_keys, 'other server')}: {cost} in {calls}"

    def _matching(self, report: Report, query: str) -> str:
        """Rows of servers that match, those without a call this month last."""
        wanted = query.strip().casefold()
        known = {row.key for row in report.rows}
        silent = [SpendLine(str(guild.id)) for guild in self.bot.guilds if str(guild.id) not in known]
        rows = [row for row in [*report.rows, *silent] if wanted in self._name(row.key).casefold() or wanted in row.key]
        shown = f"`{shorten(plain(query), 40)}`"
        if not rows:
            return f"No server's name or id contains {shown}."
        heading = f"**{counted(len(rows), 'server')} with {shown}**"
        block = self._table(rows[:SHOWN], report.total)
        more = f"\nand {len(rows) - SHOWN:,} more: narrow it down" if len(rows) > SHOWN else ""
        return f"{heading}\n{block}{more}"

    def _table(self, rows: list[SpendLine], total: SpendLine) -> str:
        return figures_table(rows, {row.key: self._name(row.key) for row in rows}, total, "server")

    def _name(self, key: str) -> str:
        if key == "0":
            return OUTSIDE
        guild = self.bot.get_guild(int(key))
        return guild.name if guild is not None else f"left server {key}"


def _total(total: SpendLine, servers: int) -> str:
    return (
        f"## {cost_of(total)} this month\n"
        f"-# {counted(total.calls, 'call')} · {counted(total.total_tokens, 'token')} · "
        f"in {counted(servers, 'server')} now · days in UTC"
    )


async def setup(bot: Trilo) -> None:
    """Called by discord.py when the extension is loaded. Without OWNER_GUILD_ID there is no such command anywhere."""
    owner_guild_id = bot.services.settings.owner_guild_id
    if owner_guild_id is not None:
        await bot.add_cog(OwnerCog(bot), guild=discord.Object(owner_guild_id))
