"""Stacked bars as a picture: figures in, PNG bytes out. Pure, and slow enough for a thread of its own.

It is a card with a background of its own, so that it reads alike in Discord's dark and light theme, and drawn large
enough for a phone, which shows it at half its size or less.
"""

import io
import math
import unicodedata
from dataclasses import dataclass
from functools import lru_cache
from importlib import resources
from typing import Any

from bot.colours import COLOURS
from bot.translation import ENGLISH, money_text, speaking
from bot.usage.money import usd
from bot.usage.records import NANO_USD_PER_USD

OTHERS = COLOURS
"""The number of the colour of all others."""

_WIDTH, _HEIGHT = 800, 560
_LEFT, _RIGHT, _TOP, _FOOT = 20, 20, 24, 48
_TEXT, _SMALL = 31, 30
_LEGEND_LINE = 44
_SWATCH = 24
_BACKGROUND, _GRID, _INK, _FAINT = "#2b2d31", "#43464d", "#f2f3f5", "#c4c9ce"
_COLOURS = ("#4db6ff", "#ffb648", "#3ddc97", "#ff7a90", "#b79bff", "#98a1ab")
"""Told apart also by those who see few colours: they differ in lightness too. The last is for `OTHERS`."""
_STEPS = (1, 2, 5)
_DRAWN = (range(0x20, 0x7F), range(0xA1, 0x180), range(0x388, 0x3CF), range(0x400, 0x460), range(0x1EA0, 0x1EFA))
"""What the font has: Latin letters with their accents, Greek, Cyrillic, Vietnamese."""
_DRAWN_TOO = frozenset("ƠơƯư–—‘’“”„…•€")
_LEFT_OUT = frozenset({"Mn", "So", "Sk", "Cn", "Cf"})
"""Kinds of characters: accents, emoji, and what shows nothing."""


@dataclass(frozen=True, slots=True)
class Chart:
    """Bars from left to right; each has a value for each series, from the bottom up, in nano-USD.

    `labels` stand below the bars, as many as fit. `series` are the names, `colours` the numbers of the colours beside
    them; a single name is left out. `tag` is the language that amounts are written in.
    """

    bars: tuple[tuple[int, ...], ...]
    labels: tuple[str, ...]
    series: tuple[str, ...]
    colours: tuple[int, ...]
    tag: str = ENGLISH


def drawable(name: str, instead: str) -> str:
    """A name as the picture's font can draw it: without emoji, or `instead` where it is in another script.

    A font for all scripts would be some 20 MB, and Arabic would need its letters joined.
    """
    found = "".join(map(_drawn, unicodedata.normalize("NFC", name))).strip()
    return found if _has(found) and any(map(str.isalnum, found)) else instead


def _drawn(character: str) -> str:
    """The character; where the font hasn't got it, without its accents."""
    if _has(character):
        return character
    letters = unicodedata.normalize("NFKD", character)
    return "".join(letter for letter in letters if unicodedata.category(letter) not in _LEFT_OUT)


def _has(text: str) -> bool:
    return all(c in _DRAWN_TOO or any(ord(c) in range_ for range_ in _DRAWN) for c in text)


@lru_cache(maxsize=64)
def draw(chart: Chart) -> bytes:
    """The chart as a PNG, some 15 KB; one that was drawn lately is remembered."""
    from PIL import Image, ImageDraw, ImageFont  # at the first picture: importing it takes a tenth of our start

    image = Image.new("RGB", (_WIDTH, _HEIGHT), _BACKGROUND)
    pen = ImageDraw.Draw(image)
    file = str(resources.files("fontpkg_roboto") / "files" / "Roboto[wdth,wght].ttf")
    text, small = (ImageFont.truetype(file, size, layout_engine=ImageFont.Layout.BASIC) for size in (_TEXT, _SMALL))
    top = _TOP + (_legend(pen, text, chart) if len(chart.series) > 1 else 0)
    highest = max(map(sum, chart.bars), default=0)
    step = nice_step(highest)
    ticks = [step * n for n in range(1, -(-highest // step) + 1)]
    with speaking(chart.tag):
        names = [drawable(_tick_name(tick, step), f"${usd(tick)}") for tick in ticks]
    left = _LEFT + max((pen.textlength(name, small) for name in names), default=0) + 16
    floor, scale = _HEIGHT - _FOOT, (_HEIGHT - _FOOT - top - _SMALL // 2) / (ticks[-1] if ticks else 1)
    for tick, name in zip(ticks, names, strict=True):
        y = floor - tick * scale
        pen.line([(left, y), (_WIDTH - _RIGHT, y)], fill=_GRID, width=2)
        pen.text((left - 16, y), name, fill=_FAINT, font=small, anchor="rm")
    _bars(pen, small, chart, left=left, floor=floor, scale=scale)
    pen.line([(left, floor), (_WIDTH - _RIGHT, floor)], fill=_FAINT, width=2)
    png = io.BytesIO()
    image.save(png, "PNG", compress_level=6)
    return png.getvalue()


def nice_step(highest: int) -> int:
    """The distance between two lines of the grid: 1, 2 or 5 of a power of ten, so that there are two to four."""
    power = 1
    while True:
        for factor in _STEPS:
            if factor * power * 4 >= highest:
                return factor * power
        power *= 10


def _tick_name(nano_usd: int, step: int) -> str:
    """An amount with the decimals that the step between two lines needs, so that all have the same."""
    return money_text(usd(nano_usd), max(2, 10 - len(str(step))) if step < NANO_USD_PER_USD else 0)


def _legend(pen: Any, font: Any, chart: Chart) -> int:
    """The names with their colours, on as many lines as they take; how high they are."""
    x, y = float(_LEFT), _TOP
    for name, colour in zip(chart.series, chart.colours, strict=True):
        short = _fitting(pen, font, name, _WIDTH // 2 - _LEFT - _SWATCH - 34)
        width = _SWATCH + 12 + pen.textlength(short, font) + 30
        if x + width - 30 > _WIDTH - _RIGHT and x > _LEFT:
            x, y = float(_LEFT), y + _LEGEND_LINE
        pen.rectangle([x, y, x + _SWATCH, y + _SWATCH], fill=_COLOURS[colour])
        pen.text((x + _SWATCH + 12, y + _SWATCH // 2), short, fill=_INK, font=font, anchor="lm")
        x += width
    return y + _LEGEND_LINE + 6 - _TOP


def _fitting(pen: Any, font: Any, name: str, most: float) -> str:
    if pen.textlength(name, font) <= most:
        return name
    while name and pen.textlength(f"{name}...", font) > most:
        name = name[:-1]
    return f"{name.rstrip()}..."


def _bars(pen: Any, font: Any, chart: Chart, *, left: float, floor: float, scale: float) -> None:
    room = (_WIDTH - _RIGHT - left) / max(1, len(chart.bars))
    width = min(room * 0.72, 90)
    widest = max((pen.textlength(label, font) for label in chart.labels), default=0) + 14
    edge = max(0.0, (widest - 14 - room) / 2)  # by so much the newest label has to be moved into the picture
    every = max(1, math.ceil((widest + edge) / room))
    for number, (values, label) in enumerate(zip(chart.bars, chart.labels, strict=True)):
        middle = left + room * (number + 0.5)
        below = 0
        for value, colour in zip(values, chart.colours, strict=True):
            if value <= 0:
                continue
            high, low = floor - (below + value) * scale, floor - below * scale
            pen.rectangle(
                [
                    round(middle - width / 2),
                    min(round(high), round(low) - 2),
                    round(middle + width / 2),
                    round(low) - 1,
                ],
                fill=_COLOURS[colour],
            )
            below += value
        if (len(chart.bars) - 1 - number) % every == 0:  # the newest always has its label
            x = max(left + edge, min(middle, _WIDTH - _RIGHT - (widest - 14) / 2))
            pen.text((x, floor + 10), label, fill=_FAINT, font=font, anchor="ma")
