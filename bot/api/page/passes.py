"""Passes to the page: signed, short-lived, each for one purpose and one holder. Only the secret behind them is kept.

A link is exchanged for a visit, so that what stands in the browser's history opens nothing for long.
"""

import base64
import hmac
from collections.abc import Callable
from datetime import datetime, timedelta
from enum import StrEnum
from typing import NamedTuple

from bot.translation import spoken
from bot.usage.bookkeeping.claims import Claims

LINK_LASTS = timedelta(minutes=15)
"""As long as Discord lets the message that it stands in be edited."""
VISIT_LASTS = timedelta(hours=1)
_SECRET = "page passes"  # noqa: S105 - the name it is remembered under
_MOST_CHARACTERS = 200


class Purpose(StrEnum):
    """What a pass is for: one of a kind is none of the other."""

    LINK = "link"
    VISIT = "visit"


class Holder(NamedTuple):
    """Whom a pass is for: whoever got a server's link (`guild`, its id), or the holder of a key (`key`, its id)."""

    kind: str
    id: str


class Passes:
    """Issues and reads them. Every method raises `DatabaseUnavailableError`."""

    def __init__(self, claims: Claims, clock: Callable[[], datetime]) -> None:
        self._claims = claims
        self._clock = clock

    async def issue(self, purpose: Purpose, holder: Holder, lasts: timedelta) -> str:
        """A pass that ends after so long. It has letters, digits, `.`, `-` and `_` only."""
        words = f"{holder.kind}.{holder.id}.{int((self._clock() + lasts).timestamp())}"
        return f"{words}.{await self._signature(purpose, words)}"

    async def holder(self, purpose: Purpose, text: str) -> Holder | None:
        """Whom a pass is for; None for one that is forged, for another purpose, or over."""
        words, _, signature = text.rpartition(".")
        if len(text) > _MOST_CHARACTERS or not text.isascii():
            return None
        if not hmac.compare_digest(signature, await self._signature(purpose, words)):
            return None
        kind, holder_id, ends_at = words.split(".")
        return Holder(kind, holder_id) if self._clock().timestamp() < int(ends_at) else None

    async def _signature(self, purpose: Purpose, words: str) -> str:
        secret = await self._claims.secret(_SECRET)
        digest = hmac.digest(secret.encode(), f"{purpose}.{words}".encode(), "sha256")
        return base64.urlsafe_b64encode(digest).decode().rstrip("=")


async def page_link(passes: Passes, public_url: str, guild_id: int) -> str:
    """The address that opens a server's page for whoever has it, for `LINK_LASTS`, in the language spoken now."""
    link = await passes.issue(Purpose.LINK, Holder("guild", str(guild_id)), LINK_LASTS)
    return f"{public_url}/page/open?link={link}&lang={spoken()}"
