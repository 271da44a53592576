"""Which trackers are open in this process: what `get_tracker()` finds, and the door where it wasn't given one."""

import logging
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING

from bot.usage.console import Console
from bot.usage.errors import NoTrackerError

if TYPE_CHECKING:
    from bot.usage.tracker import UsageTracker

log = logging.getLogger(__name__)
_open: "list[UsageTracker]" = []
_warned = False


@asynccontextmanager
async def at_work(tracker: "UsageTracker", *, console: bool) -> AsyncIterator[None]:
    """Have a tracker found and its console lines printed while it is open, and close it afterwards."""
    async with AsyncExitStack() as stack:
        if console:
            printer = Console()
            stack.callback(printer.close)
            tracker.subscribe(printer.show)
        stack.push_async_callback(tracker.close)
        _open.append(tracker)
        stack.callback(_open.remove, tracker)
        yield


def get_tracker() -> "UsageTracker":
    """The tracker opened last and still open in this process. Raises `NoTrackerError` where there is none."""
    if not _open:
        raise NoTrackerError
    return _open[-1]


def tracker_or_warn() -> "UsageTracker | None":
    """The open tracker; None, with one warning a process, where there is none and a call goes untracked."""
    global _warned
    if _open:
        return _open[-1]
    if not _warned:
        _warned = True
        log.warning("a model call was made outside any open tracker: it is not on the books")
    return None
