"""Calendar periods in a server's own time zone: day, week (from Monday), month, or everything (I17).

A change of time zone never shortens or restarts a running period, which would be a free reset: each kind of period goes
on in the old zone to its end, and the next one begins in the new. Pure: the instant is always given.
"""

import logging
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from enum import StrEnum
from functools import lru_cache
from zoneinfo import ZoneInfo

log = logging.getLogger(__name__)

BEGINNING = datetime.min.replace(tzinfo=UTC)
_ONE_DAY = timedelta(days=1)


class Period(StrEnum):
    """How long a budget lasts before it starts anew. `total` never does."""

    DAY = "day"
    WEEK = "week"
    MONTH = "month"
    TOTAL = "total"


@dataclass(frozen=True, slots=True)
class Calendar:
    """A server's days, weeks and months. `zones` are the zones it chose and since when (UTC), oldest first."""

    zones: tuple[tuple[datetime, tzinfo], ...] = ((BEGINNING, UTC),)

    @classmethod
    def of(cls, zone: tzinfo, changes: Iterable[tuple[datetime, tzinfo]] = ()) -> "Calendar":
        """In `zone` from the beginning, with later `changes` in any order."""
        return cls(((BEGINNING, zone), *sorted(changes, key=lambda change: change[0])))

    @property
    def chosen(self) -> tzinfo:
        """The zone chosen last, in effect or about to be."""
        return self.zones[-1][1]

    def start(self, period: Period, at: datetime) -> str:
        """The ISO date on which the period that `at` lies in starts: its name. Empty for `total`."""
        if period is Period.TOTAL:
            return ""
        return first_day(period, _local_date(at, self.zone(period, at))).isoformat()

    def end(self, period: Period, at: datetime) -> datetime | None:
        """The instant (UTC) at which the period that `at` lies in is over; None for `total`, which never is."""
        if period is Period.TOTAL:
            return None
        end = _end(period, at, self.zone(period, at))
        # A change to a zone further west prolongs the running period to its end there.
        while self.start(period, end) == self.start(period, at):
            end = _end(period, end, self.zone(period, end))
        return end

    def begin(self, period: Period, at: datetime) -> datetime | None:
        """The instant (UTC) at which the period that `at` lies in began, in the zone it is counted in."""
        if period is Period.TOTAL:
            return None
        zone = self.zone(period, at)
        return _midnight(first_day(period, _local_date(at, zone)), zone)

    def day(self, at: datetime) -> date:
        """The local date."""
        return _local_date(at, self.zone(Period.DAY, at))

    def zone(self, period: Period, at: datetime) -> tzinfo:
        """The zone in which the period that `at` lies in is counted."""
        zone, since = self.zones[0][1], BEGINNING
        for changed_at, chosen in self.zones[1:]:
            if at < changed_at:
                break
            if changed_at > since:
                since = _end(period, changed_at, zone)
                if at < since:
                    break
            zone = chosen
        return zone


ALWAYS_UTC = Calendar()


def zone_named(name: str) -> tzinfo:
    """The time zone of an IANA name; UTC, and a word in the log, where this machine knows no such zone."""
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        log.warning("there is no time zone %r on this machine: using UTC", name)
        return UTC


def first_day(period: Period, day: date) -> date:
    """The day on which the day, week or month that a date lies in starts."""
    if period is Period.WEEK:
        return day - timedelta(days=day.weekday())
    return day.replace(day=1) if period is Period.MONTH else day


def _end(period: Period, at: datetime, zone: tzinfo) -> datetime:
    first = first_day(period, _local_date(at, zone))
    if period is Period.WEEK:
        return _midnight(first + timedelta(days=7), zone)
    if period is Period.MONTH:
        return _midnight((first + timedelta(days=32)).replace(day=1), zone)
    return _midnight(first + _ONE_DAY, zone)


def _midnight(day: date, zone: tzinfo) -> datetime:
    """Where the clocks skip midnight, the instant at which they do."""
    return datetime.combine(day, time(), zone).astimezone(UTC)


def _local_date(at: datetime, zone: tzinfo) -> date:
    return date.fromordinal(_ordinal_of_minute(int(at.timestamp() // 60), zone))


@lru_cache(maxsize=4096)
def _ordinal_of_minute(minute: int, zone: tzinfo) -> int:
    """Zones are offset from UTC by whole minutes, so all of a minute lies in one day."""
    return datetime.fromtimestamp(minute * 60, zone).date().toordinal()
