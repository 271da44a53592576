"""The door to SQLite. With `postgres.py`, the only module of the books that imports a database driver.

Statements get to it as `?1`, its own notation for a numbered parameter, so that parameters bind by number and not by
order of appearance. Locks that PostgreSQL needs mean nothing here, where a transaction holds the one write lock:
`FOR UPDATE` is left out, and the functions that take a lock do nothing.
"""

import asyncio
import logging
import os
import re
import sqlite3
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from functools import lru_cache, partial
from pathlib import Path
from typing import Any, Self

import aiosqlite

from bot.usage.errors import DatabaseUnavailableError
from bot.usage.storage.database import Query, Result, Row, Script, Statement, sqlite_path

BUSY_TIMEOUT_MS = 2_000
"""How long a statement waits for another process's write. Bounds how long a locked file can hold up a call."""

CLEAN_EVERY = 200
"""After so many transactions the log is moved into the file, beside the writer."""
LOG_PAGES_AT_MOST = 16_000
"""At so many pages (64 MB) the writer does it itself: under unbroken load the cleaner never quite catches up."""

COPIED_PAGES = 250
"""How many pages (1 MB) a backup copies at a time."""

log = logging.getLogger(__name__)
_PLACEHOLDER = re.compile(r"\$(\d+)")
_ROW_LOCK = re.compile(r" FOR UPDATE( SKIP LOCKED)?$")
_LOCKS = ("pg_advisory_xact_lock", "pg_advisory_xact_lock_shared")
_PARAMETERS_AT_FAULT = (
    sqlite3.DataError,
    sqlite3.IntegrityError,
    sqlite3.ProgrammingError,
    sqlite3.NotSupportedError,
)


class SqliteDatabase:
    """A SQLite file with one connection that writes and one that reads, so that reports never hold up a call.

    A third, the `cleaner`, moves what was written from the log into the file: left to the writer, that would hold up
    one transaction in fifty for several milliseconds. `shared`: whether several processes may admit calls on it.
    """

    shared = False

    def __init__(
        self,
        path: Path | None,
        writer: aiosqlite.Connection,
        reader: aiosqlite.Connection,
        cleaner: aiosqlite.Connection | None = None,
    ) -> None:
        self.path = path
        self._writer = writer
        self._reader = reader
        self._cleaner = cleaner
        self._cleaning: asyncio.Task[None] | None = None
        self._uncleaned = 0
        self._file = _identity(path)
        self._closed = False

    @classmethod
    async def open(cls, url: str, *, synchronous: str = "NORMAL", read_only: bool = False) -> Self:
        """Open (and, unless `read_only`, create) the database at `url`: `sqlite:///relative.db`, `sqlite:////abs.db`.

        `sqlite:///:memory:` is a database of this process alone. Write-ahead logging with `synchronous="NORMAL"`
        survives `kill -9`; `"FULL"` survives a power cut too. Raises `DatabaseUrlError` or `DatabaseUnavailableError`.
        """
        path = sqlite_path(url)
        try:
            if path is None:
                connection = await _connect(":memory:", read_only=False)
                return cls(path, connection, connection)
            path = path.absolute()
            if read_only:
                connection = await _connect(f"{path.as_uri()}?mode=ro", read_only=True)
                return cls(path, connection, connection)
            path.parent.mkdir(parents=True, exist_ok=True)
            writer = await _connect(path.as_uri(), read_only=False)
            opened = [writer]
            try:
                await writer.execute("PRAGMA journal_mode = WAL")
                await writer.execute(f"PRAGMA synchronous = {'FULL' if synchronous.upper() == 'FULL' else 'NORMAL'}")
                await writer.execute(f"PRAGMA wal_autocheckpoint = {LOG_PAGES_AT_MOST}")
                opened.append(reader := await _connect(f"{path.as_uri()}?mode=ro", read_only=True))
                opened.append(cleaner := await _connect(path.as_uri(), read_only=False))
            except BaseException:
                for connection in opened:
                    await connection.close()
                raise
            return cls(path, writer, reader, cleaner)
        except (sqlite3.Error, OSError) as error:
            raise DatabaseUnavailableError(str(path or ":memory:"), str(error)) from error

    async def write(self, statements: Sequence[Statement]) -> None:
        """Run all statements in one transaction, durable when this returns; nothing of them on an error.

        Raises `DatabaseUnavailableError` where trying again may help (locked, full, gone), else whatever a row did
        to the driver: `sqlite3.Error`, `OverflowError`, `TypeError`, `ValueError`.
        """
        await self.decide(lambda: _decided(statements))

    async def transact(self, script: Callable[[], Script[Result]]) -> Result:
        """Run a script in one transaction that sees and changes everything at once. Raises as `write` does."""
        return await self.decide(lambda: _without_statements(script()))

    async def decide(self, script: Callable[[], Script[tuple[Result, Sequence[Statement]]]]) -> Result:
        """As `transact`, with statements that follow from what the script found, for many rows each."""
        result = await self._on_thread(self._writer, partial(_transaction, self._require_file, script))
        self._uncleaned += 1
        if self._uncleaned >= CLEAN_EVERY and self._cleaner is not None and self._cleaning is None:
            self._uncleaned = 0
            self._cleaning = asyncio.create_task(self._clean(self._cleaner), name="database cleaner")
        return result

    async def migrate(self, script: Callable[[], Script[Result]]) -> Result:
        """As `transact`, for what changes tables."""
        return await self.transact(script)

    async def execute(self, sql: str, *parameters: Any) -> list[Row]:
        """Run one statement in a transaction of its own; its `RETURNING` rows."""

        def work(connection: sqlite3.Connection) -> list[Row]:
            self._require_file()
            return _fetch(_numbered(sql), parameters, connection)

        return await self._on_thread(self._writer, work)

    async def fetch(self, sql: str, *parameters: Any) -> list[Row]:
        """The rows of a query, read beside any write."""
        return await self._on_thread(self._reader, partial(_fetch, _numbered(sql), parameters))

    async def fetch_all(self, queries: Sequence[Query]) -> list[list[Row]]:
        """The rows of several queries, all as of one moment."""
        return await self._on_thread(self._reader, partial(_snapshot, queries))

    async def read(self, script: Callable[[], Script[Result]]) -> Result:
        """The result of a script that only reads, all as of one moment."""
        return await self._on_thread(self._reader, partial(_reading, script))

    async def copy(self, path: Path) -> None:
        """Copy everything, as of one moment, into a new file, beside any write. Raises `DatabaseUnavailableError`."""
        await self._on_thread(self._reader, partial(_copy, path))

    async def close(self) -> None:
        """Close every connection, once the log isn't being moved."""
        async with AsyncExitStack() as stack:  # each, whatever goes wrong with another: its thread would stay
            for connection in filter(None, (self._writer, self._reader, self._cleaner)):
                stack.push_async_callback(connection.close)
            try:
                if self._cleaning is not None:
                    await self._cleaning
            finally:
                self._closed = True

    async def _on_thread(
        self, connection: aiosqlite.Connection, function: Callable[[sqlite3.Connection], Result]
    ) -> Result:
        """Run a function of the sqlite3 connection on aiosqlite's thread in a single hop.

        aiosqlite has no public call for this, and a hop for each of BEGIN, executemany and COMMIT triples what a
        tracked call costs (the lock file pins aiosqlite; tests/usage/test_database.py pins this method).
        """
        if self._closed:
            raise DatabaseUnavailableError(self.name, "it is closed")
        try:
            run: Callable[..., Awaitable[Result]] = connection._execute  # noqa: SLF001
            return await run(function, connection._conn)  # noqa: SLF001
        except sqlite3.DatabaseError as error:
            if isinstance(error, _PARAMETERS_AT_FAULT):
                raise
            raise DatabaseUnavailableError(self.name, str(error)) from error

    async def _clean(self, cleaner: aiosqlite.Connection) -> None:
        """Move what was written from the log into the file. Where that fails, the writer does it in the end."""
        try:
            await self._on_thread(cleaner, partial(_fetch, "PRAGMA wal_checkpoint(PASSIVE)", ()))
        except DatabaseUnavailableError as error:
            log.warning("the log can't be moved into the database just now: %s", error.problem)
        finally:
            self._cleaning = None

    @property
    def name(self) -> str:
        """The database as logs and people may see it."""
        return str(self.path or ":memory:")

    def _require_file(self) -> None:
        """SQLite goes on writing to a file that was deleted or moved away, and all of it is lost: notice."""
        if self._file != _identity(self.path):
            raise DatabaseUnavailableError(self.name, "the file is gone or was replaced")


def _identity(path: Path | None) -> tuple[int, int] | None:
    """Which file lies at a path, None where there is none."""
    try:
        found = os.stat(path) if path else None  # noqa: PTH116 - in each transaction: Path.stat costs twice as much
    except OSError:
        return None
    return (found.st_dev, found.st_ino) if found else None


async def _connect(address: str, *, read_only: bool) -> aiosqlite.Connection:
    connection = aiosqlite.connect(address, uri=address.startswith("file:"), isolation_level=None)
    try:
        await connection
    except BaseException:
        connection._thread.join(timeout=1)  # noqa: SLF001 - else it ends after the event loop, with a traceback
        raise
    try:
        await connection.execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT_MS}")
        for name in _LOCKS:
            await connection.create_function(name, 1, lambda _: None)
        if read_only:
            await connection.execute("PRAGMA query_only = ON")
    except BaseException:
        await connection.close()
        raise
    return connection


@lru_cache(maxsize=256)
def _numbered(sql: str) -> str:
    return _PLACEHOLDER.sub(r"?\1", _ROW_LOCK.sub("", sql))


def _decided(statements: Sequence[Statement]) -> Script[tuple[None, Sequence[Statement]]]:
    yield from ()
    return None, statements


def _without_statements(script: Script[Result]) -> Script[tuple[Result, Sequence[Statement]]]:
    return (yield from script), ()


def _transaction(
    require_file: Callable[[], None],
    make_script: Callable[[], Script[tuple[Result, Sequence[Statement]]]],
    connection: sqlite3.Connection,
) -> Result:
    require_file()
    try:
        connection.execute("BEGIN IMMEDIATE")
        result, statements = _run(make_script(), connection)
        for sql, rows in statements:
            if rows is None:
                connection.execute(_numbered(sql))
            else:
                connection.executemany(_numbered(sql), rows)
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise
    return result


def _run(script: Script[Result], connection: sqlite3.Connection) -> Result:
    try:
        sql, parameters = next(script)
        while True:
            sql, parameters = script.send(connection.execute(_numbered(sql), parameters).fetchall())
    except StopIteration as end:
        return end.value  # type: ignore[no-any-return]


def _fetch(sql: str, parameters: Sequence[Any], connection: sqlite3.Connection) -> list[Row]:
    return connection.execute(sql, parameters).fetchall()


def _copy(path: Path, connection: sqlite3.Connection) -> None:
    target = sqlite3.connect(path)
    try:
        # Within a transaction that reads, the copy is of one moment: else it begins anew after each write of others.
        connection.execute("BEGIN")
        connection.execute("SELECT count(*) FROM sqlite_schema").fetchall()
        connection.backup(target, pages=COPIED_PAGES, sleep=0.001)
        target.execute("PRAGMA journal_mode = DELETE")  # one file, without a log beside it
    finally:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        target.close()


def _snapshot(queries: Sequence[Query], connection: sqlite3.Connection) -> list[list[Row]]:
    def script() -> Script[list[list[Row]]]:
        found = []
        for query in queries:
            found.append((yield query))  # noqa: PERF401 - a comprehension can't yield
        return found

    return _reading(script, connection)


def _reading(make_script: Callable[[], Script[Result]], connection: sqlite3.Connection) -> Result:
    connection.execute("BEGIN")
    try:
        return _run(make_script(), connection)
    finally:
        connection.execute("ROLLBACK")
