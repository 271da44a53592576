"""The view of `/token-stats`: a server's spend with selects for period and split, in place."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from typing import cast

import discord

from bot.client import Trilo, answer_privately
from bot.usage.reports import PeriodName
from cogs._access import NOT_FOR_YOU, may_see_usage
from cogs._views import spend_text
from cogs._views.figures import day_words
from cogs._views.look import COLOUR
from cogs._views.names import Names, Reader
from cogs._views.private import PrivateView
from cogs._views.spend import PERIODS, SPLITS, Choice, Spend, SplitName, read_spend

EXPIRED_COLOUR = discord.Colour(0x95A5A6)
EXPIRED = "-# These selects have expired. Use `/token-stats` for fresh ones."
NOT_YOURS = "That belongs to somebody else. Use `/token-stats` to get your own."


class TokenStatsView(PrivateView):
    """One server's spend as one person looks at it. `open` it; it reads and shows anew at every press."""

    def __init__(self, guild: discord.Guild, opener_id: int, bot: Trilo, choice: Choice) -> None:
        super().__init__(opener_id, "/token-stats")
        self.choice = choice
        self._guild = guild
        self._bot = bot
        self._names = Names(guild)
        self._texts: list[str] = []

    async def open(self, interaction: discord.Interaction[Trilo]) -> None:
        """Answer a deferred command with this view. Raises `DatabaseUnavailableError`."""
        await self._load(self.choice, interaction.user)
        await self.send(interaction)

    async def change(
        self,
        interaction: discord.Interaction[Trilo],
        *,
        period: PeriodName | None = None,
        split: SplitName | None = None,
    ) -> None:
        """Show another period or split, or the same ones anew. If the books can't be read, all stays as it is."""
        async with self._lock:
            choice = replace(self.choice, period=period or self.choice.period, split=split or self.choice.split)
            await self._load(choice, interaction.user)
            await self.update(interaction)

    async def interaction_check(self, interaction: discord.Interaction[Trilo], /) -> bool:  # type: ignore[override]
        """Acknowledge at once, then check who presses, every time."""
        await interaction.response.defer()
        if interaction.user.id != self.opener_id:
            await answer_privately(interaction, NOT_YOURS)
            return False
        if not await may_see_usage(interaction):
            await answer_privately(interaction, NOT_FOR_YOU)
            return False
        return True

    def expire(self) -> bool:
        """Disable the controls, and say how to go on."""
        self._render(expired=True)
        return True

    async def _load(self, choice: Choice, viewer: discord.User | discord.Member) -> None:
        spend = await read_spend(self._bot.services.tracker, self._guild.id, choice)
        if spend.has_history:
            self._texts = _sections(spend, await self._labels(spend, viewer))
        else:
            self._texts = [spend_text.invitation(self._bot.user.mention if self._bot.user else "@Trilo")]
        self.choice = choice
        self._render(empty=not spend.has_history)

    async def _labels(self, spend: Spend, viewer: discord.User | discord.Member) -> Mapping[str, str]:
        """Names for the rows. The viewer may see what channels cost, but no name of one that they can't view."""
        keys = [row.key for row in spend.report.rows]
        if spend.choice.split == "member":
            return await self._names.members(keys)
        if spend.choice.split == "channel":
            reader: Reader = viewer if isinstance(viewer, discord.Member) else self._guild.default_role
            return self._names.channels(keys, reader)
        if spend.choice.split == "day":
            year = spend.report.days.last.year
            return {key: day_words(date.fromisoformat(key), this_year=year, weekday=True) for key in keys}
        return {}

    def _render(self, *, expired: bool = False, empty: bool = False) -> None:
        """Lay everything out anew from the texts and the choice."""
        self.clear_items()
        container: discord.ui.Container[TokenStatsView] = discord.ui.Container(
            accent_colour=EXPIRED_COLOUR if expired else COLOUR
        )
        for number, text in enumerate(self._texts):
            if number:
                container.add_item(discord.ui.Separator())
            container.add_item(discord.ui.TextDisplay(text))
        self.add_item(container)
        if expired:
            self.add_item(discord.ui.TextDisplay(EXPIRED))
        if not empty and len(self._texts) > 1:
            self.add_item(discord.ui.ActionRow(PeriodSelect(self.choice.period, disabled=expired)))
            self.add_item(discord.ui.ActionRow(SplitSelect(self.choice.split, disabled=expired)))
        self.add_item(discord.ui.ActionRow(RefreshButton(disabled=expired)))


# The controls have component ids of their own: automatic ones shift with the number of sections above them, and a
# client that remembers a select's choice by its id would show the wrong one.
class PeriodSelect(discord.ui.Select[TokenStatsView]):
    """Chooses the period."""

    def __init__(self, chosen: PeriodName, *, disabled: bool) -> None:
        options = [discord.SelectOption(label=PERIODS[p], value=p, default=p == chosen) for p in PERIODS]
        super().__init__(id=101, custom_id="token-stats:period", options=options, disabled=disabled)

    async def callback(self, interaction: discord.Interaction[Trilo]) -> None:  # type: ignore[override]
        """Show the period that was chosen."""
        await _view_of(self).change(interaction, period=cast("PeriodName", self.values[0]))


class SplitSelect(discord.ui.Select[TokenStatsView]):
    """Chooses what the breakdown is by."""

    def __init__(self, chosen: SplitName, *, disabled: bool) -> None:
        options = [discord.SelectOption(label=SPLITS[s], value=s, default=s == chosen) for s in SPLITS]
        super().__init__(id=102, custom_id="token-stats:split", options=options, disabled=disabled)

    async def callback(self, interaction: discord.Interaction[Trilo]) -> None:  # type: ignore[override]
        """Show the split that was chosen."""
        await _view_of(self).change(interaction, split=cast("SplitName", self.values[0]))


class RefreshButton(discord.ui.Button[TokenStatsView]):
    """Reads the same anew."""

    def __init__(self, *, disabled: bool) -> None:
        super().__init__(id=103, custom_id="token-stats:refresh", label="Refresh", disabled=disabled)

    async def callback(self, interaction: discord.Interaction[Trilo]) -> None:  # type: ignore[override]
        """Show what is on the books by now."""
        await _view_of(self).change(interaction)


def _view_of(item: discord.ui.Item[TokenStatsView]) -> TokenStatsView:
    assert item.view is not None  # noqa: S101 - presses only come to items of a view
    return item.view


def _sections(spend: Spend, labels: Mapping[str, str]) -> list[str]:
    if spend.report.total.calls == 0:
        sections = [spend_text.headline(spend), spend_text.trend(spend), spend_text.comparison(spend)]
    else:
        sections = [
            spend_text.headline(spend),
            spend_text.breakdown(spend, labels),
            spend_text.trend(spend),
            spend_text.comparison(spend),
        ]
    return [section for section in [*sections, spend_text.honesty(spend)] if section]
