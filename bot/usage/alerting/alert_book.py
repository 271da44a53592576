"""The alerts on the books: taken up once, delivered by one process, owed until then (I19, I20).

Budgets' alerts are written by the ledger with the spend that caused them; those about the provider are fired here. An
alert is first *taken up*, which notes everybody it is owed to: its server's channel (`SERVER`), the operator
(`OPERATOR`), and the addresses outside Discord. Each of these is then claimed, tried and delivered by itself.
"""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from bot.usage.alerting.deliveries import (
    LONGEST_PAUSE_ON_DISCORD,
    TRIES,
    Deliveries,
    Delivery,
    Trouble,
    ending,
    expecting,
)
from bot.usage.budgeting.alert_rows import COLUMNS, INSERT, PASSED, Alert, AlertKind, alert_of
from bot.usage.budgeting.budgets import BOT
from bot.usage.ids import new_id
from bot.usage.storage.database import Database, Script
from bot.usage.storage.rows import microseconds

log = logging.getLogger(__name__)

SERVER = "server"
"""Target: the server's alert channel, or what stands in for it."""
OPERATOR = "operator"
"""Target: the bot's owners, by direct message."""
REPORT = "report"
"""Target of a scheduled report, whose row isn't an alert's."""
AT_ONCE = 100
"""Alerts that are taken up in one transaction."""
MAIN = (SERVER, OPERATOR)
"""An alert is delivered when these have it; addresses outside Discord are owed theirs all the same."""
LOG = "log"
"""`delivered_how` where nobody could be reached: it stands in the log and in the history."""
QUIET = timedelta(hours=1)
"""So long after the provider's trouble was over the same trouble is no news, so that one that comes and goes is told
once an hour."""
KEPT = timedelta(days=90)
"""How long it is remembered whom an alert was delivered to, and who never took it."""

_CLEARED = "cleared "
"""What `bot_state` has of trouble that is over, before the microsecond of its end; else the id of its alert."""
_IS_FRESH = "NOT EXISTS (SELECT 1 FROM alert_deliveries AS d WHERE d.alert_id = alerts.id)"
_FRESH = f"SELECT {COLUMNS} FROM alerts WHERE delivered_at IS NULL AND {_IS_FRESH} ORDER BY fired_at, id LIMIT $1"
_COVERED = (
    f"UPDATE alerts SET delivered_at = $2, delivered_how = '{PASSED}' "
    f"WHERE id = $1 AND delivered_at IS NULL AND {_IS_FRESH}"
)
_DUE = (
    f"SELECT {', '.join('a.' + name for name in COLUMNS.split(', '))}, d.target FROM ("
    "SELECT min(alert_id) AS alert_id, target FROM alert_deliveries WHERE delivered_at IS NULL AND next_try_at <= $1 "
    f"GROUP BY target, CASE WHEN target IN ('{SERVER}', '{OPERATOR}') THEN alert_id END"
    ") AS d JOIN alerts AS a ON a.id = d.alert_id ORDER BY a.fired_at, a.id, d.target LIMIT $2"
)
"""Ids sort by their age. An address outside gets one message at a time, so that its others would only stand before what
is owed to everybody else."""
_FIRST = (
    "INSERT INTO bot_state (name, value) VALUES ($1, $2) ON CONFLICT (name) DO UPDATE SET value = $2 "
    f"WHERE bot_state.value LIKE '{_CLEARED}%' AND bot_state.value <= $3 RETURNING name"
)
_LOCK = "SELECT id FROM alerts WHERE id = $1 FOR UPDATE"
"""Of two deliveries that end at once the second sees the first."""
_ALL_TOLD = (
    "UPDATE alerts SET delivered_at = $2, delivered_how = $3 WHERE id = $1 AND delivered_at IS NULL AND NOT EXISTS "
    f"(SELECT 1 FROM alert_deliveries WHERE alert_id = $1 AND target IN ('{SERVER}', '{OPERATOR}') "
    "AND delivered_at IS NULL)"
)
_FORGET = (
    "DELETE FROM alert_deliveries WHERE delivered_at < $1 "
    f"OR (target = '{REPORT}' AND next_try_at < $1) "  # its period is long over: only the newest is reported
    "OR (delivered_at IS NULL AND next_try_at IS NULL AND alert_id IN (SELECT id FROM alerts WHERE fired_at < $1))"
)
"""What is still tried stays. An alert without any delivery would count as fresh, but one whose deliveries are all over
is delivered."""


@dataclass(frozen=True, slots=True)
class Owed:
    """An alert whose next try for `target` is due."""

    alert: Alert
    target: str


class AlertBook:
    """The alerts. Every method raises `DatabaseUnavailableError` where the books can't be reached."""

    def __init__(self, database: Database, clock: Callable[[], datetime]) -> None:
        self._database = database
        self._clock = clock
        self._deliveries = Deliveries(database, clock)
        self._callbacks: list[Callable[[Alert], None]] = []

    def on_alert(self, callback: Callable[[Alert], None]) -> None:
        """Call `callback` with each alert that this process, alone among all, takes up. It must not block."""
        self._callbacks.append(callback)

    async def fire(self, kind: AlertKind, guild_id: int, key: str = "") -> bool:
        """Fire an alert that isn't a budget's, once until `cleared`; False while it stands or is still `QUIET`.

        `guild_id` is the server whose call met it, `key` what it is about: the provider.
        """
        return await self._database.transact(lambda: self._fire(kind, guild_id, key))

    async def cleared(self, kind: AlertKind, key: str = "") -> bool:
        """It works again: a failure after `QUIET` is news. False where nothing stood."""
        sql = f"UPDATE bot_state SET value = $2 WHERE name = $1 AND value NOT LIKE '{_CLEARED}%' RETURNING name"
        return bool(await self._database.execute(sql, _standing(kind, key), _cleared_at(self._clock())))

    async def stands(self, kind: AlertKind, key: str = "") -> bool:
        """Whether such an alert was fired and not cleared since."""
        sql = f"SELECT 1 FROM bot_state WHERE name = $1 AND value NOT LIKE '{_CLEARED}%'"
        return bool(await self._database.fetch(sql, _standing(kind, key)))

    async def take_up(self, outside: Sequence[str] = (), *, with_addresses: bool = True) -> list[Alert]:
        """Note to whom fresh alerts are owed, some at a time; returns those that this very call took up, oldest first.

        Of a budget's thresholds that were passed one after the other meanwhile, the message on the highest covers those
        before it, as if they had been passed at once (I19): a refusal at 100 % often follows 90 % in the same second.

        `outside` are the operator's own targets; `with_addresses`: those that a server has added, too.
        """
        if not await self._database.fetch(_FRESH, 1):
            return []
        taken = await self._database.transact(lambda: self._take_up(outside, with_addresses=with_addresses))
        for callback in self._callbacks:
            for alert in taken:
                try:
                    callback(alert)
                except Exception as error:  # noqa: BLE001 - a subscriber's fault must not keep an alert from its server
                    log.error("a subscriber failed on an alert: %s", type(error).__name__)  # noqa: TRY400 - I33
        return taken

    async def due(self, limit: int = 500) -> list[Owed]:
        """What is to be tried now, oldest first; of an address outside Discord only its oldest message."""
        rows = await self._database.fetch(_DUE, microseconds(self._clock()), limit)
        return [Owed(alert_of(row[:-1]), row[-1]) for row in rows]

    async def claim(self, owed: Owed) -> Delivery | None:
        """Take a try upon us for a minute. None where another process has it."""
        return await self._deliveries.claim(owed.alert.id, owed.target)

    async def delivered(self, delivery: Delivery, how: str) -> None:
        """Note that a target has it. `how` goes into the history: `channel 123`, `owner`, `log`."""
        await self._database.transact(lambda: self._delivered(delivery, how))

    async def failed(self, delivery: Delivery, problem: str, *, is_last: bool = False) -> None:
        """Note why a try failed: on Discord there is another within ten minutes, for as long as it takes (I20).

        An address outside has so many tries, or no further one where this `is_last`.
        """
        if delivery.target in MAIN:
            await self._deliveries.failed(delivery, problem, longest=LONGEST_PAUSE_ON_DISCORD, tries=None)
        else:
            await self._deliveries.failed(delivery, problem, tries=0 if is_last else TRIES)

    async def owed(self, limit: int = 100) -> list[Alert]:
        """Alerts that haven't reached their server or the operator yet, oldest first."""
        sql = f"SELECT {COLUMNS} FROM alerts WHERE delivered_at IS NULL ORDER BY fired_at, id LIMIT $1"
        return [alert_of(row) for row in await self._database.fetch(sql, limit)]

    async def history(self, guild_id: int, limit: int = 25) -> list[Alert]:
        """A server's alerts (0: the operator's), newest first, those that a higher one's message covers included."""
        sql = f"SELECT {COLUMNS} FROM alerts WHERE guild_id = $1 ORDER BY fired_at DESC, threshold DESC, id LIMIT $2"
        return [alert_of(row) for row in await self._database.fetch(sql, guild_id, limit)]

    async def troubles(self) -> list[Trouble]:
        """Targets that couldn't be delivered to, for the operator; addresses by their key, never by what they say."""
        return await self._deliveries.troubles()

    async def forget_old(self) -> None:
        """Delete the deliveries that ended, well or badly, longer ago than `KEPT`; alerts stay in the history."""
        await self._database.execute(_FORGET, microseconds(self._clock() - KEPT))

    def _fire(self, kind: AlertKind, guild_id: int, key: str) -> Script[bool]:
        alert_id, now_us = new_id(), microseconds(self._clock())
        first = yield (
            _FIRST,
            (_standing(kind, key), alert_id, _cleared_at(self._clock() - QUIET)),
        )
        if not first:
            return False
        yield (INSERT, (alert_id, guild_id, kind.value, "", key, "", 0, 0, 0, now_us, None, None))
        return True

    def _take_up(self, outside: Sequence[str], *, with_addresses: bool) -> Script[list[Alert]]:
        now_us = microseconds(self._clock())
        taken = []
        rows = yield (_FRESH, (AT_ONCE,))
        fresh = [alert_of(row) for row in rows]
        for alert in fresh:
            if any(_covers(other, alert) for other in fresh):
                yield (_COVERED, (alert.id, now_us))
                continue
            stored = yield ("SELECT id FROM alert_targets WHERE guild_id = $1 ORDER BY id", (alert.guild_id,))
            addresses = [target for (target,) in stored] if with_addresses else []
            is_ours = True
            for target in [*_main_targets(alert), *outside, *addresses]:
                is_ours &= yield from expecting(alert.id, target, now_us)
            if is_ours:  # else another process was first
                taken.append(alert)
        return taken

    def _delivered(self, delivery: Delivery, how: str) -> Script[None]:
        now_us = microseconds(self._clock())
        yield (_LOCK, (delivery.event_id,))
        yield from ending(delivery, now_us)
        if delivery.target in MAIN:
            yield (_ALL_TOLD, (delivery.event_id, now_us, how))


def _covers(one: Alert, other: Alert) -> bool:
    """Whether one alert says what the other would: a higher threshold of the same counter, not passed before it."""
    if one.kind is not AlertKind.BUDGET or one.threshold <= other.threshold or one.fired_at < other.fired_at:
        return False
    return _counter(one) == _counter(other)


def _counter(alert: Alert) -> tuple[object, ...]:
    return (alert.guild_id, alert.kind, alert.budget_id, alert.key, alert.period_start)


def _main_targets(alert: Alert) -> list[str]:
    """Who must have it: of a server's budget the server; of the whole bot's the operator; of the provider's both."""
    about_provider = alert.kind is not AlertKind.BUDGET
    return [
        *([SERVER] if alert.guild_id != BOT else []),
        *([OPERATOR] if alert.guild_id == BOT or about_provider else []),
    ]


def _standing(kind: AlertKind, key: str) -> str:
    return f"alert {kind.value} {key}"


def _cleared_at(instant: datetime) -> str:
    """Of equal length, so that they sort as their instants do."""
    return f"{_CLEARED}{microseconds(instant):020d}"
