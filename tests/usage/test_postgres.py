"""The door to PostgreSQL: what its errors mean, who waits for whom, and what several processes do at once."""

import asyncio
import logging
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, date, datetime
from time import perf_counter
from typing import Any
from urllib.parse import parse_qs, urlsplit

import asyncpg
import pytest

from bot.usage.errors import DatabaseUnavailableError, DatabaseUrlError, SchemaTooNewError
from bot.usage.records import UsageRecord
from bot.usage.storage import postgres as postgres_module
from bot.usage.storage import rows, schema
from bot.usage.storage.database import is_postgres, open_database
from bot.usage.storage.months import make_months, make_months_ahead
from bot.usage.storage.postgres import MANY_ROWS, PostgresDatabase
from tests.usage.making import NOW, a_call, a_settlement, ledger_on, recount, the_books
from tests.usage.postgres_server import PostgresServer

COUNT = "SELECT CAST(value AS BIGINT) FROM bot_state WHERE name = 'n' FOR UPDATE"


def row_of(number: int) -> tuple[object, ...]:
    """What is stored of a call as it leaves: every third one outside of servers, with metadata."""
    outside = number % 3 == 0
    call = a_call(
        guild_id=0 if outside else 1, user_id=None if outside else "ann", metadata={"n": number} if outside else {}
    )
    return rows.open_row(replace(call, id=f"{number:032x}"), "w")


@pytest.fixture
async def database(postgres_url: str) -> AsyncIterator[PostgresDatabase]:
    opened = await PostgresDatabase.open(postgres_url)
    yield opened
    await opened.close()


async def test_the_url_chooses_the_database(postgres_url: str) -> None:
    assert [is_postgres(url) for url in ("postgres://h/d", "POSTGRESQL://h/d", "sqlite:///a.db", "mysql://h/d")] == [
        True,
        True,
        False,
        False,
    ]
    short = postgres_url.replace("postgresql://", "postgres://")
    for url in (short, f"{postgres_url}&sslmode=prefer&pgbouncer=true&channel_binding=require&connect_timeout=9"):
        opened = await open_database(url)
        assert opened.shared
        assert await opened.fetch("SELECT 1") == [(1,)]
        await opened.close()


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ("postgresql://u:s3cret@127.0.0.1:1/d", DatabaseUnavailableError),
        ("postgresql://u:s3cret@127.0.0.1:port/d", DatabaseUrlError),
        ("postgresql://u:[s3cret@127.0.0.1/d", DatabaseUrlError),
        ("postgresql://u:\u2100s3cret@127.0.0.1/d", DatabaseUrlError),
        ("postgresql://u:1/s3cret@127.0.0.1/d", DatabaseUnavailableError),
        ("postgresql://u:1?s3cret@127.0.0.1/d", DatabaseUnavailableError),
        ("postgresql://u:s3cret@localhost/d?sslmode=perhaps", DatabaseUrlError),
        ("postgresql://u:s3cret@no-such-host.invalid/d", DatabaseUnavailableError),
        ("postgresql://nobody:s3cret@/nothing?host={socket}", DatabaseUnavailableError),
        ("postgresql://postgres:s3cret@/nothing?host={socket}", DatabaseUnavailableError),
        ("postgresql://postgres:s3cret@/postgres?host={socket}&no_such_setting=1", DatabaseUnavailableError),
    ],
)
async def test_what_cannot_be_opened_is_told_without_its_password(
    postgres: PostgresServer, change: str, error: type[Exception]
) -> None:
    """I35: neither the message nor what it carries has the password, nor the user."""
    url = change.format(socket=parse_qs(urlsplit(postgres.url).query)["host"][0])
    with pytest.raises(error) as caught:
        await open_database(url)
    told = f"{caught.value} {vars(caught.value)}"
    assert "s3cret" not in told
    assert "u:" not in told


async def test_what_a_row_did_is_told_apart_from_trouble(database: PostgresDatabase) -> None:
    """I22: a row at fault is the row's own error; trouble that may pass is `DatabaseUnavailableError`."""
    insert = "INSERT INTO bot_state (name, value) VALUES ($1, $2)"
    at_fault = [
        (insert, ("a", 1)),
        (insert, ("a", None)),
        (insert, ("a", "\0")),
        (insert, ("a", "\ud800")),
        (insert, ("a",)),
        ("INSERT INTO claims (id, claimed_at) VALUES ('x', $1)", (2**63,)),
        ("INSERT INTO claims (id, claimed_at) VALUES ('x', $1)", (object(),)),
    ]
    for sql, parameters in at_fault:
        with pytest.raises((asyncpg.PostgresError, asyncpg.InterfaceError, ValueError)):
            await database.write([(sql, [parameters])])
    for sql in ("SELECT 1 FROM nowhere", "SELECT pg_terminate_backend(pg_backend_pid())"):
        with pytest.raises(DatabaseUnavailableError):
            await database.execute(sql)
    assert await database.execute(f"{insert} RETURNING value", "a", "b") == [("b",)]


async def test_a_transaction_is_all_or_nothing(database: PostgresDatabase) -> None:
    """I22: also where a row of many is at fault, the script raises, or its task is cancelled."""
    insert = "INSERT INTO claims (id, claimed_at) VALUES ($1, $2)"
    with pytest.raises(asyncpg.PostgresError):
        await database.write([(insert, [("a", 1), ("b", 2)]), (insert, [("c", 3), ("d", None)])])

    def breaks():
        yield insert, ("e", 5)
        raise KeyError("no")

    def lasts():
        yield insert, ("f", 6)
        yield "SELECT pg_sleep(5)", ()

    with pytest.raises(KeyError):
        await database.transact(breaks)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.2):
            await database.transact(lasts)
    assert await database.fetch("SELECT id FROM claims") == []
    await database.write([(insert, [("g", 7)]), ("UPDATE claims SET claimed_at = 8", None)])
    assert await database.fetch("SELECT id, claimed_at FROM claims") == [("g", 8)]


async def test_many_rows_are_inserted_as_one_by_one_they_are(database: PostgresDatabase) -> None:
    """I22: by one statement and by many, with what isn't known, twice; nothing where one row is at fault."""
    few, many = ([row_of(number) for number in range(count)] for count in (MANY_ROWS - 1, MANY_ROWS + 8))
    await database.write([(rows.INSERT_OPEN, few)])
    one_by_one = await database.fetch("SELECT * FROM usage_records ORDER BY id")
    await database.execute("TRUNCATE usage_records")
    await database.write([(rows.INSERT_OPEN, many), (rows.INSERT_OPEN, iter(many))])
    found = await database.fetch("SELECT * FROM usage_records ORDER BY id")
    assert found[: len(few)] == one_by_one
    assert len(found) == len(many)
    wrong = [row_of(number) for number in range(100, 100 + MANY_ROWS)]
    wrong[7] = (*wrong[7][:4], "no instant", *wrong[7][5:])
    with pytest.raises(asyncpg.DataError):
        await database.write([(rows.INSERT_OPEN, wrong)])
    assert await database.fetch("SELECT count(*) FROM usage_records") == [(len(many),)]


async def test_who_reads_cannot_write(database: PostgresDatabase, postgres_url: str) -> None:
    """I26: commands that report can't change the books, whatever they are asked."""
    reader = await PostgresDatabase.open(postgres_url, read_only=True)
    for ask in (reader.fetch, reader.execute, database.fetch):
        with pytest.raises(DatabaseUnavailableError, match="read-only"):
            await ask("DELETE FROM claims")
    await reader.close()
    with pytest.raises(DatabaseUnavailableError, match="it is closed"):
        await reader.fetch("SELECT 1")


async def test_nothing_waits_for_ever(database: PostgresDatabase, postgres_url: str, monkeypatch) -> None:
    """I23: a lock that somebody keeps is trouble after a stated while, and all is well once it is given back."""
    await database.execute("INSERT INTO bot_state (name, value) VALUES ('n', '0')")
    monkeypatch.setattr(postgres_module, "_WRITE", postgres_module._WRITE.replace("10s", "300ms"))
    impatient = await PostgresDatabase.open(postgres_url)
    keeper = await asyncpg.connect(postgres_url)
    transaction = keeper.transaction()
    await transaction.start()
    await keeper.execute("UPDATE bot_state SET value = '1'")
    began = perf_counter()
    with pytest.raises(DatabaseUnavailableError, match="timeout"):
        await impatient.execute("UPDATE bot_state SET value = '2'")
    assert 0.25 < perf_counter() - began < 3
    await transaction.rollback()
    await keeper.close()
    assert await impatient.execute("UPDATE bot_state SET value = '2' RETURNING value") == [("2",)]
    await impatient.close()


async def test_five_connections_at_most(database: PostgresDatabase, postgres_url: str) -> None:
    """I23: reports, however many, leave room for what is written."""
    reports = [asyncio.create_task(database.fetch("SELECT pg_sleep(0.5)")) for _ in range(20)]
    await asyncio.sleep(0.1)
    began = perf_counter()
    await database.execute("INSERT INTO bot_state (name, value) VALUES ('n', '0')")
    assert perf_counter() - began < 0.4
    others = await database.execute(
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND backend_type = 'client backend'"
    )
    assert others[0][0] <= 5
    for report in reports:
        report.cancel()
    await asyncio.gather(*reports, return_exceptions=True)
    assert await database.fetch("SELECT name FROM bot_state") == [("n",)]


async def test_who_locks_what_it_reads_loses_nothing(database: PostgresDatabase) -> None:
    """I13: a decision by what was read waits for whoever is just deciding by the same."""
    await database.execute("INSERT INTO bot_state (name, value) VALUES ('n', '0')")

    def add():
        [(n,)] = yield COUNT, ()
        yield "UPDATE bot_state SET value = $1 WHERE name = 'n'", (str(n + 1),)

    await asyncio.gather(*(database.transact(add) for _ in range(50)))
    assert await database.fetch("SELECT value FROM bot_state") == [("50",)]


async def test_a_deadlock_is_undone_and_tried_again(database: PostgresDatabase, postgres_url: str) -> None:
    """I22: two transactions that wait for each other both get through, each once."""
    await database.write([("INSERT INTO claims (id, claimed_at) VALUES ($1, 0)", [("a",), ("b",)])])
    tries = 0

    def add(first: str, second: str):
        nonlocal tries
        tries += 1
        yield "UPDATE claims SET claimed_at = claimed_at + 1 WHERE id = $1", (first,)
        yield "SELECT pg_sleep(0.1)", ()
        yield "UPDATE claims SET claimed_at = claimed_at + 1 WHERE id = $1", (second,)

    await asyncio.gather(database.transact(lambda: add("a", "b")), database.transact(lambda: add("b", "a")))
    assert tries == 3
    assert await database.fetch("SELECT claimed_at FROM claims") == [(2,), (2,)]


async def test_rows_are_made_once_however_often_they_are_written(database: PostgresDatabase, monkeypatch) -> None:
    """I22: a generator of rows has none left for a second try."""
    run_all, tries = postgres_module._run_all, 0

    async def second_time(*work: Any) -> None:
        nonlocal tries
        tries += 1
        await run_all(*work)
        if tries == 1:
            raise asyncpg.DeadlockDetectedError("deadlock detected")

    monkeypatch.setattr(postgres_module, "_run_all", second_time)
    await database.write([("INSERT INTO claims (id, claimed_at) VALUES ($1, 0)", ((id_,) for id_ in "ab"))])
    assert (tries, await database.fetch("SELECT id FROM claims ORDER BY id")) == (2, [("a",), ("b",)])


async def test_several_queries_are_of_one_moment(database: PostgresDatabase) -> None:
    """I8: a report's parts agree, whatever is written between them."""

    def read():
        before = yield "SELECT count(*) FROM claims", ()
        yield "SELECT pg_sleep(0.2)", ()
        return before, (yield "SELECT count(*) FROM claims", ())

    reading = asyncio.create_task(database.read(read))
    await asyncio.sleep(0.1)
    await database.execute("INSERT INTO claims (id, claimed_at) VALUES ('x', 1)")
    assert await reading == ([(0,)], [(0,)])
    assert await database.fetch_all([("SELECT count(*) FROM claims", ()), ("SELECT $1::text", ("y",))]) == [
        [(1,)],
        [("y",)],
    ]


async def test_one_process_makes_the_tables_and_the_others_wait(postgres: PostgresServer) -> None:
    """I22: however many start at once, each step is applied once; a later version's database is refused."""
    url = await postgres.empty_database("made_at_once")
    opened = [await PostgresDatabase.open(url) for _ in range(4)]
    assert not await schema.is_current(opened[0])
    await asyncio.gather(*(schema.apply(one, number) for number, one in enumerate(opened)))
    applied = await opened[0].fetch("SELECT name, applied_at FROM schema_steps ORDER BY name")
    assert [name for name, _ in applied] == sorted(schema.STEPS)
    assert len({at for _, at in applied}) == 1
    assert await schema.is_current(opened[3])
    await opened[0].execute("INSERT INTO schema_steps (name, applied_at) VALUES ('999 the future', 1)")
    with pytest.raises(SchemaTooNewError):
        await schema.apply(opened[1], 0)
    for one in opened:
        await one.close()
    await postgres.drop(url)


async def test_tables_may_change_under_a_running_process(database: PostgresDatabase, postgres_url: str) -> None:
    """I21: at a redeploy the new process adds a column while the old one goes on with what it has prepared."""
    newer = await PostgresDatabase.open(postgres_url)
    for _ in range(3):
        assert await database.fetch("SELECT * FROM claims") == []
    await newer.migrate(lambda: iter_of("ALTER TABLE claims ADD COLUMN extra BIGINT"))
    await newer.close()
    for _ in range(6):  # each of its connections learns it
        assert await database.fetch("SELECT * FROM claims") == []


def iter_of(sql: str):
    yield sql, ()


async def places(database: PostgresDatabase) -> list[tuple[str, str]]:
    return await database.fetch("SELECT id, CAST(CAST(tableoid AS regclass) AS TEXT) FROM usage_records ORDER BY 1")


async def test_records_lie_in_their_months(database: PostgresDatabase) -> None:
    """I21: an insert never fails for want of a month; made later, it takes in what belongs to it."""
    when = [NOW, datetime(2026, 5, 31, 23, 59, 59, 999_999, UTC), datetime(2031, 12, 31, 23, tzinfo=UTC)]
    calls = [a_call(at=at) for at in [*when, datetime(1999, 1, 1, tzinfo=UTC), datetime(2032, 1, 1, tzinfo=UTC)]]
    async with ledger_on(database) as ledger:
        for call in calls:
            ledger.record(UsageRecord(call, a_settlement()))
        await ledger.flush()
    tables = ["usage_records_2026_03", "usage_records_2026_05", *["usage_records_other"] * 3]
    assert await places(database) == [(call.id, table) for call, table in zip(calls, tables, strict=True)]
    other = await PostgresDatabase.open(await url_of(database))
    await asyncio.gather(*(make_months(one, date(2031, 12, 15), 1) for one in (database, other, other)))
    tables[2] = "usage_records_2031_12"
    assert await places(database) == [(call.id, table) for call, table in zip(calls, tables, strict=True)]
    await make_months_ahead(other, datetime(2031, 11, 5, tzinfo=UTC))
    names = await database.fetch("SELECT relname FROM pg_class WHERE relname ~ '^usage_records_203._..$' ORDER BY 1")
    assert [name for (name,) in names] == [f"usage_records_{month}" for month in ("2031_11", "2031_12", "2032_01")]
    assert (await places(database))[4] == (calls[4].id, "usage_records_2032_01")
    assert await the_books(database) == await recount(database)
    await other.close()


async def url_of(database: PostgresDatabase) -> str:
    [(name, host)] = await database.fetch("SELECT current_database(), current_setting('unix_socket_directories')")
    return f"postgresql://postgres@/{name}?host={host}"


class Pooler:
    """Between client and server, and like a pooler it tells a process id of its own."""

    def __init__(self, socket: str) -> None:
        self._socket = socket
        self.tasks: set[asyncio.Task[None]] = set()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        from_server, to_server = await asyncio.open_unix_connection(self._socket)

        async def upstream() -> None:
            while data := await reader.read(65_536):
                to_server.write(data)
            to_server.close()

        task = asyncio.create_task(upstream())
        self.tasks.add(task)
        is_told = False
        while data := await from_server.read(65_536):
            key = data.find(b"K\0\0\0\x0c")
            if not is_told and key >= 0:
                data = data[: key + 5] + b"\0\0\0\x01" + data[key + 9 :]
                is_told = True
            writer.write(data)
        writer.close()


@pytest.mark.parametrize("pooled", [True, False])
async def test_behind_a_pooler_nothing_is_prepared(postgres_url: str, pooled: bool, caplog) -> None:
    """I23: the server's process may be another one for each transaction, and doesn't know what was prepared before."""
    caplog.set_level(logging.ERROR, "asyncio")
    [host] = parse_qs(urlsplit(postgres_url).query)["host"]
    pooler = Pooler(f"{host}/.s.PGSQL.5432")
    server = await asyncio.start_server(pooler.serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    url = f"postgresql://postgres@127.0.0.1:{port}/{urlsplit(postgres_url).path[1:]}?sslmode=disable"
    opened = await PostgresDatabase.open(url if pooled else postgres_url)
    for _ in range(3):
        assert await opened.execute("SELECT CAST($1 AS BIGINT)", 5) == [(5,)]
    prepared = await opened.execute("SELECT count(*) FROM pg_prepared_statements WHERE statement LIKE 'SELECT CAST%'")
    assert prepared == [(0 if pooled else 1,)]
    many = [row_of(number) for number in range(MANY_ROWS)]
    for _ in range(3):
        await opened.write([(rows.INSERT_OPEN, many)])
    assert await opened.execute("SELECT count(*) FROM usage_records") == [(MANY_ROWS,)]
    prepared = await opened.execute("SELECT count(*) FROM pg_prepared_statements WHERE statement LIKE 'INSERT%'")
    assert prepared == [(0 if pooled else 1,)]
    await opened.close()
    server.close()
    await asyncio.gather(*pooler.tasks)
