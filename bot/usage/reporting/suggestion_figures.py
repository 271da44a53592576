"""What each operation took with each model, from the calls themselves: what suggestions are made of."""

import math
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from bot.usage.records import Usage
from bot.usage.storage.database import Database, Query, Row
from bot.usage.storage.rows import EPOCH, microseconds

MOST = 50_000
"""The newest calls that are looked at: enough to judge by, and what they take stays the same as the books grow."""
_DAY_US = 86_400_000_000
_STEP = 16
"""Lengths of answers are told apart by so many tokens."""
_CALLS = (
    "(SELECT operation, request_model, provider, started_at, status, attempts, input_tokens, cached_input_tokens, "
    "output_tokens, cost_nano_usd, doubtful_nano_usd FROM usage_records WHERE started_at >= $1 {whose}"
    f"AND status <> 'open' AND kind <> 'payment' ORDER BY started_at DESC LIMIT {MOST}) AS newest"
)
_FAILED = "status IN ('error', 'aborted', 'interrupted')"
_BY_DAY = (
    f"SELECT operation, request_model, started_at / {_DAY_US}, max(provider), count(*), "
    f"CAST(sum(CASE WHEN {_FAILED} THEN 1 ELSE 0 END) AS BIGINT), "
    "CAST(sum(CASE WHEN attempts > 1 THEN 1 ELSE 0 END) AS BIGINT), "
    "CAST(sum(CASE WHEN cost_nano_usd IS NULL THEN 1 ELSE 0 END) AS BIGINT), "
    "CAST(COALESCE(sum(cost_nano_usd), 0) AS BIGINT), "
    f"CAST(COALESCE(sum(CASE WHEN {_FAILED} THEN cost_nano_usd END), 0) AS BIGINT), "
    "CAST(sum(doubtful_nano_usd) AS BIGINT), min(CASE WHEN status = 'ok' THEN input_tokens END), "
    "CAST(sum(input_tokens) AS BIGINT), CAST(sum(cached_input_tokens) AS BIGINT), CAST(sum(output_tokens) AS BIGINT) "
    "FROM {calls} GROUP BY 1, 2, 3 ORDER BY 1, 2, 3"
)
_LENGTHS = (
    f"SELECT operation, request_model, (output_tokens + {_STEP - 1}) / {_STEP}, count(*) FROM {{calls}} "
    "WHERE status = 'ok' GROUP BY 1, 2, 3 ORDER BY 1, 2, 3"
)


@dataclass(frozen=True, slots=True)
class Day:
    """One day's calls (UTC): tokens are those of all of them together. `at` is its noon, whose prices hold for it."""

    at: datetime
    calls: int
    usage: Usage


@dataclass(frozen=True, slots=True)
class Figures:
    """An operation with a model. `failed_calls` were answered with an error, given up or interrupted.

    `smallest_input` is that of the answered calls. Half of the answers have at most `median_output` tokens, 99 of 100
    at most `p99_output`; both are rounded up to a multiple of 16, and 0 where nothing was answered.
    """

    operation: str
    model: str
    provider: str
    calls: int
    failed_calls: int
    retried_calls: int
    unpriced_calls: int
    cost_nano_usd: int
    failed_cost_nano_usd: int
    doubtful_nano_usd: int
    smallest_input: int
    median_output: int
    p99_output: int
    days: tuple[Day, ...]

    @property
    def trouble(self) -> float:
        """The share of calls that failed, or had to be sent again."""
        return (self.failed_calls + self.retried_calls) / self.calls

    @property
    def purpose(self) -> str:
        """The operation without its model's name, where that is part of it: what is asked of every model alike."""
        return self.operation.removesuffix(f"_{self.model}")


async def read_figures(database: Database, guild_id: int | None, since: datetime) -> list[Figures]:
    """Of a server, or of everybody (None), since then. Raises `DatabaseUnavailableError`."""
    by_day, lengths = await database.fetch_all([_query(sql, guild_id, since) for sql in (_BY_DAY, _LENGTHS)])
    days: defaultdict[tuple[str, str], list[Row]] = defaultdict(list)
    answers: defaultdict[tuple[str, str], list[tuple[int, int]]] = defaultdict(list)
    for operation, model, *rest in by_day:
        days[operation, model].append(tuple(rest))
    for operation, model, length, calls in lengths:
        answers[operation, model].append((length, calls))
    return [_figures(operation, model, found, answers[operation, model]) for (operation, model), found in days.items()]


def _query(sql: str, guild_id: int | None, since: datetime) -> Query:
    calls = _CALLS.format(whose="" if guild_id is None else "AND guild_id = $2 ")
    return sql.format(calls=calls), (microseconds(since), *(() if guild_id is None else (guild_id,)))


def _figures(operation: str, model: str, days: Sequence[Row], lengths: Sequence[tuple[int, int]]) -> Figures:
    _, providers, calls, failed, retried, unpriced, cost, failed_cost, doubtful, smallest, *_ = zip(*days, strict=True)
    return Figures(
        operation=operation,
        model=model,
        provider=providers[-1],
        calls=sum(calls),
        failed_calls=sum(failed),
        retried_calls=sum(retried),
        unpriced_calls=sum(unpriced),
        cost_nano_usd=sum(cost),
        failed_cost_nano_usd=sum(failed_cost),
        doubtful_nano_usd=sum(doubtful),
        smallest_input=min((each for each in smallest if each is not None), default=0),
        median_output=_length_of(lengths, 50),
        p99_output=_length_of(lengths, 99),
        days=tuple(map(_day, days)),
    )


def _day(row: Row) -> Day:
    day, _, calls, *_, input_tokens, cached_input_tokens, output_tokens = row
    usage = Usage(input_tokens=input_tokens, cached_input_tokens=cached_input_tokens, output_tokens=output_tokens)
    return Day(EPOCH + timedelta(days=day, hours=12), calls, usage)


def _length_of(lengths: Sequence[tuple[int, int]], percent: int) -> int:
    """The length that so many of a hundred answers don't exceed. `lengths` are in their order."""
    wanted, seen = math.ceil(sum(calls for _, calls in lengths) * percent / 100), 0
    for steps, calls in lengths:
        seen += calls
        if seen >= wanted:
            return steps * _STEP
    return 0
