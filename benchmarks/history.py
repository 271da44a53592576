"""A year of made-up history written straight into a database, its rollups summed from its records, and kept for the
next time in `.benchmarks/`.

The biggest of 200 servers has a third of the calls; within a server some members, channels and operations call far
more than others.
"""

import sqlite3
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from hashlib import blake2s
from pathlib import Path

from bot.usage.bookkeeping.rollups import BREAKDOWNS, BY_MONTH, MEASURES
from bot.usage.storage import rows, schema
from bot.usage.storage.sqlite import SqliteDatabase

FOLDER = Path(__file__).parents[1] / ".benchmarks"
NOW = datetime(2026, 6, 20, 18, tzinfo=UTC)
BIGGEST = 1000
DAYS = 365
_START_US = rows.microseconds(NOW - timedelta(days=DAYS))
_STEP_US = DAYS * 24 * 3600 * 1_000_000
_UNIFORM = "abs(random() % 1000003) / 1000003.0"
_RECORDS = f"""
INSERT INTO usage_records (id, worker_id, kind, api, started_at, guild_id, channel_id, user_id, operation, provider,
  request_model, status, reserved_nano_usd, input_tokens, cached_input_tokens, output_tokens, cost_nano_usd,
  price_source, response_model, response_id, estimated, attempts, duration_ms, raw_usage)
WITH RECURSIVE numbers (n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM numbers WHERE n + 1 < :count),
chances AS MATERIALIZED (
  SELECT n, {BIGGEST} + CAST(200 * pow({_UNIFORM}, 5) AS INTEGER) AS guild, {_UNIFORM} AS a, {_UNIFORM} AS b,
    {_UNIFORM} AS c, {_UNIFORM} AS d, abs(random() % 2000) AS input, abs(random() % 600) AS output FROM numbers)
SELECT printf('%032x', n), 'w', 'llm', 'chat', {_START_US} + n * ({_STEP_US} / :count), guild,
  guild * 1000 + CAST(40 * b * b AS INTEGER),
  CAST(guild * 100000 + CAST((CASE guild WHEN {BIGGEST} THEN 5000 ELSE 300 END) * a * a AS INTEGER) AS TEXT),
  'operation ' || CAST(8 * c * c AS INTEGER), 'openai', 'gpt-4o-mini', CASE WHEN d < 0.01 THEN 'error' ELSE 'ok' END,
  300000, input, input / 4, output, input * 150 + output * 600, 'genai-prices',
  'gpt-4o-mini-' || CAST(5 * d * d AS INTEGER), 'chatcmpl-' || n, d > 0.98, 1, 800 + output,
  '{{"prompt_tokens": 1000, "completion_tokens": 300, "total_tokens": 1300}}' FROM chances"""
_MEASURED = {
    "calls": "count(*)",
    "failed_calls": "sum(status IN ('error', 'aborted'))",
    "estimated_calls": "sum(estimated)",
    "unpriced_calls": "sum(cost_nano_usd IS NULL)",
    "cost_nano_usd": "sum(coalesce(cost_nano_usd, 0))",
}
SUMS = ", ".join(_MEASURED.get(name, f"sum({name})") for name in MEASURES)
"""Every measure of the rollups, computed from the records."""
DAY = "date(started_at / 1000000, 'unixepoch')"
_MONTH = "date(started_at / 1000000, 'unixepoch', 'start of month')"
KEYS = {
    "operation": "operation",
    "model": "coalesce(response_model, request_model)",
    "user": "user_id",
    "channel": "CAST(channel_id AS TEXT)",
    "agent": "agent_name",
    "workflow": "workflow_id",
}
"""What each breakdown is by, in the records."""
COVERING_INDEX = """CREATE INDEX covering ON usage_records (guild_id, started_at, operation, response_model,
  request_model, user_id, channel_id, status, estimated, cost_nano_usd, input_tokens, cached_input_tokens,
  output_tokens, reasoning_output_tokens, duration_ms)"""


async def history(count: int) -> Path:
    """A database with that many finished calls: made where it is missing, at some 50 seconds and 600 MB a million.

    Whoever changes something makes a copy first; tables that are new since are added when it is opened.
    """
    version = blake2s(repr((_RECORDS, list(_rollups()))).encode(), digest_size=4).hexdigest()
    path = FOLDER / f"{count}-{version}.db"
    if not path.exists():
        print(f"making {count:,} calls of history …", file=sys.stderr, flush=True)
        FOLDER.mkdir(exist_ok=True)
        unfinished = path.with_suffix(".unfinished")
        unfinished.unlink(missing_ok=True)
        await _write(unfinished, count)
        unfinished.replace(path)
    return path


async def _write(path: Path, count: int) -> None:
    database = await SqliteDatabase.open(f"sqlite:///{path}")
    try:
        await schema.apply(database, rows.microseconds(NOW))
    finally:
        await database.close()
    connection = sqlite3.connect(path, isolation_level=None)
    connection.executescript("PRAGMA synchronous = OFF; PRAGMA cache_size = -400000; PRAGMA temp_store = MEMORY")
    connection.execute("BEGIN")
    connection.execute(_RECORDS, {"count": count})
    for statement in _rollups():
        connection.execute(statement)
    connection.execute("COMMIT")
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.execute("PRAGMA journal_mode = DELETE")
    connection.close()


def _rollups() -> Iterator[str]:
    into = f"INSERT INTO spend_daily (guild_id, dimension, day, key, {', '.join(MEASURES)}) SELECT"
    yield f"{into} guild_id, 'total', {DAY} AS day, '', {SUMS} FROM usage_records GROUP BY 1, 3"
    yield f"{into} 0, 'guild', {DAY} AS day, CAST(guild_id AS TEXT), {SUMS} FROM usage_records GROUP BY 3, 4"
    for name in BREAKDOWNS:
        found = f"{KEYS[name]} AS key, {SUMS} FROM usage_records WHERE {KEYS[name]} IS NOT NULL"
        yield f"{into} guild_id, '{name}', {DAY} AS day, {found} GROUP BY 1, 3, 4"
        yield f"{into} 0, 'bot_{name}', {DAY} AS day, {found} GROUP BY 3, 4"
        if name in BY_MONTH:
            yield f"{into} guild_id, '{name}/month', {_MONTH} AS day, {found} GROUP BY 1, 3, 4"
