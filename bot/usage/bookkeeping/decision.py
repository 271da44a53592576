"""One transaction of the ledger: what has ended is settled, then who waits is admitted or refused, all or nothing.

It runs on the database's thread and changes nothing but the database and the rules: what follows from it in memory is
in its `Outcome`, which the ledger takes up once the transaction is committed.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from itertools import chain

from bot.usage.bookkeeping import rollups
from bot.usage.bookkeeping.batch import Batch, Intent, refusal_of
from bot.usage.bookkeeping.corrections import added
from bot.usage.bookkeeping.known import is_open, look_up
from bot.usage.budgeting import alert_rows, counters
from bot.usage.budgeting.admission import Refused, judge
from bot.usage.budgeting.budgets import FULL, Budget, Level, Unit, newly_passed
from bot.usage.budgeting.counters import Change, Held
from bot.usage.budgeting.quota_gate import QuotaGate, QuotaMove
from bot.usage.budgeting.rules import QUOTA, Counted, CounterKey, Rules
from bot.usage.errors import CallRefusedError
from bot.usage.records import BY_KEY, OpenCall, UsageRecord
from bot.usage.storage import rows
from bot.usage.storage.database import Row, Script, Statement

ADD_REFUSALS = (
    "INSERT INTO refusals (guild_id, hour, cause, calls) VALUES ($1, $2, $3, $4) "
    "ON CONFLICT (guild_id, hour, cause) DO UPDATE SET calls = refusals.calls + excluded.calls"
)


@dataclass(slots=True)
class Outcome:
    """What a transaction decided. Intents that `crowded` names wait for room; `levels` are counters as they stand now.
    `settled` are the records that it settled, all of its batch but those that were on the books already.

    `held` has the calls that were admitted, had left already, or hold something else now, by id; what all calls in
    flight hold is by the rules of `version`.
    """

    admitted: list[tuple[Intent, OpenCall]] = field(default_factory=list)
    refused: list[tuple[Intent, CallRefusedError]] = field(default_factory=list)
    crowded: list[tuple[Intent, CallRefusedError]] = field(default_factory=list)
    settled: list[UsageRecord] = field(default_factory=list)
    held: dict[str, Held] = field(default_factory=dict)
    version: int = -1
    levels: dict[CounterKey, Level] = field(default_factory=dict)
    alerts: list[Row] = field(default_factory=list)
    quota_moves: list[QuotaMove] = field(default_factory=list)


class Decision:
    """One attempt at writing a batch. Make a new one for each: `script` runs once."""

    def __init__(
        self, batch: Batch, rules: Rules, held: Mapping[str, Held], held_by: int, worker_id: str, now: datetime
    ) -> None:
        self.outcome = Outcome()
        self._batch = batch
        self._rules = rules
        self._held = held
        self._held_by = held_by
        self._worker_id = worker_id
        self._now = now
        self._ending = {record.call.id for record in batch.records}
        self._levels: dict[CounterKey, Level] = self.outcome.levels
        self._changes: dict[CounterKey, Change] = {}
        self._reserving: dict[CounterKey, int] = {}
        self._opened: list[Row] = []
        self._again: list[Row] = []
        self._worse: list[Row] = []
        self._adopted: list[Row] = []
        self._late: list[tuple[UsageRecord, UsageRecord]] = []
        self._quotas = QuotaGate(rules, now)

    def script(self) -> Script[tuple[Outcome, Sequence[Statement]]]:
        """All of it, to be run by `Database.decide`."""
        yield from self._rules.refresh(self._now)
        if self._batch.unsure:
            yield from self._leave_out_what_is_known()
        self.outcome.settled = self._batch.records
        # Each intent is looked at once: whoever asks now may be answered by the event loop in the next moment.
        asks = [(intent, intent.asks) for intent in self._batch.intents]
        asking = [intent for intent, waits in asks if waits]
        left = [intent for intent, waits in asks if not waits and not intent.is_refused]
        counted = [self._rules.counted(intent.call) for intent in asking]
        new = [intent.call for intent in asking if not intent.again]
        yield from self._quotas.read(chain(new, (record.call for record in self._batch.records)))
        self._settle()
        self._correct()
        yield from self._adopt()
        for intent in left:
            self._take_note(intent)
        again = (self._held_where_it_counts(intent.call.id) for intent in asking if intent.again)
        looked_at = ((item.counter for item in items) for items in counted)
        for counter in chain.from_iterable([*looked_at, *again, self._quotas.counters.values()]):
            self._changes.setdefault(counter, Change())
        for counter in sorted(self._changes):
            [row] = yield counters.add(counter, self._changes[counter])
            self._levels[counter] = counters.level_of(row)
        self.outcome.version = self._rules.version
        self.outcome.quota_moves += self._quotas.moves(self._batch.records, self._changes, self._levels)
        for intent, items in zip(asking, counted, strict=True):
            self._decide(intent, items)
        return self.outcome, list(self._statements())

    def _leave_out_what_is_known(self) -> Script[None]:
        """Of calls that may be in the journal too, or are told again: what is on the books stays as it is."""
        known = yield from look_up(self._batch, self._held)
        self._batch, self._worse, self._late = known.batch, known.worse, known.late
        self._ending = {record.call.id for record in known.batch.records}
        self._held = {**self._held, **known.held}
        self.outcome.admitted += [(intent, intent.call) for intent in known.asked_again]

    def _settle(self) -> None:
        """What the finished calls add: to every budget that counts them now, and to those they were held in.

        What is doubtful is no matter for a quota: those are soft, and nobody loses tokens over a doubt.
        """
        for record in self._batch.records:
            call, held = record.call, self._held.get(record.call.id) or Held(record.call)
            units = {counter: unit for counter, (unit, _) in held.amounts.items()}
            if held.version != self._rules.version:
                units |= {item.counter: item.budget.unit for item in self._rules.counted(call)}
            quota = self._rules.quota_counter(call)
            if quota is not None:
                units.setdefault(quota, Unit.TOKENS)
            for counter, unit in units.items():
                released = held.amounts[counter][1] if counter in held.amounts else 0
                spent, doubtful = counters.settled(record.settlement, unit)
                if spent or doubtful or released:
                    self._change(counter, Change(spent, -released, 0 if counter == quota else doubtful))

    def _correct(self) -> None:
        """What is told at last of calls that were given up counts, in the place of what was feared."""
        for before, after in self._late:
            for counter, change in added(after, self._rules):
                self._change(counter, change)
            for counter, change in added(before, self._rules):
                self._change(counter, Change(-change.spent, 0, -change.doubtful))

    def _adopt(self) -> Script[None]:
        """Rules have changed: what is in flight is reserved in the budgets that it wasn't admitted by, too (I13)."""
        if self._rules.version == self._held_by:
            return
        for call_id, held in self._held.items():
            if held.version == self._rules.version or call_id in self._ending:
                continue
            if held.call.api == BY_KEY and not (yield from is_open(held.call)):
                continue
            counted = [item for item in self._rules.counted(held.call) if item.counter not in held.amounts]
            for item in counted:
                amount = counters.reserved(held.call, item.budget.unit) * held.times
                held = replace(held, amounts={**held.amounts, item.counter: (item.budget.unit, amount)})
                self._change(item.counter, Change(reserved=amount))
            self.outcome.held[call_id] = replace(held, version=self._rules.version)
            if counted:
                self._adopted.append(rows.held_row(held.call, held.to_json()))

    def _take_note(self, intent: Intent) -> None:
        """Nobody waits for the answer any more: the call has left, and is put on the books without being asked."""
        call = intent.call
        if intent.again:
            return
        held = Held(call)
        if call.id not in self._ending:
            held = self._hold(call, self._rules.counted(call))
            for counter, (_, amount) in held.amounts.items():
                self._change(counter, Change(reserved=amount))
            self.outcome.held[call.id] = held
        self._opened.append(rows.open_row(call, self._worker_id, held.to_json()))

    def _change(self, counter: CounterKey, change: Change) -> None:
        """A removed budget's counter must not come back."""
        if self._still_counts(counter):
            before = self._changes.get(counter)
            self._changes[counter] = change if before is None else before + change

    def _held_where_it_counts(self, call_id: str) -> Iterator[CounterKey]:
        """Where a call has its first attempt reserved, as far as that still exists."""
        held = self._held.get(call_id)
        yield from filter(self._still_counts, held.amounts if held else ())

    def _still_counts(self, counter: CounterKey) -> bool:
        guild_id, budget_id, *_ = counter
        return budget_id == QUOTA or self._rules.of(guild_id).budget(budget_id) is not None

    def _decide(self, intent: Intent, counted: list[Counted]) -> None:
        call = intent.call
        refusal = self._refusal(call)
        if refusal is not None:
            self.outcome.refused.append((intent, refusal))
            return
        verdict = judge(call, counted, self._levels, self._ends_at)
        if not isinstance(verdict, Refused):
            self._admit(intent, verdict, counted)
        elif verdict.is_crowded:
            self.outcome.crowded.append((intent, verdict.error))
        else:
            self.outcome.refused.append((intent, verdict.error))
            self._announce_refusal(verdict)

    def _refusal(self, call: OpenCall) -> CallRefusedError | None:
        """Refusals that aren't a budget's."""
        who = call.attribution
        refused = self._rules.opt_out(who) or self._rules.pause(who.guild_id, self._now)
        return refused or self._quotas.refusal(call, self._levels)

    def _admit(self, intent: Intent, call: OpenCall, counted: list[Counted]) -> None:
        self.outcome.admitted.append((intent, call))
        if intent.again:
            before = self._held.get(call.id) or self._hold(call, counted)
            held = before.again()
            for counter in filter(self._levels.__contains__, held.amounts):
                self._reserve(counter, before.once(counter))
            self._again.append(rows.again_row(call, held.to_json()))
        else:
            held = self._hold(call, counted)
            for counter, (_, amount) in held.amounts.items():
                self._reserve(counter, amount)
            self._opened.append(rows.open_row(call, self._worker_id, held.to_json()))
        self.outcome.held[call.id] = held

    def _hold(self, call: OpenCall, counted: list[Counted]) -> Held:
        units = ((item.counter, item.budget.unit) for item in counted)
        amounts = {counter: (unit, counters.reserved(call, unit)) for counter, unit in units}
        if (quota := self._quotas.counters.get(call.id)) is not None:
            amounts[quota] = Unit.TOKENS, counters.quota_reserved(call)
        return Held(call, amounts, self._rules.version)

    def _reserve(self, counter: CounterKey, amount: int) -> None:
        level = self._levels[counter]
        self._levels[counter] = Level(level.spent, level.reserved + amount, level.doubtful, level.fired)
        self._reserving[counter] = self._reserving.get(counter, 0) + amount

    def _announce_refusal(self, refused: Refused) -> None:
        """The first refusal of a period that calls in flight don't explain is its 100 % (I19)."""
        counter = refused.counted.counter
        level = self._levels[counter]
        if level.fired < FULL and refused.is_final:
            passed = [t for t in refused.counted.budget.thresholds if level.fired < t < FULL]
            self._fire(counter, refused.counted.budget, [*passed, FULL])

    def _fire(self, counter: CounterKey, budget: Budget, passed: list[int]) -> None:
        level = self._levels[counter]
        at_us = rows.microseconds(self._now)
        self.outcome.alerts += alert_rows.threshold_rows(counter, passed, level.used, budget.limit, at_us)
        self._levels[counter] = replace(level, fired=max(passed))
        self._reserving.setdefault(counter, 0)

    def _statements(self) -> Iterator[Statement]:
        for counter, level in list(self._levels.items()):
            budget = self._rules.of(counter[0]).budget(counter[1])
            if budget is not None and (passed := newly_passed(budget, level)):
                self._fire(counter, budget, passed)
        for sql, changed in (
            (rows.INSERT_OPEN, self._opened),
            (rows.UPDATE_AGAIN, self._again),
            (rows.UPDATE_WORSE, self._worse),
            (rows.UPDATE_HELD, self._adopted),
        ):
            if changed:
                yield sql, changed
        records = self._batch.records
        if records:
            yield rows.UPDATE_SETTLED, (rows.settled_row(r.call, r.settlement) for r in records)
            yield rollups.UPSERT, rollups.upserts(records, self._rules.calendar)
        if self._late:
            yield rows.UPDATE_SETTLED, [rows.settled_row(after.call, after.settlement) for _, after in self._late]
            yield rollups.UPSERT, list(rollups.differences(self._late, self._rules.calendar))
        if self._reserving:
            yield counters.CHANGE, [(*c, more, self._levels[c].fired) for c, more in self._reserving.items()]
        if self.outcome.alerts:
            yield alert_rows.INSERT, self.outcome.alerts
        refusals = self._batch.refusals + Counter(refusal_of(intent.call, e) for intent, e in self.outcome.refused)
        if refusals:
            yield ADD_REFUSALS, [(*refusal, calls) for refusal, calls in sorted(refusals.items())]

    def _ends_at(self, budget: Budget) -> datetime | None:
        return self._rules.calendar(budget.guild_id).end(budget.period, self._now)
