"""Budgets in foul weather: a database that is away, slow or forgetful, dying processes, and others changing rules."""

import asyncio
import random
import re
from typing import Any

import pytest

from bot.usage.bookkeeping import entries, leaving, waiting_room
from bot.usage.bookkeeping import writer as writer_module
from bot.usage.bookkeeping.batch import Intent
from bot.usage.bookkeeping.ledger import Ledger
from bot.usage.budgeting.budget_book import BudgetBook
from bot.usage.budgeting.budgets import Level
from bot.usage.budgeting.counters import Held
from bot.usage.budgeting.quotas import Tier, Tiers
from bot.usage.budgeting.rules import Rules
from bot.usage.budgeting.server_settings import SettingsBook
from bot.usage.errors import AiPausedError, BudgetExceededError, DatabaseUnavailableError, QuotaExceededError, Why
from bot.usage.records import Kind, OpenCall, UsageRecord
from bot.usage.storage.database import Database, open_database
from tests.usage.making import NOW, FaultyDatabase, a_call, a_settlement, bury, ledger_on, recount, the_books

BOTH_DATABASES = True

AWAY = DatabaseUnavailableError("test.db", "database is locked")


@pytest.fixture
def database(database: Database, monkeypatch: pytest.MonkeyPatch) -> FaultyDatabase:
    monkeypatch.setattr(writer_module, "RETRY_SECONDS", (0.01, 0.02))
    return FaultyDatabase(database)


@pytest.fixture
def real(database: FaultyDatabase) -> Database:
    return database._database


async def nothing() -> None:
    """Nobody is told that a rule has changed: the ledger has to notice."""


async def limit(database: Any, usd: str, **more: Any):
    return await BudgetBook(database, Rules(), lambda: NOW, nothing).set(
        **{"scope": "guild", "guild_id": 1, "period": "month", "limit_usd": usd, **more}
    )


async def levels(database: Any) -> dict[tuple[str, str], Level]:
    rows = await database.fetch(
        "SELECT budget_id, key, spent, reserved, doubtful, fired FROM budget_periods WHERE budget_id <> 'quota'"
    )
    return {(budget, key): Level(*amounts) for budget, key, *amounts in rows}


async def try_to_admit(ledger: Ledger, call: OpenCall) -> Why | None:
    try:
        await ledger.admit(call)
    except BudgetExceededError as error:
        return error.why
    return None


@pytest.mark.parametrize("committed", [False, True])
async def test_a_decision_whose_reply_is_lost_is_still_the_decision(database, committed: bool, monkeypatch) -> None:
    """I13, I22: 20 calls, room for 3: whatever becomes of the reply, 3 leave and 17 are refused, once and for all."""
    monkeypatch.setattr(leaving, "ROOM_PATIENCE_SECONDS", 0.0)
    async with ledger_on(database) as ledger:
        budget = await limit(database, "0.000029")  # three times 9,000 nano-USD, and a little
        await ledger.rules_changed()
        database.faults.extend([(AWAY,) if committed else AWAY, None])
        calls = [a_call() for _ in range(20)]
        found = await asyncio.gather(*(try_to_admit(ledger, call) for call in calls))
        assert sorted(map(str, found)) == ["None"] * 3 + ["busy"] * 17
        assert await levels(database) == {(budget.id, ""): Level(reserved=27_000)}
        for call, why in zip(calls, found, strict=True):
            if why is None:
                ledger.settle(call, a_settlement(9_000))
        await ledger.flush()
        assert await levels(database) == {(budget.id, ""): Level(spent=27_000, fired=90)}
        assert await try_to_admit(ledger, a_call()) is Why.USED_UP
        assert await levels(database) == {(budget.id, ""): Level(spent=27_000, fired=100)}
    assert await database.fetch("SELECT threshold, delivered_how FROM alerts ORDER BY threshold") == [
        (80, "passed"), (90, None), (100, None),
    ]  # fmt: skip
    refusals = await database.fetch("SELECT cause, calls FROM refusals ORDER BY cause")
    assert refusals == [("budget busy", 17), ("budget used_up", 1)]


@pytest.mark.parametrize("seed", range(12))
async def test_any_weather_leaves_nothing_reserved(database, seed: int, monkeypatch) -> None:
    """I8, I13, I14, I23: whatever fails in whatever order, counters equal a recount and nothing is held afterwards."""
    monkeypatch.setattr(leaving, "ROOM_PATIENCE_SECONDS", 0.02)
    monkeypatch.setattr(waiting_room, "LOOK_AGAIN_SECONDS", 0.01)
    dice = random.Random(seed)
    hard = await limit(database, "0.0004")
    soft = await limit(database, "0.0001", scope="each_user", guild_id=0, period="total", mode="soft")
    async with ledger_on(database) as ledger:

        async def one() -> None:
            call = a_call(
                guild_id=dice.choice([0, 1, 2]), user_id=dice.choice([None, "u", "v"]),
                kind=dice.choice([Kind.LLM] * 9 + [Kind.PAYMENT]), reserved=dice.randrange(1, 9_000),
            )  # fmt: skip
            try:
                await ledger.admit(call)
            except BudgetExceededError:
                return
            try:
                await asyncio.sleep(dice.choice([0, 0.001]))
            finally:
                worst = call.reserved.cost_nano_usd or 0
                cost = dice.randrange(worst + 1)
                ledger.settle(call, a_settlement(cost, doubtful_nano_usd=dice.choice([0, worst - cost])))

        async def caller() -> None:
            for _ in range(dice.randrange(1, 12)):
                making = asyncio.create_task(one())
                if dice.random() < 0.2:
                    await asyncio.sleep(dice.random() * 0.005)
                    making.cancel()
                await asyncio.wait({making})

        async def weather() -> None:
            while True:
                await asyncio.sleep(dice.random() * 0.01)
                database.faults.append(dice.choice([AWAY, (AWAY,), MemoryError(), (RuntimeError("?"),)]))
                database.gone = dice.random() < 0.2

        storm = asyncio.create_task(weather())
        await asyncio.gather(*(caller() for _ in range(20)))
        storm.cancel()
        database.gone = False
        await ledger.flush()
        await ledger.flush()  # what was told no while it was being written is settled after that
        assert not ledger._writer.held
        assert not ledger._leaving.crowded
    found = await levels(database)
    sums = "CAST(COALESCE(sum(cost_nano_usd), 0) AS BIGINT), CAST(COALESCE(sum(doubtful_nano_usd), 0) AS BIGINT)"
    where = "FROM usage_records WHERE kind <> 'payment'"
    [(spent, doubtful)] = await database.fetch(f"SELECT {sums} {where} AND guild_id = 1")
    level = found.get((hard.id, ""), Level())
    assert (level.spent, level.doubtful, level.reserved) == (spent, doubtful, 0)
    assert level.used <= 400_000
    by_user = await database.fetch(f"SELECT user_id, {sums} {where} AND user_id IS NOT NULL GROUP BY 1")
    expected = {(soft.id, user): (spent, doubtful, 0) for user, spent, doubtful in by_user}
    assert {k: (v.spent, v.doubtful, v.reserved) for k, v in found.items() if k[0] == soft.id} == expected
    assert await database.fetch("SELECT id FROM usage_records WHERE status = 'open'") == []
    assert await the_books(database) == await recount(database)
    fired = await database.fetch("SELECT budget_id, key, threshold, count(*) FROM alerts GROUP BY 1, 2, 3")
    assert {times for *_, times in fired} <= {1}


async def test_a_hard_budget_fails_closed(database, monkeypatch: pytest.MonkeyPatch, caplog) -> None:
    """I23: with the books out of reach nothing leaves under it, within the bound; elsewhere calls go ahead."""
    await limit(database, "5")
    monkeypatch.setattr(entries, "ADMIT_PATIENCE_SECONDS", 0.3)
    async with ledger_on(database) as ledger:
        database.gone = True
        async with asyncio.timeout(2):
            found = await asyncio.gather(*(try_to_admit(ledger, a_call(guild_id=n % 2)) for n in range(10)))
            assert found == [None, Why.OUT_OF_REACH] * 5
            assert await try_to_admit(ledger, a_call()) is Why.OUT_OF_REACH
        assert ledger.unrecorded == 5
        database.gone = False
        await ledger.flush()
        assert await try_to_admit(ledger, a_call()) is None
    [(status, number)] = await database.fetch(
        "SELECT status, count(*) FROM usage_records WHERE guild_id = 0 GROUP BY 1"
    )
    assert (status, number) == ("open", 5)
    assert await database.fetch("SELECT count(*) FROM usage_records WHERE guild_id = 1") == [(1,)]
    assert await database.fetch("SELECT guild_id, cause, calls FROM refusals") == [(1, "budget out_of_reach", 6)]
    assert "calls go ahead, but not under a budget that stops, and are written later" in caplog.text


async def test_or_open_where_the_operator_chose(database, caplog) -> None:
    """I23: then the call leaves, is counted as unrecorded, and is charged when the books are back."""
    budget = await limit(database, "0.000001")
    ledger = Ledger(database, lambda: NOW, lambda records: None, fail_open=True)
    await ledger.start()
    database.gone = True
    call = a_call()
    assert await ledger.admit(call) == call
    ledger.settle(call, a_settlement(5_000))
    assert (ledger.unrecorded, ledger.faults) == (1, 1), "it doesn't wait for a second try"
    database.gone = False
    await ledger.flush()
    assert await levels(database) == {(budget.id, ""): Level(spent=5_000, fired=100)}
    await ledger.close()
    assert "calls go ahead and are written later" in caplog.text


async def test_told_no_while_it_was_being_written(database, real, monkeypatch: pytest.MonkeyPatch) -> None:
    """I14: the books were too slow, the caller was refused, and then it was written after all: nothing stays held."""
    decide = real.decide

    async def slow_to_reply(script: Any) -> Any:
        result = await decide(script)
        await asyncio.sleep(0.2)
        return result

    monkeypatch.setattr(entries, "ADMIT_PATIENCE_SECONDS", 0.05)
    budget = await limit(database, "5")
    async with ledger_on(database) as ledger:
        monkeypatch.setattr(real, "decide", slow_to_reply)
        assert await try_to_admit(ledger, a_call()) is Why.OUT_OF_REACH
        await asyncio.sleep(0.2)
        await ledger.flush()
        await ledger.flush()  # told no, then found written, then settled
        assert await levels(database) == {(budget.id, ""): Level()}
    assert await database.fetch("SELECT status, cost_nano_usd FROM usage_records") == [("aborted", 0)]
    assert await the_books(database) == await recount(database)


async def test_let_go_while_it_was_being_refused(database, real, monkeypatch: pytest.MonkeyPatch) -> None:
    """I2, I8: the books were too slow to say that a quota is used up: the call has left, so it is booked after all."""
    monkeypatch.setattr(entries, "ADMIT_PATIENCE_SECONDS", 0.05)
    decide = real.decide

    async def slow_to_reply(script: Any) -> Any:
        result = await decide(script)
        await asyncio.sleep(0.2)
        return result

    ledger = Ledger(database, lambda: NOW, lambda records: None, rules=Rules(Tiers([Tier("free", 10)])))
    await ledger.start()
    await SettingsBook(database, lambda: NOW, ledger.rules_changed).choose(1, quotas=True)
    ledger.record(UsageRecord(a_call(user_id="ann"), a_settlement()))
    await ledger.flush()
    with pytest.raises(QuotaExceededError):
        await ledger.admit(a_call(user_id="ann"))
    monkeypatch.setattr(real, "decide", slow_to_reply)
    await ledger.admit(call := a_call(user_id="ann"))
    ledger.settle(call, a_settlement())
    await asyncio.sleep(0.2)
    await ledger.flush()
    await ledger.close()
    assert await database.fetch("SELECT status, count(*) FROM usage_records GROUP BY 1") == [("ok", 2)]
    assert await the_books(database) == await recount(database)


async def test_a_pause_holds_while_the_books_are_away(database) -> None:
    """I23: the last known rules hold."""
    async with ledger_on(database) as ledger:
        await SettingsBook(database, lambda: NOW, ledger.rules_changed).pause(1, actor="dana")
        database.gone = True
        with pytest.raises(AiPausedError):
            await asyncio.gather(*(ledger.admit(a_call(guild_id=guild)) for guild in (2, 1)))
        database.gone = False
        await ledger.flush()


async def test_cancelled_while_it_was_being_refused(database, real, monkeypatch: pytest.MonkeyPatch) -> None:
    """I8: its caller was told nothing and gave up: what was refused isn't booked all the same."""
    await limit(database, "0")
    decide, decided = real.decide, asyncio.Event()

    async def slow_to_reply(script: Any) -> Any:
        result = await decide(script)
        decided.set()
        await asyncio.sleep(0.1)
        return result

    async with ledger_on(database) as ledger:
        monkeypatch.setattr(real, "decide", slow_to_reply)
        asking = asyncio.create_task(ledger.admit(a_call()))
        await decided.wait()
        asking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asking
        await asyncio.sleep(0.1)
        await ledger.flush()
    assert await database.fetch("SELECT id FROM usage_records") == []
    assert await the_books(database) == {}


async def test_closing_answers_those_who_wait_for_room(database, monkeypatch: pytest.MonkeyPatch) -> None:
    """I14, I23: with what is true: they would have fitted, but for the calls in flight; and that is counted."""
    monkeypatch.setattr(leaving, "ROOM_PATIENCE_SECONDS", 60.0)
    await limit(database, "0.00001")
    async with ledger_on(database) as ledger:
        assert await try_to_admit(ledger, a_call()) is None
        waiting = asyncio.create_task(try_to_admit(ledger, a_call()))
        while not ledger._leaving.crowded:
            await asyncio.sleep(0.01)
        async with asyncio.timeout(2):
            await ledger.close()
            assert await waiting is Why.BUSY
    assert await database.fetch("SELECT cause, calls FROM refusals") == [("budget busy", 1)]


async def test_a_dead_worker_s_reservations_become_spend(database) -> None:
    """I13, I21: after a crash each call in flight is charged its worst case for each attempt, and holds nothing."""
    usd, tokens = await limit(database, "5"), await limit(database, "5", limit_usd=None, limit_tokens=99_999)
    dead = Ledger(database, lambda: NOW, lambda records: None)
    await dead.start()
    calls = [a_call(reserved=100), a_call(reserved=200), a_call(reserved=300, guild_id=2)]
    for call in calls:
        await dead.admit(call)
    await dead.admit_again(calls[1])
    assert await levels(database) == {(usd.id, ""): Level(reserved=500), (tokens.id, ""): Level(reserved=3_300)}
    assert dead._task is not None
    dead._task.cancel()
    await bury(database)
    async with ledger_on(database):
        assert await levels(database) == {(usd.id, ""): Level(spent=500), (tokens.id, ""): Level(spent=3_300)}
    found = await database.fetch("SELECT id, status, cost_nano_usd FROM usage_records ORDER BY id")
    assert found == [(call.id, "interrupted", cost) for call, cost in zip(calls, (100, 400, 300), strict=True)]
    assert await the_books(database) == await recount(database)


async def test_a_rule_changed_by_another_process(database, database_url: str) -> None:
    """I13, I16: a limit set, raised or removed elsewhere holds for the very next call here."""
    other = await open_database(database_url)
    async with ledger_on(database) as ledger:
        assert await try_to_admit(ledger, a_call()) is None
        budget = await limit(other, "0.000001")
        assert await try_to_admit(ledger, a_call()) is Why.USED_UP
        await limit(other, "1")
        assert await try_to_admit(ledger, a_call()) is None
        await limit(other, "0")
        assert await try_to_admit(ledger, a_call()) is Why.USED_UP
        assert await BudgetBook(other, Rules(), lambda: NOW, nothing).remove(budget.id, guild_id=1)
        assert await try_to_admit(ledger, a_call()) is None
    await other.close()


@pytest.mark.sqlite_only
async def test_admission_reads_counters_and_nothing_else(real: Database) -> None:
    """I18: what a decision asks of the database is answered by primary keys, whatever the history."""
    await limit(real, "5")
    await limit(real, "5", scope="each_user")
    asked: list[tuple[str, Any]] = []
    decide = real.decide

    async def noting(script: Any) -> Any:
        def noted() -> Any:
            steps = script()
            query = next(steps)
            while True:
                asked.append(query)
                try:
                    query = steps.send((yield query))
                except StopIteration as end:
                    return end.value

        return await decide(noted)

    real.decide = noting  # type: ignore[method-assign]
    async with ledger_on(real) as ledger:
        asked.clear()
        await ledger.admit(a_call(user_id="ann"))
    looked_up = [(sql, parameters) for sql, parameters in asked if "pg_advisory" not in sql]
    assert len(asked) == len(looked_up) + 1
    tables = {found[1] for sql, _ in looked_up if (found := re.search(r"(?:FROM|INTO|UPDATE) (\w+)", sql))}
    assert tables == {"workers", "rule_changes", "budget_periods"}
    for sql, parameters in looked_up:
        plan = " / ".join(row[3] for row in await real.fetch(f"EXPLAIN QUERY PLAN {sql}", *parameters))
        assert "SCAN" not in plan


def test_what_is_held_is_stored_and_read_again() -> None:
    """I21: also for members whose id is no number."""
    call = a_call(reserved=100)
    text = '[[1, "b", "ann \\u00fc", "2026-03-01", "usd", 5], [0, "quota", "7", "", "tokens", 9]]'
    held = Held.from_json(call, text)
    assert held.to_json() == text
    assert (Held.from_json(call, None).amounts, Held(call).to_json()) == ({}, None)
    again = held.again().again()
    assert [amount for _, amount in again.amounts.values()] == [15, 27]
    assert [again.once(counter) for counter in again.amounts] == [5, 9]


async def test_what_is_in_flight_when_a_budget_is_set(database) -> None:
    """I13: it is reserved in the new budget with the next transaction, twice where it was sent twice, and survives."""
    async with ledger_on(database) as ledger:
        calls = [a_call(), a_call(), a_call(guild_id=2)]
        for call in calls:
            await ledger.admit(call)
        await ledger.admit_again(calls[1])
        budget = await limit(database, "0.00004")
        assert await try_to_admit(ledger, a_call()) is None  # 27,000 are in flight already
        assert await levels(database) == {(budget.id, ""): Level(reserved=36_000)}
    async with ledger_on(database):
        assert await levels(database) == {(budget.id, ""): Level(spent=36_000, fired=90)}


async def test_a_second_attempt_while_the_books_are_away(database, monkeypatch: pytest.MonkeyPatch) -> None:
    """I13, I23: under a budget that stops it doesn't leave: both may be billed, and nothing holds the second."""
    monkeypatch.setattr(entries, "ADMIT_PATIENCE_SECONDS", 0.1)
    budget = await limit(database, "5")
    async with ledger_on(database) as ledger:
        await ledger.admit(call := a_call())
        database.gone = True
        for _ in range(2):  # the outage begins with the first
            with pytest.raises(BudgetExceededError):
                await ledger.admit_again(call)
        database.gone = False
        await ledger.flush()
        assert await levels(database) == {(budget.id, ""): Level(reserved=9_000)}


async def test_what_left_unrecorded_is_reserved_when_it_is_written(database) -> None:
    """I13: the books were away and the operator lets calls leave: with the books back, what is in flight counts."""
    budget = await limit(database, "0.000017")
    ledger = Ledger(database, lambda: NOW, lambda records: None, fail_open=True)
    await ledger.start()
    database.gone = True
    await ledger.admit(a_call())
    database.gone = False
    await ledger.flush()
    assert await levels(database) == {(budget.id, ""): Level(reserved=9_000)}
    assert await try_to_admit(ledger, a_call()) in (Why.USED_UP, Why.BUSY)
    await ledger.close()


async def test_refused_and_cancelled_in_the_same_turn(database, monkeypatch: pytest.MonkeyPatch) -> None:
    """I8: what was refused isn't booked, though its caller gives up before it hears of it."""
    await limit(database, "0")
    refuse = Intent.refuse

    def refuse_and_cancel(self: Intent, error: Exception) -> bool:
        refused = refuse(self, error)
        asking.cancel()
        return refused

    monkeypatch.setattr(Intent, "refuse", refuse_and_cancel)
    async with ledger_on(database) as ledger:
        asking = asyncio.create_task(ledger.admit(a_call()))
        with pytest.raises(asyncio.CancelledError):
            await asking
        await ledger.flush()
    assert await database.fetch("SELECT id FROM usage_records") == []
    assert await the_books(database) == {}


async def test_a_budget_that_cannot_be_read_stops_its_own_server_alone(database, caplog) -> None:
    """I23: a damaged row, or one of a later version, fails closed there and disturbs nobody else."""
    budget = await limit(database, "5", guild_id=2)
    sql = "UPDATE budgets SET mode = 'of a later version' WHERE id = $1"
    await database.execute(sql, budget.id)
    async with ledger_on(database) as ledger:
        assert await try_to_admit(ledger, a_call(guild_id=2)) is Why.USED_UP
        assert await try_to_admit(ledger, a_call(guild_id=1)) is None
        assert (ledger.dropped, ledger.faults) == (0, 0)
    assert budget.id in caplog.text


@pytest.mark.parametrize(
    "damage", ["mode = 'later'", "thresholds = '80,True'", "scope = 'role', scope_id = 'admins'", "unit = ''"]
)
async def test_a_budget_that_cannot_be_read_is_listed_and_can_be_removed(database, damage: str) -> None:
    budgets = BudgetBook(database, Rules(), lambda: NOW, nothing)
    budget = await limit(database, "5")
    await database.execute(f"UPDATE budgets SET {damage}")
    [shown] = await budgets.of(1)
    assert (shown.id, shown.scope, shown.scope_id, shown.limit, shown.owner) == (budget.id, "guild", "1", 0, "server")
    assert [standing.budget for standing in await budgets.standing(1)] == [shown]
    async with ledger_on(database) as ledger:
        assert await try_to_admit(ledger, a_call()) is Why.USED_UP
        assert await budgets.remove(budget.id, guild_id=1)
        assert await try_to_admit(ledger, a_call()) is None


async def test_a_batch_of_nothing_but_poison_and_refusals_wedges_nobody(database, monkeypatch, caplog) -> None:
    """I23: whatever is left of a batch when nothing of it can be written, the next one is."""
    monkeypatch.setattr(leaving, "ROOM_PATIENCE_SECONDS", 0.0)
    await limit(database, "0.00001")
    async with ledger_on(database) as ledger:
        bad = a_call(guild_id=2, user_id=object())
        await ledger.admit(bad)
        database.faults.append(RuntimeError("?"))
        ledger.settle(bad, a_settlement())  # of a call that isn't on the books: it goes no further
        ledger.settle(refused := a_call(), a_settlement())
        ledger._writer.pass_over(refused)  # as one that is refused in the meantime: the batch is empty
        await ledger.flush()
        assert await try_to_admit(ledger, a_call()) is None
        database.faults.extend([None, RuntimeError("?"), RuntimeError("?")])
        assert await try_to_admit(ledger, a_call()) is Why.BUSY  # its refusal is a batch of its own
        await ledger.flush()
        assert await try_to_admit(ledger, a_call(guild_id=3)) is None
        async with asyncio.timeout(3):
            await ledger.flush()
    assert caplog.text.count("refusals can't be counted") == 1
    assert "1 refusals can't be counted: RuntimeError" in caplog.text
