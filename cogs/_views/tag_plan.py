"""The plan of tagging: in which of a week's channels which players are mentioned."""

from collections.abc import Sequence
from typing import Any

import discord

from bot.client import Trilo
from bot.league.games import parse_games
from bot.league.tagging import Tag, tag_for
from bot.league.team_list import TeamList
from cogs._announce import post
from cogs._asker import Asker
from cogs._views.figures import counted
from cogs._views.plan import PlanView
from cogs._views.tables import plain


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
        """The category's channels as they are now."""
        category = self.guild.get_channel(self._category_id)
        channels = category.text_channels if isinstance(category, discord.CategoryChannel) else []
        self._tags, self._left_out = [], []
        for channel in channels:
            games, _ = parse_games(channel.name.replace("-vs-", " vs ").replace("-", " "))
            rows = self._teams.rows(games)
            tag = tag_for(rows[0]) if len(rows) == 1 and rows[0].away.team and rows[0].home.team else None
            if tag is None or not _may_write(channel):
                self._left_out.append(channel.name)
            else:
                self._tags.append((channel, tag))

    def heading(self) -> str:
        """The week and how many channels."""
        return f"Tag the players of {plain(self._title)}: {counted(len(self._tags), 'channel')}"

    def lines(self) -> Sequence[str]:
        """Each channel and whom it mentions."""
        return [
            f"- {channel.mention} " + " ".join(f"<@{user}>" for user in tag.user_ids) for channel, tag in self._tags
        ]

    def below(self) -> str:
        """Channels that are left out."""
        if not self._left_out:
            return ""
        names = ", ".join(f"`{plain(name)}`" for name in self._left_out[:20])
        more = f" and {len(self._left_out) - 20} more" if len(self._left_out) > 20 else ""
        why = "I don't know who plays there (`/league teams` says it), or I may not write there"
        return f"Left out: {names}{more}. {why}."

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
        told = f"✅ Players tagged in {counted(len(posted), 'channel')} of **{plain(self._title)}**."
        return told, {"posts": len(posted)}


def _may_write(channel: discord.TextChannel) -> bool:
    may = channel.permissions_for(channel.guild.me)
    return may.view_channel and may.send_messages
