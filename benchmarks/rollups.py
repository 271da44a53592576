"""P11: what keeping the daily rollups costs an insert, in transactions as the ledger makes them."""

import asyncio
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from time import perf_counter

from benchmarks.ledger import new_database
from benchmarks.made_up import open_calls, settled
from benchmarks.measure import Effort, Row, in_turns, ratios
from bot.usage.bookkeeping.rollups import UPSERT, upserts
from bot.usage.budgeting.calendars import ALWAYS_UTC
from bot.usage.storage import rows
from bot.usage.storage.database import Statement


def run(effort: Effort) -> list[Row]:
    """All rows of this file."""
    with TemporaryDirectory() as folder:
        return asyncio.run(_run(Path(folder), effort))


async def _run(folder: Path, effort: Effort) -> list[Row]:
    return [
        await _rollups(folder / "64.db", effort, 64, effort.some(100), 4),
        await _rollups(folder / "1.db", effort, 1, effort.some(600), None),
    ]


async def _rollups(path: Path, effort: Effort, size: int, batches: int, target: float | None) -> Row:
    """The same batches inserted with their rollups, and with the index that reports would need without them."""
    made = open_calls()
    async with new_database(path) as ours, new_database(path.with_suffix(".index.db")) as indexed:
        await indexed.execute("CREATE INDEX reports ON usage_records (guild_id, started_at)")

        async def insert(*, keep: bool) -> float:
            calls = [[next(made) for _ in range(size)] for _ in range(batches)]
            records = [[settled(call) for call in batch] for batch in calls]
            began = perf_counter()
            for batch, finished in zip(calls, records, strict=True):
                statements: list[Statement] = [(rows.INSERT_OPEN, [rows.open_row(call, "w") for call in batch])]
                if keep:
                    statements.append((UPSERT, upserts(finished, lambda _: ALWAYS_UTC)))
                await (ours if keep else indexed).write(statements)
            return (perf_counter() - began) / batches / size

        sides = {"with": lambda: insert(keep=True), "without": lambda: insert(keep=False)}
        found = await in_turns(sides, effort.rounds)
    what = f"an insert with its rollups / row and an index by server and time alone, {size} a transaction"
    words = f"{median(found['with']) * 1e6:.0f} µs on {median(found['without']) * 1e6:.0f} µs"
    return Row("P11", what, ratios(found["with"], found["without"]), target, note=words)
