"""A tracker whose books are behind a REST API (docs/rest-api.md): for programs on other machines, or beside SQLite."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from contextlib import asynccontextmanager, contextmanager
from datetime import date, datetime
from decimal import Decimal
from typing import Any, NoReturn

from bot.usage.budgeting.budgets import BOT
from bot.usage.budgeting.operation_costs import one_name
from bot.usage.budgeting.quota_answers import QuotaSummary, TokenAllowance
from bot.usage.calls.hand_tracking import Buffering
from bot.usage.context import storable
from bot.usage.errors import NotOverRestError, QuotaExceededError, QuotaResult, RemoteBooksError
from bot.usage.money import usd
from bot.usage.opened import at_work
from bot.usage.pricing.prices import PriceList
from bot.usage.remote.remote_api import RemoteApi, Unreached
from bot.usage.remote.remote_ledger import RemoteLedger
from bot.usage.reporting.analytics import utc_day
from bot.usage.reporting.analytics_answers import CostSummary
from bot.usage.tracker import UsageTracker


class RemoteTracker(UsageTracker):
    """`UsageTracker`, as far as an API can stand in for a database.

    Calls through `openai()` are asked for before they leave and told after, by the rules over there; what is told by
    hand is buffered, then told. Quotas and the cost summary can be asked for with a key for all servers; whatever else
    needs the database raises `NotOverRestError`. Costs on the books are by the price list over there; what
    `get_summary()` and subscribers say is by the one here.
    """

    def __init__(
        self, api: RemoteApi, prices: PriceList, clock: Callable[[], datetime], buffering: Buffering, *, fail_open: bool
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self.operations = {}
        self._remote = RemoteLedger(api, clock, self._booked, self.operations, fail_open=fail_open)
        self._open_door(self._remote, prices, clock, buffering)
        self._remote.start()
        answers = _Answers(api, self.force_flush)
        self.can_use_tokens = answers.can_use_tokens
        self.check_operation_allowed = answers.check_operation_allowed
        self.enforce_operation_quota = answers.enforce_operation_quota
        self.get_quota_summary = answers.get_quota_summary
        self.get_cost_summary = answers.get_cost_summary

    def __getattr__(self, name: str) -> NoReturn:
        """What isn't here needs the database."""
        raise NotOverRestError(name)


class _Answers:
    """Asks the API what `QuotaBook` and `Analytics` would say. Raises `RemoteBooksError` where it doesn't."""

    def __init__(self, api: RemoteApi, flush: Callable[[], Any]) -> None:
        self._api = api
        self._flush = flush

    async def can_use_tokens(
        self, user_id: object, estimated_tokens: int, *, guild_id: int = BOT, role_ids: Iterable[int] = ()
    ) -> TokenAllowance:
        answer = await self._check(user_id, guild_id, role_ids, estimated_tokens=estimated_tokens)
        with self._understanding():
            return TokenAllowance(answer["allowed"], answer["tokens_remaining"], answer["reason"])

    async def check_operation_allowed(
        self,
        user_id: object,
        operation: str | None = None,
        *,
        operation_type: str | None = None,
        guild_id: int = BOT,
        role_ids: Iterable[int] = (),
    ) -> QuotaResult:
        answer = await self._check(user_id, guild_id, role_ids, operation=one_name(operation, operation_type))
        with self._understanding():
            found = answer["quota"] or {
                name: answer[name] for name in ("allowed", "reason", "requires_upgrade", "tokens_remaining")
            }
            resets_at = found.get("resets_at")
            return QuotaResult(**{**found, "resets_at": datetime.fromisoformat(resets_at) if resets_at else None})

    async def enforce_operation_quota(
        self,
        user_id: object,
        operation: str | None = None,
        *,
        operation_type: str | None = None,
        guild_id: int = BOT,
        role_ids: Iterable[int] = (),
    ) -> QuotaResult:
        result = await self.check_operation_allowed(
            user_id, operation, operation_type=operation_type, guild_id=guild_id, role_ids=role_ids
        )
        if not result.allowed:
            raise QuotaExceededError(guild_id, storable(user_id), result)
        return result

    async def get_quota_summary(
        self, user_id: object, *, guild_id: int = BOT, role_ids: Iterable[int] = ()
    ) -> QuotaSummary:
        """Of the person outside servers: the API asks no server's tiers."""
        if guild_id != BOT or tuple(role_ids):
            raise NotOverRestError("get_quota_summary of a server")
        found = await self._get("/my-quota", user_id=storable(user_id))
        with self._understanding():
            return QuotaSummary(
                user_id=storable(user_id),
                subscription_tier=found["subscription_tier"],
                monthly=found["monthly_usage"],
                warnings=found["warnings"],
                operation_breakdown=found["top_operations"],
                last_reset_at=found["last_reset"],
            )

    async def get_cost_summary(
        self, user_id: object = None, start: datetime | date | None = None, end: datetime | date | None = None
    ) -> CostSummary:
        """By whole days, UTC."""
        who = None if user_id is None else storable(user_id)
        found = await self._get("/summary", user_id=who, start=_day(start), end=_day(end))
        with self._understanding():
            return CostSummary(
                total_cost=usd(found["cost_nano_usd"]),
                total_calls=found["total_calls"],
                total_tokens=found["total_tokens"],
                unpriced_calls=found["unpriced_calls"],
                by_model={name: Decimal(str(cost)) for name, cost in found["by_model"].items()},
                by_operation={name: Decimal(str(cost)) for name, cost in found["by_operation"].items()},
                payment_fees=Decimal(str(found["payment_fees"])),
            )

    @contextmanager
    def _understanding(self) -> Iterator[None]:
        """Around the reading of an answer, which something else at that address may have sent."""
        try:
            yield
        except (LookupError, TypeError, AttributeError, ValueError, ArithmeticError) as error:
            problem = f"what it answers isn't of this API, or of another version ({type(error).__name__})"
            raise RemoteBooksError(self._api.host, problem) from None

    async def _check(self, user_id: object, guild_id: int, role_ids: Iterable[int], **what: Any) -> dict[str, Any]:
        body = {"user_id": storable(user_id), "guild_id": guild_id or None, "role_ids": list(role_ids), **what}
        try:
            return await self._api.post("/check", body)
        except Unreached as error:
            raise RemoteBooksError(self._api.host, str(error)) from None

    async def _get(self, path: str, **parameters: Any) -> dict[str, Any]:
        try:
            return await self._api.get(path, **parameters)
        except Unreached as error:
            raise RemoteBooksError(self._api.host, str(error)) from None


def _day(when: datetime | date | None) -> str | None:
    return utc_day(when).isoformat() if when is not None else None


@asynccontextmanager
async def open_remote(
    url: str,
    key: str | None,
    *,
    prices: PriceList,
    console: bool,
    clock: Callable[[], datetime],
    buffering: Buffering,
    fail_open: bool,
) -> AsyncIterator[UsageTracker]:
    """See `open_tracker`. Nothing is asked at opening: who starts before the API does waits for it when it is needed.

    Raises `RemoteBooksError` for an address that isn't taken.
    """
    tracker = RemoteTracker(RemoteApi(url, key), prices, clock, buffering, fail_open=fail_open)
    async with at_work(tracker, console=console):
        yield tracker
