"""What every benchmark shares: its result as a row of the table, rounds in turns, and a quiet garbage collector."""

import gc
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from statistics import median, quantiles
from typing import TypeVar

Measured = TypeVar("Measured")


@dataclass(frozen=True, slots=True)
class Effort:
    """How much to measure: `rounds` of each side in turns, and a tenth of everything with `quick`."""

    rounds: int = 7
    quick: bool = False

    def some(self, count: int) -> int:
        """So many of something, or a tenth of it."""
        return max(1, count // 10) if self.quick else count


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table. `ratios` has one ratio a round; without a `target` the line is for information."""

    id: str
    what: str
    ratios: tuple[float, ...]
    target: float | None = None
    at_least: bool = False
    note: str = ""

    @property
    def measured(self) -> str:
        """The median of the rounds, and between what they lay."""
        return f"{_words(median(self.ratios))} ({_words(min(self.ratios))} – {_words(max(self.ratios))})"

    @property
    def aim(self) -> str:
        """The target in words."""
        return "" if self.target is None else f"{'≥' if self.at_least else '≤'} {_words(self.target)}"

    @property
    def met(self) -> str:
        """Whether the median reaches the target."""
        if self.target is None:
            return ""
        value = median(self.ratios)
        return "yes" if (value >= self.target if self.at_least else value <= self.target) else "NO"


def ratios(above: Iterable[float], below: Iterable[float]) -> tuple[float, ...]:
    """Round by round, what is measured over what it is measured against."""
    return tuple(a / b for a, b in zip(above, below, strict=True))


async def in_turns(sides: Mapping[str, Callable[[], Awaitable[Measured]]], rounds: int) -> dict[str, list[Measured]]:
    """Run every side once a round, the first side changing from round to round, after a round that isn't counted."""
    names = list(sides)
    results: dict[str, list[Measured]] = {name: [] for name in names}
    for name in names:
        await sides[name]()
    gc.collect()
    gc.freeze()  # What is there for good isn't walked again and again while a side happens to run.
    try:
        for number in range(rounds):
            for name in names if number % 2 == 0 else reversed(names):
                gc.collect()
                results[name].append(await sides[name]())
    finally:
        gc.unfreeze()
    return results


def percentile(values: list[float], percent: int) -> float:
    """The value that `percent` of all lie below."""
    return quantiles(values, n=100, method="inclusive")[percent - 1]


def _words(value: float) -> str:
    """`1.08`, and what is below a fifth as a fraction: `1/26`."""
    if 0 < value < 0.2:
        return f"1/{1 / value:.0f}" if value <= 0.1 else f"1/{1 / value:.1f}"
    return f"{value:.2f}"
