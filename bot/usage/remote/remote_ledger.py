"""A ledger whose books are behind a REST API: asked before a call leaves, told after it, each call once.

What is told waits in memory, bounded, until the API has it: it goes out in batches, and again after a while where
nobody answers. Each call has an id of ours, so what is told twice is booked once. What is asked reserves room there
under the same id, and telling it ends that.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from itertools import islice
from time import perf_counter
from typing import Any

from bot.usage.bookkeeping.entries import QUEUE_LIMIT, SETTLE_DELAY_SECONDS
from bot.usage.bookkeeping.leaving import NEVER_LEFT
from bot.usage.budgeting.rules import Rules
from bot.usage.errors import BooksOutOfReachError, CallRefusedError, LedgerClosedError
from bot.usage.operations import Operation
from bot.usage.records import Attribution, OpenCall, Settlement, UsageRecord
from bot.usage.remote.remote_api import RemoteApi, Unreached
from bot.usage.remote.remote_events import event_of, question_of, refusal_of

log = logging.getLogger(__name__)

ASK_PATIENCE_SECONDS = 6.0
"""The longest a call waits to be asked for: the API itself waits 3 s where others hold all room."""
AWAY_SECONDS = 5.0
"""How long nobody is asked after nobody answered."""
RETRY_SECONDS = (0.2, 0.5, 1.0, 3.0, 10.0, 30.0)
BATCH = 500
_MOST_SERVERS = 10_000
ROOM_PATIENCE_SECONDS = 3.0


class RemoteLedger:
    """Keeps calls as `Ledger` does, by way of an API. Use `start` before and `close` after.

    `on_booked` is called with each batch of records that has arrived. `fail_open`: while the API can't be reached,
    calls leave unasked; else only those of servers that have no budget that stops, as far as is known.

    `unrecorded` counts calls that left unasked, `faults` failed requests, `dropped` calls that were never told: those
    the API wouldn't take, those for which there was no room, and those left at the end.
    """

    def __init__(
        self,
        api: RemoteApi,
        clock: Callable[[], datetime],
        on_booked: Callable[[Sequence[UsageRecord]], None],
        operations: Mapping[str, Operation],
        *,
        fail_open: bool = False,
    ) -> None:
        self.unrecorded = self.faults = self.dropped = 0
        self.rules = Rules(operations=operations)
        self._api = api
        self._clock = clock
        self._on_booked = on_booked
        self._fail_open = fail_open
        self._stops: dict[int, bool] = {}
        self._away_until = 0.0
        self._queue: deque[UsageRecord] = deque()
        self._told = self._arrived = 0
        self._wake = asyncio.Event()
        self._progress = asyncio.Event()
        self._closing = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to tell."""
        self._task = asyncio.create_task(self._tell_forever(), name="remote ledger")

    async def admit(self, call: OpenCall) -> OpenCall:
        """Have a call's worst case reserved. When this returns it may leave. Raises `CallRefusedError`."""
        if self._closing.is_set():
            raise LedgerClosedError
        await self.room()
        if perf_counter() < self._away_until:
            return self._leave_unasked(call)
        try:
            answer = await self._ask(call, 1)
        except Unreached as error:
            if self.stopping(call.attribution) is not None and not error.never_sent:
                self.settle(call, NEVER_LEFT)  # it may have been reserved
            return self._leave_unasked(call)
        except asyncio.CancelledError:
            self.settle(call, NEVER_LEFT)
            raise
        if not answer["allowed"]:
            raise refusal_of(call.attribution, answer)
        return _capped(call, answer["max_output_tokens"])

    async def admit_again(self, call: OpenCall, times: int = 2) -> None:
        """Reserve for another attempt, as far as it can be asked for. Raises `CallRefusedError`."""
        try:
            answer = await self._ask(replace(call, elastic=None), times)
        except Unreached:
            if (refusal := self.stopping(call.attribution)) is not None:
                raise refusal from None
            return
        if not answer["allowed"]:
            raise refusal_of(call.attribution, answer)

    def left_unrecorded(self) -> None:
        """Count a call that leaves and never gets on the books, by our own fault."""
        self.unrecorded += 1

    def settle(self, call: OpenCall, settled: Settlement) -> None:
        """Queue how a call ended. Never blocks and never raises."""
        self.record(UsageRecord(call, settled))

    def record(self, record: UsageRecord) -> None:
        """Queue a call that is over. Never blocks and never raises."""
        if self._closing.is_set() and (self._task is None or self._task.done()):
            self._drop(1, "the tracker is closed")
        elif len(self._queue) >= QUEUE_LIMIT:
            self._drop(1, "too many wait to be told")
        else:
            self._queue.append(record)
            self._told += 1
            self._wake.set()

    def stopping(self, who: Attribution) -> CallRefusedError | None:
        """Why a call may not leave unasked: a budget there stops, or nobody could say so yet (I23)."""
        if self._fail_open or self._stops.get(who.guild_id) is False:
            return None
        return BooksOutOfReachError(who.guild_id, self._api.host)

    async def room(self) -> None:
        """Wait a while where too much waits to be told: memory is bounded (I24)."""
        if len(self._queue) >= QUEUE_LIMIT:
            with suppress(TimeoutError):
                async with asyncio.timeout(ROOM_PATIENCE_SECONDS):
                    await self._until(lambda: len(self._queue) < QUEUE_LIMIT)

    async def flush(self) -> None:
        """Return when everything queued so far is on the books, however long nobody answers there."""
        target = self._told
        await self._until(lambda: self._arrived >= target)

    async def close(self, patience_seconds: float = 10.0) -> None:
        """Tell what is queued, then stop. What can't be told within the patience is said with its count."""
        self._closing.set()
        self._wake.set()
        if self._task is None:
            return
        try:
            await asyncio.wait({self._task}, timeout=patience_seconds)
        finally:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            if self._queue:
                self._drop(len(self._queue), f"{self._api.host} doesn't answer")
                self._queue.clear()
            await self._api.close()

    def _leave_unasked(self, call: OpenCall) -> OpenCall:
        if (refusal := self.stopping(call.attribution)) is not None:
            raise refusal
        self.unrecorded += 1
        return _capped(call, None)

    async def _ask(self, call: OpenCall, times: int) -> dict[str, Any]:
        """What the API says of a call; where it has too many to answer, after the pause it asks for."""
        try:
            async with asyncio.timeout(ASK_PATIENCE_SECONDS):
                answer = await self._ask_patiently(question_of(call, times))
        except (Unreached, TimeoutError) as error:
            why = error if isinstance(error, Unreached) else Unreached("no answer in time")
            self.faults += 1
            if why.is_away:
                self._away_until = perf_counter() + AWAY_SECONDS
            log.warning("%s can't be asked: %s", self._api.host, why)
            raise why from None
        if len(self._stops) >= _MOST_SERVERS:
            self._stops.clear()
        self._stops[call.attribution.guild_id] = bool(answer["stops"])
        return answer

    async def _ask_patiently(self, question: dict[str, Any]) -> dict[str, Any]:
        while True:
            try:
                return await self._api.post("/check", question)
            except Unreached as error:
                if not error.retry_after:
                    raise
                await asyncio.sleep(error.retry_after)

    async def _until(self, done: Callable[[], bool]) -> None:
        while not (done() or self._task is None or self._task.done()):
            await self._progress.wait()

    async def _tell_forever(self) -> None:
        failures = 0
        try:
            while self._queue or not self._closing.is_set():
                if not self._queue:
                    await self._wake.wait()
                    self._wake.clear()
                    await asyncio.sleep(0 if self._closing.is_set() else SETTLE_DELAY_SECONDS)
                    continue
                batch = list(islice(self._queue, BATCH))
                try:
                    booked = await self._tell(batch)
                except Exception as error:  # noqa: BLE001 - whatever was answered, the others must be told
                    await self._wait_to_retry(error, failures)
                    failures += 1
                    continue
                failures = 0
                for _ in batch:
                    self._queue.popleft()
                self._arrived += len(batch)
                if booked:
                    self._on_booked(booked)
                self._progress.set()
                self._progress.clear()
        finally:
            self._progress.set()

    async def _wait_to_retry(self, error: Exception, failures: int) -> None:
        """Longer after each failure, but not while closing: that has a patience of its own."""
        self.faults += 1
        found = error if isinstance(error, Unreached) else Unreached(type(error).__name__)
        if not failures:
            log.warning("%s can't be told: %s; %d calls wait", self._api.host, found, len(self._queue))
        if self._closing.is_set():
            await asyncio.sleep(RETRY_SECONDS[0])
            return
        pause = RETRY_SECONDS[min(failures, len(RETRY_SECONDS) - 1)]
        with suppress(TimeoutError):
            await asyncio.wait_for(self._closing.wait(), max(pause, found.retry_after))

    async def _tell(self, batch: list[UsageRecord]) -> list[UsageRecord]:
        """Those that are on the books now. A batch that is refused is halved until the one at fault is found.

        Raises `Unreached`.
        """
        try:
            answer = await self._api.post("/events", {"events": [event_of(record) for record in batch]})
        except Unreached as error:
            if not error.is_mistake:
                raise
            if len(batch) == 1:
                self._drop(1, str(error))
                return []
            half = len(batch) // 2
            return await self._tell(batch[:half]) + await self._tell(batch[half:])
        rejected = {one["id"]: one["problem"] for one in answer["rejected"]}
        for problem in rejected.values():
            self._drop(1, problem)
        return [record for record in batch if record.call.id not in rejected]

    def _drop(self, count: int, why: str) -> None:
        self.dropped += count
        log.error("%d calls are not on the books of %s: %s", count, self._api.host, why)


def _capped(call: OpenCall, tokens: int | None) -> OpenCall:
    """With the cap that the books chose, and at most its operation's own."""
    if call.elastic is None or (tokens is None and not call.elastic.declared):
        return call
    return call.capped(call.elastic.most if tokens is None else min(tokens, call.elastic.most))
