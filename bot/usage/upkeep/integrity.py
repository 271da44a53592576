"""Do the sums say what the single calls add up to? Counts them anew, and mends those that don't (I8, I25).

Everything is read as of one moment, so a running bot can't look like a mistake. What is wrong is mended by adding the
difference, so that what the bot books meanwhile stays. Sums of days and periods whose single calls are gone can't be
counted, nor can budgets of roles: who had which role isn't on record. Nor can counters of people who had themselves
erased: their calls name nobody any more.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from operator import add, sub

from bot.usage.bookkeeping import rollups
from bot.usage.bookkeeping.booked import beginning, page, place_of
from bot.usage.bookkeeping.corrections import added, change_counter
from bot.usage.bookkeeping.kept_since import Kept, kept
from bot.usage.bookkeeping.rollups import MEASURES, RollupKey
from bot.usage.budgeting.budgets import Scope
from bot.usage.budgeting.calendars import ALWAYS_UTC
from bot.usage.budgeting.counters import Change
from bot.usage.budgeting.rules import QUOTA, CounterKey, Rules
from bot.usage.errors import RepairedMeanwhileError
from bot.usage.operations import Operation
from bot.usage.records import UsageRecord
from bot.usage.storage import audit
from bot.usage.storage.database import Database, Row, Script
from bot.usage.storage.rows import from_microseconds

Key = RollupKey | CounterKey
WINDOW_DAYS = 7
"""So many days are counted at once: their sums are all that is kept in memory."""
AMOUNTS = ("spent", "reserved", "doubtful")
"""What a counter counts, in the order of `Change`."""
_WIDEST = timedelta(hours=14)
"""No time zone is further from UTC."""
_BY_ROLE = frozenset({Scope.ROLE, Scope.EACH_IN_ROLE})
_REPAIRS = "sums repaired"
_NEXT_REPAIR = (
    "INSERT INTO bot_state (name, value) VALUES ($1, $2) ON CONFLICT (name) DO UPDATE SET value = excluded.value "
    "WHERE bot_state.value = $3 RETURNING value"
)
_EACH = ", ".join(f"CAST(sum(sign * {name}) AS BIGINT)" for name in MEASURES)
_MONTHS = (
    f"SELECT guild_id, month, key, {_EACH} FROM (SELECT guild_id, substr(day, 1, 8) || '01' AS month, key, 1 AS sign, "
    f"{', '.join(MEASURES)} FROM spend_daily WHERE dimension = $1 UNION ALL SELECT guild_id, day, key, -1, "
    f"{', '.join(MEASURES)} FROM spend_daily WHERE dimension = $2) AS lines GROUP BY guild_id, month, key "
    f"HAVING {' OR '.join(f'sum(sign * {name}) <> 0' for name in MEASURES)}"
)
"""How much a month's row is short of its days' rows."""
_ROW = f"SELECT {', '.join(MEASURES)} FROM spend_daily WHERE guild_id = $1 AND dimension = $2 AND day = $3 AND key = $4"
_NO_CALLS = (
    "DELETE FROM spend_daily WHERE guild_id = $1 AND dimension = $2 AND day = $3 AND key = $4 AND "
    + " AND ".join(f"{name} = 0" for name in MEASURES)
)
_NOTHING = (0,) * len(MEASURES)


@dataclass(frozen=True, slots=True)
class Difference:
    """One row of sums that is wrong: as it is stored, and as it was counted.

    `table` is `spend_daily`, with the columns `MEASURES`, or `budget_periods`, with `AMOUNTS`; `key` its primary key.
    """

    table: str
    key: Key
    stored: tuple[int, ...]
    counted: tuple[int, ...]

    @property
    def columns(self) -> dict[str, tuple[int, int]]:
        """What is wrong with it: stored and counted, by column."""
        names = MEASURES if self.table == "spend_daily" else AMOUNTS
        pairs = zip(names, self.stored, self.counted, strict=True)
        return {name: (stored, counted) for name, stored, counted in pairs if stored != counted}


@dataclass(slots=True)
class Findings:
    """What was looked at: how many single calls, since when (UTC; None: since the first; some servers keep theirs for a
    shorter time), and how many sums of both kinds could be counted. `repairs` is how many there had been ever.
    """

    kept_since: datetime | None = None
    calls: int = 0
    sums: int = 0
    counters: int = 0
    differences: list[Difference] = field(default_factory=list)
    repairs: int = 0

    def compare(
        self, table: str, key: RollupKey | CounterKey, stored: tuple[int, ...], counted: tuple[int, ...]
    ) -> None:
        """Note a row if it is wrong."""
        if stored != counted:
            self.differences.append(Difference(table, key, stored, counted))


async def verify(database: Database, operations: Mapping[str, Operation], now: datetime) -> Findings:
    """Count everything anew. `operations` tell which of them count toward quotas. Raises `DatabaseUnavailableError`."""
    return await database.read(lambda: _look(Rules(operations=operations), now))


async def repair(database: Database, findings: Findings, now: datetime, actor: str = audit.SYSTEM) -> None:
    """Mend each difference in a transaction of its own, with a line in the audit log; thresholds passed are announced.

    Raises `RepairedMeanwhileError` where somebody else has mended sums since these were counted.
    """
    rules = Rules()
    for repaired, difference in enumerate(findings.differences):
        number = findings.repairs + repaired
        if not await database.transact(lambda: _mend(difference, number, rules, now, actor)):  # noqa: B023 - awaited
            raise RepairedMeanwhileError(repaired)


def _look(rules: Rules, now: datetime) -> Script[Findings]:
    yield from rules.refresh(now)
    repairs = yield "SELECT value FROM bot_state WHERE name = $1", (_REPAIRS,)
    since = yield from kept()
    findings = Findings(since.everywhere, repairs=int(repairs[0][0]) if repairs else 0)
    lines = yield "SELECT DISTINCT guild_id, dimension FROM spend_daily", ()
    kinds = sorted((guild_id, dimension) for guild_id, dimension in lines if not dimension.endswith("/month"))
    counted: dict[CounterKey, Change] = {}
    for first, last in (yield from _windows(findings.kept_since)):
        expected = yield from _count(first, last, rules, findings, counted)
        for guild_id, dimension in kinds:
            sql = (
                f"SELECT guild_id, dimension, day, key, {', '.join(MEASURES)} FROM spend_daily "
                "WHERE guild_id = $1 AND dimension = $2 AND day >= $3 AND day <= $4"
            )
            stored = yield sql, (guild_id, dimension, first.isoformat(), last.isoformat())
            for row in stored:
                if _is_countable(row[:4], rules, since):
                    findings.sums += 1
                    findings.compare("spend_daily", row[:4], row[4:], expected.pop(row[:4], _NOTHING))
        for key in sorted(key for key in expected if _is_countable(key, rules, since)):
            findings.sums += 1
            findings.compare("spend_daily", key, _NOTHING, expected[key])
    yield from _compare_months(findings)
    yield from _compare_counters(rules, since, findings, counted)
    return findings


def _windows(since: datetime | None) -> Script[list[tuple[date, date]]]:
    """Stretches of days, first and last, that hold every single call and every day's sum that can be counted."""
    calls = yield "SELECT min(started_at), max(started_at) FROM usage_records WHERE status <> 'open'", ()
    days = yield "SELECT min(day), max(day) FROM spend_daily", ()
    found = [from_microseconds(at).date() for at in calls[0] if at is not None]
    found += [date.fromisoformat(day) for day in days[0] if day is not None]
    if not found:
        return []
    first, last = min(found) - timedelta(days=1), max(found) + timedelta(days=1)
    if since is not None:
        first = max(first, since.date() - timedelta(days=1))
    starts = [first + timedelta(days=n) for n in range(0, (last - first).days + 1, WINDOW_DAYS)]
    return [(start, start + timedelta(days=WINDOW_DAYS - 1)) for start in starts]


def _count(
    first: date, last: date, rules: Rules, findings: Findings, counted: dict[CounterKey, Change]
) -> Script[dict[RollupKey, tuple[int, ...]]]:
    """The sums of some days, from the single calls that may belong to them in any time zone.

    Those that started in these days by UTC are added to `counted` too, and so each once.
    """
    begin, end = _midnight(first), _midnight(last + timedelta(days=1))
    sums: dict[RollupKey, tuple[int, ...]] = {}
    place = beginning(begin - _WIDEST)
    while records := (yield from page(place, end + _WIDEST)):
        for record in records:
            if begin <= record.call.started_at < end:
                findings.calls += 1
                _count_in(record, rules, counted)
        rollups.add_up(records, rules.calendar, sums)
        place = place_of(records[-1])
    days = range(first.toordinal(), last.toordinal() + 1)
    names = {date.fromordinal(day).isoformat() for day in days}
    return {key: found for key, found in sums.items() if key[2] in names and not key[1].endswith("/month")}


def _count_in(record: UsageRecord, rules: Rules, counted: dict[CounterKey, Change]) -> None:
    for counter, change in added(record, rules):
        counted[counter] = counted.get(counter, Change()) + change


def _compare_months(findings: Findings) -> Script[None]:
    """A month's row is the sum of its days' rows, as they are once they are mended."""
    for dimension in rollups.BY_MONTH:
        months = yield _MONTHS, (dimension, f"{dimension}/month")
        short = {(guild, f"{dimension}/month", month, key): tuple(sums) for guild, month, key, *sums in months}
        for difference in findings.differences:
            guild_id, kind, day, key = difference.key
            if kind == dimension:
                month = guild_id, f"{dimension}/month", f"{day[:8]}01", key
                missing = map(sub, difference.counted, difference.stored)
                short[month] = tuple(map(add, short.get(month, _NOTHING), missing))
        for month in sorted(short):
            rows = yield _ROW, month
            stored = rows[0] if rows else _NOTHING
            findings.compare("spend_daily", month, stored, tuple(map(add, stored, short[month])))


def _compare_counters(rules: Rules, since: Kept, findings: Findings, counted: dict[CounterKey, Change]) -> Script[None]:
    nameless = yield "SELECT DISTINCT user_id FROM erasures", ()
    erased = {user_id for (user_id,) in nameless}
    open_calls = yield "SELECT held FROM usage_records WHERE status = 'open' AND held IS NOT NULL", ()
    for counter, amount in (item for (held,) in open_calls for item in _reserved(held)):
        counted[counter] = counted.get(counter, Change()) + Change(reserved=amount)
    stored: dict[CounterKey, Row] = {}
    rows = yield "SELECT guild_id, budget_id, key, period_start, spent, reserved, doubtful FROM budget_periods", ()
    for guild_id, budget_id, key, start, *amounts in rows:
        stored[guild_id, budget_id, key, start] = tuple(amounts)
    for counter in sorted(stored.keys() | counted.keys()):
        guild_id, budget_id, key, start = counter
        budget = rules.of(guild_id).budget(budget_id)
        if budget is None and budget_id != QUOTA:
            continue  # of a budget that was removed
        found, change = stored.get(counter, (0, 0, 0)), counted.get(counter, Change())
        by_role = budget is not None and budget.scope in _BY_ROLE
        whose = budget.scope_id if budget is not None and budget.scope is Scope.USER else key
        if by_role or whose in erased or not _is_whole(start, since.of(guild_id) if guild_id else since.whole):
            change = Change(found[0], change.reserved, found[2])
        findings.counters += 1
        findings.compare("budget_periods", counter, found, (change.spent, change.reserved, change.doubtful))


def _reserved(held: str) -> Iterator[tuple[CounterKey, int]]:
    """What a call in flight has reserved (`Held.to_json`), by counter."""
    for guild_id, budget_id, key, start, _, amount in json.loads(held):
        yield (guild_id, budget_id, key, start), amount


def _is_countable(key: RollupKey, rules: Rules, kept: Kept) -> bool:
    """Whether every single call of a sum's day is on the books."""
    guild_id, dimension, day, name = key
    if dimension == "guild":
        since = kept.of(int(name))
    else:
        since = kept.whole if dimension.startswith("bot_") else kept.of(guild_id)
    calendar = rules.calendar(guild_id) if guild_id else ALWAYS_UTC
    return since is None or day > calendar.day(since).isoformat()


def _is_whole(start: str, since: datetime | None) -> bool:
    """Whether every single call of a period is on the books. A budget without periods began before any that is gone."""
    return since is None or (start != "" and _midnight(date.fromisoformat(start)) - _WIDEST >= since)


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)


def _mend(difference: Difference, number: int, rules: Rules, now: datetime, actor: str) -> Script[bool]:
    """Whether it was mended: it isn't where there were other repairs since `number`."""
    if not (yield _NEXT_REPAIR, (_REPAIRS, str(number + 1), str(number))):
        return False
    missing = tuple(map(sub, difference.counted, difference.stored))
    if difference.table == "spend_daily":
        yield rollups.UPSERT, difference.key + missing
        yield _NO_CALLS, difference.key
    else:
        yield from rules.refresh(now)
        yield from change_counter(difference.key, Change(*missing), rules, now)
    facts = {"table": difference.table, "key": list(difference.key[1:]), **difference.columns}
    yield from audit.note(now, difference.key[0], actor, "sum repaired", facts)
    return True
