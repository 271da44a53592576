"""Of a batch whose calls may be on the books already: what is there, and what of the batch is left to be written.

Calls may be in the journal too; and those that are told by key may be told again, at the same moment, to another
process, or long after they were given up.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta

from bot.usage.bookkeeping.batch import Batch, Intent
from bot.usage.bookkeeping.booked import page
from bot.usage.budgeting.counters import Held
from bot.usage.records import BY_KEY, OpenCall, Status, UsageRecord
from bot.usage.storage import rows
from bot.usage.storage.database import Row, Script

_OPEN: Row = (Status.OPEN.value,)
_GIVEN_UP = frozenset({Status.INTERRUPTED, Status.ABORTED})
"""How calls that are told by key end before they were told: nobody did in time."""
_MICROSECOND = timedelta(microseconds=1)
_LANES = 7286314651000
_ONE_AT_A_TIME = "SELECT pg_advisory_xact_lock($1)"
"""Of those that are told of one call at the same moment: none sees yet what another is writing. Ids share 256 locks,
because PostgreSQL has only some thousands, and a batch may have more calls.
"""


@dataclass(slots=True)
class Known:
    """`batch` is what is left to be written, with what was missing. `held` has what its calls hold by the books' word.

    `asked_again` are on the books and may leave; `worse` are rows of `UPDATE_WORSE`; `late` are calls that were given
    up, as they are booked and as they are told at last.
    """

    batch: Batch
    held: dict[str, Held] = field(default_factory=dict)
    asked_again: list[Intent] = field(default_factory=list)
    worse: list[Row] = field(default_factory=list)
    late: list[tuple[UsageRecord, UsageRecord]] = field(default_factory=list)


def look_up(batch: Batch, held: Mapping[str, Held]) -> Script[Known]:
    """What is known of a batch's calls, locked until this transaction ends. What is on the books stays as it is.

    What is missing comes along, each call once. `held` has what this process knows to be held.
    """
    ended = {record.call.id: record.call for record in batch.records}
    calls = {intent.call.id: intent.call for intent in batch.intents if not intent.again} | ended
    rows_of = yield from _rows_of(calls[id_] for id_ in sorted(batch.unsure & calls.keys()))
    found = Known(batch)
    records = []
    for record in {record.call.id: record for record in batch.records}.values():
        row = rows_of.get(record.call.id)
        if row is None or row[0] == Status.OPEN:
            records.append(_as_admitted(record, row))
        elif record.call.api == BY_KEY and row[0] in _GIVEN_UP and record.settlement.status not in _GIVEN_UP:
            found.late += [(before, _as_admitted(record, row)) for before in (yield from _given_up(record.call))]
    new = {intent.call.id: intent for intent in batch.intents if not intent.again}.values()
    found.asked_again = [intent for intent in new if intent.asks and intent.call.id in rows_of]
    intents = [intent for intent in batch.intents if intent.again]
    intents += [intent for intent in new if intent.call.id not in rows_of]
    as_it_is = ended.keys() | {intent.call.id for intent in found.asked_again}
    found.worse = [rows.worse_row(calls[id_]) for id_ in rows_of.keys() - as_it_is]
    missing = batch.unsure - rows_of.keys() - {intent.call.id for intent in intents}
    intents += [Intent(record.call) for record in records if record.call.id in missing]
    found.batch = replace(batch, intents=intents, records=records)
    for call in (record.call for record in records if record.call.id in rows_of):
        if call.id not in held or call.api == BY_KEY:
            found.held[call.id] = Held.from_json(call, rows_of[call.id][1])
    return found


def is_open(call: OpenCall) -> Script[bool]:
    """Whether a call that is told by key hasn't been told to another process. It stays so till the transaction ends."""
    found = yield rows.SELECT_KNOWN, rows.key(call)
    return bool(found and found[0][0] == Status.OPEN)


def _rows_of(calls: Iterable[OpenCall]) -> Script[dict[str, Row]]:
    """The rows of those that have one, by id."""
    calls, rows_of = list(calls), {}
    for lane in sorted({int(call.id[:2], 16) for call in calls if call.api == BY_KEY}):
        yield _ONE_AT_A_TIME, (_LANES + lane,)
    for call in calls:
        for row in (yield rows.SELECT_KNOWN, rows.key(call)):
            rows_of[call.id] = row
    return rows_of


def _given_up(call: OpenCall) -> Script[list[UsageRecord]]:
    """A call that was booked at its worst case, or as never made."""
    after, only = (rows.microseconds(call.started_at), ""), " AND guild_id = $4 AND id = $5"
    whose = call.attribution.guild_id, call.id
    return (yield from page(after, call.started_at + _MICROSECOND, only=only, parameters=whose))


def _as_admitted(record: UsageRecord, row: Row | None) -> UsageRecord:
    """What is told of a call that was reserved: whom it is for was said then.

    Where no price is known, what was reserved for it may be owed (I4).
    """
    if row is None or record.call.api != BY_KEY:
        return record
    *_, reserved_nano_usd = row
    call = rows.call_of(row[2:], record.call.reserved_usage, record.call.reserved)
    settled = record.settlement
    doubtful = settled.doubtful_nano_usd
    if settled.price.cost_nano_usd is None:
        doubtful = max(doubtful, reserved_nano_usd or 0)
    served = record.model if record.model != call.request_model else None
    return UsageRecord(call, replace(settled, response_model=served, doubtful_nano_usd=doubtful))
