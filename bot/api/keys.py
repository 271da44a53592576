"""Keys to the API: made once, shown once, kept as a digest; each reads or writes, for one server or for all."""

import hashlib
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from bot.usage.ids import new_id
from bot.usage.storage.database import Database, Row
from bot.usage.storage.rows import from_microseconds, microseconds

PREFIX = "trilo_"
"""How every key begins, so that a leaked one is found."""
LABEL_CHARACTERS = 100
_COLUMNS = "id, label, may_write, guild_id, created_at, revoked_at"


@dataclass(frozen=True, slots=True)
class ApiKey:
    """What a key may do. `guild_id` None: all servers. Instants are UTC. The key itself isn't kept anywhere (I35)."""

    id: str
    label: str
    may_write: bool
    guild_id: int | None
    made_at: datetime
    revoked_at: datetime | None = None

    def may_see(self, guild_id: int | None) -> bool:
        """Whether it opens a server's figures; None: those of all servers together (I26)."""
        return self.guild_id is None or self.guild_id == guild_id


LOOPBACK = ApiKey("loopback", "reads on this machine", False, None, datetime.min)  # noqa: DTZ901 - it was never made
"""Whoever asks from this machine in development, without a key: may read."""


class KeyBook:
    """Makes, lists, revokes and recognises keys. Every method raises `DatabaseUnavailableError`."""

    def __init__(self, database: Database, clock: Callable[[], datetime]) -> None:
        self._database = database
        self._clock = clock

    async def create(self, label: str, *, may_write: bool = False, guild_id: int | None = None) -> tuple[ApiKey, str]:
        """A new key, and its text, which can't be shown again."""
        text = PREFIX + secrets.token_urlsafe(32)
        key = ApiKey(new_id(), label[:LABEL_CHARACTERS], may_write, guild_id, self._clock())
        await self._database.execute(
            "INSERT INTO api_keys (id, digest, label, may_write, guild_id, created_at) VALUES ($1, $2, $3, $4, $5, $6)",
            key.id,
            _digest(text),
            key.label,
            int(may_write),
            guild_id,
            microseconds(key.made_at),
        )
        return key, text

    async def all(self) -> list[ApiKey]:
        """Every key, the revoked ones too, oldest first."""
        return [
            _key(row) for row in await self._database.fetch(f"SELECT {_COLUMNS} FROM api_keys ORDER BY created_at, id")
        ]

    async def revoke(self, key_id: str) -> bool:
        """End a key, from the next request on. False where there is none of that id, or it is revoked already."""
        sql = "UPDATE api_keys SET revoked_at = $2 WHERE id = $1 AND revoked_at IS NULL RETURNING id"
        return bool(await self._database.execute(sql, key_id, microseconds(self._clock())))

    async def find(self, key_id: str) -> ApiKey | None:
        """The key of that id; None where there is none, and for one that is revoked."""
        sql = f"SELECT {_COLUMNS} FROM api_keys WHERE id = $1 AND revoked_at IS NULL"
        rows = await self._database.fetch(sql, key_id)
        return _key(rows[0]) if rows else None

    async def recognise(self, text: str) -> ApiKey | None:
        """The key with that text; None for any other, and for one that is revoked."""
        sql = f"SELECT {_COLUMNS} FROM api_keys WHERE digest = $1 AND revoked_at IS NULL"
        rows = await self._database.fetch(sql, _digest(text))
        return _key(rows[0]) if rows else None


def _digest(text: str) -> str:
    """A key has 256 random bits: one round of a hash is enough, and looking digests up tells nothing by its time."""
    return hashlib.sha256(text.encode()).hexdigest()


def _key(row: Row) -> ApiKey:
    key_id, label, may_write, guild_id, made_at, revoked_at = row
    ended = from_microseconds(revoked_at) if revoked_at is not None else None
    return ApiKey(key_id, label, bool(may_write), guild_id, from_microseconds(made_at), ended)
