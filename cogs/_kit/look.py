"""What all our views have in common."""

from collections.abc import Iterable
from typing import Any

import discord

COLOUR = discord.Colour(0x1ABC9C)
NOBODY = discord.AllowedMentions.none()
"""Names and figures never ping (I27)."""


def separated(texts: Iterable[str]) -> list[discord.ui.Item[Any]]:
    """Texts as components, with a line between two; empty ones are left out."""
    items: list[discord.ui.Item[Any]] = []
    for text in filter(None, texts):
        items += [discord.ui.Separator()] if items else []
        items.append(discord.ui.TextDisplay(text))
    return items


def text_view(texts: Iterable[str]) -> discord.ui.LayoutView:
    """A message of texts, with nothing to press."""
    view = discord.ui.LayoutView(timeout=None)
    view.add_item(discord.ui.Container(*separated(texts), accent_colour=COLOUR))
    return view
