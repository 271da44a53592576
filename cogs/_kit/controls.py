"""Buttons and lists that acknowledge a press and do what they were given; the view they are on checks who presses."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any
from zlib import crc32

import discord

from bot.client import Trilo
from cogs._kit.access import acknowledge

Pressed = Callable[[discord.Interaction[Trilo]], Awaitable[None]]
Turn = Callable[[discord.Interaction[Trilo], int], Awaitable[None]]
"""Shows the page so many further on."""
Picked = Callable[[discord.Interaction[Trilo], list[Any]], Awaitable[None]]


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


def turning(page: int, last: int, turn: Turn, *, prefix: str) -> list[Press]:
    """Buttons to the page before and the one after; none where there is but one. Pages count from 0."""
    if not last:
        return []
    return [
        Press("◀", lambda pressed: turn(pressed, -1), custom_id=f"{prefix}:back", disabled=page == 0),
        Press("▶", lambda pressed: turn(pressed, 1), custom_id=f"{prefix}:forth", disabled=page == last),
    ]


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
