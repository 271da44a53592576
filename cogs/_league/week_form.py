"""The form that edits a week's plan: its title, and all games as text, to correct, add and remove."""

from collections.abc import Callable
from typing import Any

import discord

from bot.client import Trilo
from bot.league.limits import NAME_CHARACTERS
from bot.translation import _
from cogs._kit.access import acknowledge
from cogs._kit.owned import OwnedModal, OwnedView

TEXT_CHARACTERS = 4_000
"""Most of what Discord takes in a form's field: fifty games and more. Those beyond it stay as they are."""


class WeekForm(OwnedModal):
    """Hands on a title, stripped, and games as text; then the plan is shown anew. Nothing is created."""

    def __init__(self, view: OwnedView, title: str, games: str, typed: Callable[[str, str], None]) -> None:
        super().__init__(view, _("Edit the week"))
        self._typed = typed
        shown, self._rest = _that_fit(games)
        self._title: discord.ui.TextInput[Any] = discord.ui.TextInput(
            custom_id="title", default=title, max_length=NAME_CHARACTERS
        )
        self._games: discord.ui.TextInput[Any] = discord.ui.TextInput(
            custom_id="games",
            style=discord.TextStyle.paragraph,
            default=shown,
            max_length=TEXT_CHARACTERS,
        )
        self.add_item(discord.ui.Label(text=_("Name of the category"), component=self._title))
        example = _("One a line, like: Texans vs Colts")
        self.add_item(discord.ui.Label(text=_("Games"), description=example, component=self._games))

    async def on_submit(self, interaction: discord.Interaction[Trilo], /) -> None:  # type: ignore[override]
        """Hand it on."""
        await acknowledge(interaction)
        self._typed(self._title.value.strip(), f"{self._games.value}\n{self._rest}")
        await self.view.redraw(interaction)


def _that_fit(lines: str) -> tuple[str, str]:
    """The first lines, as many as the field takes, and the rest."""
    if len(lines) <= TEXT_CHARACTERS:
        return lines, ""
    end = lines.rfind("\n", 0, TEXT_CHARACTERS + 1)
    return lines[:end], lines[end + 1 :]
