"""The view of `/league history`: who did what to a server's league, when, and what its AI cost."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import discord
from discord.utils import format_dt

from bot.client import Trilo
from bot.usage.audit import SYSTEM, AuditLine
from bot.usage.money import format_cost
from cogs._access import NOT_A_COMMISSIONER, may_run_league, may_see_usage
from cogs._views.figures import counted
from cogs._views.owned import OwnedView, Press
from cogs._views.tables import plain, shorten

PAGE = 10
"""Lines shown at once."""
_NAMES = 5
"""Categories named in one line."""
_TEAMS = {"list": "a new list of", "added": "added", "changed": "changed", "removed": "removed"}


class HistoryView(OwnedView):
    """The last `days` of a league, a page at a time, newest first."""

    def __init__(self, interaction: discord.Interaction[Trilo], days: int) -> None:
        super().__init__(interaction, "/league history")
        self._days = days
        self._lines: Sequence[AuditLine] = ()
        self._page = 0
        self._with_dollars = False

    async def refusal(self, interaction: discord.Interaction[Trilo]) -> str | None:
        """For whoever may run the league."""
        return None if await may_run_league(interaction) else NOT_A_COMMISSIONER

    async def open(self, interaction: discord.Interaction[Trilo]) -> None:
        """Answer a deferred command with it. Raises `DatabaseUnavailableError`."""
        self._with_dollars = await may_see_usage(interaction)
        await super().open(interaction)

    async def load(self) -> None:
        """Read it."""
        self._lines = await self.league.history(self.guild.id, self._days)
        self._page = max(0, min(self._page, self._last_page))

    def draw(self) -> None:
        """One page of lines."""
        days = counted(self._days, "day")
        shown = self._lines[self._page * PAGE : (self._page + 1) * PAGE]
        lines = [line_words(line, with_dollars=self._with_dollars) for line in shown]
        where = f" · page {self._page + 1} of {self._last_page + 1}" if self._last_page else ""
        text = "\n".join([f"## What was done here\n-# The last {days}{where}", *(lines or ["Nothing yet."])])
        self.frame(discord.ui.TextDisplay(text))
        if self._last_page:
            newer = Press("◀", self._newer, custom_id="league-history:newer", disabled=self._page == 0)
            last = self._page == self._last_page
            older = Press("▶", self._older, custom_id="league-history:older", disabled=last)
            self.add_item(discord.ui.ActionRow(newer, older))

    @property
    def _last_page(self) -> int:
        return max(0, len(self._lines) - 1) // PAGE

    async def _newer(self, interaction: discord.Interaction[Trilo]) -> None:
        await self._turn(interaction, -1)

    async def _older(self, interaction: discord.Interaction[Trilo]) -> None:
        await self._turn(interaction, 1)

    async def _turn(self, interaction: discord.Interaction[Trilo], by: int) -> None:
        self._with_dollars = await may_see_usage(interaction)
        self._page += by
        await self.redraw(interaction)


def line_words(line: AuditLine, *, with_dollars: bool) -> str:
    """One action: when, who, what, and what its AI took, in dollars or for others in tokens."""
    who = "Trilo itself" if line.actor == SYSTEM else f"<@{line.actor}>"
    told = [_what(line), *_cost(line.facts, with_dollars=with_dollars)]
    return f"- {format_dt(line.at, 'f')} {who}: {' · '.join(told)}"


def _what(line: AuditLine) -> str:
    facts, action = line.facts, line.action.removeprefix("league ")
    if action == "teams":
        return f"teams: {_TEAMS[facts['change']]} {counted(facts['teams'], 'team')}"
    return ", ".join([action, *_details(facts)])


def _details(facts: Mapping[str, Any]) -> Iterator[str]:
    titles = facts.get("titles") or [facts.get("title")]
    if any(titles):
        told = " ".join(f"`{shorten(plain(title), 40)}`" for title in titles[:_NAMES])
        yield told if len(titles) <= _NAMES else f"{told} and {counted(len(titles) - _NAMES, 'other')}"
    elif facts.get("week") is not None:
        yield f"week {facts['week']}"
    for fact, one in (("channels", "channel"), ("posts", "post"), ("players", "player")):
        if facts.get(fact):
            yield counted(facts[fact], one)
    if facts.get("result") == "rolled back":
        yield "**taken back**, since a step failed"


def _cost(facts: Mapping[str, Any], *, with_dollars: bool) -> Iterator[str]:
    """Nothing where no model was asked."""
    if not facts.get("tokens"):
        return
    tokens = counted(facts["tokens"], "token")
    yield f"AI {format_cost(facts['cost_nano_usd'])}" if with_dollars else f"AI {tokens}"
