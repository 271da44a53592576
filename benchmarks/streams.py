"""P2, and P1 streamed: a tracked stream against the plain SDK's, on the same loopback stub, in one process."""

import asyncio
from statistics import median
from time import perf_counter

from benchmarks.measure import Effort, Row, in_turns, ratios
from benchmarks.sides import CROWD, Call, Clients, ask_streamed, attributed, costs, in_microseconds, open_clients
from benchmarks.stub import running_stub


def run(effort: Effort) -> list[Row]:
    """All rows of this file."""
    return asyncio.run(_run(effort))


async def _run(effort: Effort) -> list[Row]:
    with running_stub() as address:
        async with open_clients(f"{address}/v1") as clients:
            rows = await _streams(clients, effort)
        async with open_clients(f"{address}/slow/v1") as clients:
            return [*rows, await _latency(clients, effort)]


async def _streams(clients: Clients, effort: Effort) -> list[Row]:
    rows = []
    for at_once, calls in ((1, effort.some(60)), (CROWD, effort.some(192))):
        plain, _, tracked = await costs(clients, effort, at_once, calls, ask_streamed)
        crowd = "one at a time" if at_once == 1 else f"{at_once} at once"
        cpu_ratios = ratios((c.process for c in tracked), (c.process for c in plain))
        rows.append(
            Row(
                "P1",
                f"CPU of a tracked stream / plain SDK's, {crowd}",
                cpu_ratios,
                note=in_microseconds(tracked, plain),
            )
        )
    return rows


async def _latency(clients: Clients, effort: Effort) -> Row:
    """Whole streams with 20 ms to their first token, plain and tracked in turns call by call."""
    sides: tuple[Call, Call] = (
        lambda: ask_streamed(clients.plain),
        lambda: attributed(clients, ask_streamed),
    )

    async def pairs() -> float:
        times: tuple[list[float], list[float]] = ([], [])
        for _ in range(effort.some(50)):
            for side, call in zip(times, sides, strict=True):
                began = perf_counter()
                await call()
                side.append(perf_counter() - began)
        return median(times[1]) / median(times[0])

    found = await in_turns({"pairs": pairs}, effort.rounds)
    return Row("P2", "p50 of a tracked stream, 20 ms to its first token / plain SDK's", tuple(found["pairs"]), 1.05)
