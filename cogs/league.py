"""`/league`: weeks, announcements and teams. Every command shows a plan, and only a press carries it out."""

from typing import Any

import discord
from discord import app_commands
from discord.ext import commands

from bot.client import Trilo, answer_privately
from bot.league.advance_plan import MESSAGE_MOST
from bot.league.names import MAX_WEEK
from bot.translation import _, mark
from cogs._kit.access import NOT_A_CHANNEL_MANAGER, NOT_A_COMMISSIONER, may_manage_channels, may_run_league
from cogs._kit.asker import Asker
from cogs._kit.tables import LABEL_CHARACTERS, cut
from cogs._league.league_advance import Wanted, plan_advance
from cogs._league.league_history import HistoryView
from cogs._league.league_planning import channels_named, plan_deletion, plan_tags, plan_week, roles_named
from cogs._league.league_teams import TeamsView
from cogs._league.restore_plan import RestorePlanView
from cogs._questions.reading import PICTURE_BYTES, picture_of
from cogs._settings.server_look_view import FixButton

NOT_A_PICTURE = mark("I can't read that file. Give me a PNG, JPEG, WebP or GIF of at most {megabytes} MB.")
NO_SNAPSHOT = mark("I have nothing of that name to restore. Pick one from the list that appears while you type.")
_MOST_CHOICES = 25
_MINUTE = 60.0


def _pace(interaction: discord.Interaction[Trilo]) -> app_commands.Cooldown | None:
    """As many as questions a minute: a model may have to read what was typed."""
    most = interaction.client.services.settings.calls_per_minute_member
    return app_commands.Cooldown(most, _MINUTE) if most else None


@app_commands.guild_only()
class LeagueCog(
    commands.GroupCog, group_name="league", group_description=mark("Weeks, announcements and teams of a league")
):
    """The commands; everything after them happens in their views."""

    def __init__(self, bot: Trilo) -> None:
        self.bot = bot

    async def cog_load(self) -> None:
        """The buttons below answers about setting up work across restarts."""
        self.bot.add_dynamic_items(FixButton)

    @app_commands.command(name="create", description=mark("A category for a week, with a channel for each game"))
    @app_commands.describe(
        week=mark("Its number"),
        picture=mark("A picture of the schedule, which I read"),
        games=mark("Or the games: Texans vs Colts, Chiefs vs Broncos"),
        private=mark("Whether only a game's players see its channel (as set in /settings)"),
    )
    @app_commands.checks.dynamic_cooldown(_pace)
    async def create(
        self,
        interaction: discord.Interaction[Trilo],
        week: app_commands.Range[int, 0, MAX_WEEK] | None = None,
        picture: discord.Attachment | None = None,
        games: app_commands.Range[str, 1, 4000] | None = None,
        private: bool | None = None,
    ) -> None:
        """Show the plan; without a picture and games it is empty, and its form takes them."""
        if not await _runs_the_league(interaction):
            return
        pictures = []
        if picture is not None:
            if (data := await picture_of(picture)) is None:
                await answer_privately(interaction, _(NOT_A_PICTURE, megabytes=PICTURE_BYTES // 1024**2))
                return
            pictures = [data]
        asker = Asker.of(interaction)
        plan = await plan_week(asker, games=games or "", week=week, pictures=pictures, private=private)
        await plan.open(interaction)

    @app_commands.command(name="delete", description=mark("Delete weeks or other categories, with all their channels"))
    @app_commands.describe(weeks=mark("Like 3, 3 to 5, or a category's name"))
    @app_commands.checks.dynamic_cooldown(_pace)
    async def delete(self, interaction: discord.Interaction[Trilo], weeks: app_commands.Range[str, 1, 300]) -> None:
        """Show exactly what would go."""
        if await _manages_channels(interaction):
            plan = await plan_deletion(Asker.of(interaction), weeks, in_plain_language=False)
            await plan.open(interaction)

    @app_commands.command(name="restore", description=mark("Build deleted categories again, without their messages"))
    @app_commands.describe(snapshot=mark("What was deleted, and when"))
    async def restore(self, interaction: discord.Interaction[Trilo], snapshot: str) -> None:
        """Show what would be built."""
        if not await _manages_channels(interaction):
            return
        asker = Asker.of(interaction)
        found = await self.bot.services.league_book.snapshot(asker.guild.id, snapshot)
        if found is None:
            await answer_privately(interaction, _(NO_SNAPSHOT))
        else:
            await RestorePlanView(asker, found).open(interaction)

    @app_commands.command(
        name="advance", description=mark("Announce that the league advances, and when the next one is")
    )
    @app_commands.describe(
        week=mark("The week that begins"),
        when=mark("The next advance: Sunday 8pm, in 2 days, 2026-11-30 20:00"),
        channels=mark("Up to five: #news #general (as set in /settings)"),
        roles=mark("Roles to mention: @League"),
        message=mark("Words of your own"),
    )
    @app_commands.checks.dynamic_cooldown(_pace)
    async def advance(
        self,
        interaction: discord.Interaction[Trilo],
        week: app_commands.Range[int, 0, MAX_WEEK] | None = None,
        when: app_commands.Range[str, 1, 100] | None = None,
        channels: app_commands.Range[str, 1, 500] | None = None,
        roles: app_commands.Range[str, 1, 500] | None = None,
        message: app_commands.Range[str, 1, MESSAGE_MOST] | None = None,
    ) -> None:
        """Show the announcement as it would be posted."""
        if not await _runs_the_league(interaction):
            return
        asker = Asker.of(interaction)
        wanted = Wanted(
            week=week,
            when=when or "",
            message=message or "",
            channel_ids=tuple(channels_named(asker.guild, channels or "")),
            role_ids=tuple(roles_named(asker.guild, roles or "")),
        )
        plan = await plan_advance(asker, wanted)
        await plan.open(interaction)

    @app_commands.command(name="tag", description=mark("Mention the players in each of a week's channels"))
    @app_commands.describe(week=mark("The week, or its category's name"))
    async def tag(self, interaction: discord.Interaction[Trilo], week: app_commands.Range[str, 1, 100]) -> None:
        """Show who would be mentioned where."""
        if await _runs_the_league(interaction):
            plan = await plan_tags(Asker.of(interaction), week)
            await (answer_privately(interaction, plan) if isinstance(plan, str) else plan.open(interaction))

    @app_commands.command(name="teams", description=mark("Which teams there are, and who plays them"))
    async def teams(self, interaction: discord.Interaction[Trilo]) -> None:
        """Open the list."""
        if await _runs_the_league(interaction):
            await TeamsView(interaction).open(interaction)

    @app_commands.command(
        name="history", description=mark("What was created, deleted and announced, by whom, at what cost")
    )
    @app_commands.describe(days=mark("How far back (30)"))
    async def history(
        self, interaction: discord.Interaction[Trilo], days: app_commands.Range[int, 1, 365] = 30
    ) -> None:
        """Open it."""
        if await _runs_the_league(interaction):
            await HistoryView(interaction, days).open(interaction)

    @delete.autocomplete("weeks")
    @tag.autocomplete("week")
    async def _categories(self, interaction: discord.Interaction[Trilo], typed: str) -> list[app_commands.Choice[str]]:
        """Those that the person can see: anybody may type (I26)."""
        if interaction.guild is None or not isinstance(interaction.user, discord.Member):
            return []
        categories, wanted = interaction.guild.categories, typed.strip().casefold()
        seen = [one.name for one in categories if one.permissions_for(interaction.user).view_channel]
        found = [name for name in dict.fromkeys(seen) if wanted in name.casefold()]
        return [
            app_commands.Choice(name=cut(name, LABEL_CHARACTERS), value=name[:LABEL_CHARACTERS])
            for name in found[:_MOST_CHOICES]
        ]

    @restore.autocomplete("snapshot")
    async def _snapshots(self, interaction: discord.Interaction[Trilo], typed: str) -> list[app_commands.Choice[str]]:
        if interaction.guild is None or not may_manage_channels(interaction):
            return []
        kept = await self.bot.services.league_book.snapshots(interaction.guild.id)
        labels = [(f"{snapshot.at:%Y-%m-%d %H:%M} UTC · {_titles(snapshot.content)}", snapshot.id) for snapshot in kept]
        found = [(label, value) for label, value in labels if typed.strip().casefold() in label.casefold()]
        return [app_commands.Choice(name=cut(label, LABEL_CHARACTERS), value=value) for label, value in found]


async def _runs_the_league(interaction: discord.Interaction[Trilo]) -> bool:
    """Defer, to be answered to the person alone; whether they may. Others have had words then (I26, I27)."""
    await interaction.response.defer(ephemeral=True, thinking=True)
    if await may_run_league(interaction):
        return True
    await answer_privately(interaction, _(NOT_A_COMMISSIONER))
    return False


async def _manages_channels(interaction: discord.Interaction[Trilo]) -> bool:
    """The same for what only Manage Channels allows."""
    await interaction.response.defer(ephemeral=True, thinking=True)
    if may_manage_channels(interaction):
        return True
    await answer_privately(interaction, _(NOT_A_CHANNEL_MANAGER))
    return False


def _titles(content: Any) -> str:
    return ", ".join(str(category.get("name", "?")) for category in content.get("categories", ()))


async def setup(bot: Trilo) -> None:
    """Called by discord.py when the extension is loaded."""
    await bot.add_cog(LeagueCog(bot))
