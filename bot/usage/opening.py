"""`open_tracker`: opens the books that a URL names and closes them in order, whichever way they are kept."""

import logging
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager, closing
from datetime import datetime
from pathlib import Path

from bot.usage.budgeting.quotas import Tiers
from bot.usage.calls.hand_tracking import Buffering
from bot.usage.errors import DatabaseUnavailableError
from bot.usage.opened import at_work
from bot.usage.pricing.prices import PriceList
from bot.usage.records import utc_now
from bot.usage.remote.remote_api import is_remote
from bot.usage.storage import rows, schema
from bot.usage.storage.database import is_postgres, open_database, sqlite_path
from bot.usage.storage.process_lock import ProcessLock
from bot.usage.tracker import UsageTracker

log = logging.getLogger(__name__)

LOCK_WAIT_SECONDS = 15.0
"""How long opening waits for another process to let go of a SQLite file: longer than a redeploy's old one takes."""


@asynccontextmanager
async def open_tracker(
    database_url: str = "sqlite:///data/trilo.db",
    *,
    key: str | None = None,
    prices: PriceList | None = None,
    tiers: Tiers | None = None,
    console: bool = True,
    clock: Callable[[], datetime] = utc_now,
    synchronous: str = "NORMAL",
    buffering: Buffering = Buffering(),  # noqa: B008 - frozen
    fail_open: bool = False,
    journal: Path | None = None,
    lock_wait_seconds: float = LOCK_WAIT_SECONDS,
) -> AsyncIterator[UsageTracker]:
    """Open the books of `database_url`, first booking what a dead process left open. Opening prints nothing.

    An address that begins with https:// (http:// on this machine) is that of a REST API (docs/rest-api.md), opened with
    a writing `key`: what it can't do raises `NotOverRestError`; an address or key that won't do, `RemoteBooksError`.

    `buffering` is for calls tracked by hand. `console=False` turns the `[Token Usage]` lines off. `fail_open`: while
    the books can't be reached, calls under a budget that stops leave too (I23); otherwise they are refused. `journal`
    names the files that keep what the database can't take; beside a SQLite file they lie anyway. Raises
    `DatabaseUrlError`, `DatabaseUnavailableError`, `SchemaTooNewError`, `CannotMoveError` where books have arrived in
    part only (`moving.py`), and `DatabaseBusyError` where another process keeps the SQLite file.
    """
    if is_remote(database_url):
        from bot.usage.remote.remote_tracker import open_remote

        async with open_remote(
            database_url,
            key,
            prices=prices or PriceList.load(),
            console=console,
            clock=clock,
            buffering=buffering,
            fail_open=fail_open,
        ) as remote:
            yield remote
        return
    path = None if is_postgres(database_url) else sqlite_path(database_url)
    async with AsyncExitStack() as stack:
        if path is not None:
            stack.callback((await _locked(path, lock_wait_seconds)).release)
        database = await open_database(database_url, synchronous=synchronous)
        stack.push_async_callback(database.close)
        await schema.apply(database, rows.microseconds(clock()))
        await schema.require_whole(database)
        tracker = UsageTracker(
            database,
            prices or PriceList.load(),
            clock,
            buffering,
            tiers or Tiers.load(),
            fail_open=fail_open,
            journal=journal or _beside(path),
        )
        if recovered := await tracker.ledger.start():
            log.warning("interrupted by a crash and booked at their reserved worst case: %d", recovered)
        async with at_work(tracker, console=console):
            with closing(tracker.reservations):
                yield tracker


def _beside(path: Path | None) -> Path | None:
    """Where the journals of a SQLite file lie, whatever name it was opened by."""
    if path is None:
        return None
    path = path.resolve()
    return path.with_name(path.name + ".journal")


async def _locked(path: Path, wait_seconds: float) -> ProcessLock:
    path = path.resolve()  # noqa: ASYNC240 - once, at opening; two names of one file share one lock
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DatabaseUnavailableError(str(path), error.strerror or str(error)) from error
    return await ProcessLock.acquire(path.with_name(path.name + ".lock"), wait_seconds)
