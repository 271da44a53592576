"""A view for one person's eyes: it edits the message it was sent as, puts failures into words, and expires."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any, cast
from weakref import WeakValueDictionary

import discord

from bot.client import Trilo, answer_privately
from bot.translation import speaking
from bot.words import where, words_for
from cogs._views.look import NOBODY

log = logging.getLogger(__name__)

TIMEOUT_SECONDS = 600.0
"""After the last press. Discord lets us edit an ephemeral message for 15 minutes after an interaction."""


_open: WeakValueDictionary[int, "PrivateView"] = WeakValueDictionary()


def is_from_before(interaction: discord.Interaction[Trilo], prefix: str) -> bool:
    """Whether a press, on a control whose custom id begins so, is on a view that a restart has taken."""
    if interaction.type is not discord.InteractionType.component or interaction.message is None:
        return False
    custom_id = cast("dict[str, str]", interaction.data)["custom_id"]
    view = _open.get(interaction.message.id)
    is_open = view is not None and view.shown_by is interaction.client and not view.is_finished()
    return custom_id.startswith(prefix) and not is_open


def opener_of(interaction: discord.Interaction[Trilo]) -> int:
    """Whom the view in the message that was pressed belongs to: whoever used the command, or pressed what opened it."""
    asked = interaction.message.interaction_metadata if interaction.message is not None else None
    return asked.user.id if asked is not None else interaction.user.id


class PrivateView(discord.ui.LayoutView):
    """What `opener_id` sees, to themselves. `command` is what brings a fresh one; `message_id` the message it is in.

    Subclasses check who presses (`interaction_check`) and say how they look when nobody can press any more.
    """

    def __init__(self, opener_id: int, command: str) -> None:
        super().__init__(timeout=TIMEOUT_SECONDS)
        self.opener_id = opener_id
        self._command = command
        self._lock = asyncio.Lock()
        self._edit_message: Callable[..., Awaitable[Any]] | None = None
        self.message_id: int | None = None
        self.shown_by: Trilo | None = None

    def expire(self) -> bool:
        """Lay everything out for a time without presses. Returns whether that changes anything."""
        raise NotImplementedError

    async def send(self, interaction: discord.Interaction[Trilo]) -> None:
        """Answer a deferred interaction with this view as a message of its own."""
        sent = await interaction.followup.send(
            view=self, ephemeral=True, allowed_mentions=NOBODY, wait=True, **self.attached()
        )
        # Not the interaction's own message: of a button's press that is the message that the button is on.
        self._edit_message = sent.edit
        self.answers_in(sent, interaction)

    def attached(self) -> dict[str, Any]:
        """Files that go with it when it is first sent, as `send` takes them. Later edits keep them."""
        return {}

    async def update(self, interaction: discord.Interaction[Trilo]) -> None:
        """Show it as it is laid out now, after an acknowledged press on it, which renews the time to edit it."""
        self._edit_message = interaction.edit_original_response
        message = await interaction.edit_original_response(view=self, allowed_mentions=NOBODY, **self.changed_files())
        self.answers_in(message, interaction)

    def changed_files(self) -> dict[str, Any]:
        """Files that take the place of those it was sent with, as an edit takes them; by default these stay."""
        return {}

    def answers_in(self, message: discord.Message, interaction: discord.Interaction[Trilo]) -> None:
        """It is shown in that message, and answers to presses there for as long as this process lives."""
        self.message_id, self.shown_by = message.id, interaction.client
        _open[message.id] = self

    async def on_error(  # type: ignore[override]
        self, interaction: discord.Interaction[Trilo], error: Exception, item: object, /
    ) -> None:
        """Words for the person, details for the operator, as the tree does for commands."""
        log.error("%s of %s failed: %s", type(item).__name__, self._command, where(error))
        with speaking(interaction.locale.value):
            words = words_for(error)
        await answer_privately(interaction, words)

    async def on_timeout(self) -> None:
        """Leave the figures, and say how to go on."""
        if self._edit_message is None or not self.expire():
            return
        try:
            await self._edit_message(view=self, allowed_mentions=NOBODY)
        except discord.HTTPException as error:
            log.debug("a view of %s expired unseen: %s", self._command, where(error))
