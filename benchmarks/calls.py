"""P1, P3: a tracked call against a plain one of the SDK, on the same loopback stub, in one process."""

import asyncio
from statistics import median

from benchmarks.measure import Effort, Row, ratios
from benchmarks.sides import CROWD, Clients, ask_whole, costs, in_microseconds, open_clients
from benchmarks.stub import running_stub


def run(effort: Effort) -> list[Row]:
    """All rows of this file."""
    return asyncio.run(_run(effort))


async def _run(effort: Effort) -> list[Row]:
    with running_stub() as address:
        async with open_clients(f"{address}/v1") as clients:
            rows = await _whole_answers(clients, effort, 1, effort.some(200), cpu=1.10, loop=1 / 12)
            return rows + await _whole_answers(clients, effort, CROWD, effort.some(512), cpu=0.85, loop=1 / 60)


async def _whole_answers(
    clients: Clients, effort: Effort, at_once: int, calls: int, *, cpu: float, loop: float
) -> list[Row]:
    plain, plain_aiohttp, tracked = await costs(clients, effort, at_once, calls, ask_whole)
    crowd = "one at a time" if at_once == 1 else f"{at_once} at once"
    cpu_ratios = ratios((c.process for c in tracked), (c.process for c in plain))
    same_transport = ratios((c.process for c in tracked), (c.process for c in plain_aiohttp))
    added = [t.loop - p.loop for t, p in zip(tracked, plain_aiohttp, strict=True)]
    shares = ratios(added, (c.loop for c in plain_aiohttp))
    return [
        Row("P1", f"CPU of a tracked call / plain SDK's, {crowd}", cpu_ratios, cpu,
            note=in_microseconds(tracked, plain)),
        Row("P1", f"  the same over the plain SDK on aiohttp, {crowd}", same_transport),
        Row("P3", f"loop time tracking adds / plain call's (both aiohttp), {crowd}", shares, loop,
            note=f"+{median(added) * 1e6:.0f} µs on {median(c.loop for c in plain_aiohttp) * 1e6:.0f} µs"),
        Row("P3", f"  the same addition / plain call's on its default transport, {crowd}",
            ratios(added, (c.loop for c in plain))),
    ]  # fmt: skip
