"""Our books against the provider's bill, by day (UTC) and model: how far they differ, why, and what can be put right.

What the provider billed for a model on a day, less what it told us of then, is the most that any call can have used of
which we don't know (it broke off, or its process died). What such a call is booked at, or held in doubt for, is lowered
to that (I4, I21). Others may have used some of it, so the truth may be less: the books stay on the safe side.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum

from bot.usage.bookkeeping.booked import beginning, page, place_of
from bot.usage.bookkeeping.corrections import RECONCILED, correct
from bot.usage.bookkeeping.kept_since import kept
from bot.usage.budgeting.rules import Rules
from bot.usage.calls.endpoints import TEXT_APIS
from bot.usage.calls.providers import price_id_of
from bot.usage.operations import Operation
from bot.usage.pricing.prices import PriceList
from bot.usage.records import Kind, Price, Settlement, Usage, UsageRecord
from bot.usage.storage import audit
from bot.usage.storage.database import Database, Script, Statement
from bot.usage.storage.rows import microseconds
from bot.usage.upkeep.bills import Billed, DayAndModel, family

LONGEST_CALL = timedelta(hours=1)
"""Whoever started so shortly before midnight may be on the next day's bill."""
SETTLED_AFTER = timedelta(days=1)
"""A day's bill is taken for complete when it has been over for so long."""
_ROUNDING_NANO_USD = 1_000


class Cause(StrEnum):
    """The likeliest reason why bill and books differ."""

    NONE = "no difference"
    OUTSIDE = "calls outside the bot"
    DOUBTFUL = "retries and broken-off answers that were billed"
    TOO_HIGH = "interrupted or estimated calls booked too high"
    PRICE = "another price"
    NOT_BILLED = "not on this organization's bill"


@dataclass(slots=True)
class Ours:
    """What is on our books for a day and model. `estimated_nano_usd` is the part of the cost that is, `doubtful_…` what
    is held besides. `known` is what the provider told us it used, of calls that lie within the day.

    `unclear` are the calls of which the provider didn't tell, or not all.
    """

    calls: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    cost_nano_usd: int = 0
    estimated_nano_usd: int = 0
    doubtful_nano_usd: int = 0
    doubtful_tokens: int = 0
    known: Usage = field(default_factory=Usage)
    unclear: list[UsageRecord] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Drift:
    """One day and model on both sides. Positive drift: the bill is higher."""

    day: date
    model: str
    ours: Ours
    theirs: Billed

    @property
    def nano_usd(self) -> int:
        """How much more is on the bill than on the books."""
        return self.theirs.cost_nano_usd - self.ours.cost_nano_usd

    @property
    def percent(self) -> float | None:
        """The same, of the bill; None where it has nothing."""
        return round(self.nano_usd * 100 / self.theirs.cost_nano_usd, 2) if self.theirs.cost_nano_usd else None

    @property
    def cause(self) -> Cause:
        """Why that is, as far as the numbers tell."""
        ours, theirs, drift = self.ours, self.theirs, self.nano_usd
        billed, booked = theirs.input_tokens + theirs.output_tokens, ours.input_tokens + ours.output_tokens
        if abs(drift) <= max(_ROUNDING_NANO_USD, max(ours.cost_nano_usd, theirs.cost_nano_usd) // 100):
            return Cause.NONE
        if drift > 0:
            if drift <= ours.doubtful_nano_usd and billed <= booked + ours.doubtful_tokens:
                return Cause.DOUBTFUL
            return Cause.PRICE if ours.calls and billed <= booked else Cause.OUTSIDE
        if -drift <= ours.estimated_nano_usd:
            return Cause.TOO_HIGH
        return Cause.PRICE if theirs.cost_nano_usd and billed >= booked else Cause.NOT_BILLED


@dataclass(frozen=True, slots=True)
class Comparison:
    """All days and models, and what could be put right: each call as it is, and as it should be.

    `kept_since`: days before it can't be compared, their single calls are gone.
    """

    drifts: list[Drift]
    corrections: list[tuple[UsageRecord, Settlement]]
    kept_since: datetime | None = None


async def compare(
    database: Database,
    bill: Mapping[DayAndModel, Billed],
    first: date,
    last: date,
    *,
    provider: str,
    prices: PriceList,
    now: datetime,
) -> Comparison:
    """Compare the calls that went to `provider` (a record's label) with its bill of these days, both ends included.

    Raises `DatabaseUnavailableError`.
    """
    since, ours = await database.read(lambda: _read(first, last, provider))
    if since is not None:
        whole = since.date() + timedelta(days=1)
        bill = {key: line for key, line in bill.items() if key[0] >= whole}
        ours = {key: line for key, line in ours.items() if key[0] >= whole}
    drifts = [Drift(*key, ours.get(key, Ours()), bill.get(key, Billed())) for key in sorted(bill.keys() | ours.keys())]
    days = {drift.day for drift in drifts}
    over = {day for day in days if _midnight(day + timedelta(days=1)) + SETTLED_AFTER <= now}
    believed = over & {day for day in days if _is_our_bill([drift for drift in drifts if drift.day == day])}
    corrections = [
        (record, settlement)
        for drift in drifts
        if drift.day in believed
        for record in drift.ours.unclear
        if (settlement := _put_right(record, drift, prices)) != record.settlement
    ]
    return Comparison(drifts, corrections, since)


async def put_right(
    database: Database,
    corrections: Iterable[tuple[UsageRecord, Settlement]],
    operations: Mapping[str, Operation],
    clock: Callable[[], datetime],
    actor: str = audit.SYSTEM,
) -> int:
    """Book the corrections, each with a line in the audit log of its server; how many. One that somebody else has
    changed meanwhile stays as it is. Raises `DatabaseUnavailableError`.
    """
    rules, done = Rules(operations=operations), 0
    for record, settlement in corrections:
        done += await database.decide(lambda: _book(record, settlement, rules, clock(), actor))  # noqa: B023 - awaited
    return done


def _read(first: date, last: date, provider: str) -> Script[tuple[datetime | None, dict[DayAndModel, Ours]]]:
    since = (yield from kept()).whole
    found: dict[DayAndModel, Ours] = {}
    place = beginning(_midnight(first))
    until, only = _midnight(last + timedelta(days=1)), " AND provider = $4 AND kind <> $5"
    while records := (yield from page(place, until, only=only, parameters=(provider, Kind.PAYMENT.value))):
        for record in records:
            _add(record, found.setdefault((record.call.started_at.date(), family(record.model)), Ours()))
        place = place_of(records[-1])
    return since, found


def _add(record: UsageRecord, ours: Ours) -> None:
    settled, cost = record.settlement, record.settlement.price.cost_nano_usd or 0
    ours.calls += 1
    ours.input_tokens += settled.usage.input_tokens
    ours.output_tokens += settled.usage.output_tokens
    ours.cost_nano_usd += cost
    ours.estimated_nano_usd += cost if settled.estimated else 0
    ours.doubtful_nano_usd += settled.doubtful_nano_usd
    ours.doubtful_tokens += settled.doubtful_tokens
    if record.call.api not in TEXT_APIS:  # the bill that is read has no other tokens
        return
    if not settled.estimated and _ended(record) <= _midnight(record.call.started_at.date() + timedelta(days=1)):
        ours.known = Usage(
            input_tokens=ours.known.input_tokens + settled.usage.input_tokens,
            output_tokens=ours.known.output_tokens + settled.usage.output_tokens,
        )
    if settled.estimated or settled.doubtful_nano_usd or settled.doubtful_tokens:
        ours.unclear.append(record)


def _ended(record: UsageRecord) -> datetime:
    return record.call.started_at + timedelta(milliseconds=record.settlement.duration_ms)


def _is_our_bill(drifts: Iterable[Drift]) -> bool:
    """Whether a day's bill holds all that the provider told us of, and it told us something: else it is somebody
    else's, or not complete, and says nothing of our calls.
    """
    known = [drift for drift in drifts if drift.ours.known.total_tokens]
    return bool(known) and all(
        drift.theirs.input_tokens >= drift.ours.known.input_tokens
        and drift.theirs.output_tokens >= drift.ours.known.output_tokens
        for drift in known
    )


def _put_right(record: UsageRecord, drift: Drift, prices: PriceList) -> Settlement:
    """How a call is to be booked of whose use we don't know, or not all: with what the bill leaves for it at most."""
    settled, known = record.settlement, drift.ours.known
    if record.call.started_at + LONGEST_CALL > _midnight(drift.day + timedelta(days=1)):
        return settled
    left = Usage(
        input_tokens=drift.theirs.input_tokens - known.input_tokens,
        output_tokens=drift.theirs.output_tokens - known.output_tokens,
    )
    most = _worst(record, left, prices)
    if settled.estimated:
        settled = _with_less(record, left, prices)
        left_tokens = left.total_tokens - settled.usage.total_tokens
        most = None if most is None else most - (settled.price.cost_nano_usd or 0)
    else:
        left_tokens = left.total_tokens
    return replace(
        settled,
        doubtful_tokens=max(0, min(settled.doubtful_tokens, left_tokens)),
        doubtful_nano_usd=settled.doubtful_nano_usd if most is None else max(0, min(settled.doubtful_nano_usd, most)),
    )


def _with_less(record: UsageRecord, left: Usage, prices: PriceList) -> Settlement:
    """An estimated call with no more tokens than are left for it, and what these can cost at most."""
    settled, usage = record.settlement, record.settlement.usage
    less = replace(
        usage,
        input_tokens=min(usage.input_tokens, left.input_tokens),
        output_tokens=min(usage.output_tokens, left.output_tokens),
    )
    if less == usage or less.contradictions():
        return settled
    cost, most = settled.price.cost_nano_usd, _worst(record, less, prices)
    if most == 0 or (cost is not None and most is not None):
        return replace(settled, usage=less, price=Price(min(cost or 0, most), RECONCILED))
    return replace(settled, usage=less)


def _worst(record: UsageRecord, usage: Usage, prices: PriceList) -> int | None:
    """What so many tokens can cost at most; None where no price is known."""
    if not usage.total_tokens:
        return 0
    return prices.worst_case(
        record.model,
        input_tokens=usage.input_tokens,
        output_tokens=usage.output_tokens,
        at=record.call.started_at,
        provider=price_id_of(record.call.provider),
        service_tier=record.settlement.service_tier,
    ).cost_nano_usd


def _book(
    record: UsageRecord, settlement: Settlement, rules: Rules, now: datetime, actor: str
) -> Script[tuple[bool, Sequence[Statement]]]:
    yield from rules.refresh(now)
    call, before = record.call, record.settlement
    at = call.started_at
    found = yield from page(
        (microseconds(at), ""), at + timedelta(microseconds=1), only=" AND id = $4", parameters=(call.id,), locked=True
    )
    if found != [record]:
        return False, ()
    statements = yield from correct([(record, settlement)], rules, now)
    facts = {"call": call.id} | {
        name: [old, new]
        for name, old, new in (
            ("cost", before.price.cost_nano_usd, settlement.price.cost_nano_usd),
            ("tokens", before.usage.total_tokens, settlement.usage.total_tokens),
            ("doubtful", before.doubtful_nano_usd, settlement.doubtful_nano_usd),
            ("doubtful tokens", before.doubtful_tokens, settlement.doubtful_tokens),
        )
        if old != new
    }
    yield from audit.note(now, call.attribution.guild_id, actor, "reconciled", facts)
    return True, statements


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)
