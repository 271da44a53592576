"""The controls below a server's spend. Together their custom ids and defaults say what is shown, so that a press on
them can be answered after a restart.

They have component ids of their own: automatic ones shift with the number of sections above them, and a client that
remembers a select's choice by its id would show the wrong one.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import date
from functools import partial
from typing import Any, cast
from zlib import crc32

import discord

from bot.client import Trilo
from bot.figures import PERIODS, calls_words, cost_of, span_words
from bot.translation import _, mark
from bot.usage.reporting.reports import Days, PeriodName
from cogs._kit.tables import LABEL_CHARACTERS, cut, plain
from cogs._spend.spend import ASPECTS, KEPT, SPLITS, Choice, Spend, SplitName

PREFIX = "token-stats:"
EXPORT = "export"
SUGGESTIONS = "suggestions"
OTHER_DAYS = "other"
"""The value that opens the form for a range of days."""
_CLOSER: dict[SplitName, str] = {
    "operation": mark("Look closer at one operation …"),
    "model": mark("Look closer at one model …"),
    "member": mark("Look closer at one member …"),
    "channel": mark("Look closer at one channel …"),
}
_LONGEST_ID = 100
"""Of a custom id and of a list's value."""


Act = Callable[[discord.Interaction[Trilo], str, list[str]], Awaitable[None]]
"""Does what a press asks for: the end of its control's custom id, and what was chosen in a list."""


class StatsSelect(discord.ui.Select[Any]):
    """A list of which one is chosen."""

    def __init__(
        self,
        act: Act,
        number: int,
        action: str,
        options: list[discord.SelectOption],
        *,
        placeholder: str | None = None,
        disabled: bool,
    ) -> None:
        custom_id = f"{PREFIX}{action}"
        super().__init__(id=number, custom_id=custom_id, options=options, placeholder=placeholder, disabled=disabled)
        self._act = act
        self._action = action

    async def callback(self, interaction: discord.Interaction[Trilo]) -> None:  # type: ignore[override]
        """Show what was chosen."""
        await self._act(interaction, self._action, list(self.values))


class StatsButton(discord.ui.Button[Any]):
    """A button."""

    def __init__(self, act: Act, number: int, action: str, label: str, *, disabled: bool) -> None:
        super().__init__(id=number, custom_id=f"{PREFIX}{action}", label=label, disabled=disabled)
        self._act = act
        self._action = action

    async def callback(self, interaction: discord.Interaction[Trilo]) -> None:  # type: ignore[override]
        """Do it."""
        await self._act(interaction, self._action, [])


def controls(
    spend: Spend, names: Mapping[str, str], links: Sequence[discord.ui.Button[Any]], act: Act, *, disabled: bool
) -> list[list[discord.ui.Item[Any]]]:
    """The rows of controls that make sense for what is shown.

    Each reading has lists of its own, by their numbers: in one that stays, Discord's client keeps what was chosen last,
    and it can't be chosen again.
    """
    choice, number = spend.choice, crc32(str(spend.read_at).encode()) >> 2
    select, button = partial(StatsSelect, act, disabled=disabled), partial(StatsButton, act, disabled=disabled)
    refresh = button(103, "refresh", _("Refresh"))
    if not spend.has_history:
        return [[refresh]]
    rows: list[list[discord.ui.Item[Any]]] = [
        [select(number, "period", _periods(choice.period))],
        [select(number + 1, "split", _splits(choice))],
    ]
    if options := _openable(spend, names):
        rows.append([select(number + 2, "open", options, placeholder=_(_CLOSER[choice.split]))])
    if moves := _moves(spend, button):
        rows.append(moves)
    exports = button(109, f"{EXPORT}:csv", _("Export CSV")), button(111, f"{EXPORT}:jsonl", "JSON Lines")
    return [*rows, [refresh, *exports, button(104, SUGGESTIONS, _("Spend less")), *links]]


def _periods(chosen: PeriodName | Days) -> list[discord.SelectOption]:
    """The periods, the range of days that is shown, and the form for another."""
    options = [discord.SelectOption(label=_(PERIODS[p]), value=p, default=p == chosen) for p in PERIODS]
    if isinstance(chosen, Days):
        words = span_words(chosen.first, chosen.last, this_year=chosen.last.year)
        options.append(discord.SelectOption(label=words, value=period_value(chosen), default=True))
    return [*options, discord.SelectOption(label=_("Other days …"), value=OTHER_DAYS)]


def _splits(choice: Choice) -> list[discord.SelectOption]:
    """What the breakdown may be by."""
    opened = choice.opened
    splits = [s for s in SPLITS if opened is None or (s != opened.split and (s in ASPECTS or s == "day"))]
    return [discord.SelectOption(label=_(SPLITS[s]), value=s, default=s == choice.split) for s in splits]


def _openable(spend: Spend, names: Mapping[str, str]) -> list[discord.SelectOption]:
    """The rows that can be looked at more closely: their keys have to fit into a custom id."""
    split: SplitName = spend.choice.split
    if spend.choice.opened is not None or split not in KEPT:
        return []
    room = _LONGEST_ID - len(f"{PREFIX}back:{split}:")
    return [
        discord.SelectOption(
            label=cut(plain(names.get(row.key, row.key)), LABEL_CHARACTERS),
            value=row.key,
            description=f"{cost_of(row)} · {calls_words(row.calls)}",
        )
        for row in spend.report.rows
        if 0 < len(row.key) <= room
    ]


def _moves(spend: Spend, button: Callable[..., StatsButton]) -> list[discord.ui.Item[Any]]:
    """Back from the one row that is opened, and to the page before and after."""
    opened, page, last = spend.choice.opened, spend.choice.page, spend.pages - 1
    back = [] if opened is None else [button(105, f"back:{opened.split}:{opened.key}", _("← Back to all"))]
    if not last:
        return [*back]
    here = button(107, f"here:{page}", f"{page + 1} / {spend.pages}")
    earlier, later = button(106, f"page:{max(0, page - 1)}", "◀"), button(108, f"page:{min(last, page + 1)}", "▶")
    here.disabled = True
    earlier.disabled |= page == 0
    later.disabled |= page == last
    return [*back, earlier, here, later]


def period_value(days: Days) -> str:
    """A range of days as a list's value."""
    return f"{days.first}/{days.last}"


def period_of(value: str) -> PeriodName | Days:
    """The period, or the range, that a list's value stands for."""
    first, slash, last = value.partition("/")
    return Days(date.fromisoformat(first), date.fromisoformat(last)) if slash else cast("PeriodName", value)
