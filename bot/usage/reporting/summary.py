"""Sums since this process started, in memory: what `get_tracker().get_summary()` returns."""

from typing import TypedDict

from bot.usage.records import NANO_USD_PER_USD, Kind, UsageRecord


class OperationSummary(TypedDict):
    """One operation: finished calls, input and output tokens, USD."""

    count: int
    total_tokens: int
    total_cost: float


class Summary(TypedDict):
    """All operations: USD, input and output tokens, finished calls."""

    total_cost: float
    total_tokens: int
    operations: int
    by_operation: dict[str, OperationSummary]


class RunningSums:
    """Adds up finished calls. Money is kept in nano-USD and becomes a float only in the summary."""

    def __init__(self) -> None:
        self._sums: dict[str, list[int]] = {}

    def add(self, record: UsageRecord) -> None:
        """Add one finished call; payments are no AI cost and stay out."""
        if record.call.kind is Kind.PAYMENT:
            return
        sums = self._sums.setdefault(record.call.attribution.operation, [0, 0, 0])
        sums[0] += 1
        sums[1] += record.settlement.usage.total_tokens
        sums[2] += record.settlement.price.cost_nano_usd or 0

    def summary(self) -> Summary:
        """The sums so far."""
        return {
            "total_cost": sum(cost for _, _, cost in self._sums.values()) / NANO_USD_PER_USD,
            "total_tokens": sum(tokens for _, tokens, _ in self._sums.values()),
            "operations": sum(count for count, _, _ in self._sums.values()),
            "by_operation": {
                name: {"count": count, "total_tokens": tokens, "total_cost": cost / NANO_USD_PER_USD}
                for name, (count, tokens, cost) in self._sums.items()
            },
        }
