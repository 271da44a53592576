"""Days, weeks and months in a server's own time zone, through daylight saving and changes of zone."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.usage.budgeting.calendars import ALWAYS_UTC, Calendar, Period, zone_named

NEW_YORK = ZoneInfo("America/New_York")
ZONES = (
    "America/New_York",
    "America/Los_Angeles",
    "America/St_Johns",
    "Europe/Madrid",
    "Asia/Kolkata",
    "Australia/Lord_Howe",
    "Pacific/Apia",
    "Africa/Cairo",
    "America/Asuncion",
    "Pacific/Chatham",
    "UTC",
)
TIMED = (Period.DAY, Period.WEEK, Period.MONTH)
INSTANTS = st.integers(0, 12 * 366 * 24 * 60).map(lambda n: datetime(2019, 1, 1, tzinfo=UTC) + timedelta(minutes=n))


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("at", "day", "week", "month"),
    [
        ("2026-03-08T04:59", "2026-03-07", "2026-03-02", "2026-03-01"),
        ("2026-03-08T05:00", "2026-03-08", "2026-03-02", "2026-03-01"),
        ("2026-03-09T03:59", "2026-03-08", "2026-03-02", "2026-03-01"),  # that day had 23 hours
        ("2026-03-09T04:00", "2026-03-09", "2026-03-09", "2026-03-01"),
        ("2026-11-01T04:00", "2026-11-01", "2026-10-26", "2026-11-01"),
        ("2026-11-02T04:59", "2026-11-01", "2026-10-26", "2026-11-01"),  # and that one 25
        ("2028-02-29T12:00", "2028-02-29", "2028-02-28", "2028-02-01"),
        ("2028-03-01T04:59", "2028-02-29", "2028-02-28", "2028-02-01"),
        ("2027-01-01T04:59", "2026-12-31", "2026-12-28", "2026-12-01"),
    ],
)
def test_periods_in_new_york(at: str, day: str, week: str, month: str) -> None:
    """I17: both days of the change of clocks, leap day, the turn of the year."""
    calendar = Calendar.of(NEW_YORK)
    assert [calendar.start(period, utc(at)) for period in TIMED] == [day, week, month]
    assert calendar.start(Period.TOTAL, utc(at)) == ""
    assert calendar.end(Period.TOTAL, utc(at)) is None


def test_lengths_of_days_and_months() -> None:
    """I17: 23, 24 and 25 hours; 28 to 31 days."""
    calendar = Calendar.of(NEW_YORK)

    def hours(period: Period, at: str) -> float:
        begin, end = calendar.begin(period, utc(at)), calendar.end(period, utc(at))
        assert begin is not None
        assert end is not None
        return (end - begin) / timedelta(hours=1)

    assert [hours(Period.DAY, f"{day}T18:00") for day in ("2026-03-08", "2026-07-01", "2026-11-01")] == [23, 24, 25]
    months = [hours(Period.MONTH, f"2026-{month:02}-15T12:00") for month in range(1, 13)]
    assert months == [744, 672, 743, 720, 744, 720, 744, 744, 720, 744, 721, 744]


@pytest.mark.parametrize("name", ZONES)
def test_a_year_of_hours(name: str) -> None:
    """I17: hour by hour through 2026, each period begins once, ends where the next begins, and none is skipped."""
    calendar = Calendar.of(ZoneInfo(name))
    at, last = utc("2025-12-31T00:00"), utc("2027-01-02T00:00")
    seen: dict[Period, list[str]] = {period: [] for period in TIMED}
    while at < last:
        for period in TIMED:
            start = calendar.start(period, at)
            if not seen[period] or seen[period][-1] != start:
                assert start not in seen[period]
                seen[period].append(start)
            end = calendar.end(period, at)
            assert end is not None
            assert end > at
            assert calendar.start(period, end - timedelta(minutes=1)) == start
            assert calendar.start(period, end) > start
        at += timedelta(hours=1)
    days = [date.fromisoformat(day) for day in seen[Period.DAY]]
    assert days == [days[0] + timedelta(days=n) for n in range(len(days))]
    assert len(days) in (367, 368)
    assert len(seen[Period.MONTH]) in (13, 14)


def test_a_change_eastward_does_not_cut_the_running_day_short() -> None:
    """I17: at 20:00 UTC it is tomorrow in Tokyo already; the day that runs goes on to its end all the same."""
    changed = utc("2026-11-26T20:00")
    calendar = Calendar.of(UTC, [(changed, ZoneInfo("Asia/Tokyo"))])
    assert calendar.start(Period.DAY, utc("2026-11-26T19:59")) == "2026-11-26"
    assert calendar.start(Period.DAY, utc("2026-11-26T23:59")) == "2026-11-26"
    assert calendar.end(Period.DAY, utc("2026-11-26T21:00")) == utc("2026-11-27T00:00")
    assert calendar.start(Period.DAY, utc("2026-11-27T00:00")) == "2026-11-27"
    assert calendar.end(Period.DAY, utc("2026-11-27T00:00")) == utc("2026-11-27T15:00")
    assert calendar.end(Period.MONTH, utc("2026-11-27T00:00")) == utc("2026-12-01T00:00")  # the month is still UTC's
    assert calendar.end(Period.MONTH, utc("2026-12-02T00:00")) == utc("2026-12-31T15:00")


def test_a_change_westward_prolongs_the_running_day_and_restarts_nothing() -> None:
    """I17: where midnight UTC is still yesterday in the new zone, yesterday's budget goes on."""
    calendar = Calendar.of(UTC, [(utc("2026-11-26T20:00"), ZoneInfo("America/Los_Angeles"))])
    assert calendar.start(Period.DAY, utc("2026-11-26T23:59")) == "2026-11-26"
    assert calendar.start(Period.DAY, utc("2026-11-27T07:59")) == "2026-11-26"
    assert calendar.start(Period.DAY, utc("2026-11-27T08:00")) == "2026-11-27"
    assert calendar.end(Period.DAY, utc("2026-11-26T21:00")) == utc("2026-11-27T08:00")


@settings(max_examples=200, deadline=None)
@given(
    zones=st.lists(st.sampled_from(ZONES), min_size=2, max_size=5),
    gaps=st.lists(st.timedeltas(timedelta(0), timedelta(days=3)), min_size=4, max_size=4),
    first=INSTANTS,
)
def test_no_change_of_zone_gives_a_free_reset(zones: list[str], gaps: list[timedelta], first: datetime) -> None:
    """I17: however often the zone is changed, a period's name never comes back and none is cut short at a change."""
    at, changes = first, []
    for name, gap in zip(zones[1:], gaps, strict=False):
        changes.append((at, ZoneInfo(name)))
        at += gap
    calendar = Calendar.of(ZoneInfo(zones[0]), changes)
    for changed_at, _ in changes:
        for period in TIMED:
            just_before = changed_at - timedelta(microseconds=1)
            begun = calendar.begin(period, just_before)
            if begun is not None and calendar.end(period, just_before) != changed_at:
                assert calendar.start(period, changed_at) == calendar.start(period, just_before)
    names = [calendar.start(Period.DAY, first + timedelta(hours=hour)) for hour in range(-48, 24 * 16)]
    assert names == sorted(names)


@given(at=INSTANTS, name=st.sampled_from(ZONES))
def test_an_end_is_the_first_instant_of_the_next(at: datetime, name: str) -> None:
    """I17: a call a microsecond before the end belongs to the old period, one at the end to the new."""
    calendar = Calendar.of(ZoneInfo(name))
    for period in TIMED:
        end = calendar.end(period, at)
        assert end is not None
        before, after = calendar.start(period, end - timedelta(microseconds=1)), calendar.start(period, end)
        assert before == calendar.start(period, at) < after


def test_a_zone_this_machine_does_not_know(caplog: pytest.LogCaptureFixture) -> None:
    """I16: a garbled setting is UTC, and said so."""
    assert zone_named("Mars/Olympus") is UTC
    assert "Mars/Olympus" in caplog.text
    assert ALWAYS_UTC.start(Period.DAY, utc("2026-11-26T23:59")) == "2026-11-26"
