"""The view of `/my-usage`: one person's own figures, to themselves, with a select for the period."""

from datetime import UTC, datetime, time
from typing import cast

import discord

from bot.client import Trilo, answer_privately
from bot.usage.budgets import BOT
from bot.usage.reports import PeriodName
from bot.usage.tracker import UsageTracker
from cogs._views.look import COLOUR
from cogs._views.my_usage_text import Own, sections
from cogs._views.private import PrivateView
from cogs._views.spend import PERIODS

NOT_YOURS = "That belongs to somebody else. Use `/my-usage` to see your own."
EXPIRED = "-# This has expired. Use `/my-usage` for fresh figures."


async def read_own(
    tracker: UsageTracker, user_id: int, guild_id: int | None, role_ids: list[int], period: PeriodName
) -> Own:
    """Read what one person used, and their quota where quotas hold. Raises `DatabaseUnavailableError`."""
    days = await tracker.reports.days(None, period)
    since = datetime.combine(days.first, time(), UTC)
    place = guild_id if guild_id is not None else BOT
    standing = await tracker.quotas.standing(user_id, guild_id=place, role_ids=role_ids)
    return Own(
        period=period,
        lines=await tracker.quotas.own_usage(user_id, since),
        quota=standing if tracker.quotas.hold_on(place) else None,
        guild_id=guild_id,
        since=since,
    )


class MyUsageView(PrivateView):
    """What one person used, as they look at it. It never reads anybody's figures but its opener's (I26)."""

    def __init__(self, interaction: discord.Interaction[Trilo], period: PeriodName) -> None:
        super().__init__(interaction.user.id, "/my-usage")
        self.period = period
        self._opener = interaction.user
        self._guild_id = interaction.guild_id
        self._tracker = interaction.client.services.tracker

    async def open(self, interaction: discord.Interaction[Trilo]) -> None:
        """Answer a deferred command with this view. Raises `DatabaseUnavailableError`."""
        await self._load(self.period)
        await self.send(interaction)

    async def change(self, interaction: discord.Interaction[Trilo], period: PeriodName) -> None:
        """Show another period. If the books can't be read, all stays as it is."""
        async with self._lock:
            await self._load(period)
            await self.update(interaction)

    async def interaction_check(self, interaction: discord.Interaction[Trilo], /) -> bool:  # type: ignore[override]
        """Acknowledge at once, then see that it is the opener who presses, every time (I26, I29)."""
        await interaction.response.defer()
        if interaction.user.id == self.opener_id:
            return True
        await answer_privately(interaction, NOT_YOURS)
        return False

    def expire(self) -> bool:
        """Take the select away, and say how to go on."""
        for item in list(self.children):
            if isinstance(item, discord.ui.ActionRow):
                self.remove_item(item)
        self.add_item(discord.ui.TextDisplay(EXPIRED))
        return True

    async def _load(self, period: PeriodName) -> None:
        roles = [role.id for role in self._opener.roles] if isinstance(self._opener, discord.Member) else []
        own = await read_own(self._tracker, self._opener.id, self._guild_id, roles, period)
        self.period = period
        self.clear_items()
        container: discord.ui.Container[MyUsageView] = discord.ui.Container(accent_colour=COLOUR)
        for number, text in enumerate(sections(own)):
            if number:
                container.add_item(discord.ui.Separator())
            container.add_item(discord.ui.TextDisplay(text))
        self.add_item(container)
        self.add_item(discord.ui.ActionRow(OwnPeriodSelect(period)))


class OwnPeriodSelect(discord.ui.Select[MyUsageView]):
    """Chooses the period. Its id is its own: an automatic one would shift with the number of sections above it."""

    def __init__(self, chosen: PeriodName) -> None:
        options = [discord.SelectOption(label=PERIODS[p], value=p, default=p == chosen) for p in PERIODS]
        super().__init__(id=101, custom_id="my-usage:period", options=options)

    async def callback(self, interaction: discord.Interaction[Trilo]) -> None:  # type: ignore[override]
        """Show the period that was chosen."""
        assert self.view is not None  # noqa: S101 - presses only come to items of a view
        await self.view.change(interaction, cast("PeriodName", self.values[0]))
