"""Calls made elsewhere and told to us: priced like the door's, buffered, and never a trouble to the teller."""

import asyncio
import logging
from collections.abc import Callable, Mapping
from contextvars import copy_context
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from bot.usage.bookkeeping.keeper import Keeper
from bot.usage.calls.told import Ending, Told, attribution_named, id_of, utc
from bot.usage.context import storable, text_of, token_tracking_context
from bot.usage.errors import DataFileError
from bot.usage.ids import new_id
from bot.usage.pricing.costs import Money, amount_of, nano_usd_of
from bot.usage.pricing.fees import fee_of
from bot.usage.pricing.prices import PriceList
from bot.usage.records import BY_HAND, BY_KEY, Kind, OpenCall, Price, Usage, UsageRecord

log = logging.getLogger(__name__)

LARGEST_COST_USD = 10**6
"""Of one call: more is a mistake."""
_TOMORROW = timedelta(days=1)
"""How far other machines' clocks may be ahead."""
GIVEN = "given"
"""Price source of a cost that the teller named: it wins over any price list, and 0 is free, not unpriced."""


@dataclass(frozen=True, slots=True)
class Buffering:
    """How many calls tracked by hand are written at once, and how many seconds one may wait for the others."""

    batch_size: int = 20
    seconds: float = 5.0


class HandTracking:
    """Takes calls that didn't go through the door. What is still in the buffer at `kill -9` is lost."""

    def __init__(
        self,
        ledger: Keeper,
        prices: PriceList,
        clock: Callable[[], datetime],
        buffering: Buffering,
        on_told: Callable[[UsageRecord], None],
    ) -> None:
        self._ledger = ledger
        self._prices = prices
        self._clock = clock
        self._buffering = buffering
        self._on_told = on_told
        self._told: list[UsageRecord] = []
        self._timer: asyncio.TimerHandle | None = None

    async def track_llm_call(
        self,
        *,
        model: str,
        input_tokens: int = 0,
        output_tokens: int = 0,
        cached_input_tokens: int = 0,
        usage: Mapping[str, Any] | None = None,
        provider: str | None = None,
        cost: Money | None = None,
        duration_ms: float = 0,
        failed: bool = False,
        error_type: str | None = None,
        estimated: bool = False,
        response_id: str | None = None,
        **who: Any,
    ) -> None:
        """Book one call made elsewhere: tokens as the provider reported them, `cost` in USD if it is known better.

        `usage` gives all counts at once, by the names of `Usage`, in the place of the three. `estimated`: the counts
        are a guess. `who` takes the arguments of `token_tracking_context`, and `agent_id` and `intent`. Never raises:
        what can't be booked is logged.
        """
        counts = usage or {
            "input_tokens": input_tokens,
            "cached_input_tokens": cached_input_tokens,
            "output_tokens": output_tokens,
        }
        ending = Ending(duration_ms, failed, error_type, estimated, response_id)
        await self._tell(Told(Kind.LLM, model, counts, provider, cost, ending, who))

    async def track_embedding(
        self,
        *,
        model: str,
        tokens: int,
        provider: str | None = None,
        cost: Money | None = None,
        duration_ms: float = 0,
        failed: bool = False,
        **who: Any,
    ) -> None:
        """Book one embedding made elsewhere; as `track_llm_call`."""
        counts = {"input_tokens": tokens}
        await self._tell(Told(Kind.EMBEDDING, model, counts, provider, cost, Ending(duration_ms, failed), who))

    async def track_image_generation(
        self,
        *,
        model: str,
        resolution: str | None = None,
        quality: str | None = None,
        images: int = 1,
        provider: str | None = None,
        cost: Money | None = None,
        duration_ms: float = 0,
        failed: bool = False,
        **who: Any,
    ) -> None:
        """Book images made elsewhere, of a size like `1024x1024`; as `track_llm_call`."""
        counts = {"images": images, "image_size": resolution, "image_quality": quality}
        await self._tell(Told(Kind.IMAGE, model, counts, provider, cost, Ending(duration_ms, failed), who))

    async def track_payment_fee(self, *, gateway: str, amount: Money, fee: Money | None = None, **who: Any) -> None:
        """Book what a payment gateway kept of a payment of `amount` USD: `fee` in USD, else what data/fees.toml says.

        Fees count towards no AI budget, quota or sum; they have a line of their own. Never raises.
        """
        try:
            kept = amount_of(fee) if fee is not None else fee_of(str(gateway)).of(amount_of(amount))
            facts = {"amount_usd": str(amount_of(amount)), **(who.pop("metadata", None) or {})}
        except (DataFileError, TypeError, ValueError) as error:
            log.error("a payment's fee can't be booked: %s", error)  # noqa: TRY400 - as below
            return
        await self._tell(Told(Kind.PAYMENT, gateway, {}, gateway, kept, Ending(), {**who, "metadata": facts}))

    async def book_event(
        self,
        *,
        kind: str,
        key: str,
        at: datetime,
        model: str = "",
        usage: Mapping[str, Any] | None = None,
        amount: Money | None = None,
        cost: Money | None = None,
        provider: str | None = None,
        duration_ms: float = 0,
        failed: bool = False,
        error_type: str | None = None,
        estimated: bool = False,
        response_id: str | None = None,
        service_tier: str | None = None,
        doubtful_cost: Money = 0,
        doubtful_tokens: int = 0,
        **who: Any,
    ) -> None:
        """Book what another program tells, once however often it is told: the same `key`, server and time are the same
        event (I6), and a call of that key that was reserved (`Reservations`) ends with it. What is `doubtful`, USD and
        tokens, may have been billed besides.

        `kind` is a `Kind`'s name; of a payment, `model` is the gateway and `amount` what was paid, in USD. A naive `at`
        is UTC. Raises `ValueError` or `TypeError` for what can't be booked.
        """
        feared = nano_usd_of(doubtful_cost), doubtful_tokens
        ending = Ending(duration_ms, failed, error_type, estimated, response_id, service_tier, *feared)
        if kind == Kind.PAYMENT:
            cost = cost if cost is not None else fee_of(model).of(amount_of(amount or 0))
            usage, provider = {}, model
        told = Told(Kind(kind), model, usage or {}, provider, cost, ending, who)
        self.keep(await self._record(told, at, key))

    async def _tell(self, told: Told) -> None:
        try:
            record = await self._record(told)
            await self._ledger.room()
            self.keep(record)
        except (ArithmeticError, TypeError, ValueError) as error:
            log.error("a call tracked by hand can't be booked: %s", error)  # noqa: TRY400 - the message says it all

    async def _record(self, told: Told, at: datetime | None = None, key: str | None = None) -> UsageRecord:
        if not told.model:
            raise ValueError("which model? Of a payment, `model` is the gateway")
        told = replace(told, model=storable(told.model), provider=text_of(told.provider))
        usage, at = Usage.from_mapping(told.usage), utc(at) if at is not None else self._clock()
        if at > self._clock() + _TOMORROW:
            raise ValueError(f"{at.isoformat()} is in the future")
        price = self._priced(told, usage, at)
        async with token_tracking_context(**attribution_named(told.who)) as attribution:
            call = OpenCall(
                id=new_id() if key is None else id_of(key),
                kind=told.kind,
                api=BY_HAND if key is None else BY_KEY,
                started_at=at,
                attribution=attribution,
                provider=told.provider or "unknown",
                request_model=told.model,
                reserved_usage=usage,
                reserved=price,
                context=copy_context(),
            )
        return UsageRecord(call, told.ending.settlement(usage, price))

    def hand_over(self) -> None:
        """Give what is buffered to the ledger."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        told, self._told = self._told, []
        for record in told:
            self._ledger.record(record)

    def keep(self, record: UsageRecord) -> None:
        """Take a finished call as it is. On the loop that the books are open on (see `UsageTracker.on_loop`)."""
        self._told.append(record)
        self._on_told(record)
        if len(self._told) >= self._buffering.batch_size:
            self.hand_over()
        elif self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(self._buffering.seconds, self.hand_over)

    def _priced(self, told: Told, usage: Usage, at: datetime) -> Price:
        if told.cost is None:
            tier = told.ending.service_tier
            return self._prices.price(
                usage, told.model, at=at, provider=told.provider, service_tier=tier, kind=told.kind
            )
        if amount_of(told.cost) > LARGEST_COST_USD:
            raise ValueError(f"a cost of {told.cost} USD can't be right")
        return Price(nano_usd_of(told.cost), GIVEN)
