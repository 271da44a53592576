"""What a doubtful row of a week might mean: one tap takes the name that the team list offers."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import discord

from bot.league.games import Game
from bot.league.team_list import Match, Row
from bot.translation import _
from cogs._kit.tables import LABEL_CHARACTERS, cut

MOST = 25
"""Entries that Discord takes in a list."""


@dataclass(frozen=True, slots=True)
class Suggestion:
    """In the row of that number (from 0), `name` in the place of what was read; `away`: for the first team."""

    row: int
    away: bool
    read: str
    name: str

    @property
    def option(self) -> discord.SelectOption:
        """As an entry of the list; its value is what `chosen` reads."""
        label = _("Row {n}: {read} → {name}", n=self.row + 1, read=self.read, name=self.name)
        return discord.SelectOption(
            label=cut(label, LABEL_CHARACTERS), value=cut(f"{self.row}:{int(self.away)}:{self.name}", LABEL_CHARACTERS)
        )

    def applied_to(self, game: Game) -> Game:
        """The game with that team; whoever took it has looked at it."""
        named = replace(game, away=self.name) if self.away else replace(game, home=self.name)
        return replace(named, confidence=1.0)


def suggestions(rows: Sequence[Row]) -> list[Suggestion]:
    """All there are, row by row, as many as a list takes."""
    found = []
    for number, row in enumerate(rows):
        for match, away in ((row.away, True), (row.home, False)):
            found += [Suggestion(number, away, match.read, name) for name in _offered(match)]
    return found[:MOST]


def chosen(value: str, rows: Sequence[Row]) -> Suggestion | None:
    """The suggestion that was taken; None where the rows have changed since."""
    return next((one for one in suggestions(rows) if one.option.value == value), None)


def _offered(match: Match) -> Sequence[str]:
    return [name for name in match.near if name != match.read]
