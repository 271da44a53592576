"""The reader: every number that anybody sees comes from here, so that no two views can disagree.

Everything is summed from `spend_daily`, whose cost grows with what is shown and not with the history: a member's months
in the middle of a period are a row each. A server's days are its own local dates; the whole bot's (`guild_id=None`) are
UTC. A call belongs to the day on which it started.
"""

from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta, tzinfo
from typing import Literal, get_args

from bot.usage.bookkeeping.rollups import MEASURES, spans
from bot.usage.budgeting.calendars import ALWAYS_UTC, Calendar, Period
from bot.usage.budgeting.guild_rules import read_calendar
from bot.usage.records import SpendLine
from bot.usage.storage.database import Database, Query, Result, Script
from bot.usage.storage.queued import wait_for_queued
from bot.usage.storage.rows import EPOCH

PeriodName = Literal["today", "7d", "30d", "month", "all"]
Split = Literal["operation", "model", "user", "channel", "day", "guild", "agent", "workflow"]
PERIODS: tuple[PeriodName, ...] = get_args(PeriodName)
SPLITS: tuple[Split, ...] = get_args(Split)

_LAST_DAYS: dict[str, int] = {"today": 1, "7d": 7, "30d": 30}
_LAST_DAY = date(9999, 12, 29)
"""The last whose day after exists in every time zone."""
_SUMS = ", ".join(f"CAST(COALESCE(sum({name}), 0) AS BIGINT)" for name in MEASURES)
_SIGNED_SUMS = ", ".join(f"CAST(sum(sign * {name}) AS BIGINT)" for name in MEASURES)
_ONE_KEY = (
    f"SELECT s.day, {', '.join(f's.{name}' for name in MEASURES)} FROM spend_daily AS t CROSS JOIN spend_daily AS s "
    "WHERE t.guild_id = $1 AND t.dimension = 'total' AND t.day >= $3 AND t.day <= $4 "
    "AND s.guild_id = $1 AND s.dimension = $2 AND s.day = t.day AND s.key = $5 ORDER BY s.day"
)
"""A search for each day that has calls, not a walk over all the keys of these days."""
_MANY_KEYS = ("user", "channel", "guild", "agent", "workflow")
"""Splits that may have more keys than are shown."""
_IN_SPANS = (
    "FROM spans CROSS JOIN spend_daily AS s WHERE s.guild_id = $1 "
    "AND s.dimension = spans.dimension AND s.day >= first_day AND s.day <= last_day"
)
_WHERE = "FROM spend_daily WHERE guild_id = $1 AND dimension = $2 AND day >= $3 AND day <= $4"


@dataclass(frozen=True, slots=True)
class Days:
    """An inclusive range of dates."""

    first: date
    last: date


@dataclass(frozen=True, slots=True)
class Report:
    """Spend of one period, split one way. `rows` and `rest` add up to `total`.

    `rest` holds the calls that the split doesn't name and, with a limit, the rows beyond it, `rest_keys` in number.
    `refused_calls` never left: they are in no line, and cost nothing.
    """

    days: Days
    total: SpendLine
    rows: list[SpendLine]
    rest: SpendLine
    rest_keys: int
    refused_calls: int = 0


class Reports:
    """Reads the books. `before_reading` makes what this process has queued visible first."""

    def __init__(
        self,
        database: Database,
        *,
        clock: Callable[[], datetime],
        before_reading: Callable[[], Awaitable[object]] | None = None,
    ) -> None:
        self._database = database
        self._clock = clock
        self._before_reading = before_reading

    async def spend(self, guild_id: int | None, period: PeriodName, by: Split, *, limit: int | None = None) -> Report:
        """Spend of a server, or of the whole bot, in a named period: dearest first, days in their order."""
        return await self._read(lambda now: _spent(guild_id, period, by, limit, 0, now))

    async def spend_between(
        self, guild_id: int | None, days: Days, by: Split, *, limit: int | None = None, skip: int = 0
    ) -> Report:
        """The same for any range of days; with a limit, without the first `skip` rows, which go to the rest."""
        return await self._read(lambda now: _spent(guild_id, days, by, limit, skip, now))

    async def trend(self, guild_id: int | None, days: Days) -> list[SpendLine]:
        """One line for each day, in order, days without a call included. `all` starts at the first day on the books."""
        found = {line.key: line for line in (await self.spend_between(guild_id, days, "day")).rows}
        first = days.first
        if first == date.min:
            first = date.fromisoformat(min(found)) if found else days.last
        count = (days.last - first).days + 1
        names = [(first + timedelta(days=n)).isoformat() for n in range(count)]
        return [found.get(name, SpendLine(name)) for name in names]

    async def trend_by(
        self, guild_id: int | None, days: Sequence[str], by: Split, keys: Sequence[str]
    ) -> dict[str, dict[str, int]]:
        """What some keys of a split cost on some days, in nano-USD: `{key: {day: cost}}`, without days it had no call.

        `days` are ISO dates, as `trend` names its lines; what the keys leave of a day is `trend`'s line less these.
        """
        found: dict[str, dict[str, int]] = {key: {} for key in keys}
        if keys and days and by != "day":
            await self._flushed()
            sql, parameters = _days_query(guild_id, days, by, keys)
            for key, day, cost in await self._database.fetch(sql, *parameters):
                found[key][day] = cost
        return found

    async def trend_of(self, guild_id: int, days: Days, by: Split, key: str) -> list[SpendLine]:
        """One line for each day on which a server's key of a split had a call, in order."""
        await self._flushed()
        dimension, _ = _dimension(guild_id, by)
        rows = await self._database.fetch(_ONE_KEY, *_scope(guild_id, dimension, days), key)
        return [_line(row) for row in rows]

    async def before(self, guild_id: int | None, period: PeriodName) -> SpendLine | None:
        """The total of the period before: as many days, or the same days of last month. None for `all`."""
        return await self._read(lambda now: _spent_before(guild_id, period, now))

    async def projection(self, guild_id: int | None) -> int | None:
        """What the running month costs in the end at its pace so far, in nano-USD. None in its first hour."""
        return await self._read(lambda now: _projected(guild_id, now))

    async def days(self, guild_id: int | None, period: PeriodName) -> Days:
        """The dates that a named period covers now, in the server's own calendar."""
        calendar = await self.calendar(guild_id)
        return _days(period, calendar.day(self._clock()))

    async def zone(self, guild_id: int | None) -> tzinfo:
        """The time zone that a server's days are in now: UTC until it is set, and for the whole bot."""
        return (await self.calendar(guild_id)).zone(Period.DAY, self._clock())

    async def calendar(self, guild_id: int | None) -> Calendar:
        """The calendar that a server's days are counted in; UTC for the whole bot."""
        return await self._database.read(lambda: read_calendar(guild_id)) if guild_id else ALWAYS_UTC

    async def _read(self, script: Callable[[datetime], Script[Result]]) -> Result:
        """What a script finds that is told the time, in one trip to the database, once what is queued shows."""
        await self._flushed()
        now = self._clock()
        return await self._database.read(lambda: script(now))

    async def _flushed(self) -> None:
        await wait_for_queued(self._before_reading)


def _days(period: PeriodName, today: date) -> Days:
    if period == "all":
        return Days(date.min, today)
    if period == "month":
        return Days(today.replace(day=1), today)
    return Days(today - timedelta(days=_LAST_DAYS[period] - 1), today)


def earlier_days(period: PeriodName, days: Days) -> Days | None:
    """The days that a period is compared with."""
    if period == "all":
        return None
    if period == "month":
        last_of_before = days.first - timedelta(days=1)
        same_day = last_of_before.replace(day=min(days.last.day, last_of_before.day))
        return Days(last_of_before.replace(day=1), same_day)
    length = timedelta(days=_LAST_DAYS[period])
    return Days(days.first - length, days.last - length)


def _next_month(first: date) -> date:
    return (first + timedelta(days=32)).replace(day=1)


def _dimension(guild_id: int | None, by: Split) -> tuple[str, str]:
    """Where a split is found: the dimension, and the column that names its rows."""
    if by == "day":
        return ("guild" if guild_id is None else "total"), "day"
    if by == "guild":
        return ("guild", "key") if guild_id is None else ("total", "CAST(guild_id AS TEXT)")
    return (f"bot_{by}" if guild_id is None else by), "key"


def _total_query(guild_id: int | None, days: Days) -> Query:
    dimension = "guild" if guild_id is None else "total"
    return f"SELECT '', {_SUMS} {_WHERE}", _scope(guild_id, dimension, days)


def _rows_query(guild_id: int | None, days: Days, by: Split, limit: int | None, skip: int, today: date) -> Query:
    """One row a key, dearest first, days in their order; the last column counts the keys, beyond the limit too.

    Of many keys, the dearest are found first by two sums, and only they get all ten: half the time. `CROSS JOIN` keeps
    SQLite to this order: a search for each span. A key all of whose calls were taken off is none.
    """
    dimension, key = _dimension(guild_id, by)
    found = spans(dimension, days.first, days.last, today)
    values = ", ".join(f"({sign}, ${3 * n + 2}, ${3 * n + 3}, ${3 * n + 4})" for n, (sign, *_) in enumerate(found))
    page = "" if limit is None else f" LIMIT {max(1, limit)} OFFSET {max(0, skip)}"
    sql = f"WITH spans (sign, dimension, first_day, last_day) AS (VALUES {values})"
    if page and by in _MANY_KEYS:
        sql += (
            f", dearest AS MATERIALIZED (SELECT {key} AS name, count(*) OVER () AS number {_IN_SPANS} GROUP BY {key} "
            f"HAVING sum(sign * calls) > 0 ORDER BY sum(sign * cost_nano_usd) DESC, sum(sign * calls) DESC, 1{page}) "
            f"SELECT {key}, {_SIGNED_SUMS}, (SELECT max(number) FROM dearest) {_IN_SPANS} "
            f"AND {key} IN (SELECT name FROM dearest) GROUP BY {key} ORDER BY 10 DESC, 2 DESC, 1"
        )
    else:
        order = "1" if by == "day" else "10 DESC, 2 DESC, 1"
        sql += (
            f" SELECT {key}, {_SIGNED_SUMS}, count(*) OVER () {_IN_SPANS} "
            f"GROUP BY {key} HAVING sum(sign * calls) > 0 ORDER BY {order}{page}"
        )
    return sql, (guild_id or 0, *(name for _, *names in found for name in names))


def _days_query(guild_id: int | None, days: Sequence[str], by: Split, keys: Sequence[str]) -> Query:
    """A search for each day and key: its cost grows with what is shown, not with the keys that a day has."""
    dimension, key = _dimension(guild_id, by)
    named = ", ".join(f"(${n})" for n in range(3, 3 + len(days)))
    wanted = ", ".join(f"${n}" for n in range(3 + len(days), 3 + len(days) + len(keys)))
    sql = (
        f"WITH days (day) AS (VALUES {named}) SELECT {key}, s.day, s.cost_nano_usd FROM days "
        "CROSS JOIN spend_daily AS s WHERE s.guild_id = $1 AND s.dimension = $2 AND s.day = days.day "
        f"AND {key} IN ({wanted})"
    )
    return sql, (guild_id or 0, dimension, *days, *keys)


def _spent(
    guild_id: int | None, period: PeriodName | Days, by: Split, limit: int | None, skip: int, now: datetime
) -> Script[Report]:
    """The total, the rows, and the refusals, all as of one moment."""
    calendar = yield from _calendar(guild_id)
    days = period if isinstance(period, Days) else _days(period, calendar.day(now))
    total = yield from _total(guild_id, days)
    found = yield _rows_query(guild_id, days, by, limit, skip, now.date())
    [(refused,)] = yield _refused_query(guild_id, days, calendar.zone(Period.DAY, now))
    rows = [_line(row[:-1]) for row in found[:limit]]
    keys = found[0][-1] if found else 0
    return Report(days, total, rows, rest_of(total, rows), keys - len(rows), refused)


def _spent_before(guild_id: int | None, period: PeriodName, now: datetime) -> Script[SpendLine | None]:
    calendar = yield from _calendar(guild_id)
    earlier = earlier_days(period, _days(period, calendar.day(now)))
    return None if earlier is None else (yield from _total(guild_id, earlier))


def _projected(guild_id: int | None, now: datetime) -> Script[int | None]:
    calendar = yield from _calendar(guild_id)
    days = _days("month", calendar.day(now))
    start = datetime.combine(days.first, time(), calendar.zone(Period.DAY, now))
    end = datetime.combine(_next_month(days.first), time(), calendar.zone(Period.DAY, now))
    elapsed, whole = now.timestamp() - start.timestamp(), end.timestamp() - start.timestamp()
    if elapsed < 3600:
        return None
    return round((yield from _total(guild_id, days)).cost_nano_usd * whole / elapsed)


def _calendar(guild_id: int | None) -> Script[Calendar]:
    return (yield from read_calendar(guild_id)) if guild_id else ALWAYS_UTC


def _total(guild_id: int | None, days: Days) -> Script[SpendLine]:
    [total] = yield _total_query(guild_id, days)
    return _line(total)


def _refused_query(guild_id: int | None, days: Days, zone: tzinfo) -> Query:
    """Refusals are counted by the hour: an hour belongs to the day in which it begins."""
    first, after = _hour(days.first, zone), _hour(min(days.last, _LAST_DAY) + timedelta(days=1), zone)
    whose = "guild_id = $3 AND " if guild_id is not None else ""
    sql = f"SELECT CAST(COALESCE(sum(calls), 0) AS BIGINT) FROM refusals WHERE {whose}hour >= $1 AND hour < $2"
    return sql, (first, after) if guild_id is None else (first, after, guild_id)


def _hour(day: date, zone: tzinfo) -> int:
    """The first that begins in a day: in some zones midnight isn't on the hour."""
    return 0 if day.year < EPOCH.year else -int(-datetime.combine(day, time(), zone).timestamp() // 3600)


def _scope(guild_id: int | None, dimension: str, days: Days) -> tuple[int, str, str, str]:
    return guild_id or 0, dimension, days.first.isoformat(), days.last.isoformat()


def _line(row: tuple[object, ...]) -> SpendLine:
    return SpendLine(*row)  # type: ignore[arg-type]


def sum_of(key: str, rows: Iterable[SpendLine]) -> SpendLine:
    """The rows as one."""
    found = list(rows)
    return SpendLine(key, **{name: sum(getattr(row, name) for row in found) for name in MEASURES})


def rest_of(total: SpendLine, rows: Sequence[SpendLine]) -> SpendLine:
    """What the rows leave of their total."""
    return SpendLine("", **{name: getattr(total, name) - sum(getattr(row, name) for row in rows) for name in MEASURES})
