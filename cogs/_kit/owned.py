"""Views and forms that belong to one person on a server: who presses is checked every time, failures become words."""

from typing import Any

import discord

from bot.client import Trilo, answer_privately
from bot.league.league_book import LeagueBook
from bot.translation import _, mark
from bot.usage.tracker import UsageTracker
from cogs._kit.access import NOT_A_MANAGER, in_time, may_manage
from cogs._kit.asker import Asker
from cogs._kit.form import Form
from cogs._kit.language import hear
from cogs._kit.look import COLOUR
from cogs._kit.private import PrivateView

NOT_YOURS = mark("That belongs to somebody else. Use the command to get your own.")


class OwnedView(PrivateView):
    """What one person may use, by default one who may manage the server. Subclasses say what to `load`, how to `draw`,
    and those that are for others whom to refuse (`refusal`).

    `note` is one line on what was done last.
    """

    def __init__(self, interaction: discord.Interaction[Trilo] | Asker, command: str) -> None:
        super().__init__(interaction.user.id, command)
        assert interaction.guild is not None  # noqa: S101 - the commands are for servers only
        self.guild = interaction.guild
        self.note = ""
        self._bot = interaction.client

    @property
    def tracker(self) -> UsageTracker:
        """The open books."""
        return self._bot.services.tracker

    @property
    def league(self) -> LeagueBook:
        """What the server's league keeps."""
        return self._bot.services.league_book

    async def load(self) -> None:
        """Read what is to be shown, before each drawing. Raises `DatabaseUnavailableError`."""

    def draw(self) -> None:
        """Lay everything out anew."""
        raise NotImplementedError

    async def open(self, interaction: discord.Interaction[Trilo]) -> None:
        """Answer a deferred command with this view. Raises `DatabaseUnavailableError`."""
        await self.load()
        self.draw()
        await self.send(interaction)

    async def redraw(self, interaction: discord.Interaction[Trilo], note: str = "") -> None:
        """Read and show everything anew, with a note, after an acknowledged press."""
        async with self._lock:
            await self.load()
            self.note = note
            self.draw()
            await self.update(interaction)

    async def refusal(self, interaction: discord.Interaction[Trilo]) -> str | None:
        """Words for somebody who may not use this any more; None for those who may, by default who manage the server.

        Raises `DatabaseUnavailableError`.
        """
        return None if await may_manage(interaction) else _(NOT_A_MANAGER)

    async def interaction_check(self, interaction: discord.Interaction[Trilo], /) -> bool:  # type: ignore[override]
        """Only the person it was opened for, and only while they may (I26)."""
        hear(interaction)
        if interaction.user.id == self.opener_id:
            words = await in_time(interaction, self.refusal(interaction))
        else:
            words = _(NOT_YOURS)
        if words is not None:
            await answer_privately(interaction, words)
        return words is None

    def frame(self, *items: discord.ui.Item[Any], colour: discord.Colour = COLOUR) -> None:
        """Replace everything by a container of these items."""
        self.clear_items()
        self.add_item(discord.ui.Container(*items, accent_colour=colour))


class OwnedModal(Form):
    """A form opened from an `OwnedView`, whose checks and words it shares."""

    def __init__(self, view: OwnedView, title: str) -> None:
        super().__init__(title)
        self.view = view

    async def interaction_check(self, interaction: discord.Interaction[Trilo], /) -> bool:  # type: ignore[override]
        """As the view it came from: a permission may be gone while a form is open (I26)."""
        return await self.view.interaction_check(interaction)

    async def on_error(self, interaction: discord.Interaction[Trilo], error: Exception, /) -> None:  # type: ignore[override]
        """Words, as the view it came from."""
        await self.view.on_error(interaction, error, self)
