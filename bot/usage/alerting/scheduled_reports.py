"""Which servers are owed a report: the newest period that is over and wasn't reported yet, posted once.

A report is claimed like an alert: one process at a time, for the length of a lease, with pauses after failures.
`guild_settings.reported_until` is what has been reported, so that a restart or an outage neither repeats nor loses one.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from bot.usage.alerting.alert_book import REPORT
from bot.usage.alerting.deliveries import LONGEST_PAUSE_ON_DISCORD, Deliveries, Delivery, claiming, expecting
from bot.usage.budgeting.calendars import Calendar, Period, first_day
from bot.usage.budgeting.rules import Rules
from bot.usage.reporting.reports import Days
from bot.usage.storage.database import Database, Script
from bot.usage.storage.rows import microseconds

_ONE_DAY = timedelta(days=1)
_WANTED = (
    "SELECT guild_id, report_every, report_channel_id, reported_until FROM guild_settings "
    "WHERE report_every IS NOT NULL AND report_channel_id IS NOT NULL ORDER BY guild_id"
)
_REPORTED = "UPDATE guild_settings SET reported_until = $2 WHERE guild_id = $1"


@dataclass(frozen=True, slots=True)
class DueReport:
    """A report that a server is owed: its period's `days`, and those `before` to compare with, in local dates.

    `missed`: periods before it went by unreported, while the bot was away. `until` is the ISO date of the first day
    that isn't reported on.
    """

    guild_id: int
    channel_id: int
    every: Period
    days: Days
    before: Days
    missed: bool
    until: str

    @property
    def event_id(self) -> str:
        """Its id among the deliveries."""
        return f"report {self.guild_id} {self.every.value} {self.until}"


class ScheduledReports:
    """Finds and claims them. Every method raises `DatabaseUnavailableError` where the books can't be reached."""

    def __init__(self, database: Database, clock: Callable[[], datetime], rules: Rules) -> None:
        self._database = database
        self._clock = clock
        self._rules = rules
        self._deliveries = Deliveries(database, clock)

    async def due(self) -> list[DueReport]:
        """What is owed now. A server that has just asked for reports gets its first at the end of this period."""
        now = self._clock()
        found = []
        for guild_id, every, channel_id, reported_until in await self._database.fetch(_WANTED):
            calendar, period = self._rules.calendar(guild_id), Period(every)
            running = calendar.start(period, now)
            if reported_until is None:
                await self._database.execute(f"{_REPORTED} AND reported_until IS NULL", guild_id, running)
            elif reported_until < running:
                days = _period_before(calendar, period, now)
                before = Days(first_day(period, days.first - _ONE_DAY), days.first - _ONE_DAY)
                missed = reported_until < days.first.isoformat()
                found.append(DueReport(guild_id, channel_id, period, days, before, missed, running))
        return found

    async def claim(self, report: DueReport) -> Delivery | None:
        """Take a try for the length of a lease. None where another process has or had it, or where it isn't due yet."""
        return await self._database.transact(lambda: self._claim(report))

    async def failed(self, delivery: Delivery, problem: str) -> None:
        """Note why a try failed; the next one is within ten minutes."""
        await self._deliveries.failed(delivery, problem, longest=LONGEST_PAUSE_ON_DISCORD, tries=None)

    async def posted(self, report: DueReport, delivery: Delivery) -> None:
        """Note that it was posted, or that it won't be."""
        await self._database.transact(lambda: _posted(report, delivery))

    def _claim(self, report: DueReport) -> Script[Delivery | None]:
        now = self._clock()
        rows = yield ("SELECT reported_until FROM guild_settings WHERE guild_id = $1 FOR UPDATE", (report.guild_id,))
        if not rows or (rows[0][0] or "") >= report.until:
            return None
        yield from expecting(report.event_id, REPORT, microseconds(now))
        return (yield from claiming(report.event_id, REPORT, now))


def _posted(report: DueReport, delivery: Delivery) -> Script[None]:
    """`reported_until` says all that its delivery's row did."""
    yield (_REPORTED, (report.guild_id, report.until))
    yield ("DELETE FROM alert_deliveries WHERE alert_id = $1 AND target = $2", (delivery.event_id, delivery.target))


def _period_before(calendar: Calendar, period: Period, now: datetime) -> Days:
    """The days of the newest period that is over."""
    begin = calendar.begin(period, now)
    assert begin is not None  # noqa: S101 - only `total` has none, and nobody is sent a report of it
    first = calendar.start(period, begin - timedelta(microseconds=1))
    return Days(date.fromisoformat(first), date.fromisoformat(calendar.start(period, now)) - _ONE_DAY)
