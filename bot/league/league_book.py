"""What a league keeps: who plays which team, what was deleted, so that it can be rebuilt, and who did what."""

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from bot.league.names import key_of
from bot.league.team_list import MAX_TEAMS, Team
from bot.league.under_way import UnderWay
from bot.usage.context import storable
from bot.usage.errors import TriloError
from bot.usage.ids import new_id
from bot.usage.storage import audit
from bot.usage.storage.database import Database, Row, Script
from bot.usage.storage.rows import from_microseconds, microseconds

SNAPSHOT_DAYS = 90
"""How long what was deleted can be rebuilt."""
MOST_SNAPSHOTS = 25
MOST_HISTORY = 500
"""Lines of history that are read at once."""
_ACTION = "league "
ADVANCE = f"{_ACTION}advance announced"
"""The action that begins a week."""
_SELECT_SNAPSHOT = "SELECT id, at, actor, content FROM league_snapshots WHERE guild_id = $1"


class TooManyTeamsError(TriloError):
    """A server would have more teams than it may have."""

    def __init__(self) -> None:
        super().__init__(f"a server may have {MAX_TEAMS} teams")


class TeamExistsError(TriloError):
    """A team can't get that name: another one has it. `name` is as it is on the list."""

    def __init__(self, name: str) -> None:
        super().__init__("another team has that name")
        self.name = name


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What was deleted, as whoever deleted it described it. `at` is UTC, `actor` a user's id."""

    id: str
    at: datetime
    actor: str
    content: Mapping[str, Any]


class LeagueBook:
    """Reads and changes it. Every method raises `DatabaseUnavailableError` where the books can't be reached.

    `clock` tells the time in UTC. What is being carried out is `under_way`. Names of the same letters and digits mean
    the same team, whatever their case.
    """

    def __init__(self, database: Database, clock: Callable[[], datetime]) -> None:
        self._database = database
        self._clock = clock
        self.under_way = UnderWay(database, clock)

    async def teams(self, guild_id: int) -> list[Team]:
        """A server's teams by name."""
        rows = await self._database.fetch("SELECT name, user_id FROM league_teams WHERE guild_id = $1", guild_id)
        return sorted((Team(name, user_id) for name, user_id in rows), key=lambda team: team.name.casefold())

    async def set_teams(self, guild_id: int, teams: Iterable[Team], *, actor: object) -> None:
        """Put this list in the place of the one there is. Of two with one name the later holds.

        Raises `TooManyTeamsError`, and nothing is changed then.
        """
        wanted = {_key(team.name): team for team in teams}
        if len(wanted) > MAX_TEAMS:
            raise TooManyTeamsError
        await self._database.transact(lambda: self._set_teams(guild_id, list(wanted.values()), str(actor)))

    async def put_team(self, guild_id: int, team: Team, *, actor: object, instead_of: str | None = None) -> bool:
        """Add a team, or change who plays it; with `instead_of`, a team's name, change that one, its name too.

        False where no team is called `instead_of` any more. Raises `TooManyTeamsError`, and `TeamExistsError` where the
        new name is another team's.
        """
        return await self._database.transact(lambda: self._put_team(guild_id, team, str(actor), instead_of))

    async def remove_team(self, guild_id: int, name: str, *, actor: object) -> bool:
        """Take a team off the list; False where there is none of that name."""
        return await self._database.transact(lambda: self._remove_team(guild_id, name, str(actor)))

    async def keep_snapshot(self, guild_id: int, content: Mapping[str, Any], *, actor: object) -> str:
        """Keep what is about to be deleted, as JSON, for `SNAPSHOT_DAYS`. Returns its id."""
        snapshot_id = new_id()
        await self._database.execute(
            "INSERT INTO league_snapshots (id, guild_id, at, actor, content) VALUES ($1, $2, $3, $4, $5)",
            snapshot_id,
            guild_id,
            microseconds(self._clock()),
            str(actor),
            json.dumps(dict(content)),
        )
        return snapshot_id

    async def snapshots(self, guild_id: int) -> list[Snapshot]:
        """A server's newest snapshots, newest first: as many as Discord offers in a list."""
        sql = f"{_SELECT_SNAPSHOT} ORDER BY at DESC, id DESC LIMIT {MOST_SNAPSHOTS}"
        return [_snapshot_of(row) for row in await self._database.fetch(sql, guild_id)]

    async def snapshot(self, guild_id: int, snapshot_id: str) -> Snapshot | None:
        """One of a server's own snapshots; None where it has none of that id (I26)."""
        rows = await self._database.fetch(f"{_SELECT_SNAPSHOT} AND id = $2", guild_id, storable(snapshot_id))
        return _snapshot_of(rows[0]) if rows else None

    async def forget_old(self) -> None:
        """Delete the snapshots whose time is over, and what was cut off on servers that nobody has come back to."""
        oldest = microseconds(self._clock() - timedelta(days=SNAPSHOT_DAYS))
        await self._database.execute("DELETE FROM league_snapshots WHERE at < $1", oldest)
        await self.under_way.forget_old()

    async def of_person(self, user_id: int) -> dict[str, list[dict[str, str]]]:
        """The teams that somebody plays and the snapshots they made, ready for JSON."""
        teams = await self._database.fetch(
            "SELECT guild_id, name FROM league_teams WHERE user_id = $1 ORDER BY guild_id, name", user_id
        )
        made = await self._database.fetch(
            "SELECT guild_id, at FROM league_snapshots WHERE actor = $1 ORDER BY at", str(user_id)
        )
        return {
            "teams": [{"guild_id": str(guild_id), "team": name} for guild_id, name in teams],
            "deletions": [
                {"guild_id": str(guild_id), "at": from_microseconds(at).isoformat()} for guild_id, at in made
            ],
        }

    async def forget_person(self, user_id: int, guild_id: int | None = None) -> None:
        """Take somebody out of teams and snapshots, on one server or on all (None): the teams stay, without them."""
        await self._database.transact(lambda: _forget_person(user_id, guild_id))

    async def forget_server(self, guild_id: int) -> None:
        """Delete all that is kept of a server's league."""
        for table in ("league_teams", "league_snapshots", "league_under_way"):
            await self._database.execute(f"DELETE FROM {table} WHERE guild_id = $1", guild_id)

    async def note_action(self, guild_id: int, *, actor: object, action: str, facts: Mapping[str, Any]) -> None:
        """Write down what was carried out. `action` begins with "league ", or it is a `ValueError`.

        Facts, all of them optional: `week`, `title` or `titles` (of categories), the counts `channels`, `posts` and
        `players`, ids; `cost_nano_usd` (None: unknown) and `tokens` of the calls that read what was asked for; `result`
        ("done", "rolled back", "cut off"). Never the text of a message (I33).
        """
        if not action.startswith(_ACTION):
            raise ValueError(f"{action!r} would be missing from the history")
        await self._database.transact(lambda: audit.note(self._clock(), guild_id, str(actor), action, facts))

    async def history(self, guild_id: int, days: int) -> list[audit.AuditLine]:
        """What was done to a server's league in the last days, newest first, at most `MOST_HISTORY` lines."""
        since = microseconds(self._clock() - timedelta(days=days))
        rows = await self._database.fetch(
            "SELECT at, guild_id, actor, action, facts FROM audit_log WHERE guild_id = $1 AND at >= $2 "
            f"AND action LIKE '{_ACTION}%' ORDER BY at DESC, id DESC LIMIT {MOST_HISTORY}",
            guild_id,
            since,
        )
        return [
            audit.AuditLine(from_microseconds(at), guild, actor, action, json.loads(facts))
            for at, guild, actor, action, facts in rows
        ]

    async def advances(self, guild_id: int) -> list[tuple[datetime, int]]:
        """When each week began: the instants (UTC) at which a server's advances were announced, and to which week,
        oldest first. A week that was announced again begins when it was announced first.
        """
        rows = await self._database.fetch(
            f"SELECT at, facts FROM audit_log WHERE guild_id = $1 AND action = '{ADVANCE}' ORDER BY at, id", guild_id
        )
        found: list[tuple[datetime, int]] = []
        for at, text in rows:
            facts = json.loads(text)
            week = facts.get("week")
            if week is not None and facts.get("result") == "done" and (not found or found[-1][1] != week):
                found.append((from_microseconds(at), int(week)))
        return found

    def _set_teams(self, guild_id: int, teams: list[Team], actor: str) -> Script[None]:
        yield ("DELETE FROM league_teams WHERE guild_id = $1", (guild_id,))
        for team in teams:
            yield from _insert(guild_id, team)
        yield from self._note_teams(guild_id, actor, "list", len(teams))

    def _put_team(self, guild_id: int, team: Team, actor: str, instead_of: str | None) -> Script[bool]:
        named = yield from _names(guild_id)
        same = named.get(_key(team.name))
        before = same if instead_of is None else named.get(_key(instead_of))
        if instead_of is not None and before is None:
            return False
        if same is not None and same != before:
            raise TeamExistsError(same)
        if before is not None:
            yield from _delete(guild_id, before)
        elif len(named) >= MAX_TEAMS:
            raise TooManyTeamsError
        yield from _insert(guild_id, team)
        yield from self._note_teams(guild_id, actor, "added" if before is None else "changed", 1)
        return True

    def _remove_team(self, guild_id: int, name: str, actor: str) -> Script[bool]:
        named = yield from _names(guild_id)
        if (found := named.get(_key(name))) is None:
            return False
        yield from _delete(guild_id, found)
        yield from self._note_teams(guild_id, actor, "removed", 1)
        return True

    def _note_teams(self, guild_id: int, actor: str, change: str, teams: int) -> Script[None]:
        yield from audit.note(self._clock(), guild_id, actor, "league teams", {"change": change, "teams": teams})


def _forget_person(user_id: int, guild_id: int | None) -> Script[None]:
    here = " AND guild_id = $2" if guild_id is not None else ""
    where = () if guild_id is None else (guild_id,)
    yield f"UPDATE league_teams SET user_id = NULL WHERE user_id = $1{here}", (user_id, *where)
    yield f"DELETE FROM league_under_way WHERE user_id = $1{here}", (str(user_id), *where)
    kept = yield (
        f"SELECT id, actor, content FROM league_snapshots WHERE (actor = $1 OR content LIKE '%' || $1 || '%'){here}",
        (str(user_id), *where),
    )
    for snapshot_id, actor, content in kept:
        nameless = json.dumps(_without_member(json.loads(content), user_id))
        by = audit.ERASED if actor == str(user_id) else actor
        yield "UPDATE league_snapshots SET actor = $2, content = $3 WHERE id = $1", (snapshot_id, by, nameless)


def _without_member(content: Any, user_id: int) -> Any:
    """A layout (`bot.league.layout`) without what one member may do there."""
    if isinstance(content, dict):
        return {name: _without_member(value, user_id) for name, value in content.items()}
    if isinstance(content, list):
        return [_without_member(item, user_id) for item in content if not _is_of(item, user_id)]
    return content


def _is_of(item: Any, user_id: int) -> bool:
    return isinstance(item, dict) and item.get("target_id") == user_id and not item.get("is_role", True)


def _names(guild_id: int) -> Script[dict[str, str]]:
    """Each team's name as it is stored, by what it is compared by."""
    rows = yield ("SELECT name FROM league_teams WHERE guild_id = $1", (guild_id,))
    return {_key(name): name for (name,) in rows}


def _key(name: str) -> str:
    return key_of(name) or name


def _insert(guild_id: int, team: Team) -> Script[None]:
    yield (
        "INSERT INTO league_teams (guild_id, name, user_id) VALUES ($1, $2, $3)",
        (guild_id, team.name, team.user_id),
    )


def _delete(guild_id: int, name: str) -> Script[None]:
    yield ("DELETE FROM league_teams WHERE guild_id = $1 AND name = $2", (guild_id, name))


def _snapshot_of(row: Row) -> Snapshot:
    snapshot_id, at, actor, content = row
    return Snapshot(snapshot_id, from_microseconds(at), actor, json.loads(content))
