"""Taking a person out of the books: their calls and sums name nobody any more, and every total stays as it is (I34).

Sums by member lose what the person's calls added to them, so they still are what the single calls add up to. What was
in flight, or in a journal, when the person asked comes onto the books with their name: so an erasure is remembered, and
carried out anew until nothing from before it can come any more.

What limits a person stays, or erasing would lift it: budgets and quota rules that admins made for them, and the
counters of running periods, which go when these are over. A subscription stays for as long as somebody pays for it.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from bot.usage.bookkeeping import rollups
from bot.usage.bookkeeping.booked import beginning, page, place_of
from bot.usage.bookkeeping.claims import PSEUDONYM_KEY
from bot.usage.bookkeeping.rollups import BY_MONTH, MEASURES
from bot.usage.budgeting.budgets import BOT, Scope
from bot.usage.budgeting.calendars import ALWAYS_UTC, Period
from bot.usage.budgeting.rules import QUOTA, Rules
from bot.usage.budgeting.tier_grants import Source
from bot.usage.records import UsageRecord
from bot.usage.storage import audit
from bot.usage.storage.database import Database, Row, Script, Statement
from bot.usage.storage.rows import from_microseconds, key, microseconds
from bot.usage.upkeep.retention import PAUSE_SECONDS

REMEMBERED = timedelta(days=90)
"""How long an erasure is carried out anew, twice a day."""
STEP = 100
"""How many calls go in one transaction: some 40 ms."""
_LONGEST_PERIOD = timedelta(days=31)
_PERSONAL = ("user", "user/month", "bot_user")
"""Dimensions of `spend_daily` whose key is a person."""
_ROW = "guild_id = $1 AND dimension = $2 AND day = $3 AND key = $4"
_TAKE_OFF = (
    "UPDATE spend_daily SET "
    + ", ".join(f"{name} = {name} - ${n}" for n, name in enumerate(MEASURES, start=5))
    + f" WHERE {_ROW}"
)
_NONE_LEFT = f"DELETE FROM spend_daily WHERE {_ROW} AND calls <= 0"
_DELETE_ROW = f"DELETE FROM spend_daily WHERE {_ROW} RETURNING {', '.join(MEASURES)}"
_NAMELESS = (
    "UPDATE usage_records SET user_id = NULL, metadata = NULL, execution_id = NULL "
    "WHERE guild_id = $1 AND started_at = $2 AND id = $3"
)
"""An execution leads to the message that shows its answer, and that to whoever asked."""
_FIRST_DAY = "SELECT min(day) FROM spend_daily WHERE guild_id = $1 AND dimension = $2"
_DAYS = (
    f"SELECT day, {', '.join(MEASURES)} FROM spend_daily "
    "WHERE guild_id = $1 AND dimension = $2 AND day >= $3 AND day < $4 AND key = $5 ORDER BY day"
)
_SERVERS = (
    "SELECT own.guild_id FROM (SELECT DISTINCT CAST(key AS BIGINT) AS guild_id FROM spend_daily WHERE guild_id = 0 "
    "AND dimension = 'guild' AND day >= $1 AND day <= $2) AS seen JOIN spend_daily AS own "
    "ON own.guild_id = seen.guild_id AND own.dimension = 'user/month' AND own.day = $3 AND own.key = $4"
)
"""Where a person has a row for a month, among the servers that were in use then."""
_BUDGETS = (
    "SELECT guild_id, id, period, scope FROM budgets WHERE (scope IN ('each_user', 'each_in_role') "
    "OR (scope = 'user' AND scope_id = $1)) AND (CAST($2 AS BIGINT) = 0 OR guild_id = $2)"
)
_ENDED = (
    "DELETE FROM budget_periods WHERE guild_id = $1 AND budget_id = $2 AND key = $3 AND period_start < $4 "
    "AND period_start <= $5 AND period_start <> '' AND reserved = 0"
)
_OVER = (
    "DELETE FROM erasures WHERE asked_at < $1 AND NOT EXISTS ("
    "SELECT 1 FROM usage_records WHERE user_id = erasures.user_id AND started_at < erasures.asked_at + $2) "
    "AND NOT EXISTS (SELECT 1 FROM budgets AS b JOIN budget_periods AS p "
    "ON p.guild_id = b.guild_id AND p.budget_id = b.id AND p.period_start = '' WHERE b.period = 'total' "
    "AND (p.key = erasures.user_id OR (b.scope = 'user' AND b.scope_id = erasures.user_id)))"
)
"""What the person did in the rest of a period whose counter is gone can't be compared with it, and the counter of a
budget without an end can't be recounted: whoever verifies the books must know why (`integrity.py`).
"""


@dataclass(frozen=True, slots=True)
class Erasure:
    """A person who wants to be out of the books: of one server, or of all (`guild_id` 0). `asked_at` is UTC.

    What they do afterwards is booked as ever.
    """

    user_id: str
    guild_id: int
    asked_at: datetime


async def remember(database: Database, erasure: Erasure) -> None:
    """Put it on the books, to be carried out; analytics' names for people end at once.

    Raises `DatabaseUnavailableError`.
    """
    sql = (
        "INSERT INTO erasures (user_id, guild_id, asked_at) VALUES ($1, $2, $3) "
        "ON CONFLICT (user_id, guild_id) DO UPDATE SET asked_at = excluded.asked_at"
    )
    asked = erasure.user_id, erasure.guild_id, microseconds(erasure.asked_at)
    forget_names = "DELETE FROM bot_state WHERE name = $1"
    await database.write([(sql, [asked]), (forget_names, [(PSEUDONYM_KEY,)])])


async def remembered(database: Database) -> list[Erasure]:
    """Those that are to be carried out anew. Raises `DatabaseUnavailableError`."""
    rows = await database.fetch("SELECT user_id, guild_id, asked_at FROM erasures ORDER BY asked_at")
    return [Erasure(user_id, guild_id, from_microseconds(at)) for user_id, guild_id, at in rows]


async def forget_those_over(database: Database, now: datetime) -> None:
    """Nothing from before them can come any more. Raises `DatabaseUnavailableError`."""
    await database.execute(_OVER, microseconds(now - REMEMBERED), _LONGEST_PERIOD // timedelta(microseconds=1))


async def carry_out(
    database: Database, rules: Rules, erasure: Erasure, now: datetime, pause_seconds: float = PAUSE_SECONDS
) -> int:
    """Erase what is on the books from before it was asked for; how many calls name nobody now.

    In small steps, beside a running bot; done anew it finds what has come since. Raises `DatabaseUnavailableError`.
    """
    calls, place = 0, beginning(None)
    while records := await database.decide(lambda: _forget_calls(place, erasure, rules)):  # noqa: B023 - awaited
        calls += len(records)
        place = place_of(records[-1])
        await asyncio.sleep(pause_seconds)
    await _forget_sums(database, rules, erasure)
    await _forget_log(database, erasure)
    await database.transact(lambda: _forget_counters(erasure, rules, now))
    return calls


def _forget_calls(
    place: tuple[int, str], erasure: Erasure, rules: Rules
) -> Script[tuple[list[UsageRecord], Sequence[Statement]]]:
    here = erasure.guild_id != BOT
    only = " AND user_id = $4" + (" AND guild_id = $5" if here else "")
    parameters = (erasure.user_id, erasure.guild_id) if here else (erasure.user_id,)
    records = yield from page(place, erasure.asked_at, only=only, parameters=parameters, locked=True, limit=STEP)
    sums: dict[rollups.RollupKey, tuple[int, ...]] = {}
    rollups.add_up(records, rules.calendar, sums)
    personal = sorted(found for found in sums if found[1] in _PERSONAL)
    return records, [
        (_TAKE_OFF, [found + sums[found] for found in personal]),
        (_NONE_LEFT, personal),
        (_NAMELESS, [key(record.call) for record in records]),
    ]


async def sums_of(
    database: Database, user_id: str, until: date, guild_id: int = BOT
) -> AsyncIterator[tuple[int, str, list[Row]]]:
    """A person's sums by day up to a date, on one server or on all (0): server, dimension, and a row for each day with
    the day and its `MEASURES`. A month at a time, so that no query takes long; the operator's sums come too.

    Raises `DatabaseUnavailableError`.
    """
    everywhere = guild_id == BOT
    [(first,)] = await database.fetch(_FIRST_DAY, guild_id, "bot_user" if everywhere else "user/month")
    for month, end in _months(first, until + timedelta(days=1)):
        places = [(guild_id, "user")]
        if everywhere:
            around = (month - timedelta(days=1)).isoformat(), end.isoformat()
            found = await database.fetch(_SERVERS, *around, month.isoformat(), user_id)
            places = [(BOT, "bot_user"), *((server, "user") for (server,) in found)]
        for server, dimension in places:
            days = await database.fetch(_DAYS, server, dimension, month.isoformat(), end.isoformat(), user_id)
            if days:
                yield server, dimension, days


async def _forget_sums(database: Database, rules: Rules, erasure: Erasure) -> None:
    """Sums of days whose single calls are gone. Of one server alone, the operator's sums keep those."""
    until = erasure.asked_at.date() + timedelta(days=1)
    async for guild_id, dimension, days in sums_of(database, erasure.user_id, until, erasure.guild_id):
        calendar = rules.calendar(guild_id) if guild_id != BOT else ALWAYS_UTC
        today = calendar.day(erasure.asked_at).isoformat()
        rows = [(guild_id, dimension, day, erasure.user_id) for day, *_ in days if day < today]
        if rows:
            await database.transact(lambda: _delete_days(rows))  # noqa: B023 - awaited at once


def _delete_days(rows: Sequence[tuple[int, str, str, str]]) -> Script[None]:
    """Delete days of one month, and take them off the month."""
    for row in rows:
        for amounts in (yield _DELETE_ROW, row):
            guild_id, dimension, day, user_id = row
            if dimension in BY_MONTH:
                month = guild_id, f"{dimension}/month", f"{day[:8]}01", user_id
                yield _TAKE_OFF, month + amounts
                yield _NONE_LEFT, month


async def _forget_log(database: Database, erasure: Erasure) -> None:
    """Who changed what, who added an address, whom an alert was about."""
    person, until = erasure.user_id, microseconds(erasure.asked_at)
    here = "(CAST($3 AS BIGINT) = 0 OR guild_id = $3)"
    parameters = person, until, erasure.guild_id
    acted = await database.fetch(f"SELECT id FROM audit_log WHERE actor = $1 AND at < $2 AND {here}", *parameters)
    told = await database.fetch(
        f"SELECT id FROM alerts WHERE key = $1 AND fired_at < $2 AND {here} AND delivered_at IS NOT NULL", *parameters
    )
    about = await database.fetch(
        f"SELECT id, facts FROM audit_log WHERE facts LIKE $1 ESCAPE '!' AND at < $2 AND {here}",
        f"%{_in_like(json.dumps(person)[1:-1])}%",
        *parameters[1:],
    )
    added = await database.fetch(
        f"SELECT id FROM alert_targets WHERE added_by = $1 AND added_at < $2 AND {here}", *parameters
    )
    nobody = audit.ERASED
    changes: list[tuple[str, list[Row]]] = [
        ("UPDATE audit_log SET actor = $2 WHERE id = $1", [(*row, nobody) for row in acted]),
        ("UPDATE audit_log SET facts = $2 WHERE id = $1", [(id_, _without(facts, person)) for id_, facts in about]),
        ("UPDATE alerts SET key = $2 WHERE id = $1", [(*row, "") for row in told]),
        ("UPDATE alert_targets SET added_by = $2 WHERE id = $1", [(*row, nobody) for row in added]),
    ]
    if statements := [(sql, rows) for sql, rows in changes if rows]:
        await database.write(statements)


def _forget_counters(erasure: Erasure, rules: Rules, now: datetime) -> Script[None]:
    """Counters of periods that had begun when it was asked for, and are over; and tiers that somebody gave."""
    asked, counters = erasure.asked_at, []
    found = yield _BUDGETS, (erasure.user_id, erasure.guild_id)
    for guild_id, budget_id, period, scope in found:
        starts = (rules.calendar(guild_id).start(Period(period), at) for at in (now, asked))
        counters.append((guild_id, budget_id, "" if scope == Scope.USER else erasure.user_id, *starts))
    if erasure.guild_id == BOT:
        starts = (ALWAYS_UTC.start(Period.MONTH, at) for at in (now, asked))
        counters.append((BOT, QUOTA, erasure.user_id, *starts))
        yield (
            "DELETE FROM user_tiers WHERE user_id = $1 AND source <> $2 AND granted_at < $3",
            (erasure.user_id, Source.ENTITLEMENT.value, microseconds(asked)),
        )
    for counter in sorted(counters):
        yield _ENDED, counter


def _months(first: str | None, until: date) -> Iterator[tuple[date, date]]:
    """Each month from a day's on, as its first day and the next one's."""
    month = date.fromisoformat(first).replace(day=1) if first else until
    while month < until:
        following = (month + timedelta(days=32)).replace(day=1)
        yield month, following
        month = following


def _without(facts: str, person: str) -> str:
    """Facts of the audit log with nobody in the person's place."""
    named = {person: audit.ERASED, f"user:{person}": f"user:{audit.ERASED}"}

    def blank(value: Any) -> Any:
        if isinstance(value, list):
            return [blank(item) for item in value]
        return named.get(value, value) if isinstance(value, str) else value

    return json.dumps({name: blank(value) for name, value in json.loads(facts).items()})


def _in_like(text: str) -> str:
    return text.replace("!", "!!").replace("%", "!%").replace("_", "!_")
