"""League actions that are being carried out, on the books, so that one that was cut off by a kill is told afterwards.

What stops an action in an orderly way takes it back (I32). After kill -9 or a power cut nobody is left to do that: then
what remains to be done is to say so.
"""

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Callable, Collection, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from bot.usage.errors import UsageError
from bot.usage.ids import new_id
from bot.usage.storage import audit
from bot.usage.storage.database import Database, Script
from bot.usage.storage.rows import microseconds

log = logging.getLogger(__name__)

SIGN_SECONDS = 20.0
"""Between two signs of life of whoever carries an action out."""
DEAD_AFTER = timedelta(seconds=90)
"""Without a sign for that long an action is taken for cut off, where several processes share the books. Where one
process holds them, what it isn't doing itself nobody does.
"""
KEPT = timedelta(days=2)
"""How long it is tried to tell that an action was cut off."""
_COLUMNS = "id, guild_id, channel_id, user_id, command, action, facts, seen_at"


@dataclass(frozen=True, slots=True)
class Action:
    """What somebody had carried out, and where. `command` is what they used, `action` what the history calls it;
    `facts` as for `LeagueBook.note_action`.
    """

    guild_id: int
    channel_id: int
    user_id: int
    command: str
    action: str
    facts: Mapping[str, Any]


class UnderWay:
    """Which actions are being carried out. Raises `DatabaseUnavailableError` where the books can't be reached."""

    def __init__(self, database: Database, clock: Callable[[], datetime]) -> None:
        self._database = database
        self._clock = clock
        self._ours: set[str] = set()
        self._over: set[str] = set()

    @asynccontextmanager
    async def doing(self, action: Action) -> AsyncIterator[None]:
        """While it is carried out: on the books before it begins, and off them however it ends, but for a kill."""
        name = new_id()
        self._ours.add(name)
        try:
            await self._write_down(name, action)
            signs = asyncio.create_task(self._give_signs(name), name="signs of a league action")
            try:
                yield
            finally:
                signs.cancel()
                await asyncio.gather(signs, return_exceptions=True)
        finally:
            self._over.add(name)
            try:
                await self._take_off()
            except UsageError as error:
                log.warning("a league action that is over stays on the books until they can be reached: %s", error)

    async def cut_off(self, guild_ids: Collection[int]) -> dict[str, Action]:
        """Actions on these servers that nobody carries out any more, by id: for this process alone to tell, now.

        What isn't `told` after all comes up again.
        """
        await self._take_off()
        before = microseconds(self._clock() - DEAD_AFTER) if self._database.shared else microseconds(self._clock()) + 1
        found = await self._database.fetch(f"SELECT {_COLUMNS} FROM league_under_way WHERE seen_at < $1", before)
        mine = {}
        for name, guild_id, channel_id, user_id, command, action, facts, seen_at in found:
            if guild_id in guild_ids and name not in self._ours and await self._is_mine(name, seen_at):
                mine[name] = Action(guild_id, channel_id, int(user_id), command, action, json.loads(facts))
        return mine

    async def told(self, name: str, action: Action) -> None:
        """It has been said, so the history says it too, and it is off the books."""
        await self._database.transact(lambda: self._told(name, action))

    async def forget_old(self) -> None:
        """Delete what nobody could be told of for days: the server has sent us away."""
        before = microseconds(self._clock() - KEPT)
        await self._database.execute("DELETE FROM league_under_way WHERE seen_at < $1", before)

    async def _write_down(self, name: str, action: Action) -> None:
        await self._database.execute(
            f"INSERT INTO league_under_way ({_COLUMNS}) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
            name,
            action.guild_id,
            action.channel_id,
            str(action.user_id),
            action.command,
            action.action,
            json.dumps(dict(action.facts)),
            microseconds(self._clock()),
        )

    def _told(self, name: str, action: Action) -> Script[None]:
        facts = {**action.facts, "result": "cut off"}
        yield from audit.note(self._clock(), action.guild_id, str(action.user_id), action.action, facts)
        yield "DELETE FROM league_under_way WHERE id = $1", (name,)

    async def _is_mine(self, name: str, seen_at: int) -> bool:
        """The first of several processes takes it, for as long as a sign of life is good for."""
        sql = "UPDATE league_under_way SET seen_at = $3 WHERE id = $1 AND seen_at = $2 RETURNING id"
        return bool(await self._database.execute(sql, name, seen_at, microseconds(self._clock())))

    async def _take_off(self) -> None:
        for name in list(self._over):
            await self._database.execute("DELETE FROM league_under_way WHERE id = $1", name)
            self._ours.discard(name)
            self._over.discard(name)

    async def _give_signs(self, name: str) -> None:
        while True:
            await asyncio.sleep(SIGN_SECONDS)
            try:
                sql = "UPDATE league_under_way SET seen_at = $2 WHERE id = $1"
                await self._database.execute(sql, name, microseconds(self._clock()))
            except UsageError as error:
                log.info("no sign of a league action could be given: %s", error)
