"""A view for one person's eyes: it edits the message it was sent as, puts failures into words, and expires."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any, cast
from weakref import WeakValueDictionary

import discord

from bot.client import Trilo, answer_failure
from bot.discord_failures import DISCORD_FAILED
from bot.translation import _, speaking
from bot.words import where
from cogs._kit.look import NOBODY

log = logging.getLogger(__name__)

TIMEOUT_SECONDS = 600.0
"""After the last press. Discord lets us edit an ephemeral message for 15 minutes after an interaction."""


_CONTROLS = (
    discord.ui.Button,
    discord.ui.Select,
    discord.ui.ChannelSelect,
    discord.ui.RoleSelect,
    discord.ui.UserSelect,
    discord.ui.MentionableSelect,
)
"""What can be pressed or chosen from."""
_open: WeakValueDictionary[int, "PrivateView"] = WeakValueDictionary()


def is_from_before(interaction: discord.Interaction[Trilo], prefix: str) -> bool:
    """Whether a press, on a control whose custom id begins so, is on a view that a restart has taken."""
    if interaction.type is not discord.InteractionType.component or interaction.message is None:
        return False
    custom_id = cast("dict[str, str]", interaction.data)["custom_id"]
    return custom_id.startswith(prefix) and not is_open(interaction) and is_offered(interaction)


def is_open(interaction: discord.Interaction[Trilo]) -> bool:
    """Whether this process has the view that was pressed, and it hasn't expired."""
    view = _open.get(interaction.message.id) if interaction.message is not None else None
    return view is not None and view.shown_by is interaction.client and not view.is_finished()


def is_offered(interaction: discord.Interaction[Trilo]) -> bool:
    """Whether the message that was pressed has that control, and its list what was chosen: an id may be made up."""
    if interaction.message is None:
        return False
    data = cast("dict[str, Any]", interaction.data)
    for item in discord.ui.LayoutView.from_message(interaction.message, timeout=None).walk_children():
        if getattr(item, "custom_id", None) == data["custom_id"]:
            known = {option.value for option in item.options} if isinstance(item, discord.ui.Select) else None
            return known is None or known.issuperset(data.get("values", []))
    return False


def opener_of(interaction: discord.Interaction[Trilo]) -> int:
    """Whom the view in the message that was pressed belongs to: whoever used the command, or pressed what opened it."""
    asked = interaction.message.interaction_metadata if interaction.message is not None else None
    return asked.user.id if asked is not None else interaction.user.id


class PrivateView(discord.ui.LayoutView):
    """What `opener_id` sees, to themselves. `command` is what brings a fresh one; `message_id` the message it is in.

    Subclasses check who presses (`interaction_check`); `_lock` is held by whoever reads and shows it anew.
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
        """Lay everything out for a time without presses: by default the controls are off, and it says how to go on.

        Returns whether that changes anything.
        """
        controls = [item for item in self.walk_children() if isinstance(item, _CONTROLS)]
        for item in controls:
            item.disabled = True
        if controls:
            expired = _("-# These controls have expired. Use `{command}` for fresh ones.", command=self._command)
            self.add_item(discord.ui.TextDisplay(expired))
        return bool(controls)

    async def send(self, interaction: discord.Interaction[Trilo]) -> None:
        """Answer a deferred interaction with this view as a message of its own."""
        sent = await interaction.followup.send(
            view=self, ephemeral=True, allowed_mentions=NOBODY, wait=True, **self.attached()
        )
        # Not the interaction's own message: of a button's press that is the message that the button is on.
        self._edit_message = sent.edit
        self.answers_in(sent, interaction.client)

    def attached(self) -> dict[str, Any]:
        """Files that go with it when it is first sent, as `send` takes them. Later edits keep them."""
        return {}

    async def update(self, interaction: discord.Interaction[Trilo]) -> None:
        """Show it as it is laid out now, after an acknowledged press on it, which renews the time to edit it."""
        self._edit_message = interaction.edit_original_response
        message = await interaction.edit_original_response(view=self, allowed_mentions=NOBODY, **self.changed_files())
        self.answers_in(message, interaction.client)

    def changed_files(self) -> dict[str, Any]:
        """Files that take the place of those it was sent with, as an edit takes them; by default these stay."""
        return {}

    def answers_in(self, message: discord.Message, bot: Trilo) -> None:
        """It is shown in that message, and answers to presses there for as long as this process lives."""
        self.message_id, self.shown_by = message.id, bot
        _open[message.id] = self

    async def on_error(  # type: ignore[override]
        self, interaction: discord.Interaction[Trilo], error: Exception, item: object, /
    ) -> None:
        """Words for the person, details for the operator, as the tree does for commands."""
        with speaking(interaction.locale.value):
            await answer_failure(interaction, f"{type(item).__name__} of {self._command}", error)

    async def on_timeout(self) -> None:
        """Leave the figures, and say how to go on."""
        if self._edit_message is None or not self.expire():
            return
        try:
            await self._edit_message(view=self, allowed_mentions=NOBODY)
        except DISCORD_FAILED as error:
            log.debug("a view of %s expired unseen: %s", self._command, where(error))
