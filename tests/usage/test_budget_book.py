"""Setting budgets: what is refused, what stands where, who changed what, and what a change announces."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from bot.usage.bookkeeping.ledger import Ledger
from bot.usage.budgeting.budget_book import BudgetBook, Standing
from bot.usage.budgeting.budgets import Budget, Level, Mode, Owner, Scope, Unit, Unknown
from bot.usage.budgeting.calendars import Period
from bot.usage.budgeting.server_settings import ServerSettings, SettingsBook
from bot.usage.errors import BudgetExceededError, InvalidBudgetError
from bot.usage.records import Kind, UsageRecord
from bot.usage.storage.database import Database
from tests.usage.making import NOW, a_call, a_settlement

BOTH_DATABASES = True

MARCH, APRIL = datetime(2026, 3, 1, tzinfo=UTC), datetime(2026, 4, 1, tzinfo=UTC)


class House:
    """Books with a ledger, a clock that can be set, and what changes budgets and settings."""

    def __init__(self, database: Any) -> None:
        self.now = NOW
        self.database = database
        self.ledger = Ledger(database, lambda: self.now, lambda records: None)
        self.budgets = BudgetBook(database, self.ledger.rules, lambda: self.now, self.ledger.rules_changed)
        self.settings = SettingsBook(database, lambda: self.now, self.ledger.rules_changed)

    async def spend(self, cost: int | None, **who: Any) -> None:
        settled = {"tokens": who.pop("tokens", (10, 20)), "doubtful_nano_usd": who.pop("doubtful", 0)}
        self.ledger.record(UsageRecord(a_call(at=self.now, **who), a_settlement(cost, **settled)))
        await self.ledger.flush()

    async def alerts(self) -> list[tuple[int, int, int, str | None]]:
        sql = "SELECT threshold, used, limit_amount, delivered_how FROM alerts ORDER BY fired_at, threshold"
        return await self.database.fetch(sql)


@pytest.fixture
async def house(database: Database):
    made = House(database)
    await made.ledger.start()
    yield made
    await made.ledger.close()


async def test_a_budget_is_stored_as_it_was_set(house: House) -> None:
    stored = await house.budgets.set(
        scope="channel", scope_id=7, guild_id=1, period="week", limit_usd="0.05", mode="cheaper", owner="server",
        thresholds=(100, 50, 50), cheaper_at=60, unknown="admit", actor="dana",
    )  # fmt: skip
    assert stored == Budget(
        id=stored.id, guild_id=1, scope=Scope.CHANNEL, scope_id="7", period=Period.WEEK, unit=Unit.USD,
        limit=50_000_000, mode=Mode.CHEAPER, owner=Owner.SERVER, thresholds=(50, 100), cheaper_at=60,
        unknown=Unknown.ADMIT, set_at=NOW,
    )  # fmt: skip
    assert await house.budgets.of(1) == [stored]
    assert list(house.ledger.rules.of(1).budgets) == [stored]
    [line] = await house.settings.audit(1)
    assert (line.at, line.actor, line.action) == (NOW, "dana", "budget set")
    assert line.facts == {
        "scope": "channel", "scope_id": "7", "period": "week", "unit": "usd", "limit": 50_000_000,
        "mode": "cheaper", "owner": "server",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({}, "limit"),
        ({"limit_usd": "5", "limit_tokens": 5}, "limit"),
        ({"limit_usd": "-1"}, "limit_usd"),
        ({"limit_usd": "lots"}, "limit_usd"),
        ({"limit_usd": "NaN"}, "limit_usd"),
        ({"limit_usd": float("inf")}, "limit_usd"),
        ({"limit_usd": "1000001"}, "limit_usd"),
        ({"limit_tokens": -1}, "limit_tokens"),
        ({"limit_tokens": True}, "limit_tokens"),
        ({"limit_tokens": 10**16}, "limit_tokens"),
        ({"limit_usd": "5", "scope": "guild", "scope_id": 2}, "scope_id"),
        ({"limit_usd": "5", "scope": "channel"}, "scope_id"),
        ({"limit_usd": "5", "scope": "role", "scope_id": "admins"}, "scope_id"),
        ({"limit_usd": "5", "scope": "bot"}, "scope"),
        ({"limit_usd": "5", "scope": "planet"}, "scope"),
        ({"limit_usd": "5", "period": "year"}, "period"),
        ({"limit_usd": "5", "mode": "gentle"}, "mode"),
        ({"limit_usd": "5", "owner": "me"}, "owner"),
        ({"limit_usd": "5", "unknown": "maybe"}, "unknown"),
        ({"limit_usd": "5", "thresholds": (0,)}, "thresholds"),
        ({"limit_usd": "5", "thresholds": ("80",)}, "thresholds"),
        ({"limit_usd": "5", "thresholds": [True]}, "thresholds"),
        ({"limit_usd": "5", "thresholds": "80"}, "thresholds"),
        ({"limit_usd": "5", "thresholds": 80}, "thresholds"),
        ({"limit_usd": "5", "thresholds": None}, "thresholds"),
        ({"limit_usd": "5", "thresholds": range(1, 12)}, "thresholds"),
        ({"limit_usd": "5", "cheaper_at": 100}, "cheaper_at"),
        ({"limit_usd": "5", "cheaper_at": 79.5}, "cheaper_at"),
        ({"limit_usd": "0.0000000001"}, "limit_usd"),
        ({"limit_usd": "1_000"}, "limit_usd"),
        ({"limit_usd": "5", "guild_id": -1}, "guild_id"),
        ({"limit_usd": "5", "guild_id": 2**63}, "guild_id"),
        ({"limit_usd": "5", "guild_id": None}, "guild_id"),
        ({"limit_usd": "5", "guild_id": 1.0}, "guild_id"),
        ({"limit_usd": "5", "guild_id": 0}, "scope_id"),
        ({"limit_usd": "5", "guild_id": 0, "scope_id": "the main one"}, "scope_id"),
        ({"limit_usd": "5", "scope": "role", "scope_id": "١٢"}, "scope_id"),
        ({"limit_usd": "5", "scope": "role", "scope_id": "9" * 20}, "scope_id"),
        ({"limit_usd": "5", "scope": "each_user", "scope_id": "ann"}, "scope_id"),
    ],
)
async def test_what_makes_no_sense_is_refused_and_changes_nothing(house: House, given: Any, field: str) -> None:
    with pytest.raises(InvalidBudgetError) as raised:
        await house.budgets.set(**{"scope": "guild", "guild_id": 1, **given})
    assert raised.value.field == field
    assert await house.budgets.of(1) == []
    assert await house.settings.audit(1) == []


@pytest.mark.parametrize("usd", ["0.05", Decimal("0.05"), 0.05])
async def test_a_limit_in_any_type_is_exact(house: House, usd: Any) -> None:
    """I8: also 0.05 as a float."""
    assert (await house.budgets.set(scope="guild", guild_id=1, limit_usd=usd)).limit == 50_000_000


async def test_names_and_thresholds_in_any_form(house: House) -> None:
    """Positionally, from an iterator, a number written with zeros, and a name that no database would take."""
    by_role = await house.budgets.set("role", "007", guild_id=1, limit_usd="5", thresholds=iter([90, 50]))
    assert (by_role.scope_id, by_role.thresholds) == ("7", (50, 90))
    assert (await house.budgets.set("guild", 7, limit_usd="5")).scope_id == "7"
    assert (await house.budgets.set("agent", "a\0b", limit_usd="5", thresholds=())).scope_id == "a?b"


async def test_how_a_budget_stands(house: House) -> None:
    """Spent, left, when the period ends, and when it is used up at the pace so far: half of it in 30.5 of 31 days."""
    budget = await house.budgets.set(scope="guild", guild_id=1, limit_usd="0.001")
    await house.spend(990_000)
    assert await house.budgets.standing(1) == [
        Standing(budget, "", Level(990_000, fired=90), APRIL, NOW + timedelta(days=30.5) / 99)
    ]
    house.now = APRIL + timedelta(days=1)
    await house.spend(100_000)
    [standing] = await house.budgets.standing(1)
    assert (standing.level, standing.left) == (Level(100_000), 900_000)
    assert standing.runs_out_at == house.now + timedelta(days=9)
    await house.spend(900_000)
    [standing] = await house.budgets.standing(1)
    assert (standing.left, standing.runs_out_at) == (0, house.now)


async def test_a_pace_that_lasts_has_no_end(house: House) -> None:
    await house.budgets.set(scope="guild", guild_id=1, limit_usd="5")
    assert [s.runs_out_at for s in await house.budgets.standing(1)] == [None]
    await house.spend(990_000)
    assert [s.runs_out_at for s in await house.budgets.standing(1)] == [None]
    assert await house.budgets.standing(2) == []


async def test_the_pace_of_all_time(house: House) -> None:
    """A budget in total counts what was spent before it was set, so its pace is from the first day on the books."""
    house.now = NOW - timedelta(days=10)
    await house.spend(500_000)
    house.now = NOW
    await house.budgets.set(scope="guild", guild_id=1, period="total", limit_usd="0.001")
    await house.budgets.set(scope="bot", period="total", limit_usd="0.001")
    await house.budgets.set(scope="guild", guild_id=2, period="total", limit_usd="0.001")
    house.now += timedelta(hours=1)
    for guild_id in (0, 1):
        [standing] = await house.budgets.standing(guild_id)
        assert standing.runs_out_at == house.now + timedelta(days=10, hours=13)
    await house.spend(500_000, guild_id=2)
    [standing] = await house.budgets.standing(2)
    assert standing.runs_out_at == house.now + timedelta(hours=13)


async def test_each_member_stands_alone(house: House) -> None:
    await house.spend(700, user_id="ann")
    budget = await house.budgets.set(scope="each_user", guild_id=1, period="day", limit_tokens=100, mode="soft")
    await house.spend(300, user_id="bob", tokens=(40, 20))
    await house.spend(300, tokens=(40, 20))
    assert [(s.budget, s.key, s.level) for s in await house.budgets.standing(1)] == [
        (budget, "bob", Level(60)),
        (budget, "ann", Level(30)),
    ]


@pytest.mark.parametrize(
    ("given", "spent"),
    [
        ({"scope": "guild", "guild_id": 1}, 10 + 200 + 3_000),
        ({"scope": "guild", "guild_id": 0, "scope_id": 2}, 40_000),
        ({"scope": "bot", "guild_id": 0}, 10 + 200 + 3_000 + 40_000 + 500_000),
        ({"scope": "direct_messages", "guild_id": 0}, 500_000),
        ({"scope": "user", "guild_id": 0, "scope_id": "ann"}, 10 + 40_000 + 500_000),
        ({"scope": "user", "guild_id": 1, "scope_id": "ann"}, 10),
        ({"scope": "channel", "guild_id": 1, "scope_id": 7}, 10 + 3_000),
        ({"scope": "operation", "guild_id": 1, "scope_id": "help"}, 200),
        ({"scope": "agent", "guild_id": 1, "scope_id": "writer"}, 200),
        ({"scope": "workflow", "guild_id": 1, "scope_id": "w"}, 3_000),
        ({"scope": "role", "guild_id": 1, "scope_id": 5}, 0),
    ],
    ids=lambda value: value["scope"] if isinstance(value, dict) else "",
)
async def test_a_new_budget_counts_what_its_period_has_spent(house: House, given: Any, spent: int) -> None:
    """I8: by every scope, from the books; last month and payments don't count; what is doubtful does."""
    house.now = MARCH - timedelta(hours=1)
    await house.spend(9_999_999, user_id="ann", channel_id=7)
    house.now = NOW
    await house.spend(10, user_id="ann", channel_id=7, role_ids=(5,))
    await house.spend(200, user_id="bob", operation="help", agent_name="writer", doubtful=7)
    await house.spend(3_000, channel_id=7, workflow_id="w")
    await house.spend(40_000, guild_id=2, user_id="ann")
    await house.spend(500_000, guild_id=0, user_id="ann")
    await house.spend(8_888_888, kind=Kind.PAYMENT, user_id="ann", channel_id=7)
    await house.budgets.set(period="month", limit_usd="5", **given)
    [standing] = await house.budgets.standing(given["guild_id"])
    doubtful = 7 if given["scope"] in ("bot", "operation", "agent") or given == {"scope": "guild", "guild_id": 1} else 0
    assert (standing.level.spent, standing.level.doubtful) == (spent, doubtful)


async def test_lowering_a_limit_fires_and_raising_it_re_arms(house: House) -> None:
    """I20: what is now passed is announced once, by its highest; what is now ahead can be passed again."""
    budget = await house.budgets.set(scope="guild", guild_id=1, limit_usd="0.001")
    await house.spend(850_000)
    assert await house.alerts() == [(80, 850_000, 1_000_000, None)]
    house.now += timedelta(minutes=1)
    lowered = await house.budgets.set(scope="guild", guild_id=1, limit_usd="0.0008")
    assert lowered == replace(budget, limit=800_000)
    assert (await house.alerts())[1:] == [(90, 850_000, 800_000, "passed"), (100, 850_000, 800_000, None)]
    house.now += timedelta(minutes=1)
    await house.budgets.set(scope="guild", guild_id=1, limit_usd="0.001")
    await house.spend(10_000)
    assert len(await house.alerts()) == 3  # 80 is still passed, and was announced
    house.now += timedelta(minutes=1)
    await house.spend(60_000)
    assert (await house.alerts())[3:] == [(90, 920_000, 1_000_000, None)]
    await house.budgets.set(scope="guild", guild_id=1, limit_usd="1")
    assert len(await house.alerts()) == 4


async def test_saving_a_limit_again_announces_nothing_again(house: House) -> None:
    """I19: what a refusal announced stays announced, whatever is saved but a higher limit."""
    await house.budgets.set(scope="guild", guild_id=1, limit_usd="0.00001")
    await house.spend(5_000)
    with pytest.raises(BudgetExceededError):
        await house.ledger.admit(a_call(at=house.now, reserved=9_000))
    assert [threshold for threshold, *_ in await house.alerts()] == [80, 90, 100]
    for usd, thresholds in (("0.00001", (80, 90, 100)), ("0.000006", (80, 90, 100)), ("0.000006", (50, 90))):
        await house.budgets.set(scope="guild", guild_id=1, limit_usd=usd, thresholds=thresholds)
        await house.spend(100)
    assert len(await house.alerts()) == 3


async def test_a_budget_counts_no_period_before_its_own(house: House) -> None:
    """I17: a call that started yesterday and ends today isn't the business of a budget set today."""
    await house.ledger.admit(call := a_call(at=NOW - timedelta(days=1)))
    await house.budgets.set(scope="guild", guild_id=1, period="day", limit_usd="5")
    await house.budgets.set(scope="guild", guild_id=1, period="week", limit_usd="5")
    house.ledger.settle(call, a_settlement(7_000))
    await house.ledger.flush()
    rows = await house.database.fetch("SELECT period_start, spent FROM budget_periods WHERE spent > 0")
    assert rows == [("2026-03-30", 7_000)]  # the week, not Monday alone


async def test_a_clock_that_steps_back_rewrites_no_history(house: House) -> None:
    """I17: of two changes of zone the later is the later, whatever the clock says."""
    await house.settings.set_time_zone(1, "Asia/Tokyo")
    house.now -= timedelta(days=3)
    await house.settings.set_time_zone(1, "Europe/Madrid")
    calendar = house.ledger.rules.calendar(1)
    assert calendar.start(Period.DAY, NOW - timedelta(hours=13)) == "2026-03-30"
    assert str(calendar.zone(Period.DAY, NOW + timedelta(days=3))) == "Europe/Madrid"


async def test_only_its_own_server_can_remove_a_budget(house: House) -> None:
    """I26: an id from elsewhere does nothing."""
    budget = await house.budgets.set(scope="guild", guild_id=1, limit_usd="5")
    assert not await house.budgets.remove(budget.id, guild_id=2)
    assert not await house.budgets.remove("unheard of", guild_id=1)
    assert await house.budgets.of(1) == [budget]
    with pytest.raises(InvalidBudgetError, match="owner: must be one of server, operator, not 'me'"):
        await house.budgets.remove(budget.id, guild_id=1, owner="me")
    assert await house.budgets.remove(budget.id, guild_id=1, actor=42)
    assert await house.budgets.of(1) == []
    assert [(line.actor, line.action) for line in await house.settings.audit(1)] == [
        ("42", "budget removed"),
        ("system", "budget set"),
    ]


async def test_settings_are_what_was_chosen(house: House) -> None:
    assert await house.settings.of(1) == ServerSettings(1)
    await house.settings.choose(1, quotas=True, alert_channel_id=7, alert_owner=True, usage_role_id=5, actor="dana")
    await house.settings.choose(1, report_every="week", report_channel_id=8)
    await house.database.execute("UPDATE guild_settings SET reported_until = '2026-03-29' WHERE guild_id = 1")
    until = NOW + timedelta(hours=1)
    await house.settings.pause(1, until, actor="dana")
    assert await house.settings.of(1) == ServerSettings(
        1, paused=True, paused_until=until, quotas=True, alert_channel_id=7, alert_owner=True, usage_role_id=5,
        report_every="week", report_channel_id=8, reported_until="2026-03-29",
    )  # fmt: skip
    await house.settings.choose(1, report_every="day")
    assert (await house.settings.of(1)).reported_until is None
    house.now += timedelta(hours=2)
    assert not (await house.settings.of(1)).paused
    await house.settings.pause(1, actor="dana")
    settings = await house.settings.of(1)
    assert (settings.paused, settings.paused_until) == (True, None)
    with pytest.raises(TypeError, match="tier"):
        await house.settings.choose(1, tier="premium")


async def test_a_time_zone_takes_effect_with_the_next_day(house: House) -> None:
    """I17: and is refused where there is none of that name."""
    with pytest.raises(KeyError):
        await house.settings.set_time_zone(1, "Mars/Olympus")
    await house.settings.set_time_zone(1, "Asia/Tokyo", actor="dana")
    calendar = house.ledger.rules.calendar(1)
    assert str(house.ledger.zone(1)) == (await house.settings.of(1)).time_zone == "Asia/Tokyo"
    assert calendar.start(Period.DAY, NOW + timedelta(hours=11)) == "2026-03-31"
    assert calendar.start(Period.DAY, NOW + timedelta(hours=12)) == "2026-04-01"
    assert calendar.end(Period.DAY, NOW + timedelta(hours=12)) == datetime(2026, 4, 1, 15, tzinfo=UTC)
