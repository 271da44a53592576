"""A year of a daily budget, hour by hour, where clocks change: every local day allows what it should, and no more."""

from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from bot.usage.bookkeeping import entries, leaving
from bot.usage.bookkeeping.ledger import Ledger
from bot.usage.budgeting.budget_book import BudgetBook
from bot.usage.budgeting.server_settings import SettingsBook
from bot.usage.errors import BudgetExceededError
from bot.usage.storage.database import Database, open_database
from tests.usage.making import a_call, a_settlement, fresh_database

PER_DAY = 4
STEP = timedelta(hours=3)
FIRST = datetime(2027, 12, 30, 12, tzinfo=UTC)
DAYS = 369  # of a leap year, and some at either end


@pytest.mark.parametrize("name", ["America/New_York", "Europe/Madrid", "Australia/Lord_Howe"])
async def test_a_year_of_days(tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """I13, I17, I19: eight questions a day, four of them answered, one alert a day; weeks and months as they come."""
    async with fresh_database(tmp_path / "a.db") as database:
        await _live(database, name, DAYS, monkeypatch)


async def test_two_months_on_postgres(emptied_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same there, around the new year and a leap day."""
    database = await open_database(emptied_url)
    await _live(database, "America/New_York", 62, monkeypatch)
    await database.close()


async def _live(database: Database, name: str, days: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(leaving, "ROOM_PATIENCE_SECONDS", 0.0)
    monkeypatch.setattr(entries, "SETTLE_DELAY_SECONDS", 0.0)
    zone = ZoneInfo(name)
    clock = [FIRST - timedelta(days=40)]  # when it chose its zone: in effect by now for months too
    asked: Counter[str] = Counter()
    admitted: Counter[str] = Counter()
    back: list[tuple[str, datetime | None]] = []
    ledger = Ledger(database, lambda: clock[0], lambda records: None)
    await ledger.start()
    await SettingsBook(database, lambda: clock[0], ledger.rules_changed).set_time_zone(1, name)
    clock[0] = FIRST
    book = BudgetBook(database, ledger.rules, lambda: clock[0], ledger.rules_changed)
    daily = await book.set(scope="guild", guild_id=1, period="day", limit_tokens=1_100 * PER_DAY)
    monthly = await book.set(scope="guild", guild_id=1, period="month", limit_usd="1", mode="soft")
    while clock[0] < FIRST + timedelta(days=days):
        day = clock[0].astimezone(zone).date().isoformat()
        asked[day] += 1
        try:
            await ledger.admit(call := a_call(at=clock[0], reserved=1_000))
        except BudgetExceededError as error:
            back.append((day, error.budget.ends_at))
        else:
            admitted[day] += 1
            ledger.settle(call, a_settlement(1_000, tokens=(100, 1_000)))
            await ledger.flush()
        clock[0] += STEP
    await ledger.close()
    rows = await database.fetch("SELECT budget_id, period_start, spent, reserved FROM budget_periods ORDER BY 2")
    fired = await database.fetch("SELECT period_start, count(*) FROM alerts WHERE threshold = 100 GROUP BY 1")
    assert all(at is not None and at.astimezone(zone).date().isoformat() > day for day, at in back)
    whole = sorted(asked)[1:-1]
    assert len(whole) in (days - 1, days)
    assert {admitted[day] for day in whole} == {PER_DAY}
    assert {asked[day] for day in whole} <= {7, 8, 9}
    assert {start: spent for budget, start, spent, _ in rows if budget == daily.id} == {
        day: 1_100 * count for day, count in admitted.items()
    }
    by_month: Counter[str] = Counter()
    for day, count in admitted.items():
        by_month[f"{day[:7]}-01"] += 1_000 * count
    assert {start: spent for budget, start, spent, _ in rows if budget == monthly.id} == by_month
    assert {reserved for *_, reserved in rows} == {0}
    assert {day: count for day, count in fired if day in whole} == dict.fromkeys(whole, 1)
