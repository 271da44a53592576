"""Calls that are on the books, priced anew: a model got a price, or a price was wrong (I9, I10).

Each call by the price of the time it was made. What was given by hand stays, and so does what wasn't charged, what a
crash left at its worst case (`reconcile` corrects that), and what reported no use at all. Done in small transactions:
stopped in between, it passes over what is done and goes on.
"""

import asyncio
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from bot.usage.bookkeeping.booked import Place, beginning, page, place_of
from bot.usage.bookkeeping.corrections import RECONCILED, Correction, correct
from bot.usage.budgeting.budgets import BOT
from bot.usage.budgeting.rules import Rules
from bot.usage.calls.endpoints import TOLD_BY_THE_ANSWER
from bot.usage.calls.hand_tracking import GIVEN
from bot.usage.calls.providers import price_id_of
from bot.usage.pricing.prices import PriceList
from bot.usage.records import BY_HAND, BY_KEY, NOT_CHARGED, Kind, Price, Settlement, Status, Usage, UsageRecord
from bot.usage.storage import audit
from bot.usage.storage.database import Database, Script, Statement
from bot.usage.storage.rows import RESERVED_SOURCE
from bot.usage.upkeep.retention import PAUSE_SECONDS

_STAY = frozenset({GIVEN, NOT_CHARGED, RECONCILED, RESERVED_SOURCE})
_BY_USAGE_ALONE = frozenset({"images", "audio.speech", *TOLD_BY_THE_ANSWER})
"""`api`s whose worst case can't be told from tokens."""
_AT_WORST = frozenset({"accounting failed", "never retrieved"})
"""Flags of calls that were booked at their worst case, as after a crash."""
_OF_MODEL = " AND (request_model = $4 OR response_model = $4)"


@dataclass(frozen=True, slots=True)
class Which:
    """The calls to look at: those for, or served by, a model; that started at `since` or later, and before `until`."""

    model: str | None = None
    since: datetime | None = None
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Repriced:
    """The calls of one model that cost something else now: sums in nano-USD, before without those that had no price.

    `priced_calls` are those.
    """

    model: str
    calls: int = 0
    priced_calls: int = 0
    before_nano_usd: int = 0
    after_nano_usd: int = 0


async def preview(database: Database, prices: PriceList, which: Which) -> list[Repriced]:
    """What `reprice` would change, by model. Raises `DatabaseUnavailableError`."""
    return await database.read(lambda: _look(prices, which))


async def reprice(
    database: Database, prices: PriceList, which: Which, clock: Callable[[], datetime], actor: str = audit.SYSTEM
) -> list[Repriced]:
    """Price them anew, sums and budgets with them; what it changed. Each transaction has its line in the audit log.

    A budget that has passed a threshold with that announces it. Calls that start after this has begun are left out: a
    busy bot would keep it going for ever. Raises `DatabaseUnavailableError`.
    """
    rules, place, changed = Rules(), beginning(which.since), dict[str, Repriced]()
    which = replace(which, until=which.until or clock() + timedelta(microseconds=1))
    while True:
        corrections, following = await database.decide(
            lambda: _chunk(place, prices, which, rules, clock(), actor)  # noqa: B023 - awaited at once
        )
        _add_up(corrections, changed)
        if following is None:
            return _in_order(changed)
        place = following
        await asyncio.sleep(PAUSE_SECONDS)


def _look(prices: PriceList, which: Which) -> Script[list[Repriced]]:
    place, changed = beginning(which.since), dict[str, Repriced]()
    while records := (yield from _page(place, which, locked=False)):
        _add_up(_corrections(records, prices), changed)
        place = place_of(records[-1])
    return _in_order(changed)


def _chunk(
    place: Place, prices: PriceList, which: Which, rules: Rules, now: datetime, actor: str
) -> Script[tuple[tuple[list[Correction], Place | None], Sequence[Statement]]]:
    """One transaction: what it changed, and where the next begins; None after the last."""
    yield from rules.refresh(now)
    records = yield from _page(place, which, locked=True)
    corrections = _corrections(records, prices)
    statements = yield from correct(corrections, rules, now)
    if corrections:
        facts = {
            "calls": len(corrections),
            "since": corrections[0][0].call.started_at.isoformat(),
            "until": corrections[-1][0].call.started_at.isoformat(),
            "before": sum(record.settlement.price.cost_nano_usd or 0 for record, _ in corrections),
            "after": sum(settlement.price.cost_nano_usd or 0 for _, settlement in corrections),
        }
        yield from audit.note(now, BOT, actor, "repriced", facts)
    return (corrections, place_of(records[-1]) if records else None), statements


def _page(place: Place, which: Which, *, locked: bool) -> Script[list[UsageRecord]]:
    only, parameters = (_OF_MODEL, (which.model,)) if which.model else ("", ())
    return page(place, which.until, only=only, parameters=parameters, locked=locked)


def _corrections(records: Iterable[UsageRecord], prices: PriceList) -> list[Correction]:
    found = ((record, _price(record, prices)) for record in records)
    return [(record, _settled(record, price)) for record, price in found if price != record.settlement.price]


def _price(record: UsageRecord, prices: PriceList) -> Price:
    """What a call costs by today's knowledge; what it has where that can't be said, or is none of the price list's."""
    call, settled = record.call, record.settlement
    before, usage = settled.price, settled.usage
    if call.kind is Kind.PAYMENT or before.source in _STAY or usage == Usage():
        return before
    told = call.provider if call.api in (BY_HAND, BY_KEY) and call.provider != "unknown" else price_id_of(call.provider)
    if settled.status is Status.INTERRUPTED or settled.flagged in _AT_WORST:
        if before.cost_nano_usd is not None or call.api in _BY_USAGE_ALONE:
            return before
        worst = prices.worst_case(
            record.model,
            input_tokens=usage.input_tokens,
            output_tokens=usage.output_tokens,
            at=call.started_at,
            provider=told,
            service_tier=settled.service_tier,
        )
        return before if worst.cost_nano_usd is None else worst
    price = prices.price(
        usage,
        record.model,
        at=call.started_at,
        provider=told,
        service_tier=settled.service_tier,
        kind=call.kind,
    )
    # The source alone may change with each new edition of the list: that is nothing to write a record anew for.
    return before if price.cost_nano_usd in (before.cost_nano_usd, None) else price


def _settled(record: UsageRecord, price: Price) -> Settlement:
    """With another price. A finished call that had none was in doubt up to its worst case, and isn't any more."""
    settled = record.settlement
    if settled.price.cost_nano_usd is not None:
        return replace(settled, price=price)
    if settled.estimated or settled.attempts > 1:
        return replace(
            settled, price=price, doubtful_nano_usd=max(0, settled.doubtful_nano_usd - (price.cost_nano_usd or 0))
        )
    return replace(settled, price=price, doubtful_nano_usd=0, doubtful_tokens=0)


def _add_up(corrections: Iterable[Correction], changed: dict[str, Repriced]) -> None:
    for record, settlement in corrections:
        before, found = record.settlement.price.cost_nano_usd, changed.get(record.model, Repriced(record.model))
        changed[record.model] = Repriced(
            record.model,
            found.calls + 1,
            found.priced_calls + (before is None),
            found.before_nano_usd + (before or 0),
            found.after_nano_usd + (settlement.price.cost_nano_usd or 0),
        )


def _in_order(changed: dict[str, Repriced]) -> list[Repriced]:
    return sorted(changed.values(), key=lambda line: (-line.calls, line.model))
