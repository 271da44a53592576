"""Text that stays in line whatever people call themselves: safe names, display widths, tables and bars.

Everything here is pure. What it returns is meant for a code block: Discord interprets nothing in there, so neither
Markdown nor a mention in a name does anything, and no name can end the block.
"""

import unicodedata
from collections.abc import Container, Iterable, Sequence
from decimal import Decimal

from bot.translation import _, decimal_text, mark

NO_NAME = mark("(no name)")
ELLIPSIS = "…"
LEFT_TO_RIGHT_MARK = "\u200e"
LABEL_CHARACTERS = 100
"""Most of what Discord takes as an entry of a list, or as a choice while somebody types."""
BARS = "▁▂▃▄▅▆▇█"
ROW_COLUMNS = 27
"""The widest line of a code block that a phone of 400 pixels shows whole: of a 28th column it shows the half."""
NAME_COLUMNS = 40
"""The widest name on lines of its own: Discord's names have up to 32 characters, operations and models more."""

_BREAKS = " _-./"
"""After these a long name may go on in the next line."""
_MAX_MARKS = 2
"""Accents that one letter may carry: real languages need two, towers of them need a limit."""
_INVISIBLE = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u180b\u180c\u180d\u180f\u2800")
"""Characters that show nothing and that Unicode calls letters, symbols or accents."""
_MODIFIERS = (range(0xFE00, 0xFE10), range(0xE0100, 0xE01F0), range(0x1F3FB, 0x1F400))
"""Variation selectors and skin tones: they change the character before them."""
_EMOJI = range(0x1F300, 0x1FB00)
"""Drawn two columns wide, also those too new for this Python's tables."""


def plain(text: str) -> str:
    """One safe line of visible text: no control, bidi or invisible characters, no backticks; `NO_NAME` if none is left.

    Look-alikes (full-width, “fancy” letters) become the letters they stand for.
    """
    text = unicodedata.normalize("NFKC", text)
    text = unicodedata.normalize("NFKC", "".join(_visible(text)))
    text = " ".join("".join(_without_towers(text)).replace("`", "'").split())
    return text or _(NO_NAME)


def display_width(text: str) -> int:
    """How many columns a line of `plain` text takes."""
    return sum(map(_columns, text))


def shorten(text: str, columns: int) -> str:
    """The text, or as much of it as fits with an ellipsis at the end."""
    if display_width(text) <= columns:
        return text
    return text[: _that_fit(text, columns - 1)].rstrip() + ELLIPSIS if columns > 0 else ""


def folded(text: str, columns: int = ROW_COLUMNS) -> list[str]:
    """The text in lines of at most so many columns, broken after a space or sign where one stands late enough."""
    lines = []
    while display_width(text) > columns:
        end = max(1, _that_fit(text, columns))
        sign = max(text.rfind(sign, 0, end) for sign in _BREAKS) + 1
        end = sign if sign * 3 > end else end
        lines.append(text[:end].rstrip())
        text = text[end:].lstrip()
    return [*lines, text]


def cut(text: str, characters: int) -> str:
    """The text, or as much of it as Discord takes in a label or choice: there it counts characters, not columns."""
    return text if len(text) <= characters else text[: characters - 1].rstrip() + ELLIPSIS


def pad(text: str, columns: int, *, right: bool = False) -> str:
    """The text with spaces up to that many columns; before it where it is to stand on the right."""
    spaces = " " * (columns - display_width(text))
    return spaces + text if right else text + spaces


def table(
    rows: Sequence[Sequence[str]], *, right: Container[int] = (), points: Container[int] = (), gap: int = 2
) -> list[str]:
    """The rows as lines of equal display width. Columns in `right` are set to the right, in `points` by their points.

    A name from right to left would turn a line around: such lines begin with an (invisible) left-to-right mark. Put
    names last, where they can't push anything out of line even in a font that draws them wider than they should be.
    """
    cells = [[plain(cell) if cell else "" for cell in row] for row in rows]
    columns = []
    for number, column in enumerate(zip(*cells, strict=True)):
        texts = by_their_points(column) if number in points else column
        width = max(map(display_width, texts))
        columns.append([pad(text, width, right=number in right or number in points) for text in texts])
    return [left_to_right((" " * gap).join(row)) for row in zip(*columns, strict=True)]


def by_their_points(amounts: Sequence[str]) -> list[str]:
    """Amounts with spaces after them, so that set to the right their decimal points are under each other."""
    point = decimal_text(Decimal("0.5"), 1)[1]
    after = [len(amount.partition(point)[2]) + 1 if point in amount else 0 for amount in amounts]
    most = max(after, default=0)
    return [amount + " " * (most - own if own else 0) for amount, own in zip(amounts, after, strict=True)]


def named_figures(
    heading: Sequence[str], rows: Sequence[Sequence[str]], *, right: Container[int] = (), points: Container[int] = ()
) -> list[str]:
    """A heading and rows of figures, with the name of what they belong to last, no wider than a phone shows.

    A row is one line where all fit into one, if need be more closely; else its name stands above its figures.
    """
    rows = [(*row[:-1], shorten(plain(row[-1]), NAME_COLUMNS)) for row in rows]
    for gap in (2, 1):
        header, *lines = table([heading, *rows], right=right, points=points, gap=gap)
        if display_width(header) <= ROW_COLUMNS:
            return [_from_the_left(header, heading[0]), *lines]
    for gap in (2, 1):
        lines = table([row[:-1] for row in (heading, *rows)], right=right, points=points, gap=gap)
        if gap + display_width(lines[0]) <= ROW_COLUMNS:
            break
    return [
        line
        for row, figures in zip((heading, *rows), lines, strict=True)
        for line in (*map(left_to_right, folded(row[-1])), " " * gap + figures)
    ]


def left_to_right(line: str) -> str:
    """The line, kept from being laid out from right to left by what stands in it."""
    turned = any(unicodedata.bidirectional(character) in ("R", "AL", "AN") for character in line)
    return LEFT_TO_RIGHT_MARK + line if turned else line


def code_block(lines: Iterable[str]) -> str:
    """Lines of `plain` text or of a `table` as one code block."""
    return "```\n" + "\n".join(lines) + "\n```"


def sparkline(values: Sequence[int], columns: int) -> str:
    """One bar for each value, as wide as fits into `columns`. Only zero has the lowest bar."""
    highest = max(values, default=0)
    each = min(3, max(1, columns // max(1, len(values))))
    bars = [BARS[-(-value * 7 // highest) if value > 0 else 0] for value in values]
    return " ".join(bar * (each - 1) for bar in bars) if each > 1 else "".join(bars)


def _from_the_left(header: str, first: str) -> str:
    """The header with its first word at the edge: some of Discord's clients drop spaces that begin a code block."""
    words = header.lstrip()
    return words.replace(first, first + " " * (len(header) - len(words)), 1)


def _that_fit(text: str, columns: int) -> int:
    """How many of the text's first characters fit into so many columns."""
    fitting = 0
    for character in text:
        columns -= _columns(character)
        if columns < 0:
            break
        fitting += 1
    return fitting


def _visible(text: str) -> Iterable[str]:
    """The characters that can be seen, spaces for what separates, a sign for what no font has."""
    for character in text:
        category = unicodedata.category(character)
        code = ord(character)
        if character.isspace() or category in ("Cc", "Zl", "Zp"):
            yield " "
        elif category in ("Cf", "Cs", "Me") or character in _INVISIBLE or any(code in range_ for range_ in _MODIFIERS):
            continue
        elif category == "Co" or (category == "Cn" and code not in _EMOJI):
            yield "\ufffd"
        else:
            yield character


def _without_towers(text: str) -> Iterable[str]:
    marks = _MAX_MARKS
    for character in text:
        if unicodedata.category(character) == "Mn":
            marks += 1
            if marks > _MAX_MARKS:
                continue
        else:
            marks = 0 if character != " " else _MAX_MARKS
        yield character


def _columns(character: str) -> int:
    if unicodedata.category(character) in ("Mn", "Me", "Cf"):
        return 0
    wide = unicodedata.east_asian_width(character) in ("W", "F") or ord(character) in _EMOJI
    return 2 if wide else 1
