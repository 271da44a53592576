"""The same calls in DuckDB, which is made for sums over many rows, with no rollups: what ours are measured against."""

import csv
import sqlite3
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import duckdb

from benchmarks.history import KEYS, NOW
from bot.usage.reporting.reports import PeriodName, Split
from bot.usage.storage import rows

_COLUMNS = (
    "guild_id, started_at, operation, coalesce(response_model, request_model), user_id, channel_id, status, estimated, "
    "cost_nano_usd, input_tokens, cached_input_tokens, output_tokens, reasoning_output_tokens, duration_ms"
)
_TABLE = """CREATE TABLE records (guild_id BIGINT, started_at BIGINT, operation VARCHAR, model VARCHAR, user_id VARCHAR,
  channel_id BIGINT, status VARCHAR, estimated TINYINT, cost_nano_usd BIGINT, input_tokens BIGINT,
  cached_input_tokens BIGINT, output_tokens BIGINT, reasoning_output_tokens BIGINT, duration_ms BIGINT)"""
_SUMS = """count(*), sum(CAST(status IN ('error', 'aborted') AS INT)), sum(estimated),
  sum(CAST(cost_nano_usd IS NULL AS INT)), sum(input_tokens), sum(cached_input_tokens), sum(output_tokens),
  sum(reasoning_output_tokens), sum(coalesce(cost_nano_usd, 0)) AS cost, sum(duration_ms)"""
_KEYS = {**KEYS, "model": "model", "channel": "channel_id", "day": "started_at // 86400000000"}


def load(source: Path, target: Path) -> duckdb.DuckDBPyConnection:
    """A DuckDB file with every call of a SQLite file, in the order of their time."""
    database = duckdb.connect(str(target))
    database.execute(_TABLE)
    with TemporaryDirectory() as folder, sqlite3.connect(source) as connection:
        file = Path(folder) / "records.csv"
        with file.open("w", newline="") as lines:
            csv.writer(lines).writerows(connection.execute(f"SELECT {_COLUMNS} FROM usage_records"))
        database.execute(f"COPY records FROM '{file}' (HEADER false)")
    return database


def breakdown(
    database: duckdb.DuckDBPyConnection, guild_id: int, period: PeriodName, split: Split, top: int
) -> list[Any]:
    """What one view shows, summed from the calls: key, the ten sums, the dearest first."""
    since = rows.microseconds(NOW.replace(hour=0)) - 29 * 86_400_000_000 if period == "30d" else 0
    limit = "" if split == "day" else f"LIMIT {top}"
    return database.execute(
        f"SELECT {_KEYS[split]} AS key, {_SUMS} FROM records WHERE guild_id = ? AND started_at >= ? "
        f"GROUP BY key ORDER BY cost DESC, 2 DESC, 1 {limit}",
        [guild_id, since],
    ).fetchall()
