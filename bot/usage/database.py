"""The door to SQLite: the only module that imports a database driver.

SQL is written with `$1` placeholders, the subset that SQLite (3.38+) and PostgreSQL share. SQLite gets them as `?1`,
its own notation for a numbered parameter, so that parameters bind by number and not by order of appearance.
"""

import sqlite3
from collections.abc import Awaitable, Callable, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any, Self, TypeVar
from urllib.parse import unquote, urlsplit

import aiosqlite

from bot.usage.errors import DatabaseUnavailableError, DatabaseUrlError

Result = TypeVar("Result")
Row = tuple[Any, ...]
Statement = tuple[str, Sequence[Sequence[Any]]]
"""One SQL statement and the rows of parameters it runs for; no row at all means it runs once, without parameters."""

BUSY_TIMEOUT_MS = 2_000
"""How long a statement waits for another process's write. Bounds how long a locked file can hold up a call."""


class SqliteDatabase:
    """A SQLite file with one connection that writes and one that reads, so that reports never hold up a call."""

    def __init__(self, path: Path | None, writer: aiosqlite.Connection, reader: aiosqlite.Connection) -> None:
        self.path = path
        self._writer = writer
        self._reader = reader

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
            if read_only:
                connection = await _connect(f"{path.absolute().as_uri()}?mode=ro", read_only=True)
                return cls(path, connection, connection)
            path.parent.mkdir(parents=True, exist_ok=True)
            writer = await _connect(path.absolute().as_uri(), read_only=False)
            try:
                await writer.execute("PRAGMA journal_mode = WAL")
                await writer.execute(f"PRAGMA synchronous = {'FULL' if synchronous.upper() == 'FULL' else 'NORMAL'}")
                reader = await _connect(f"{path.absolute().as_uri()}?mode=ro", read_only=True)
            except BaseException:
                await writer.close()
                raise
            return cls(path, writer, reader)
        except (sqlite3.Error, OSError) as error:
            raise DatabaseUnavailableError(str(path), str(error)) from error

    async def write(self, statements: Sequence[Statement]) -> None:
        """Run all statements in one transaction, durable when this returns; nothing of them on an error.

        Raises `DatabaseUnavailableError` where trying again may help (locked, full, gone), else `sqlite3.Error`,
        `OverflowError` or `TypeError`: the parameters are at fault.
        """
        translated = [(_numbered(sql), rows) for sql, rows in statements]
        await self._on_thread(self._writer, _transaction, translated)

    async def execute(self, sql: str, *parameters: Any) -> list[Row]:
        """Run one statement in a transaction of its own; its `RETURNING` rows."""
        return await self._on_thread(self._writer, _fetch, _numbered(sql), parameters)

    async def fetch(self, sql: str, *parameters: Any) -> list[Row]:
        """The rows of a query, read beside any write."""
        return await self._on_thread(self._reader, _fetch, _numbered(sql), parameters)

    async def close(self) -> None:
        """Close both connections."""
        if self._reader is not self._writer:
            await self._reader.close()
        await self._writer.close()

    async def _on_thread(
        self, connection: aiosqlite.Connection, function: Callable[..., Result], *arguments: Any
    ) -> Result:
        """Run `function(sqlite3 connection, …)` on aiosqlite's thread in a single hop.

        aiosqlite has no public call for this, and a hop for each of BEGIN, executemany and COMMIT triples what a
        tracked call costs (the lock file pins aiosqlite; tests/usage/test_database.py pins this method).
        """
        try:
            run: Callable[..., Awaitable[Result]] = connection._execute  # noqa: SLF001
            return await run(function, connection._conn, *arguments)  # noqa: SLF001
        except sqlite3.OperationalError as error:
            raise DatabaseUnavailableError(str(self.path or ":memory:"), str(error)) from error


def sqlite_path(url: str) -> Path | None:
    """The file that a SQLite URL names, None for `:memory:`. Raises `DatabaseUrlError` for any other URL."""
    parts = urlsplit(url)
    if parts.scheme != "sqlite" or parts.netloc or not parts.path.strip("/"):
        raise DatabaseUrlError(parts.scheme)
    name = unquote(parts.path[1:])
    return None if name == ":memory:" else Path(name)


async def _connect(address: str, *, read_only: bool) -> aiosqlite.Connection:
    connection = await aiosqlite.connect(address, uri=address.startswith("file:"), isolation_level=None)
    await connection.execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT_MS}")
    if read_only:
        await connection.execute("PRAGMA query_only = ON")
    return connection


@lru_cache(maxsize=256)
def _numbered(sql: str) -> str:
    return sql.replace("$", "?")


def _transaction(connection: sqlite3.Connection, statements: Sequence[Statement]) -> None:
    connection.execute("BEGIN IMMEDIATE")
    try:
        for sql, rows in statements:
            if rows:
                connection.executemany(sql, rows)
            else:
                connection.execute(sql)
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def _fetch(connection: sqlite3.Connection, sql: str, parameters: Sequence[Any]) -> list[Row]:
    return connection.execute(sql, parameters).fetchall()
