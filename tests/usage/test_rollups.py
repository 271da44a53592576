"""Daily sums: exact, by the server's own calendar, and the same in any order."""

import time
from datetime import UTC, date, datetime, timedelta, timezone
from zoneinfo import ZoneInfo, available_timezones

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.usage.bookkeeping.rollups import BREAKDOWNS, MEASURES, local_day, spans, upserts
from bot.usage.budgeting.calendars import Calendar, zone_named
from bot.usage.records import Kind, Status, Usage, UsageRecord
from tests.usage.making import NOW, a_call, a_settlement

LA, KIRITIMATI, NEPAL = (ZoneInfo(name) for name in ("America/Los_Angeles", "Pacific/Kiritimati", "Asia/Kathmandu"))
CALLS = st.builds(
    lambda cost, tokens, guild_id, user_id, channel_id, agent, workflow, hours, kind, status, estimated: UsageRecord(
        a_call(guild_id=guild_id, user_id=user_id, channel_id=channel_id, agent_name=agent, workflow_id=workflow,
               at=NOW + timedelta(hours=hours), kind=kind),
        a_settlement(cost, tokens=tokens, status=status, estimated=estimated),
    ),
    st.none() | st.integers(0, 10**15),
    st.tuples(st.integers(0, 10**12), st.integers(0, 10**12)),
    st.sampled_from([0, 1, 2**63 - 1]),
    st.sampled_from([None, "", "u", "*v*_~`🙂"]),
    st.sampled_from([None, 0, 7]),
    st.sampled_from([None, "agent"]),
    st.sampled_from([None, "w1", "w2"]),
    st.integers(-100, 100),
    st.sampled_from(list(Kind)),
    st.sampled_from([Status.OK, Status.ERROR, Status.ABORTED, Status.INTERRUPTED]),
    st.booleans(),
)  # fmt: skip


def sums(records, zone=UTC) -> dict[tuple, dict[str, int]]:
    return {row[:4]: dict(zip(MEASURES, row[4:], strict=True)) for row in upserts(records, lambda _: Calendar.of(zone))}


def added(*parts: dict) -> dict:
    total: dict = {}
    for part in parts:
        for key, line in part.items():
            before = total.get(key, dict.fromkeys(MEASURES, 0))
            total[key] = {name: before[name] + line[name] for name in MEASURES}
    return total


@given(st.lists(CALLS, max_size=30), st.randoms(use_true_random=False), st.integers(0, 30))
@settings(max_examples=60, deadline=None)
def test_order_and_grouping_change_nothing(records, dice, cut) -> None:
    """I8: however calls are shuffled and cut into batches, the sums are the same."""
    shuffled = records[:]
    dice.shuffle(shuffled)
    assert sums(records, LA) == added(sums(shuffled[:cut], LA), sums(shuffled[cut:], LA))


@given(st.lists(CALLS, max_size=30))
@settings(max_examples=60, deadline=None)
def test_every_breakdown_lies_within_its_total(records) -> None:
    """I8: the operator's view sums to the servers' totals; no breakdown counts a call twice."""
    lines = sums(records)
    own = [record for record in records if record.call.kind is not Kind.PAYMENT]
    for view in ("total", "guild"):
        found = [line for key, line in lines.items() if key[1] == view]
        assert sum(line["calls"] for line in found) == len(own)
        assert sum(line["cost_nano_usd"] for line in found) == sum(r.settlement.price.cost_nano_usd or 0 for r in own)
        assert sum(line["unpriced_calls"] for line in found) == sum(
            r.settlement.price.cost_nano_usd is None for r in own
        )
    for dimension in BREAKDOWNS:
        for name in (dimension, f"bot_{dimension}"):
            assert sum(line["calls"] for key, line in lines.items() if key[1] == name) <= len(own)
    for dimension in ("operation", "model"):
        assert sum(line["calls"] for key, line in lines.items() if key[1] == dimension) == len(own)


def test_one_call_in_full() -> None:
    """I5: each measure once, from totals and not from totals plus their parts."""
    usage = Usage(100, 40, 10, 50, 20)
    call = a_call(guild_id=5, user_id="u", channel_id=9, at=datetime(2026, 4, 1, 6, 59, tzinfo=UTC))
    lines = sums([UsageRecord(call, a_settlement(7, usage=usage, status=Status.ABORTED, response_model="m-2"))], LA)
    measures = dict(zip(MEASURES, (1, 1, 0, 0, 100, 40, 50, 20, 7, 7), strict=True))
    assert set(map(str, lines.values())) == {str(measures)}
    assert set(lines) == {
        (5, "total", "2026-03-31", ""), (0, "guild", "2026-04-01", "5"),
        (5, "operation", "2026-03-31", "chat"), (0, "bot_operation", "2026-04-01", "chat"),
        (5, "model", "2026-03-31", "m-2"), (0, "bot_model", "2026-04-01", "m-2"),
        (5, "user", "2026-03-31", "u"), (0, "bot_user", "2026-04-01", "u"), (5, "user/month", "2026-03-01", "u"),
        (5, "channel", "2026-03-31", "9"), (0, "bot_channel", "2026-04-01", "9"),
    }  # fmt: skip


def test_a_payment_has_a_line_of_its_own() -> None:
    """I8: a payment's fee is in no AI total and in no breakdown of AI calls."""
    assert set(sums([UsageRecord(a_call(kind=Kind.PAYMENT), a_settlement())])) == {
        (1, "payment", "2026-03-31", "openai")
    }


@pytest.mark.parametrize(
    ("instant", "zone", "day"),
    [
        # spring: 2026-03-08 has 23 hours in Los Angeles, from 08:00 to 07:00 UTC
        ("2026-03-08T07:59:59.999999", LA, "2026-03-07"),
        ("2026-03-08T08:00:00", LA, "2026-03-08"),
        ("2026-03-09T06:59:59.999999", LA, "2026-03-08"),
        ("2026-03-09T07:00:00", LA, "2026-03-09"),
        # autumn: 2026-11-01 has 25 hours
        ("2026-11-01T06:59:59.999999", LA, "2026-10-31"),
        ("2026-11-01T07:00:00", LA, "2026-11-01"),
        ("2026-11-02T07:59:59.999999", LA, "2026-11-01"),
        ("2026-11-02T08:00:00", LA, "2026-11-02"),
        # month's end, leap day, year's end, far ahead of UTC, quarter hours
        ("2026-04-30T23:59:59", UTC, "2026-04-30"),
        ("2028-02-29T10:00:00", KIRITIMATI, "2028-03-01"),
        ("2028-02-29T09:59:59", KIRITIMATI, "2028-02-29"),
        ("2026-12-31T10:00:00", KIRITIMATI, "2027-01-01"),
        ("2026-01-01T07:59:59", LA, "2025-12-31"),
        ("2026-06-30T18:14:59", NEPAL, "2026-06-30"),
        ("2026-06-30T18:15:00", NEPAL, "2026-07-01"),
    ],
)
def test_local_days(instant: str, zone: ZoneInfo, day: str) -> None:
    """I17: the day is the server's own date at the call's start, to the microsecond."""
    assert local_day(datetime.fromisoformat(instant).replace(tzinfo=UTC), zone) == day


@given(
    st.datetimes(datetime(1975, 1, 1), datetime(2090, 1, 1)),  # noqa: DTZ001 - hypothesis wants them naive
    st.sampled_from(sorted(available_timezones())),
    st.integers(-14 * 60, 14 * 60),
)
@settings(deadline=None, max_examples=300)
def test_local_days_equal_the_calendar(instant: datetime, name: str, given_offset: int) -> None:
    """I17: for every zone there is, whatever zone the instant itself is told in."""
    aware = instant.replace(tzinfo=UTC).astimezone(timezone(timedelta(minutes=given_offset)))
    zone = zone_named(name)
    assert local_day(aware, zone) == aware.astimezone(zone).date().isoformat()


def test_a_naive_instant_is_utc(monkeypatch: pytest.MonkeyPatch) -> None:
    """I17: the machine's own time zone never matters."""
    with monkeypatch.context() as elsewhere:
        elsewhere.setenv("TZ", "Pacific/Kiritimati")
        time.tzset()
        assert local_day(datetime.fromisoformat("2026-03-31T23:59"), UTC) == "2026-03-31"
        assert local_day(datetime.fromisoformat("2026-04-01T06:59"), LA) == "2026-03-31"
        assert date.fromisoformat(local_day(NOW, UTC)) == NOW.date()
    time.tzset()


DAYS = st.dates(date(2023, 11, 1), date(2026, 4, 1)) | st.sampled_from([date.min, date.max])


@given(DAYS, DAYS, DAYS)
@settings(max_examples=300, deadline=None)
def test_spans_cover_each_day_of_a_range_once(first: date, last: date, today: date) -> None:
    """I8, I17: months and edge days count every day of the range once and no other, whatever day it is."""
    counted = dict.fromkeys((date(2023, 10, 1) + timedelta(days=n) for n in range(1000)), 0)
    found = spans("user", first, last, today)
    for sign, dimension, begin, end in found:
        for day in counted:
            bucket = day.replace(day=1) if dimension == "user/month" else day
            counted[day] += sign * (begin <= bucket.isoformat() <= end)
    assert counted == {day: int(first <= day <= last) for day in counted}
    assert spans("channel", first, last, today) == [(1, "channel", first.isoformat(), last.isoformat())]


@pytest.mark.parametrize(
    ("first", "last", "expected"),
    [
        # today, seven days, thirty days, this month, all, as of 2026-06-20
        ("2026-06-20", "2026-06-20", [(1, "", "2026-06-20", "2026-06-20")]),
        ("2026-06-14", "2026-06-20", [(1, "", "2026-06-14", "2026-06-20")]),
        ("2026-05-22", "2026-06-20",
         [(1, "/month", "2026-05-22", "2026-06-20"), (1, "", "2026-05-22", "2026-05-31"),
          (-1, "", "2026-06-21", "2026-06-30")]),
        ("2026-06-01", "2026-06-20", [(1, "/month", "2026-06-01", "2026-06-20"), (-1, "", "2026-06-21", "2026-06-30")]),
        ("0001-01-01", "2026-06-20", [(1, "/month", "0001-01-01", "2026-06-20"), (-1, "", "2026-06-21", "2026-06-30")]),
        # all of a month, most of one, the half of two
        ("2026-02-01", "2026-02-28", [(1, "/month", "2026-02-01", "2026-02-28")]),
        ("2026-01-03", "2026-01-29",
         [(1, "/month", "2026-01-01", "2026-01-29"), (-1, "", "2026-01-01", "2026-01-02"),
          (-1, "", "2026-01-30", "2026-01-31")]),
        ("2025-12-25", "2026-01-07",
         [(1, "/month", "2025-12-25", "2025-12-31"), (1, "", "2025-12-25", "2025-12-31"),
          (1, "", "2026-01-01", "2026-01-07")]),
    ],
)  # fmt: skip
def test_spans_read_little(first: str, last: str, expected: list[tuple[int, str, str, str]]) -> None:
    """I18: the periods of the command read few days beside whole months, and take off only days still to come."""
    found = spans("user", date.fromisoformat(first), date.fromisoformat(last), date(2026, 6, 20))
    assert [(sign, dimension.removeprefix("user"), *days) for sign, dimension, *days in found] == expected
