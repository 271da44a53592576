"""The view of `/my-usage`: one person's own figures, to themselves, with a select for the period."""

from datetime import UTC, date, datetime, time, timedelta
from typing import cast

import discord

from bot.client import Trilo, answer_privately
from bot.figures import PERIODS
from bot.translation import _, mark
from bot.usage.budgeting.budgets import BOT
from bot.usage.reporting.reports import PeriodName, earlier_days
from bot.usage.tracker import UsageTracker
from cogs._kit.language import hear
from cogs._kit.look import COLOUR, separated
from cogs._kit.private import PrivateView, opener_of
from cogs._spend.my_usage_text import Own, sections

NOT_YOURS = mark("That belongs to somebody else. Use `/my-usage` to see your own.")
PREFIX = "my-usage:"
_A_MONTH = timedelta(days=30)
EXPIRED = mark("-# This has expired. Use `/my-usage` for fresh figures.")


async def read_own(
    tracker: UsageTracker, user_id: int, guild_id: int | None, role_ids: list[int], period: PeriodName
) -> Own:
    """Read what one person used, and their quota where quotas hold. Raises `DatabaseUnavailableError`."""
    days = await tracker.reports.days(None, period)
    since = datetime.combine(days.first, time(), UTC)
    place = guild_id if guild_id is not None else BOT
    earlier = earlier_days(period, days)
    daily = await _by_day(tracker, user_id, earlier.first if earlier else days.last - _A_MONTH, days.last)
    before = [tokens for day, tokens in daily if earlier and day <= earlier.last]
    since_when = await tracker.recent_calls.kept_since()
    is_whole = earlier is not None and (since_when is None or since_when.date() < earlier.first)
    standing = await tracker.quotas.standing(user_id, guild_id=place, role_ids=role_ids)
    return Own(
        period=period,
        lines=await tracker.quotas.own_usage(user_id, since),
        quota=standing if tracker.quotas.hold_on(place) else None,
        guild_id=guild_id,
        since=since,
        days=[(day, tokens) for day, tokens in daily if day >= days.first and period != "today"],
        before=sum(before) if is_whole else None,
    )


async def _by_day(tracker: UsageTracker, user_id: int, first: date, today: date) -> list[tuple[date, int]]:
    """Their tokens on each day (UTC) from the first to today."""
    found = await tracker.get_daily_costs(user_id, (today - first).days + 1)
    return [(date.fromisoformat(day["date"]), day["tokens"]) for day in found]


class MyUsageView(PrivateView):
    """What one person used, as they look at it. It never reads anybody's figures but its opener's (I26)."""

    def __init__(
        self, interaction: discord.Interaction[Trilo], period: PeriodName, opener_id: int | None = None
    ) -> None:
        super().__init__(opener_id or interaction.user.id, "/my-usage")
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
        hear(interaction)
        await interaction.response.defer()
        if interaction.user.id == self.opener_id:
            return True
        await answer_privately(interaction, _(NOT_YOURS))
        return False

    def expire(self) -> bool:
        """Take the select away, and say how to go on."""
        for item in list(self.children):
            if isinstance(item, discord.ui.ActionRow):
                self.remove_item(item)
        self.add_item(discord.ui.TextDisplay(_(EXPIRED)))
        return True

    async def _load(self, period: PeriodName) -> None:
        roles = [role.id for role in self._opener.roles] if isinstance(self._opener, discord.Member) else []
        own = await read_own(self._tracker, self._opener.id, self._guild_id, roles, period)
        self.period = period
        self.clear_items()
        self.add_item(discord.ui.Container(*separated(sections(own)), accent_colour=COLOUR))
        self.add_item(discord.ui.ActionRow(OwnPeriodSelect(period)))
        self.add_item(discord.ui.ActionRow(OwnRefreshButton()))


class OwnPeriodSelect(discord.ui.Select[MyUsageView]):
    """Chooses the period. Its id is its own: an automatic one would shift with the number of sections above it."""

    def __init__(self, chosen: PeriodName) -> None:
        options = [discord.SelectOption(label=_(PERIODS[p]), value=p, default=p == chosen) for p in PERIODS]
        super().__init__(id=101, custom_id=f"{PREFIX}period", options=options)

    async def callback(self, interaction: discord.Interaction[Trilo]) -> None:  # type: ignore[override]
        """Show the period that was chosen."""
        assert self.view is not None  # noqa: S101 - presses only come to items of a view
        await self.view.change(interaction, cast("PeriodName", self.values[0]))


class OwnRefreshButton(discord.ui.Button[MyUsageView]):
    """Reads the same anew."""

    def __init__(self) -> None:
        super().__init__(id=102, custom_id=f"{PREFIX}refresh", label=_("Refresh"))

    async def callback(self, interaction: discord.Interaction[Trilo]) -> None:  # type: ignore[override]
        """Show what is on the books by now."""
        assert self.view is not None  # noqa: S101 - as above
        await self.view.change(interaction, self.view.period)


async def take_up(interaction: discord.Interaction[Trilo]) -> None:
    """Go on with a view from before a restart, after a press on it: its list says which period it shows."""
    values = cast("dict[str, list[str]]", interaction.data).get("values") or _shown(interaction.message)
    view = MyUsageView(interaction, cast("PeriodName", values[0]), opener_of(interaction))
    try:
        if await view.interaction_check(interaction):
            await view.change(interaction, view.period)
    except Exception as error:  # noqa: BLE001 - words for it, as for one of a view that was never gone
        await view.on_error(interaction, error, view)


def _shown(message: discord.Message | None) -> list[str]:
    """The period that is chosen in a message's list."""
    items = discord.ui.LayoutView.from_message(message, timeout=None).walk_children() if message else ()
    selects = (item for item in items if isinstance(item, discord.ui.Select))
    return [option.value for select in selects for option in select.options if option.default] or ["month"]
