"""E-mail and webhooks through apprise: each message in a process of its own, so that one that hangs holds up nobody."""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager

from bot.alerts.addresses import AddressRefusedError, check_form, host_of, label_of
from bot.alerts.child import SEND_SECONDS, in_child
from bot.alerts.sender import Answer, Job, Outcome
from bot.alerts.turns import Turns
from bot.translation import _, mark
from bot.usage.alerting.alert_book import AlertBook
from bot.usage.alerting.alert_targets import AlertTargets
from bot.usage.alerting.deliveries import Trouble
from bot.usage.errors import TriloError

SERVERS_AT_ONCE = 4
"""Messages to servers' addresses on their way at once, one for each server."""
OPERATOR_AT_ONCE = 2
"""Messages to the operator's addresses besides, which no server can hold up."""
WAIT_SECONDS = 15.0
"""How long somebody who looks on waits for their turn."""
_OPERATOR = "operator/"
_PROBLEMS = {
    Outcome.NO_ADDRESS: mark("that is no address that a message can be sent to"),
    Outcome.PRIVATE: mark("That host is on a private network, where I don't send anything."),
    Outcome.UNKNOWN_HOST: mark("I can't find that host. Check the address for a mistake."),
    Outcome.FAILED: mark("it can't be reached, or doesn't take the message"),
    Outcome.LATE: mark("no answer within {seconds} seconds"),
}


class NotSentError(TriloError):
    """A message didn't arrive, or only `perhaps`; the message says why, and nothing of the address (I35)."""

    def __init__(self, problem: str, *, perhaps: bool = False) -> None:
        super().__init__(problem)
        self.perhaps = perhaps


class Outside:
    """Sends to the operator's addresses (ALERT_URLS) and to those that servers have added."""

    def __init__(self, operator_addresses: Sequence[str], targets: AlertTargets) -> None:
        self._operator = {_OPERATOR + _digest(address): address for address in operator_addresses}
        self._targets = targets
        self._operators_turns = Turns(OPERATOR_AT_ONCE)
        self._servers_turns = Turns(SERVERS_AT_ONCE)

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

    def turn(self, target: str, guild_id: int) -> AbstractAsyncContextManager[None]:
        """What whoever sends waits for: the operator's addresses have places of their own, the servers' one each."""
        if target in self._operator:
            return self._operators_turns.take(target)
        return self._servers_turns.take(guild_id)

    async def send(self, target: str, title: str, text: str) -> None:
        """Send a message to a target, whose `turn` it is.

        What servers added is checked anew each time; the operator may send wherever they like. Raises `NotSentError`;
        `DatabaseUnavailableError` where the target can't be looked up.
        """
        if (ours := self._operator.get(target)) is not None:
            job = Job(ours, guarded=False, title=title, text=text)
        elif (address := await self._targets.address(target)) is not None:
            try:
                check_form(address)
            except AddressRefusedError as error:
                raise NotSentError(str(error)) from None
            job = Job(address, host_of(address), title=title, text=text)
        else:
            raise NotSentError(_("the address was removed"))
        answer = await _answer(job)
        if answer.outcome is not Outcome.DONE:
            raise _not_sent(answer)

    async def send_now(self, target: str, guild_id: int, title: str, text: str) -> None:
        """The same for somebody who looks on, and soon hears that it isn't this server's turn. Raises the same."""
        async with self._soon(guild_id):
            await self.send(target, title, text)

    async def check(self, address: str, guild_id: int) -> str:
        """The label of an address that a server's admin wants to add. Raises `AddressRefusedError`, `NotSentError`."""
        check_form(address)
        async with self._soon(guild_id):
            answer = await _answer(Job(address, host_of(address)))
        if answer.outcome is Outcome.NO_ADDRESS:
            raise AddressRefusedError(_("That address is incomplete. Compare it with the service's own instructions."))
        if answer.outcome in (Outcome.PRIVATE, Outcome.UNKNOWN_HOST):
            raise AddressRefusedError(_(_PROBLEMS[answer.outcome]))
        if answer.outcome is not Outcome.DONE:
            raise _not_sent(answer)
        return label_of(address)

    @asynccontextmanager
    async def _soon(self, guild_id: int) -> AsyncIterator[None]:
        async with AsyncExitStack() as stack:
            try:
                async with asyncio.timeout(WAIT_SECONDS):
                    await stack.enter_async_context(self._servers_turns.take(guild_id))
            except TimeoutError:
                raise NotSentError(_("too many messages are on their way at once")) from None
            yield


async def _answer(job: Job) -> Answer:
    try:
        return await in_child(job)
    except OSError:
        raise NotSentError(_("this machine can't start a process for it just now")) from None


def _not_sent(answer: Answer) -> NotSentError:
    if answer.outcome in _PROBLEMS:
        seconds = f"{SEND_SECONDS:g}"
        problem = _(_PROBLEMS[answer.outcome], seconds=seconds)
    else:
        problem = _("it failed: {fault}", fault=answer.fault)
    return NotSentError(problem, perhaps=answer.outcome in (Outcome.LATE, Outcome.BROKE))


def _digest(address: str) -> str:
    """Tells addresses apart in the books without saying anything of them."""
    return hashlib.sha256(address.encode()).hexdigest()[:16]
