"""What grew most, against the same length of time before."""

from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from bot.alerts.cause import Cause, grew_most, read_cause
from bot.usage.budgeting.alert_rows import Alert, AlertKind
from bot.usage.budgeting.budgets import Budget, Mode, Scope, Unit
from bot.usage.budgeting.calendars import Period
from bot.usage.records import SpendLine
from bot.usage.reporting.reports import Days, Reports
from tests.usage.making import NOW, fresh_database

AT = datetime(2026, 3, 10, 12, tzinfo=UTC)
BUDGET = Budget("b", 7, Scope.GUILD, "7", Period.MONTH, Unit.USD, 5, Mode.HARD)
COLUMNS = (
    "guild_id, dimension, day, key, calls, failed_calls, estimated_calls, unpriced_calls, input_tokens, "
    "cached_input_tokens, output_tokens, reasoning_output_tokens, cost_nano_usd, duration_ms"
)


def line(key: str, cost: int, tokens: int = 0) -> SpendLine:
    return SpendLine(key, calls=1, cost_nano_usd=cost, output_tokens=tokens)


@pytest.mark.parametrize(
    ("now", "before", "unit", "expected"),
    [
        ([], {}, Unit.USD, None),
        ([line("a", 5)], {}, Unit.USD, ("a", 5)),
        ([line("a", 9), line("b", 5)], {"a": line("a", 8)}, Unit.USD, ("b", 5)),
        ([line("a", 9), line("b", 5)], {"a": line("a", 9), "b": line("b", 6)}, Unit.USD, None),
        ([line("a", 9, 1), line("b", 5, 8)], {}, Unit.TOKENS, ("b", 8)),
        ([line("a", 4), line("b", 4)], {}, Unit.USD, ("a", 4)),
    ],
)
def test_grew_most(now, before, unit, expected):
    assert grew_most(now, before, unit) == expected


@pytest.fixture
async def reports(tmp_path: Path):
    """Server 7: 1 to 10 March against 19 to 28 February; a day later or earlier counts for neither."""
    async with fresh_database(tmp_path / "a.db") as database:
        rows = [
            ("operation", "2026-03-01", "chat", 50), ("operation", "2026-02-19", "chat", 45),
            ("operation", "2026-03-10", "guide", 30), ("operation", "2026-02-18", "guide", 900),
            ("operation", "2026-03-11", "chat", 900),
            ("channel", "2026-03-02", "11", 60), ("channel", "2026-02-28", "11", 28),
            ("user", "2026-03-02", "u1", 70), ("user/month", "2026-03-01", "u1", 70),
        ]  # fmt: skip
        values = [(7, dimension, day, key, 1, 0, 0, 0, 0, 0, 1, 0, cost, 1) for dimension, day, key, cost in rows]
        insert = f"INSERT INTO spend_daily ({COLUMNS}) VALUES ({', '.join(f'${n}' for n in range(1, 15))})"
        await database.write([(insert, values)])
        yield Reports(database, clock=lambda: NOW)


def an_alert(start: str = "2026-03-01") -> Alert:
    return Alert("a", 7, AlertKind.BUDGET, "b", "", start, 90, 45, 50, AT)


async def test_the_largest_growth_of_all_splits(reports: Reports):
    """I26: members count only where not everybody reads."""
    days = Days(date(2026, 3, 1), date(2026, 3, 10)), Days(date(2026, 2, 19), date(2026, 2, 28))
    assert await read_cause(reports, an_alert(), BUDGET, with_members=True) == Cause("user", "u1", 70, *days)
    assert await read_cause(reports, an_alert(), BUDGET, with_members=False) == Cause("channel", "11", 32, *days)


async def test_of_a_budget_in_total_the_last_week_against_the_one_before(reports: Reports):
    cause = await read_cause(reports, an_alert(""), BUDGET, with_members=False)
    days = Days(date(2026, 3, 4), date(2026, 3, 10)), Days(date(2026, 2, 25), date(2026, 3, 3))
    assert cause == Cause("operation", "guide", 30, *days)


async def test_nothing_grew(reports: Reports):
    assert await read_cause(reports, an_alert("2026-03-09"), BUDGET, with_members=True) == Cause(
        "operation", "guide", 30, Days(date(2026, 3, 9), date(2026, 3, 10)), Days(date(2026, 3, 7), date(2026, 3, 8))
    )
    other = Alert("a", 8, AlertKind.BUDGET, "b", "", "2026-03-01", 90, 45, 50, AT)
    assert await read_cause(reports, other, BUDGET, with_members=True) is None
