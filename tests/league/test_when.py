"""When somebody means, in a server's time zone."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.league.when import MOST_AHEAD, understand_when

THURSDAY = datetime(2026, 11, 26, 20, 0, tzinfo=UTC)
"""15:00 in New York."""


def when(text: str, now: datetime = THURSDAY, zone: str = "America/New_York") -> str | None:
    found = understand_when(text, zone=zone, now=now)
    assert found is None or found.utcoffset() == timedelta(0)
    return found and f"{found:%Y-%m-%d %H:%M}"


@pytest.mark.parametrize(
    ("text", "utc"),
    [
        ("Sunday 8pm", "2026-11-30 01:00"),
        ("this Sunday night at 8", "2026-11-30 01:00"),
        ("next Sunday @ 8 p.m.", "2026-11-30 01:00"),
        ("8pm on Sunday", "2026-11-30 01:00"),
        ("Sun 20:00", "2026-11-30 01:00"),
        ("Sunday, Nov 29 at 8:30 PM", "2026-11-30 01:30"),
        ("domingo 20:00", "2026-11-30 01:00"),
        ("el domingo a las 8 de la noche", "2026-11-30 01:00"),
        ("sábado 21h", "2026-11-29 02:00"),
        ("mañana a las 21", "2026-11-28 02:00"),
        ("esta noche a las 9", "2026-11-27 02:00"),
        ("tonight at 9", "2026-11-27 02:00"),
        ("8pm", "2026-11-27 01:00"),
        ("14:00", "2026-11-27 19:00"),  # today's is past
        ("Thursday 8pm", "2026-11-27 01:00"),  # today
        ("next Thursday 8pm", "2026-12-04 01:00"),
        ("Thursday 2pm", "2026-12-03 19:00"),  # today's is past
        ("tomorrow 21:00", "2026-11-28 02:00"),
        ("tomorrow morning at 9", "2026-11-27 14:00"),
        ("tomorrow noon", "2026-11-27 17:00"),
        ("12am tomorrow", "2026-11-27 05:00"),
        ("tomorrow 12pm", "2026-11-27 17:00"),
        ("in 2 days", "2026-11-28 20:00"),
        ("in 3 days, 8pm", "2026-11-30 01:00"),
        ("in 5 hours", "2026-11-27 01:00"),
        ("dentro de 3 horas", "2026-11-26 23:00"),
        ("2026-11-30 20:00", "2026-12-01 01:00"),
        ("2026-11-30T20:00", "2026-12-01 01:00"),
        ("2026-11-30T20:00Z", "2026-11-30 20:00"),
        ("2026-11-30T20:00+02:00", "2026-11-30 18:00"),
        ("<t:1796000000:F>", "2026-11-30 00:53"),
        ("it is <t:1796000000> for you", "2026-11-30 00:53"),
        ("Sunday 8pm CT", "2026-11-30 02:00"),
        ("8 pm Pacific time", "2026-11-27 04:00"),
        ("9pm GMT", "2026-11-26 21:00"),
    ],
)
def test_what_is_understood(text: str, utc: str) -> None:
    assert when(text) == utc


@pytest.mark.parametrize(
    "text",
    [
        "",
        "hola",
        "week 8",
        "8",
        "now",
        "Friday",
        "2026-11-30",
        "next week",
        "midnight",
        "Sunday evening",
        "Sunday at 8",
        "tonight at 12",
        "Sunday 13pm",
        "Sunday 25:00",
        "Sunday 8-10pm",
        "7pm or 8pm",
        "Friday or Saturday 8pm",
        "whenever 9pm",
        "8pm UTC+2",
        "yesterday 5pm",
        "2 days ago",
        "2026-11-26 14:59",
        "2026-13-40 10:00",
        "2028-01-01 10:00",
        "in 500 days",
        "in 99999999 days",
        "<t:1796000000000:F>",
        "<t:1:F>",
        "0001-01-01 00:00",
        "9999-12-31 23:59",
        "Sunday 8pm " + "x" * 100,
    ],
)
def test_what_is_not(text: str) -> None:
    assert when(text) is None


@pytest.mark.parametrize(
    ("now", "text", "utc"),
    [
        ("2026-03-07 17:00", "tomorrow 02:30", "2026-03-08 07:30"),  # skipped: it is 03:30 by the new time
        ("2026-03-07 17:00", "in 1 day", "2026-03-08 16:00"),  # the same time of day, an hour sooner
        ("2026-03-07 17:00", "in 24 hours", "2026-03-08 17:00"),
        ("2026-10-31 17:00", "tomorrow 01:30", "2026-11-01 05:30"),  # the first of two
        ("2026-11-01 05:45", "today 01:30", "2026-11-01 06:30"),  # which is past: the second
        ("2026-11-01 05:45", "in 30 minutes", "2026-11-01 06:15"),
        ("2026-07-01 17:00", "8pm EST", "2026-07-02 00:00"),  # people say EST in summer too
    ],
)
def test_clocks_that_change(now: str, text: str, utc: str) -> None:
    assert when(text, datetime.fromisoformat(now).replace(tzinfo=UTC)) == utc


@pytest.mark.parametrize(
    ("zone", "utc"),
    [
        ("UTC", "2026-11-29 20:00"),
        ("Asia/Kolkata", "2026-11-29 14:30"),
        ("Pacific/Kiritimati", "2026-11-29 06:00"),
        ("Not/AZone", "2026-11-29 20:00"),
    ],
)
def test_it_is_the_servers_time(zone: str, utc: str) -> None:
    assert when("Sunday 8pm", zone=zone) == utc


PIECES = ["Sunday", " ", "8pm", "at", "20:00", "in", "2", "days", "hours", "<t:", ":F>", "T", "-", "2026", "9" * 12]
TEXTS = st.one_of(st.text(max_size=120), st.lists(st.sampled_from(PIECES), max_size=12).map("".join))


@settings(deadline=None)
@given(TEXTS, st.sampled_from(["America/New_York", "Pacific/Kiritimati", "UTC"]))
def test_no_text_breaks_it(text: str, zone: str) -> None:
    found = understand_when(text, zone=zone, now=THURSDAY)
    assert found is None or THURSDAY < found <= THURSDAY + MOST_AHEAD


@settings(deadline=None, max_examples=50)
@given(st.integers(1, 399 * 24 * 60))
def test_iso_and_discords_own_are_read_back(minutes: int) -> None:
    at = THURSDAY + timedelta(minutes=minutes)
    for text in (f"{at:%Y-%m-%dT%H:%M}Z", f"<t:{int(at.timestamp())}:R>", f"in {minutes} minutes"):
        assert understand_when(text, zone="Europe/Madrid", now=THURSDAY) == at
