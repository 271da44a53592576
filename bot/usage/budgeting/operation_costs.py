"""What an operation will probably use and cost: learnt from its own calls, else as it was declared."""

import math
import statistics
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import TypedDict

from bot.usage.errors import UsageError
from bot.usage.money import usd
from bot.usage.operations import Operation
from bot.usage.pricing.prices import PriceList
from bot.usage.records import Usage
from bot.usage.storage.database import Database

LEARN_FROM = 200
"""The newest answered calls of an operation and model that an estimate is learnt from."""
ENOUGH_TO_REFUSE = 20
"""Calls it takes before an operation's usual size is taken from them where somebody may be refused for it."""
_NEWEST = (
    "SELECT input_tokens, output_tokens FROM usage_records "
    "WHERE operation = $1 AND request_model = $2 AND status = 'ok' ORDER BY started_at DESC LIMIT $3"
)


class UnknownOperationError(UsageError, ValueError):
    """Nobody declared the operation, and the books have no call of it. `operation` is its name."""

    def __init__(self, operation: str, problem: str) -> None:
        super().__init__(f"operation {operation!r}: {problem}")
        self.operation = operation


class OperationCost(TypedDict):
    """An estimate: the median, and what nine of ten calls stay within. Costs are USD, None without a known price."""

    model: str
    estimated_input_tokens: int
    estimated_output_tokens: int
    estimated_total_tokens: int
    estimated_cost_usd: float | None
    p90_input_tokens: int
    p90_output_tokens: int
    p90_cost_usd: float | None
    learned_from_calls: int


class OperationCosts:
    """Estimates operations. It reads the newest calls of one through an index, however long the history is."""

    def __init__(
        self,
        database: Database,
        prices: PriceList,
        operations: Mapping[str, Operation],
        clock: Callable[[], datetime],
    ) -> None:
        self._database = database
        self._prices = prices
        self._operations = operations
        self._clock = clock

    async def estimate(
        self, operation: str | None = None, model: str | None = None, *, operation_type: str | None = None
    ) -> OperationCost:
        """The usual size and cost of an operation with a model (its declared one, where none is given).

        Learnt from its newest answered calls; as declared where there are none: the 90th percentile is then the same.
        `operation_type` is another name for `operation`. Raises `UnknownOperationError` (a `ValueError`) for an
        operation of which nothing is known, `DatabaseUnavailableError` where the books can't be read.
        """
        name = one_name(operation, operation_type)
        declared = self._operations.get(name)
        asked = model or (declared.model if declared else None)
        if asked is None:
            raise UnknownOperationError(name, "name a model, or declare the operation with one (define_operation)")
        calls = await self._database.fetch(_NEWEST, name, asked, LEARN_FROM)
        return self._cost(asked, calls or [_declared_size(name, declared)], learned=len(calls))

    async def usual_tokens(self, operation: str) -> int:
        """How many tokens an operation usually takes, input and output; 0 where too little is known to say.

        One long call makes no habit: with fewer than `ENOUGH_TO_REFUSE` calls on the books the declared size holds.
        """
        declared = self._operations.get(operation)
        if declared is None:
            return 0
        if declared.model is not None:
            calls = await self._database.fetch(_NEWEST, operation, declared.model, LEARN_FROM)
            if len(calls) >= ENOUGH_TO_REFUSE:
                return round(statistics.median(map(sum, calls)))
        return (declared.input_tokens or 0) + (declared.output_tokens or 0)

    def _cost(self, model: str, calls: Sequence[Sequence[int]], *, learned: int) -> OperationCost:
        inputs, outputs = zip(*calls, strict=True)
        usual = round(statistics.median(inputs)), round(statistics.median(outputs))
        most = _within(inputs), _within(outputs)
        return OperationCost(
            model=model,
            estimated_input_tokens=usual[0],
            estimated_output_tokens=usual[1],
            estimated_total_tokens=sum(usual),
            estimated_cost_usd=self._usd(model, *usual),
            p90_input_tokens=most[0],
            p90_output_tokens=most[1],
            p90_cost_usd=self._usd(model, *most),
            learned_from_calls=learned,
        )

    def _usd(self, model: str, input_tokens: int, output_tokens: int) -> float | None:
        usage = Usage(input_tokens=input_tokens, output_tokens=output_tokens)
        cost = self._prices.price(usage, model, at=self._clock()).cost_nano_usd
        return None if cost is None else float(usd(cost))


def one_name(operation: str | None, operation_type: str | None) -> str:
    """The operation under either of its names. Raises `TypeError` for both at once, or none."""
    if (operation is None) == (operation_type is None):
        raise TypeError("give operation or operation_type: they are one thing")
    return str(operation if operation is not None else operation_type)


def _declared_size(name: str, declared: Operation | None) -> tuple[int, int]:
    if declared is None:
        raise UnknownOperationError(
            name, "nobody declared it (define_operation), and there is no call of it to learn from"
        )
    if declared.input_tokens is None or declared.output_tokens is None:
        raise UnknownOperationError(
            name, "it was declared without its usual tokens, and there is no call to learn from"
        )
    return declared.input_tokens, declared.output_tokens


def _within(values: Sequence[int]) -> int:
    """The smallest of the values that nine of ten don't exceed."""
    return sorted(values)[math.ceil(len(values) * 9 / 10) - 1]
