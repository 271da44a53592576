"""A person goes out of the books, and nobody who looks at sums can tell; a server that left goes too."""

import json
import re
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest

from bot.usage import OptedOutError, PriceList, UsageTracker
from bot.usage.budgeting.tier_grants import Source
from bot.usage.records import UsageRecord
from bot.usage.upkeep.erasure import REMEMBERED
from bot.usage.upkeep.integrity import verify
from bot.usage.upkeep.removals import ERASED_AFTER
from bot.usage.upkeep.retention import forget_by_servers, forget_calls
from tests.usage.making import a_call, a_settlement, columns_of
from tests.usage.upkeep import END, Clock, dump, tracker_at, write_history

BOTH_DATABASES = True
TABLES = (
    "usage_records", "spend_daily", "budget_periods", "alerts", "alert_targets", "audit_log", "user_tiers", "budgets",
    "quota_rules", "opt_outs", "refusals", "guild_settings", "claims", "bot_state",
)  # fmt: skip
FEW = ("guild", "total", "operation", "model", "channel", "agent", "workflow", "payment")


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def tracker(database_url: str, prices: PriceList, clock: Clock) -> AsyncIterator[UsageTracker]:
    async with tracker_at(database_url, prices, clock) as opened:
        yield opened


async def naming(tracker: UsageTracker, who: str) -> dict[str, list[tuple[Any, ...]]]:
    """Every row of every table that has a person's id in it, by table."""
    found = {}
    for table in TABLES:
        names = await columns_of(tracker.database, table)
        rows = await tracker.database.fetch(f"SELECT {', '.join(names)} FROM {table}")
        if named := [row for row in rows if any(re.search(rf"\b{who}\b", str(value)) for value in row)]:
            found[table] = named
    return found


async def totals(tracker: UsageTracker) -> list[tuple[Any, ...]]:
    rows = (await dump(tracker.database, "spend_daily"))["spend_daily"]
    return [row for row in rows if row[1].removeprefix("bot_") in FEW]


async def differences(tracker: UsageTracker, clock: Clock) -> list[Any]:
    return (await verify(tracker.database, tracker.operations, clock.now)).differences


async def book(tracker: UsageTracker, clock: Clock, who: str = "ann", **given: Any) -> None:
    tracker.ledger.record(UsageRecord(a_call(at=clock.now, user_id=who, **given), a_settlement()))
    await tracker.force_flush()


async def a_history(tracker: UsageTracker, clock: Clock) -> None:
    """Ann has done everything that puts a name on the books; the oldest month's single calls are gone."""
    await write_history(tracker, clock)
    await tracker.quotas.grants.grant_person("ann", "premium", Source.OPERATOR, actor="boss")
    await tracker.quotas.grants.grant_person("ann", "premium", Source.ENTITLEMENT)
    await tracker.settings.choose(1, quotas=False, actor="ann")
    await tracker.alert_targets.add(1, "json://example.com", "json://…", actor="ann")
    await tracker.quotas.set_rule(2, "user:ann", "premium", actor="ann")
    await tracker.set_budget(scope="user", scope_id="ann", guild_id=1, period="month", limit_usd=1, actor="ann")
    await tracker.set_budget(scope="each_user", guild_id=1, period="week", limit_tokens=1)
    await tracker.database.execute("UPDATE alerts SET delivered_at = fired_at")
    await forget_calls(tracker.database, END - timedelta(days=32), 0)


async def test_erasing_everywhere_takes_the_person_out_and_no_total_changes(
    tracker: UsageTracker, clock: Clock
) -> None:
    """I34, I8: what is left with the name is a limit, its running counter, a paid tier, and a call in flight."""
    await a_history(tracker, clock)
    before, bob = await totals(tracker), await naming(tracker, "bob")
    calls = await tracker.database.fetch(
        "SELECT count(*) FROM usage_records WHERE user_id = 'ann' AND status <> 'open'"
    )
    clock.now += timedelta(seconds=1)
    assert await tracker.privacy.erase("ann", pause_seconds=0) == calls[0][0] > 20
    left = await naming(tracker, "ann")
    assert sorted(left) == ["budget_periods", "budgets", "quota_rules", "usage_records", "user_tiers"]
    assert {row[3] for row in left["budget_periods"]} == {"2026-04-01", "2026-03-30"}, "running periods"
    assert [row[1] for row in left["user_tiers"]] == ["entitlement"]
    assert len(left["usage_records"]) == 1
    assert (await totals(tracker), await naming(tracker, "bob")) == (before, bob)
    assert await differences(tracker, clock) == []
    lines = await tracker.settings.audit(1)
    assert {line.actor for line in lines} == {"erased", "system"}


async def test_quotas_and_limits_go_on_from_where_they_were(tracker: UsageTracker, clock: Clock) -> None:
    """I34: erasing is no free month, and lifts no limit."""
    await a_history(tracker, clock)
    used = (await tracker.get_quota_summary("ann"))["monthly"]["used"]
    standing = [(s.budget.id, s.key, s.level) for s in await tracker.budgets.standing(1)]
    clock.now += timedelta(seconds=1)
    await tracker.privacy.erase("ann", pause_seconds=0)
    assert (await tracker.get_quota_summary("ann"))["monthly"]["used"] == used
    assert [(s.budget.id, s.key, s.level) for s in await tracker.budgets.standing(1)] == standing
    assert await tracker.quotas.own_usage("ann", clock.now - timedelta(days=99)) == []


async def test_one_server_alone(tracker: UsageTracker, clock: Clock) -> None:
    """I26, I34: the others keep what they have, and every sum is still what its single calls add up to."""
    await a_history(tracker, clock)
    before = await totals(tracker)
    elsewhere = "SELECT count(*) FROM usage_records WHERE user_id = 'ann' AND guild_id <> 1"
    here = "SELECT count(*) FROM usage_records WHERE user_id = 'ann' AND guild_id = 1 AND status <> 'open'"
    kept = await tracker.database.fetch(elsewhere)
    clock.now += timedelta(seconds=1)
    await tracker.privacy.erase("ann", guild_id=1, pause_seconds=0)
    assert (await tracker.database.fetch(elsewhere), await tracker.database.fetch(here)) == (kept, [(0,)])
    assert kept[0][0] > 10
    sums = await tracker.database.fetch("SELECT DISTINCT guild_id FROM spend_daily WHERE key = 'ann' ORDER BY 1")
    assert sums == [(0,), (2,)]
    assert await totals(tracker) == before
    assert await differences(tracker, clock) == []


async def test_what_is_settled_later_loses_its_name_too(tracker: UsageTracker, clock: Clock) -> None:
    """I34: a call in flight, and one that a journal brings; not what is asked anew, today and on the same day."""
    clock.now = END
    in_flight = a_call(at=END, user_id="ann", metadata={"about": "ann"}, execution_id="run of ann")
    late = a_call(at=END - timedelta(days=1), user_id="ann")
    await tracker.ledger.admit(in_flight)
    clock.now += timedelta(seconds=1)
    await tracker.privacy.erase("ann", pause_seconds=0)
    await book(tracker, clock)
    tracker.ledger.settle(in_flight, a_settlement())
    tracker.ledger.record(UsageRecord(late, a_settlement()))
    await tracker.force_flush()
    assert len((await naming(tracker, "ann"))["usage_records"]) == 3
    assert await tracker.privacy.finish_erasures() == 2
    assert len((await naming(tracker, "ann"))["usage_records"]) == 1
    own = await tracker.reports.spend(1, "all", "user")
    assert [(row.key, row.calls) for row in own.rows] == [("ann", 1)]
    assert (own.total.calls, await differences(tracker, clock)) == (3, [])
    clock.now = END + timedelta(days=40)
    await book(tracker, clock)
    clock.now = END + REMEMBERED + timedelta(days=1)
    assert await tracker.privacy.finish_erasures() == 0
    months = [row[3] for row in (await naming(tracker, "ann"))["budget_periods"]]
    assert months == ["2026-05-01"], "April is over, and is what was asked about"
    assert await differences(tracker, clock) == []
    await forget_calls(tracker.database, END + timedelta(days=1), 0)
    assert await tracker.privacy.finish_erasures() == 0
    assert await tracker.database.fetch("SELECT * FROM erasures") == []
    assert await differences(tracker, clock) == []


async def test_a_counter_waits_for_what_is_in_flight(tracker: UsageTracker, clock: Clock) -> None:
    """I14, I34: a call that outlasts its month."""
    clock.now = END
    call = a_call(at=END, user_id="ann")
    await tracker.settings.choose(1, quotas=True)
    await tracker.ledger.admit(call)
    await tracker.privacy.erase("ann", pause_seconds=0)
    clock.now += timedelta(days=31)
    await tracker.privacy.finish_erasures()
    assert (await naming(tracker, "ann"))["budget_periods"][0][3:6] == ("2026-04-01", 0, 1_100)
    tracker.ledger.settle(call, a_settlement())
    await tracker.force_flush()
    await tracker.privacy.finish_erasures()
    assert await differences(tracker, clock) == []
    clock.now += timedelta(microseconds=1)
    await tracker.privacy.erase("ann", pause_seconds=0)
    assert await naming(tracker, "ann") == {}


async def test_export_has_everything_but_money(tracker: UsageTracker, clock: Clock) -> None:
    """I26, I33."""
    await a_history(tracker, clock)
    told = await tracker.privacy.export("ann")
    assert "ann" in json.dumps(told)
    stored = await tracker.privacy.stored("ann")
    assert len(told["calls"]) == stored.calls - 1 == told["calls_on_the_books"] - 1, "one is in flight"
    assert all("usd" not in name for call in told["calls"] for name in call)
    assert {day["guild_id"] for day in told["days"]} == {"0", "1", "2"}
    assert min(day["day"] for day in told["days"]) < "2026-02-10", "also of days whose single calls are gone"
    calls = await tracker.database.fetch("SELECT sum(calls) FROM spend_daily WHERE dimension = 'user' AND key = 'ann'")
    assert sum(day["calls"] for day in told["days"]) == calls[0][0]
    assert told["tiers"] == [
        {"tier": "premium", "source": "entitlement", "granted_at": END.isoformat(), "until": None},
        {"tier": "premium", "source": "operator", "granted_at": END.isoformat(), "until": None},
    ]
    assert told["quota_rules_for_you"] == [{"guild_id": "2", "tier": "premium"}]
    changes = [line["action"] for line in told["changes_by_you"]]
    assert changes == ["alert address added", "budget set", "settings", "quota rule"]
    assert (stored.servers, stored.limits, stored.changes, stored.addresses) == (3, 3, 4, 1)
    assert (await tracker.privacy.export("nobody"))["calls"] == []


async def test_opting_out_stops_every_call_in_every_process(
    tracker: UsageTracker, clock: Clock, prices: PriceList, database_url: str
) -> None:
    """I34: nothing leaves for somebody who wants no AI; others go on."""
    await tracker.privacy.opt_out("ann")
    assert (tracker.privacy.has_opted_out("ann"), tracker.privacy.has_opted_out("bob")) == (True, False)
    with pytest.raises(OptedOutError):
        await tracker.ledger.admit(a_call(user_id="ann"))
    await tracker.ledger.admit(a_call(user_id="bob"))
    assert (await tracker.privacy.stored("ann")).opted_out_at == clock.now
    if tracker.database.shared:
        async with tracker_at(database_url, prices, clock) as sibling:
            assert sibling.privacy.has_opted_out("ann")
            await tracker.privacy.opt_in("ann")
            await sibling.ledger.admit(a_call(user_id="ann"))
    await tracker.privacy.opt_in("ann")
    await tracker.ledger.admit(a_call(user_id="ann"))
    assert await tracker.database.fetch("SELECT cause, calls FROM refusals") == [("opted out", 1)]


async def test_a_server_keeps_its_calls_for_a_shorter_time(tracker: UsageTracker, clock: Clock) -> None:
    """I25: its single calls go, nobody else's, and every total stays."""
    await write_history(tracker, clock)
    before = await dump(tracker.database, "spend_daily", "budget_periods")
    await tracker.settings.choose(1, retention_days=7)
    await tracker.settings.choose(2, retention_days=365)
    assert await forget_by_servers(tracker.database, END, 90, 0) > 80
    oldest = (
        "SELECT guild_id, min(started_at) FROM usage_records WHERE doubtful_tokens = 0 GROUP BY guild_id ORDER BY 1"
    )
    kept = dict(await tracker.database.fetch(oldest))
    week_ago = int((END - timedelta(days=7)).timestamp() * 1_000_000)
    assert kept[1] >= week_ago > kept[2]
    assert kept[0] < week_ago
    assert await dump(tracker.database, "spend_daily", "budget_periods") == before
    found = await verify(tracker.database, tracker.operations, END)
    assert (found.differences, found.kept_since) == ([], None)
    await tracker.database.execute("UPDATE spend_daily SET calls = calls + 1 WHERE dimension = 'total'")
    wrong = await differences(tracker, clock)
    days = {guild: min(d.key[2] for d in wrong if d.key[0] == guild) for guild in (1, 2)}
    assert days[1] > (END - timedelta(days=8)).date().isoformat() > days[2], "those that can be counted are"


async def test_a_server_that_left_is_erased_after_thirty_days_unless_it_comes_back(
    tracker: UsageTracker, clock: Clock
) -> None:
    """I25: its totals stay with the operator, and what is left still adds up."""
    await a_history(tracker, clock)
    await tracker.set_budget(scope="guild", guild_id=1, period="month", limit_usd=5, owner="operator")
    operators = [row for row in await totals(tracker) if row[0] == 0]
    spent = (await tracker.reports.spend(1, "all", "operation")).total
    await tracker.removals.notice(here=[2], is_ours=lambda guild_id: guild_id != 3)
    await tracker.removals.note(1)
    clock.now += ERASED_AFTER - timedelta(seconds=1)
    assert await tracker.removals.due() == []
    clock.now += timedelta(seconds=1)
    assert await tracker.removals.due() == [1]
    await tracker.removals.erase(1, 0)
    assert await tracker.removals.due() == []
    assert await tracker.database.fetch("SELECT id FROM usage_records WHERE guild_id = 1 AND status <> 'open'") == []
    assert [row for row in await totals(tracker) if row[0] == 0] == operators
    assert (await tracker.reports.spend(1, "all", "operation")).total == spent
    dimensions = "SELECT DISTINCT dimension FROM spend_daily WHERE guild_id = 1 ORDER BY 1"
    assert await tracker.database.fetch(dimensions) == [("model",), ("operation",), ("payment",), ("total",)]
    assert [(b.owner.value, b.limit) for b in await tracker.budgets.of(1)] == [("operator", 5 * 10**9)]
    for table in ("guild_settings", "guild_time_zones", "alert_targets", "audit_log", "quota_rules", "alerts"):
        assert await tracker.database.fetch(f"SELECT * FROM {table} WHERE guild_id = 1") == []
    assert await differences(tracker, clock) == []
    await tracker.removals.notice(here=[], is_ours=lambda _: True)
    await tracker.removals.notice(here=[2], is_ours=lambda _: True)
    clock.now += ERASED_AFTER
    assert await tracker.removals.due() == [], "2 came back, 1 is erased already"


async def test_a_server_that_is_back_while_it_is_erased_keeps_what_it_chooses(
    tracker: UsageTracker, clock: Clock
) -> None:
    """I25: erasing takes minutes, of a large one. Its budget isn't one from before."""
    await tracker.removals.note(1)
    clock.now += ERASED_AFTER
    assert await tracker.removals.due() == [1]
    await tracker.removals.is_back(1)
    await tracker.set_budget(scope="guild", guild_id=1, period="month", limit_usd=5)
    await tracker.removals.erase(1, 0)
    assert [budget.limit for budget in await tracker.budgets.of(1)] == [5 * 10**9]
    assert await tracker.removals.due() == []
