"""What a server has chosen besides its budgets: a pause, its time zone, quotas, where alerts and reports go,
how it runs its league, where and whom the bot answers.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal
from zoneinfo import ZoneInfo

from bot.usage.budgeting.rules import FOREVER, changing
from bot.usage.storage import audit
from bot.usage.storage.database import Database, Script
from bot.usage.storage.rows import from_microseconds, microseconds

ReportEvery = Literal["day", "week", "month"]
_COLUMNS = (
    "time_zone, paused_until, quotas, tier, alert_channel_id, alert_owner, usage_role_id, report_every, "
    "report_channel_id, reported_until, commissioner_role_id, private_games, tag_players, announce_channel_id, "
    "retention_days, language, answer_channel_ids, answer_role_ids, always_fast"
)
_FLAGS = ("quotas", "alert_owner", "private_games", "tag_players", "always_fast")
_LISTS = ("answer_channel_ids", "answer_role_ids")
"""Ids, in a column of text with commas between them."""
_LAST_ZONE = "SELECT COALESCE(max(changed_at), 0) FROM guild_time_zones WHERE guild_id = $1"
_INSERT_ZONE = "INSERT INTO guild_time_zones (guild_id, changed_at, zone_before) VALUES ($1, $2, $3)"
_CHOOSABLE = frozenset(
    {
        "quotas",
        "alert_channel_id",
        "alert_owner",
        "usage_role_id",
        "report_every",
        "report_channel_id",
        "commissioner_role_id",
        "private_games",
        "tag_players",
        "announce_channel_id",
        "retention_days",
        "language",
        "answer_channel_ids",
        "answer_role_ids",
        "always_fast",
    }
)


@dataclass(frozen=True, slots=True)
class ServerSettings:
    """One server's settings. `paused_until` is UTC; `paused` without it means until somebody resumes it.

    `alert_owner`: the server's owner gets alerts by direct message where no channel takes them. `usage_role_id`: a role
    that may see usage besides Manage Server. `reported_until`: the ISO date up to which reports have been sent.
    `commissioner_role_id`: a role that may run the league besides Manage Channels. `private_games`, `tag_players`: what
    a new week does unless it is told otherwise. `announce_channel_id`: where advances are announced. `retention_days`:
    for how long single calls are kept; None: for as long as the operator keeps them, which is never exceeded.
    `language`: the code of that in which everybody is spoken to; None: the server's in Discord. `answer_channel_ids`:
    the channels and categories in which the AI answers, `answer_role_ids`: the roles it answers; none: all of them.
    `always_fast`: general conversation never uses the smart model.
    """

    guild_id: int
    time_zone: str = "UTC"
    paused: bool = False
    paused_until: datetime | None = None
    quotas: bool = False
    tier: str | None = None
    alert_channel_id: int | None = None
    alert_owner: bool = False
    usage_role_id: int | None = None
    report_every: ReportEvery | None = None
    report_channel_id: int | None = None
    reported_until: str | None = None
    commissioner_role_id: int | None = None
    private_games: bool = False
    tag_players: bool = False
    announce_channel_id: int | None = None
    retention_days: int | None = None
    language: str | None = None
    answer_channel_ids: tuple[int, ...] = ()
    answer_role_ids: tuple[int, ...] = ()
    always_fast: bool = False


class SettingsBook:
    """Reads and changes them. Every method raises `DatabaseUnavailableError` where the books can't be reached."""

    def __init__(
        self, database: Database, clock: Callable[[], datetime], changed: Callable[[], Awaitable[None]]
    ) -> None:
        self._database = database
        self._clock = clock
        self._changed = changed

    async def of(self, guild_id: int) -> ServerSettings:
        """A server's settings; the defaults where it has chosen nothing."""
        rows = await self._database.fetch(f"SELECT {_COLUMNS} FROM guild_settings WHERE guild_id = $1", guild_id)
        if not rows:
            return ServerSettings(guild_id)
        found = dict(zip(_COLUMNS.split(", "), rows[0], strict=True))
        until = found["paused_until"]
        paused = bool(until) and until > microseconds(self._clock())
        found["paused_until"] = from_microseconds(until) if paused and until < FOREVER else None
        flags = {name: bool(found[name]) for name in _FLAGS}
        lists = {name: tuple(map(int, found[name].split(","))) if found[name] else () for name in _LISTS}
        return ServerSettings(guild_id, paused=paused, **{**found, **flags, **lists})

    async def language(self, guild_id: int) -> str | None:
        """The code of the language that a server chose; None where it chose none."""
        rows = await self._database.fetch("SELECT language FROM guild_settings WHERE guild_id = $1", guild_id)
        return rows[0][0] if rows else None

    async def choose(self, guild_id: int, *, actor: object = audit.SYSTEM, **chosen: Any) -> None:
        """Change any of quotas, alert_channel_id, alert_owner, usage_role_id, report_every, report_channel_id,
        commissioner_role_id, private_games, tag_players, announce_channel_id, retention_days, language,
        answer_channel_ids, answer_role_ids, always_fast.

        Raises `TypeError` for any other name.
        """
        if unknown := sorted(set(chosen) - _CHOOSABLE):
            raise TypeError(f"there is no setting {unknown[0]!r}")
        values = {name: _stored(value) for name, value in chosen.items()}
        await self._database.transact(lambda: self._choose(guild_id, values, str(actor)))
        await self._changed()

    async def pause(self, guild_id: int, until: datetime | None = None, *, actor: object) -> None:
        """Pause the AI on a server (0: everywhere) until then (UTC); None: until `resume`."""
        paused_until = FOREVER if until is None else microseconds(until)
        await self._change(guild_id, {"paused_until": paused_until}, "AI paused", str(actor))

    async def resume(self, guild_id: int, *, actor: object) -> None:
        """End a pause."""
        await self._change(guild_id, {"paused_until": None}, "AI resumed", str(actor))

    async def set_time_zone(self, guild_id: int, name: str, *, actor: object = audit.SYSTEM) -> None:
        """Count a server's days in another zone, each kind of period from its next start on (I17).

        Raises `ZoneInfoNotFoundError` (a `KeyError`) or `ValueError` for a name that no zone has.
        """
        ZoneInfo(name)
        await self._database.transact(lambda: self._set_time_zone(guild_id, name, str(actor)))
        await self._changed()

    async def audit(self, guild_id: int, limit: int = 25, *, but: str | None = None) -> list[audit.AuditLine]:
        """The newest lines of a server's audit log, newest first; without actions that begin with `but`."""
        return await audit.newest(self._database, guild_id, limit, but=but)

    async def _change(self, guild_id: int, values: dict[str, Any], action: str, actor: str) -> None:
        await self._database.transact(lambda: self._store(guild_id, values, action, actor))
        await self._changed()

    def _choose(self, guild_id: int, values: dict[str, Any], actor: str) -> Script[None]:
        """Reports that begin now, or come for another length of time from now on, have missed none before."""
        yield from changing(guild_id)
        rows = yield ("SELECT report_every, report_channel_id FROM guild_settings WHERE guild_id = $1", (guild_id,))
        every, channel = rows[0] if rows else (None, None)
        has_channel_now = channel is None and values.get("report_channel_id") is not None
        if has_channel_now or values.get("report_every", every) != every:
            values = {**values, "reported_until": None}
        yield from self._put(guild_id, values, "settings", actor)

    def _store(self, guild_id: int, values: dict[str, Any], action: str, actor: str) -> Script[None]:
        yield from changing(guild_id)
        yield from self._put(guild_id, values, action, actor)

    def _put(self, guild_id: int, values: dict[str, Any], action: str, actor: str) -> Script[None]:
        names = list(values)
        columns = ", ".join(["guild_id", *names])
        places = ", ".join(f"${n}" for n in range(1, len(names) + 2))
        updates = ", ".join(f"{name} = excluded.{name}" for name in names)
        yield (
            f"INSERT INTO guild_settings ({columns}) VALUES ({places}) ON CONFLICT (guild_id) DO UPDATE SET {updates}",
            (guild_id, *values.values()),
        )
        yield from audit.note(self._clock(), guild_id, actor, action, values)

    def _set_time_zone(self, guild_id: int, name: str, actor: str) -> Script[None]:
        yield from changing(guild_id)
        before = yield ("SELECT time_zone FROM guild_settings WHERE guild_id = $1", (guild_id,))
        [(last_us,)] = yield (_LAST_ZONE, (guild_id,))
        changed_us = max(microseconds(self._clock()), last_us + 1)  # a clock that steps back rewrites no history
        yield (_INSERT_ZONE, (guild_id, changed_us, before[0][0] if before else "UTC"))
        yield from self._put(guild_id, {"time_zone": name}, "time zone", actor)


def _stored(value: Any) -> Any:
    """A chosen value as its column holds it: flags as 0 or 1, ids with commas between them, none of them as NULL."""
    if isinstance(value, tuple):
        return ",".join(map(str, value)) or None
    return int(value) if isinstance(value, bool) else value
