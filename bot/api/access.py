"""Who may ask what: a key for each request, its rights, and how many requests a minute are taken from it."""

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from ipaddress import ip_address
from time import perf_counter
from typing import Annotated

from fastapi import Depends, Request

from bot.api.keys import LOOPBACK, ApiKey, KeyBook
from bot.api.problems import Problem
from bot.translation import _
from bot.usage.tracker import UsageTracker

REQUESTS_A_MINUTE = 600
"""From one key: a page that asks ten things at once, every second."""
WRONG_A_MINUTE = 30
"""Wrong keys from one address: more is guessing, or a program that doesn't look at its answers."""
_MINUTE = 60.0
_MOST_BUCKETS = 10_000


@dataclass(frozen=True, slots=True)
class Service:
    """What the routes work with. `open_on_loopback`: reads from this machine need no key (development only)."""

    tracker: UsageTracker
    keys: KeyBook
    pace: "Pace"
    open_on_loopback: bool


class Pace:
    """So many requests a minute of each key: a bucket that fills steadily. Bounded in memory (I24)."""

    def __init__(self, now: Callable[[], float] = perf_counter) -> None:
        self._now = now
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def take(self, name: str, most: int) -> None:
        """Count a request. Raises `Problem` 429, with the seconds to wait, where it is one too many."""
        now = self._now()
        left, at = self._buckets.pop(name, (float(most), now))
        left = min(float(most), left + (now - at) * most / _MINUTE)
        if left < 1:
            self._buckets[name] = (left, now)
            wait = max(1, round((1 - left) * _MINUTE / most + 0.5))
            raise Problem(
                429, "too_many_requests", _("Try again in {wait}\u00a0s.", wait=wait), {"Retry-After": str(wait)}
            )
        self._buckets[name] = (left - 1, now)
        while len(self._buckets) > _MOST_BUCKETS:
            self._buckets.popitem(last=False)


def service_of(request: Request) -> Service:
    """The service that the app was made with."""
    found: Service = request.app.state.service
    return found


async def reader(request: Request) -> ApiKey:
    """The key of a request that reads. Raises `Problem` 401 or 429."""
    service = service_of(request)
    scheme, _, text = request.headers.get("authorization", "").partition(" ")
    address = request.client.host if request.client else ""
    if not text and service.open_on_loopback and _is_loopback(address):
        return LOOPBACK
    key = await service.keys.recognise(text.strip()) if scheme.casefold() == "bearer" and text else None
    if key is None:
        service.pace.take(f"wrong {address}", WRONG_A_MINUTE)
        detail = (
            "Give a key as `Authorization: Bearer trilo_…`. Whoever runs this bot makes one: python -m bot keys create"
        )
        raise Problem(401, "no_key", detail, {"WWW-Authenticate": "Bearer"})
    service.pace.take(key.id, REQUESTS_A_MINUTE)
    return key


async def writer(key: Annotated[ApiKey, Depends(reader)]) -> ApiKey:
    """The key of a request that changes something. Raises `Problem` 403 besides."""
    if not key.may_write:
        raise Problem(403, "read_only", "This key may read only. Make another with --write.")
    return key


def server_for(key: ApiKey, guild_id: int | None) -> int | None:
    """The server that a request is about: the key's own unless it names one; None: all. Raises `Problem` 403 (I26)."""
    if guild_id is None:
        return key.guild_id
    if not key.may_see(guild_id):
        raise Problem(403, "other_server", "This key is for another server.")
    return guild_id


def for_all(key: Annotated[ApiKey, Depends(reader)]) -> ApiKey:
    """A key for all servers: people and threads are on several. Raises `Problem` 403."""
    if key.guild_id is not None:
        raise Problem(403, "one_server_only", "This key is for one server; this needs one for all of them.")
    return key


def _is_loopback(address: str) -> bool:
    try:
        return ip_address(address).is_loopback
    except ValueError:
        return False
