"""Moving the books from SQLite to PostgreSQL: all of it, once, however often it is broken off."""

from pathlib import Path
from typing import Any

import pytest

from bot.usage import DatabaseBusyError, PriceList, moving, open_tracker
from bot.usage.errors import CannotMoveError, DatabaseUnavailableError
from bot.usage.moving import move
from bot.usage.storage.database import open_database
from bot.usage.storage.postgres import PostgresDatabase
from bot.usage.storage.sqlite import SqliteDatabase
from bot.usage.upkeep.integrity import verify
from tests.commands import run
from tests.usage.upkeep import END, TABLES, Clock, dump, tracker_at, write_history

STAYED = {"bot_state", "claims", "schema_steps", "workers"}


@pytest.fixture
async def source(tmp_path: Path, prices: PriceList) -> str:
    """Two months of books, in which two calls were left open."""
    url, clock = f"sqlite:///{tmp_path}/books.db", Clock()
    async with tracker_at(url, prices, clock) as tracker:
        await write_history(tracker, clock)
        await tracker.database.execute("INSERT INTO bot_state (name, value) VALUES ('reported', 'yesterday')")
    return url


async def rows_of(url: str, *, read_only: bool = True) -> dict[str, list[tuple[Any, ...]]]:
    database = await open_database(url, read_only=read_only)
    try:
        return await dump(database, *TABLES)
    finally:
        await database.close()


async def test_everything_arrives_once(source: str, postgres_url: str, prices: PriceList) -> None:
    """I8, I21, I25: row for row, by month; the sums agree with the calls, and the bot goes on with it."""
    told: list[tuple[str, int, int]] = []
    moved = await move(source, postgres_url, lambda *facts: told.append(facts))
    before, after = await rows_of(source), await rows_of(postgres_url)
    assert after == before
    assert moved.rows["usage_records"] == len(before["usage_records"]) == 242
    assert moved.cost_nano_usd == 1_142_362
    assert not STAYED & moved.rows.keys()
    assert ("usage_records", 242, 242) in told
    async with tracker_at(postgres_url, prices, Clock(END)) as tracker:
        database = tracker.database
        assert await database.fetch("SELECT value FROM bot_state WHERE name = 'reported'") == [("yesterday",)]
        assert await database.fetch("SELECT count(*) FROM usage_records_other") == [(0,)]
        findings = await verify(database, tracker.operations, END)
        assert (findings.calls, findings.differences) == (242, [])


async def test_one_that_is_broken_off_goes_on(
    source: str, postgres_url: str, prices: PriceList, monkeypatch: pytest.MonkeyPatch
) -> None:
    """I22: broken off at every page, it arrives once all the same; until then no bot starts on it."""
    monkeypatch.setattr(moving, "PAGE", 100)
    load, left = PostgresDatabase.load, 0

    async def breaks_off(self: PostgresDatabase, *arguments: Any) -> None:
        nonlocal left
        if left == 0:
            left = 1
            raise DatabaseUnavailableError("here", "it went away")
        left -= 1
        await load(self, *arguments)

    monkeypatch.setattr(PostgresDatabase, "load", breaks_off)
    failures = 0
    while True:
        try:
            moved = await move(source, postgres_url, lambda *_: None)
            break
        except DatabaseUnavailableError:
            failures += 1
        if failures == 5:
            with pytest.raises(CannotMoveError, match="isn't finished: run it again"):
                async with open_tracker(postgres_url, console=False, prices=prices):
                    pass
    assert failures == sum(-(-count // 100) for count in moved.rows.values())
    assert await rows_of(postgres_url) == await rows_of(source)


async def test_what_differs_is_found(source: str, postgres_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever happened on the way: one digit of one column is enough."""
    load = PostgresDatabase.load

    async def alters(self: PostgresDatabase, table: str, columns: Any, page: list[tuple[Any, ...]]) -> None:
        if table == "spend_daily":
            place = columns.index("duration_ms")
            page[3] = (*page[3][:place], page[3][place] + 1, *page[3][place + 1 :])
        await load(self, table, columns, page)

    monkeypatch.setattr(PostgresDatabase, "load", alters)
    with pytest.raises(CannotMoveError, match="what arrived differs in spend_daily: move again"):
        await move(source, postgres_url, lambda *_: None)


async def test_a_target_that_holds_books_is_left_alone(
    source: str, postgres_url: str, tmp_path: Path, prices: PriceList
) -> None:
    async with open_tracker(postgres_url, console=False, prices=prices) as tracker:
        await tracker.track_usage(model="gpt-4o-mini", input_tokens=1, output_tokens=1)
    with pytest.raises(CannotMoveError, match=r"it holds books already \(spend_daily isn't empty\)"):
        await move(source, postgres_url, lambda *_: None)
    for wrong in ((postgres_url, source), (source, f"sqlite:///{tmp_path}/other.db"), (postgres_url, postgres_url)):
        with pytest.raises(CannotMoveError, match="from SQLite to PostgreSQL"):
            await move(*wrong, lambda *_: None)


async def test_a_part_of_other_books_is_not_gone_on_with(
    source: str, postgres_url: str, tmp_path: Path, prices: PriceList, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fails(*_: Any) -> None:
        raise DatabaseUnavailableError("here", "it went away")

    with monkeypatch.context() as patched, pytest.raises(DatabaseUnavailableError):
        patched.setattr(PostgresDatabase, "load", fails)
        await move(source, postgres_url, lambda *_: None)
    other = f"sqlite:///{tmp_path}/others.db"
    async with open_tracker(other, console=False, prices=prices):
        pass
    with pytest.raises(CannotMoveError, match=r"it holds a part of .*books\.db: go on with that"):
        await move(other, postgres_url, lambda *_: None)


async def test_every_table_has_a_key(source: str) -> None:
    """Without one, a move that is broken off couldn't go on."""
    database = await SqliteDatabase.open(source, read_only=True)
    tables = await moving._tables(database)
    await database.close()
    assert {table.name for table in tables if not table.key} == set()


async def test_by_command(source: str, postgres_url: str, tmp_path: Path, prices: PriceList) -> None:
    """Refused while a bot holds the file; then what it says, and nothing of a password (I35)."""
    to = postgres_url.replace("postgres:@", "postgres:s3cret@")
    async with open_tracker(source, console=False, prices=prices):
        with pytest.raises(DatabaseBusyError):
            await move(source, postgres_url, lambda *_: None)
    done = run(tmp_path, "move", "--to", to, DATABASE_URL=source)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("242 calls ($0.")
    assert done.stdout.endswith("add up to the same. Now set DATABASE_URL to the new address and start the bot.\n")
    assert "usage_records: 242 of 242" in done.stderr
    again = run(tmp_path, "move", "--to", to, DATABASE_URL=source)
    assert (again.returncode, again.stdout) == (1, "")
    assert "it holds books already" in again.stderr
    assert "s3cret" not in done.stdout + done.stderr + again.stderr
