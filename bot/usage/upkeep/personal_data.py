"""What the books have on one person: how much of it, and all of it, for nobody but that person."""

import json
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from bot.usage.bookkeeping.booked import beginning, page, place_of
from bot.usage.bookkeeping.rollups import MEASURES
from bot.usage.budgeting.budgets import BOT
from bot.usage.budgeting.rules import QUOTA
from bot.usage.reporting.export import row_of
from bot.usage.storage.database import Database, Query
from bot.usage.storage.rows import from_microseconds
from bot.usage.upkeep.erasure import sums_of

MOST_CALLS = 10_000
"""Single calls in one export, the newest: some 6 MB, which Discord takes as a file."""
_MONEY = frozenset({"cost_nano_usd", "cost_usd", "price_source", "doubtful_nano_usd", "doubtful_tokens"})
"""What a call cost is its server's affair: members aren't shown dollars."""

_QUOTA = f"guild_id = {BOT} AND budget_id = '{QUOTA}' AND key = $1"
_BUDGET = "scope = 'user' AND scope_id = $1"
_RULE = "subject = 'user:' || $1"
_OTHERS = {
    "quota_months": ("budget_periods", "period_start, spent", _QUOTA),
    "tiers": ("user_tiers", "tier, source, granted_at, until", "user_id = $1"),
    "budgets_for_you": ("budgets", "guild_id, period, unit, mode, created_at", _BUDGET),
    "quota_rules_for_you": ("quota_rules", "guild_id, tier", _RULE),
    "changes_by_you": ("audit_log", "at, guild_id, action, facts", "actor = $1"),
    "alert_addresses_added_by_you": ("alert_targets", "added_at, guild_id, label", "added_by = $1"),
    "alerts_about_you": ("alerts", "fired_at, guild_id, threshold, period_start", "key = $1"),
    "opted_out": ("opt_outs", "opted_out_at", "user_id = $1"),
    "erasures": ("erasures", "asked_at, guild_id", "user_id = $1"),
}
"""What else there is on a person, by its name in an export: table, columns, and which of its rows."""


@dataclass(frozen=True, slots=True)
class OnTheBooks:
    """How much there is on a person. `calls` are single calls on `servers` servers, since `first_call_at` (UTC).

    `months` are those whose tokens are counted for the quota; `limits` budgets and quota rules that admins made for
    them; `changes` lines of the audit log with them in it; `addresses` those they added for alerts; `erased_at` when
    they last had themselves erased, as long as that is remembered.
    """

    calls: int
    servers: int
    first_call_at: datetime | None
    months: int
    tiers: tuple[str, ...]
    limits: int
    changes: int
    addresses: int
    opted_out_at: datetime | None
    erased_at: datetime | None


async def on_the_books(database: Database, user_id: str) -> OnTheBooks:
    """Count it. Raises `DatabaseUnavailableError`."""
    one = (user_id,)
    queries: list[Query] = [
        ("SELECT count(*), count(DISTINCT guild_id), min(started_at) FROM usage_records WHERE user_id = $1", one),
        (f"SELECT count(*) FROM budget_periods WHERE {_QUOTA}", one),
        ("SELECT tier FROM user_tiers WHERE user_id = $1 ORDER BY source", one),
        (f"SELECT count(*) FROM budgets WHERE {_BUDGET}", one),
        (f"SELECT count(*) FROM quota_rules WHERE {_RULE}", one),
        ("SELECT count(*) FROM audit_log WHERE actor = $1", one),
        ("SELECT count(*) FROM alert_targets WHERE added_by = $1", one),
        ("SELECT opted_out_at FROM opt_outs WHERE user_id = $1", one),
        ("SELECT max(asked_at) FROM erasures WHERE user_id = $1", one),
    ]
    found = await database.fetch_all(queries)
    [[calls], [months], tiers, [budgets], [rules], [changes], [addresses], opted_out, [erased]] = found
    return OnTheBooks(
        calls=calls[0],
        servers=calls[1],
        first_call_at=_at(calls[2]),
        months=months[0],
        tiers=tuple(tier for (tier,) in tiers),
        limits=budgets[0] + rules[0],
        changes=changes[0],
        addresses=addresses[0],
        opted_out_at=_at(opted_out[0][0]) if opted_out else None,
        erased_at=_at(erased[0]),
    )


async def all_of(database: Database, user_id: str, now: datetime) -> dict[str, Any]:
    """Everything, ready for JSON: ids as text, instants as ISO 8601 in UTC, amounts of money left out.

    Of single calls the `MOST_CALLS` newest; what of a call is empty is left out. Raises `DatabaseUnavailableError`.
    """
    calls = await _calls(database, user_id)
    total = await database.fetch("SELECT count(*) FROM usage_records WHERE user_id = $1", user_id)
    days: list[dict[str, Any]] = []
    async for guild_id, dimension, rows in sums_of(database, user_id, now.date() + timedelta(days=1)):
        if dimension == "user":
            days += [_day(guild_id, *row) for row in rows]
    return {
        "user_id": user_id,
        "exported_at": now.isoformat(),
        "calls_on_the_books": total[0][0],
        "calls": calls,
        "days": days,
        **{name: await _rows(database, *what, user_id) for name, what in _OTHERS.items()},
    }


async def _calls(database: Database, user_id: str) -> list[dict[str, Any]]:
    """The newest, oldest of them first."""
    oldest = await database.fetch(
        f"SELECT started_at FROM usage_records WHERE user_id = $1 ORDER BY started_at DESC LIMIT 1 OFFSET {MOST_CALLS}",
        user_id,
    )
    place = beginning(from_microseconds(oldest[0][0] + 1) if oldest else None)
    calls: list[dict[str, Any]] = []
    while found := await database.read(lambda: page(place, None, only=" AND user_id = $4", parameters=(user_id,))):  # noqa: B023
        calls += [
            {name: value for name, value in row_of(record).items() if value is not None and name not in _MONEY}
            for record in found
        ]
        place = place_of(found[-1])
    return calls


def _day(guild_id: int, day: str, *amounts: int) -> dict[str, Any]:
    sums = {name: amount for name, amount in zip(MEASURES, amounts, strict=True) if name not in _MONEY}
    return {"guild_id": str(guild_id), "day": day, **sums}


def _at(value: int | None) -> datetime | None:
    return None if value is None else from_microseconds(value)


async def _rows(database: Database, table: str, columns: str, whose: str, user_id: str) -> list[dict[str, Any]]:
    rows = await database.fetch(f"SELECT {columns} FROM {table} WHERE {whose} ORDER BY {columns}", user_id)
    names = columns.split(", ")
    return [{name: _plain(name, value) for name, value in zip(names, row, strict=True)} for row in rows]


def _plain(name: str, value: Any) -> Any:
    if name == "guild_id":
        return str(value)
    if name == "facts":
        return json.loads(value)
    is_instant = value is not None and (name in ("at", "until") or name.endswith("_at"))
    return from_microseconds(value).isoformat() if is_instant else value
