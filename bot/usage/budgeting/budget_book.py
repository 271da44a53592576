"""Setting, removing and reading budgets: each change in one transaction with its audit line and what it fires."""

from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from bot.usage.budgeting import alert_rows
from bot.usage.budgeting.budget_backfill import count_what_was_spent
from bot.usage.budgeting.budget_input import budget_from, one_of
from bot.usage.budgeting.budgets import (
    BOT,
    DEFAULT_CHEAPER_AT,
    DEFAULT_THRESHOLDS,
    Budget,
    Level,
    Mode,
    Owner,
    Scope,
    Unknown,
    highest_passed,
    newly_passed,
)
from bot.usage.budgeting.calendars import Period
from bot.usage.budgeting.counters import SET_FIRED
from bot.usage.budgeting.guild_rules import BUDGET_COLUMNS, budget_of, read_calendar
from bot.usage.budgeting.rules import LEVELS, CounterKey, Rules, changing
from bot.usage.ids import new_id
from bot.usage.storage import audit
from bot.usage.storage.database import Database, Script
from bot.usage.storage.queued import wait_for_queued
from bot.usage.storage.rows import microseconds

FAR_OFF_SECONDS = 10 * 365 * 86_400
"""Beyond this nobody is told when a budget will be used up."""
_UPSERT = (
    f"INSERT INTO budgets ({BUDGET_COLUMNS}) VALUES ({', '.join(f'${n}' for n in range(1, 14))}) "
    "ON CONFLICT (id) DO UPDATE SET limit_amount = excluded.limit_amount, mode = excluded.mode, "
    "thresholds = excluded.thresholds, cheaper_at = excluded.cheaper_at, unknown_cost = excluded.unknown_cost"
)
_SELECT_SAME = (
    f"SELECT {BUDGET_COLUMNS} FROM budgets "
    "WHERE guild_id = $1 AND owner = $2 AND scope = $3 AND scope_id = $4 AND period = $5 AND unit = $6"
)
_DELETE = f"DELETE FROM budgets WHERE id = $1 AND guild_id = $2 AND owner = $3 RETURNING {BUDGET_COLUMNS}"
_MOST_USED = f"{LEVELS} ORDER BY spent DESC, key LIMIT 100"
_FIRST_DAY = "SELECT min(day) FROM spend_daily WHERE guild_id = $1 AND dimension = $2"


@dataclass(frozen=True, slots=True)
class Standing:
    """How one counter of a budget stands in its running period. Instants are UTC, amounts in the budget's unit.

    `runs_out_at` is when it is used up at the pace of this period so far; None where that is after its end. A budget in
    total has counted since the first day on the books.
    """

    budget: Budget
    key: str
    level: Level
    ends_at: datetime | None
    runs_out_at: datetime | None

    @property
    def left(self) -> int:
        """What is neither used nor reserved."""
        return max(0, self.budget.limit - self.level.used - self.level.reserved)


class BudgetBook:
    """The budgets of the books. Every method raises `DatabaseUnavailableError` where these can't be reached.

    `changed` is called after each change, `before_reading` makes what this process has queued visible first.
    """

    def __init__(
        self,
        database: Database,
        rules: Rules,
        clock: Callable[[], datetime],
        changed: Callable[[], Awaitable[None]],
        before_reading: Callable[[], Awaitable[object]] | None = None,
    ) -> None:
        self._database = database
        self._rules = rules
        self._clock = clock
        self._changed = changed
        self._before_reading = before_reading

    async def set(
        self,
        scope: Scope | str,
        scope_id: object = "",
        *,
        guild_id: int = BOT,
        period: Period | str = Period.MONTH,
        limit_usd: Decimal | str | float | None = None,
        limit_tokens: int | None = None,
        mode: Mode | str = Mode.HARD,
        owner: Owner | str = Owner.SERVER,
        thresholds: Iterable[int] = DEFAULT_THRESHOLDS,
        cheaper_at: int = DEFAULT_CHEAPER_AT,
        unknown: Unknown | str = Unknown.REFUSE,
        actor: object = audit.SYSTEM,
    ) -> Budget:
        """Set a budget, or change the one of the same server, scope, period, unit and owner, whose mode, thresholds and
        the rest then are as given here too. A limit for another period or in the other unit is a budget of its own.

        `scope` says what is counted: `guild`, `channel`, `user`, `each_user` (every member alone), `role` (shared),
        `each_in_role`, `operation`, `agent`, `workflow`; for the whole bot also `bot` and `direct_messages`. `scope_id`
        is the id or name of it. With a `guild_id`, calls of that server alone are counted; 0, wherever they are made.
        `period` is day, week, month (in the server's time zone, else UTC) or total; the limit is in USD or in tokens,
        input and output. `mode`: hard stops, soft only warns, cheaper makes `suggest_model` save from `cheaper_at`
        percent on, then stops. `thresholds`, percentages, are announced once a period. `unknown` refuses or admits a
        call whose worst case can't be told. An `operator`'s budget can't be changed by the admins of a server.

        A new one counts what its running period has spent already (by role: from now on, roles aren't on record);
        calls in flight count from now on, but aren't called back. A higher limit re-arms the thresholds that are now
        above what is used; a lower one fires those now passed (I20). The budget returned has its limit in nano-USD or
        tokens, and the `id` for `remove`. Raises `InvalidBudgetError`.
        """
        budget = budget_from(
            scope, scope_id, guild_id, period, limit_usd, limit_tokens, mode, owner, thresholds, cheaper_at, unknown
        )
        await wait_for_queued(self._before_reading)
        stored = await self._database.transact(lambda: self._set(budget, str(actor)))
        await self._changed()
        return stored

    async def remove(
        self, budget_id: str, *, guild_id: int = BOT, owner: Owner | str = Owner.SERVER, actor: object = audit.SYSTEM
    ) -> bool:
        """Remove a budget with its counters; False where that server has none of that id and owner.

        Raises `InvalidBudgetError` for an owner that isn't one.
        """
        whose = one_of(Owner, "owner", owner)
        removed = await self._database.transact(lambda: self._remove(budget_id, guild_id, whose, str(actor)))
        await self._changed()
        return removed

    async def of(self, guild_id: int) -> list[Budget]:
        """The budgets of a server (0: the operator's for the whole bot), oldest first."""
        sql = f"SELECT {BUDGET_COLUMNS} FROM budgets WHERE guild_id = $1 ORDER BY created_at, id"
        return [budget_of(row) for row in await self._database.fetch(sql, guild_id)]

    async def standing(self, guild_id: int) -> list[Standing]:
        """Each budget of a server as it stands now; of budgets for each member, the 100 who have spent most.

        A budget without a counter yet stands at zero.
        """
        await wait_for_queued(self._before_reading)
        now, calendar = self._clock(), self._rules.calendar(guild_id)
        budgets = await self.of(guild_id)
        wanted = [(_MOST_USED, (guild_id, budget.id, calendar.start(budget.period, now))) for budget in budgets]
        always = await self._first_day(guild_id) if any(b.period is Period.TOTAL for b in budgets) else None
        found: list[Standing] = []
        for budget, rows in zip(budgets, await self._database.fetch_all(wanted), strict=True):
            ends_at = calendar.end(budget.period, now)
            began = calendar.begin(budget.period, now) or min(filter(None, (always, budget.set_at)), default=now)
            for key, *amounts in rows or [("", 0, 0, 0, 0)]:
                level = Level(*amounts)
                found.append(Standing(budget, key, level, ends_at, _runs_out(budget, level, began, now, ends_at)))
        return found

    async def _first_day(self, guild_id: int) -> datetime | None:
        """The first day that a server (0: the whole bot) has anything on the books; None where it has nothing."""
        [(day,)] = await self._database.fetch(_FIRST_DAY, guild_id, "guild" if guild_id == BOT else "total")
        return datetime.fromisoformat(day).replace(tzinfo=UTC) if day else None

    def _set(self, budget: Budget, actor: str) -> Script[Budget]:
        yield from changing(budget.guild_id)
        now = self._clock()
        names = map(str, (budget.owner, budget.scope, budget.scope_id, budget.period, budget.unit))
        found = yield (_SELECT_SAME, (budget.guild_id, *names))
        before = budget_of(found[0]) if found else None
        stored = replace(budget, id=before.id if before else new_id(), set_at=(before and before.set_at) or now)
        yield (_UPSERT, _row(stored))
        calendar = yield from read_calendar(budget.guild_id)
        start = calendar.start(budget.period, now)
        if before is None:
            yield from count_what_was_spent(stored, start, calendar.begin(budget.period, now))
        raised = before is not None and stored.limit > before.limit
        yield from _announce_anew(stored, start, microseconds(now), rearms=raised)
        yield from audit.note(now, budget.guild_id, actor, "budget set", facts_of(stored))
        return stored

    def _remove(self, budget_id: str, guild_id: int, owner: Owner, actor: str) -> Script[bool]:
        yield from changing(guild_id)
        found = yield (_DELETE, (budget_id, guild_id, owner.value))
        if not found:
            return False
        yield ("DELETE FROM budget_periods WHERE guild_id = $1 AND budget_id = $2", (guild_id, budget_id))
        yield from audit.note(self._clock(), guild_id, actor, "budget removed", facts_of(budget_of(found[0])))
        return True


def facts_of(budget: Budget) -> dict[str, str | int]:
    """A budget as the audit log has it."""
    return {
        "scope": budget.scope.value,
        "scope_id": budget.scope_id,
        "period": budget.period.value,
        "unit": budget.unit.value,
        "limit": budget.limit,
        "mode": budget.mode.value,
        "owner": budget.owner.value,
    }


def _announce_anew(budget: Budget, start: str, at_us: int, *, rearms: bool) -> Script[None]:
    """Fire what the limit has put below what is used, re-arm what it has put above."""
    rows = yield (LEVELS, (budget.guild_id, budget.id, start))
    for key, *amounts in rows:
        level = Level(*amounts)
        counter: CounterKey = (budget.guild_id, budget.id, key, start)
        if passed := newly_passed(budget, level):
            for row in alert_rows.threshold_rows(counter, passed, level.used, budget.limit, at_us):
                yield (alert_rows.INSERT, row)
        fired = max(highest_passed(budget, level), 0 if rearms else level.fired)
        yield (SET_FIRED, (*counter, fired))


def _row(budget: Budget) -> tuple[object, ...]:
    assert budget.set_at is not None  # noqa: S101 - given by whoever stores it
    return (
        budget.id,
        budget.guild_id,
        budget.owner.value,
        budget.scope.value,
        budget.scope_id,
        budget.period.value,
        budget.unit.value,
        budget.limit,
        budget.mode.value,
        ",".join(map(str, budget.thresholds)),
        budget.cheaper_at,
        budget.unknown.value,
        microseconds(budget.set_at),
    )


def _runs_out(
    budget: Budget, level: Level, began: datetime, now: datetime, ends_at: datetime | None
) -> datetime | None:
    if level.used >= budget.limit:
        return now
    elapsed = now - began
    if level.used <= 0 or elapsed <= timedelta(0):
        return None
    seconds = elapsed.total_seconds() * (budget.limit - level.used) / level.used
    if seconds > FAR_OFF_SECONDS:
        return None
    at = now + timedelta(seconds=seconds)
    return at if ends_at is None or at < ends_at else None
