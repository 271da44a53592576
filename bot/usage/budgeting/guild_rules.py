"""One server's rules as rows: its budgets, pause, quotas and calendar, and how they are read."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field

from bot.usage.budgeting.budgets import BOT, NUMBERED, Budget, Mode, Owner, Scope, Unit, Unknown
from bot.usage.budgeting.calendars import ALWAYS_UTC, BEGINNING, Calendar, Period, zone_named
from bot.usage.storage.database import Row, Script
from bot.usage.storage.rows import from_microseconds

log = logging.getLogger(__name__)

BUDGET_COLUMNS = (
    "id, guild_id, owner, scope, scope_id, period, unit, limit_amount, mode, thresholds, cheaper_at, unknown_cost, "
    "created_at"
)
_BUDGETS = f"SELECT {BUDGET_COLUMNS} FROM budgets"
_SETTINGS = "SELECT guild_id, paused_until, quotas, tier, time_zone FROM guild_settings"
_TIERS = "SELECT guild_id, subject, tier FROM quota_rules"
_ZONES = "SELECT guild_id, changed_at, zone_before FROM guild_time_zones"
_ZONES_OF_GUILD = f"{_ZONES} WHERE guild_id = $1"


@dataclass(frozen=True, slots=True)
class GuildRules:
    """One server's rules; of guild 0, the operator's for the whole bot.

    `since` has the period in which each budget was set, by its id: it counts no call of an earlier one.
    `paused_until` is microseconds since 1970, 0 where nothing is paused. `tiers` gives a tier of quota, or `exempt`, by
    `role:ID` or `user:ID`; `tier` is the server's own subscription.
    """

    budgets: tuple[Budget, ...] = ()
    paused_until: int = 0
    quotas: bool = False
    tier: str | None = None
    tiers: Mapping[str, str] = field(default_factory=dict)
    calendar: Calendar = ALWAYS_UTC
    since: Mapping[str, str] = field(default_factory=dict)

    def budget(self, budget_id: str) -> Budget | None:
        """The budget of that id; None where it was removed."""
        return next((budget for budget in self.budgets if budget.id == budget_id), None)


def read_all_rules() -> Script[dict[int, GuildRules]]:
    """The rules of every server that has any, by its id."""
    budgets = yield (f"{_BUDGETS} ORDER BY created_at, id", ())
    settings = yield (_SETTINGS, ())
    zones = yield (_ZONES, ())
    tiers = yield (_TIERS, ())
    by_guild = [_by_guild(rows, n) for rows, n in ((budgets, 1), (settings, 0), (zones, 0), (tiers, 0))]
    return {guild_id: _rules(*(rows.get(guild_id, []) for rows in by_guild)) for guild_id in set().union(*by_guild)}


def read_rules(guild_id: int) -> Script[GuildRules]:
    """The rules of one server."""
    only = (guild_id,)
    budgets = yield (f"{_BUDGETS} WHERE guild_id = $1 ORDER BY created_at, id", only)
    settings = yield (f"{_SETTINGS} WHERE guild_id = $1", only)
    zones = yield (_ZONES_OF_GUILD, only)
    tiers = yield (f"{_TIERS} WHERE guild_id = $1", only)
    return _rules(budgets, settings, zones, tiers)


def read_calendar(guild_id: int) -> Script[Calendar]:
    """The calendar of a server as the books have it now."""
    settings = yield ("SELECT time_zone FROM guild_settings WHERE guild_id = $1", (guild_id,))
    changes = yield (_ZONES_OF_GUILD, (guild_id,))
    return _calendar(settings[0][0] if settings else "UTC", changes)


def budget_of(row: Row) -> Budget:
    """A row of `BUDGET_COLUMNS`. One that this version can't read (a later one's, a damaged row) allows its server
    nothing, until whoever set it removes it: it fails closed (I23).
    """
    try:
        return _readable(row)
    except (TypeError, ValueError):
        budget_id, guild_id, owner = str(row[0]), int(row[1]), Owner.SERVER if row[2] == "server" else Owner.OPERATOR
        log.error("budget %s of server %d can't be read: nothing is let through under it", budget_id, guild_id)  # noqa: TRY400
        scope, scope_id = (Scope.GUILD, str(guild_id)) if guild_id != BOT else (Scope.BOT, "")
        return Budget(budget_id, guild_id, scope, scope_id, Period.TOTAL, Unit.USD, 0, Mode.HARD, owner)


def _readable(row: Row) -> Budget:
    budget_id, guild_id, owner, scope, scope_id, period, unit, limit, mode, thresholds, cheaper_at, unknown, at = row
    if scope in NUMBERED:
        int(scope_id)
    return Budget(
        id=budget_id,
        guild_id=guild_id,
        owner=Owner(owner),
        scope=Scope(scope),
        scope_id=scope_id,
        period=Period(period),
        unit=Unit(unit),
        limit=limit,
        mode=Mode(mode),
        thresholds=tuple(int(part) for part in thresholds.split(",") if part),
        cheaper_at=cheaper_at,
        unknown=Unknown(unknown),
        set_at=from_microseconds(at),
    )


def _rules(budgets: list[Row], settings: list[Row], zones: list[Row], tiers: list[Row]) -> GuildRules:
    _, paused_until, quotas, tier, time_zone = settings[0] if settings else (0, None, 0, None, "UTC")
    found, calendar = tuple(map(budget_of, budgets)), _calendar(time_zone, zones)
    return GuildRules(
        budgets=found,
        paused_until=paused_until or 0,
        quotas=bool(quotas),
        tier=tier,
        tiers={subject: name for _, subject, name in tiers},
        calendar=calendar,
        since={budget.id: calendar.start(budget.period, budget.set_at or BEGINNING) for budget in found},
    )


def _calendar(time_zone: str, changes: list[Row]) -> Calendar:
    """From `guild_settings.time_zone`, chosen last, and `guild_time_zones`' rows (…, changed_at, zone_before)."""
    if not changes:
        return Calendar.of(zone_named(time_zone)) if time_zone != "UTC" else ALWAYS_UTC
    ordered = sorted((changed_at, name) for *_, changed_at, name in changes)
    zones = [name for _, name in ordered] + [time_zone]
    since = [BEGINNING] + [from_microseconds(changed_at) for changed_at, _ in ordered]
    return Calendar(tuple((at, zone_named(name)) for at, name in zip(since, zones, strict=True)))


def _by_guild(rows: list[Row], column: int) -> dict[int, list[Row]]:
    found: dict[int, list[Row]] = {}
    for row in rows:
        found.setdefault(row[column], []).append(row)
    return found
