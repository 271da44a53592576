"""What is queued should show in what is read next, without a database in trouble holding up whoever reads."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress

PATIENCE_SECONDS = 2.0
"""How long a reader waits for what is still queued; after that it reads what is on the books."""


async def wait_for_queued(flush: Callable[[], Awaitable[object]] | None) -> None:
    """Wait for a flush, for a while. None: this process queues nothing."""
    if flush is not None:
        with suppress(TimeoutError):
            await asyncio.wait_for(flush(), PATIENCE_SECONDS)
