"""The plan of tagging: in which of a week's channels which players are mentioned."""

from collections.abc import Sequence
from typing import Any

import discord

from bot.client import Trilo
from bot.league.games import parse_games
from bot.league.tagging import Tag, tag_for
from bot.league.team_list import TeamList
from bot.translation import _, n_, speaking
from cogs._kit.asker import Asker
from cogs._kit.channels import may_write
from cogs._kit.language import server_language
from cogs._league.announce import post
from cogs._league.plan import PlanView
from cogs._league.plan_words import listed, safe


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
        with speaking(await server_language(self._bot, self.guild)):
            for channel in channels:
                tag = self._tag(channel)
                if tag is None or not all(may_write(channel, one) for one in (self.asker.user, self.guild.me)):
                    self._left_out.append(channel.name)
                else:
                    self._tags.append((channel, tag))

    def heading(self) -> str:
        """The week and how many channels."""
        return n_(
            "Tag the players of {title}: {n}\u00a0channel",
            "Tag the players of {title}: {n}\u00a0channels",
            len(self._tags),
            title=safe(self._title),
        )

    def lines(self) -> Sequence[str]:
        """Each channel and whom it mentions."""
        return [
            f"- {channel.mention} " + " ".join(f"<@{user}>" for user in tag.user_ids) for channel, tag in self._tags
        ]

    def below(self) -> Sequence[str]:
        """Channels that are left out."""
        if not self._left_out:
            return ()
        return [
            _(
                "Left out: {names}. I don't know who plays there (`/league teams` says it), or one of us may not "
                "write there.",
                names=listed(self._left_out),
            )
        ]

    def obstacles(self) -> Sequence[str]:
        """Nobody to tag."""
        return () if self._tags else [_("There is nobody to tag. `/league teams` says who plays which team.")]

    def carry_out_label(self) -> str:
        """How many channels."""
        return n_("Tag in {n}\u00a0channel", "Tag in {n}\u00a0channels", len(self._tags))

    def planned(self) -> dict[str, Any]:
        """The week."""
        return {"week": self._week, "title": self._title}

    async def carry_out(self, interaction: discord.Interaction[Trilo]) -> tuple[str, dict[str, Any]]:
        """Post every tag or none."""
        posted = await post(self._tags, (), self.progress)
        told = n_(
            "✅ Players tagged in {n}\u00a0channel of **{title}**.",
            "✅ Players tagged in {n}\u00a0channels of **{title}**.",
            len(posted),
            title=safe(self._title),
        )
        return told, {"posts": len(posted)}

    def _tag(self, channel: discord.TextChannel) -> Tag | None:
        games = parse_games(channel.name.replace("-vs-", " vs ").replace("-", " "))[0]
        rows = self._teams.rows(games)
        return tag_for(rows[0]) if len(rows) == 1 and rows[0].away.team and rows[0].home.team else None
