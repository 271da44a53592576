"""Whether one call may leave, and with what output cap: pure, given the budgets that count it and how they stand.

A call that sets its own cap fits or doesn't. One that sets none is given its operation's cap, else `USUAL_CAP` tokens,
but at most what an eighth of the tightest budget pays for, once its input is paid: giving the first call all that is
left would serve 30 % of the limit and refuse the rest, this rule serves 94 %. Below `SHORTEST` tokens an answer would
end in half a sentence, so the call is refused instead (I13).
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from bot.usage.budgeting import counters
from bot.usage.budgeting.budgets import Budget, Level, Unit, Unknown
from bot.usage.budgeting.rules import Counted, CounterKey
from bot.usage.errors import BudgetExceededError, BudgetFigures, Why
from bot.usage.records import OpenCall, Usage

USUAL_CAP = 1024
SHORTEST = 150
"""Fewer tokens than that are half a sentence."""
SMALL_INPUT = 1_000
"""Tokens that an ordinary question stays within, instructions included."""
SHARE = 8
"""The answer to a call without a cap costs at most this part of what its input leaves."""

EndOf = Callable[[Budget], datetime | None]


@dataclass(frozen=True, slots=True)
class Refused:
    """It may not leave. `counted` is the budget that says so."""

    counted: Counted
    error: BudgetExceededError

    @property
    def is_final(self) -> bool:
        """Whether it is the budget that has run out: not the calls in flight, nor a call that asks for too much."""
        return self.error.why is Why.USED_UP and not self.error.is_too_large

    @property
    def is_crowded(self) -> bool:
        """Whether it would fit, but for the calls in flight."""
        return self.error.why is Why.BUSY


def judge(
    call: OpenCall, counted: Sequence[Counted], levels: Mapping[CounterKey, Level], ends_at: EndOf
) -> OpenCall | Refused:
    """The call as it may leave, with its cap; or the budget that refuses it. `ends_at` tells when a period is over.

    A budget that is used up for good goes before one that is only crowded.
    """
    stopping = [(item, levels[item.counter]) for item in counted if item.budget.stops]
    refusals = []
    for item, level in stopping:
        why = _why_not(call, item.budget, level)
        if why is not None:
            refusals.append(_refused(call, item, level, why, ends_at))
    if refusals:
        return next((refused for refused in refusals if not refused.is_crowded), refusals[0])
    elastic = call.elastic
    if elastic is None or not (stopping or elastic.declared):
        return call
    return call.capped(min([elastic.most, *(_share(call, item.budget, level) for item, level in stopping)]))


def _why_not(call: OpenCall, budget: Budget, level: Level) -> Why | None:
    left = budget.limit - level.used
    if left <= 0:
        return Why.USED_UP
    if budget.unknown is Unknown.REFUSE and _is_unknown(call, budget.unit):
        return Why.UNKNOWN_COST
    least = _least(call, budget.unit)
    if least > left:
        return Why.USED_UP
    return Why.BUSY if least > left - level.reserved else None


def _is_unknown(call: OpenCall, unit: Unit) -> bool:
    return call.opaque or (unit is Unit.USD and call.reserved.cost_nano_usd is None)


def _least(call: OpenCall, unit: Unit) -> int:
    """The least that a call must have room for: its worst case, with the shortest answer worth giving."""
    elastic = call.elastic
    if elastic is None:
        return counters.reserved(call, unit)
    tokens = min(SHORTEST, elastic.most)
    if unit is Unit.USD:
        return elastic.nano_usd(tokens) or 0
    return call.reserved_usage.input_tokens + tokens * elastic.choices


def small_of(usage: Usage, choices: int) -> Usage:
    """What a small call like this one would use at worst: one that tells a budget that is used up from a dear call."""
    tokens = min(usage.output_tokens, SHORTEST * choices)
    return replace(usage, input_tokens=min(usage.input_tokens, SMALL_INPUT), output_tokens=tokens)


def _small(call: OpenCall, unit: Unit) -> int:
    if unit is Unit.USD:
        return _least(call, unit) if call.small_nano_usd is None else call.small_nano_usd
    return small_of(call.reserved_usage, call.elastic.choices if call.elastic else 1).total_tokens


def _share(call: OpenCall, budget: Budget, level: Level) -> int:
    """The longest answer, in tokens, that a call without a cap gets out of a budget."""
    elastic = call.elastic
    assert elastic is not None  # noqa: S101 - see `judge`
    left = budget.limit - level.used - level.reserved
    if budget.unit is Unit.TOKENS:
        tokens = (left - call.reserved_usage.input_tokens) // SHARE // elastic.choices
    else:
        nothing, everything = elastic.nano_usd(0), elastic.nano_usd(elastic.most)
        if nothing is None or everything is None or everything <= nothing:
            return elastic.most
        tokens = (left - nothing) // SHARE * elastic.most // (everything - nothing)
    return max(min(SHORTEST, elastic.most), min(elastic.most, tokens))


def _refused(call: OpenCall, item: Counted, level: Level, why: Why, ends_at: EndOf) -> Refused:
    budget = item.budget
    known = not _is_unknown(call, budget.unit)
    needed = _least(call, budget.unit) if known else None
    figures = _figures(budget, item.counter, level, needed, _small(call, budget.unit), ends_at(budget))
    return Refused(item, BudgetExceededError(call.attribution.guild_id, why, figures))


def out_of_reach(guild_id: int, counted: Iterable[Counted]) -> BudgetExceededError | None:
    """Why a call may not leave while the books can't be reached: a budget that stops counts it (I23); None: it may."""
    stopping = next((item for item in counted if item.budget.stops), None)
    if stopping is None:
        return None
    figures = _figures(stopping.budget, stopping.counter, Level(), None, None, None)
    return BudgetExceededError(guild_id, Why.OUT_OF_REACH, figures)


def _figures(
    budget: Budget,
    counter: CounterKey,
    level: Level,
    needed: int | None,
    small: int | None,
    ends_at: datetime | None,
) -> BudgetFigures:
    return BudgetFigures(
        budget_id=budget.id,
        scope=budget.scope.value,
        scope_id=budget.scope_id,
        key=counter[2],
        period=budget.period.value,
        unit=budget.unit.value,
        owner=budget.owner.value,
        limit=budget.limit,
        spent=level.spent,
        reserved=level.reserved,
        doubtful=level.doubtful,
        needed=needed,
        small=small,
        ends_at=ends_at,
    )
