"""How categories and their channels are laid out: what is kept before they are deleted, and rebuilt from.

Names, order, topics and permissions; never messages (I33).
"""

from typing import Literal

from pydantic import BaseModel

ChannelKind = Literal["text", "news", "voice", "stage_voice", "forum", "media"]
"""Discord's kinds of channels that can be in a category, by discord.py's names."""


class Overwrite(BaseModel):
    """What one role or member may do in a channel besides what roles say: Discord's permission bits."""

    target_id: int
    is_role: bool
    allow: int
    deny: int

    def within(self, held: int) -> "Overwrite":
        """The part that somebody who holds these permissions may set."""
        return self.model_copy(update={"allow": self.allow & held, "deny": self.deny & held})


class ChannelCopy(BaseModel):
    """One channel. `position` is Discord's, among the server's channels; the rest is empty where its kind has none."""

    name: str
    kind: ChannelKind
    position: int
    topic: str | None = None
    nsfw: bool = False
    slowmode_seconds: int = 0
    user_limit: int = 0
    overwrites: list[Overwrite] = []


class CategoryCopy(BaseModel):
    """One category with its channels, in order."""

    name: str
    position: int
    overwrites: list[Overwrite] = []
    channels: list[ChannelCopy] = []


class Layout(BaseModel):
    """Some categories, in order."""

    categories: list[CategoryCopy] = []

    @property
    def channels(self) -> int:
        """How many channels there are in them, without the categories themselves."""
        return sum(len(category.channels) for category in self.categories)
