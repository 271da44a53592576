"""Which trackers are open in this process: what `get_tracker()` finds, and the door where it wasn't given one."""

import logging
from typing import TYPE_CHECKING

from bot.usage.errors import NoTrackerError

if TYPE_CHECKING:
    from bot.usage.tracker import UsageTracker

log = logging.getLogger(__name__)
_open: "list[UsageTracker]" = []
_warned = False


def opened(tracker: "UsageTracker") -> None:
    """Note a tracker that was opened."""
    _open.append(tracker)


def closing(tracker: "UsageTracker") -> None:
    """Forget a tracker that is about to close."""
    _open.remove(tracker)


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
