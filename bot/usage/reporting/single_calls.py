"""One server's single calls, summed up two ways at once, which the daily sums can't tell: what a member asked for, who
used a model, what a thread cost. As far back as detail is kept; the cost grows with the calls of the range.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta, tzinfo
from typing import Literal

from bot.usage.budgeting.calendars import Period
from bot.usage.budgeting.guild_rules import read_calendar
from bot.usage.records import SpendLine
from bot.usage.reporting.reports import Days, Report, rest_of
from bot.usage.storage.database import Database, Row, Script
from bot.usage.storage.queued import wait_for_queued
from bot.usage.storage.rows import microseconds

Aspect = Literal["operation", "model", "user", "channel", "session"]
"""What calls can be told apart by. A session is a thread or whatever else a caller names so."""

_COLUMNS: dict[Aspect, str] = {
    "operation": "operation",
    "model": "COALESCE(response_model, request_model)",
    "user": "user_id",
    "channel": "channel_id",
    "session": "session_id",
}
_SUMS = (
    "count(*), CAST(COALESCE(sum(CASE WHEN status IN ('error', 'aborted') THEN 1 ELSE 0 END), 0) AS BIGINT), "
    "CAST(COALESCE(sum(estimated), 0) AS BIGINT), "
    "CAST(COALESCE(sum(CASE WHEN cost_nano_usd IS NULL THEN 1 ELSE 0 END), 0) AS BIGINT), "
    + ", ".join(
        f"CAST(COALESCE(sum({name}), 0) AS BIGINT)"
        for name in ("input_tokens", "cached_input_tokens", "output_tokens", "reasoning_output_tokens")
    )
    + ", CAST(COALESCE(sum(cost_nano_usd), 0) AS BIGINT), CAST(COALESCE(sum(duration_ms), 0) AS BIGINT)"
)
"""In the order of `SpendLine`."""
MOST_DAYS = timedelta(days=92)
"""Three months of the largest server take a second."""
_ONE_DAY = timedelta(days=1)
_FIRST, _LAST = date(1970, 1, 2), date(9999, 12, 29)
"""No call was earlier; and the last day whose day after exists in every time zone."""
_CALLS = (
    "FROM usage_records WHERE {guild_id} = $1 AND started_at >= $2 AND started_at < $3 "
    "AND status <> 'open' AND kind <> 'payment'"
)


@dataclass(frozen=True, slots=True)
class Only:
    """Calls of one member, channel, operation, model or session alone; `key` as reports name it."""

    by: Aspect
    key: str


class SingleCalls:
    """Reads them. `before_reading` makes what this process has queued visible first."""

    def __init__(
        self, database: Database, clock: Callable[[], datetime], before_reading: Callable[[], Awaitable[object]]
    ) -> None:
        self._database = database
        self._clock = clock
        self._before_reading = before_reading

    async def spend(
        self, guild_id: int, days: Days, by: Aspect, *, only: Only | None = None, limit: int, skip: int = 0
    ) -> Report:
        """What the calls of some days of a server cost, split one way: dearest first, without the first `skip` rows.

        Of more than `MOST_DAYS` days the last ones. The total is that of the calls found. Raises
        `DatabaseUnavailableError`.
        """
        days = Days(max(days.first, days.last - (MOST_DAYS - _ONE_DAY)), days.last)
        await wait_for_queued(self._before_reading)
        total, rows = await self._database.read(lambda: self._read(guild_id, days, by, only, limit, skip))
        lines = [SpendLine(*row[:-1]) for row in rows]
        everything = SpendLine(*total)
        keys = rows[0][-1] if rows else 0
        return Report(days, everything, lines, rest_of(everything, lines), keys - len(lines))

    def _read(
        self, guild_id: int, days: Days, by: Aspect, only: Only | None, limit: int, skip: int
    ) -> Script[tuple[Row, list[Row]]]:
        calendar = yield from read_calendar(guild_id)
        first, after = bounds(days, calendar.zone(Period.DAY, self._clock()))
        # One member's are found by the member: a plus keeps the database from reading all that the server has.
        by_member = only is not None and only.by == "user"
        where = _CALLS.format(guild_id="+guild_id" if by_member else "guild_id")
        parameters: list[int | str] = [guild_id, microseconds(first), microseconds(after)]
        if only is not None:
            where += f" AND {_as_key(only.by)} = $4"
            parameters.append(only.key)
        [total] = yield (f"SELECT '', {_SUMS} {where}", tuple(parameters))
        split = (
            f"SELECT {_as_key(by)}, {_SUMS}, count(*) OVER () {where} AND {_COLUMNS[by]} IS NOT NULL "
            f"GROUP BY 1 ORDER BY 10 DESC, 2 DESC, 1 LIMIT {max(1, limit)} OFFSET {max(0, skip)}"
        )
        rows = yield (split, tuple(parameters))
        return total, rows


def _as_key(by: Aspect) -> str:
    """A key is text. Only numbers are made one: an index on texts serves as long as they are left as they are."""
    return f"CAST({_COLUMNS[by]} AS TEXT)" if by == "channel" else _COLUMNS[by]


def bounds(days: Days, zone: tzinfo) -> tuple[datetime, datetime]:
    """The instants between which days lie: the first day's midnight, and that after the last day."""
    first = datetime.combine(max(days.first, _FIRST), time(), zone)
    return first, datetime.combine(min(days.last, _LAST) + timedelta(days=1), time(), zone)
