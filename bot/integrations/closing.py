"""The end of what sends from threads of its own: at most so long, whatever the other side does."""

import asyncio
import logging
from collections.abc import Callable
from contextlib import suppress
from threading import Thread

log = logging.getLogger(__name__)


async def ended_within(seconds: float, work: Callable[[], object]) -> bool:
    """Do blocking work in a thread of its own; whether it ended in time. A thread that didn't dies with the process."""
    loop = asyncio.get_running_loop()
    ended = asyncio.Event()

    def run() -> None:
        try:
            work()
        except Exception as error:  # noqa: BLE001 - at the end nobody can do more about it
            log.warning("could not send the rest: %s", type(error).__name__)
        with suppress(RuntimeError):  # the loop is closed: nobody waits any more
            loop.call_soon_threadsafe(ended.set)

    Thread(target=run, name="last events", daemon=True).start()
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await ended.wait()
    return ended.is_set()
