"""The picture of the trend as places: stacked bars, one for each day or for several. Pure; the template draws them.

Widths are shares of the picture and heights are pixels, so that its text has one size on every screen.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from bot.colours import colours_of
from bot.usage.records import SpendLine

HEIGHT = 180
"""Pixels of the highest bar."""
MOST_BARS = 31
"""The days of the longest month; of a longer time each bar has several days."""
_GAP = 0.2
"""Of a bar's place."""


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of a bar. `colour` is the number of its key's; None: all others."""

    colour: int | None
    y: str
    height: str


@dataclass(frozen=True, slots=True)
class Bar:
    """The days from `first` to `last` (ISO), what they cost in nano-USD, and where that is drawn."""

    first: str
    last: str
    cost: int
    x: str
    width: str
    pieces: list[Piece]


@dataclass(frozen=True, slots=True)
class Chart:
    """`top`: nano-USD at the upper edge. `bars` is empty where nothing cost anything. `colours` go by key."""

    bars: list[Bar]
    top: int
    days_a_bar: int
    colours: dict[str, int]

    @property
    def has_others(self) -> bool:
        """Whether any bar has a part that isn't told apart."""
        return any(piece.colour is None for bar in self.bars for piece in bar.pieces)


def chart_of(trend: Sequence[SpendLine], by_key: Mapping[str, Mapping[str, int]]) -> Chart:
    """The bars of a trend. `by_key` has, for each key that is told apart, what it cost on which day."""
    days_a_bar = max(1, -(-len(trend) // MOST_BARS))
    cut = len(trend) % days_a_bar
    chunks = [trend[:cut]] * bool(cut) + [trend[n : n + days_a_bar] for n in range(cut, len(trend), days_a_bar)]
    costs = [sum(line.cost_nano_usd for line in chunk) for chunk in chunks]
    highest = max(costs, default=0)
    colours = colours_of(by_key)
    if highest <= 0:
        return Chart([], 0, days_a_bar, colours)
    top, place = _rounded_up(highest), 100 / len(chunks)
    bars = []
    for number, (chunk, cost) in enumerate(zip(chunks, costs, strict=True)):
        parts = [(colours[key], sum(days.get(line.key, 0) for line in chunk)) for key, days in by_key.items()]
        x, width = (number + _GAP / 2) * place, (1 - _GAP) * place
        bars.append(Bar(chunk[0].key, chunk[-1].key, cost, f"{x:.3f}%", f"{width:.3f}%", _pieces(parts, cost, top)))
    return Chart(bars, top, days_a_bar, colours)


def _pieces(parts: Sequence[tuple[int, int]], cost: int, top: int) -> list[Piece]:
    """From the bottom up: the parts of those that are told apart, each with its colour, then the rest of the cost."""
    pieces, below = [], 0
    for colour, part in [*parts, (None, cost - sum(part for _, part in parts))]:
        if part > 0:
            pieces.append(Piece(colour, f"{HEIGHT - (below + part) * HEIGHT / top:.2f}", f"{part * HEIGHT / top:.2f}"))
            below += part
    return pieces


def _rounded_up(amount: int) -> int:
    """To a figure that has an even half, and zeros."""
    power = int("1" + "0" * (len(str(amount)) - 1))
    return next(step * power for step in (1, 2, 4, 6, 8, 10) if step * power >= amount)
