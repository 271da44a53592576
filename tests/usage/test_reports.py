"""Every number that anybody sees: exact, complete, and by the right calendar."""

import asyncio
from dataclasses import fields
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bot.usage.bookkeeping import rollups
from bot.usage.records import Kind, SpendLine, UsageRecord
from bot.usage.reporting.reports import PERIODS, SPLITS, Days, Report, Reports, earlier_days
from bot.usage.storage import queued
from tests.usage.making import NOW, FaultyDatabase, a_call, a_settlement, fresh_database, ledger_on
from tests.usage.test_rollups import CALLS

BOTH_DATABASES = True

MEASURED = [field.name for field in fields(SpendLine) if field.name != "key"]


def reports_at(database, now: datetime = NOW) -> Reports:
    return Reports(database, clock=lambda: now)


async def book(database, *records: UsageRecord) -> None:
    async with ledger_on(database) as ledger:
        for record in records:
            ledger.record(record)
        await ledger.flush()


def call_at(when: str, cost: int = 1, **who) -> UsageRecord:
    return UsageRecord(a_call(at=datetime.fromisoformat(when).replace(tzinfo=UTC), **who), a_settlement(cost))


def add_up(report: Report) -> SpendLine:
    lines = [*report.rows, report.rest]
    return SpendLine("", **{name: sum(getattr(line, name) for line in lines) for name in MEASURED})


@given(records=st.lists(CALLS, max_size=25), limit=st.none() | st.integers(0, 4))
@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
async def test_records_total_and_every_split_agree(tmp_path_factory, records, limit) -> None:
    """I8: sum of records = total = rows and rest of every split, with any limit, for servers and the whole bot."""
    async with fresh_database(tmp_path_factory.mktemp("r") / "a.db") as database:
        await book(database, *records)
        reports = reports_at(database, NOW + timedelta(days=10))
        own = [record for record in records if record.call.kind is not Kind.PAYMENT]
        for guild_id in (None, 0, 1, 2**63 - 1, 99):
            mine = [r for r in own if guild_id is None or r.call.attribution.guild_id == guild_id]
            for by in SPLITS:
                report = await reports.spend(guild_id, "all", by, limit=limit)
                assert report.total.calls == len(mine)
                assert report.total.cost_nano_usd == sum(r.settlement.price.cost_nano_usd or 0 for r in mine)
                assert report.total.input_tokens == sum(r.settlement.usage.input_tokens for r in mine)
                assert report.total.unpriced_calls == sum(r.settlement.price.cost_nano_usd is None for r in mine)
                assert add_up(report) == report.total
                assert all(getattr(line, name) >= 0 for line in [*report.rows, report.rest] for name in MEASURED)
                assert limit is None or len(report.rows) <= limit
                unlimited = await reports.spend(guild_id, "all", by)
                assert report.rows == unlimited.rows[:limit]
                assert report.rest_keys == len(unlimited.rows) - len(report.rows)


async def test_rows_are_dearest_first_and_days_in_order(database) -> None:
    """I8: the order is by cost, then calls, then name; names are what they are, Markdown and emoji included."""
    names = ["**bold**", "`a`", "@everyone", "🏈", "a|b", "<@1>", "x" * 300]
    await book(
        database,
        *(call_at("2026-03-30", cost, user_id=name) for cost, name in enumerate(names)),
        call_at("2026-03-29", 6, user_id="twin"), call_at("2026-03-28", 0, user_id="twin"),
    )  # fmt: skip
    report = await reports_at(database).spend(1, "7d", "user")
    assert [row.key for row in report.rows] == ["twin", *reversed(names)]
    days = await reports_at(database).spend(1, "7d", "day")
    assert [row.key for row in days.rows] == ["2026-03-28", "2026-03-29", "2026-03-30"]


async def test_an_empty_server(database) -> None:
    """I16: no calls are zeros everywhere, and never an error."""
    reports = reports_at(database)
    for guild_id in (None, 1):
        for period in PERIODS:
            for by in SPLITS:
                report = await reports.spend(guild_id, period, by, limit=5)
                assert (report.rows, report.rest_keys) == ([], 0)
                assert report.total == report.rest == SpendLine("")
            await reports.before(guild_id, period)
        assert await reports.projection(guild_id) == 0
        assert [line.key for line in await reports.trend(guild_id, await reports.days(guild_id, "all"))] == [
            "2026-03-31"
        ]


@pytest.mark.parametrize(
    ("period", "first", "last"),
    [
        ("today", "2026-03-31", "2026-03-31"),
        ("7d", "2026-03-25", "2026-03-31"),
        ("30d", "2026-03-02", "2026-03-31"),
        ("month", "2026-03-01", "2026-03-31"),
        ("all", "0001-01-01", "2026-03-31"),
    ],
)
async def test_periods(database, period, first: str, last: str) -> None:
    """I17: both ends belong to the period, the days beside them don't."""
    days = [date.fromisoformat(first), date.fromisoformat(last)]
    inside = [f"{d}T{t}" for d in days for t in ("00:00:00", "23:59:59.999999") if d != date.min]
    outside = [(days[0] - timedelta(days=1)).isoformat() + "T23:59:59.999999"] if days[0] != date.min else []
    await book(database, *(call_at(when) for when in [*inside, *outside, "2026-04-01T00:00:00"]))
    for guild_id in (None, 1):
        report = await reports_at(database).spend(guild_id, period, "day")
        assert report.days == Days(*days)
        assert report.total.calls == len(inside)


@pytest.mark.parametrize(
    ("now", "today"),
    [
        ("2026-03-08T07:59:59", "2026-03-07"),
        ("2026-03-08T08:00:00", "2026-03-08"),
        ("2026-03-09T06:59:59", "2026-03-08"),
        ("2026-11-02T07:59:59", "2026-11-01"),
        ("2028-03-01T07:59:59", "2028-02-29"),
        ("2026-01-01T07:59:59", "2025-12-31"),
    ],
)
async def test_today_is_the_server_s_own(database, now: str, today: str) -> None:
    """I17: by the server's time zone on both DST days, leap day and New Year's Eve; in UTC for the whole bot."""
    await database.execute("INSERT INTO guild_settings (guild_id, time_zone) VALUES (1, 'America/Los_Angeles')")
    moment = datetime.fromisoformat(now).replace(tzinfo=UTC)
    await book(database, call_at(now, guild_id=1), call_at(now, guild_id=2))
    reports = reports_at(database, moment)
    assert (await reports.days(1, "today")).last.isoformat() == today
    for guild_id in (1, 2, None):
        assert (await reports.spend(guild_id, "today", "day")).total.calls == (2 if guild_id is None else 1)
    for other in (2, 0, None):
        assert (await reports.days(other, "today")).last == moment.date()


@pytest.mark.parametrize(
    ("today", "first", "last"),
    [
        ("2026-03-31", "2026-02-01", "2026-02-28"),
        ("2028-03-31", "2028-02-01", "2028-02-29"),
        ("2028-03-29", "2028-02-01", "2028-02-29"),
        ("2026-03-28", "2026-02-01", "2026-02-28"),
        ("2026-05-31", "2026-04-01", "2026-04-30"),
        ("2026-01-01", "2025-12-01", "2025-12-01"),
        ("2026-01-31", "2025-12-01", "2025-12-31"),
        ("2026-07-15", "2026-06-01", "2026-06-15"),
    ],
)
def test_the_same_days_of_last_month(today: str, first: str, last: str) -> None:
    """I17: March 31 is compared with all of February, January with December of the year before."""
    now = date.fromisoformat(today)
    expected = Days(date.fromisoformat(first), date.fromisoformat(last))
    assert earlier_days("month", Days(now.replace(day=1), now)) == expected


async def test_the_period_before(database) -> None:
    """I8: as many days, just before; none for all."""
    await book(
        database, *(call_at(f"2026-03-{day:02}T12:00", day) for day in range(1, 32)), call_at("2026-02-28", 1_000)
    )
    reports = reports_at(database)
    costs = {period: await reports.before(1, period) for period in PERIODS}
    assert costs["all"] is None
    assert {period: line.cost_nano_usd for period, line in costs.items() if line} == {
        "today": 30, "7d": sum(range(18, 25)), "30d": 1_001, "month": 1_000,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("now", "expected"),
    [
        ("2026-04-01T00:59:59", None),
        ("2026-04-01T01:00:00", 720_000),
        ("2026-04-16T00:00:00", 2_000),
        ("2026-04-30T23:59:59.999", 1_000),
    ],
)
async def test_projection(database, now: str, expected: int | None) -> None:
    """I17: the month's spend at the pace so far; nothing is told from its first hour."""
    await book(database, call_at("2026-04-01T00:00:00", 1_000), call_at("2026-03-31T23:59:59", 5))
    assert await reports_at(database, datetime.fromisoformat(now).replace(tzinfo=UTC)).projection(1) == expected


async def test_projection_in_a_month_with_a_short_day(database) -> None:
    """I17: March in Los Angeles has an hour less: half of it has passed half an hour earlier than one would think."""
    await database.execute("INSERT INTO guild_settings (guild_id, time_zone) VALUES (1, 'America/Los_Angeles')")
    await book(database, call_at("2026-03-05T12:00:00", 743))
    start = datetime(2026, 3, 1, 8, tzinfo=UTC)
    reports = reports_at(database, start + timedelta(hours=1))
    assert await reports.projection(1) is not None
    half = reports_at(database, start + timedelta(hours=743) / 2)
    assert await half.projection(1) == 2 * 743


async def test_trend_has_every_day(database) -> None:
    """I8: days without a call are there as zeros; `all` begins with the first day on the books."""
    await book(database, call_at("2028-02-27", 5), call_at("2028-03-02", 6))
    reports = reports_at(database, datetime(2028, 3, 2, 12, tzinfo=UTC))
    for guild_id in (None, 1):
        lines = await reports.trend(guild_id, await reports.days(guild_id, "all"))
        assert [(line.key, line.cost_nano_usd) for line in lines] == [
            ("2028-02-27", 5), ("2028-02-28", 0), ("2028-02-29", 0), ("2028-03-01", 0), ("2028-03-02", 6),
        ]  # fmt: skip
        assert len(await reports.trend(guild_id, await reports.days(guild_id, "30d"))) == 30


async def test_a_trend_told_apart_by_key(database) -> None:
    """I8, I26: what some keys cost on which day, of one server or of all; days without a call are left out."""
    await book(
        database,
        call_at("2026-03-01", 5, operation="chat", user_id="a"),
        call_at("2026-03-01", 1, operation="draw", user_id="b"),
        call_at("2026-03-03", 7, operation="chat", user_id="a"),
        call_at("2026-03-03", 9, operation="chat", user_id="a", guild_id=2),
    )
    reports, days = reports_at(database), ["2026-03-01", "2026-03-02", "2026-03-03"]
    chat = {"2026-03-01": 5, "2026-03-03": 7}
    assert await reports.trend_by(1, days, "operation", ["chat", "none"]) == {"chat": chat, "none": {}}
    assert await reports.trend_by(1, days[1:], "user", ["a", "b"]) == {"a": {"2026-03-03": 7}, "b": {}}
    assert await reports.trend_by(None, days, "operation", ["chat"]) == {"chat": {"2026-03-01": 5, "2026-03-03": 16}}
    assert await reports.trend_by(None, days, "guild", ["2"]) == {"2": {"2026-03-03": 9}}
    assert await reports.trend_by(1, days, "day", ["2026-03-01"]) == {"2026-03-01": {}}
    assert await reports.trend_by(1, [], "operation", ["chat"]) == {"chat": {}}
    assert await reports.trend_by(1, days, "operation", []) == {}


async def test_nobody_sees_another_server(database) -> None:
    """I26: a server's report holds its own calls only, split by server too; id 0 is calls outside servers."""
    await book(database, *(call_at("2026-03-31", 10**g, guild_id=g, user_id=f"u{g}") for g in (0, 1, 2)))
    for guild_id in (0, 1, 2):
        for by in SPLITS:
            report = await reports_at(database).spend(guild_id, "all", by)
            assert report.total.cost_nano_usd == 10**guild_id
        assert [row.key for row in (await reports_at(database).spend(guild_id, "all", "guild")).rows] == [str(guild_id)]
    everyone = await reports_at(database).spend(None, "all", "guild")
    assert {row.key: row.cost_nano_usd for row in everyone.rows} == {"0": 1, "1": 10, "2": 100}


async def test_ten_thousand_members(database) -> None:
    """I8: the ten dearest of 10,000 and the other 9,990 as one line, exactly."""
    async with ledger_on(database) as ledger:
        for start in (0, 5_000):
            for n in range(start, start + 5_000):
                ledger.record(UsageRecord(a_call(user_id=f"{n:05}"), a_settlement(n)))
            await ledger.flush()
    report = await reports_at(database).spend(1, "month", "user", limit=10)
    assert [row.key for row in report.rows] == [f"{n:05}" for n in range(9_999, 9_989, -1)]
    assert (report.rest_keys, report.rest.calls) == (9_990, 9_990)
    assert add_up(report) == report.total
    assert report.total.cost_nano_usd == sum(range(10_000))


async def test_a_report_is_of_one_moment(database) -> None:
    """I8: calls booked while a report is read never make its rows exceed its total."""
    async with ledger_on(database) as ledger:
        stop = False

        async def load() -> None:
            while not stop:
                ledger.record(UsageRecord(a_call(user_id="u"), a_settlement(1)))
                await ledger.flush()

        loading = asyncio.create_task(load())
        reports = reports_at(database)
        for _ in range(150):
            report = await reports.spend(1, "all", "user")
            assert report.rest == SpendLine("")
            assert sum(row.calls for row in report.rows) == report.total.calls
        stop = True
        await loading


async def test_what_is_queued_is_shown_and_trouble_delays_no_report(database, monkeypatch: pytest.MonkeyPatch) -> None:
    """I23: a report waits for what this process has queued, but not for a database that stays away."""
    monkeypatch.setattr(queued, "PATIENCE_SECONDS", 0.1)
    faulty = FaultyDatabase(database)
    async with ledger_on(faulty) as ledger:
        reports = Reports(database, clock=lambda: NOW, before_reading=ledger.flush)
        ledger.record(UsageRecord(a_call(), a_settlement()))
        assert (await reports.spend(1, "today", "day")).total.calls == 1
        faulty.gone = True
        ledger.record(UsageRecord(a_call(), a_settlement()))
        async with asyncio.timeout(1):
            assert (await reports.spend(1, "today", "day")).total.calls == 1
        faulty.gone = False
        await ledger.flush()
        assert (await reports.spend(1, "today", "day")).total.calls == 2


async def test_a_million_of_the_cheapest_calls(database) -> None:
    """I8: a million calls of three nano-dollars are exactly $0.003, also through the database's own sums."""
    days = [(1, "total", f"{date(2020, 1, 1) + timedelta(days=n)}", "", *[0] * 10) for n in range(1_000)]
    amounts = [(*row[:4], 1_000, *[0] * 7, 3_000, 0) for row in days]
    await database.write([(rollups.UPSERT, amounts)])
    total = (await reports_at(database).spend(1, "all", "day")).total
    assert (total.calls, total.cost_nano_usd) == (1_000_000, 3_000_000)


async def test_an_hour_of_refusals_belongs_to_the_day_in_which_it_begins(database) -> None:
    """I17: midnight in Kolkata is half past six in the evening, UTC; of two hours one begins before it."""
    await database.execute("INSERT INTO guild_settings (guild_id, time_zone) VALUES (1, 'Asia/Kolkata')")
    for clock, calls in (("2026-03-14T18", 3), ("2026-03-14T19", 5)):
        hour = int(datetime.fromisoformat(f"{clock}:00+00:00").timestamp()) // 3600
        await database.execute("INSERT INTO refusals VALUES (1, $1, 'paused', $2)", hour, calls)
    days = [date(2026, 3, 14), date(2026, 3, 15)]
    found = [await reports_at(database).spend_between(1, Days(day, day), "day") for day in days]
    assert [report.refused_calls for report in found] == [3, 5]
