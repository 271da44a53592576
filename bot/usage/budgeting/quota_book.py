"""Quotas in use: may somebody run an operation, how much have they used, what tier are they in.

Counters are rows of `budget_periods` (guild 0, budget `quota`, key: the person, period: the month in UTC), which the
ledger keeps in the transaction that books a call. Whoever asks here is told by the quota, whether or not quotas are
switched on for the server: that switch is for the calls themselves, which the ledger refuses.
"""

from collections.abc import Awaitable, Callable, Iterable, Mapping
from datetime import datetime

from bot.usage.budgeting.budgets import BOT
from bot.usage.budgeting.calendars import ALWAYS_UTC, Period
from bot.usage.budgeting.counters import SET_FIRED
from bot.usage.budgeting.events import CROSSINGS, Events, prompt_event, refusal_event, status_event
from bot.usage.budgeting.operation_costs import OperationCosts, one_name
from bot.usage.budgeting.quota_answers import (
    MonthlyQuota,
    OwnUsage,
    QuotaStanding,
    QuotaSummary,
    Subscription,
    TokenAllowance,
)
from bot.usage.budgeting.quotas import (
    EXEMPT,
    FULL,
    SubscriptionTier,
    Tier,
    percentage,
    status,
    tier_of,
    verdict,
    warnings,
)
from bot.usage.budgeting.rules import QUOTA, Rules
from bot.usage.budgeting.tier_grants import Source, TierGrants
from bot.usage.context import storable
from bot.usage.errors import QuotaExceededError, QuotaResult
from bot.usage.operations import Operation
from bot.usage.storage.database import Database, Row, Script
from bot.usage.storage.queued import wait_for_queued
from bot.usage.storage.rows import microseconds

_COUNTER = (
    "SELECT spent, reserved, fired FROM budget_periods "
    "WHERE guild_id = $1 AND budget_id = $2 AND key = $3 AND period_start = $4"
)
_OWN_CALLS = (
    "SELECT guild_id, operation, count(*), CAST(sum(input_tokens) AS BIGINT), CAST(sum(output_tokens) AS BIGINT) "
    "FROM usage_records WHERE user_id = $1 AND started_at >= $2 AND status <> 'open' AND kind <> 'payment' "
    "GROUP BY guild_id, operation ORDER BY sum(input_tokens + output_tokens) DESC, operation, guild_id"
)


class QuotaBook:
    """Answers for people by their id (int, str or UUID). Methods raise `DatabaseUnavailableError`.

    `guild_id` and `role_ids` say where the person is asking, for the server's subscription and its rules.
    """

    def __init__(
        self,
        database: Database,
        *,
        rules: Rules,
        grants: TierGrants,
        operations: Mapping[str, Operation],
        costs: OperationCosts,
        events: Events,
        clock: Callable[[], datetime],
        before_reading: Callable[[], Awaitable[object]],
    ) -> None:
        self.grants = grants
        self.tiers = grants.tiers
        self.set_rule = grants.set_rule
        self.rules = grants.rules
        self._database = database
        self._rules = rules
        self._operations = operations
        self._costs = costs
        self._events = events
        self._clock = clock
        self._before_reading = before_reading

    async def check_operation_allowed(
        self,
        user_id: object,
        operation: str | None = None,
        *,
        operation_type: str | None = None,
        guild_id: int = BOT,
        role_ids: Iterable[int] = (),
    ) -> QuotaResult:
        """Whether somebody's quota allows an operation of its usual size. A refusal is told to who subscribed.

        `operation_type` is another name for `operation`. Nothing is reserved: the call is decided when it is made.
        """
        name = one_name(operation, operation_type)
        standing = await self.standing(user_id, guild_id=guild_id, role_ids=role_ids)
        declared = self._operations.get(name)
        needed = await self._costs.usual_tokens(name)
        result = _decided(standing, declared is not None and declared.premium, needed, name)
        if not (result.allowed or result.is_busy):
            self._events.fire([refusal_event(standing.user_id, name, result)])
            if result.requires_upgrade:
                self._events.fire([prompt_event(standing.user_id, name, needed, result)])
        return result

    async def enforce_operation_quota(
        self,
        user_id: object,
        operation: str | None = None,
        *,
        operation_type: str | None = None,
        guild_id: int = BOT,
        role_ids: Iterable[int] = (),
    ) -> QuotaResult:
        """The same, raising `QuotaExceededError` with the `result` where it isn't allowed."""
        result = await self.check_operation_allowed(
            user_id, operation, operation_type=operation_type, guild_id=guild_id, role_ids=role_ids
        )
        if not result.allowed:
            raise QuotaExceededError(guild_id, storable(user_id), result)
        return result

    async def can_use_tokens(
        self, user_id: object, estimated_tokens: int, *, guild_id: int = BOT, role_ids: Iterable[int] = ()
    ) -> TokenAllowance:
        """Whether somebody's quota has room for so many tokens. A question only: nobody is told of the answer.

        Raises `ValueError` for what is no number of tokens.
        """
        if type(estimated_tokens) is not int or estimated_tokens < 0:
            raise ValueError(f"estimated_tokens must be a whole number from 0 on, not {estimated_tokens!r}")
        standing = await self.standing(user_id, guild_id=guild_id, role_ids=role_ids)
        result = _decided(standing, premium=False, needed=estimated_tokens, operation="")
        return TokenAllowance(result.allowed, result.tokens_remaining, result.reason)

    async def get_quota_summary(
        self, user_id: object, *, guild_id: int = BOT, role_ids: Iterable[int] = ()
    ) -> QuotaSummary:
        """Somebody's month: tier, what is used and left, warnings, tokens by operation, when it began (ISO, UTC)."""
        standing = await self.standing(user_id, guild_id=guild_id, role_ids=role_ids)
        used, limit = standing.used, standing.limit
        breakdown: dict[str, int] = {}
        for line in await self.own_usage(user_id, standing.began_at):
            declared = self._operations.get(line.operation)
            if line.total_tokens and (declared is None or declared.counts_toward_quota):
                breakdown[line.operation] = breakdown.get(line.operation, 0) + line.total_tokens
        return QuotaSummary(
            user_id=standing.user_id,
            subscription_tier=standing.tier.name if standing.tier else EXEMPT,
            monthly=MonthlyQuota(
                used=used,
                limit=limit,
                remaining=None if limit is None else max(0, limit - used),
                percentage=percentage(used, limit),
                status=status(used, limit).value,
            ),
            warnings=warnings(used, limit),
            operation_breakdown=dict(sorted(breakdown.items(), key=lambda item: (-item[1], item[0]))),
            last_reset_at=standing.began_at.strftime("%Y-%m-%dT%H:%M:%SZ"),
        )

    async def update_user_subscription(self, user_id: object, new_tier: str) -> Subscription:
        """Put somebody into a tier; `free` takes back what was given here before. Other sources' grants stay.

        Returns the tier that holds now, and tells who subscribed where that changed. Raises `UnknownTierError`.
        """
        person = storable(user_id)
        before = _name(self._granted(person, await self.grants.of_person(person)))
        if new_tier == SubscriptionTier.FREE:
            await self.grants.take_back_person(person, Source.LIBRARY)
        else:
            await self.grants.grant_person(person, str(new_tier), Source.LIBRARY)
        now = self._granted(person, await self.grants.of_person(person))
        if _name(now) != before:
            self._events.fire([status_event(person, before, _name(now))])
        return Subscription(
            user_id=person,
            subscription_tier=_name(now),
            monthly_token_limit=now.monthly_tokens if now else None,
        )

    async def standing(self, user_id: object, *, guild_id: int = BOT, role_ids: Iterable[int] = ()) -> QuotaStanding:
        """How somebody's running month stands, with everything booked so far."""
        await self._flushed()
        person, counter = storable(user_id), self._counter(storable(user_id))
        granted, found = await self._database.fetch_all([self.grants.query(person), (_COUNTER, counter)])
        return self._standing(person, granted, found, guild_id, role_ids)

    async def newly_crossed(self, user_id: object, *, guild_id: int = BOT, role_ids: Iterable[int] = ()) -> int | None:
        """80 or 90 (or 100, by a jump) once when somebody's use has crossed that percentage of their quota; else None.

        None too where quotas are off for the server, without looking. Being granted a tier arms the percentages anew;
        a server where somebody has more doesn't, or they would be told again on every way back from it.
        """
        if not self.hold_on(guild_id):
            return None
        await self._flushed()
        roles = tuple(role_ids)
        return await self._database.transact(lambda: self._cross(storable(user_id), guild_id, roles))

    async def own_usage(self, user_id: object, since: datetime) -> list[OwnUsage]:
        """What somebody used since then, by server and operation, most first; as far back as single calls are kept."""
        rows = await self._database.fetch(_OWN_CALLS, storable(user_id), microseconds(since))
        return [OwnUsage(*row) for row in rows]

    def hold_on(self, guild_id: int) -> bool:
        """Whether a server (0: outside servers) has quotas switched on, so that calls are refused by them."""
        return self._rules.of(guild_id).quotas

    async def prompted(self, error: QuotaExceededError, operation: str) -> None:
        """Tell who subscribed that a person who was refused an operation was shown an upgrade."""
        needed = await self._costs.usual_tokens(operation)
        self._events.fire([prompt_event(error.user_id, operation, needed, error.result)])

    def _cross(self, person: str, guild_id: int, role_ids: tuple[int, ...]) -> Script[int | None]:
        found = yield (f"{_COUNTER} FOR UPDATE", self._counter(person))
        granted = yield self.grants.query(person)
        standing = self._standing(person, granted, found, guild_id, role_ids)
        if not found or not standing.limit:
            return None
        reached = max((t for t in CROSSINGS if standing.used * FULL >= t * standing.limit), default=0)
        if reached <= standing.told:
            return None
        yield (SET_FIRED, (*self._counter(person), reached))
        return FULL if standing.used >= standing.limit else reached

    def _standing(
        self, person: str, granted: list[Row], found: list[Row], guild_id: int, role_ids: Iterable[int]
    ) -> QuotaStanding:
        now, here = self._clock(), self._rules.of(guild_id)
        tier = tier_of(self.tiers, [name for (name,) in granted], here.tier, here.tiers, person, role_ids)
        used, reserved, told = found[0] if found else (0, 0, 0)
        began, resets = ALWAYS_UTC.begin(Period.MONTH, now), ALWAYS_UTC.end(Period.MONTH, now)
        assert began is not None  # noqa: S101 - a month begins
        assert resets is not None  # noqa: S101 - and ends
        return QuotaStanding(person, tier, used, reserved, told, began, resets)

    def _granted(self, person: str, granted: Iterable[str]) -> Tier | None:
        return tier_of(self.tiers, granted, None, {}, person, ())

    def _counter(self, person: str) -> tuple[int, str, str, str]:
        return BOT, QUOTA, person, ALWAYS_UTC.start(Period.MONTH, self._clock())

    async def _flushed(self) -> None:
        await wait_for_queued(self._before_reading)


def _decided(standing: QuotaStanding, premium: bool, needed: int, operation: str) -> QuotaResult:
    return verdict(
        standing.tier,
        standing.used,
        standing.reserved,
        premium,
        needed=needed,
        operation=operation,
        resets_at=standing.resets_at,
    )


def _name(tier: Tier | None) -> str:
    return tier.name if tier else EXEMPT
