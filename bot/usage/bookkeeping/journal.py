"""What the database couldn't take just now, in a file of this worker's own, until it is on the books (I21 to I24).

A line an event, forced to disk in groups: whatever waits while one group is being written makes the next. The file is
locked for as long as its worker lives; who finds one that isn't, replays it. Which calls of it are on the books already
is told by their ids, so that a replay may break off anywhere and start again.
"""

import asyncio
import glob
import logging
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Self

from bot.usage.bookkeeping.journal_lines import Entry, entry_of, line_of
from bot.usage.storage.process_lock import try_lock

log = logging.getLogger(__name__)

QUEUE_LIMIT = 10_000
"""Lines that wait for a slow disk; beyond it no more are taken: memory is bounded (I24)."""
PIECE_BYTES = 256 * 1024
"""How much is replayed at once: a few hundred calls. A longer line isn't taken."""
CLOSE_PATIENCE_SECONDS = 2.0
UNREADABLE_SECONDS = 1.0
"""How long a journal that can't be read is left alone."""
_FLAGS = os.O_RDWR | os.O_CREAT | os.O_APPEND | getattr(os, "O_BINARY", 0)


class Journal:
    """The journal of one worker, a file beside `path` with the worker's id in its name. Made when first needed.

    `damaged` counts lines that can't be read: written by half at a crash, or hurt since. They are skipped.
    `is_failing`: the disk took nothing when it was last tried.
    """

    def __init__(self, path: Path, worker_id: str) -> None:
        self.path = path.with_name(f"{path.name}-{worker_id}")
        self.worker_id = worker_id
        self.damaged = 0
        self._thread = ThreadPoolExecutor(1, "journal")
        self._descriptor: int | None = None
        self._length = self._replayed = self._read = 0
        self._queue: list[tuple[bytes, asyncio.Future[bool]]] = []
        self._appending: asyncio.Task[None] | None = None
        self._is_closed = False
        self.is_failing = False

    @classmethod
    def left_behind(cls, path: Path) -> Iterator[Self]:
        """The journals of dead workers beside `path`, to be read and closed. The folder is made where it is missing."""
        with suppress(OSError):
            path.parent.mkdir(parents=True, exist_ok=True)
        for file in sorted(path.parent.glob(f"{glob.escape(path.name)}-*")):
            journal = cls(path, file.name.removeprefix(f"{path.name}-"))
            try:
                journal._open()
            except BlockingIOError:
                continue  # its worker lives
            except OSError as error:
                log.error("the journal %s can't be opened and waits for the next start: %s", file, error.strerror)  # noqa: TRY400
                continue
            yield journal

    @property
    def is_empty(self) -> bool:
        """Whether all of it is on the books."""
        return not self._queue and self._appending is None and self._replayed == self._length

    @property
    def backlog_bytes(self) -> int:
        """How much of the file isn't on the books."""
        return self._length - self._replayed

    def keep(self, entry: Entry) -> asyncio.Future[bool]:
        """Append an entry. Tells whether it is on the disk: False where that has no room for it, nor memory."""
        kept: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        try:
            line = line_of(entry)
        except (OverflowError, TypeError, ValueError):
            kept.set_result(False)
            return kept
        if self._is_closed or len(self._queue) >= QUEUE_LIMIT or len(line) > PIECE_BYTES:
            kept.set_result(False)
            return kept
        self._queue.append((line, kept))
        if self._appending is None:
            self._appending = asyncio.create_task(self._append_all(), name="journal")
        return kept

    async def read(self) -> list[Entry]:
        """The next entries that aren't known to be on the books; none: all are, or it can't be read just now."""
        try:
            return await asyncio.get_running_loop().run_in_executor(self._thread, self._next_piece)
        except OSError as error:
            log.error("the journal %s can't be read: %s", self.path, error.strerror)  # noqa: TRY400 - says it all
            await asyncio.sleep(UNREADABLE_SECONDS)
            return []

    def replayed(self) -> None:
        """What was read last is on the books."""
        self._replayed = self._read

    async def close(self) -> None:
        """Let go of the file, once what was given is on the disk. It goes where all of it is on the books."""
        if self._appending is not None:
            await asyncio.wait({self._appending}, timeout=CLOSE_PATIENCE_SECONDS)
        self._is_closed = True
        if self._appending is not None or self._descriptor is not None:
            let_go = asyncio.get_running_loop().run_in_executor(self._thread, self._let_go, self.is_empty)
            await asyncio.wait({let_go}, timeout=CLOSE_PATIENCE_SECONDS)
        self._thread.shutdown(wait=False)

    async def _append_all(self) -> None:
        try:
            while self._queue:
                group, self._queue = self._queue, []
                taken = not self._is_closed and await self._take(b"".join(line for line, _ in group))
                for _, kept in group:
                    if not kept.done():
                        kept.set_result(taken)
        finally:
            self._appending = None

    async def _take(self, lines: bytes) -> bool:
        try:
            await asyncio.get_running_loop().run_in_executor(self._thread, self._append, lines)
        except OSError as error:
            if not self.is_failing:
                log.error("the journal can't be written either: %s", error.strerror)  # noqa: TRY400 - says it all
            self.is_failing = True
            return False
        self.is_failing = False
        return True

    # On the journal's thread.

    def _open(self) -> int:
        descriptor = os.open(self.path, _FLAGS, 0o600)
        if not try_lock(descriptor) or not os.fstat(descriptor).st_nlink:
            os.close(descriptor)
            raise BlockingIOError(0, "another process has it")
        self._descriptor = descriptor
        self._length = os.fstat(descriptor).st_size
        return descriptor

    def _append(self, lines: bytes) -> None:
        descriptor = self._descriptor if self._descriptor is not None else self._open()
        rest = memoryview(lines)
        try:
            while rest:
                rest = rest[os.write(descriptor, rest) :]
            os.fsync(descriptor)
        except OSError:
            with suppress(OSError):
                os.ftruncate(descriptor, self._length)  # whoever asked is told no: half a line must not stay
            raise
        finally:
            self._length = os.fstat(descriptor).st_size

    def _next_piece(self) -> list[Entry]:
        entries: list[Entry] = []
        while not entries and self._descriptor is not None and self._replayed < self._length:
            os.lseek(self._descriptor, self._replayed, os.SEEK_SET)
            piece = os.read(self._descriptor, PIECE_BYTES)
            piece = piece[: piece.rfind(b"\n") + 1] or piece
            lines = piece.splitlines()
            entries = [entry for entry in map(entry_of, lines) if entry is not None]
            self._read = self._replayed + len(piece)
            if damaged := len(lines) - len(entries):
                self.damaged += damaged
                log.error("%d lines of the journal %s can't be read and are lost", damaged, self.path)
            if not entries:
                self._replayed = self._read
        if not entries and self._descriptor is not None:
            os.ftruncate(self._descriptor, 0)
            self._length = self._replayed = self._read = 0
        return entries

    def _let_go(self, done: bool) -> None:
        """Behind whatever is still being written: its descriptor could be another file's by then."""
        if self._descriptor is not None:
            with suppress(OSError):
                os.close(self._descriptor)
            self._descriptor = None
            if done:
                with suppress(OSError):
                    self.path.unlink()
