"""The tables, as named steps that are only ever appended. One process applies the missing ones at start.

Names of columns are the words of `bot.usage.records`. Instants are BIGINT microseconds since 1970 in UTC, money is
BIGINT nano-USD, flags are 0 or 1, `day` is an ISO date.
"""

from bot.usage.database import SqliteDatabase, Statement
from bot.usage.errors import DatabaseUnavailableError, SchemaTooNewError

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
}


async def apply(database: SqliteDatabase, now_us: int) -> None:
    """Bring the database to the newest step. Raises `SchemaTooNewError` where it is beyond this version."""
    await database.execute(
        "CREATE TABLE IF NOT EXISTS schema_steps (name TEXT PRIMARY KEY, applied_at BIGINT NOT NULL)"
    )
    applied = {name for (name,) in await database.execute("SELECT name FROM schema_steps")}
    if unknown := sorted(applied - set(STEPS)):
        raise SchemaTooNewError(unknown)
    for name, statements in STEPS.items():
        if name not in applied:
            batch: list[Statement] = [(sql, None) for sql in statements]
            await database.write(
                [*batch, ("INSERT INTO schema_steps (name, applied_at) VALUES ($1, $2)", [(name, now_us)])]
            )


async def is_current(database: SqliteDatabase) -> bool:
    """Whether a reader finds the tables it needs: False for an empty file or one from an earlier version.

    Raises `DatabaseUnavailableError` where the file can't be read at all.
    """
    try:
        applied = {name for (name,) in await database.fetch("SELECT name FROM schema_steps")}
    except DatabaseUnavailableError as error:
        if "no such table" not in error.problem:
            raise
        return False
    return set(STEPS) <= applied
