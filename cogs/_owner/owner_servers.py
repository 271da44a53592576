"""The view of `/owner servers`: what each server costs in a period, dearest first, with its cap."""

import asyncio
from collections.abc import Sequence
from typing import Any

import discord

from bot.client import Trilo
from bot.figures import PHRASES, compact, cost_of, counted, percent
from bot.usage.budgeting.budgets import Owner, Scope
from bot.usage.budgeting.calendars import Period
from bot.usage.budgeting.limits import limit_words
from bot.usage.records import SpendLine
from bot.usage.reporting.reports import PERIODS, PeriodName
from cogs._kit.controls import Pick, Press, turning
from cogs._kit.look import separated
from cogs._kit.tables import code_block, named_figures, plain, shorten
from cogs._owner.owner import OwnerView

PAGE = 10
"""Servers shown at once."""
OUTSIDE = "outside servers"
NO_CAP = "none"
_EVERY = {Period.DAY: "/day", Period.WEEK: "/week", Period.MONTH: "", Period.TOTAL: " ever"}
"""What a cap is for, as short as a phone needs it: a month unless it says otherwise."""


class ServersView(OwnerView):
    """Servers by what they cost, a page at a time; with a `query` those whose name or id contains it."""

    def __init__(self, interaction: discord.Interaction[Trilo], period: PeriodName, query: str | None) -> None:
        super().__init__(interaction, "/owner servers")
        self._period = period
        self._query = query.strip() if query else ""
        self._page = 0
        self._total = SpendLine("")
        self._shown: Sequence[SpendLine] = ()
        self._caps: Sequence[str] = ()
        self._found = 0

    async def load(self) -> None:
        """One page of servers, as many as are shown and those before them; all of them only to search."""
        limit = None if self._query else (self._page + 1) * PAGE
        report = await self.tracker.reports.spend(None, self._period, "guild", limit=limit)
        rows = self._matching(report.rows) if self._query else report.rows
        self._total, self._found = report.total, len(rows) + (0 if self._query else report.rest_keys)
        if self._page > self._last_page:  # there are fewer than a moment ago
            self._page = self._last_page
        self._shown = rows[self._page * PAGE : (self._page + 1) * PAGE]
        self._caps = await asyncio.gather(*(self._cap(row.key) for row in self._shown))

    def draw(self) -> None:
        """The total, the page, and what turns and changes it."""
        self.frame(*separated([self._headline(), self._listed()]))
        options = [
            discord.SelectOption(label=PHRASES[name].capitalize(), value=name, default=name == self._period)
            for name in PERIODS
        ]
        self.add_item(discord.ui.ActionRow(Pick(options, self._choose, custom_id="owner-servers:period")))
        pages = turning(self._page, self._last_page, self._turn, prefix="owner-servers")
        refresh = Press("Refresh", self.redraw, custom_id="owner-servers:refresh")
        self.add_item(discord.ui.ActionRow(*pages, refresh))

    def _headline(self) -> str:
        total = self._total
        unpriced = f" · {counted(total.unpriced_calls, 'call')} unpriced" if total.unpriced_calls else ""
        return (
            f"## {cost_of(total)} {PHRASES[self._period]}\n"
            f"-# {counted(total.calls, 'call')} · {counted(total.total_tokens, 'token')}{unpriced} · "
            f"in {counted(len(self._bot.guilds), 'server')} now · days in UTC"
        )

    def _listed(self) -> str:
        asked = f"`{shorten(plain(self._query), 40)}`"
        if not self._shown:
            return f"No server's name or id contains {asked}." if self._query else "No server has used the AI then."
        heading = f"**{counted(self._found, 'server')}{f' with {asked}' if self._query else ''}**"
        where = f" · page {self._page + 1} of {self._last_page + 1}" if self._last_page else ""
        return f"{heading}{where}\n{code_block(self._lines())}"

    def _lines(self) -> list[str]:
        """Cost, share, calls, cap and name of each server."""
        whole = self._total.cost_nano_usd
        rows = [
            (cost_of(row), percent(row.cost_nano_usd, whole), compact(row.calls), cap, self._name(row.key))
            for row, cap in zip(self._shown, self._caps, strict=True)
        ]
        return named_figures(("cost", "%", "calls", "cap", "server"), rows, right={1, 2}, points={0})

    def _matching(self, rows: Sequence[SpendLine]) -> list[SpendLine]:
        """Rows of servers that match; those without a call then come last."""
        wanted, known = self._query.casefold(), {row.key for row in rows}
        silent = [SpendLine(str(guild.id)) for guild in self._bot.guilds if str(guild.id) not in known]
        return [row for row in [*rows, *silent] if wanted in self._name(row.key).casefold() or wanted in row.key]

    def _name(self, key: str) -> str:
        if key == "0":
            return OUTSIDE
        guild = self._bot.get_guild(int(key))
        return guild.name if guild is not None else f"left server {key}"

    async def _cap(self, key: str) -> str:
        """The operator's cap on a server, for a month unless it says otherwise."""
        scope = Scope.GUILD if key != "0" else Scope.DIRECT_MESSAGES
        budgets = await self.tracker.budgets.of(int(key))
        caps = [one for one in budgets if one.owner is Owner.OPERATOR and one.scope is scope]
        if not caps:
            return NO_CAP
        cap = min(caps, key=lambda one: one.limit)
        return limit_words(cap.unit, cap.limit) + _EVERY[cap.period]

    @property
    def _last_page(self) -> int:
        return max(0, self._found - 1) // PAGE

    async def _choose(self, interaction: discord.Interaction[Trilo], values: list[Any]) -> None:
        self._period, self._page = values[0], 0
        await self.redraw(interaction)

    async def _turn(self, interaction: discord.Interaction[Trilo], by: int) -> None:
        self._page += by
        await self.redraw(interaction)
