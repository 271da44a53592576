"""The view of `/league history`: who did what to a server's league, when, and what its AI cost."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import discord
from discord.utils import format_dt

from bot.client import Trilo
from bot.figures import money
from bot.translation import _, mark, n_
from bot.usage.storage.audit import AuditLine
from cogs._kit.access import NOT_A_COMMISSIONER, may_run_league, may_see_usage
from cogs._kit.controls import turning
from cogs._kit.names import who_words
from cogs._kit.owned import OwnedView
from cogs._kit.tables import plain, shorten

PAGE = 10
"""Lines shown at once."""
_NAMES = 5
"""Categories named in one line."""
_DONE = {
    "created": mark("created"),
    "deleted": mark("deleted"),
    "restored": mark("restored"),
    "advance announced": mark("advance announced"),
    "players tagged": mark("players tagged"),
}
_TEAMS: dict[str, Callable[[int], str]] = {
    "list": lambda teams: n_("teams: a new list of {n}\u00a0team", "teams: a new list of {n}\u00a0teams", teams),
    "added": lambda teams: n_("teams: added {n}\u00a0team", "teams: added {n}\u00a0teams", teams),
    "changed": lambda teams: n_("teams: changed {n}\u00a0team", "teams: changed {n}\u00a0teams", teams),
    "removed": lambda teams: n_("teams: removed {n}\u00a0team", "teams: removed {n}\u00a0teams", teams),
}
_COUNTS: dict[str, Callable[[int], str]] = {
    "channels": lambda many: n_("{n}\u00a0channel", "{n}\u00a0channels", many),
    "posts": lambda many: n_("{n}\u00a0post", "{n}\u00a0posts", many),
}


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
        return None if await may_run_league(interaction) else _(NOT_A_COMMISSIONER)

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
        about = [n_("The last {n}\u00a0day", "The last {n}\u00a0days", self._days)]
        if self._last_page:
            about.append(_("page {page} of {pages}", page=self._page + 1, pages=self._last_page + 1))
        shown = self._lines[self._page * PAGE : (self._page + 1) * PAGE]
        lines = [line_words(line, with_dollars=self._with_dollars) for line in shown]
        above = [_("## What was done here"), f"-# {' · '.join(about)}"]
        self.frame(discord.ui.TextDisplay("\n".join([*above, *(lines or [_("Nothing yet.")])])))
        if pages := turning(self._page, self._last_page, self._turn, prefix="league-history"):
            self.add_item(discord.ui.ActionRow(*pages))

    @property
    def _last_page(self) -> int:
        return max(0, len(self._lines) - 1) // PAGE

    async def _turn(self, interaction: discord.Interaction[Trilo], by: int) -> None:
        self._with_dollars = await may_see_usage(interaction)
        self._page += by
        await self.redraw(interaction)


def line_words(line: AuditLine, *, with_dollars: bool) -> str:
    """One action: when, who, what, and what its AI took, in dollars or for others in tokens."""
    who = who_words(line.actor)
    told = [_what(line), *_cost(line.facts, with_dollars=with_dollars)]
    return f"- {format_dt(line.at, 'f')} {who}: {' · '.join(told)}"


def _what(line: AuditLine) -> str:
    facts, action = line.facts, line.action.removeprefix("league ")
    if action == "teams":
        return _TEAMS[facts["change"]](facts["teams"])
    return ", ".join([_(_DONE.get(action, action)), *_details(facts)])


def _details(facts: Mapping[str, Any]) -> Iterator[str]:
    titles = facts.get("titles") or [facts.get("title")]
    if any(titles):
        told = " ".join(f"`{shorten(plain(title), 40)}`" for title in titles[:_NAMES])
        more = len(titles) - _NAMES
        yield told if more <= 0 else n_("{names} and {n}\u00a0other", "{names} and {n}\u00a0others", more, names=told)
    elif facts.get("week") is not None:
        yield _("week {week}", week=facts["week"])
    for fact, counted in _COUNTS.items():
        if facts.get(fact):
            yield counted(facts[fact])
    if facts.get("result") == "rolled back":
        yield _("**taken back**, since a step failed")
    if facts.get("result") == "cut off":
        yield _("**cut off**: I went down in the middle of it")


def _cost(facts: Mapping[str, Any], *, with_dollars: bool) -> Iterator[str]:
    """Nothing where no model was asked."""
    if not facts.get("tokens"):
        return
    if with_dollars:
        yield _("AI {cost}", cost=money(facts["cost_nano_usd"]))
    else:
        yield n_("AI {n}\u00a0token", "AI {n}\u00a0tokens", facts["tokens"])
