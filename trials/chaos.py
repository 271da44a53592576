"""A worker that is killed at random moments, again and again, and books that must be right all the same.

    python -m trials.chaos --kills 300

Each life makes calls of every kind; in half of them the database goes away or is locked for a while, so that the
journal has to do; some end while the books are being opened. In the end the books are compared with the log of the stub
that served the calls, call by call, and every sum with a recount. Exits with 1 where a promise is broken.
"""

import argparse
import asyncio
import os
import random
import signal
import sqlite3
import sys
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import Any

from bot.usage import PriceList, UsageTracker, open_tracker
from bot.usage.money import usd
from bot.usage.records import utc_now
from bot.usage.upkeep.integrity import verify
from trials.billing_stub import BillingStub, billing_stub

FATES = {"answer": 82, "error": 4, "busy": 4, "hang up": 4, "slow": 2, "cut": 4}
LONGEST_LIFE = 2.0
"""Seconds of each part of a life, however little is done in it."""
LONGEST_LOCK_SECONDS = 0.3
OPENING_SECONDS = 0.15
"""In which a worker opens the books, and books what the last one left in the journal."""
TROUBLES = ("moved away", "opening", "none", "locked", "moved away", "none")
"""What befalls the lives in turn. Who is killed while opening finds a journal there, one time in two."""
COLUMNS = (
    "user_id, status, cost_nano_usd, doubtful_nano_usd, estimated, error_type, input_tokens, output_tokens, attempts"
)
Record = dict[str, Any]


@dataclass
class Finding:
    """What came of it. Money in nano-USD."""

    kills: int
    seed: int
    statuses: Counter[str] = field(default_factory=Counter)
    lives: Counter[str] = field(default_factory=Counter)
    served: int = 0
    billed: int = 0
    booked: int = 0
    doubtful: int = 0
    seconds: float = 0.0
    problems: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        return (
            f"seed {self.seed}: {self.kills} kills in {self.seconds:.0f} s, troubles {dict(self.lives)}\n"
            f"served {self.served} calls, billed {usd(self.billed)}; booked {sum(self.statuses.values())} calls "
            f"{dict(self.statuses.most_common())}, {usd(self.booked)} + doubtful {usd(self.doubtful)}\n"
            + ("every promise kept" if not self.problems else f"{len(self.problems)} BROKEN")
        )


class Nursery:
    """Starts workers, and reads what they say. `broken` has what none of them should."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self._open = False
        self.broken: list[str] = []

    async def word(self, expected: str) -> str:
        """Read until a word comes; what follows it."""
        assert self._process.stdout is not None
        while line := (await self._process.stdout.readline()).decode().strip():
            word, _, rest = line.partition(" ")
            if word == "open":
                self._open = True
            if word == expected:
                return rest
            if word == "BROKEN:":
                self.broken.append(rest)
        raise RuntimeError(f"the workers are gone, before {expected!r}")

    async def start(self, *arguments: str) -> int:
        """Start a worker; its process id."""
        assert self._process.stdin is not None
        self._open = False
        self._process.stdin.write(f"{' '.join(arguments)}\n".encode())
        return int(await self.word("started"))

    async def opened(self) -> None:
        """Wait until its books are open."""
        if not self._open:
            await self.word("open")


@asynccontextmanager
async def nursery() -> AsyncIterator[Nursery]:
    """A process that forks workers."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "trials.chaos_worker", stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
    )
    made = Nursery(process)
    try:
        await made.word("ready")
        yield made
    finally:
        process.kill()
        await process.wait()


async def chaos(kills: int, seed: int, folder: Path, prices: PriceList | None = None) -> Finding:
    """So many lives of a worker on the same books, each ended by `kill -9`."""
    prices, dice, began = prices or PriceList.load(), random.Random(seed), perf_counter()
    finding, file = Finding(kills, seed), folder / "books.db"
    url = f"sqlite:///{file}"
    async with open_tracker(url, console=False, prices=prices) as tracker:
        await tracker.set_budget(scope="bot", period="total", limit_usd="1000", mode="soft")
        await tracker.set_budget(scope="guild", scope_id=1, guild_id=1, period="month", limit_usd="1000", mode="hard")
    async with billing_stub(prices, seed, FATES) as stub:
        async with nursery() as workers:
            for number in range(kills):
                worker = await workers.start(url, stub.url, f"life{number}", str(seed))
                trouble = TROUBLES[number % len(TROUBLES)]
                finding.lives[trouble] += 1
                if trouble == "opening":
                    await asyncio.sleep(dice.random() * OPENING_SECONDS)
                else:
                    await workers.opened()
                    await _live(file, trouble, dice, stub)
                os.kill(worker, signal.SIGKILL)
                if (code := await workers.word("ended")) != "-9":
                    finding.problems.append(f"life {number} ended by itself: {code}")
                _bring_back(file)
            finding.problems += workers.broken
        await asyncio.sleep(1.2)  # what the stub was still producing
        async with open_tracker(url, console=False, prices=prices, lock_wait_seconds=0) as tracker:
            await judge(finding, tracker, stub)
    finding.problems += [f"{name} is still there" for name in os.listdir(folder) if ".journal" in name]  # noqa: PTH208
    finding.seconds = perf_counter() - began
    return finding


async def _live(file: Path, trouble: str, dice: random.Random, stub: BillingStub) -> None:
    """Let it work for a while, with the database in trouble from some moment on, and perhaps out of it again."""
    await _serve(stub, dice.randint(1, 40))
    if trouble == "none":
        return
    for_good = dice.random() < 0.5
    if trouble == "locked":
        with closing(sqlite3.connect(file, isolation_level=None, timeout=2)) as other:
            other.execute("BEGIN EXCLUSIVE")
            await asyncio.sleep(dice.random() * LONGEST_LOCK_SECONDS)
    else:
        _take_away(file)
        await _serve(stub, dice.randint(1, 40))
        if not for_good:
            _bring_back(file)
    if not for_good:
        await _serve(stub, dice.randint(1, 40))


async def _serve(stub: BillingStub, requests: int) -> None:
    """Wait until the stub has got so many more requests, but not for ever."""
    enough, ends = stub.served.total() + requests, perf_counter() + LONGEST_LIFE
    while stub.served.total() < enough and perf_counter() < ends:  # noqa: ASYNC110 - the stub only counts
        await asyncio.sleep(0.002)


def _take_away(file: Path) -> None:
    file.rename(file.with_name("elsewhere"))


def _bring_back(file: Path) -> None:
    elsewhere = file.with_name("elsewhere")
    if elsewhere.exists():
        elsewhere.rename(file)


async def judge(finding: Finding, tracker: UsageTracker, stub: BillingStub) -> None:
    """Compare the books with the stub's log, and the sums with the books."""
    rows = await tracker.database.fetch(f"SELECT {COLUMNS} FROM usage_records")
    books = {row[0]: dict(zip(COLUMNS.split(", "), row, strict=True)) for row in rows}
    finding.statuses.update(record["status"] for record in books.values())
    finding.served, finding.billed = len(stub.log), stub.billed_nano_usd
    finding.booked = sum(record["cost_nano_usd"] for record in books.values())
    finding.doubtful = sum(record["doubtful_nano_usd"] for record in books.values())
    if len(books) != len(rows):
        finding.problems.append(f"{len(rows) - len(books)} calls are on the books twice")
    for name, attempts in stub.log.items():
        if problem := _problem(books.get(name), attempts):
            finding.problems.append(f"{name}: {problem} ({attempts}, {books.get(name)})")
    unserved = [r for name, r in books.items() if name not in stub.log and r["status"] == "ok"]
    finding.problems += [f"answered by nobody: {record}" for record in unserved]
    levels = await tracker.database.fetch(
        "SELECT guild_id, spent, reserved, doubtful FROM budget_periods WHERE key = ''"
    )
    finding.problems += [f"guild {guild} still has {reserved} reserved" for guild, _, reserved, _ in levels if reserved]
    if (0, finding.booked, 0, finding.doubtful) not in levels:
        finding.problems.append(f"the budget says {levels}, the calls {finding.booked} + {finding.doubtful}")
    found = await verify(tracker.database, tracker.operations, utc_now())
    finding.problems += [f"a recount differs: {difference}" for difference in found.differences]


def _problem(record: Record | None, attempts: list[tuple[Any, int] | None]) -> str | None:
    """What is wrong with a call that was served, if anything is."""
    if record is None:
        return "left and isn't on the books"
    billed = sum(attempt[1] for attempt in attempts if attempt)
    if record["cost_nano_usd"] + record["doubtful_nano_usd"] < billed:
        return f"billed {billed}"
    if record["status"] != "ok" or record["estimated"]:
        return None
    usage, cost = attempts[-1] or (None, None)
    if usage is None or (record["input_tokens"], record["output_tokens"]) != (usage.input_tokens, usage.output_tokens):
        return "not what was used"
    return None if record["cost_nano_usd"] == cost else f"costs {cost}"


def main() -> int:
    """The command."""
    parser = argparse.ArgumentParser(prog="python -m trials.chaos", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--kills", type=int, default=300)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10**6))
    options = parser.parse_args()
    with TemporaryDirectory() as folder:
        finding = asyncio.run(chaos(options.kills, options.seed, Path(folder)))
    for problem in finding.problems[:20]:
        print(f"BROKEN: {problem}")
    print(finding)
    return 1 if finding.problems else 0


if __name__ == "__main__":
    sys.exit(main())
