"""A view for one person's eyes: it edits the message it was sent as, puts failures into words, and expires."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any

import discord

from bot.client import Trilo, answer_privately
from bot.words import where, words_for
from cogs._views.look import NOBODY

log = logging.getLogger(__name__)

TIMEOUT_SECONDS = 600.0
"""After the last press. Discord lets us edit an ephemeral message for 15 minutes after an interaction."""


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

    def expire(self) -> bool:
        """Lay everything out for a time without presses. Returns whether that changes anything."""
        raise NotImplementedError

    async def send(self, interaction: discord.Interaction[Trilo]) -> None:
        """Answer a deferred interaction with this view as a message of its own."""
        sent = await interaction.followup.send(
            view=self, ephemeral=True, allowed_mentions=NOBODY, wait=True, **self.attached()
        )
        # Not the interaction's own message: of a button's press that is the message that the button is on.
        self._edit_message, self.message_id = sent.edit, sent.id

    def attached(self) -> dict[str, Any]:
        """Files that go with it when it is first sent, as `send` takes them. Later edits keep them."""
        return {}

    async def update(self, interaction: discord.Interaction[Trilo]) -> None:
        """Show it as it is laid out now, after an acknowledged press on it, which renews the time to edit it."""
        self._edit_message = interaction.edit_original_response
        await self._edit_message(view=self, allowed_mentions=NOBODY)

    async def on_error(  # type: ignore[override]
        self, interaction: discord.Interaction[Trilo], error: Exception, item: object, /
    ) -> None:
        """Words for the person, details for the operator, as the tree does for commands."""
        log.error("%s of %s failed: %s", type(item).__name__, self._command, where(error))
        await answer_privately(interaction, words_for(error))

    async def on_timeout(self) -> None:
        """Leave the figures, and say how to go on."""
        if self._edit_message is None or not self.expire():
            return
        try:
            await self._edit_message(view=self, allowed_mentions=NOBODY)
        except discord.HTTPException as error:
            log.debug("a view of %s expired unseen: %s", self._command, where(error))
