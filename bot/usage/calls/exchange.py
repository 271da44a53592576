"""One HTTP exchange, watched: its answer is kept, or its streamed body stood in for. A fault of ours spares the caller.

What is learnt here is learnt from the wire, below the SDK: whatever the SDK makes of an answer, the books read what
the provider sent.
"""

import asyncio
import logging
import traceback
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from functools import wraps
from pathlib import Path
from typing import Any, TypeVar, cast

import httpx2

from bot.usage.bookkeeping.keeper import Keeper
from bot.usage.calls.answers import payload_of
from bot.usage.calls.metered_body import End, MeteredBody, Seen, seen_whole
from bot.usage.calls.plain_body import PlainBody

try:
    import aiohttp
except ImportError:  # the books do without: then the SDK's own transport carries everything
    _AIOHTTP: tuple[type[BaseException], ...] = ()
    _AIOHTTP_NEVER_SENT: tuple[type[BaseException], ...] = ()
else:
    _AIOHTTP = (aiohttp.ClientError,)
    _AIOHTTP_NEVER_SENT = (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError, aiohttp.InvalidURL)

log = logging.getLogger(__name__)
MethodT = TypeVar("MethodT", bound=Callable[..., None])

_NEVER_SENT = (
    httpx2.ConnectError,
    httpx2.ConnectTimeout,
    httpx2.PoolTimeout,
    httpx2.ProxyError,
    httpx2.UnsupportedProtocol,
    httpx2.LocalProtocolError,
)


def was_never_sent(error: BaseException) -> bool:
    """Whether an attempt failed before anything left: no connection was made, so nothing is owed.

    The aiohttp transport calls every lost connection a ConnectTimeout, one that broke after the request too: there,
    its cause tells.
    """
    if isinstance(error.__cause__, _AIOHTTP):
        return isinstance(error.__cause__, _AIOHTTP_NEVER_SENT)
    return isinstance(error, _NEVER_SENT)


def spares_the_caller(method: MethodT) -> MethodT:
    """Our own fault never becomes the user's (I23), and this is where: by now the provider has answered or failed,
    and whatever goes wrong in booking that must not cost the person the answer, or hide the real error.
    """

    @wraps(method)
    def spared(self: "Exchange", *arguments: Any, **named: Any) -> None:
        try:
            method(self, *arguments, **named)
        except Exception as error:  # noqa: BLE001 - see above
            self.fault(error)
            self.give_up()

    return cast("MethodT", spared)


def note_fault(keeper: Keeper, error: Exception) -> None:
    """Count and log a fault of ours: where it was, not what it said, which may quote anything (I33)."""
    keeper.faults += 1
    frame = traceback.extract_tb(error.__traceback__)[-1]
    log.error("accounting failed: %s at %s:%s", type(error).__name__, Path(frame.filename).name, frame.lineno)


async def _read(response: httpx2.Response) -> None:
    try:
        await response.aread()
    except BaseException:
        await response.aclose()
        raise


class Exchange(ABC):
    """One request to the provider and what came back. What that means for the books is for its subclasses."""

    hides_usage = False

    def __init__(self, keeper: Keeper) -> None:
        self._keeper = keeper
        self._response: httpx2.Response | None = None
        self._loop = asyncio.get_running_loop()

    async def before_attempt(self) -> None:  # noqa: B027 - most exchanges have nothing to do
        """An attempt is about to be sent. May raise `CallRefusedError`."""

    async def attempt(self, sending: Awaitable[httpx2.Response], *, streamed: bool) -> httpx2.Response:
        """Send one attempt and keep hold of a good answer. Raises `AnswerTooLargeError`."""
        response = await sending
        if streamed and response.is_success:
            MeteredBody.watch(response, self)
            return response
        response.stream = PlainBody(response)
        if not streamed:
            await _read(response)
            self._response = response if response.is_success else None
        return response

    def returned(self) -> None:
        """The request returned: take note of an answer that is here whole. A streamed one tells of its own end."""
        response, self._response = self._response, None
        if response is not None:
            self._take_note(response)

    @spares_the_caller
    def _take_note(self, response: httpx2.Response) -> None:
        seen = seen_whole(response)
        if seen is None:
            self.answered(payload_of(response))
        else:
            self.body_ended(seen, End.READ, None)

    def dropped(self, seen: Seen) -> None:
        """The stream was garbage-collected, perhaps in another thread: nobody is left to read it."""
        with suppress(RuntimeError):  # the loop is closed: what is still open is booked at the next opening (I21)
            self._loop.call_soon_threadsafe(self.body_ended, seen, End.LEFT, None)

    def fault(self, error: Exception) -> None:
        """Count and log a fault of ours."""
        note_fault(self._keeper, error)

    @abstractmethod
    def failed(self, error: BaseException) -> None:
        """The request raised."""

    @abstractmethod
    def answered(self, payload: Mapping[str, Any]) -> None:
        """A whole answer, as JSON."""

    @abstractmethod
    def body_ended(self, seen: Seen, end: End, error: BaseException | None) -> None:
        """A streamed body ended (see `MeteredBody`)."""

    @abstractmethod
    def give_up(self) -> None:
        """Booking failed: book what is certain."""
