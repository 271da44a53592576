"""Since when every single call is on the books: what was before is there in the sums alone."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from bot.usage.storage.database import Script
from bot.usage.storage.rows import from_microseconds

KEPT_SINCE = "single calls since"
"""The name in `bot_state` of the instant for all servers; a server's own has its id behind it."""


@dataclass(frozen=True, slots=True)
class Kept:
    """Since when every single call is on the books (UTC; None: since the first): of all servers, and of those that keep
    theirs for a shorter time.
    """

    everywhere: datetime | None
    servers: Mapping[int, datetime]

    def of(self, guild_id: int) -> datetime | None:
        """Of one server, 0 for calls outside servers."""
        return max(filter(None, (self.everywhere, self.servers.get(guild_id))), default=None)

    @property
    def whole(self) -> datetime | None:
        """Of the whole bot."""
        return max(filter(None, (self.everywhere, *self.servers.values())), default=None)


def kept() -> Script[Kept]:
    """Since when every single call is on the books, by server."""
    found = yield f"SELECT name, value FROM bot_state WHERE name LIKE '{KEPT_SINCE}%'", ()
    since = {name.removeprefix(KEPT_SINCE).strip(): from_microseconds(int(value)) for name, value in found}
    return Kept(since.pop("", None), {int(guild_id): at for guild_id, at in since.items()})
