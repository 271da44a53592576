"""The door to SQLite: parameters, transactions, addresses, and everything that can be wrong with a file."""

import asyncio
import sqlite3
import subprocess
import sys
import warnings
from pathlib import Path
from time import perf_counter

import aiosqlite
import pytest

from bot.usage.errors import DatabaseUnavailableError, DatabaseUrlError
from bot.usage.storage import sqlite as database_module
from bot.usage.storage.database import sqlite_path
from bot.usage.storage.sqlite import SqliteDatabase
from tests.usage.making import fresh_database

TABLE = "CREATE TABLE t (a TEXT PRIMARY KEY, b BIGINT NOT NULL)"
INSERT = "INSERT INTO t (a, b) VALUES ($1, $2)"


@pytest.fixture
async def database(tmp_path: Path):
    opened = await SqliteDatabase.open(f"sqlite:///{tmp_path}/t.db")
    await opened.execute(TABLE)
    yield opened
    await opened.close()


async def test_parameters_bind_by_number(database: SqliteDatabase) -> None:
    """I22: `$2 … $1` gets the second and the first parameter, and a repeated one is one parameter, in every path."""
    with warnings.catch_warnings():
        if sys.version_info[:3] < (3, 12) or sys.version_info[:3] > (3, 12, 3):  # gh-117995: a false alarm there
            warnings.simplefilter("error")
        assert await database.fetch("SELECT $2, $1, $2, $1", "one", "two") == [("two", "one", "two", "one")]
        assert await database.execute("SELECT $3, $1, $2", 1, 2, 3) == [(3, 1, 2)]
        await database.write([("INSERT INTO t (b, a) VALUES ($2, $1)", [("x", 1), ("y", 2)])])
    assert await database.fetch("SELECT a, b FROM t ORDER BY a") == [("x", 1), ("y", 2)]
    twelve = ", ".join(f"${n}" for n in range(12, 0, -1))
    assert await database.fetch(f"SELECT {twelve}", *range(1, 13)) == [tuple(range(12, 0, -1))]


async def test_a_dollar_that_is_no_placeholder_stays(database: SqliteDatabase) -> None:
    """I22: only `$` and digits are a placeholder; a JSON path in a statement is left alone."""
    sql = """SELECT json_extract($1, '$.a'), 'US$'"""
    assert await database.fetch(sql, '{"a": 5}') == [(5, "US$")]


async def test_a_transaction_is_all_or_nothing(database: SqliteDatabase) -> None:
    """I22: when the last row of the last statement fails, nothing of the first one stays."""
    with pytest.raises(sqlite3.IntegrityError):
        await database.write([(INSERT, [("a", 1)]), (INSERT, [("b", 2), ("a", 3)])])
    with pytest.raises(OverflowError):
        await database.write([(INSERT, [("a", 1)]), (INSERT, [("b", 2**63)])])
    with pytest.raises(sqlite3.Error):
        await database.write([(INSERT, [("a", 1)]), (INSERT, [("b", object())])])

    def rows():
        yield "b", 2
        raise TypeError("not a row")

    with pytest.raises(TypeError):
        await database.write([(INSERT, [("a", 1)]), (INSERT, rows())])
    assert await database.fetch("SELECT * FROM t") == []
    await database.write([(INSERT, [("a", 1)])])
    assert await database.fetch("SELECT * FROM t") == [("a", 1)]


async def test_a_transaction_left_open_does_not_block_the_next(database: SqliteDatabase) -> None:
    """I23: a rollback that failed leaves a transaction behind; the write after the next one gets through."""
    await database.execute("BEGIN IMMEDIATE")
    with pytest.raises(DatabaseUnavailableError):
        await database.write([(INSERT, [("a", 1)])])
    await database.write([(INSERT, [("a", 1)])])


async def test_the_driver_is_entered_by_the_method_we_rely_on() -> None:
    """I22: aiosqlite's `_execute` runs a function of ours on its thread; a new version that doesn't fails here."""
    async with aiosqlite.connect(":memory:") as connection:
        assert await connection._execute(lambda c: c.execute("SELECT 1").fetchall(), connection._conn) == [(1,)]


@pytest.mark.parametrize(
    ("url", "path"),
    [
        ("sqlite:///data/trilo.db", Path("data/trilo.db")),
        ("sqlite:////srv/trilo.db", Path("/srv/trilo.db")),
        ("SQLite:///a%20b.db", Path("a b.db")),
        ("sqlite:///:memory:", None),
    ],
)
def test_urls(url: str, path: Path | None) -> None:
    """I35: three slashes are relative, four absolute, `:memory:` is no file."""
    assert sqlite_path(url) == path


@pytest.mark.parametrize(
    "url",
    [
        "",
        "sqlite://",
        "sqlite:///",
        "sqlite:data.db",
        "sqlite:/data.db",
        "sqlite://host/data.db",
        "trilo.db",
        "/srv/hunter2.db",
        "mysql://bob:hunter2@db/trilo",
        "postgresql://bob:hunter2@[bad/trilo",
        "postgresql://bob:hunter2@exa\u2100mple.com/trilo",
        "bob:hunter2@db:5432/trilo",
        "hunter2://",
    ],
)
def test_a_wrong_url_is_refused_without_its_password(url: str) -> None:
    """I35: what a wrong DATABASE_URL holds besides its scheme appears in no error."""
    with pytest.raises(DatabaseUrlError) as caught:
        sqlite_path(url)
    if not url.startswith("hunter2"):
        assert "hunter2" not in f"{caught.value} {caught.value.__context__} {vars(caught.value)}"
    assert "sqlite:///" in str(caught.value)


async def test_a_missing_folder_is_made_and_an_impossible_one_is_told(tmp_path: Path) -> None:
    """I23: no folder is no trouble; a place where none can be is `DatabaseUnavailableError`, naming the path."""
    opened = await SqliteDatabase.open(f"sqlite:///{tmp_path}/a/b/c d#?.db".replace("#", "%23").replace("?", "%3F"))
    await opened.close()
    assert (tmp_path / "a" / "b" / "c d#?.db").exists()
    (tmp_path / "file").write_text("")
    for bad in (tmp_path / "file" / "x.db", tmp_path, Path("/proc/nowhere/x.db")):
        with pytest.raises(DatabaseUnavailableError) as caught:
            await SqliteDatabase.open(f"sqlite:///{bad}")
        assert caught.value.path == str(bad)


async def test_a_file_that_is_no_database_is_told(tmp_path: Path) -> None:
    """I23: a file of something else is refused when opened and left as it was."""
    path = tmp_path / "notes.txt"
    path.write_text("shopping list " * 100)
    with pytest.raises(DatabaseUnavailableError):
        await SqliteDatabase.open(f"sqlite:///{path}")
    assert path.read_text().startswith("shopping list")


async def test_damage_is_trouble_with_the_database_and_not_with_a_row(database: SqliteDatabase) -> None:
    """I23: a damaged file is `DatabaseUnavailableError`, so that the ledger keeps what it holds and tries again."""

    def damaged(_connection: sqlite3.Connection) -> None:
        raise sqlite3.DatabaseError("database disk image is malformed")

    with pytest.raises(DatabaseUnavailableError, match="malformed"):
        await database._on_thread(database._writer, damaged)


async def test_read_only(tmp_path: Path) -> None:
    """I21: a reader needs the file to exist, sees what the writer commits, and can't write."""
    url = f"sqlite:///{tmp_path}/t.db"
    with pytest.raises(DatabaseUnavailableError):
        await SqliteDatabase.open(url, read_only=True)
    assert not (tmp_path / "t.db").exists()
    async with fresh_database(tmp_path / "t.db") as writer:
        reader = await SqliteDatabase.open(url, read_only=True)
        await writer.execute("INSERT INTO bot_state (name, value) VALUES ('a', '1')")
        assert await reader.fetch("SELECT * FROM bot_state") == [("a", "1")]
        assert await writer.fetch("SELECT * FROM bot_state") == [("a", "1")]
        for forbidden in (reader.execute, reader.fetch, writer.fetch):
            with pytest.raises(DatabaseUnavailableError):
                await forbidden("DELETE FROM bot_state")
        await reader.close()


async def test_memory_is_one_database(tmp_path: Path) -> None:
    """I21: with `:memory:` the reader reads what the writer wrote, and no file appears."""
    opened = await SqliteDatabase.open("sqlite:///:memory:")
    await opened.execute(TABLE)
    await opened.write([(INSERT, [("a", 1)])])
    assert await opened.fetch("SELECT * FROM t") == [("a", 1)]
    assert await opened.fetch_all([("SELECT count(*) FROM t", ()), ("SELECT b FROM t", ())]) == [[(1,)], [(1,)]]
    await opened.write([(INSERT, [("b", 1)])])
    await opened.close()


async def test_locked_by_another_process(database: SqliteDatabase) -> None:
    """I23: another writer holds up a write for the busy time-out, then it is told; afterwards all is well."""
    await database.execute("PRAGMA busy_timeout = 200")
    other = sqlite3.connect(database.path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    began = perf_counter()
    with pytest.raises(DatabaseUnavailableError, match="locked"):
        await database.write([(INSERT, [("a", 1)])])
    assert 0.15 < perf_counter() - began < 1
    assert await database.fetch("SELECT * FROM t") == []
    other.execute("COMMIT")
    other.close()
    await database.write([(INSERT, [("a", 1)])])


async def test_both_connections_wait_as_long_as_stated(database: SqliteDatabase) -> None:
    """I23: two seconds, below the three that a call waits at most."""
    await database.write([(INSERT, [("a", 1)])])
    for ask in (database.execute, database.fetch):
        assert await ask("PRAGMA busy_timeout") == [(database_module.BUSY_TIMEOUT_MS,)] == [(2_000,)]


async def test_disk_full(database: SqliteDatabase) -> None:
    """I23: a full disk is `DatabaseUnavailableError`, leaves nothing half-written, and passes."""
    pages = (await database.execute("PRAGMA page_count"))[0][0]
    await database.execute(f"PRAGMA max_page_count = {pages}")
    with pytest.raises(DatabaseUnavailableError, match="full"):
        await database.write([(INSERT, [("small", 1)]), (INSERT, [("x" * 100_000, 1)])])
    assert await database.fetch("SELECT * FROM t") == []
    await database.execute("PRAGMA max_page_count = 100000")
    await database.write([(INSERT, [("x" * 100_000, 1)])])


async def test_a_deleted_file_is_noticed(database: SqliteDatabase) -> None:
    """I21: SQLite writes on into a file that was moved away; we refuse, and go on when it is back."""
    assert database.path is not None
    moved = database.path.rename(database.path.with_name("elsewhere.db"))
    with pytest.raises(DatabaseUnavailableError, match="gone"):
        await database.write([(INSERT, [("a", 1)])])
    with pytest.raises(DatabaseUnavailableError, match="gone"):
        await database.execute(INSERT, "a", 1)
    database.path.write_bytes(b"")
    with pytest.raises(DatabaseUnavailableError, match="gone or was replaced"):
        await database.write([(INSERT, [("a", 1)])])
    moved.replace(database.path)
    await database.write([(INSERT, [("a", 1)])])


async def test_the_writer_never_waits_for_a_reader(database: SqliteDatabase) -> None:
    """I29: while a report reads for a second, writes go through in milliseconds."""
    endless = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < $1) SELECT count(*) FROM n, t"
    await database.write([(INSERT, [("a", 1)])])
    reading = asyncio.create_task(database.fetch(endless, 4_000_000))
    await asyncio.sleep(0.02)
    began = perf_counter()
    for n in range(20):
        await database.write([(INSERT, [(str(n), n)])])
    assert perf_counter() - began < 0.25
    assert not reading.done()
    assert await reading == [(4_000_000,)]


async def test_a_snapshot_is_of_one_moment(database: SqliteDatabase) -> None:
    """I8: what several queries of one report see is the same state, whatever is committed in between."""
    counting = ("SELECT count(*) FROM t", ())
    slow = (
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 300000) SELECT count(*) FROM n",
        (),
    )
    reading = asyncio.create_task(database.fetch_all([counting, slow, counting]))
    n = 0
    while not reading.done():
        await database.write([(INSERT, [(str(n), n)])])
        n += 1
    first, _, second = reading.result()
    assert n > 1
    assert first == second
    assert await database.fetch(*counting[:1]) == [(n,)]


async def test_a_closed_database_says_so(tmp_path: Path) -> None:
    """I23: using it after closing is `DatabaseUnavailableError`; closing leaves no thread that keeps Python alive."""
    opened = await SqliteDatabase.open(f"sqlite:///{tmp_path}/t.db")
    await opened.close()
    for use in (opened.fetch, opened.execute):
        with pytest.raises(DatabaseUnavailableError):
            await use("SELECT 1")
    with pytest.raises(DatabaseUnavailableError):
        await opened.write([("SELECT 1", None)])
    for connection in (opened._writer, opened._reader):
        connection._thread.join(2)
        assert not connection._thread.is_alive()


def test_a_database_that_cannot_be_opened_leaves_no_traceback(tmp_path: Path) -> None:
    """I30: a program that stops because of a wrong DATABASE_URL prints our words and nothing of its threads."""
    script = """
import asyncio, sys
from bot.usage.storage.sqlite import SqliteDatabase
from bot.usage.errors import DatabaseUnavailableError
for _ in range(30):
    try:
        asyncio.run(SqliteDatabase.open(sys.argv[1], read_only=True))
    except DatabaseUnavailableError:
        pass
"""
    command = [sys.executable, "-c", script, f"sqlite:///{tmp_path}/nothing.db"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=Path.cwd(), check=False, timeout=30)
    assert (done.returncode, done.stderr) == (0, "")


async def test_another_directory_is_no_missing_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """I21: a relative address means the directory of the start, also after the program has gone elsewhere."""
    monkeypatch.chdir(tmp_path)
    opened = await SqliteDatabase.open("sqlite:///t.db")
    await opened.execute(TABLE)
    monkeypatch.chdir("/")
    await opened.write([(INSERT, [("a", 1)])])
    await opened.close()


async def test_an_opening_that_fails_late_leaves_no_connection(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """I24: whichever of the three connections can't be made, those made before it are closed."""
    made = []
    connect = database_module._connect

    async def third_fails(address: str, *, read_only: bool) -> object:
        if len(made) == 2:
            raise sqlite3.OperationalError("too many open files")
        made.append(await connect(address, read_only=read_only))
        return made[-1]

    monkeypatch.setattr(database_module, "_connect", third_fails)
    with pytest.raises(DatabaseUnavailableError, match="too many open files"):
        await SqliteDatabase.open(f"sqlite:///{tmp_path}/a.db")
    assert [connection._connection for connection in made] == [None, None]


async def test_a_closing_that_is_cancelled_closes_everything(tmp_path: Path) -> None:
    """I24: a connection left open keeps its thread, and with that the process."""
    opened = await SqliteDatabase.open(f"sqlite:///{tmp_path}/a.db")
    connections = opened._writer, opened._reader, opened._cleaner
    opened._cleaning = asyncio.create_task(asyncio.sleep(30))
    closing = asyncio.create_task(opened.close())
    await asyncio.sleep(0)
    closing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await closing
    assert [connection and connection._connection for connection in connections] == [None, None, None]
    with pytest.raises(DatabaseUnavailableError, match="it is closed"):
        await opened.fetch("SELECT 1")
