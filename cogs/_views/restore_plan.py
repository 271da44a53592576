"""The plan of a restoration: a snapshot of deleted categories, built again."""

from collections.abc import Sequence
from typing import Any

import discord

from bot.client import Trilo
from bot.league.layout import Layout
from bot.league.league_book import Snapshot
from bot.league.limits import CHANNELS_PER_SERVER
from cogs._asker import Asker
from cogs._layouts import lacking, lost_overwrites, rebuild
from cogs._undo import all_or_nothing
from cogs._views.figures import counted
from cogs._views.plan import PlanView
from cogs._views.plan_words import listed, safe
from cogs._views.tables import plain


class RestorePlanView(PlanView):
    """Build again what a snapshot has."""

    action = "league restored"
    needs_manage_channels = True

    def __init__(self, asker: Asker, snapshot: Snapshot) -> None:
        super().__init__(asker, "/league restore")
        self._kept = snapshot
        self._layout = Layout.model_validate(snapshot.content)

    def heading(self) -> str:
        """What was deleted, and when."""
        return f"Restore {counted(len(self._layout.categories), 'category', 'categories')}"

    def lines(self) -> Sequence[str]:
        """Each category, then each of its channels."""
        lines = []
        for category in self._layout.categories:
            lines.append(f"**{safe(category.name)}** ({counted(len(category.channels), 'channel')})")
            lines += [f"- `{plain(channel.name)}`" for channel in category.channels]
        return lines

    def below(self) -> Sequence[str]:
        """When it was deleted and by whom; what can't come back."""
        when = discord.utils.format_dt(self._kept.at, "R")
        words = [f"Deleted {when} by <@{self._kept.actor}>. Messages can't come back."]
        if lost := lost_overwrites(self.guild, self._layout):
            words.append(
                f"{counted(lost, 'permission')} can't be set again: a role is gone, or I don't have them myself."
            )
        there = {category.name.casefold() for category in self.guild.categories}
        if twice := [one.name for one in self._layout.categories if one.name.casefold() in there]:
            words.append(f"There already: {listed(twice)}. This makes others of that name.")
        return words

    def obstacles(self) -> Sequence[str]:
        """No room, or no permission."""
        found = []
        wanted, room = (
            self._layout.channels + len(self._layout.categories),
            CHANNELS_PER_SERVER - len(self.guild.channels),
        )
        if wanted > room:
            found.append(
                f"This needs {wanted} channels (categories count), and this server has room for {max(room, 0)}: "
                f"Discord allows {CHANNELS_PER_SERVER}."
            )
        return found + lacking(self.guild)

    def carry_out_label(self) -> str:
        """How many channels."""
        return f"Restore {counted(self._layout.channels, 'channel')}"

    def planned(self) -> dict[str, Any]:
        """What comes back."""
        return {
            "titles": [category.name for category in self._layout.categories],
            "channels": self._layout.channels,
            "snapshot": self._kept.id,
        }

    async def carry_out(self, interaction: discord.Interaction[Trilo]) -> tuple[str, dict[str, Any]]:
        """Build everything; all of it or nothing (I32)."""
        reason = f"/league restore by {interaction.user} ({interaction.user.id})"
        async with all_or_nothing() as undo:
            made = await rebuild(self.guild, self._layout, undo, self.progress, reason=reason)
        names = ", ".join(f"**{safe(category.name)}**" for category in self._layout.categories)
        return f"✅ Restored: {names}, with {counted(self._layout.channels, 'channel')}.", {"categories": made}
