"""Quotas inside the ledger's transaction: who may go on, and whose tokens have moved, where a server has them on."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

from bot.usage.budgeting.budgets import Level
from bot.usage.budgeting.calendars import ALWAYS_UTC, Period
from bot.usage.budgeting.counters import Change
from bot.usage.budgeting.quotas import Tier, tier_of, verdict
from bot.usage.budgeting.rules import CounterKey, Rules
from bot.usage.budgeting.tier_grants import granted_to
from bot.usage.errors import QuotaExceededError
from bot.usage.records import OpenCall, UsageRecord
from bot.usage.storage.database import Script
from bot.usage.storage.rows import microseconds


@dataclass(frozen=True, slots=True)
class QuotaMove:
    """Somebody's tokens of this month, before and after a transaction, and how many they may use."""

    user_id: str
    before: int
    after: int
    limit: int


class QuotaGate:
    """The quotas that one transaction touches. `counters` names each call's by the call's id."""

    def __init__(self, rules: Rules, now: datetime) -> None:
        self.counters: dict[str, CounterKey] = {}
        self._rules = rules
        self._now_us = microseconds(now)
        self._granted: dict[str, list[str]] = {}

    def read(self, calls: Iterable[OpenCall]) -> Script[None]:
        """Find the counters of these calls, and the tiers that their callers were granted."""
        for call in calls:
            if not self._rules.of(call.attribution.guild_id).quotas:
                continue
            counter = self._rules.quota_counter(call)
            if counter is None:
                continue
            self.counters[call.id] = counter
            user_id = counter[2]
            if user_id not in self._granted:
                self._granted[user_id] = [tier for (tier,) in (yield granted_to(user_id, self._now_us))]

    def refusal(self, call: OpenCall, levels: Mapping[CounterKey, Level]) -> QuotaExceededError | None:
        """A quota refuses softly: as long as some of it is left, the next call may leave, whatever it takes."""
        counter = self.counters.get(call.id)
        if counter is None:
            return None
        who, level = call.attribution, levels[counter]
        result = verdict(
            self._tier(call, counter),
            level.used,
            level.reserved,
            self._rules.operation(who.operation).premium,
            operation=who.operation,
            resets_at=ALWAYS_UTC.end(Period.MONTH, call.started_at),
        )
        return None if result.allowed else QuotaExceededError(who.guild_id, counter[2], result)

    def moves(
        self, records: Iterable[UsageRecord], changes: Mapping[CounterKey, Change], levels: Mapping[CounterKey, Level]
    ) -> Iterator[QuotaMove]:
        """Whose tokens these finished calls have moved."""
        callers = {self.counters[r.call.id]: r.call for r in records if r.call.id in self.counters}
        for counter, call in callers.items():
            tier, used = self._tier(call, counter), levels[counter].used
            before = used - changes[counter].spent - changes[counter].doubtful
            if tier is not None and tier.monthly_tokens is not None and before != used:
                yield QuotaMove(counter[2], before, used, tier.monthly_tokens)

    def _tier(self, call: OpenCall, counter: CounterKey) -> Tier | None:
        user_id, rules = counter[2], self._rules.of(call.attribution.guild_id)
        granted = self._granted[user_id]
        return tier_of(self._rules.tiers, granted, rules.tier, rules.tiers, user_id, call.attribution.role_ids)
