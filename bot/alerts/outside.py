"""E-mail and webhooks through apprise: each message in a thread of its own, so that one that hangs holds up nobody.

apprise blocks, and knows a hundred services of which any may hang. A thread that doesn't end in time is left behind as
a daemon: it ends with the process, which doesn't wait for it. A target with such a thread gets no second one.
"""

import asyncio
import hashlib
import logging
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any, TypeVar

from bot.alerts.addresses import AddressRefusedError, check_form, check_host, label_of
from bot.alerts.public_only import public_only
from bot.usage.alert_book import AlertBook
from bot.usage.alert_targets import AlertTargets
from bot.usage.deliveries import Trouble
from bot.usage.errors import TriloError

Result = TypeVar("Result")

SEND_SECONDS = 20.0
"""The longest one message may take."""
MOST_THREADS = 16
"""Messages on their way at once, those that hang included."""
_OPERATOR = "operator/"


class NotSentError(TriloError):
    """A message didn't arrive; the message says why, and nothing of the address (I35)."""


class Outside:
    """Sends to the operator's addresses (ALERT_URLS) and to those that servers have added."""

    def __init__(self, operator_addresses: Sequence[str], targets: AlertTargets) -> None:
        self._operator = {_OPERATOR + _digest(address): address for address in operator_addresses}
        self._targets = targets
        self._under_way: set[str] = set()

    @property
    def operator_targets(self) -> list[str]:
        """The operator's addresses by the names that their deliveries have in the books."""
        return list(self._operator)

    async def dead_targets(self, book: AlertBook) -> list[tuple[str, Trouble]]:
        """For the operator: each address that doesn't take what it is owed, by its label, and the trouble with it.

        Raises `DatabaseUnavailableError`.
        """
        dead = [(await self._label(trouble.target), trouble) for trouble in await book.troubles()]
        return [(label, trouble) for label, trouble in dead if label is not None]

    async def _label(self, target: str) -> str | None:
        """None where it was removed, or isn't an address."""
        if target in self._operator:
            return f"{label_of(self._operator[target])} (ALERT_URLS)"
        found = await self._targets.named(target)
        return f"{found.label} (server {found.guild_id})" if found else None

    async def send(self, target: str, title: str, text: str) -> None:
        """Send a message to a target. Raises `NotSentError`; `DatabaseUnavailableError` where it can't be looked up."""
        address = self._operator.get(target)
        is_ours = address is not None
        if address is None:
            address = await self._targets.address(target)
        if address is None:
            raise NotSentError("the address was removed")
        await self._in_thread(target, lambda: _send(address, title, text, is_ours=is_ours))

    async def check(self, address: str) -> str:
        """The label of an address that a server's admin wants to add. Raises `AddressRefusedError`, `NotSentError`."""
        check_form(address)
        await self._in_thread(f"check {address}", lambda: _check(address))
        return label_of(address)

    async def _in_thread(self, name: str, work: Callable[[], Result]) -> Result:
        if name in self._under_way:
            raise NotSentError("the message before is still on its way")
        if len(self._under_way) >= MOST_THREADS:
            raise NotSentError("too many messages are on their way at once")
        loop = asyncio.get_running_loop()
        done: asyncio.Future[Result] = loop.create_future()

        def run() -> None:
            try:
                result = work()
            except Exception as error:  # noqa: BLE001 - whatever it is, it belongs to whoever waits
                _tell(loop, _refuse, done, error)
            else:
                _tell(loop, _answer, done, result)
            _tell(loop, self._under_way.discard, name)

        self._under_way.add(name)
        threading.Thread(target=run, name="alert outside Discord", daemon=True).start()
        try:
            async with asyncio.timeout(SEND_SECONDS):
                return await done
        except TimeoutError:
            raise NotSentError(f"no answer within {SEND_SECONDS:g} seconds") from None


def _send(address: str, title: str, text: str, *, is_ours: bool) -> None:
    """Runs in a thread. The operator may send wherever they like; what servers added is checked anew each time."""
    if is_ours:
        _notify(address, title, text, redirects=True)
        return
    try:
        check_form(address)
        check_host(address)
    except AddressRefusedError as error:
        raise NotSentError(str(error)) from None
    with public_only():
        _notify(address, title, text)


def _notify(address: str, title: str, text: str, *, redirects: bool = False) -> None:
    service = _service(address, redirects=redirects)
    if service is None:
        raise NotSentError("that is no address that a message can be sent to")
    try:
        sent = service.notify(body=text, title=title)
    except Exception as error:  # noqa: BLE001 - a hundred services, and their words may quote the address
        raise NotSentError(f"it failed: {type(error).__name__}") from None
    if not sent:
        raise NotSentError("it can't be reached, or doesn't take the message")


def _check(address: str) -> None:
    check_host(address)
    if _service(address) is None:
        raise AddressRefusedError("That address is incomplete. Compare it with the service's own instructions.")


def _service(address: str, *, redirects: bool = False) -> Any:
    """What apprise makes of an address; None where it makes no sense. Redirects are followed for the operator alone."""
    import apprise  # a tenth of a second, which most starts can do without

    for name in ("apprise", "urllib3", "requests"):  # they log addresses, passwords included (I35)
        logging.getLogger(name).setLevel(logging.CRITICAL + 1)
    asset = apprise.AppriseAsset(app_id="Trilo", app_desc="Trilo", http_redirects=redirects)
    return apprise.Apprise.instantiate(address, asset=asset, suppress_exceptions=True)


def _tell(loop: asyncio.AbstractEventLoop, callback: Callable[..., object], *arguments: object) -> None:
    with suppress(RuntimeError):  # the loop is closed: nobody waits any more
        loop.call_soon_threadsafe(callback, *arguments)


def _answer(done: asyncio.Future[Result], result: Result) -> None:
    if not done.done():
        done.set_result(result)


def _refuse(done: asyncio.Future[Any], error: Exception) -> None:
    if not done.done():
        done.set_exception(error)


def _digest(address: str) -> str:
    """Tells addresses apart in the books without saying anything of them."""
    return hashlib.sha256(address.encode()).hexdigest()[:16]
