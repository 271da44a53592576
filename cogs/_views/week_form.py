"""The form that edits a week's plan: its title, and all games as text, to correct, add and remove."""

from typing import TYPE_CHECKING, Any

import discord

from bot.client import Trilo
from bot.league.limits import NAME_CHARACTERS
from bot.translation import _
from cogs._access import acknowledge
from cogs._views.owned import OwnedModal

if TYPE_CHECKING:
    from cogs._views.week_plan import WeekPlanView

TEXT_CHARACTERS = 4_000
"""Most of what Discord takes in a form's field: fifty games and more."""


class WeekForm(OwnedModal):
    """Whoever sends it sees the plan anew; nothing is created."""

    def __init__(self, view: "WeekPlanView") -> None:
        super().__init__(view, _("Edit the week"))
        self._plan = view
        self._title: discord.ui.TextInput[Any] = discord.ui.TextInput(
            custom_id="title", default=view.plan.title, max_length=NAME_CHARACTERS
        )
        self._games: discord.ui.TextInput[Any] = discord.ui.TextInput(
            custom_id="games",
            style=discord.TextStyle.paragraph,
            default=view.text[:TEXT_CHARACTERS],
            max_length=TEXT_CHARACTERS,
        )
        self.add_item(discord.ui.Label(text=_("Name of the category"), component=self._title))
        example = _("One a line, like: Texans vs Colts")
        self.add_item(discord.ui.Label(text=_("Games"), description=example, component=self._games))

    async def on_submit(self, interaction: discord.Interaction[Trilo], /) -> None:  # type: ignore[override]
        """Take it over."""
        await acknowledge(interaction)
        self._plan.change(self._title.value.strip(), self._games.value)
        await self._plan.redraw(interaction)
