"""Time zones by what people type: `Europe/Berlin`, `berlin`, `New York`, `utc`. Pure."""

from functools import cache
from zoneinfo import available_timezones

MOST = 25
"""Choices offered at once: as many as a list in Discord has."""


@cache
def zone_names() -> tuple[str, ...]:
    """Every zone by its IANA name, in order. Reads the machine's zone files once: some 30 ms."""
    return tuple(sorted(name for name in available_timezones() if not name.startswith(("posix/", "right/"))))


def zones_matching(typed: str) -> list[str]:
    """Zones that may be meant, the surest kind of match alone: the name, then the city, then any part of the name.

    At most `MOST`; empty where nothing matches.
    """
    wanted = "_".join(typed.strip().casefold().split())
    if not wanted:
        return []
    matches = (
        lambda name: name == wanted,
        lambda name: name.rpartition("/")[2] == wanted,
        lambda name: wanted in name,
    )
    found = ([name for name in zone_names() if match(name.casefold())] for match in matches)
    return next(filter(None, found), [])[:MOST]
