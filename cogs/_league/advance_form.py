"""The form that edits an announcement: week, time and message."""

from collections.abc import Callable
from typing import Any

import discord

from bot.client import Trilo
from bot.league.advance_plan import MESSAGE_MOST
from bot.translation import _, mark
from cogs._kit.access import acknowledge
from cogs._kit.owned import OwnedModal, OwnedView
from cogs._kit.tables import cut
from cogs._league.plan_words import safe

Typed = Callable[[str, str, str], None]
"""Takes over a week, a time and a message as they were typed."""
_EXAMPLES = mark("Sunday 8pm, tomorrow 21:00, in 2 days, 2026-11-30 20:00")


class AdvanceForm(OwnedModal):
    """Hands on what was typed: week, time and message, stripped. Nothing is posted."""

    def __init__(self, view: OwnedView, *, week: str, when: str, message: str, typed: Typed) -> None:
        super().__init__(view, _("Edit the announcement"))
        self._typed = typed
        self._week = _field("week", week, 4)
        self._when = _field("when", when, 100)
        self._message = _field("message", message, MESSAGE_MOST, discord.TextStyle.paragraph)
        number = _("A number, or nothing")
        self.add_item(discord.ui.Label(text=_("Week"), description=number, component=self._week))
        self.add_item(discord.ui.Label(text=_("Next advance"), description=_(_EXAMPLES), component=self._when))
        self.add_item(discord.ui.Label(text=_("Your message"), component=self._message))

    async def on_submit(self, interaction: discord.Interaction[Trilo], /) -> None:  # type: ignore[override]
        """Hand it on, and show the announcement anew."""
        await acknowledge(interaction)
        self._typed(self._week.value.strip(), self._when.value.strip(), self._message.value.strip())
        await self.view.redraw(interaction)


def not_understood(when: str) -> str:
    """What to say to a time that can't be read, or that is over."""
    return _(
        "I don't understand “{text}” as a time to come. **Edit** it, like: {examples}.",
        text=safe(cut(when, 80)),
        examples=_(_EXAMPLES),
    )


def _field(name: str, default: str, most: int, style: discord.TextStyle = discord.TextStyle.short) -> Any:
    return discord.ui.TextInput(custom_id=name, default=default, max_length=most, required=False, style=style)
