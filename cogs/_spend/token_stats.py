"""The view of `/token-stats`: a server's spend with selects for period and split, in place."""

import asyncio
import io
from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from typing import Any, cast

import discord

from bot.client import Trilo, answer_privately
from bot.figures import day_words, span_words
from bot.operation_titles import title_of
from bot.translation import _, mark
from bot.usage.reporting.export import Format
from bot.usage.reporting.reports import Days, PeriodName
from cogs._kit.access import NOT_FOR_YOU, in_time, may_see_usage
from cogs._kit.language import hear
from cogs._kit.look import COLOUR
from cogs._kit.names import Names, Reader
from cogs._kit.private import PrivateView, opener_of
from cogs._spend import spend_text, stats_controls
from cogs._spend.chart import Chart, draw
from cogs._spend.range_form import EARLIEST, RangeForm, range_of
from cogs._spend.spend import Choice, Opened, Spend, SplitName, read_spend
from cogs._spend.spend_file import send_file
from cogs._spend.stats_controls import EXPORT, OTHER_DAYS, PREFIX, controls, period_of
from cogs._spend.suggestions import send_suggestions
from cogs._spend.trend_chart import alternative, chart_of

EXPIRED_COLOUR = discord.Colour(0x95A5A6)
EXPIRED = mark("-# These selects have expired. Use `/token-stats` for fresh ones.")
NOT_YOURS = mark("That belongs to somebody else. Use `/token-stats` to get your own.")
PICTURE = "trend.png"


class TokenStatsView(PrivateView):
    """One server's spend as one person looks at it. `open` it; it reads and shows anew at every press."""

    def __init__(self, guild: discord.Guild, opener_id: int, bot: Trilo, choice: Choice) -> None:
        super().__init__(opener_id, "/token-stats")
        self.choice = choice
        self.guild = guild
        self.bot = bot
        self.links: list[discord.ui.Button[Any]] = []
        """Further buttons at the end of the last row."""
        self._names = Names(guild)
        self._spend: Spend | None = None
        self._labels: Mapping[str, str] = {}
        self._texts: list[str] = []
        self._trend = ""
        self._chart: Chart | None = None
        self._drawn: Chart | None = None
        self._png = b""

    async def open(self, interaction: discord.Interaction[Trilo]) -> None:
        """Answer a deferred command with this view. Raises `DatabaseUnavailableError`."""
        await self._load(self.choice, interaction)
        await self.send(interaction)
        self._drawn = self._chart

    async def change(self, interaction: discord.Interaction[Trilo], choice: Choice) -> None:
        """Show something else, or the same anew. If the books can't be read, all stays as it is."""
        async with self._lock:
            await self._load(choice, interaction)
            await self.update(interaction)

    async def act(self, interaction: discord.Interaction[Trilo], action: str, values: list[str]) -> None:
        """What a press asks for: the end of a control's custom id, and what was chosen in a list."""
        name, _colon, argument = action.partition(":")
        choice = replace(self.choice, page=0)
        match name:
            case "period" if values == [OTHER_DAYS]:
                form = RangeForm(self, await self._days_shown(), self._show_range)
                await interaction.response.send_modal(form)
                return
            case "period":
                choice = replace(choice, period=period_of(values[0]))
            case "split":
                choice = replace(choice, split=cast("SplitName", values[0]))
            case "open":
                split: SplitName = "member" if self.choice.split == "operation" else "operation"
                choice = replace(choice, opened=Opened(self.choice.split, values[0]), split=split)
            case "back" if self.choice.opened is not None:
                choice = replace(choice, opened=None, split=self.choice.opened.split)
            case "page":
                choice = replace(choice, page=int(argument))
            case "export":
                kind = cast("Format", argument)
                await send_file(interaction, self.bot.services.tracker, self.guild, self.choice, kind)
                return
            case stats_controls.SUGGESTIONS:
                await send_suggestions(interaction)
                return
            case _:
                choice = self.choice
        await self.change(interaction, choice)

    async def interaction_check(self, interaction: discord.Interaction[Trilo], /) -> bool:  # type: ignore[override]
        """Acknowledge at once, but for what opens a form, then check who presses, every time."""
        hear(interaction)
        data = cast("dict[str, Any]", interaction.data or {})
        if str(data.get("custom_id")).startswith(PREFIX + EXPORT):
            await interaction.response.defer(ephemeral=True, thinking=True)
        elif data.get("values") != [OTHER_DAYS]:
            await interaction.response.defer()
        if interaction.user.id != self.opener_id:
            await answer_privately(interaction, _(NOT_YOURS))
            return False
        if not await in_time(interaction, may_see_usage(interaction)):
            await answer_privately(interaction, _(NOT_FOR_YOU))
            return False
        return True

    def attached(self) -> dict[str, Any]:
        """The picture, as `send` takes it."""
        return {"file": self._file()} if self._chart is not None else {}

    def changed_files(self) -> dict[str, Any]:
        """The picture, only where it has changed."""
        if self._chart == self._drawn:
            return {}
        return {"attachments": [self._file()] if self._chart is not None else []}

    async def update(self, interaction: discord.Interaction[Trilo]) -> None:
        """Show it as it is laid out now."""
        await super().update(interaction)
        self._drawn = self._chart

    def expire(self) -> bool:
        """Disable the controls, and say how to go on."""
        self._render(expired=True)
        return True

    async def _days_shown(self) -> Days:
        """The days that are on the screen; of all time, since the first call. After a restart they haven't been read,
        and the form can't wait for all the rest.
        """
        if self._spend is None:
            period = self.choice.period
            return period if isinstance(period, Days) else await self._days(period)
        days = self._spend.report.days
        return days if days.first != date.min else Days(date.fromisoformat(self._spend.trend[0].key), days.last)

    async def _days(self, period: PeriodName) -> Days:
        days = await self.bot.services.tracker.reports.days(self.guild.id, period)
        return Days(max(days.first, EARLIEST), days.last)

    async def _show_range(self, interaction: discord.Interaction[Trilo], first: str, last: str) -> None:
        """Show the days that were typed, or say what is none among them."""
        found = range_of(first, last, (await self._days("today")).last)
        if isinstance(found, str):
            await self.change(interaction, self.choice)  # so that "Other days" can be chosen again
            await answer_privately(interaction, found)
        else:
            await self.change(interaction, replace(self.choice, period=found, page=0))

    async def _load(self, choice: Choice, interaction: discord.Interaction[Trilo]) -> None:
        spend = await read_spend(self.bot.services, self.guild.id, choice)
        if choice.page >= spend.pages:
            spend = await read_spend(self.bot.services, self.guild.id, replace(choice, page=spend.pages - 1))
        self._labels = await self._named(spend, interaction.user)
        chart = chart_of(spend, self._labels) if interaction.app_permissions.attach_files else None
        if chart is not None and chart != self._chart:
            self._png = await asyncio.to_thread(draw, chart)
        self._chart, self._spend, self.choice = chart, spend, spend.choice
        url = await self.bot.services.page_link(self.guild.id)
        self.links = [discord.ui.Button(id=113, label=_("Open the page"), url=url)] if url else []
        self._texts = self._sections(spend)
        self._render()

    async def _named(self, spend: Spend, viewer: discord.User | discord.Member) -> dict[str, str]:
        """Names for the rows. The viewer may see what channels cost, but no name of one that they can't view."""
        split, opened = spend.choice.split, spend.choice.opened
        keys = list(dict.fromkeys([*(row.key for row in spend.report.rows), *spend.shares]))
        names = await self._named_by(split, keys, viewer, spend.report.days.last.year)
        if opened is not None:
            names |= await self._named_by(opened.split, [opened.key], viewer, 0)
        return names

    async def _named_by(
        self, split: SplitName, keys: list[str], viewer: discord.User | discord.Member, year: int
    ) -> dict[str, str]:
        if split == "operation":
            return {key: title_of(key) for key in keys}
        if split == "member":
            return await self._names.members(keys)
        if split in ("channel", "thread"):
            reader: Reader = viewer if isinstance(viewer, discord.Member) else self.guild.default_role
            return (self._names.channels if split == "channel" else self._names.threads)(keys, reader)
        if split == "day":
            return {key: day_words(date.fromisoformat(key), this_year=year) for key in keys}
        if split == "week":
            return {key: _week_words(key, year) for key in keys}
        return {}

    def _sections(self, spend: Spend) -> list[str]:
        """What there is to say, from the number to the small print; the picture goes with the trend."""
        if not spend.has_history:
            return [spend_text.invitation(self.bot.user.mention if self.bot.user else "@Trilo")]
        opened = spend.choice.opened
        found = [spend_text.headline(spend, self._labels.get(opened.key, opened.key) if opened else "")]
        if spend.report.total.calls:
            found.append(spend_text.breakdown(spend, self._labels))
        self._trend = spend_text.trend(spend, drawn=self._chart is not None)
        found += [self._trend, spend_text.comparison(spend)]
        return [section for section in [*found, spend_text.honesty(spend)] if section]

    def _render(self, *, expired: bool = False) -> None:
        """Lay everything out anew from what was read."""
        spend = self._spend
        assert spend is not None  # noqa: S101 - it is read before anything is shown
        self.clear_items()
        container: discord.ui.Container[TokenStatsView] = discord.ui.Container(
            accent_colour=EXPIRED_COLOUR if expired else COLOUR
        )
        for number, text in enumerate(self._texts):
            if number:
                container.add_item(discord.ui.Separator())
            container.add_item(discord.ui.TextDisplay(text))
            if self._chart is not None and text == self._trend:
                picture = discord.MediaGalleryItem(f"attachment://{PICTURE}", description=alternative(spend))
                container.add_item(discord.ui.MediaGallery(picture))
        self.add_item(container)
        if expired:
            self.add_item(discord.ui.TextDisplay(_(EXPIRED)))
        for row in controls(spend, self._labels, [] if expired else self.links, self.act, disabled=expired):
            self.add_item(discord.ui.ActionRow(*row))

    def _file(self) -> discord.File:
        assert self._spend is not None  # noqa: S101 - as above
        return discord.File(io.BytesIO(self._png), PICTURE, description=alternative(self._spend))


def _week_words(key: str, year: int) -> str:
    week, first, last = key.split()
    days = span_words(date.fromisoformat(first), date.fromisoformat(last), this_year=year)
    return _("Week {week} · {days}", week=week, days=days)


async def take_up(interaction: discord.Interaction[Trilo]) -> None:
    """Go on with a view from before a restart, from what its message shows, after a press on it."""
    message, data = interaction.message, cast("dict[str, Any]", interaction.data or {})
    if message is None or interaction.guild is None:
        return
    view = TokenStatsView(interaction.guild, opener_of(interaction), interaction.client, _choice_shown(message))
    try:
        if await view.interaction_check(interaction):
            await view.act(interaction, data["custom_id"].removeprefix(PREFIX), data.get("values", []))
    except Exception as error:  # noqa: BLE001 - words for it, as for one of a view that was never gone
        await view.on_error(interaction, error, view)


def _choice_shown(message: discord.Message) -> Choice:
    """What a message says it shows: the defaults of its lists, and what its buttons lead to."""
    choice = Choice()
    for item in discord.ui.LayoutView.from_message(message, timeout=None).walk_children():
        action = (getattr(item, "custom_id", None) or "").removeprefix(PREFIX)
        name, _colon, argument = action.partition(":")
        if isinstance(item, discord.ui.Select):
            chosen = next((option.value for option in item.options if option.default), "")
            if name == "period" and chosen:
                choice = replace(choice, period=period_of(chosen))
            elif name == "split" and chosen:
                choice = replace(choice, split=cast("SplitName", chosen))
        elif name == "back":
            split, _colon, key = argument.partition(":")
            choice = replace(choice, opened=Opened(cast("SplitName", split), key))
        elif name == "here":
            choice = replace(choice, page=int(argument))
    return choice
