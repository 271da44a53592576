"""The plan of tagging: in which of a week's channels which players are mentioned."""

from collections.abc import Sequence
from typing import Any

import discord

from bot.client import Trilo
from bot.league.games import parse_games
from bot.league.tagging import Tag, tag_for
from bot.league.team_list import TeamList
from cogs._announce import may_write, post
from cogs._asker import Asker
from cogs._views.figures import counted
from cogs._views.plan import PlanView
from cogs._views.plan_words import listed, safe


class TagPlanView(PlanView):
    """Tag the players in the channels of one category, as far as the team list knows who plays what."""

    action = "league players tagged"

    def __init__(self, asker: Asker, category: discord.CategoryChannel, teams: TeamList, *, week: int | None) -> None:
        super().__init__(asker, "/league tag")
        self._category_id = category.id
        self._teams = teams
        self._week = week
        self._tags: list[tuple[discord.TextChannel, Tag]] = []
        self._left_out: list[str] = []
        self._title = category.name

    async def load(self) -> None:
        """The category's channels as they are now, those that the person can see (I26)."""
        category = self.guild.get_channel(self._category_id)
        channels = category.text_channels if isinstance(category, discord.CategoryChannel) else []
        channels = [channel for channel in channels if channel.permissions_for(self.asker.user).view_channel]
        self._tags, self._left_out = [], []
        for channel in channels:
            games, _ = parse_games(channel.name.replace("-vs-", " vs ").replace("-", " "))
            rows = self._teams.rows(games)
            tag = tag_for(rows[0]) if len(rows) == 1 and rows[0].away.team and rows[0].home.team else None
            if tag is None or not all(may_write(channel, one) for one in (self.asker.user, self.guild.me)):
                self._left_out.append(channel.name)
            else:
                self._tags.append((channel, tag))

    def heading(self) -> str:
        """The week and how many channels."""
        return f"Tag the players of {safe(self._title)}: {counted(len(self._tags), 'channel')}"

    def lines(self) -> Sequence[str]:
        """Each channel and whom it mentions."""
        return [
            f"- {channel.mention} " + " ".join(f"<@{user}>" for user in tag.user_ids) for channel, tag in self._tags
        ]

    def below(self) -> Sequence[str]:
        """Channels that are left out."""
        if not self._left_out:
            return ()
        why = "I don't know who plays there (`/league teams` says it), or one of us may not write there"
        return [f"Left out: {listed(self._left_out)}. {why}."]

    def obstacles(self) -> Sequence[str]:
        """Nobody to tag."""
        return () if self._tags else ["There is nobody to tag. `/league teams` says who plays which team."]

    def carry_out_label(self) -> str:
        """How many channels."""
        return f"Tag in {counted(len(self._tags), 'channel')}"

    def planned(self) -> dict[str, Any]:
        """The week."""
        return {"week": self._week, "title": self._title}

    async def carry_out(self, interaction: discord.Interaction[Trilo]) -> tuple[str, dict[str, Any]]:
        """Post every tag or none."""
        posted = await post(self._tags, (), self.progress)
        told = f"✅ Players tagged in {counted(len(posted), 'channel')} of **{safe(self._title)}**."
        return told, {"posts": len(posted)}
