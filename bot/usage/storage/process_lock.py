"""One process at a time on one SQLite file: a lock that the operating system frees, even after `kill -9`.

Holding it proves that every other worker of the file is dead.
"""

import asyncio
import logging
import os
import sys
from pathlib import Path
from time import perf_counter
from typing import Self

from bot.usage.errors import DatabaseBusyError, DatabaseUnavailableError

log = logging.getLogger(__name__)

POLL_SECONDS = 0.1


class ProcessLock:
    """An exclusive lock on a side file, held from `acquire` to `release`."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    @classmethod
    async def acquire(cls, path: Path, wait_seconds: float) -> Self:
        """Take the lock, waiting at most `wait_seconds`; the folder is made where it is missing.

        Raises `DatabaseBusyError` where another process keeps it, `DatabaseUnavailableError` for no writable place.
        """
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
            try:
                await _wait(descriptor, path, wait_seconds)
            except BaseException:
                os.close(descriptor)
                raise
        except OSError as error:  # some file systems of networks know no locks
            raise DatabaseUnavailableError(str(path), str(error)) from error
        return cls(descriptor)

    def release(self) -> None:
        """Give the lock back. The file stays: deleting it would let two processes lock two different files."""
        os.close(self._descriptor)


async def _wait(descriptor: int, path: Path, wait_seconds: float) -> None:
    started, waiting = perf_counter(), False
    while not try_lock(descriptor):
        if not waiting:
            waiting = True
            log.warning("waiting for another process to let go of %s (at most %g s)", path, wait_seconds)
        if perf_counter() - started >= wait_seconds:
            raise DatabaseBusyError(str(path), wait_seconds)
        await asyncio.sleep(POLL_SECONDS)


if sys.platform == "win32":
    import msvcrt

    def try_lock(descriptor: int) -> bool:
        """Lock an open file for this process; False where another has it. Closing the file lets go of it."""
        try:
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True
else:
    import fcntl

    def try_lock(descriptor: int) -> bool:
        """Lock an open file for this process; False where another has it. Closing the file lets go of it."""
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True
