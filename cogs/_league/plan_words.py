"""What a plan is put together from: names that are only letters, and no more of it than Discord takes at once."""

from collections.abc import Callable, Sequence
from typing import Any

import discord
from discord.utils import escape_markdown

from bot.figures import money
from bot.translation import _, count_text
from bot.usage.reporting.receipts import Receipt
from cogs._kit.controls import Press, Pressed
from cogs._kit.tables import cut, plain, shorten

ROOM = 3_800
"""Characters of a plan at once: Discord allows 4,000 in a message, and a note that it has expired wants some."""
_MOST = 5
"""Of what is wrong, and of names in a row: the rest is counted."""
_CHARACTERS = 1_100
"""Of remarks of one kind, together."""
_NAME_COLUMNS = 40


def safe(name: str) -> str:
    """A name that people or a model gave, for Discord's Markdown: no styles, links, mentions or hidden characters."""
    return escape_markdown(plain(name)).replace("<", "\\<")


def listed(names: Sequence[str]) -> str:
    """The first names in code font, and how many more there are."""
    told = ", ".join(f"`{shorten(plain(name), _NAME_COLUMNS)}`" for name in names[:_MOST])
    return _("{names} and {n} more", names=told, n=len(names) - _MOST) if len(names) > _MOST else told


def problems(lines: Sequence[str]) -> str:
    """The first of what has to be mended."""
    return remarks(lines[:_MOST], len(lines), mark="⚠️ ")


def remarks(lines: Sequence[str], count: int | None = None, mark: str = "") -> str:
    """The first lines, as many as there is room for, each with a mark, and how many more of `count` there are."""
    kept: list[str] = []
    for line in lines:
        if kept and sum(map(len, kept)) + len(line) > _CHARACTERS:
            break
        kept.append(cut(line, _CHARACTERS))
    left = (len(lines) if count is None else count) - len(kept)
    more = [_("And {n} more of that kind.", n=left)] if left else []
    return "\n".join(f"{mark}{line}" for line in [*kept, *more])


def pages(lines: Sequence[str], characters: int) -> list[str]:
    """The lines as pages of at most so many characters, at least one; a line that is longer goes on on the next."""
    found = [""]
    for line in lines:
        for start in range(0, max(len(line), 1), characters):
            piece = line[start : start + characters]
            if found[-1] and len(found[-1]) + 1 + len(piece) > characters:
                found.append("")
            found[-1] += f"\n{piece}" if found[-1] else piece
    return found


def page_row(page: int, count: int, turn: Callable[[int], Pressed]) -> discord.ui.ActionRow[Any]:
    """Buttons to the page before and after; `page` counts from 0, `turn` makes a step of so many pages."""
    return discord.ui.ActionRow(
        Press("◀", turn(-1), custom_id="plan:back", disabled=page == 0),
        Press(_("{page} of {pages}", page=page + 1, pages=count), turn(0), custom_id="plan:page", disabled=True),
        Press("▶", turn(1), custom_id="plan:on", disabled=page == count - 1),
    )


def cost_words(paper: Receipt, *, dollars: bool) -> str:
    """What reading the request took; nothing where no model was asked."""
    if not paper.calls:
        return ""
    tokens = count_text(paper.total_tokens)
    if not dollars:
        return _("-# Reading this took {tokens} tokens.", tokens=tokens)
    cost = money(paper.known_cost_nano_usd)
    return _("-# Reading this took {tokens} tokens and cost {cost}.", tokens=tokens, cost=cost)
