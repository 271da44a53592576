"""A server's single calls summed two ways at once, its days, and which calls made an answer."""

import re
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from bot.usage import UsageTracker
from bot.usage.records import Kind, Status
from bot.usage.reporting.recent_calls import _OF_EXECUTION
from bot.usage.reporting.reports import Days, sum_of
from bot.usage.reporting.shown_answers import KEPT
from bot.usage.reporting.single_calls import MOST_DAYS, Aspect, Only, bounds
from tests.usage.making import a_call, a_settlement

BOTH_DATABASES = True
TODAY = datetime.now(UTC).replace(hour=12, minute=0, second=0, microsecond=0)
DAYS = Days(TODAY.date() - timedelta(days=1), TODAY.date())


async def book(tracker: UsageTracker, cost: int | None, *, status: Status = Status.OK, **who: object) -> None:
    call = a_call(**{"at": TODAY, **who})  # type: ignore[arg-type]
    await tracker.ledger.admit(call)
    tracker.ledger.settle(call, a_settlement(cost, status=status))


@pytest.mark.parametrize(
    ("by", "expected"),
    [
        ("operation", [("chat", 3, 60), ("help", 1, 5)]),
        ("model", [("gpt-4o-mini", 3, 45), ("mystery", 1, 20)]),
        ("channel", [("7", 2, 30)]),
        ("session", [("thread 9", 1, 20)]),
    ],
)
async def test_one_members_calls_split_another_way(
    tracker: UsageTracker, by: Aspect, expected: list[tuple[str, int, int]]
):
    await book(tracker, 10, user_id="u1", channel_id=7)
    await book(tracker, 20, user_id="u1", channel_id=7, session_id="thread 9", model="mystery")
    await book(tracker, 30, user_id="u1", at=TODAY - timedelta(days=1))
    await book(tracker, 5, user_id="u1", operation="help", status=Status.ERROR)
    await book(tracker, 1_000, user_id="u1", at=TODAY - timedelta(days=2))
    await book(tracker, 2_000, user_id="u1", guild_id=2)
    await book(tracker, 3_000, user_id="u2")
    await book(tracker, 4_000, user_id="u1", kind=Kind.PAYMENT)
    await book(tracker, 5_000, user_id="u1", at=TODAY - MOST_DAYS)
    found = await tracker.single_calls.spend(1, DAYS, by, only=Only("user", "u1"), limit=10)
    assert [(row.key, row.calls, row.cost_nano_usd) for row in found.rows] == expected
    assert (found.total.calls, found.total.failed_calls, found.total.cost_nano_usd) == (4, 1, 65)
    assert sum_of("", [*found.rows, found.rest]) == found.total
    ever = await tracker.single_calls.spend(1, Days(date.min, DAYS.last), by, only=Only("user", "u1"), limit=10)
    assert ever.total.cost_nano_usd == 65 + 1_000


async def test_a_page_leaves_the_others_to_the_rest(tracker: UsageTracker):
    for number in range(5):
        await book(tracker, 10 - number, user_id=f"u{number}", channel_id=7)
    found = await tracker.single_calls.spend(1, DAYS, "user", only=Only("channel", "7"), limit=2, skip=2)
    assert ([row.key for row in found.rows], found.rest_keys, found.rest.cost_nano_usd) == (["u2", "u3"], 3, 25)
    assert (await tracker.single_calls.spend(1, DAYS, "user", only=Only("channel", "8"), limit=2)).total.calls == 0


async def test_it_agrees_with_the_daily_sums(tracker: UsageTracker):
    """I8: also the days of one key, and pages of a report."""
    for number in range(4):
        at = TODAY - timedelta(days=number % 2)
        await book(tracker, None if number == 3 else 10**number, user_id=f"u{number // 2}", at=at)
    reports = tracker.reports
    whole = await reports.spend_between(1, DAYS, "user")
    assert (await tracker.single_calls.spend(1, DAYS, "user", limit=9)).rows == whole.rows
    days = await reports.trend_of(1, DAYS, "user", "u1")
    assert [(line.key, line.calls, line.unpriced_calls, line.cost_nano_usd) for line in days] == [
        (str(DAYS.first), 1, 1, 0),
        (str(DAYS.last), 1, 0, 100),
    ]
    assert sum_of("u1", days) == whole.rows[0]
    page = await reports.spend_between(1, DAYS, "user", limit=1, skip=1)
    assert (page.rows, page.rest_keys, sum_of("", [*page.rows, page.rest])) == (whole.rows[1:], 1, page.total)


@pytest.mark.sqlite_only
def test_days_are_a_servers_own_also_when_clocks_change():
    """I17."""
    first, after = bounds(Days(date(2026, 3, 29), date(2026, 3, 29)), ZoneInfo("Europe/Berlin"))
    assert after.timestamp() - first.timestamp() == 23 * 3600
    assert bounds(Days(date.min, date.max), UTC)[0] == datetime(1970, 1, 2, tzinfo=UTC)


async def test_an_answer_is_known_by_its_messages_to_its_own_server_alone(tracker: UsageTracker):
    """I26."""
    await book(tracker, 10, execution_id="e1", operation="first")
    await book(tracker, 20, execution_id="e1", at=TODAY + timedelta(seconds=1))
    await book(tracker, 30, execution_id="e2")
    await tracker.shown_answers.note(1, [111, 112], "e1")
    await tracker.shown_answers.note(1, [111], "e2")
    for message in (111, 112):
        found = await tracker.shown_answers.calls(1, message)
        assert found is not None
        assert [(call.operation, call.cost_nano_usd) for call in found] == [("first", 10), ("chat", 20)]
    assert await tracker.shown_answers.calls(2, 111) is None
    assert await tracker.shown_answers.calls(1, 113) is None
    await tracker.database.execute(f"UPDATE shown_answers SET shown_at = shown_at - {int(KEPT.total_seconds() * 1e6)}")
    await tracker.shown_answers.forget_old()
    assert await tracker.shown_answers.calls(1, 111) is None


@pytest.mark.sqlite_only
@pytest.mark.parametrize(
    ("only", "index"),
    [
        (None, "guild"),
        (Only("user", "u1"), "user"),
        (Only("channel", "7"), "guild"),
        (Only("operation", "chat"), "guild"),
    ],
)
async def test_it_reads_through_an_index(tracker: UsageTracker, only: Only | None, index: str):
    """I18: neither other servers' calls nor, for a member, other people's are read."""
    script = tracker.single_calls._read(1, DAYS, "model", only, 10, 0)
    plans, query = [], next(script)
    with pytest.raises(StopIteration):
        while True:
            sql, parameters = query
            if "FROM usage_records" in sql:
                plans += [row[3] for row in await tracker.database.fetch(f"EXPLAIN QUERY PLAN {sql}", *parameters)]
            query = script.send(await tracker.database.fetch(sql, *parameters))
    assert re.findall(r"usage_records USING INDEX (\w+)", str(plans)) == [f"usage_records_{index}"] * 2
    assert "SCAN usage_records" not in str(plans)


@pytest.mark.sqlite_only
async def test_an_answers_calls_are_found_by_its_execution(tracker: UsageTracker):
    """I18."""
    plan = await tracker.database.fetch(f"EXPLAIN QUERY PLAN {_OF_EXECUTION}", 1, "e1")
    assert "usage_records_execution (execution_id=?)" in plan[0][3]
