"""All or nothing: what was done on a server so far is taken back when a later step fails (I32)."""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from typing import TypeVar

import discord

from bot.discord_failures import DISCORD_FAILED
from bot.errors import TakenBackError
from bot.words import where

log = logging.getLogger(__name__)

LAST_SECONDS = 0.5
"""When we are cancelled, how long a request that is under way is waited for."""
Done = TypeVar("Done")


class Undo:
    """The steps done so far, each with what takes it back."""

    def __init__(self) -> None:
        self._steps: list[tuple[str, Callable[[], Awaitable[object]]]] = []

    def __bool__(self) -> bool:
        return bool(self._steps)

    def add(self, what: str, take_back: Callable[[], Awaitable[object]]) -> None:
        """A step is done; `what` names it for people where taking it back fails."""
        self._steps.append((what, take_back))

    async def take_back(self) -> list[str]:
        """Take everything back, the latest first. Returns what stayed; what is gone already is as good."""
        left = []
        while self._steps:
            what, step = self._steps.pop()
            try:
                await step()
            except discord.NotFound:
                continue
            except Exception as error:  # noqa: BLE001 - the steps before it are taken back all the same
                log.warning("a step of a league action couldn't be taken back: %s", where(error))
                left.append(what)
        return left


@asynccontextmanager
async def all_or_nothing(*, lost: str = "") -> AsyncIterator[Undo]:
    """What happens inside stays only if all of it works. `lost` says what of it can't be brought back.

    Raises `TakenBackError` in place of whatever stopped it. Where the bot is shutting down everything is taken back
    too, as far as there is time.
    """
    undo = Undo()
    try:
        yield undo
    except asyncio.CancelledError:
        await _to_its_end(undo.take_back())
        raise
    except Exception as error:
        lost = lost if undo else ""
        raise TakenBackError(error, await _to_its_end(undo.take_back()), lost) from error


async def whole(asking: Awaitable[Done], take_back: Callable[[Done], Awaitable[object]]) -> Done:
    """What a request to Discord brings. Where we are cancelled meanwhile, what it did is taken back all the same:
    Discord has it already, and doesn't care whether anybody waits for the answer.
    """
    task = asyncio.ensure_future(asking)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait({task}, timeout=LAST_SECONDS)
        if task.done() and not task.cancelled() and task.exception() is None:
            with suppress(*DISCORD_FAILED):
                await take_back(task.result())
        task.cancel()
        raise


async def _to_its_end(work: Awaitable[Done]) -> Done:
    """What it brings. Being cancelled meanwhile ends us, but not before it."""
    task = asyncio.ensure_future(work)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        await task
        raise
