"""One transaction of the ledger: what has ended is settled, then who waits is admitted or refused, all or nothing.

It runs on the database's thread and changes nothing but the database and the rules: what follows from it in memory is
in its `Outcome`, which the ledger takes up once the transaction is committed.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from itertools import chain

from bot.usage import alert_rows, counters, rollups, rows
from bot.usage.admission import Refused, judge
from bot.usage.batch import Batch, Intent, refusal_of
from bot.usage.budgets import FULL, Budget, Level, Unit, newly_passed
from bot.usage.counters import Change, Held
from bot.usage.database import Row, Script, Statement
from bot.usage.errors import AiPausedError, CallRefusedError, Why
from bot.usage.quota_gate import QuotaGate, QuotaMove
from bot.usage.records import OpenCall, UsageRecord
from bot.usage.rules import FOREVER, QUOTA, Counted, CounterKey, Rules

ADD_REFUSALS = (
    "INSERT INTO refusals (guild_id, hour, cause, calls) VALUES ($1, $2, $3, $4) "
    "ON CONFLICT (guild_id, hour, cause) DO UPDATE SET calls = refusals.calls + excluded.calls"
)


@dataclass(slots=True)
class Outcome:
    """What a transaction decided. Intents that `crowded` names wait for room; `levels` are counters as they stand now.

    `held` has the calls that were admitted or had left already, by id.
    """

    admitted: list[tuple[Intent, OpenCall]] = field(default_factory=list)
    refused: list[tuple[Intent, CallRefusedError]] = field(default_factory=list)
    crowded: list[tuple[Intent, CallRefusedError]] = field(default_factory=list)
    held: dict[str, Held] = field(default_factory=dict)
    levels: dict[CounterKey, Level] = field(default_factory=dict)
    alerts: list[Row] = field(default_factory=list)
    quota_moves: list[QuotaMove] = field(default_factory=list)


class Decision:
    """One attempt at writing a batch. Make a new one for each: `script` runs once."""

    def __init__(self, batch: Batch, rules: Rules, held: Mapping[str, Held], worker_id: str, now: datetime) -> None:
        self.outcome = Outcome()
        self._batch = batch
        self._rules = rules
        self._held = held
        self._worker_id = worker_id
        self._now = now
        self._levels: dict[CounterKey, Level] = self.outcome.levels
        self._reserving: dict[CounterKey, int] = {}
        self._budgets: dict[CounterKey, Budget] = {}
        self._again: list[Row] = []
        self._quotas = QuotaGate(rules, now)

    def script(self) -> Script[tuple[Outcome, Sequence[Statement]]]:
        """All of it, to be run by `SqliteDatabase.decide`."""
        yield from self._rules.refresh(self._now)
        intents = [intent for intent in self._batch.intents if not intent.is_refused]
        counted = {id(intent): self._counted(intent.call) for intent in intents if intent.asks}
        changes = self._settling()
        for item in chain.from_iterable(counted.values()):
            changes.setdefault(item.counter, Change())
        for intent in intents:
            for counter in self._held_of(intent):
                changes.setdefault(counter, Change())
        asking = (intent.call for intent in intents if intent.asks and not intent.again)
        yield from self._quotas.read(chain(asking, (record.call for record in self._batch.records)))
        for counter in self._quotas.counters.values():
            changes.setdefault(counter, Change())
        for counter in sorted(changes):
            [row] = yield counters.add(counter, changes[counter])
            self._levels[counter] = counters.level_of(row)
        self.outcome.quota_moves += self._quotas.moves(self._batch.records, changes, self._levels)
        opened = [self._decide(intent, counted.get(id(intent))) for intent in intents]
        return self.outcome, list(self._statements([row for row in opened if row is not None]))

    def _counted(self, call: OpenCall) -> list[Counted]:
        found = self._rules.counted(call)
        for item in found:
            self._budgets[item.counter] = item.budget
        return found

    def _held_of(self, intent: Intent) -> Iterator[CounterKey]:
        """Where a call that asks again has its first attempt reserved."""
        if intent.again:
            yield from filter(self._exists, self._held.get(intent.call.id, Held()).amounts)

    def _settling(self) -> dict[CounterKey, Change]:
        """What the finished calls of this batch add to which counters."""
        changes: dict[CounterKey, Change] = {}
        for record in self._batch.records:
            for counter, change in self._changes_of(record):
                changes[counter] = changes.get(counter, Change()) + change
        return changes

    def _changes_of(self, record: UsageRecord) -> Iterator[tuple[CounterKey, Change]]:
        """A call is charged to every budget that counts it now, and to those it was held in where they still exist."""
        call, held = record.call, self._held.get(record.call.id, Held())
        units = {counter: unit for counter, (unit, _) in held.amounts.items()}
        if held.version != self._rules.version:
            units |= {item.counter: item.budget.unit for item in self._counted(call)}
        quota = self._rules.quota_counter(call)
        if quota is not None:
            units.setdefault(quota, Unit.TOKENS)
        for counter, unit in units.items():
            if not self._exists(counter):
                continue
            change = counters.settled(record.settlement, unit)
            if counter in held.amounts:
                change = replace(change, reserved=-held.amounts[counter][1])
            if change != Change():
                yield counter, change

    def _exists(self, counter: CounterKey) -> bool:
        """Whether a counter's budget still exists: a removed one's must not come back."""
        guild_id, budget_id, *_ = counter
        if budget_id == QUOTA or counter in self._budgets:
            return True
        for budget in self._rules.of(guild_id).budgets:
            if budget.id == budget_id:
                self._budgets[counter] = budget
                return True
        return False

    def _decide(self, intent: Intent, counted: list[Counted] | None) -> Row | None:
        """The row of a call that leaves (or has left); None for one that doesn't, or is on the books already."""
        call = intent.call
        if counted is None:  # nobody waits any more: it has left
            return None if intent.again else rows.open_row(call, self._worker_id)
        refusal = self._refusal(call)
        if refusal is not None:
            self.outcome.refused.append((intent, refusal))
            return None
        verdict = judge(call, counted, self._levels, self._ends_at)
        if isinstance(verdict, Refused):
            if verdict.is_crowded:
                self.outcome.crowded.append((intent, verdict.error))
            else:
                self.outcome.refused.append((intent, verdict.error))
                self._announce_refusal(verdict)
            return None
        return self._admit(intent, verdict, counted)

    def _refusal(self, call: OpenCall) -> CallRefusedError | None:
        """Refusals that aren't a budget's."""
        guild_id = call.attribution.guild_id
        until = self._rules.paused(guild_id, self._now)
        if until:
            return AiPausedError(guild_id, None if until >= FOREVER else rows.from_microseconds(until))
        return self._quotas.refusal(call, self._levels)

    def _admit(self, intent: Intent, call: OpenCall, counted: list[Counted]) -> Row | None:
        if intent.again:
            held = self._held.get(call.id, Held()).again(call)
        else:
            units = ((item.counter, item.budget.unit) for item in counted)
            amounts = {counter: (unit, counters.reserved(call, unit)) for counter, unit in units}
            if (quota := self._quotas.counters.get(call.id)) is not None:
                amounts[quota] = Unit.TOKENS, counters.reserved(call, Unit.TOKENS)
            held = Held(amounts, self._rules.version)
        for counter in filter(self._levels.__contains__, held.amounts):
            self._reserve(counter, counters.reserved(call, held.amounts[counter][0]))
        self.outcome.admitted.append((intent, call))
        self.outcome.held[call.id] = held
        if intent.again:
            self._again.append(rows.again_row(call, held.to_json()))
            return None
        return rows.open_row(call, self._worker_id, held.to_json())

    def _reserve(self, counter: CounterKey, amount: int) -> None:
        level = self._levels[counter]
        self._levels[counter] = replace(level, reserved=level.reserved + amount)
        self._reserving[counter] = self._reserving.get(counter, 0) + amount

    def _announce_refusal(self, refused: Refused) -> None:
        """The first refusal of a period that calls in flight don't explain is its 100 % (I19)."""
        counter = refused.counted.counter
        level = self._levels[counter]
        if level.fired < FULL and refused.error.why is Why.USED_UP:
            passed = [t for t in refused.counted.budget.thresholds if level.fired < t < FULL]
            self._fire(counter, refused.counted.budget, [*passed, FULL])

    def _fire(self, counter: CounterKey, budget: Budget, passed: list[int]) -> None:
        level = self._levels[counter]
        at_us = rows.microseconds(self._now)
        self.outcome.alerts += alert_rows.threshold_rows(counter, passed, level.used, budget.limit, at_us)
        self._levels[counter] = replace(level, fired=max(passed))
        self._reserving.setdefault(counter, 0)

    def _statements(self, opened: list[Row]) -> Iterator[Statement]:
        for counter, budget in self._budgets.items():
            level = self._levels.get(counter)
            if level is not None and (passed := newly_passed(budget, level)):
                self._fire(counter, budget, passed)
        if opened:
            yield rows.INSERT_OPEN, opened
        if self._again:
            yield rows.UPDATE_AGAIN, self._again
        records = self._batch.records
        if records:
            yield rows.UPDATE_SETTLED, (rows.settled_row(r.call, r.settlement) for r in records)
            yield rollups.UPSERT, rollups.upserts(records, self._rules.calendar)
        if self._reserving:
            yield counters.CHANGE, [(*c, more, self._levels[c].fired) for c, more in self._reserving.items()]
        if self.outcome.alerts:
            yield alert_rows.INSERT, self.outcome.alerts
        refusals = self._batch.refusals + Counter(refusal_of(intent.call, e) for intent, e in self.outcome.refused)
        if refusals:
            yield ADD_REFUSALS, [(*refusal, calls) for refusal, calls in sorted(refusals.items())]

    def _ends_at(self, budget: Budget) -> datetime | None:
        return self._rules.calendar(budget.guild_id).end(budget.period, self._now)
