"""What both doors to a database share: `sqlite.py` and `postgres.py`, of which a URL names one.

SQL is written once, with `$1` placeholders, in the subset that SQLite (3.38+) and PostgreSQL share.
"""

import re
from collections.abc import Generator, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar
from urllib.parse import unquote

from bot.usage.errors import DatabaseUrlError

if TYPE_CHECKING:
    from bot.usage.storage.postgres import PostgresDatabase
    from bot.usage.storage.sqlite import SqliteDatabase

Result = TypeVar("Result")
Row = tuple[Any, ...]
Statement = tuple[str, Iterable[Row] | None]
"""One SQL statement and the rows of parameters it runs for; None: it runs once, without parameters.

The rows may be a generator: it runs on the database's thread, which spares the event loop the making of them.
"""
Query = tuple[str, Sequence[Any]]
Script = Generator[Query, list[Row], Result]
"""Work inside one transaction: yields queries, is sent their rows, returns its result.

It runs on SQLite's thread, so it may touch nothing that the event loop is changing meanwhile; on PostgreSQL it waits
for each query, so it may rely on nothing it has read that it didn't lock.
"""
Database: TypeAlias = "SqliteDatabase | PostgresDatabase"

_URL = re.compile(r"([a-z][a-z0-9+.-]*)://([^?#]*)", re.IGNORECASE)


async def open_database(url: str, *, synchronous: str = "NORMAL", read_only: bool = False) -> Database:
    """Open the database at a URL, whichever kind it names. `synchronous` is SQLite's (`SqliteDatabase.open`).

    Raises `DatabaseUrlError` or `DatabaseUnavailableError`.
    """
    if not is_postgres(url):
        from bot.usage.storage.sqlite import SqliteDatabase

        return await SqliteDatabase.open(url, synchronous=synchronous, read_only=read_only)
    from bot.usage.storage.postgres import PostgresDatabase

    return await PostgresDatabase.open(url, read_only=read_only)


def is_postgres(url: str) -> bool:
    """Whether a URL names a PostgreSQL database."""
    return url.lower().startswith(("postgresql://", "postgres://"))


def sqlite_path(url: str) -> Path | None:
    """The file that a SQLite URL names, None for `:memory:`. Raises `DatabaseUrlError` for any other URL."""
    found = _URL.match(url)
    scheme, rest = (found[1].lower(), found[2]) if found else ("", "")
    if scheme != "sqlite" or not rest.startswith("/") or not rest.strip("/"):
        raise DatabaseUrlError(scheme)
    name = unquote(rest[1:])
    return None if name == ":memory:" else Path(name)
