"""The tables, as named steps that are only ever appended. One process applies the missing ones at start.

The steps are written for SQLite. `_for_postgres` makes them PostgreSQL's, where `usage_records` is kept by month.

The very first databases have three of the indexes already, which left the first step later: IF NOT EXISTS.

Names of columns are the words of `bot.usage.records`. Instants are BIGINT microseconds since 1970 in UTC, money is
BIGINT nano-USD, flags are 0 or 1, `day` is an ISO date.
"""

import re
from collections.abc import Iterator

from bot.usage.errors import CannotMoveError, DatabaseUnavailableError, SchemaTooNewError
from bot.usage.storage.database import Database, Script

STEPS: dict[str, tuple[str, ...]] = {
    "001 usage records": (
        """CREATE TABLE usage_records (
            id TEXT PRIMARY KEY, worker_id TEXT NOT NULL, kind TEXT NOT NULL, api TEXT NOT NULL,
            started_at BIGINT NOT NULL, guild_id BIGINT NOT NULL, channel_id BIGINT, user_id TEXT,
            operation TEXT NOT NULL, agent_name TEXT, session_id TEXT, workflow_id TEXT, execution_id TEXT,
            metadata TEXT, provider TEXT NOT NULL, request_model TEXT NOT NULL, status TEXT NOT NULL,
            reserved_nano_usd BIGINT,
            input_tokens BIGINT NOT NULL DEFAULT 0, cached_input_tokens BIGINT NOT NULL DEFAULT 0,
            cache_write_input_tokens BIGINT NOT NULL DEFAULT 0, output_tokens BIGINT NOT NULL DEFAULT 0,
            reasoning_output_tokens BIGINT NOT NULL DEFAULT 0, input_audio_tokens BIGINT NOT NULL DEFAULT 0,
            output_audio_tokens BIGINT NOT NULL DEFAULT 0, cached_input_audio_tokens BIGINT NOT NULL DEFAULT 0,
            input_image_tokens BIGINT NOT NULL DEFAULT 0, output_image_tokens BIGINT NOT NULL DEFAULT 0,
            cached_input_image_tokens BIGINT NOT NULL DEFAULT 0, units TEXT,
            cost_nano_usd BIGINT, price_source TEXT, doubtful_nano_usd BIGINT NOT NULL DEFAULT 0,
            response_model TEXT, response_id TEXT, service_tier TEXT,
            estimated SMALLINT NOT NULL DEFAULT 0, flagged TEXT, error_type TEXT, attempts INTEGER NOT NULL DEFAULT 0,
            duration_ms BIGINT NOT NULL DEFAULT 0, first_token_ms BIGINT, raw_usage TEXT)""",
        "CREATE INDEX usage_records_open ON usage_records (worker_id) WHERE status = 'open'",
    ),
    "002 daily spend": (
        """CREATE TABLE spend_daily (
            guild_id BIGINT NOT NULL, dimension TEXT NOT NULL, day TEXT NOT NULL, key TEXT NOT NULL,
            calls BIGINT NOT NULL, failed_calls BIGINT NOT NULL, estimated_calls BIGINT NOT NULL,
            unpriced_calls BIGINT NOT NULL, input_tokens BIGINT NOT NULL, cached_input_tokens BIGINT NOT NULL,
            output_tokens BIGINT NOT NULL, reasoning_output_tokens BIGINT NOT NULL, cost_nano_usd BIGINT NOT NULL,
            duration_ms BIGINT NOT NULL, PRIMARY KEY (guild_id, dimension, day, key)) WITHOUT ROWID""",
    ),
    "003 workers, guild settings, claims, bot state": (
        """CREATE TABLE workers (
            id TEXT PRIMARY KEY, started_at BIGINT NOT NULL, heartbeat_at BIGINT NOT NULL,
            last_batch BIGINT NOT NULL)""",
        "CREATE TABLE guild_settings (guild_id BIGINT PRIMARY KEY, time_zone TEXT NOT NULL DEFAULT 'UTC')",
        "CREATE TABLE claims (id TEXT PRIMARY KEY, claimed_at BIGINT NOT NULL)",
        "CREATE INDEX claims_age ON claims (claimed_at)",
        "CREATE TABLE bot_state (name TEXT PRIMARY KEY, value TEXT NOT NULL)",
    ),
    "004 members' spend by month": (
        """INSERT INTO spend_daily SELECT guild_id, 'user/month', substr(day, 1, 8) || '01', key, sum(calls),
            sum(failed_calls), sum(estimated_calls), sum(unpriced_calls), sum(input_tokens), sum(cached_input_tokens),
            sum(output_tokens), sum(reasoning_output_tokens), sum(cost_nano_usd), sum(duration_ms)
            FROM spend_daily WHERE dimension = 'user' GROUP BY 1, 3, 4""",
    ),
    "005 budgets, quotas, alerts": (
        """CREATE TABLE budgets (
            id TEXT PRIMARY KEY, guild_id BIGINT NOT NULL, owner TEXT NOT NULL, scope TEXT NOT NULL,
            scope_id TEXT NOT NULL, period TEXT NOT NULL, unit TEXT NOT NULL, limit_amount BIGINT NOT NULL,
            mode TEXT NOT NULL, thresholds TEXT NOT NULL, cheaper_at INTEGER NOT NULL, unknown_cost TEXT NOT NULL,
            created_at BIGINT NOT NULL, UNIQUE (guild_id, owner, scope, scope_id, period, unit))""",
        """CREATE TABLE budget_periods (
            guild_id BIGINT NOT NULL, budget_id TEXT NOT NULL, key TEXT NOT NULL, period_start TEXT NOT NULL,
            spent BIGINT NOT NULL, reserved BIGINT NOT NULL, doubtful BIGINT NOT NULL, fired INTEGER NOT NULL,
            PRIMARY KEY (guild_id, budget_id, key, period_start)) WITHOUT ROWID""",
        """CREATE TABLE rule_changes (guild_id BIGINT PRIMARY KEY, version BIGINT NOT NULL)""",
        "CREATE INDEX rule_changes_version ON rule_changes (version)",
        "ALTER TABLE usage_records ADD COLUMN held TEXT",
        "ALTER TABLE usage_records ADD COLUMN doubtful_tokens BIGINT NOT NULL DEFAULT 0",
        """CREATE INDEX usage_records_doubtful ON usage_records (guild_id, started_at)
            WHERE doubtful_nano_usd > 0 OR doubtful_tokens > 0""",
        """CREATE INDEX IF NOT EXISTS usage_records_user ON usage_records (user_id, started_at)
            WHERE user_id IS NOT NULL""",
        """CREATE INDEX usage_records_operation ON usage_records (operation, request_model, started_at)
            WHERE status = 'ok'""",
        """CREATE TABLE alerts (
            id TEXT PRIMARY KEY, guild_id BIGINT NOT NULL, kind TEXT NOT NULL, budget_id TEXT NOT NULL,
            key TEXT NOT NULL, period_start TEXT NOT NULL, threshold INTEGER NOT NULL, used BIGINT NOT NULL,
            limit_amount BIGINT NOT NULL, fired_at BIGINT NOT NULL, delivered_at BIGINT, delivered_how TEXT)""",
        "CREATE INDEX alerts_owed ON alerts (fired_at) WHERE delivered_at IS NULL",
        "CREATE INDEX alerts_history ON alerts (guild_id, fired_at)",
        """CREATE TABLE alert_targets (
            id TEXT PRIMARY KEY, guild_id BIGINT NOT NULL, url TEXT NOT NULL, label TEXT NOT NULL,
            added_by TEXT NOT NULL, added_at BIGINT NOT NULL)""",
        "CREATE INDEX alert_targets_guild ON alert_targets (guild_id)",
        """CREATE TABLE alert_deliveries (
            alert_id TEXT NOT NULL, target TEXT NOT NULL, attempts INTEGER NOT NULL, next_try_at BIGINT,
            delivered_at BIGINT, problem TEXT, PRIMARY KEY (alert_id, target))""",
        "CREATE INDEX alert_deliveries_due ON alert_deliveries (next_try_at) WHERE delivered_at IS NULL",
        """CREATE TABLE guild_time_zones (
            guild_id BIGINT NOT NULL, changed_at BIGINT NOT NULL, zone_before TEXT NOT NULL,
            PRIMARY KEY (guild_id, changed_at))""",
        "ALTER TABLE guild_settings ADD COLUMN paused_until BIGINT",
        "ALTER TABLE guild_settings ADD COLUMN quotas SMALLINT NOT NULL DEFAULT 0",
        "ALTER TABLE guild_settings ADD COLUMN tier TEXT",
        "ALTER TABLE guild_settings ADD COLUMN alert_channel_id BIGINT",
        "ALTER TABLE guild_settings ADD COLUMN alert_owner SMALLINT NOT NULL DEFAULT 0",
        "ALTER TABLE guild_settings ADD COLUMN usage_role_id BIGINT",
        "ALTER TABLE guild_settings ADD COLUMN report_every TEXT",
        "ALTER TABLE guild_settings ADD COLUMN report_channel_id BIGINT",
        "ALTER TABLE guild_settings ADD COLUMN reported_until TEXT",
        """CREATE TABLE user_tiers (
            user_id TEXT NOT NULL, source TEXT NOT NULL, tier TEXT NOT NULL, granted_at BIGINT NOT NULL, until BIGINT,
            PRIMARY KEY (user_id, source))""",
        """CREATE TABLE guild_tiers (
            guild_id BIGINT NOT NULL, source TEXT NOT NULL, tier TEXT NOT NULL, granted_at BIGINT NOT NULL,
            until BIGINT, PRIMARY KEY (guild_id, source))""",
        """CREATE TABLE quota_rules (
            guild_id BIGINT NOT NULL, subject TEXT NOT NULL, tier TEXT NOT NULL, PRIMARY KEY (guild_id, subject))""",
        """CREATE TABLE refusals (
            guild_id BIGINT NOT NULL, hour BIGINT NOT NULL, cause TEXT NOT NULL, calls BIGINT NOT NULL,
            PRIMARY KEY (guild_id, hour, cause))""",
        """CREATE TABLE audit_log (
            id TEXT PRIMARY KEY, at BIGINT NOT NULL, guild_id BIGINT NOT NULL, actor TEXT NOT NULL,
            action TEXT NOT NULL, facts TEXT NOT NULL)""",
        "CREATE INDEX audit_log_guild ON audit_log (guild_id, at)",
    ),
    "006 leagues": (
        "ALTER TABLE guild_settings ADD COLUMN commissioner_role_id BIGINT",
        "ALTER TABLE guild_settings ADD COLUMN private_games SMALLINT NOT NULL DEFAULT 0",
        "ALTER TABLE guild_settings ADD COLUMN tag_players SMALLINT NOT NULL DEFAULT 0",
        "ALTER TABLE guild_settings ADD COLUMN announce_channel_id BIGINT",
        """CREATE TABLE league_teams (
            guild_id BIGINT NOT NULL, name TEXT NOT NULL, user_id BIGINT, PRIMARY KEY (guild_id, name))""",
        """CREATE TABLE league_snapshots (
            id TEXT PRIMARY KEY, guild_id BIGINT NOT NULL, at BIGINT NOT NULL, actor TEXT NOT NULL,
            content TEXT NOT NULL)""",
        "CREATE INDEX league_snapshots_guild ON league_snapshots (guild_id, at)",
        "CREATE INDEX league_snapshots_age ON league_snapshots (at)",
    ),
    "007 the end of a worker": ("ALTER TABLE workers ADD COLUMN ended_at BIGINT",),
    "008 calls by time": ("CREATE INDEX usage_records_started ON usage_records (started_at)",),
    "009 calls by thread, keys to the API": (
        """CREATE INDEX IF NOT EXISTS usage_records_session ON usage_records (session_id, started_at)
            WHERE session_id IS NOT NULL""",
        """CREATE TABLE api_keys (
            id TEXT PRIMARY KEY, digest TEXT NOT NULL UNIQUE, label TEXT NOT NULL, may_write SMALLINT NOT NULL,
            guild_id BIGINT, created_at BIGINT NOT NULL, revoked_at BIGINT)""",
    ),
    "010 calls by server, and by what they were made for": (
        "CREATE INDEX IF NOT EXISTS usage_records_guild ON usage_records (guild_id, started_at)",
        "CREATE INDEX usage_records_execution ON usage_records (execution_id) WHERE execution_id IS NOT NULL",
        """CREATE TABLE shown_answers (
            message_id BIGINT PRIMARY KEY, guild_id BIGINT NOT NULL, execution_id TEXT NOT NULL,
            shown_at BIGINT NOT NULL)""",
        "CREATE INDEX shown_answers_age ON shown_answers (shown_at)",
    ),
    "011 privacy": (
        "ALTER TABLE guild_settings ADD COLUMN retention_days INTEGER",
        "CREATE TABLE opt_outs (user_id TEXT PRIMARY KEY, opted_out_at BIGINT NOT NULL)",
        """CREATE TABLE erasures (
            user_id TEXT NOT NULL, guild_id BIGINT NOT NULL, asked_at BIGINT NOT NULL,
            PRIMARY KEY (user_id, guild_id))""",
        "CREATE TABLE removals (guild_id BIGINT PRIMARY KEY, removed_at BIGINT NOT NULL, erased_at BIGINT)",
    ),
    "012 a server's language": ("ALTER TABLE guild_settings ADD COLUMN language TEXT",),
    "013 where we answer": (
        "ALTER TABLE guild_settings ADD COLUMN answer_channel_ids TEXT",
        "ALTER TABLE guild_settings ADD COLUMN answer_role_ids TEXT",
        "ALTER TABLE guild_settings ADD COLUMN always_fast SMALLINT NOT NULL DEFAULT 0",
    ),
    "014 league actions under way": (
        """CREATE TABLE league_under_way (
            id TEXT PRIMARY KEY, guild_id BIGINT NOT NULL, channel_id BIGINT NOT NULL, user_id TEXT NOT NULL,
            command TEXT NOT NULL, action TEXT NOT NULL, facts TEXT NOT NULL, seen_at BIGINT NOT NULL)""",
    ),
}


MOVING = "moving from"
"""In `bot_state` while books are being moved here (`moving.py`): from where."""


async def apply(database: Database, now_us: int) -> None:
    """Bring the database to the newest step. Raises `SchemaTooNewError` where it is beyond this version."""
    await database.migrate(lambda: _apply(now_us, on_postgres=database.shared))


async def require_whole(database: Database) -> None:
    """Raise `CannotMoveError` where books that are being moved here have arrived in part only."""
    if found := await database.fetch("SELECT value FROM bot_state WHERE name = $1", MOVING):
        raise CannotMoveError(f"the move of {found[0][0]} to this database isn't finished: run it again")


async def is_current(database: Database) -> bool:
    """Whether a reader finds the tables it needs: False for an empty database or one from an earlier version.

    Raises `DatabaseUnavailableError` where it can't be read at all.
    """
    try:
        applied = {name for (name,) in await database.fetch("SELECT name FROM schema_steps")}
    except DatabaseUnavailableError as error:
        if "schema_steps" not in error.problem:
            raise
        return False
    return set(STEPS) <= applied


def _apply(now_us: int, *, on_postgres: bool) -> Script[None]:
    yield "CREATE TABLE IF NOT EXISTS schema_steps (name TEXT PRIMARY KEY, applied_at BIGINT NOT NULL)", ()
    rows = yield "SELECT name FROM schema_steps", ()
    applied = {name for (name,) in rows}
    if unknown := sorted(applied - set(STEPS)):
        raise SchemaTooNewError(unknown)
    for name, statements in STEPS.items():
        if name in applied:
            continue
        for sql in statements:
            for statement in _for_postgres(sql) if on_postgres else [sql]:
                yield statement, ()
        yield "INSERT INTO schema_steps (name, applied_at) VALUES ($1, $2)", (name, now_us)


def _for_postgres(sql: str) -> Iterator[str]:
    """A step's statement for PostgreSQL: text sorts by its bytes as on SQLite, and records are kept by month.

    Every key of `usage_records` must hold the instant that they are parted by. It begins with the server, so that an
    extension can spread the servers over several machines.
    """
    if sql.startswith("CREATE INDEX IF NOT EXISTS usage_records_guild "):
        return  # the key of the records serves there
    if not sql.startswith(("CREATE TABLE", "ALTER TABLE")):
        yield sql
        return
    sql = re.sub(r"\bTEXT\b", 'TEXT COLLATE "C"', sql.removesuffix(" WITHOUT ROWID"))
    if not sql.startswith("CREATE TABLE usage_records "):
        yield sql
        return
    columns = sql.replace(" PRIMARY KEY", " NOT NULL").removesuffix(")")
    yield f"{columns}, PRIMARY KEY (guild_id, started_at, id)) PARTITION BY RANGE (started_at)"
    yield "CREATE TABLE usage_records_other PARTITION OF usage_records DEFAULT"
