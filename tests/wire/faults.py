"""What Discord answers when it doesn't do as it is asked: refusals, limits, trouble of its own, broken connections."""

import time
from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any, Literal


@dataclass(frozen=True)
class Fault:
    """What befalls one request: it waits, is refused where there is a `status`, or its connection ends without answer.

    `is_taken`: it was done all the same.
    """

    seconds: float = 0.0
    status: int = 0
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)
    cut: Literal["", "reset", "closed"] = ""
    is_taken: bool = False


class RefusedError(Exception):
    """A request isn't taken."""

    def __init__(self, fault: Fault) -> None:
        super().__init__(fault.status)
        self.fault = fault


def slow(seconds: float) -> Fault:
    """It is taken after a while."""
    return Fault(seconds)


def refused(status: int, code: int, message: str) -> Fault:
    """Discord says no, with a code of its own."""
    return Fault(status=status, body={"message": message, "code": code})


def trouble(status: int, *, is_taken: bool = False) -> Fault:
    """Discord has trouble of its own; perhaps after having taken it."""
    return Fault(status=status, body={"message": "upstream connect error", "code": 0}, is_taken=is_taken)


def busy(seconds: float, *, everywhere: bool = False) -> Fault:
    """Too many requests: of this kind, or of all kinds."""
    body = {"message": "You are being rate limited.", "retry_after": seconds, "global": everywhere}
    return Fault(status=429, body=body, headers={"Via": "1.1 google", "Retry-After": "1"})


class Bucket:
    """Discord's limit on one kind of request: so many in each channel, and then none for so many seconds."""

    def __init__(self, limit: int, seconds: float) -> None:
        self._limit = limit
        self._seconds = seconds
        self._taken: dict[str, list[float]] = defaultdict(list)

    def take(self, channel_id: str) -> dict[str, str]:
        """Count one; the headers that say what is left. Raises `RefusedError` where none is left."""
        now, taken = time.perf_counter(), self._taken[channel_id]
        if taken and now - taken[0] >= self._seconds:
            taken.clear()
        left = self._seconds - (now - taken[0] if taken else 0.0)
        if len(taken) == self._limit:
            raise RefusedError(busy(left))
        taken.append(now)
        return {
            "X-RateLimit-Bucket": "messages",
            "X-RateLimit-Limit": str(self._limit),
            "X-RateLimit-Remaining": str(self._limit - len(taken)),
            "X-RateLimit-Reset-After": f"{left:.3f}",
        }
