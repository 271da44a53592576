"""Usage and cost as other programs ask for them: by user, thread, day and in all. Days are UTC here.

One person's and one thread's figures are read from the calls themselves, as far back as their detail is kept; those of
everybody from the daily sums, which are kept for good. Payments' fees are told apart, never added to what AI cost.
"""

from collections import Counter, defaultdict
from collections.abc import Awaitable, Callable, Iterable, Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

from bot.usage.context import storable
from bot.usage.money import usd
from bot.usage.reporting.analytics_answers import (
    CostProjection,
    CostSummary,
    DailyCost,
    DayCost,
    PlatformStats,
    UsageOf,
    UserTotal,
)
from bot.usage.storage.database import Database
from bot.usage.storage.queued import wait_for_queued
from bot.usage.storage.rows import EPOCH, microseconds

_DAY_US = 86_400_000_000
_GROUPED = (
    f"SELECT started_at / {_DAY_US}, COALESCE(response_model, request_model), agent_name, operation, count(*), "
    "CAST(sum(CASE WHEN cost_nano_usd IS NULL THEN 1 ELSE 0 END) AS BIGINT), "
    "CAST(sum(input_tokens) AS BIGINT), CAST(sum(output_tokens) AS BIGINT), "
    "CAST(COALESCE(sum(cost_nano_usd), 0) AS BIGINT) FROM usage_records WHERE {whose} AND status <> 'open' "
    "AND kind {kind} 'payment' AND started_at >= $2 AND started_at < $3 GROUP BY 1, 2, 3, 4 ORDER BY 1, 2, 3, 4"
)
_DAILY_SUMS = (
    "CAST(COALESCE(sum(calls), 0) AS BIGINT), CAST(COALESCE(sum(input_tokens + output_tokens), 0) AS BIGINT), "
    "CAST(COALESCE(sum(cost_nano_usd), 0) AS BIGINT)"
)
_IN_DAYS = "FROM spend_daily WHERE guild_id = 0 AND dimension = $1 AND day >= $2 AND day <= $3"
_UNPRICED = "CAST(COALESCE(sum(unpriced_calls), 0) AS BIGINT)"
_BY_KEY = f"SELECT key, {_DAILY_SUMS} {_IN_DAYS} GROUP BY key HAVING sum(calls) > 0 ORDER BY 4 DESC, 1"
_FEES = (
    "SELECT CAST(COALESCE(sum(cost_nano_usd), 0) AS BIGINT) FROM spend_daily "
    "WHERE dimension = 'payment' AND day >= $1 AND day <= $2"
)

When = date | datetime | None


class Analytics:
    """Reads the books. Every method raises `DatabaseUnavailableError`. Naive times are UTC, ids become text."""

    def __init__(
        self, database: Database, clock: Callable[[], datetime], before_reading: Callable[[], Awaitable[object]]
    ) -> None:
        self._database = database
        self._clock = clock
        self._before_reading = before_reading

    async def get_user_usage(self, user_id: object, days: int = 30, *, start_date: When = None) -> UsageOf:
        """What one person used on all servers: in the last so many times 24 hours, or since `start_date`."""
        since = self._clock() - timedelta(days=days) if start_date is None else _instant(start_date)
        return _usage(await self._grouped("user_id = $1", storable(user_id), since))

    async def get_thread_usage(self, thread_id: object) -> UsageOf:
        """What one conversation used, from its beginning."""
        return _usage(await self._grouped("session_id = $1", storable(thread_id), EPOCH))

    async def get_cost_summary(self, user_id: object = None, start: When = None, end: When = None) -> CostSummary:
        """What was spent from `start` to `end`, days included; without them all of it. One person's, or everybody's."""
        if user_id is not None:
            since, until = _instant(start or EPOCH), _end(end)
            usage = _usage(await self._grouped("user_id = $1", storable(user_id), since, until))
            fees = _usage(await self._grouped("user_id = $1", storable(user_id), since, until, kind="="))
            return _summary(usage, fees.total_cost)
        await wait_for_queued(self._before_reading)
        days = (_day(start, date.min), _day(end, date.max))
        total, models, operations, [(fees_nano,)] = await self._database.fetch_all(
            [
                (f"SELECT {_DAILY_SUMS}, {_UNPRICED} {_IN_DAYS}", ("guild", *days)),
                (_BY_KEY, ("bot_model", *days)),
                (_BY_KEY, ("bot_operation", *days)),
                (_FEES, days),
            ]
        )
        [(calls, tokens, cost, unpriced)] = total
        return CostSummary(
            total_cost=usd(cost),
            total_calls=calls,
            total_tokens=tokens,
            unpriced_calls=unpriced,
            by_model={key: usd(row_cost) for key, _, _, row_cost in models},
            by_operation={key: usd(row_cost) for key, _, _, row_cost in operations},
            payment_fees=usd(fees_nano),
        )

    async def get_daily_costs(self, user_id: object = None, days: int = 30) -> list[DailyCost]:
        """The last so many days, today included, in order; days without a call too."""
        today = self._clock().astimezone(UTC).date()
        first = today - timedelta(days=max(1, days) - 1)
        found: dict[str, tuple[int, int, int]] = {}
        if user_id is not None:
            for row in await self._grouped("user_id = $1", storable(user_id), _instant(first)):
                calls, tokens, cost = found.get(_iso(row[0]), (0, 0, 0))
                found[_iso(row[0])] = (calls + row[4], tokens + row[6] + row[7], cost + row[8])
        else:
            await wait_for_queued(self._before_reading)
            sql = f"SELECT day, {_DAILY_SUMS} {_IN_DAYS} GROUP BY day"
            for day, *sums in await self._database.fetch(sql, "guild", first.isoformat(), today.isoformat()):
                found[day] = (sums[0], sums[1], sums[2])
        names = [(first + timedelta(days=number)).isoformat() for number in range((today - first).days + 1)]
        sums_of = ((name, found.get(name, (0, 0, 0))) for name in names)
        return [DailyCost(date=name, cost=usd(sums[2]), calls=sums[0], tokens=sums[1]) for name, sums in sums_of]

    async def get_top_users(self, limit: int = 10, start: When = None, end: When = None) -> list[UserTotal]:
        """Those who cost the most from `start` to `end`, days included; without them of all time. Dearest first."""
        return await self._top(limit, _day(start, date.min), _day(end, date.max), "4 DESC, 3 DESC")

    async def get_top_users_by_usage(self, limit: int = 10, days: int = 30) -> list[UserTotal]:
        """Those who used the most tokens in the last so many days, today included. Most first."""
        today = self._clock().astimezone(UTC).date()
        first = today - timedelta(days=max(1, days) - 1)
        return await self._top(limit, first.isoformat(), today.isoformat(), "3 DESC, 4 DESC")

    async def get_platform_usage_stats(self, start: When = None, end: When = None) -> PlatformStats:
        """Everybody together from `start` to `end`, days included; without them of all time."""
        await wait_for_queued(self._before_reading)
        days = (_day(start, date.min), _day(end, date.max))
        [(calls, tokens, cost)], [(users,)] = await self._database.fetch_all(
            [
                (f"SELECT {_DAILY_SUMS} {_IN_DAYS}", ("guild", *days)),
                (f"SELECT count(DISTINCT key) {_IN_DAYS}", ("bot_user", *days)),
            ]
        )
        return PlatformStats(
            active_users=users,
            total_tokens=tokens,
            total_cost=usd(cost),
            total_calls=calls,
            avg_tokens_per_call=tokens / calls if calls else 0.0,
        )

    async def get_cost_projection(self, user_id: object = None) -> CostProjection:
        """What the running month costs in the end at its pace so far: one person's, or everybody's."""
        now = self._clock().astimezone(UTC)
        start = now.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
        days = ((start + timedelta(days=32)).replace(day=1) - start).days
        spent = (await self.get_cost_summary(user_id, start))["total_cost"]
        elapsed = (now - start) / timedelta(days=1)
        projected = None if elapsed * 24 < 1 else (spent * days / Decimal(str(elapsed))).quantize(Decimal("1e-9"))
        return CostProjection(month_to_date=spent, projected_cost=projected, days_elapsed=elapsed, days_in_month=days)

    async def _grouped(
        self, whose: str, who: str, since: datetime, until: datetime | None = None, *, kind: str = "<>"
    ) -> list[Sequence[Any]]:
        """One row for each day, model, agent and operation: see `_GROUPED`."""
        await wait_for_queued(self._before_reading)
        until_us = microseconds(until) if until is not None else microseconds(self._clock()) + _DAY_US
        sql = _GROUPED.format(whose=whose, kind=kind)
        return list(await self._database.fetch(sql, who, microseconds(since), until_us))

    async def _top(self, limit: int, first: str, last: str, order: str) -> list[UserTotal]:
        await wait_for_queued(self._before_reading)
        sql = f"SELECT key, {_DAILY_SUMS} {_IN_DAYS} GROUP BY key ORDER BY {order}, 1 LIMIT $4"
        rows = await self._database.fetch(sql, "bot_user", first, last, max(1, limit))
        return [
            UserTotal(user_id=key, total_tokens=tokens, total_cost=usd(cost), call_count=calls)
            for key, calls, tokens, cost in rows
        ]


def _usage(rows: Iterable[Sequence[Any]]) -> UsageOf:
    requests = unpriced = inputs = outputs = total = 0
    models: Counter[str] = Counter()
    operations: Counter[str] = Counter()
    agents: Counter[str] = Counter()
    trend: defaultdict[str, int] = defaultdict(int)
    for day, model, agent, operation, calls, without_price, input_tokens, output_tokens, cost in rows:
        requests += calls
        unpriced += without_price
        inputs += input_tokens
        outputs += output_tokens
        total += cost
        models[model] += cost
        operations[operation] += cost
        trend[_iso(day)] += cost
        if agent is not None:
            agents[agent] += calls
    return UsageOf(
        total_requests=requests,
        unpriced_requests=unpriced,
        input_tokens=inputs,
        output_tokens=outputs,
        total_cost=usd(total),
        cost_by_model={name: usd(cost) for name, cost in models.most_common()},
        cost_by_operation={name: usd(cost) for name, cost in operations.most_common()},
        requests_by_agent=dict(agents.most_common()),
        cost_trend=[DayCost(date=day, cost=usd(cost)) for day, cost in sorted(trend.items())],
    )


def _summary(usage: UsageOf, fees: Decimal) -> CostSummary:
    return CostSummary(
        total_cost=usage.total_cost,
        total_calls=usage.total_requests,
        total_tokens=usage.total_tokens,
        unpriced_calls=usage.unpriced_requests,
        by_model=usage.cost_by_model,
        by_operation=usage.cost_by_operation,
        payment_fees=fees,
    )


def _iso(day: int) -> str:
    return (EPOCH + timedelta(days=day)).date().isoformat()


def _instant(when: date | datetime) -> datetime:
    if not isinstance(when, datetime):
        when = datetime(when.year, when.month, when.day)  # noqa: DTZ001 - a date is UTC's, like any naive time
    return when if when.tzinfo is not None else when.replace(tzinfo=UTC)


def _end(when: When) -> datetime | None:
    """The first instant after a day; a time itself is an end already."""
    if when is None or isinstance(when, datetime):
        return None if when is None else _instant(when)
    return None if when == date.max else _instant(when) + timedelta(days=1)


def _day(when: When, default: date) -> str:
    return (default if when is None else utc_day(when)).isoformat()


def utc_day(when: date | datetime) -> date:
    """The day of an instant in UTC; a day stays what it is."""
    return _instant(when).astimezone(UTC).date()
