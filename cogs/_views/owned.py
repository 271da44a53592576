"""Views that belong to one person who may manage a server: who presses is checked every time, failures become words."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any
from zlib import crc32

import discord

from bot.client import Trilo, answer_privately
from bot.league.league_book import LeagueBook
from bot.translation import _, mark
from bot.usage.tracker import UsageTracker
from cogs._access import NOT_A_MANAGER, acknowledge, in_time, may_manage
from cogs._asker import Asker
from cogs._language import hear
from cogs._views.form import Form
from cogs._views.look import COLOUR
from cogs._views.private import PrivateView

NOT_YOURS = mark("That belongs to somebody else. Use the command to get your own.")

Pressed = Callable[[discord.Interaction[Trilo]], Awaitable[None]]
Picked = Callable[[discord.Interaction[Trilo], list[Any]], Awaitable[None]]


class OwnedView(PrivateView):
    """What one person who may manage a server sees, to themselves. Subclasses say what to `load` and how to `draw`, and
    those that are for others whom to refuse (`refusal`).

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

    def expire(self) -> bool:
        """Disable the controls, and say how to go on; without controls all stays as it is."""
        controls = [item for item in self.walk_children() if isinstance(item, CONTROLS)]
        if not controls:
            return False
        for item in controls:
            item.disabled = True
        expired = _("-# These controls have expired. Use `{command}` for fresh ones.", command=self._command)
        self.add_item(discord.ui.TextDisplay(expired))
        return True

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


class Press(discord.ui.Button[Any]):
    """A button that acknowledges at once and then does what it was given; one that opens a form leaves that to it."""

    def __init__(
        self,
        label: str,
        pressed: Pressed,
        *,
        custom_id: str,
        style: discord.ButtonStyle = discord.ButtonStyle.secondary,
        disabled: bool = False,
        opens_form: bool = False,
    ) -> None:
        super().__init__(label=label, custom_id=custom_id, style=style, disabled=disabled)
        self._pressed = pressed
        self._opens_form = opens_form

    async def callback(self, interaction: discord.Interaction[Trilo]) -> None:  # type: ignore[override]
        """Do it."""
        if not self._opens_form:
            await acknowledge(interaction)
        await self._pressed(interaction)


class Pick(discord.ui.Select[Any]):
    """A list to choose one of."""

    def __init__(
        self, options: Sequence[discord.SelectOption], picked: Picked, *, custom_id: str, placeholder: str | None = None
    ) -> None:
        super().__init__(options=list(options), custom_id=custom_id, placeholder=placeholder, id=_own_id(custom_id))
        self._picked = picked

    async def callback(self, interaction: discord.Interaction[Trilo]) -> None:  # type: ignore[override]
        """Hand on what was chosen."""
        await acknowledge(interaction)
        await self._picked(interaction, list(self.values))


class PickChannel(discord.ui.ChannelSelect[Any]):
    """A text channel to choose, or several of these `kinds`; choosing none is a choice too."""

    def __init__(
        self,
        picked: Picked,
        *,
        custom_id: str,
        placeholder: str,
        chosen: int | Sequence[int] | None = None,
        kinds: Sequence[discord.ChannelType] = (discord.ChannelType.text, discord.ChannelType.news),
        most: int = 1,
    ) -> None:
        super().__init__(
            channel_types=list(kinds),
            custom_id=custom_id,
            id=_own_id(custom_id),
            placeholder=placeholder,
            min_values=0,
            max_values=most,
            default_values=_chosen(chosen, discord.SelectDefaultValueType.channel),
        )
        self._picked = picked

    async def callback(self, interaction: discord.Interaction[Trilo]) -> None:  # type: ignore[override]
        """Hand on what was chosen: at most one channel, or as many as it was made for."""
        await acknowledge(interaction)
        await self._picked(interaction, list(self.values))


class PickRole(discord.ui.RoleSelect[Any]):
    """A role to choose, or several; choosing none is a choice too."""

    def __init__(
        self,
        picked: Picked,
        *,
        custom_id: str,
        placeholder: str,
        chosen: int | Sequence[int] | None = None,
        most: int = 1,
    ) -> None:
        super().__init__(
            custom_id=custom_id,
            id=_own_id(custom_id),
            placeholder=placeholder,
            min_values=0,
            max_values=most,
            default_values=_chosen(chosen, discord.SelectDefaultValueType.role),
        )
        self._picked = picked

    async def callback(self, interaction: discord.Interaction[Trilo]) -> None:  # type: ignore[override]
        """Hand on what was chosen: at most one role, or as many as it was made for."""
        await acknowledge(interaction)
        await self._picked(interaction, list(self.values))


def _own_id(custom_id: str) -> int:
    """A list's id within its message (31 bits). An automatic one is its position: whatever list comes to stand there
    after a redraw would be shown with what was chosen in the one before it.
    """
    return crc32(custom_id.encode()) >> 1


def _chosen(ids: int | Sequence[int] | None, kind: discord.SelectDefaultValueType) -> list[discord.SelectDefaultValue]:
    several = [ids] if isinstance(ids, int) else ids or ()
    return [discord.SelectDefaultValue(id=entity_id, type=kind) for entity_id in several]


CONTROLS = (
    Press,
    discord.ui.Select,
    discord.ui.ChannelSelect,
    discord.ui.RoleSelect,
    discord.ui.UserSelect,
    discord.ui.MentionableSelect,
)
"""What can be pressed or chosen from."""
