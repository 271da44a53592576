"""When somebody means: `Sunday 8pm` in a server's time zone, as an instant. Nothing that isn't exact is guessed."""

import re
from datetime import UTC, datetime, time, timedelta, tzinfo
from zoneinfo import ZoneInfo

from bot.usage.budgeting.calendars import zone_named

MOST_AHEAD = timedelta(days=400)
_CHARACTERS = 100
_LANGUAGES = ["en", "es"]

_DISCORDS = re.compile(r"<t:(\d{1,12})(?::[tTdDfFsSR])?>")
_ISO = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d\S*", re.ASCII)
_SHORT_UNIT = r"minutes?|minutos?|mins?|hours?|horas?|hrs?|h"
_UNIT = rf"(?:{_SHORT_UNIT}|days?|d[ií]as?|weeks?|semanas?)"
_FROM_NOW = re.compile(rf"(?:in|en|dentro de)\s+\w+\s+{_UNIT}(?:(?:,|\s|and|y)+\w+\s+{_UNIT})*", re.IGNORECASE)
_EXACT_UNIT = re.compile(rf"\b(?:{_SHORT_UNIT})\b", re.IGNORECASE)
_CLOCK = re.compile(
    r"""(?:\b(?:at|a\ las?)\s*|@\s*)?(?<![\d:/.-])(?:
    (?P<hour>\d{1,2}) (?: [:h](?P<minute>[0-5]\d)(?::[0-5]\d)? (?:\s*(?P<half>[ap])\.?m\b\.?)?
                        | \s*(?P<half_only>[ap])\.?m\b\.?
                        | \s*h(?:rs?|oras?)?\b )
    | (?P<noon>noon|mediod[ií]a)\b )(?![\d:])
    | (?:\b(?:at|a\ las?)\s+|@\s*)(?P<bare>\d{1,2})\b(?![:/.-]\d)""",
    re.IGNORECASE | re.VERBOSE,
)
_EVENING = re.compile(r"\b(?:(?:por|de|en|a) la (?:noche|tarde)|night|evening|afternoon)\b", re.IGNORECASE)
_MORNING = re.compile(r"\b(?:(?:por|de|en) la ma[ñn]ana|morning)\b", re.IGNORECASE)
_TONIGHT = re.compile(r"\b(?:tonight|esta (?:noche|tarde)|this (?:evening|afternoon))\b", re.IGNORECASE)
_AROUND = re.compile(r"^(?:(?:on|el|este|this)\s+|[\s,.])+|[\s,.]+$", re.IGNORECASE)
_WEEKDAY = re.compile(
    r"(?:mon|tue|wed|thu|fri|sat|sun)\w*|lunes|martes|mi[eé]rcoles|jueves|viernes|s[aá]bado|domingo", re.IGNORECASE
)
_ZONE = re.compile(
    r"\b(?P<name>[ecmp][sd]?t|eastern|central|mountain|pacific|utc|gmt)(?: time)?\b(?![+-])", re.IGNORECASE
)
_ZONES: dict[str, tzinfo] = {  # by their first letter
    "e": ZoneInfo("America/New_York"),
    "c": ZoneInfo("America/Chicago"),
    "m": ZoneInfo("America/Denver"),
    "p": ZoneInfo("America/Los_Angeles"),
    "u": UTC,
    "g": UTC,
}


def understand_when(text: str, *, zone: str, now: datetime) -> datetime | None:
    """The instant (UTC) that a text means, said in the time zone of that name; English or Spanish.

    `Sunday 8pm`, `tomorrow 21:00`, `in 2 days`, `domingo a las 20:00`, `2026-11-30 20:00`, ISO with its own offset, a
    Discord timestamp. `8pm EST` is Eastern time as it is kept on that day, and so are the other American zones.
    Where clocks are put forward, a time that they skip is that much later; where they go back, it is the first of two.

    None where it isn't understood, isn't exact (`Friday`, `Sunday at 8`, `midnight`, which might be either end of a
    day), is past, or is more than 400 days ahead. `now` has a time zone.
    """
    text = " ".join(text.split())
    if not 0 < len(text) <= _CHARACTERS:
        return None
    try:
        found = _instant(text, zone_named(zone), now)
    except (ValueError, OverflowError, OSError):
        return None
    return found if found is not None and now < found <= now + MOST_AHEAD else None


def _instant(text: str, zone: tzinfo, now: datetime) -> datetime | None:
    if stamp := _DISCORDS.search(text):
        return datetime.fromtimestamp(int(stamp[1]), UTC)
    if _ISO.fullmatch(text):
        return _utc(datetime.fromisoformat(text), zone, now)
    if _FROM_NOW.fullmatch(text):  # days and weeks keep the time of day; hours and minutes are as long as they are
        counted_in = UTC if _EXACT_UNIT.search(text) else zone
        found = _parsed(text, now.astimezone(counted_in))
        return found and _utc(found, counted_in, now)
    return _on_a_day(text, zone, now)


def _on_a_day(text: str, zone: tzinfo, now: datetime) -> datetime | None:
    """A time of day, and a day: today or tomorrow where none is named."""
    text, tonight = _TONIGHT.subn("today", text)
    text, evening = _EVENING.subn(" ", text)
    text, morning = _MORNING.subn(" ", text)
    clocks = list(_CLOCK.finditer(text))
    at = _time(clocks[0], "p" if tonight or evening else "a" if morning else "") if len(clocks) == 1 else None
    if at is None:
        return None
    day = f"{text[: clocks[0].start()]} {text[clocks[0].end() :]}"
    if named := _ZONE.search(day):
        zone = _ZONES[named["name"][0].lower()]
        day = _ZONE.sub(" ", day)
    day = _AROUND.sub("", " ".join(day.split()))
    local = now.astimezone(zone)
    found = _parsed(f"{day} {at:%H:%M}", local)
    if found is None or found.time() != at:
        return None
    instant = _utc(found, zone, now)
    if _WEEKDAY.fullmatch(day) and (today := _utc(found - timedelta(days=7), zone, now)) > now:
        return today  # a weekday's name means today while its time is still to come
    return instant


def _time(clock: re.Match[str], part_of_day: str) -> time | None:
    if clock["noon"]:
        return time(12)
    half = (clock["half"] or clock["half_only"] or "").lower()
    hour = int(clock["hour"] or clock["bare"])
    if half and not 1 <= hour <= 12:
        return None
    if not half and hour <= 12:
        if (hour == 12 and part_of_day == "p") or (clock["bare"] and not part_of_day):
            return None
        half = part_of_day
    if half and hour <= 12:
        hour = hour % 12 + (12 if half == "p" else 0)
    return time(hour, int(clock["minute"] or 0)) if hour < 24 else None


def _parsed(text: str, local: datetime) -> datetime | None:
    settings = {"PREFER_DATES_FROM": "future", "RELATIVE_BASE": local.replace(tzinfo=None)}
    import dateparser  # loaded when first needed: it takes longer than all else of a league at start

    return dateparser.parse(text, languages=_LANGUAGES, settings=settings)


def _utc(found: datetime, zone: tzinfo, now: datetime) -> datetime:
    """The instant of a local time; of two the first that is still to come."""
    if found.tzinfo is not None:
        return found.astimezone(UTC)
    first = found.replace(tzinfo=zone).astimezone(UTC)
    return first if first > now else found.replace(tzinfo=zone, fold=1).astimezone(UTC)
