"""Which calls an answer was made by: a row for each message that shows one, so that its cost can be asked for later."""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

from bot.usage.reporting.recent_calls import RecentCall, RecentCalls
from bot.usage.storage.database import Database, Script
from bot.usage.storage.rows import microseconds

KEPT = timedelta(days=366)
"""Longer than single calls are kept by most."""
_NOTE = (
    "INSERT INTO shown_answers (message_id, guild_id, execution_id, shown_at) VALUES ($1, $2, $3, $4) "
    "ON CONFLICT (message_id) DO NOTHING"
)


class ShownAnswers:
    """Remembers them. Every method raises `DatabaseUnavailableError` where the books can't be reached."""

    def __init__(self, database: Database, clock: Callable[[], datetime], calls: RecentCalls) -> None:
        self._database = database
        self._clock = clock
        self._calls = calls

    async def note(self, guild_id: int, message_ids: Sequence[int], execution_id: str) -> None:
        """Remember that these messages show what was made under this execution."""
        now_us = microseconds(self._clock())

        def noting() -> Script[None]:
            for message_id in message_ids:
                yield _NOTE, (message_id, guild_id, execution_id, now_us)

        await self._database.transact(noting)

    async def calls(self, guild_id: int, message_id: int) -> list[RecentCall] | None:
        """The calls behind a message on a server, oldest first; None where it isn't known to show an answer (I26)."""
        sql = "SELECT execution_id FROM shown_answers WHERE message_id = $1 AND guild_id = $2"
        found = await self._database.fetch(sql, message_id, guild_id)
        return await self._calls.of_execution(guild_id, found[0][0]) if found else None

    async def forget_old(self) -> None:
        """Delete what nobody will ask for any more."""
        sql = "DELETE FROM shown_answers WHERE shown_at < $1"
        await self._database.execute(sql, microseconds(self._clock() - KEPT))
