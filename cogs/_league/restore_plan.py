"""The plan of a restoration: a snapshot of deleted categories, built again."""

from collections.abc import Sequence
from typing import Any

import discord

from bot.client import Trilo
from bot.league.layout import Layout
from bot.league.league_book import Snapshot
from bot.league.limits import CHANNELS_PER_SERVER
from bot.translation import _, n_
from cogs._kit.asker import Asker
from cogs._kit.names import who_words
from cogs._kit.tables import plain
from cogs._league.layouts import lacking, lost_overwrites, rebuild
from cogs._league.plan import PlanView
from cogs._league.plan_words import listed, safe
from cogs._league.undo import all_or_nothing


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
        return n_("Restore {n}\u00a0category", "Restore {n}\u00a0categories", len(self._layout.categories))

    def lines(self) -> Sequence[str]:
        """Each category, then each of its channels."""
        lines = []
        for category in self._layout.categories:
            channels = n_("{n}\u00a0channel", "{n}\u00a0channels", len(category.channels))
            lines.append(f"**{safe(category.name)}** ({channels})")
            lines += [f"- `{plain(channel.name)}`" for channel in category.channels]
        return lines

    def below(self) -> Sequence[str]:
        """When it was deleted and by whom; what can't come back."""
        when = discord.utils.format_dt(self._kept.at, "R")
        who = who_words(self._kept.actor)
        words = [_("Deleted {when} by {who}. Messages can't come back.", when=when, who=who)]
        if lost := lost_overwrites(self.guild, self._layout):
            words.append(
                n_(
                    "{n}\u00a0permission can't be set again: a role is gone, or I don't have them myself.",
                    "{n}\u00a0permissions can't be set again: a role is gone, or I don't have them myself.",
                    lost,
                )
            )
        there = {category.name.casefold() for category in self.guild.categories}
        if twice := [one.name for one in self._layout.categories if one.name.casefold() in there]:
            words.append(_("There already: {names}. This makes others of that name.", names=listed(twice)))
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
                _(
                    "This needs {channels} channels (categories count), and this server has room for {room}: Discord "
                    "allows {most}.",
                    channels=wanted,
                    room=max(room, 0),
                    most=CHANNELS_PER_SERVER,
                )
            )
        return found + lacking(self.guild)

    def carry_out_label(self) -> str:
        """How many channels."""
        return n_("Restore {n}\u00a0channel", "Restore {n}\u00a0channels", self._layout.channels)

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
        told = n_(
            "✅ Restored: {names}, with {n}\u00a0channel.",
            "✅ Restored: {names}, with {n}\u00a0channels.",
            self._layout.channels,
            names=names,
        )
        return told, {"categories": made}
