"""The plan of a deletion: exactly which categories and channels go. A snapshot is kept first."""

from collections.abc import Mapping, Sequence
from typing import Any

import discord

from bot.client import Trilo
from bot.league.layout import Layout
from bot.league.limits import CATEGORIES_AT_ONCE
from bot.league.names import week_of
from bot.translation import _, n_
from bot.usage.budgeting.server_settings import ServerSettings
from bot.usage.reporting.receipts import Receipt
from cogs._kit.asker import Asker
from cogs._kit.controls import Pick
from cogs._kit.tables import LABEL_CHARACTERS, cut, plain
from cogs._league.categories import delete_categories, untouchable
from cogs._league.layouts import copy_of, lacking, lost_overwrites
from cogs._league.plan import PlanView
from cogs._league.plan_words import safe


class DeletionPlanView(PlanView):
    """Delete categories. What is deleted is what was shown."""

    action = "league deleted"
    needs_manage_channels = True
    danger = True

    def __init__(
        self,
        asker: Asker,
        category_ids: Sequence[int],
        *,
        receipt: Receipt,
        shows_money: bool,
    ) -> None:
        super().__init__(asker, "/league delete", receipt, shows_money=shows_money)
        self._ids = list(category_ids)
        self._too_many = max(0, len(self._ids) - CATEGORIES_AT_ONCE)
        self._ids = self._ids[:CATEGORIES_AT_ONCE]
        self._settings = ServerSettings(asker.guild.id)
        self._refused: Mapping[int, str] = {}
        self._shown = Layout()

    @property
    def categories(self) -> list[discord.CategoryChannel]:
        """Those that are still there and may be deleted, in the server's order."""
        found = [category for category in self.guild.categories if category.id in self._ids]
        return [category for category in found if category.id not in self._refused]

    async def load(self) -> None:
        """What is there now, and what of it may be touched."""
        self._settings = await self.tracker.settings.of(self.guild.id)
        self._refused = {
            category.id: why
            for category in self.guild.categories
            if category.id in self._ids
            and (why := untouchable(category, self.asker.user, self._settings, asked_in=self.asker.channel_id))
            is not None
        }
        self._shown = copy_of(self.categories)

    def heading(self) -> str:
        """How much goes."""
        return n_("Delete {n}\u00a0category?", "Delete {n}\u00a0categories?", len(self._shown.categories))

    def lines(self) -> Sequence[str]:
        """Each category, then each of its channels."""
        lines = []
        for category in self._shown.categories:
            channels = n_("{n}\u00a0channel", "{n}\u00a0channels", len(category.channels))
            told = f"**{safe(category.name)}** ({channels})"
            no_week = _("⚠️ its name isn't a week's")
            lines.append(told if week_of(category.name) is not None else f"{told} · {no_week}")
            lines += [f"- `{plain(channel.name)}`" for channel in category.channels]
        return lines

    def below(self) -> Sequence[str]:
        """What is kept, and what isn't touched."""
        words = []
        if self._shown.categories:
            words.append(
                _(
                    "**All messages in them are gone for good.** I keep names, order, topics and permissions for "
                    "90 days: `/league restore` builds them again."
                )
            )
        named = {category.id: category.name for category in self.guild.categories}
        words += [
            _("Not **{category}**: {why}.", category=safe(named.get(category_id, "?")), why=why)
            for category_id, why in self._refused.items()
        ]
        if self._too_many:
            most, left = CATEGORIES_AT_ONCE, self._too_many
            words.append(_("I delete {most} categories at once; {n} more are left out.", most=most, n=left))
        return words

    def obstacles(self) -> Sequence[str]:
        """Nothing to delete, or what would have to be there to build it again where a step fails."""
        if self._shown.categories:
            return lacking(self.guild)
        return [_("There is nothing here that I could delete. Which weeks or categories?")]

    def carry_out_label(self) -> str:
        """All of it, counted."""
        channels = n_("{n}\u00a0channel", "{n}\u00a0channels", self._shown.channels)
        return n_(
            "Delete {n}\u00a0category with {channels}",
            "Delete {n}\u00a0categories with {channels}",
            len(self._shown.categories),
            channels=channels,
        )

    def controls(self) -> list[discord.ui.ActionRow[Any]]:
        """A list to take categories out again."""
        if len(self._shown.categories) < 2:
            return []
        options = [
            discord.SelectOption(
                label=cut(_("Keep {category}", category=category.name), LABEL_CHARACTERS), value=str(category.id)
            )
            for category in self.categories
        ]
        keep = Pick(options, self._keep, custom_id="plan:keep", placeholder=_("Keep one of them"))
        return [discord.ui.ActionRow(keep)]

    def planned(self) -> dict[str, Any]:
        """What goes."""
        titles = [category.name for category in self._shown.categories]
        return {"titles": titles, "channels": self._shown.channels}

    async def carry_out(self, interaction: discord.Interaction[Trilo]) -> tuple[str, dict[str, Any]]:
        """Keep the snapshot, then delete."""
        layout, doomed = self._shown, {category: category.channels for category in self.categories}
        actor = interaction.user.id
        snapshot_id = await self.league.keep_snapshot(self.guild.id, layout.model_dump(), actor=actor)
        reason = f"/league delete by {interaction.user} ({actor})"
        await delete_categories(doomed, self.progress, reason=reason)
        return self._told(layout), {"categories": [category.id for category in doomed], "snapshot": snapshot_id}

    def _told(self, layout: Layout) -> str:
        told = _(
            "🗑️ Deleted: {categories} ({channels}). `/league restore` builds them again, without messages.",
            categories=", ".join(f"**{safe(category.name)}**" for category in layout.categories),
            channels=n_("{n}\u00a0channel", "{n}\u00a0channels", layout.channels),
        )
        if not (lost := lost_overwrites(self.guild, layout)):
            return told
        note = n_(
            "-# {n}\u00a0permission there can't be restored: I don't have them myself.",
            "-# {n}\u00a0permissions there can't be restored: I don't have them myself.",
            lost,
        )
        return f"{told}\n{note}"

    async def _keep(self, interaction: discord.Interaction[Trilo], values: list[str]) -> None:
        self._ids = [category_id for category_id in self._ids if str(category_id) != values[0]]
        await self.redraw(interaction)
