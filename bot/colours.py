"""Which colour a key has in the pictures of a trend, in Discord and on the page alike. Pure."""

from collections.abc import Iterable
from zlib import crc32

COLOURS = 5
"""So many keys have a colour of their own; all others share one more."""


def colours_of(keys: Iterable[str]) -> dict[str, int]:
    """A number below `COLOURS` for each of so many keys at most, none twice.

    The same keys have the same colours whatever they cost, so that they keep them from one period to the next.
    """
    found: dict[str, int] = {}
    for key in sorted(keys):
        wanted = crc32(key.encode())
        found[key] = next(n % COLOURS for n in range(wanted, wanted + COLOURS) if n % COLOURS not in found.values())
    return found
