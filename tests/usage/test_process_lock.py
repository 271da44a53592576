"""One process at a time, with real processes."""

import errno
import os
import signal
import subprocess
import sys
from pathlib import Path
from time import perf_counter

import pytest

from bot.usage.errors import DatabaseBusyError, DatabaseUnavailableError
from bot.usage.storage import process_lock
from bot.usage.storage.process_lock import ProcessLock

HOLD = """
import asyncio, sys, time
from pathlib import Path
from bot.usage.storage.process_lock import ProcessLock
lock = asyncio.run(ProcessLock.acquire(Path(sys.argv[1]), 0))
print("held", flush=True)
time.sleep(float(sys.argv[2]))
"""


def holder(path: Path, seconds: float) -> "subprocess.Popen[str]":
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(path), str(seconds)], stdout=subprocess.PIPE, text=True, cwd=Path.cwd()
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    return process


async def test_the_second_process_waits_and_is_then_refused_with_words(tmp_path: Path) -> None:
    """I21: two processes never both believe that every other worker is dead."""
    process = holder(tmp_path / "x.lock", 30)
    try:
        began = perf_counter()
        with pytest.raises(DatabaseBusyError) as caught:
            await ProcessLock.acquire(tmp_path / "x.lock", 0.3)
        assert 0.3 <= perf_counter() - began < 2
        assert caught.value.waited_seconds == 0.3
        assert "another process" in str(caught.value)
        assert "DATABASE_URL" in str(caught.value)
        assert str(tmp_path / "x.lock") in str(caught.value)
    finally:
        process.kill()
        process.communicate()


async def test_kill_9_frees_it(tmp_path: Path) -> None:
    """I21: the kernel frees the lock of a killed process at once; nobody has to delete a file."""
    process = holder(tmp_path / "x.lock", 30)
    os.kill(process.pid, signal.SIGKILL)
    process.communicate()
    (await ProcessLock.acquire(tmp_path / "x.lock", 0)).release()
    assert (tmp_path / "x.lock").exists()


async def test_it_is_taken_while_waiting(tmp_path: Path) -> None:
    """I21: at a redeploy the new process waits for the old one and then goes on."""
    process = holder(tmp_path / "x.lock", 0.4)
    lock = await ProcessLock.acquire(tmp_path / "x.lock", 10)
    lock.release()
    process.communicate()


async def test_a_second_lock_in_one_process_is_refused_too(tmp_path: Path) -> None:
    """I21: two trackers in one process are two workers; after the release the next one gets it."""
    lock = await ProcessLock.acquire(tmp_path / "x.lock", 0)
    with pytest.raises(DatabaseBusyError):
        await ProcessLock.acquire(tmp_path / "x.lock", 0)
    lock.release()
    (await ProcessLock.acquire(tmp_path / "x.lock", 0)).release()


async def test_children_do_not_inherit_it(tmp_path: Path) -> None:
    """I21: a program that we started and that outlives us doesn't hold our lock."""
    lock = await ProcessLock.acquire(tmp_path / "x.lock", 0)
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(30)"], close_fds=False)  # noqa: ASYNC220
    lock.release()
    try:
        (await ProcessLock.acquire(tmp_path / "x.lock", 5)).release()  # the child's start takes a moment
    finally:
        child.kill()
        child.wait()


async def test_no_place_for_it_is_told(tmp_path: Path) -> None:
    """I23: where no lock file can be, the error is ours and names the place; a missing folder is made."""
    (await ProcessLock.acquire(tmp_path / "a" / "b" / "x.lock", 0)).release()
    (tmp_path / "file").write_text("")
    with pytest.raises(DatabaseUnavailableError) as caught:
        await ProcessLock.acquire(tmp_path / "file" / "x.lock", 0)
    assert "x.lock" in str(caught.value)


async def test_a_place_that_knows_no_locks_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """I23: some file systems of networks have none; the file is closed again."""
    tried: list[int] = []

    def no_locks(descriptor: int) -> bool:
        tried.append(descriptor)
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(process_lock, "try_lock", no_locks)
    with pytest.raises(DatabaseUnavailableError, match=r"x\.lock is unavailable: .*No locks available"):
        await ProcessLock.acquire(tmp_path / "x.lock", 0)
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(tried[0])
