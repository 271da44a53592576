"""Calls made elsewhere and told to us: priced like the door's, buffered, and never a trouble to the teller."""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from bot.usage.context import token_tracking_context
from bot.usage.ids import new_id
from bot.usage.ledger import Ledger
from bot.usage.prices import PriceList
from bot.usage.records import NANO_USD_PER_USD, Kind, OpenCall, Price, Settlement, Status, Usage, UsageRecord

log = logging.getLogger(__name__)

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
        ledger: Ledger,
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

    async def track_usage(
        self,
        *,
        model: str,
        input_tokens: int,
        output_tokens: int,
        cached_input_tokens: int = 0,
        provider: str | None = None,
        cost: Decimal | float | str | None = None,
        duration_ms: float = 0,
        failed: bool = False,
        **who: Any,
    ) -> None:
        """Book one call made elsewhere: tokens as the provider reported them, `cost` in USD if it is known better.

        `who` takes the arguments of `token_tracking_context`. Never raises: what can't be booked is logged.
        """
        try:
            usage = Usage.from_mapping(
                {
                    "input_tokens": input_tokens,
                    "cached_input_tokens": cached_input_tokens,
                    "output_tokens": output_tokens,
                }
            )
            at = self._clock()
            price = self._priced(usage, model, provider, cost, at)
            async with token_tracking_context(**who) as attribution:
                call = OpenCall(
                    id=new_id(),
                    kind=Kind.LLM,
                    api="by hand",
                    started_at=at,
                    attribution=attribution,
                    provider=provider or "unknown",
                    request_model=model,
                    reserved_usage=usage,
                    reserved=price,
                )
            status = Status.ERROR if failed else Status.OK
            self._keep(UsageRecord(call, Settlement(status, usage, price, duration_ms=round(duration_ms))))
        except (ArithmeticError, TypeError, ValueError) as error:
            log.error("a call tracked by hand can't be booked: %s", error)  # noqa: TRY400 - the message says it all

    def hand_over(self) -> None:
        """Give what is buffered to the ledger."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        told, self._told = self._told, []
        for record in told:
            self._ledger.record(record)

    def _keep(self, record: UsageRecord) -> None:
        self._told.append(record)
        self._on_told(record)
        if len(self._told) >= self._buffering.batch_size:
            self.hand_over()
        elif self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(self._buffering.seconds, self.hand_over)

    def _priced(
        self, usage: Usage, model: str, provider: str | None, cost: Decimal | float | str | None, at: datetime
    ) -> Price:
        if cost is None:
            return self._prices.price(usage, model, at=at, provider=provider)
        amount = Decimal(str(cost)) * NANO_USD_PER_USD
        if not 0 <= amount <= 10**6 * NANO_USD_PER_USD:
            raise ValueError(f"a cost of {cost} USD can't be right")
        return Price(int(amount.to_integral_value()), GIVEN)
