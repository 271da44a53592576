"""The picture that a plan was read from: sent along once, and shown beside the plan and its result from then on."""

import base64
import io
from typing import Any

import discord

_EXTENSIONS = {"image/png": "png", "image/jpeg": "jpg", "image/webp": "webp", "image/gif": "gif"}


class PlanPicture:
    """A picture by its data address; an empty one is none."""

    def __init__(self, address: str) -> None:
        self._address = address
        kind = address[5:].partition(";")[0]
        self._name = f"schedule.{_EXTENSIONS.get(kind, 'png')}" if address else ""

    def leave_out(self) -> None:
        """Go without it, where files may not be sent."""
        self._name = ""

    def attached(self) -> dict[str, Any]:
        """The file, as `send` takes it: it is the message's own from then on, and not kept here."""
        if not self._name:
            return {}
        content = base64.b64decode(self._address.partition(",")[2])
        self._address = ""
        return {"file": discord.File(io.BytesIO(content), self._name)}

    def items(self) -> list[discord.ui.Item[Any]]:
        """It as part of a view, if there is one."""
        if not self._name:
            return []
        return [discord.ui.MediaGallery(discord.MediaGalleryItem(f"attachment://{self._name}"))]
