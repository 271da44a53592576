"""Backups of a SQLite file while it is in use, and their way back. PostgreSQL has tools of its own for both.

A backup is one file: a copy as of one moment, looked through by SQLite itself before it gets its name.
"""

import os
from dataclasses import dataclass
from datetime import datetime
from itertools import chain, count
from pathlib import Path
from urllib.parse import parse_qsl, quote, urlencode, urlsplit

from bot.usage.errors import (
    DatabaseUnavailableError,
    DatabaseUrlError,
    ElsewhereBackedUpError,
    NotABackupError,
    SchemaTooNewError,
)
from bot.usage.storage import schema
from bot.usage.storage.database import is_postgres, sqlite_path
from bot.usage.storage.process_lock import ProcessLock
from bot.usage.storage.sqlite import SqliteDatabase

FOLDER = "backups"
"""Where backups go, beside the books, unless told otherwise."""
_LEFTOVERS = ("-wal", "-shm")
"""What SQLite may have beside a file that wasn't closed."""
_SECRETS = frozenset({"password", "sslpassword", "passfile"})


@dataclass(frozen=True, slots=True)
class Copy:
    """A backup that was made, or put back. `kept` is where the books that it replaced lie now; None: there were none.

    `calls` is how many single calls it holds, `size` its length in bytes.
    """

    path: Path
    calls: int
    size: int
    kept: Path | None = None


async def back_up(database_url: str, target: Path | None, at: datetime) -> Copy:
    """Copy the books, beside a running bot too, to `target`: a file that isn't there yet, or a folder.

    None: into `FOLDER`, under the time `at`. Raises `NotABackupError` where the target is
    taken, `DatabaseUnavailableError`, and `ElsewhereBackedUpError` for PostgreSQL.
    """
    source = _file(database_url, "pg_dump --format=custom --file=trilo.dump")
    if not source.exists():
        raise DatabaseUnavailableError(str(source), "there is no such file yet")
    folder = source.parent / FOLDER if target is None else target
    if target is None or folder.is_dir():
        target = folder / f"{source.stem}-{at:%Y%m%d-%H%M%S}{source.suffix}"
    if target.exists():
        raise NotABackupError(str(target), "there is a file already: name another")
    calls = await _copy(source, target)
    return Copy(target, calls, target.stat().st_size)


async def restore(database_url: str, backup: Path, at: datetime) -> Copy:
    """Put a backup in the place of the books, which stay beside it under another name.

    Raises `DatabaseBusyError` while a bot holds the books, `NotABackupError` for a file that holds none,
    `SchemaTooNewError` for one of a later version, and `ElsewhereBackedUpError` for PostgreSQL.
    """
    books = _file(database_url, "pg_restore --clean --if-exists", " trilo.dump").resolve()
    if not backup.is_file():  # noqa: ASYNC240 - nothing else runs here
        raise NotABackupError(str(backup), "there is no such file")
    books.parent.mkdir(parents=True, exist_ok=True)
    lock = await ProcessLock.acquire(books.with_name(books.name + ".lock"), wait_seconds=0)
    try:
        calls = await _copy(backup, books.with_name(books.name + ".restored"))
        kept = _set_aside(books, f"{books.name}.before-{at:%Y%m%d-%H%M%S}")
        books.with_name(books.name + ".restored").replace(books)
    finally:
        lock.release()
    return Copy(books, calls, books.stat().st_size, kept)


async def _copy(source: Path, target: Path) -> int:
    """Copy a file of books and look through the copy, which has its name once it is whole; how many calls it holds."""
    target.parent.mkdir(parents=True, exist_ok=True)
    unfinished = target.with_name(target.name + ".unfinished")
    unfinished.unlink(missing_ok=True)
    try:
        database = await SqliteDatabase.open(_url(source), read_only=True)
        try:
            await database.copy(unfinished)
        finally:
            await database.close()
        calls = await _look_through(unfinished, source)
        with unfinished.open("rb") as file:
            os.fsync(file.fileno())
        unfinished.replace(target)
    finally:
        unfinished.unlink(missing_ok=True)
    return calls


async def _look_through(copy: Path, source: Path) -> int:
    """How many calls a copy holds. Raises `NotABackupError` for one that is damaged or holds no books."""
    database = await SqliteDatabase.open(_url(copy), read_only=True)
    try:
        found = await database.fetch("PRAGMA integrity_check")
        if found != [("ok",)]:
            raise NotABackupError(str(source), f"it is damaged ({found[0][0]})")
        steps = {name for (name,) in await database.fetch("SELECT name FROM schema_steps")}
        if unknown := sorted(steps - set(schema.STEPS)):
            raise SchemaTooNewError(unknown)
        return int((await database.fetch("SELECT count(*) FROM usage_records"))[0][0])
    except DatabaseUnavailableError as error:
        raise NotABackupError(str(source), f"it holds no books ({error.problem})") from error
    finally:
        await database.close()


def _set_aside(books: Path, name: str) -> Path | None:
    """Give the books a second name, one that isn't taken, with what belongs to them; None where there are none.

    Nobody has them open: the caller holds their lock. What is beside them goes first, and goes in any case: SQLite
    would write another file's log into the one that is put in their place. They keep their own name until that
    happens, so that a crash leaves no gap in which a bot would begin new books; not on a disk without hard links.
    """
    names = (f"{name}{again}" for again in chain([""], (f"-{number}" for number in count(2))))
    kept = next(path for path in map(books.with_name, names) if not path.exists())
    for suffix in _LEFTOVERS:
        if (leftover := books.with_name(books.name + suffix)).exists():
            leftover.replace(kept.with_name(kept.name + suffix))
    if not books.exists():
        return None
    try:
        kept.hardlink_to(books)
    except OSError:
        books.replace(kept)
    return kept


def _url(path: Path) -> str:
    return f"sqlite:///{quote(str(path.absolute()))}"


def _file(database_url: str, command: str, argument: str = "") -> Path:
    """The file that holds the books. `command` is PostgreSQL's own for the same."""
    if is_postgres(database_url):
        raise ElsewhereBackedUpError(f"{command} --dbname='{_without_secrets(database_url)}'{argument}")
    path = sqlite_path(database_url)
    if path is None:
        raise DatabaseUnavailableError(":memory:", "it is gone when its process ends, so there is nothing to copy")
    return path


def _without_secrets(url: str) -> str:
    """A database's URL without its password: the tools ask for it, or read it from ~/.pgpass (I35).

    Raises `DatabaseUrlError` where a password with `/`, `?` or `#` in it makes another thing of what follows.
    """
    try:
        parts = urlsplit(url)
        parts.port  # noqa: B018 - it is read here
    except ValueError:
        raise DatabaseUrlError(url.partition(":")[0]) from None
    if "@" in f"{parts.path}{parts.query}{parts.fragment}":
        raise DatabaseUrlError(parts.scheme)
    user, at, host = parts.netloc.rpartition("@")
    options = urlencode([(name, value) for name, value in parse_qsl(parts.query) if name.lower() not in _SECRETS])
    return f"{parts.scheme}://{user.partition(':')[0]}{at}{host}{parts.path}{'?' if options else ''}{options}"
