"""Work that may be done once only, by whichever process is first, and what the bot remembers between starts."""

import secrets
from collections.abc import Callable
from datetime import datetime, timedelta

from bot.usage.storage.database import Database
from bot.usage.storage.rows import microseconds

KEPT = timedelta(days=2)
"""How long a claim is remembered: longer than Discord delivers anything again."""
PSEUDONYM_KEY = "pseudonym key"
"""The secret that analytics' names for people are made with. Whoever erases a person deletes it, so that nobody can
make that name again, us included (I34); everybody else gets a new one as well."""


class Claims:
    """Claims on message and interaction ids, in the database, so that an old and a new process never both answer."""

    def __init__(self, database: Database, clock: Callable[[], datetime]) -> None:
        self._database = database
        self._clock = clock

    async def claim(self, claim_id: object) -> bool:
        """Whether the work is ours: True for the first to ask, in any process. Raises `DatabaseUnavailableError`."""
        now_us = microseconds(self._clock())
        sql = "INSERT INTO claims (id, claimed_at) VALUES ($1, $2) ON CONFLICT (id) DO NOTHING RETURNING id"
        return bool(await self._database.execute(sql, str(claim_id), now_us))

    async def forget_old(self) -> None:
        """Delete claims that nobody can make again."""
        await self._database.execute("DELETE FROM claims WHERE claimed_at < $1", microseconds(self._clock() - KEPT))

    async def recall(self, name: str) -> str | None:
        """What was remembered under a name."""
        found = await self._database.fetch("SELECT value FROM bot_state WHERE name = $1", name)
        return str(found[0][0]) if found else None

    async def remember(self, name: str, value: str) -> None:
        """Remember a value under a name, beyond the next start, in place of what was there."""
        sql = (
            "INSERT INTO bot_state (name, value) VALUES ($1, $2) "
            "ON CONFLICT (name) DO UPDATE SET value = excluded.value"
        )
        await self._database.execute(sql, name, value)

    async def secret(self, name: str) -> str:
        """64 random hexadecimal digits, the same for every process from the first time somebody asks for that name.

        Whoever deletes the name from `bot_state` has another one made.
        """
        found = await self.recall(name)
        if found is None:
            sql = "INSERT INTO bot_state (name, value) VALUES ($1, $2) ON CONFLICT (name) DO NOTHING"
            await self._database.execute(sql, name, secrets.token_hex(32))
            found = await self.recall(name)
        assert found is not None  # noqa: S101 - it was written just now
        return found
