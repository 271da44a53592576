"""The controls below a server's spend. Together their custom ids and defaults say what is shown, so that a press on
them can be answered after a restart.

They have component ids of their own: automatic ones shift with the number of sections above them, and a client that
remembers a select's choice by its id would show the wrong one.
"""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import TYPE_CHECKING, Any, cast
from zlib import crc32

import discord

from bot.client import Trilo
from bot.figures import PERIODS, calls_words, cost_of, span_words
from bot.translation import _, mark
from bot.usage.reporting.reports import Days, PeriodName
from cogs._views.spend import ASPECTS, KEPT, SPLITS, Choice, Spend, SplitName
from cogs._views.suggestions import SuggestionsButton
from cogs._views.tables import LABEL_CHARACTERS, cut, plain

if TYPE_CHECKING:
    from cogs._views.token_stats import TokenStatsView

PREFIX = "token-stats:"
EXPORT = "export"
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


class _Pick(discord.ui.Select["TokenStatsView"]):
    """A list of which one is chosen."""

    action = ""

    async def callback(self, interaction: discord.Interaction[Trilo]) -> None:  # type: ignore[override]
        """Show what was chosen."""
        await _view_of(self).act(interaction, self.action, list(self.values))


class PeriodSelect(_Pick):
    """Chooses the period, or a range of days."""

    action = "period"

    def __init__(self, number: int, chosen: PeriodName | Days, *, disabled: bool) -> None:
        options = [discord.SelectOption(label=_(PERIODS[p]), value=p, default=p == chosen) for p in PERIODS]
        if isinstance(chosen, Days):
            words = span_words(chosen.first, chosen.last, this_year=chosen.last.year)
            options.append(discord.SelectOption(label=words, value=period_value(chosen), default=True))
        options.append(discord.SelectOption(label=_("Other days …"), value=OTHER_DAYS))
        super().__init__(id=number, custom_id=f"{PREFIX}period", options=options, disabled=disabled)


class SplitSelect(_Pick):
    """Chooses what the breakdown is by."""

    action = "split"

    def __init__(self, number: int, choice: Choice, *, disabled: bool) -> None:
        opened = choice.opened
        splits = [s for s in SPLITS if opened is None or (s != opened.split and (s in ASPECTS or s == "day"))]
        options = [discord.SelectOption(label=_(SPLITS[s]), value=s, default=s == choice.split) for s in splits]
        super().__init__(id=number, custom_id=f"{PREFIX}split", options=options, disabled=disabled)


class OpenSelect(_Pick):
    """Opens one row of the breakdown."""

    action = "open"

    def __init__(self, number: int, spend: Spend, names: Mapping[str, str], *, disabled: bool) -> None:
        options = [
            discord.SelectOption(
                label=cut(plain(names.get(row.key, row.key)), LABEL_CHARACTERS),
                value=row.key,
                description=f"{cost_of(row)} · {calls_words(row.calls)}",
            )
            for row in _openable(spend)
        ]
        placeholder = _(_CLOSER[spend.choice.split])
        super().__init__(
            id=number, custom_id=f"{PREFIX}open", placeholder=placeholder, options=options, disabled=disabled
        )


class Press(discord.ui.Button["TokenStatsView"]):
    """A button; `action` is the end of its custom id."""

    def __init__(self, number: int, label: str, action: str, *, disabled: bool = False) -> None:
        super().__init__(id=number, custom_id=f"{PREFIX}{action}", label=label, disabled=disabled)
        self._action = action

    async def callback(self, interaction: discord.Interaction[Trilo]) -> None:  # type: ignore[override]
        """Do it."""
        await _view_of(self).act(interaction, self._action, [])


def controls(
    spend: Spend, names: Mapping[str, str], links: Sequence[discord.ui.Button[Any]], *, disabled: bool
) -> list[list[discord.ui.Item[Any]]]:
    """The rows of controls that make sense for what is shown.

    Each reading has lists of its own, by their numbers: in one that stays, Discord's client keeps what was chosen last,
    and it can't be chosen again.
    """
    choice, number = spend.choice, crc32(str(spend.read_at).encode()) >> 2
    if not spend.has_history:
        return [[Press(103, _("Refresh"), "refresh", disabled=disabled)]]
    rows: list[list[discord.ui.Item[Any]]] = [
        [PeriodSelect(number, choice.period, disabled=disabled)],
        [SplitSelect(number + 1, choice, disabled=disabled)],
    ]
    if _openable(spend):
        rows.append([OpenSelect(number + 2, spend, names, disabled=disabled)])
    moves: list[discord.ui.Item[Any]] = []
    if choice.opened is not None:
        back = f"back:{choice.opened.split}:{choice.opened.key}"
        moves.append(Press(105, _("← Back to all"), back, disabled=disabled))
    if spend.pages > 1:
        page, last = choice.page, spend.pages - 1
        moves += [
            Press(106, "◀", f"page:{max(0, page - 1)}", disabled=disabled or page == 0),
            Press(107, f"{page + 1} / {spend.pages}", f"here:{page}", disabled=True),
            Press(108, "▶", f"page:{min(last, page + 1)}", disabled=disabled or page == last),
        ]
    if moves:
        rows.append(moves)
    rows.append(
        [
            Press(103, _("Refresh"), "refresh", disabled=disabled),
            Press(109, _("Export CSV"), f"{EXPORT}:csv", disabled=disabled),
            Press(111, "JSON Lines", f"{EXPORT}:jsonl", disabled=disabled),
            SuggestionsButton(disabled=disabled),
            *links,
        ]
    )
    return rows


def period_value(days: Days) -> str:
    """A range of days as a list's value."""
    return f"{days.first}/{days.last}"


def period_of(value: str) -> PeriodName | Days:
    """The period, or the range, that a list's value stands for."""
    first, slash, last = value.partition("/")
    return Days(date.fromisoformat(first), date.fromisoformat(last)) if slash else cast("PeriodName", value)


def _openable(spend: Spend) -> list[Any]:
    """The rows that can be looked at more closely: their keys have to fit into a custom id."""
    split: SplitName = spend.choice.split
    if spend.choice.opened is not None or split not in KEPT:
        return []
    room = _LONGEST_ID - len(f"{PREFIX}back:{split}:")
    return [row for row in spend.report.rows if 0 < len(row.key) <= room]


def _view_of(item: discord.ui.Item["TokenStatsView"]) -> "TokenStatsView":
    assert item.view is not None  # noqa: S101 - presses only come to items of a view
    return item.view
