"""All or nothing: what was done on a server so far is taken back when a later step fails (I32)."""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import discord

from bot.errors import TakenBackError
from bot.words import where

log = logging.getLogger(__name__)


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
        await asyncio.shield(undo.take_back())
        raise
    except Exception as error:
        lost = lost if undo else ""
        raise TakenBackError(error, await undo.take_back(), lost) from error
