"""What one piece of work cost, known as soon as the last of its calls has ended, before that is durable."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass

from bot.usage.records import UsageRecord


@dataclass(slots=True)
class Receipt:
    """Sums over the calls made inside one `receipt()` block, failed ones included; tokens are input and output."""

    calls: int = 0
    unpriced_calls: int = 0
    total_tokens: int = 0
    cost_nano_usd: int = 0

    @property
    def known_cost_nano_usd(self) -> int | None:
        """The cost to show: None where one of the calls has no known price, because unknown is not free (I9)."""
        return None if self.unpriced_calls else self.cost_nano_usd


_receipt: ContextVar[Receipt | None] = ContextVar("receipt", default=None)


@contextmanager
def receipt() -> Iterator[Receipt]:
    """Sum up the calls that are made inside, as each ends: a stream that is read later comes onto it then.

    Tasks started inside add to the same receipt. An inner block has one of its own.
    """
    paper = Receipt()
    token = _receipt.set(paper)
    try:
        yield paper
    finally:
        _receipt.reset(token)


def put_on_receipt(record: UsageRecord) -> None:
    """Add a call that has just ended to the receipt of whoever made it, if they keep one."""
    paper = record.call.context.get(_receipt) if record.call.context is not None else None
    if paper is None:
        return
    paper.calls += 1
    paper.total_tokens += record.settlement.usage.total_tokens
    cost = record.settlement.price.cost_nano_usd
    paper.unpriced_calls += cost is None
    paper.cost_nano_usd += cost or 0
