"""Budgets against a naive model of their rules: hypothesis makes up servers' lives and looks for one that goes wrong.

The model knows calls and budgets, and adds everything up anew at every question. It has no counters, no transactions
and no cache, and shares no code with the books but the calendar, which has tests of its own.
"""

import asyncio
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, ClassVar
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, invariant, multiple, rule

from bot.usage.bookkeeping import leaving, lookout
from bot.usage.bookkeeping.ledger import Ledger
from bot.usage.budgeting.budget_book import BudgetBook
from bot.usage.budgeting.calendars import Calendar, Period
from bot.usage.budgeting.server_settings import SettingsBook
from bot.usage.errors import AiPausedError, BudgetExceededError, Why
from bot.usage.records import Kind, OpenCall, Settlement, UsageRecord
from bot.usage.storage import schema
from bot.usage.storage.database import open_database
from tests.usage.making import a_call, a_settlement
from tests.usage.postgres_server import PostgresServer

START = datetime(2026, 3, 27, 20, tzinfo=UTC)
GUILDS, USERS, CHANNELS, ROLES, OPERATIONS = (0, 1, 2), ("ann", "bob"), (11, 12), (5, 6), ("chat", "help")
ZONES = ("America/New_York", "Asia/Tokyo", "Europe/Madrid")
SMALL = 250
"""Tokens of a small call: 100 in, as here, and 150 out."""
SCOPES = {
    "bot": ("",), "direct_messages": ("",), "guild": GUILDS, "channel": CHANNELS, "user": USERS, "each_user": ("",),
    "role": ROLES, "each_in_role": ROLES, "operation": OPERATIONS,
}  # fmt: skip


@dataclass
class NaiveCall:
    """A call as the model knows it. Amounts by unit."""

    call: OpenCall
    reserved: dict[str, int]
    settled: dict[str, int] | None = None
    doubtful: dict[str, int] = field(default_factory=dict)


@dataclass
class NaiveBudget:
    """A budget as the model knows it. `roles_since`: calls known to a role's budget are those settled later."""

    id: str
    guild: int
    scope: str
    scope_id: Any
    period: Period
    unit: str
    limit: int
    mode: str
    thresholds: tuple[int, ...]
    known_before: list[NaiveCall]
    set_at: datetime
    fired: dict[tuple[str, str], int] = field(default_factory=dict)

    def key(self, call: OpenCall) -> str | None:
        who = call.attribution
        if self.guild not in (0, who.guild_id):
            return None
        applies = {
            "bot": True,
            "direct_messages": who.guild_id == 0,
            "guild": who.guild_id == self.scope_id,
            "channel": who.channel_id == self.scope_id,
            "user": who.user_id == self.scope_id,
            "each_user": who.user_id is not None,
            "role": self.scope_id in who.role_ids,
            "each_in_role": self.scope_id in who.role_ids and who.user_id is not None,
            "operation": who.operation == self.scope_id,
        }[self.scope]
        if not applies:
            return None
        return who.user_id if self.scope.startswith("each") else ""


def reached(budget: NaiveBudget, used: int) -> list[int]:
    return [t for t in budget.thresholds if used and used * 100 >= t * budget.limit]


class BudgetsMachine(RuleBasedStateMachine):
    """I8, I13, I14, I16, I17, I19: the books and the model agree after every step."""

    calls = Bundle("calls")
    postgres: ClassVar[PostgresServer | None] = None

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.folder = TemporaryDirectory()
        self.now = START
        self.budgets: list[NaiveBudget] = []
        self.made: list[NaiveCall] = []
        self.zones: dict[int, Calendar] = {}
        self.paused: dict[int, datetime] = {}
        self.expected_alerts: list[tuple[str, str, str, int]] = []
        self.run(self._open())

    def run(self, work: Any) -> Any:
        return self.loop.run_until_complete(work)

    async def _open(self) -> None:
        url = await self.postgres.emptied_database() if self.postgres else f"sqlite:///{Path(self.folder.name)}/a.db"
        self.database = await open_database(url)
        await schema.apply(self.database, 0)
        self.ledger = Ledger(self.database, lambda: self.now, lambda records: None)
        await self.ledger.start()
        # Changed by somebody else: this process's ledger isn't told, and must notice by itself.
        nobody = asyncio.sleep
        self.book = BudgetBook(self.database, self.ledger.rules, lambda: self.now, lambda: nobody(0))
        self.server = SettingsBook(self.database, lambda: self.now, lambda: nobody(0))

    def teardown(self) -> None:
        self.run(self.ledger.close())
        self.run(self.database.close())
        self.loop.close()
        self.folder.cleanup()

    async def _touch(self) -> None:
        """Any transaction of the ledger takes in what has changed, and what is in flight with it."""
        self.ledger.record(UsageRecord(a_call(at=self.now, kind=Kind.PAYMENT), a_settlement(1)))
        await self.ledger.flush()

    async def _settle(self, call: OpenCall, settlement: Settlement) -> None:
        self.ledger.settle(call, settlement)
        await self.ledger.flush()

    # What the model says.

    def key(self, budget: NaiveBudget, call: OpenCall) -> str | None:
        """Which counter of a budget a call adds to; none of periods before that in which the budget was set."""
        counts = self.period_of(budget, call.started_at) >= self.period_of(budget, budget.set_at)
        return budget.key(call) if counts else None

    def calendar(self, guild: int) -> Calendar:
        return self.zones.get(guild, Calendar())

    def period_of(self, budget: NaiveBudget, at: datetime) -> str:
        return self.calendar(budget.guild).start(budget.period, at)

    def level(self, budget: NaiveBudget, key: str, start: str) -> tuple[int, int, int]:
        """spent, reserved, doubtful, added up from every call there ever was."""
        spent = reserved = doubtful = 0
        for made in self.made:
            if self.key(budget, made.call) != key or self.period_of(budget, made.call.started_at) != start:
                continue
            unseen = budget.scope in ("role", "each_in_role") and made in budget.known_before
            if made.settled is not None and not unseen:
                spent += made.settled[budget.unit]
                doubtful += made.doubtful[budget.unit]
            elif made.settled is None:
                reserved += made.reserved[budget.unit]
        return spent, reserved, doubtful

    def announce(self, budget: NaiveBudget, key: str, start: str, *, refused: bool = False) -> None:
        spent, _, doubtful = self.level(budget, key, start)
        fired = budget.fired.get((key, start), 0)
        passed = [t for t in reached(budget, spent + doubtful) if t > fired]
        if refused and fired < 100:
            passed = sorted({*passed, *(t for t in budget.thresholds if fired < t < 100), 100})
        if passed:
            self.expected_alerts += [(budget.id, key, start, t) for t in passed]
            budget.fired[key, start] = max(passed)

    # What happens.

    @initialize(guild=st.sampled_from(GUILDS[1:]), zone=st.sampled_from(ZONES), limit=st.sampled_from([1_500, 2_500]))
    def a_server_elsewhere_and_limits_for_all(self, guild: int, zone: str, limit: int) -> None:
        self.change_zone(guild, zone)
        self.set_budget("usd", 0, "bot", 0, Period.WEEK, limit)
        self.set_budget("tokens", 0, "bot", 0, Period.MONTH, 2 * limit)

    @rule(
        unit=st.sampled_from(["usd", "tokens"]),
        guild=st.sampled_from(GUILDS),
        scope=st.sampled_from(["bot", "bot", *SCOPES]),
        which=st.integers(0, 1),
        period=st.sampled_from(list(Period)),
        limit=st.sampled_from([0, 900, 1_500, 2_500, 5_000, 20_000]),
        mode=st.sampled_from(["hard", "soft", "cheaper"]),
        thresholds=st.sampled_from([(80, 90, 100), (50,), (1, 100, 150)]),
    )
    def set_budget(self, unit, guild, scope, which, period, limit, mode="hard", thresholds=(80, 90, 100)) -> None:
        names = SCOPES[scope]
        scope_id: Any = names[which % len(names)]
        if scope in ("bot", "direct_messages"):
            guild = 0
        if scope == "guild" and guild:
            scope_id = guild
        amount: dict[str, Any] = {"limit_tokens": limit}
        if unit == "usd":
            amount = {"limit_usd": f"{limit / 10**9:.9f}"}
        stored = self.run(
            self.book.set(
                scope=scope, scope_id=scope_id, guild_id=guild, period=period, mode=mode, thresholds=thresholds,
                unknown="admit", **amount,
            )
        )  # fmt: skip
        known = next((budget for budget in self.budgets if budget.id == stored.id), None)
        if known is None:
            known = NaiveBudget(
                stored.id, guild, scope, scope_id, period, unit, limit, mode, thresholds,
                [made for made in self.made if made.settled is not None], self.now,
            )  # fmt: skip
            self.budgets.append(known)
        rearms = limit > known.limit
        known.limit, known.mode, known.thresholds = limit, mode, thresholds
        start = self.period_of(known, self.now)
        for key in {known.key(made.call) for made in self.made} - {None}:
            self.announce(known, key, start)
            spent, _, doubtful = self.level(known, key, start)
            kept = 0 if rearms else known.fired.get((key, start), 0)
            known.fired[key, start] = max([kept, *reached(known, spent + doubtful)])
        self.run(self._touch())

    @rule(which=st.integers(0, 100))
    def remove_budget(self, which: int) -> None:
        if self.budgets:
            budget = self.budgets.pop(which % len(self.budgets))
            assert self.run(self.book.remove(budget.id, guild_id=budget.guild))
            self.expected_alerts = [alert for alert in self.expected_alerts if alert[0] != budget.id]

    @rule(guild=st.sampled_from(GUILDS[1:]), zone=st.sampled_from(ZONES))
    def change_zone(self, guild: int, zone: str) -> None:
        self.run(self.server.set_time_zone(guild, zone))
        before = self.zones.get(guild, Calendar())
        self.zones[guild] = Calendar((*before.zones, (self.now, ZoneInfo(zone))))
        self.run(self._touch())

    @rule(hours=st.sampled_from([1, 5, 24, 24 * 9]))
    def time_passes(self, hours: int) -> None:
        self.now += timedelta(hours=hours)

    @rule(guild=st.sampled_from(GUILDS), hours=st.integers(1, 30))
    def pause(self, guild: int, hours: int) -> None:
        until = self.now + timedelta(hours=hours)
        self.run(self.server.pause(guild, until, actor="t"))
        self.paused[guild] = until

    @rule(guild=st.sampled_from(GUILDS))
    def resume(self, guild: int) -> None:
        self.run(self.server.resume(guild, actor="t"))
        self.paused.pop(guild, None)

    @rule(
        target=calls,
        guild=st.sampled_from(GUILDS),
        user=st.sampled_from([None, *USERS]),
        channel=st.sampled_from([None, *CHANNELS]),
        roles=st.sets(st.sampled_from(ROLES)),
        operation=st.sampled_from(OPERATIONS),
        reserved=st.sampled_from([None, 0, 700, 900, 3_000]),
    )
    def admit(self, guild, user, channel, roles, operation, reserved):
        return self._admit(
            a_call(
                at=self.now, reserved=reserved, guild_id=guild, user_id=user, channel_id=channel,
                role_ids=tuple(roles), operation=operation,
            )
        )  # fmt: skip

    @rule(target=calls, made=calls, reserved=st.sampled_from([None, 700, 900]))
    def admit_another_like_it(self, made: NaiveCall, reserved: int | None):
        """Calls that share their budgets are what there is room for one after the other."""
        return self._admit(replace(a_call(at=self.now, reserved=reserved), attribution=made.call.attribution))

    def _admit(self, call: OpenCall):
        guild, reserved = call.attribution.guild_id, call.reserved.cost_nano_usd
        worst = {"usd": reserved or 0, "tokens": 1_100}
        counted = [(b, b.key(call)) for b in self.budgets if b.key(call) is not None]
        why: Why | None = None
        if any(until > self.now for g, until in self.paused.items() if g in (0, guild)):
            with pytest.raises(AiPausedError):
                self.run(self.ledger.admit(call))
            return multiple()
        refusing = []
        for budget, key in counted:
            if budget.mode == "soft":
                continue
            spent, held, doubtful = self.level(budget, key, self.period_of(budget, self.now))
            left = budget.limit - spent - doubtful
            if left <= 0 or worst[budget.unit] > left:
                refusing.append((Why.USED_UP, budget))
            elif worst[budget.unit] > left - held:
                refusing.append((Why.BUSY, budget))
        if refusing:
            why, refused_by = min(refusing, key=lambda found: found[0] is Why.BUSY)
            with pytest.raises(BudgetExceededError) as raised:
                self.run(self.ledger.admit(call))
            assert raised.value.why is why
            assert raised.value.budget.budget_id in {b.id for w, b in refusing if w is why}
            if why is Why.USED_UP:
                refused_by = next(b for b in self.budgets if b.id == raised.value.budget.budget_id)
                spent, _, doubtful = self.level(refused_by, refused_by.key(call), self.period_of(refused_by, self.now))
                small_fits = refused_by.unit == "tokens" and refused_by.limit - spent - doubtful >= SMALL
                if small_fits and refused_by.limit < 4 * 1_100:
                    return multiple()  # it is the call that is too large, not the budget that is used up
                self.announce(refused_by, refused_by.key(call), self.period_of(refused_by, self.now), refused=True)
            return multiple()
        assert self.run(self.ledger.admit(call)) == call
        made = NaiveCall(call, worst)
        self.made.append(made)
        return made

    @rule(made=calls, part=st.sampled_from([0, 1, 2, 3]), doubtful=st.booleans())
    def settle(self, made: NaiveCall, part: int, doubtful: bool) -> None:
        if made.settled is not None:
            return
        cost = made.reserved["usd"] * part // 3
        rest = (made.reserved["usd"] - cost) if doubtful else 0
        unpriced = made.call.reserved.cost_nano_usd is None
        made.settled = {"usd": cost, "tokens": 350 * part}
        made.doubtful = {"usd": rest, "tokens": 1_100 - 350 * part if doubtful else 0}
        settlement = a_settlement(
            None if unpriced else cost, tokens=(0, 350 * part), doubtful_nano_usd=rest,
            doubtful_tokens=made.doubtful["tokens"],
        )  # fmt: skip
        self.run(self._settle(made.call, settlement))
        for budget in self.budgets:
            key = self.key(budget, made.call)
            if key is not None:
                self.announce(budget, key, self.period_of(budget, made.call.started_at))

    # What must hold.

    @invariant()
    def counters_are_what_the_calls_add_up_to(self) -> None:
        names = "budget_id, key, period_start, spent, reserved, doubtful"
        sql = f"SELECT {names} FROM budget_periods WHERE budget_id <> 'quota'"
        stored = {row[:3]: row[3:] for row in self.run(self.database.fetch(sql)) if any(row[3:])}
        places = {
            (budget.id, key, self.period_of(budget, made.call.started_at)): budget
            for budget in self.budgets
            for made in self.made
            if (key := self.key(budget, made.call)) is not None
        }
        expected = {place: self.level(budget, *place[1:]) for place, budget in places.items()}
        assert stored == {place: level for place, level in expected.items() if any(level)}

    @invariant()
    def each_threshold_was_announced_once(self) -> None:
        rows = self.run(self.database.fetch("SELECT budget_id, key, period_start, threshold FROM alerts"))
        living = {budget.id for budget in self.budgets}
        assert sorted(row for row in rows if row[0] in living) == sorted(self.expected_alerts)


BudgetsMachine.TestCase.settings = settings(
    max_examples=150, stateful_step_count=40, deadline=None, suppress_health_check=list(HealthCheck)
)


@pytest.mark.timeout(180)
class TestBudgets(BudgetsMachine.TestCase):
    """Runs it, on SQLite. A call that finds no room is refused at once."""

    def setUp(self) -> None:
        self.patience = leaving.ROOM_PATIENCE_SECONDS
        leaving.ROOM_PATIENCE_SECONDS = 0.0

    def tearDown(self) -> None:
        leaving.ROOM_PATIENCE_SECONDS = self.patience


class OnPostgres(BudgetsMachine):
    """The same on PostgreSQL, where each transaction takes its time: fewer lives."""


OnPostgres.TestCase.settings = settings(BudgetsMachine.TestCase.settings, max_examples=25)


@pytest.mark.timeout(180)
class TestBudgetsOnPostgres(OnPostgres.TestCase):
    """Runs it there."""

    @pytest.fixture(autouse=True)
    def _server(self, postgres: PostgresServer, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(OnPostgres, "postgres", postgres)
        monkeypatch.setattr(leaving, "ROOM_PATIENCE_SECONDS", 0.0)
        monkeypatch.setattr(lookout, "LOOK_SECONDS", 3600)
