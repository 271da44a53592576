"""A database as each earlier version left it, with its data, opens with today's code and loses nothing (I21, I25)."""

import hashlib
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from bot.usage import PriceList
from bot.usage.storage import schema
from bot.usage.storage.database import Database, open_database
from bot.usage.storage.rows import microseconds
from bot.usage.upkeep.integrity import repair, verify
from tests.usage.postgres_server import PostgresServer
from tests.usage.upkeep import Clock, tracker_at

NOON = datetime(2026, 3, 15, 12, tzinfo=UTC)
AT = microseconds(NOON)
FIRST = 3
"""The first version that anybody had came with three steps."""
BUDGETS = 5
"""The step that brought budgets and quotas."""
FIRST_ON_POSTGRES = 9
EARLIEST = (
    "CREATE INDEX usage_records_guild ON usage_records (guild_id, started_at)",
    "CREATE INDEX usage_records_user ON usage_records (user_id, started_at) WHERE user_id IS NOT NULL",
    "CREATE INDEX usage_records_session ON usage_records (session_id, started_at) WHERE session_id IS NOT NULL",
)
"""What the first step made besides, until the version that came with the fourth."""
RELEASED = 12, "784a9e456e445297"
"""So many steps are out, and what they say; written anew with each release that comes with more."""
STEPS = list(schema.STEPS.items())
NEWEST = len(STEPS)
Rows = list[tuple[str, dict[str, Any]]]
DATA: dict[int, Rows] = {
    3: [
        ("workers", {"id": "old", "started_at": AT, "heartbeat_at": AT, "last_batch": 7}),
        ("guild_settings", {"guild_id": 1, "time_zone": "America/New_York"}),
        ("claims", {"id": "message-1", "claimed_at": AT}),
        ("bot_state", {"name": "reported", "value": "yesterday"}),
    ],
    5: [
        ("budgets", {
            "id": "b", "guild_id": 1, "owner": "server", "scope": "guild", "scope_id": "1", "period": "month",
            "unit": "usd", "limit_amount": 10**9, "mode": "hard", "thresholds": "50,90", "cheaper_at": 80,
            "unknown_cost": "refuse", "created_at": AT,
        }),
        ("rule_changes", {"guild_id": 1, "version": 1}),
        ("bot_state", {"name": "rules version", "value": "1"}),
        ("alerts", {
            "id": "a", "guild_id": 1, "kind": "budget", "budget_id": "b", "key": "", "period_start": "2026-03-01",
            "threshold": 50, "used": 1, "limit_amount": 2, "fired_at": AT,
        }),
        ("alert_deliveries", {"alert_id": "a", "target": "t", "attempts": 1, "next_try_at": AT}),
        ("alert_targets", {"id": "t", "guild_id": 1, "url": "x://", "label": "x", "added_by": "5", "added_at": AT}),
        ("guild_time_zones", {"guild_id": 1, "changed_at": 1, "zone_before": "UTC"}),
        ("guild_settings", {"guild_id": 1, "quotas": 0, "alert_channel_id": 70, "report_every": "week"}),
        ("user_tiers", {"user_id": "ann", "source": "operator", "tier": "premium", "granted_at": AT}),
        ("guild_tiers", {"guild_id": 1, "source": "operator", "tier": "premium", "granted_at": AT}),
        ("quota_rules", {"guild_id": 1, "subject": "role:8", "tier": "premium"}),
        ("refusals", {"guild_id": 1, "hour": 1, "cause": "budget", "calls": 3}),
        ("audit_log", {"id": "l", "at": AT, "guild_id": 1, "actor": "5", "action": "budget set", "facts": "{}"}),
    ],
    6: [
        ("guild_settings", {"guild_id": 1, "commissioner_role_id": 8, "private_games": 1}),
        ("league_teams", {"guild_id": 1, "name": "Texans", "user_id": 5}),
        ("league_snapshots", {"id": "s", "guild_id": 1, "at": AT, "actor": "5", "content": "{}"}),
    ],
    9: [("api_keys", {"id": "k", "digest": "d", "label": "mine", "may_write": 1, "created_at": AT})],
    10: [("shown_answers", {"message_id": 9, "guild_id": 1, "execution_id": "e", "shown_at": AT})],
    11: [
        ("guild_settings", {"guild_id": 1, "retention_days": 90}),
        ("opt_outs", {"user_id": "bob", "opted_out_at": AT}),
        ("erasures", {"user_id": "bob", "guild_id": 0, "asked_at": AT}),
        ("removals", {"guild_id": 2, "removed_at": AT}),
    ],
    12: [("guild_settings", {"guild_id": 1, "language": "es"})],
    14: [("league_under_way", {
        "id": "u", "guild_id": 1, "channel_id": 70, "user_id": "5", "command": "/league create",
        "action": "league created", "facts": "{}", "seen_at": AT,
    })],
}  # fmt: skip
"""What each version's people had besides calls, by the step that made room for it."""
KEYS = {"guild_settings": "guild_id", "budget_periods": "guild_id, budget_id, key, period_start"}


async def put(database: Database, table: str, row: dict[str, Any]) -> None:
    """Add a row; of settings and counters, change what is there."""
    values = ", ".join(f"${n}" for n in range(1, len(row) + 1))
    sql = f"INSERT INTO {table} ({', '.join(row)}) VALUES ({values})"
    if table in KEYS:
        changes = ", ".join(f"{name} = excluded.{name}" for name in row)
        sql += f" ON CONFLICT ({KEYS[table]}) DO UPDATE SET {changes}"
    await database.execute(sql, *row.values())


def count(step: int) -> int:
    """How many calls there are by then: each version books one."""
    return step - FIRST + 1


def cost_until(step: int) -> int:
    return sum(n * 1_000 for n in range(FIRST, step + 1))


async def book(database: Database, step: int) -> None:
    """A call as that version booked it, with its sums and, once there were any, the counter of a budget."""
    await put(database, "usage_records", {
        "id": f"call-{step}", "worker_id": "old", "kind": "llm", "api": "chat", "started_at": AT + step,
        "guild_id": 1, "channel_id": 70, "user_id": "ann", "operation": "chat", "provider": "openai",
        "request_model": "gpt-4o-mini", "status": "ok", "input_tokens": 10, "output_tokens": 20,
        "cost_nano_usd": step * 1_000, "price_source": "test", "attempts": 1, "duration_ms": 7,
    })  # fmt: skip
    split = {"operation": "chat", "model": "gpt-4o-mini", "user": "ann", "channel": "70"}
    keys = [(1, "total", ""), (0, "guild", "1")]
    keys += [row for name, key in split.items() for row in ((1, name, key), (0, f"bot_{name}", key))]
    for guild_id, dimension, key in [*keys, *([(1, "user/month", "ann")] if step >= 4 else [])]:
        day = "2026-03-01" if dimension == "user/month" else "2026-03-15"
        await database.execute(
            "INSERT INTO spend_daily VALUES ($1, $2, $3, $4, 1, 0, 0, 0, 10, 0, 20, 0, $5, 7) "
            "ON CONFLICT (guild_id, dimension, day, key) DO UPDATE SET calls = spend_daily.calls + 1, "
            "input_tokens = spend_daily.input_tokens + 10, output_tokens = spend_daily.output_tokens + 20, "
            "cost_nano_usd = spend_daily.cost_nano_usd + $5, duration_ms = spend_daily.duration_ms + 7",
            guild_id, dimension, day, key, step * 1_000,
        )  # fmt: skip
    if step >= BUDGETS:
        for guild_id, budget_id, key, spent in ((1, "b", "", cost_until(step)), (0, "quota", "ann", 30 * count(step))):
            place = {"guild_id": guild_id, "budget_id": budget_id, "key": key, "period_start": "2026-03-01"}
            await put(database, "budget_periods", {**place, "spent": spent, "reserved": 0, "doubtful": 0, "fired": 0})


async def build(url: str, newest: int, besides: tuple[str, ...]) -> None:
    """A database that lived through all versions up to one, and was used in each."""
    database = await open_database(url)
    for step in range(FIRST, newest + 1):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(schema, "STEPS", dict(STEPS[:step]))
            await schema.apply(database, 0)
        for sql in besides if step == FIRST else ():
            await database.execute(sql)
        for table, row in DATA.get(step, []):
            await put(database, table, row)
        await book(database, step)
    await database.close()


@asynccontextmanager
async def empty_database(kind: str, path: Path, request: pytest.FixtureRequest) -> AsyncIterator[str]:
    if kind == "sqlite":
        yield f"sqlite:///{path}/old.db"
        return
    server: PostgresServer = request.getfixturevalue("postgres")
    url = await server.empty_database("upgraded")
    try:
        yield url
    finally:
        await server.drop(url)


@pytest.mark.parametrize(
    ("kind", "newest", "besides"),
    [
        *(("sqlite", step, EARLIEST) for step in (FIRST, FIRST + 1)),
        *(("sqlite", step, ()) for step in range(FIRST, NEWEST + 1)),
        *(("postgres", step, ()) for step in range(FIRST_ON_POSTGRES, NEWEST + 1)),
    ],
    ids=lambda value: str(value) if isinstance(value, (str, int)) else "earliest" * bool(value),
)
async def test_every_earlier_database_goes_on(
    kind: str, newest: int, besides: tuple[str, ...], tmp_path: Path, prices: PriceList,
    request: pytest.FixtureRequest,
) -> None:  # fmt: skip
    """I8, I21, I22, I25: sums, counters, calls and all else are as they were; what is booked next adds to them."""
    async with empty_database(kind, tmp_path, request) as url:
        await build(url, newest, besides)
        async with tracker_at(url, prices, Clock(NOON)) as tracker:
            database, calls, cost = tracker.database, count(newest), cost_until(newest)
            assert await schema.is_current(database)
            found = await verify(database, tracker.operations, NOON)
            assert found.calls == calls
            if newest < BUDGETS:  # quotas begin to count with the update, until somebody mends it
                assert [one.key for one in found.differences] == [(0, "quota", "ann", "2026-03-01")]
                await repair(database, found, NOON)
            else:
                assert found.differences == []
            read = "SELECT calls, cost_nano_usd, input_tokens, output_tokens FROM spend_daily WHERE dimension = $1"
            for dimension in ("total", "user", "user/month", "bot_model"):
                assert await database.fetch(read, dimension) == [(calls, cost, 10 * calls, 20 * calls)], dimension
            standing = [one.level.used for one in await tracker.budgets.standing(1)]
            assert standing == ([cost] if newest >= BUDGETS else [])
            await all_there(database, newest)
            await tracker.track_llm_call(guild_id=1, user_id="ann", model="gpt-4o", cost="0.5")
            await tracker.force_flush()
            assert await database.fetch(read, "total") == [(calls + 1, cost + 500_000_000, 10 * calls, 20 * calls)]
            assert (await verify(database, tracker.operations, NOON)).differences == []


async def all_there(database: Database, newest: int) -> None:
    """But for workers, which end with their process."""
    everything = [entry for step, rows in DATA.items() if step <= newest for entry in rows]
    for table, row in everything:
        if table != "workers":
            kept = await database.fetch(f"SELECT {', '.join(row)} FROM {table}")
            assert tuple(row.values()) in kept, (table, row)


def test_every_table_is_tried() -> None:
    """I25: whoever adds a table says above what was in it before the next update."""
    made = {name for _, step in STEPS for sql in step for name in re.findall(r"^CREATE TABLE (\w+)", sql)}
    tried = {table for rows in DATA.values() for table, _ in rows}
    assert made - tried == {"usage_records", "spend_daily", "budget_periods"}


def test_what_was_released_stays_as_it_is() -> None:
    """I22: somebody's database has these steps; what is to be otherwise is another step."""
    steps, digest = RELEASED
    assert hashlib.sha256(repr(STEPS[:steps]).encode()).hexdigest()[:16] == digest
