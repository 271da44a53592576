"""Calls that another program makes: may this one be made, and room for it kept until it is told what became of it.

What is reserved is an open call like any other, under the id that its key gives it. Telling the event of that key
(`HandTracking.book_event`) ends it. One that nobody tells is booked as interrupted at its worst case when its time is
over, or when this process has ended (I21): the call may have been made. Told later, it is corrected.
"""

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from bot.usage.bookkeeping.ledger import Ledger
from bot.usage.budgeting.admission import Refused, judge, small_of
from bot.usage.budgeting.budgets import BOT, Level
from bot.usage.budgeting.quota_gate import QuotaGate
from bot.usage.budgeting.rules import Counted, CounterKey
from bot.usage.calls.calls_in_flight import CallsInFlight
from bot.usage.calls.intent import elastic_of
from bot.usage.calls.told import attribution_named, id_of, utc
from bot.usage.context import token_tracking_context
from bot.usage.errors import AlreadyBookedError, CallRefusedError
from bot.usage.ids import new_id
from bot.usage.pricing.prices import PriceList
from bot.usage.records import BY_KEY, Kind, OpenCall, Price, Settlement, Status, Usage
from bot.usage.storage.database import Database, Script
from bot.usage.storage.rows import RESERVED_SOURCE, SELECT_RESERVED, key

KEPT_SECONDS = 900.0
"""How long room is kept for a call: longer than one takes, its retries included."""
MOST_KEPT = 20_000
"""Reservations that this process keeps at once: memory is bounded (I24). Beyond it the oldest end before their time."""
_LEVEL = (
    "SELECT spent, reserved, doubtful, fired FROM budget_periods "
    "WHERE guild_id = $1 AND budget_id = $2 AND key = $3 AND period_start = $4"
)


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether a call may be made: `refusal` is None where it may. `call` is as it may leave, with its output cap.

    `limits` are the budgets that count it and how they stand now, with what was reserved. `stops`: a budget of its
    server or of the whole bot refuses calls at its limit.
    """

    call: OpenCall
    refusal: CallRefusedError | None
    limits: Sequence[tuple[Counted, Level]]
    stops: bool
    expires_at: datetime | None = None


class Reservations:
    """Every method raises `DatabaseUnavailableError` where the books can't be reached."""

    def __init__(
        self,
        database: Database,
        ledger: Ledger,
        prices: PriceList,
        clock: Callable[[], datetime],
        calls: CallsInFlight,
    ) -> None:
        self._database = database
        self._ledger = ledger
        self._prices = prices
        self._clock = clock
        self._calls = calls
        self._kept: dict[str, tuple[OpenCall, asyncio.TimerHandle]] = {}
        self._asking: dict[str, asyncio.Event] = {}

    async def check(self, call: OpenCall) -> Verdict:
        """What the ledger would say of a call now. Nothing is reserved, and nobody is told of a refusal."""
        call, refusal, limits = await self._database.transact(partial(self._look, call))
        return Verdict(call, refusal, limits, self._stops(call))

    async def reserve(self, call: OpenCall, times: int = 1) -> Verdict:
        """Reserve a call's worst case in every budget and quota that counts it, as if it left through the door.

        Asked again, it is the same reservation. `times` above 1: it is reserved, and about to be sent once more, while
        so many attempts may be billed. Raises `AlreadyBookedError` where it has ended, and for one that was never
        reserved and is to be sent again.
        """
        while (other := self._asking.get(call.id)) is not None:
            await other.wait()
        self._asking[call.id] = asyncio.Event()
        try:
            return await self._reserve(call, times)
        finally:
            self._asking.pop(call.id).set()

    async def call(
        self,
        *,
        model: str,
        kind: str = Kind.LLM,
        usage: Mapping[str, Any],
        choices: int = 1,
        opaque: bool = False,
        provider: str | None = None,
        service_tier: str | None = None,
        at: datetime | None = None,
        key: str | None = None,
        **who: Any,
    ) -> OpenCall:
        """A call that somebody is about to make, at the most it can use; `who` as of `track_llm_call`.

        Without `output_tokens` a text's output has no cap, and the call may be given one, for each of its `choices`.
        `opaque`: part of what it will use can't be told. Raises `ValueError` or `TypeError` for what is no call.
        """
        at, worst, what = utc(at) if at is not None else self._clock(), Usage.from_mapping(usage), Kind(kind)
        uncapped = what is Kind.LLM and "output_tokens" not in usage
        model_cap = self._prices.max_output_tokens(model) if uncapped else None
        if uncapped:
            worst = replace(worst, output_tokens=(model_cap or 0) * choices)
        price = partial(self._worst_price, what, model, provider, service_tier, at)
        async with token_tracking_context(**attribution_named(who)) as attribution:
            declared = self._ledger.rules.operation(attribution.operation)
            return OpenCall(
                id=new_id() if key is None else id_of(key),
                kind=what,
                api=BY_KEY,
                started_at=at,
                attribution=attribution,
                provider=provider or "unknown",
                request_model=model,
                reserved_usage=worst,
                reserved=price(worst),
                opaque=opaque,
                elastic=elastic_of("", choices, worst, declared, model_cap, price) if uncapped else None,
                small_nano_usd=price(small_of(worst, choices)).cost_nano_usd,
            )

    def close(self) -> None:
        """Stop watching the time. What isn't told yet is booked by whoever opens the books next, or told to them."""
        for _, timer in self._kept.values():
            timer.cancel()
        self._kept.clear()

    async def _reserve(self, call: OpenCall, times: int) -> Verdict:
        found = await self._database.fetch(SELECT_RESERVED, *key(call))
        if (found and found[0][0] != Status.OPEN) or (times > 1 and not found):
            raise AlreadyBookedError(call.id)
        refusal = None
        try:
            call = _as_reserved(call, *found[0][1:]) if found else await self._calls.admitted(call)
            self._keep(call)
            if times > 1:
                await self._ledger.admit_again(call, times)
        except CallRefusedError as error:
            refusal = error
        limits = await self._database.read(partial(self._limits, self._ledger.rules.counted(call)))
        expires_at = self._clock() + timedelta(seconds=KEPT_SECONDS) if refusal is None else None
        return Verdict(call, refusal, limits, self._stops(call), expires_at)

    def _keep(self, call: OpenCall) -> None:
        """Until its time is over, which begins anew when it is asked for again."""
        if (before := self._kept.pop(call.id, None)) is not None:
            before[1].cancel()
        while len(self._kept) >= MOST_KEPT:
            self._give_up(next(iter(self._kept)))
        timer = asyncio.get_running_loop().call_later(KEPT_SECONDS, self._give_up, call.id)
        self._kept[call.id] = call, timer

    def _give_up(self, call_id: str) -> None:
        """Nobody told what became of it, or somebody did: then the ledger leaves it as it is."""
        call, timer = self._kept.pop(call_id)
        timer.cancel()
        cost = call.reserved.cost_nano_usd
        price = Price(cost, RESERVED_SOURCE if cost is not None else "unknown")
        self._ledger.settle(call, Settlement(Status.INTERRUPTED, call.reserved_usage, price, 0, estimated=True))

    def _look(self, call: OpenCall) -> Script[tuple[OpenCall, CallRefusedError | None, list[tuple[Counted, Level]]]]:
        rules, now = self._ledger.rules, self._clock()
        yield from rules.refresh(now)
        gate, counted = QuotaGate(rules, now), rules.counted(call)
        yield from gate.read([call])
        levels = yield from _levels([*(item.counter for item in counted), *gate.counters.values()])
        forbidden = rules.opt_out(call.attribution) or rules.pause(call.attribution.guild_id, now)
        refusal = forbidden or gate.refusal(call, levels)
        limits = [(item, levels[item.counter]) for item in counted]
        if refusal is not None:
            return call, refusal, limits
        found = judge(call, counted, levels, lambda b: rules.calendar(b.guild_id).end(b.period, now))
        return (call, found.error, limits) if isinstance(found, Refused) else (found, None, limits)

    def _limits(self, counted: Sequence[Counted]) -> Script[list[tuple[Counted, Level]]]:
        levels = yield from _levels(item.counter for item in counted)
        return [(item, levels[item.counter]) for item in counted]

    def _stops(self, call: OpenCall) -> bool:
        rules = self._ledger.rules
        return any(b.stops for guild_id in (BOT, call.attribution.guild_id) for b in rules.of(guild_id).budgets)

    def _worst_price(
        self, kind: Kind, model: str, provider: str | None, service_tier: str | None, at: datetime, usage: Usage
    ) -> Price:
        if kind not in (Kind.LLM, Kind.EMBEDDING):
            return self._prices.price(usage, model, at=at, provider=provider, service_tier=service_tier, kind=kind)
        return self._prices.worst_case(
            model,
            input_tokens=usage.input_tokens,
            output_tokens=usage.output_tokens,
            at=at,
            provider=provider,
            service_tier=service_tier,
            audio=bool(usage.input_audio_tokens or usage.output_audio_tokens),
        )


def _levels(wanted: Iterable[CounterKey]) -> Script[dict[CounterKey, Level]]:
    levels = {}
    for counter in wanted:
        found = yield _LEVEL, counter
        levels[counter] = Level(*found[0]) if found else Level()
    return levels


def _as_reserved(call: OpenCall, cost: int | None, input_tokens: int, output_tokens: int) -> OpenCall:
    """One attempt of a call as it was admitted, when it is asked for again; on the books all attempts are together."""
    once = call.reserved_usage.input_tokens
    attempts = max(1, input_tokens // once) if once else 1
    usage = replace(call.reserved_usage, output_tokens=output_tokens // attempts)
    cap = usage.output_tokens // call.elastic.choices if call.elastic is not None else None
    price = Price(None if cost is None else cost // attempts, call.reserved.source)
    return replace(call, reserved_usage=usage, reserved=price, elastic=None, output_cap=cap)
