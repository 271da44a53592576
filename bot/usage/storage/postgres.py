"""The door to PostgreSQL, for several processes on one database. Imported only where DATABASE_URL asks for it.

It has what the door to SQLite has: a script is awaited here one query at a time, so that one text runs on both. Two
transactions may run at once, so whoever decides by what it has read locks that first: a row (`FOR UPDATE`), or a number
(`pg_advisory_xact_lock`). Nothing relies on a session, so a pooler such as PgBouncer may stand between.
"""

import asyncio
import logging
import re
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from typing import Any, Self
from urllib.parse import parse_qsl, urlencode, urlsplit

import asyncpg

from bot.usage.errors import DatabaseUnavailableError, DatabaseUrlError
from bot.usage.storage.database import Query, Result, Row, Script, Statement

log = logging.getLogger(__name__)
Connection = asyncpg.pool.PoolConnectionProxy
Work = Callable[[Connection], Awaitable[Result]]

MOST_CONNECTIONS = 5
MOST_READING = 3
"""Connections that reports may take at once: the rest is for what is written."""
STATEMENT_SECONDS = 10
"""The longest that a statement runs, waits for somebody's lock, or a transaction for its next statement."""
ANSWER_SECONDS = STATEMENT_SECONDS + 5
"""After that the server is taken for gone."""
CONNECT_SECONDS = 5
MANY_ROWS = 32
"""From so many rows on, one statement inserts them all."""
CONFLICT_PAUSES = (0.01, 0.05, 0.2)
"""Before each further try of a transaction that another one got in the way of."""

_BOUNDS = (
    f"SET LOCAL statement_timeout = '{STATEMENT_SECONDS}s'; "
    f"SET LOCAL idle_in_transaction_session_timeout = '{STATEMENT_SECONDS}s'"
)
_WRITE = f"BEGIN ISOLATION LEVEL READ COMMITTED; {_BOUNDS}"
_READ = f"BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY; {_BOUNDS}"
_MIGRATE = f"BEGIN; SET LOCAL statement_timeout = 0; {_BOUNDS.rpartition('; ')[2]}"
_MIGRATING = "SELECT pg_advisory_xact_lock(7286314650101)"
_INSERT = re.compile(r"(INSERT INTO \w+ \([\w, ]+\)) VALUES \([$\d, ]+\) ON CONFLICT DO NOTHING")
_of_arrays: dict[str, str] = {}
"""Statements that insert a row, and what inserts many: the types of its columns are asked for once."""
_CONFLICTS = (
    asyncpg.SerializationError,
    asyncpg.DeadlockDetectedError,
    asyncpg.InvalidCachedStatementError,  # another process has changed the tables
)
_PARAMETERS_AT_FAULT = (asyncpg.DataError, asyncpg.IntegrityConstraintViolationError, ValueError)
MIGRATION_SECONDS = 3600
_DRIVERS = (asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError, OSError, EOFError, TimeoutError)
_FOR_OTHERS = {"pgbouncer", "channel_binding", "connection_limit", "connect_timeout", "pool_timeout", "schema"}
"""What hosts put into their URLs for other drivers; asyncpg would take them for settings of the server."""


class PostgresDatabase:
    """A PostgreSQL database through at most `MOST_CONNECTIONS` connections. The methods are those of SQLite's door."""

    shared = True
    path = None

    def __init__(self, name: str, pool: "asyncpg.Pool[asyncpg.Record]", *, read_only: bool) -> None:
        self.name = name
        self._begin = _READ if read_only else _WRITE
        self._pool = pool
        self._reading = asyncio.Semaphore(MOST_READING)
        self._closed = False

    @classmethod
    async def open(cls, url: str, *, read_only: bool = False) -> Self:
        """Connect to `postgresql://user:password@host:port/name?sslmode=…` (or `postgres://`); asyncpg reads the URL.

        Raises `DatabaseUrlError` where it can't be read, `DatabaseUnavailableError` without a word of its password.
        """
        name = _name(url)
        try:
            address = _without_foreign_parts(url)
            is_pooled = await _is_pooled(address)
            pool = await asyncpg.create_pool(
                address,
                min_size=1,
                max_size=MOST_CONNECTIONS,
                timeout=CONNECT_SECONDS,
                command_timeout=ANSWER_SECONDS,
                statement_cache_size=0 if is_pooled else 200,
                reset=_leave_as_it_is,
            )
        except ValueError:  # asyncpg's of the kind too; their words may quote the URL
            raise DatabaseUrlError(url.partition(":")[0]) from None
        except _DRIVERS as error:
            raise DatabaseUnavailableError(name, _words(error)) from error
        return cls(name, pool, read_only=read_only)

    async def write(self, statements: Sequence[Statement]) -> None:
        """Run all statements in one transaction, durable when this returns; nothing of them on an error.

        Raises `DatabaseUnavailableError` where trying again may help, else whatever a row did to the driver:
        `asyncpg.PostgresError`, `asyncpg.InterfaceError`, `OverflowError`, `TypeError`, `ValueError`.
        """
        again = [(sql, None if rows is None else list(rows)) for sql, rows in statements]
        await self._transaction(self._begin, lambda connection: _run_all(connection, again))

    async def transact(self, script: Callable[[], Script[Result]]) -> Result:
        """Run a script in one transaction. It is made anew where another transaction got in the way."""
        return await self._transaction(self._begin, lambda connection: _play(connection, script()))

    async def decide(self, script: Callable[[], Script[tuple[Result, Sequence[Statement]]]]) -> Result:
        """As `transact`, with statements that follow from what the script found, for many rows each."""

        async def work(connection: Connection) -> Result:
            result, statements = await _play(connection, script())
            await _run_all(connection, statements)
            return result

        return await self._transaction(self._begin, work)

    async def migrate(self, script: Callable[[], Script[Result]]) -> Result:
        """As `transact`, for what changes tables: by one process at a time, and for as long as it takes."""

        async def work(connection: Connection) -> Result:
            await connection.execute(_MIGRATING, timeout=MIGRATION_SECONDS)
            return await _play(connection, script(), MIGRATION_SECONDS)

        return await self._transaction(_MIGRATE, work)

    async def execute(self, sql: str, *parameters: Any) -> list[Row]:
        """Run one statement in a transaction of its own; its `RETURNING` rows."""
        return await self._transaction(self._begin, lambda connection: _rows(connection, sql, parameters))

    async def fetch(self, sql: str, *parameters: Any) -> list[Row]:
        """The rows of a query, read beside any write."""
        return await self._read(lambda connection: _rows(connection, sql, parameters))

    async def fetch_all(self, queries: Sequence[Query]) -> list[list[Row]]:
        """The rows of several queries, all as of one moment."""

        async def work(connection: Connection) -> list[list[Row]]:
            return [await _rows(connection, sql, parameters) for sql, parameters in queries]

        return await self._read(work)

    async def read(self, script: Callable[[], Script[Result]]) -> Result:
        """The result of a script that only reads, all as of one moment."""
        return await self._read(lambda connection: _play(connection, script()))

    async def load(self, table: str, columns: Sequence[str], rows: Sequence[Row]) -> None:
        """Add many rows to a table by COPY, all of them or none. Raises as `write` does."""
        await self._transaction(
            self._begin, lambda connection: connection.copy_records_to_table(table, columns=columns, records=rows)
        )

    async def close(self) -> None:
        """Close every connection, whatever is still running on it after a while."""
        self._closed = True
        try:
            async with asyncio.timeout(CONNECT_SECONDS):
                await self._pool.close()
        except TimeoutError:
            self._pool.terminate()

    async def _read(self, work: Work[Result]) -> Result:
        async with self._reading:
            return await self._transaction(_READ, work)

    async def _transaction(self, begin: str, work: Work[Result]) -> Result:
        for pause in (*CONFLICT_PAUSES, None):
            try:
                return await self._attempt(begin, work)
            except _CONFLICTS as error:
                if pause is None:
                    raise DatabaseUnavailableError(self.name, _words(error)) from error
                await asyncio.sleep(pause)
        raise AssertionError  # the last pause is None

    async def _attempt(self, begin: str, work: Work[Result]) -> Result:
        if self._closed:
            raise DatabaseUnavailableError(self.name, "it is closed")
        connection: Connection | None = None
        try:
            connection = await self._pool.acquire(timeout=ANSWER_SECONDS)
            await connection.execute(begin)
            result = await work(connection)
            await connection.execute("COMMIT")
        except BaseException as error:
            gone = connection is None or not await _is_rolled_back(connection, error)
            if not isinstance(error, _DRIVERS) or (isinstance(error, _CONFLICTS) and not gone):
                raise
            if isinstance(error, _PARAMETERS_AT_FAULT) or (type(error) is asyncpg.InterfaceError and not gone):
                raise
            raise DatabaseUnavailableError(self.name, _words(error)) from error
        finally:
            if connection is not None:
                await self._pool.release(connection)
        return result


async def _play(connection: Connection, script: Script[Result], seconds: float = ANSWER_SECONDS) -> Result:
    try:
        sql, parameters = next(script)
        while True:
            sql, parameters = script.send(await _rows(connection, sql, parameters, seconds))
    except StopIteration as end:
        return end.value  # type: ignore[no-any-return]


async def _run_all(connection: Connection, statements: Sequence[Statement]) -> None:
    for sql, rows in statements:
        if rows is None:
            await connection.execute(sql)
            continue
        parameters = list(rows)
        if len(parameters) >= MANY_ROWS and _INSERT.fullmatch(sql):
            await _insert_many(connection, sql, parameters)
        else:
            await connection.executemany(sql, parameters)


async def _insert_many(connection: Connection, sql: str, rows: Sequence[Row]) -> None:
    """Insert many rows by one statement, from an array for each column: a third less work for the server."""
    if sql not in _of_arrays:
        prepared = await connection.prepare(sql, name="")  # nameless, or it would stay behind at a pooler
        kinds = enumerate((kind.name for kind in prepared.get_parameters()), start=1)
        arrays = ", ".join(f"CAST(${number} AS {kind}[])" for number, kind in kinds)
        _of_arrays[sql] = _INSERT.sub(rf"\1 SELECT * FROM unnest({arrays}) ON CONFLICT DO NOTHING", sql)
    await connection.execute(_of_arrays[sql], *zip(*rows, strict=True))


async def _rows(
    connection: Connection, sql: str, parameters: Sequence[Any], seconds: float = ANSWER_SECONDS
) -> list[Row]:
    return [tuple(row) for row in await connection.fetch(sql, *parameters, timeout=seconds)]


async def _is_rolled_back(connection: Connection, error: BaseException) -> bool:
    """Undo what a failed transaction did. Where the connection is of no use any more, it is dropped: False."""
    if isinstance(error, Exception) and not isinstance(error, (OSError, EOFError, TimeoutError)):
        with suppress(*_DRIVERS):  # it may be closed already
            await connection.execute("ROLLBACK")
            return True
    with suppress(*_DRIVERS):
        connection.terminate()
    return False


async def _is_pooled(address: str) -> bool:
    """Whether a pooler stands between: it tells another process id than that of the server's process behind it.

    A session may then have another server process for each transaction, which knows nothing of prepared statements.
    """
    connection = await asyncpg.connect(address, timeout=CONNECT_SECONDS, statement_cache_size=0)
    try:
        await connection.execute("BEGIN")  # so that parsing and running a statement meet one process
        found = await connection.fetchval("SELECT pg_backend_pid()", timeout=ANSWER_SECONDS)
        await connection.execute("COMMIT")
        return bool(found != connection.get_server_pid())
    finally:
        connection.terminate()


async def _leave_as_it_is(_connection: object) -> None:
    """Transactions leave nothing behind in a connection, so there is nothing to reset."""


def _without_foreign_parts(url: str) -> str:
    parts = urlsplit(url)
    query = [(name, value) for name, value in parse_qsl(parts.query) if name.lower() not in _FOR_OTHERS]
    return parts._replace(query=urlencode(query)).geturl()


def _name(url: str) -> str:
    """The database as logs and people may see it: without user and password, whatever signs these have (I35)."""
    place = url.partition("://")[2].rpartition("@")[2]
    return re.sub(r"[^\w.:,/\[\]-]", "", re.split("[?#]", place)[0])


def _words(error: BaseException) -> str:
    """What went wrong, without the details, which may quote a row."""
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return str(error.args[0]) if error.args else type(error).__name__
