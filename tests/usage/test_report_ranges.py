"""Any range of days, read as whole months and edge days, against a recount without rollups."""

from datetime import UTC, date, datetime, tzinfo
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bot.usage.records import UsageRecord
from bot.usage.reporting import reports as reports_module
from bot.usage.reporting.reports import SPLITS, Days
from bot.usage.storage import schema
from bot.usage.storage.sqlite import SqliteDatabase
from tests.usage.making import NOW, fresh_database, recount, the_books
from tests.usage.test_reports import add_up, book, call_at, reports_at

EDGES = [
    "2024-02-29T23:59:59.999999", "2024-03-01T00:00:00", "2024-03-01T07:59:59", "2024-03-01T08:00:00",
    "2023-12-31T23:00:00", "2024-01-01T07:59:59", "2024-01-01T08:00:00", "2024-03-10T09:59:59", "2024-03-10T10:00:00",
    "2024-03-11T06:59:59", "2024-03-11T07:00:00", "2024-03-31T00:59:59", "2024-03-31T01:00:00", "2024-03-31T22:00:00",
]  # fmt: skip
RANGE_DAYS = st.dates(date(2023, 11, 20), date(2024, 4, 10)) | st.sampled_from(
    [date.min, date.max, date(2024, 1, 1), date(2023, 12, 31), date(2024, 2, 29), date(2024, 3, 1), date(2024, 3, 31)]
)


@given(
    moments=st.lists(
        st.tuples(
            st.datetimes(datetime(2023, 12, 1), datetime(2024, 4, 2))  # noqa: DTZ001 - hypothesis wants them naive
            | st.sampled_from([datetime.fromisoformat(at) for at in EDGES]),
            st.sampled_from([None, "u1", "u2", "u3"]),
            st.none() | st.integers(0, 9),
        ),
        max_size=25,
    ),
    ranges=st.lists(st.tuples(RANGE_DAYS, RANGE_DAYS), min_size=1, max_size=8),
    zone=st.sampled_from(["UTC", "America/Los_Angeles", "Europe/Berlin", "Pacific/Kiritimati", "Asia/Kathmandu"]),
    limit=st.none() | st.integers(1, 3),
)
@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
async def test_any_range_equals_a_recount(tmp_path_factory, moments, ranges, zone: str, limit) -> None:
    """I8, I17, I25: members' months and days give what counting the calls one by one gives, in every zone and range."""
    async with fresh_database(tmp_path_factory.mktemp("r") / "a.db") as database:
        await database.execute("INSERT INTO guild_settings (guild_id, time_zone) VALUES (1, $1)", zone)
        records = [call_at(at.isoformat(), cost, user_id=user) for at, user, cost in moments]
        await book(database, *records)
        assert await the_books(database) == await recount(database, {1: ZoneInfo(zone)})
        reports = reports_at(database, datetime(2024, 3, 20, 12, tzinfo=UTC))
        for first, last in ranges:
            for guild_id, local in ((1, ZoneInfo(zone)), (None, UTC)):
                report = await reports.spend_between(guild_id, Days(first, last), "user", limit=limit)
                expected = counted(records, first, last, local)
                assert [(line.key, line.calls, line.cost_nano_usd, line.unpriced_calls) for line in report.rows] == (
                    expected[:limit]
                )
                assert report.rest_keys == len(expected) - len(report.rows)
                assert add_up(report) == report.total


def counted(records: list[UsageRecord], first: date, last: date, zone: tzinfo) -> list[tuple[str, int, int, int]]:
    """Each member's calls, cost and unpriced calls, dearest first, counted without any rollup."""
    found: dict[str, list[int]] = {}
    for record in records:
        user = record.call.attribution.user_id
        if user is not None and first <= record.call.started_at.astimezone(zone).date() <= last:
            cost = record.settlement.price.cost_nano_usd
            line = found.setdefault(user, [0, 0, 0])
            line[:] = line[0] + 1, line[1] + (cost or 0), line[2] + (cost is None)
    return sorted(((user, *line) for user, line in found.items()), key=lambda line: (-line[2], -line[1], line[0]))


async def test_days_booked_before_there_were_months(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """I25: the step that adds the months fills them from the days on the books."""
    steps = schema.STEPS
    monkeypatch.setattr(schema, "STEPS", {n: s for n, s in steps.items() if n != "004 members' spend by month"})
    async with fresh_database(tmp_path / "a.db") as database:
        await book(database, *(call_at(at, user_id=u) for at in ("2026-02-28", "2026-03-01", EDGES[0]) for u in "ab"))
        await database.execute("DELETE FROM spend_daily WHERE dimension = 'user/month'")
        monkeypatch.setattr(schema, "STEPS", steps)
        await schema.apply(database, 0)
        assert await the_books(database) == await recount(database)


async def test_no_report_reads_the_records(tmp_path: Path) -> None:
    """I18: every report query searches `spend_daily` by its key, once for each span of days, whatever the history."""
    async with fresh_database(tmp_path / "a.db") as database:
        await _assert_searches(database)


async def _assert_searches(database: SqliteDatabase) -> None:
    search = "USING PRIMARY KEY (guild_id=? AND dimension=? AND day>? AND day<?)"
    for guild_id in (None, 1):
        for days in (Days(date.min, date(2026, 3, 31)), Days(date(2026, 3, 2), date(2026, 3, 31))):
            queries = [reports_module._rows_query(guild_id, days, by, 10, 0, NOW.date()) for by in SPLITS]
            for sql, parameters in [*queries, reports_module._total_query(guild_id, days)]:
                plan = " / ".join(row[3] for row in await database.fetch(f"EXPLAIN QUERY PLAN {sql}", *parameters))
                assert f"SEARCH s {search}" in plan or f"SEARCH spend_daily {search}" in plan
                assert "SCAN s" not in plan.replace("SCAN spans", "")
                assert "AUTOMATIC" not in plan
                assert "usage_records" not in plan
