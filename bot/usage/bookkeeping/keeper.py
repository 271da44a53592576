"""Who keeps the books of calls: the ledger of this process, or one behind a REST API (`remote_ledger.py`).

What each promises is said at `Ledger`.
"""

from typing import Protocol

from bot.usage.budgeting.rules import Rules
from bot.usage.errors import CallRefusedError
from bot.usage.records import Attribution, OpenCall, Settlement, UsageRecord


class Keeper(Protocol):
    """What the door and those who tell by hand need. `unrecorded` and `faults` count since this process started."""

    rules: Rules
    faults: int

    @property
    def unrecorded(self) -> int:
        """How many calls left that nothing had kept yet."""

    async def admit(self, call: OpenCall) -> OpenCall:
        """Put a call on the books before it leaves. Raises `CallRefusedError`."""

    async def admit_again(self, call: OpenCall, times: int = 2) -> None:
        """Reserve for another attempt. Raises `CallRefusedError`."""

    def left_unrecorded(self) -> None:
        """Count a call that leaves and never gets on the books, by our own fault."""

    def settle(self, call: OpenCall, settled: Settlement) -> None:
        """Queue how a call ended."""

    def record(self, record: UsageRecord) -> None:
        """Queue a call that is over already."""

    def stopping(self, who: Attribution) -> CallRefusedError | None:
        """Why a call may not leave unrecorded now."""

    async def room(self) -> None:
        """Wait a while where too much is queued."""

    async def flush(self) -> None:
        """Return when everything queued so far is durable."""

    async def close(self, patience_seconds: float = 10.0) -> None:
        """Write what is queued, then stop."""
