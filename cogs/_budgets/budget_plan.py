"""What setting a budget would do: what it replaces, what its running period has spent already, what stands above it."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date

from bot.figures import NBSP, allowance, amount, at_limit, share
from bot.translation import _, mark
from bot.usage.budgeting.budgets import Budget, Level, Mode, Owner, Scope, Unit, newly_passed
from bot.usage.budgeting.calendars import Period
from bot.usage.money import usd
from bot.usage.records import SpendLine
from bot.usage.reporting.reports import Days, Split
from bot.usage.tracker import UsageTracker
from cogs._budgets.budget_words import EACH, alerts_at, title

_SPLITS: dict[Scope, Split] = {
    Scope.CHANNEL: "channel",
    Scope.USER: "user",
    Scope.EACH_USER: "user",
    Scope.OPERATION: "operation",
}
_SPENT = {
    Period.DAY: mark("Spent {amount} so far today."),
    Period.WEEK: mark("Spent {amount} so far this week."),
    Period.MONTH: mark("Spent {amount} so far this month."),
    Period.TOTAL: mark("Spent {amount} so far."),
}
_SPENT_BY_ONE = {
    Period.DAY: mark("The member who spent most spent {amount} so far today."),
    Period.WEEK: mark("The member who spent most spent {amount} so far this week."),
    Period.MONTH: mark("The member who spent most spent {amount} so far this month."),
    Period.TOTAL: mark("The member who spent most spent {amount} so far."),
}


@dataclass(frozen=True, slots=True)
class Plan:
    """A budget that somebody wants. `used` is what its running period has used, of members the highest, in its unit.

    It is None where that isn't on record (roles). `fires` is the highest threshold that setting it announces at once, 0
    where none. `before` is the budget it replaces, `cap` the operator's.
    """

    budget: Budget
    before: Budget | None
    used: int | None
    fires: int
    cap: Budget | None


async def read_plan(tracker: UsageTracker, wanted: Budget) -> Plan:
    """The plan for a budget that is wanted. Where it replaces one, it keeps that one's finer choices.

    Raises `DatabaseUnavailableError`.
    """
    standings = await tracker.budgets.standing(wanted.guild_id)
    same = [standing for standing in standings if _is_same(standing.budget, wanted)]
    caps = [
        standing.budget
        for standing in standings
        if standing.budget.owner is Owner.OPERATOR and standing.budget.unit is Unit.USD
    ]
    cap = min(caps, key=_limit, default=None)
    if not same:
        used = await _spent(tracker, wanted)
        return Plan(wanted, None, used, _fires(wanted, [Level(used or 0)]), cap)
    before = same[0].budget
    kept = replace(
        wanted, thresholds=before.thresholds, cheaper_at=before.cheaper_at, unknown=before.unknown, id=before.id
    )
    levels = [standing.level for standing in same]
    return Plan(kept, before, max(level.used for level in levels), _fires(kept, levels), cap)


async def store(tracker: UsageTracker, budget: Budget, actor: int) -> Budget:
    """Put a budget on the books as it is given. Raises `InvalidBudgetError`, `DatabaseUnavailableError`."""
    in_usd = budget.unit is Unit.USD
    return await tracker.budgets.set(
        scope=budget.scope,
        scope_id=budget.scope_id,
        guild_id=budget.guild_id,
        period=budget.period,
        limit_usd=usd(budget.limit) if in_usd else None,
        limit_tokens=None if in_usd else budget.limit,
        mode=budget.mode,
        owner=budget.owner,
        thresholds=budget.thresholds,
        cheaper_at=budget.cheaper_at,
        unknown=budget.unknown,
        actor=actor,
    )


async def own_budget(tracker: UsageTracker, guild_id: int, budget_id: str) -> Budget | None:
    """One of a server's own budgets as it is now, never the operator's. Raises `DatabaseUnavailableError`."""
    budgets = await tracker.budgets.of(guild_id)
    return next((one for one in budgets if one.id == budget_id and one.owner is Owner.SERVER), None)


def plan_words(plan: Plan) -> str:
    """Everything that somebody should know before they confirm."""
    budget = plan.budget
    lines = [
        _("## Set this budget?\n**{budget}**", budget=title(budget)),
        _("It {rule}, with {alerts}.", rule=at_limit(budget), alerts=alerts_at(budget)),
        _replaced(plan),
    ]
    return "\n".join(filter(None, [*lines, _already(plan), _under_cap(plan)]))


def _replaced(plan: Plan) -> str:
    if plan.before is None:
        return _("It is new: it replaces no other.")
    before = plan.before
    return _("It replaces {allowance}, which {rule}.", allowance=allowance(before), rule=at_limit(before))


def _already(plan: Plan) -> str:
    budget, used = plan.budget, plan.used
    if not budget.limit and budget.mode is not Mode.SOFT:
        return _("⛔ **A limit of nothing allows nothing**: every question under it is refused.")
    if used is None:
        return _("It counts from now on: what roles have spent before isn't on record.")
    spent = _SPENT_BY_ONE if budget.scope in EACH else _SPENT
    told = _(spent[budget.period], amount=amount(budget.unit, used, of=budget.limit))
    if used and budget.limit:
        told += " " + _("That is {share} of it.", share=share(used, budget.limit))
    return "\n".join(filter(None, [told, _at_once(plan, used)]))


def _at_once(plan: Plan, used: int) -> str:
    """What happens as soon as it is set, by what its period has used already."""
    if used < plan.budget.limit:
        passed = f"{plan.fires}{NBSP}%"
        return _("⚠️ **{share} are passed already**: an alert goes out at once.", share=passed) if plan.fires else ""
    if plan.budget.mode is not Mode.SOFT:
        return _("⚠️ **That reaches the new limit already**: further questions are refused at once.")
    if plan.fires:
        return _("⚠️ **That reaches the new limit already**: a warning goes out at once.")
    return _("⚠️ **That reaches the new limit already**, as was announced before.")


def _under_cap(plan: Plan) -> str:
    budget, cap = plan.budget, plan.cap
    if cap is None or budget.unit is not Unit.USD or budget.limit <= cap.limit:
        return ""
    return _("⚠️ The operator's cap of {allowance} for this server stands above it.", allowance=allowance(cap))


def _fires(budget: Budget, levels: Iterable[Level]) -> int:
    return max((threshold for level in levels for threshold in newly_passed(budget, level)), default=0)


def _limit(budget: Budget) -> int:
    return budget.limit


def _is_same(one: Budget, other: Budget) -> bool:
    """Whether setting the one would change the other: as the books have it."""
    return (one.owner, one.scope, one.scope_id, one.period, one.unit) == (
        other.owner,
        other.scope,
        other.scope_id,
        other.period,
        other.unit,
    )


async def _spent(tracker: UsageTracker, budget: Budget) -> int | None:
    if budget.scope in (Scope.ROLE, Scope.EACH_IN_ROLE):
        return None
    calendar, now = tracker.calendar(budget.guild_id), tracker.clock()
    start = calendar.start(budget.period, now)
    days = Days(date.fromisoformat(start) if start else date.min, calendar.day(now))
    split = _SPLITS.get(budget.scope, "day")
    report = await tracker.reports.spend_between(budget.guild_id, days, split)
    if budget.scope is Scope.GUILD:
        return _amount(budget.unit, report.total)
    rows = [row for row in report.rows if budget.scope is Scope.EACH_USER or row.key == budget.scope_id]
    return max((_amount(budget.unit, row) for row in rows), default=0)


def _amount(unit: Unit, line: SpendLine) -> int:
    return line.cost_nano_usd if unit is Unit.USD else line.total_tokens
