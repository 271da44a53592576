"""Whose turn it is: so many at once, and of each server or address only one, so that none starves the others."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from weakref import WeakValueDictionary


class Turns:
    """At most `at_once` are taken at any moment; who waits is let in in the order of coming."""

    def __init__(self, at_once: int) -> None:
        self._all = asyncio.Semaphore(at_once)
        self._of: WeakValueDictionary[object, asyncio.Lock] = WeakValueDictionary()

    @asynccontextmanager
    async def take(self, whose: object) -> AsyncIterator[None]:
        """Wait for a turn: first for the one before of the same `whose`, then for a place among all."""
        own = self._of.setdefault(whose, asyncio.Lock())
        async with own, self._all:
            yield
