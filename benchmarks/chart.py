"""P13: the picture of `/token-stats`: how long the event loop stands still for it, and how long the view takes."""

import asyncio
from itertools import count
from statistics import median
from time import perf_counter

from benchmarks.measure import Effort, Row
from cogs._spend.chart import OTHERS, Chart, draw

TICK_SECONDS = 0.001
BARS = 31


def run(effort: Effort) -> list[Row]:
    """All rows of this file. Limits are times, so each ratio is over the limit."""
    asyncio.run(_drawn(_new_chart(0)))  # what is imported at the first picture isn't what the next ones take
    stalls, times = zip(*(asyncio.run(_round(number)) for number in range(effort.rounds)), strict=True)
    return [
        Row("P13", "longest stall of the event loop while a picture is drawn / 15 ms",
            tuple(stall / 0.015 for stall in stalls), 1, note=f"{median(stalls) * 1e3:.1f} ms"),
        Row("P13", "a picture, drawn in a thread beside a busy loop / 300 ms", tuple(took / 0.3 for took in times), 1,
            note=f"{median(times) * 1e3:.0f} ms"),
    ]  # fmt: skip


async def _round(number: int) -> tuple[float, float]:
    """The longest that a task which wants to run each millisecond had to wait, and how long a new picture took."""
    stop, ticking = asyncio.Event(), asyncio.Event()

    async def tick() -> float:
        longest, before = 0.0, perf_counter()
        while not stop.is_set():
            await asyncio.sleep(TICK_SECONDS)
            ticking.set()
            now = perf_counter()
            longest, before = max(longest, now - before - TICK_SECONDS), now
        return longest

    watcher = asyncio.create_task(tick())
    await ticking.wait()
    began = perf_counter()
    await _drawn(_new_chart(number + 1))
    took = perf_counter() - began
    await asyncio.sleep(TICK_SECONDS)
    stop.set()
    return await watcher, took


async def _drawn(chart: Chart) -> bytes:
    return await asyncio.to_thread(draw, chart)


def _new_chart(number: int) -> Chart:
    """A month's fullest picture, which was never drawn before."""
    amounts = count(number * 1_000_003 + 1)
    bars = tuple(tuple(next(amounts) * 7_919 % 40_000_000 for _ in range(OTHERS + 1)) for _ in range(BARS))
    names = tuple(f"setup_agent_{n}_synthesize_gpt-4o-mini" for n in range(OTHERS))
    return Chart(bars, tuple(map(str, range(1, BARS + 1))), (*names, "others"), tuple(range(OTHERS + 1)))
