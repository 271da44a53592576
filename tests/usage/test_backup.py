"""Backups: made under load, whole, put back; and everything that can't be one is named."""

import asyncio
import sqlite3
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from time import perf_counter

import pytest

from bot.usage import DatabaseBusyError, DatabaseUnavailableError, PriceList, SchemaTooNewError, open_tracker
from bot.usage.errors import DatabaseUrlError, ElsewhereBackedUpError, NotABackupError
from bot.usage.storage import sqlite
from bot.usage.upkeep.backup import Copy, back_up, restore
from tests.usage.making import a_record, fresh_database, recount, the_books

AT = datetime(2026, 3, 31, 12, 5, 9, tzinfo=UTC)


def dump(path: Path) -> list[str]:
    """Every table, row and index of a file of books."""
    with closing(sqlite3.connect(path)) as connection:
        return list(connection.iterdump())


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


async def test_a_backup_under_load_is_of_one_moment_and_holds_nobody_up(
    tmp_path: Path, prices: PriceList, monkeypatch: pytest.MonkeyPatch
) -> None:
    """I8, I21, I23: while calls go on being booked: sums and calls agree in the copy, and no call waited for it.

    Many are booked during each copy, which would never end if it began anew each time.
    """
    monkeypatch.setattr(sqlite, "COPIED_PAGES", 1)
    url = f"sqlite:///{tmp_path}/a.db"
    async with open_tracker(url, console=False, prices=prices) as tracker:
        for _ in range(4_500):
            tracker.ledger.record(a_record())
        await tracker.force_flush()
        waits: list[float] = []
        ballast = "INSERT INTO bot_state (name, value) VALUES ('ballast', hex(zeroblob(15000000)))"
        await tracker.database.execute(ballast)

        async def back_up_thrice() -> list[Copy]:
            return [await back_up(url, tmp_path / f"copy {number}.db", AT) for number in range(3)]

        backing = asyncio.create_task(back_up_thrice())
        while not backing.done():
            tracker.ledger.record(a_record())
            began = perf_counter()
            await tracker.claims.claim(len(waits))
            waits.append(perf_counter() - began)
        made = await backing
        assert len(waits) > 10
        assert max(waits) < 1.0
        assert [copy.path.name for copy in made] == ["copy 0.db", "copy 1.db", "copy 2.db"]
        assert 4_500 <= made[0].calls <= made[1].calls <= made[2].calls <= 4_500 + len(waits)
        assert made[2].calls > 4_500, "it was copied before anything else was booked"
    for copy in made:
        async with fresh_database(copy.path) as opened:
            books = await the_books(opened)
            assert books == await recount(opened)
            assert 4_500 <= books[1, "total", "2026-03-31", ""][0] <= copy.calls


async def test_what_is_restored_is_what_was_backed_up(tmp_path: Path, prices: PriceList) -> None:
    """I21: every table, row and index; and what was there before is kept beside it, whole, its log too."""
    url, books = f"sqlite:///{tmp_path}/a.db", tmp_path / "a.db"
    async with open_tracker(url, console=False, prices=prices) as tracker:
        await tracker.set_budget(scope="guild", guild_id=1, limit_usd="1")
        tracker.ledger.record(a_record())
        await tracker.force_flush()
        made = await back_up(url, None, AT)
        assert made == Copy(tmp_path / "backups" / "a-20260331-120509.db", 1, made.path.stat().st_size)
        assert names(made.path.parent) == ["a-20260331-120509.db"]
        saved = dump(made.path)
        assert "CREATE INDEX alerts_owed" in "\n".join(saved)
        tracker.ledger.record(a_record())
        await tracker.force_flush()
        with pytest.raises(DatabaseBusyError):
            await restore(url, made.path, AT)
    after = dump(books)
    assert after != saved
    done = await restore(url, made.path, AT)
    assert done == Copy(books, 1, books.stat().st_size, tmp_path / "a.db.before-20260331-120509")
    assert dump(books) == saved
    assert done.kept is not None
    assert dump(done.kept) == after
    async with open_tracker(url, console=False, prices=prices, lock_wait_seconds=0) as tracker:
        assert (await tracker.reports.spend(None, "all", "guild")).total.calls == 1
    assert names(tmp_path) == ["a.db", "a.db.before-20260331-120509", "a.db.lock", "backups"]
    assert (await restore(url, done.kept, AT)).kept == tmp_path / "a.db.before-20260331-120509-2"
    assert (dump(books), dump(done.kept)) == (after, after), "what was kept stays what it was"


async def test_a_crash_while_restoring_leaves_the_books_there_are(
    tmp_path: Path, prices: PriceList, monkeypatch: pytest.MonkeyPatch
) -> None:
    """I21: under no name there would be none, and the next start would begin new ones."""
    url, books, real = f"sqlite:///{tmp_path}/a.db", tmp_path / "a.db", Path.replace
    async with open_tracker(url, console=False, prices=prices):
        made = await back_up(url, None, AT)
    before = dump(books)

    def killed(path: Path, target: Path) -> Path:
        if target == books:
            raise KeyboardInterrupt
        return real(path, target)

    monkeypatch.setattr(Path, "replace", killed)
    with pytest.raises(KeyboardInterrupt):
        await restore(url, made.path, AT)
    assert dump(books) == before


async def test_books_that_are_gone_or_damaged_can_be_restored(tmp_path: Path, prices: PriceList) -> None:
    """I21: that is what backups are for. The log of books that a crash left open is kept with them."""
    url, books = f"sqlite:///{tmp_path}/a.db", tmp_path / "a.db"
    async with open_tracker(url, console=False, prices=prices) as tracker:
        tracker.ledger.record(a_record())
        await tracker.force_flush()
        made = await back_up(url, tmp_path, AT)
    books.unlink()
    assert (await restore(url, made.path, AT)).kept is None
    assert dump(books) == dump(made.path)
    books.write_bytes(b"scribble" * 1_000)
    (tmp_path / "a.db-wal").write_bytes(b"log")
    done = await restore(url, made.path, AT)
    assert dump(books) == dump(made.path)
    assert done.kept is not None
    assert done.kept.read_bytes() == b"scribble" * 1_000
    assert (tmp_path / f"{done.kept.name}-wal").read_bytes() == b"log"
    assert not (tmp_path / "a.db-wal").exists()


async def test_what_is_no_backup_is_named_and_changes_nothing(tmp_path: Path, database_url: str) -> None:
    books = tmp_path / "usage.db"
    async with fresh_database(books) as opened:
        await opened.execute("INSERT INTO claims (id, claimed_at) VALUES ('kept', 1)")
    saved = dump(books)
    (tmp_path / "text.db").write_text("these are not the books you are looking for" * 200)
    sqlite3.connect(tmp_path / "other.db").execute("CREATE TABLE t (a)").connection.close()
    async with fresh_database(tmp_path / "later.db") as opened:
        await opened.execute("INSERT INTO schema_steps (name, applied_at) VALUES ('999 wonders', 1)")
    async with fresh_database(tmp_path / "damaged.db") as opened:
        await opened.write(
            [("INSERT INTO claims (id, claimed_at) VALUES ($1, 1)", [(f"{n:060}",) for n in range(3_000)])]
        )
    raw = (tmp_path / "damaged.db").read_bytes()
    (tmp_path / "damaged.db").write_bytes(raw.replace(b"000042", b"0000x2", 1))  # in the table, not in its index
    for name, error, words in [
        ("nowhere.db", NotABackupError, "nowhere.db: there is no such file"),
        ("text.db", DatabaseUnavailableError, "text.db is unavailable: file is not a database"),
        ("other.db", NotABackupError, "other.db: it holds no books (no such table: schema_steps)"),
        ("later.db", SchemaTooNewError, "999 wonders"),
        ("damaged.db", NotABackupError, "damaged.db: it is damaged ("),
    ]:
        with pytest.raises(error) as raised:
            await restore(database_url, tmp_path / name, AT)
        assert words in str(raised.value), name
    assert dump(books) == saved
    assert [name for name in names(tmp_path) if "usage.db" in name] == ["usage.db", "usage.db.lock"]


async def test_a_backup_never_replaces_a_file(tmp_path: Path, database_url: str) -> None:
    with pytest.raises(DatabaseUnavailableError, match="there is no such file yet"):
        await back_up(database_url, None, AT)
    assert names(tmp_path) == []
    async with fresh_database(tmp_path / "usage.db"):
        pass
    (tmp_path / "precious").write_text("mine")
    with pytest.raises(NotABackupError, match="precious: there is a file already: name another"):
        await back_up(database_url, tmp_path / "precious", AT)
    assert (tmp_path / "precious").read_text() == "mine"
    with pytest.raises(DatabaseUnavailableError, match="gone when its process ends"):
        await back_up("sqlite:///:memory:", None, AT)


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("postgresql://joe:s3cret@db:5432/trilo?sslmode=require", "postgresql://joe@db:5432/trilo?sslmode=require"),
        ("postgres://joe@db/trilo?password=s3cret&sslpassword=s3cret", "postgres://joe@db/trilo"),
        ("POSTGRESQL:///trilo?host=/run/pg", "postgresql:///trilo?host=%2Frun%2Fpg"),
    ],
)
async def test_postgresql_has_tools_of_its_own(url: str, shown: str) -> None:
    """I35: the exact command, without the password."""
    with pytest.raises(ElsewhereBackedUpError) as raised:
        await back_up(url, None, AT)
    assert raised.value.command == f"pg_dump --format=custom --file=trilo.dump --dbname='{shown}'"
    with pytest.raises(ElsewhereBackedUpError) as raised:
        await restore(url, Path("trilo.dump"), AT)
    assert raised.value.command == f"pg_restore --clean --if-exists --dbname='{shown}' trilo.dump"
    assert "s3cret" not in str(raised.value)


@pytest.mark.parametrize("password", ["s3/cret", "12/s3cret", "12#s3cret", "[s3cret", "12?s3cret", "12?x=s3cret"])
async def test_a_password_that_is_no_part_of_a_url_is_not_shown(password: str) -> None:
    """I35: what stands behind such a sign would be taken for the server's name, and printed."""
    with pytest.raises(DatabaseUrlError) as raised:
        await back_up(f"postgresql://joe:{password}@db/trilo", None, AT)
    assert "cret" not in str(raised.value)
