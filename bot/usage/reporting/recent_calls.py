"""Single calls, newest first, a page at a time: who, what, how many tokens, what it cost. Never a text."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, fields
from datetime import datetime

from bot.usage.bookkeeping.kept_since import kept
from bot.usage.context import storable
from bot.usage.storage.database import Database, Row
from bot.usage.storage.queued import wait_for_queued
from bot.usage.storage.rows import from_microseconds, microseconds

MOST = 1_000
"""Calls that are read at once."""
_COLUMNS = (
    "id, started_at, kind, guild_id, channel_id, user_id, session_id, operation, agent_name, workflow_id, "
    "COALESCE(response_model, request_model), provider, status, estimated, input_tokens, cached_input_tokens, "
    "output_tokens, reasoning_output_tokens, cost_nano_usd, duration_ms, error_type"
)
_PAGE = (
    f"SELECT {_COLUMNS} FROM usage_records WHERE status <> 'open' AND started_at >= $1 "
    "AND (started_at < $2 OR (started_at = $2 AND id < $3)) {which} ORDER BY started_at DESC, id DESC LIMIT $4"
)
# A plus keeps the database from reading all that the server has: there are few calls of one execution.
_OF_EXECUTION = (
    f"SELECT {_COLUMNS} FROM usage_records WHERE +guild_id = $1 AND execution_id = $2 AND status <> 'open' "
    "ORDER BY started_at, id LIMIT 100"
)


@dataclass(frozen=True, slots=True)
class RecentCall:
    """One call on the books. `started_at` is UTC; `cost_nano_usd` is None where no price is known."""

    id: str
    started_at: datetime
    kind: str
    guild_id: int
    channel_id: int | None
    user_id: str | None
    session_id: str | None
    operation: str
    agent_name: str | None
    workflow_id: str | None
    model: str
    provider: str
    status: str
    estimated: bool
    input_tokens: int
    cached_input_tokens: int
    output_tokens: int
    reasoning_output_tokens: int
    cost_nano_usd: int | None
    duration_ms: int
    error_type: str | None


class RecentCalls:
    """Reads them, as far back as their detail is kept. Raises `DatabaseUnavailableError`."""

    def __init__(self, database: Database, before_reading: Callable[[], Awaitable[object]]) -> None:
        self._database = database
        self._before_reading = before_reading

    async def page(
        self,
        since: datetime,
        before: tuple[datetime, str],
        *,
        limit: int = 100,
        guild_id: int | None = None,
        failed: bool = False,
    ) -> list[RecentCall]:
        """Calls that began at `since` or later and come after `before`, an instant and an id, newest first.

        `failed`: only those that ended otherwise than they should.
        """
        await wait_for_queued(self._before_reading)
        parameters = [microseconds(since), microseconds(before[0]), before[1], max(1, min(limit, MOST))]
        which = "" if guild_id is None else "AND guild_id = $5"
        sql = _PAGE.format(which=f"{which} AND status <> 'ok'" if failed else which)
        if guild_id is not None:
            parameters.append(guild_id)
        rows = await self._database.fetch(sql, *parameters)
        return [_call(row) for row in rows]

    async def of_execution(self, guild_id: int, execution_id: object) -> list[RecentCall]:
        """A server's calls that were made for one execution (of the bot's answers: the question's message), the first
        hundred of them, oldest first.
        """
        await wait_for_queued(self._before_reading)
        rows = await self._database.fetch(_OF_EXECUTION, guild_id, storable(execution_id))
        return [_call(row) for row in rows]

    async def kept_since(self) -> datetime | None:
        """Since when every single call is on the books (UTC); None: since the first."""
        return (await self._database.read(kept)).whole


def _call(row: Row) -> RecentCall:
    values = dict(zip(_NAMES, row, strict=True))
    values["started_at"] = from_microseconds(values["started_at"])
    values["estimated"] = bool(values["estimated"])
    return RecentCall(**values)


_NAMES = tuple(f.name for f in fields(RecentCall))
