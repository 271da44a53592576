"""What one finished call adds to `spend_daily`: pure sums, made in memory before they reach the database.

A server's rows carry the server's own dimensions and its local date. The operator's rows live under guild 0 in UTC:
dimension `guild` (key: the guild's id, 0 for calls outside servers) and the same breakdowns with `bot_` before them.
A call without a user, channel, agent or workflow adds nothing to that dimension; the reader shows the rest of the
total as one line, so the lines of every breakdown add up.

A server's members are too many for a row each a day to be quick to sum, so they have a row a month besides: dimension
`user/month`, whose `day` is the month's first. `spans` tells the reader which rows make up a range of days.
"""

from calendar import monthrange
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, date, datetime, timedelta, tzinfo
from functools import lru_cache
from operator import add, sub

from bot.usage.budgeting.calendars import Calendar, Period
from bot.usage.records import Kind, Settlement, Status, UsageRecord
from bot.usage.storage.database import Row
from bot.usage.storage.rows import EPOCH, microseconds

RollupKey = tuple[int, str, str, str]
"""guild_id, dimension, day, key."""
Span = tuple[int, str, str, str]
"""Rows that count once (1) or are taken off (-1): sign, dimension, first and last day."""

FAILED = frozenset({Status.ERROR, Status.ABORTED})
MEASURES = (
    "calls",
    "failed_calls",
    "estimated_calls",
    "unpriced_calls",
    "input_tokens",
    "cached_input_tokens",
    "output_tokens",
    "reasoning_output_tokens",
    "cost_nano_usd",
    "duration_ms",
)
BREAKDOWNS = ("operation", "model", "user", "channel", "agent", "workflow")
_BOT_BREAKDOWNS = tuple(f"bot_{name}" for name in BREAKDOWNS)
BY_MONTH = ("user",)
"""Dimensions kept by month too. Another upsert a call is too dear for channels, of which there are few (8 ms of the
largest server's year), and for `bot_user`, which only the operator's command line reads."""
MONTH_IN_DAYS = 5
"""What reading a month's row of each key costs, in days of the daily rows."""
_ONE_DAY = timedelta(days=1)

UPSERT = (
    f"INSERT INTO spend_daily (guild_id, dimension, day, key, {', '.join(MEASURES)}) "
    f"VALUES ($1, $2, $3, $4, {', '.join(f'${n}' for n in range(5, 5 + len(MEASURES)))}) "
    "ON CONFLICT (guild_id, dimension, day, key) DO UPDATE SET "
    + ", ".join(f"{name} = spend_daily.{name} + excluded.{name}" for name in MEASURES)
)


def upserts(records: Iterable[UsageRecord], calendar_of: Callable[[int], Calendar]) -> Iterator[Row]:
    """Parameters of `UPSERT` for a batch of finished calls. `calendar_of` tells a server's calendar by its id."""
    sums: dict[RollupKey, tuple[int, ...]] = {}
    add_up(records, calendar_of, sums)
    for key in sorted(sums):  # in one order, so that no two transactions wait for each other
        yield key + sums[key]


def add_up(
    records: Iterable[UsageRecord], calendar_of: Callable[[int], Calendar], sums: dict[RollupKey, tuple[int, ...]]
) -> None:
    """Add finished calls to the sums they are in, each in the order of `MEASURES`."""
    for record in records:
        amounts = _amounts(record.settlement)
        for key in _keys(record, calendar_of(record.call.attribution.guild_id)):
            found = sums.get(key)
            sums[key] = amounts if found is None else tuple(map(add, found, amounts))


def differences(
    corrected: Iterable[tuple[UsageRecord, UsageRecord]], calendar_of: Callable[[int], Calendar]
) -> Iterator[Row]:
    """Parameters of `UPSERT` for finished calls that are booked otherwise now: each as it was, and as it is."""
    sums: dict[RollupKey, tuple[int, ...]] = {}
    for before, after in corrected:
        for record, change in ((before, sub), (after, add)):  # another model's name is another row
            amounts = _amounts(record.settlement)
            for key in _keys(record, calendar_of(record.call.attribution.guild_id)):
                sums[key] = tuple(map(change, sums.get(key, (0,) * len(amounts)), amounts))
    for key in sorted(key for key, amounts in sums.items() if any(amounts)):
        yield key + sums[key]


def spans(dimension: str, first: date, last: date, today: date) -> list[Span]:
    """The rows that add up to a range of days, both ends included: whole months, and the daily rows at either end.

    An edge month that lies in the range for the most part is read whole, and its days outside are taken off. Days after
    today have no rows, as a rule, so a range that ends today takes off nothing. Exact for every range, whatever day
    `today` says it is.
    """
    opening, closing = first.replace(day=1), last.replace(day=1)
    first_end, last_end = _month_end(first), _month_end(last)
    before, after = first.day - 1, max(0, (min(last_end, today) - last).days)
    opens = before + MONTH_IN_DAYS < first_end.day - before
    closes = after + MONTH_IN_DAYS < last.day
    if opening >= closing:
        opens = closes = before + after + MONTH_IN_DAYS <= (last - first).days
    if dimension not in BY_MONTH or (opening >= closing and not opens):
        return [_span(1, dimension, first, last)]
    found = [_span(1, f"{dimension}/month", opening if opens else first, last if closes else closing - _ONE_DAY)]
    if not opens:
        found.append(_span(1, dimension, first, first_end))
    elif first > opening:
        found.append(_span(-1, dimension, opening, first - _ONE_DAY))
    if not closes:
        found.append(_span(1, dimension, closing, last))
    elif last < last_end:
        found.append(_span(-1, dimension, last + _ONE_DAY, last_end))
    return found


def local_day(instant: datetime, zone: tzinfo) -> str:
    """The ISO date of an instant in a time zone. A naive instant is UTC."""
    return _day_of_minute(microseconds(instant) // 60_000_000, zone)


def _keys(record: UsageRecord, calendar: Calendar) -> Iterator[RollupKey]:
    """The rows that a call adds to. Payments have a dimension of their own and no other."""
    call = record.call
    who = call.attribution
    guild_id = who.guild_id
    utc_day = local_day(call.started_at, UTC)
    day = local_day(call.started_at, calendar.zone(Period.DAY, call.started_at)) if guild_id else utc_day
    if call.kind is Kind.PAYMENT:
        yield guild_id, "payment", day, call.provider
        return
    yield guild_id, "total", day, ""
    yield 0, "guild", utc_day, str(guild_id)
    values = (who.operation, record.model, who.user_id, who.channel_id, who.agent_name, who.workflow_id)
    for dimension, bot_dimension, value in zip(BREAKDOWNS, _BOT_BREAKDOWNS, values, strict=True):
        if value is not None:
            key = str(value)
            yield guild_id, dimension, day, key
            yield 0, bot_dimension, utc_day, key
            if dimension in BY_MONTH:
                yield guild_id, f"{dimension}/month", f"{day[:8]}01", key


def _month_end(day: date) -> date:
    return day.replace(day=monthrange(day.year, day.month)[1])


def _span(sign: int, dimension: str, first: date, last: date) -> Span:
    return sign, dimension, first.isoformat(), last.isoformat()


def _amounts(settled: Settlement) -> tuple[int, ...]:
    """In the order of `MEASURES`."""
    usage = settled.usage
    cost = settled.price.cost_nano_usd
    return (
        1,
        int(settled.status in FAILED),
        int(settled.estimated),
        int(cost is None),
        usage.input_tokens,
        usage.cached_input_tokens,
        usage.output_tokens,
        usage.reasoning_output_tokens,
        cost or 0,
        settled.duration_ms,
    )


@lru_cache(maxsize=4096)
def _day_of_minute(minute: int, zone: tzinfo) -> str:
    """Zones are offset from UTC by whole minutes, so all of a minute lies in one day."""
    return (EPOCH + timedelta(minutes=minute)).astimezone(zone).date().isoformat()
