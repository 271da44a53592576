"""The journal by itself, and the ledger with one: what the database couldn't take gets on the books exactly once."""

import asyncio
import errno
import os
import random
import shutil
import stat
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import fields, replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from time import perf_counter, sleep
from types import MappingProxyType
from typing import Any

import pytest

from bot.usage.bookkeeping import entries
from bot.usage.bookkeeping import journal as journal_module
from bot.usage.bookkeeping import outage as outage_module
from bot.usage.bookkeeping import writer as writer_module
from bot.usage.bookkeeping.batch import Batch, Intent
from bot.usage.bookkeeping.journal import Journal
from bot.usage.bookkeeping.journal_lines import Entry, entry_of, line_of
from bot.usage.bookkeeping.ledger import Ledger
from bot.usage.bookkeeping.outage import Outage
from bot.usage.bookkeeping.writer import Writer
from bot.usage.budgeting.budget_book import BudgetBook
from bot.usage.budgeting.rules import Rules
from bot.usage.errors import AiPausedError, BudgetExceededError, DatabaseUnavailableError
from bot.usage.records import Attribution, Kind, OpenCall, Price, Settlement, Status, Usage, UsageRecord
from bot.usage.storage import schema
from bot.usage.storage.database import Database, open_database
from tests.usage.making import NOW, FaultyDatabase, a_call, a_record, a_settlement, fresh_database, recount, the_books

BOTH_DATABASES = True
AWAY = DatabaseUnavailableError("test.db", "database is locked")
FULL_USAGE = Usage(*range(1, 13), "1024x1024", "hd", Decimal("1.5"), 16, 17, 18)
FULL_CALL = OpenCall(
    id="an id",
    kind=Kind.IMAGE,
    api="images",
    started_at=NOW + timedelta(microseconds=7),
    attribution=Attribution("draw", 1, 2, "ann ü \ud800", "s", "w", "x", "a", (5, 6), {"world": 1, "no": None}),
    provider="openai",
    request_model="gpt-image-1",
    reserved_usage=FULL_USAGE,
    reserved=Price(None, "unknown"),
)
FULL_END = Settlement(
    Status.ABORTED, FULL_USAGE, Price(5, "list"), 7, "m", "r", "flex", True, "flag", "E", 3, 11, 12, 13, '{"a": 1}'
)


@pytest.fixture
async def real(database_url: str, path: Path) -> AsyncIterator[Database]:
    opened = await open_database(database_url if database_url.startswith("p") else f"sqlite:///{path.parent}/a.db")
    await schema.apply(opened, 0)
    yield opened
    await opened.close()


@pytest.fixture
def database(real: Database, monkeypatch: pytest.MonkeyPatch) -> FaultyDatabase:
    monkeypatch.setattr(writer_module, "RETRY_SECONDS", (0.01, 0.02))
    monkeypatch.setattr(outage_module, "JOURNAL_PATIENCE_SECONDS", 20.0)  # the disk may be busy with other tests
    return FaultyDatabase(real)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    (tmp_path / "live").mkdir(exist_ok=True)
    return tmp_path / "live" / "a.db.journal"


async def nothing() -> None:
    pass


@asynccontextmanager
async def open_ledger(
    database: Any, path: Path, told: list[UsageRecord] | None = None, **how: Any
) -> AsyncIterator[Ledger]:
    ledger = Ledger(database, lambda: NOW, (told if told is not None else []).extend, journal=path, **how)
    await ledger.start()
    try:
        yield ledger
    finally:
        await ledger.close(patience_seconds=1)


def after_a_crash(path: Path) -> Path:
    """What `kill -9` would leave behind just now: a copy of the disk. Where its journals lie."""
    return Path(shutil.copytree(path.parent, path.parent.with_name("crashed"))) / path.name


async def all_of(journal: Journal) -> list[Entry]:
    found: list[Entry] = []
    while piece := await journal.read():
        found += piece
        journal.replayed()
    return found


# The file.


@pytest.mark.parametrize(
    "entry",
    [
        FULL_CALL,
        UsageRecord(FULL_CALL, FULL_END),
        a_call(),
        a_record(None),
        a_call(metadata=MappingProxyType({"world": 1})),
    ],
)
def test_a_line_holds_all_that_the_books_store(entry: Entry) -> None:
    """I21: every field comes back as it was, but what only an admission needs."""
    assert entry_of(line_of(entry)) == entry
    assert line_of(entry).count(b"\n") == 1


def test_no_field_is_overlooked() -> None:
    """I21: the full ones above really are: no field of theirs is as it is by default."""
    for values in (FULL_USAGE, FULL_CALL.attribution, FULL_END):
        assert all(getattr(values, field.name) != field.default for field in fields(values))
    only_before_it_leaves = {"opaque", "elastic", "output_cap", "small_nano_usd", "service_tier", "context"}
    assert {f.name for f in fields(FULL_CALL)} - only_before_it_leaves == {
        "id", "kind", "api", "started_at", "attribution", "provider", "request_model", "reserved_usage", "reserved",
    }  # fmt: skip


async def test_an_ordinary_line_as_it_is_written(path: Path) -> None:
    """I33: ids, counts and money only, and nobody else may read them."""
    journal = Journal(path, "w1")
    assert await journal.keep(UsageRecord(replace(a_call(user_id="7"), id="c1"), a_settlement()))
    assert journal.path.read_bytes() == (
        b'8d7dac9e {"id":"c1","kind":"llm","api":"chat","at":1774958400000000,"who":{"operation":"chat","guild_id":1,'
        b'"user_id":"7"},"provider":"openai","model":"gpt-4o-mini","usage":{"input_tokens":100,"output_tokens":1000},'
        b'"price":{"cost_nano_usd":9000,"source":"test"},"end":{"status":"ok","usage":{"input_tokens":10,'
        b'"output_tokens":20},"price":{"cost_nano_usd":5000,"source":"test"},"duration_ms":7}}\n'
    )
    assert journal.path.name == "a.db.journal-w1"
    assert stat.S_IMODE(journal.path.stat().st_mode) == 0o600
    await journal.close()


async def test_many_wait_for_one_disk(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """I22: a thousand lines at once are forced to disk in a few groups, and come back in their order, in pieces."""
    forced = 0
    fsync = os.fsync

    def counted(descriptor: int) -> None:
        nonlocal forced
        forced += 1
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", counted)
    journal = Journal(path, "w1")
    calls = [a_call() for _ in range(1_000)]
    assert all(await asyncio.gather(*(journal.keep(call) for call in calls)))
    assert forced <= 2
    pieces = []
    while piece := await journal.read():
        journal.replayed()
        pieces.append(piece)
    assert len(pieces) > 1
    assert [entry for piece in pieces for entry in piece] == calls
    assert journal.is_empty
    assert journal.path.stat().st_size == 0
    assert await journal.keep(calls[7]), "it begins anew"
    assert await all_of(journal) == [calls[7]]
    await journal.close()
    assert not journal.path.exists()


async def test_what_is_read_twice_before_it_is_on_the_books(path: Path) -> None:
    """I22: a piece stays until it is said to be on the books, and what comes meanwhile is read after it."""
    journal = Journal(path, "w1")
    first, second = a_call(), a_call()
    assert await journal.keep(first)
    assert await journal.read() == [first]
    assert await journal.keep(second)
    assert not journal.is_empty
    assert await journal.read() == [first, second]
    await journal.close()
    [left] = Journal.left_behind(path)
    assert await all_of(left) == [first, second]
    await left.close()
    assert list(Journal.left_behind(path)) == []


@pytest.mark.parametrize("cut", [1, 40, 200])
async def test_a_half_written_line_is_skipped_and_told(path: Path, cut: int, caplog: pytest.LogCaptureFixture) -> None:
    """I21: a crash in the middle of a line, and damage anywhere else, cost that line alone."""
    good = [a_call() for _ in range(3)]
    lines = [line_of(call) for call in good]
    hurt = line_of(a_call(user_id="17")).replace(b"17", b"18")
    path.with_name(f"{path.name}-dead").write_bytes(
        lines[0] + hurt + b"\n" + lines[1] + b"\xff\xfe nonsense\n" + lines[2] + lines[0][:cut]
    )
    [left] = Journal.left_behind(path)
    assert await all_of(left) == good
    assert left.damaged == 4
    assert "lines of the journal" in caplog.text
    await left.close()


async def test_a_journal_of_nothing_but_damage(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journal_module, "PIECE_BYTES", 1_000)
    path.with_name(f"{path.name}-dead").write_bytes(b"x" * 3_500 + b"\n" + line_of(call := a_call()))
    [left] = Journal.left_behind(path)
    assert await all_of(left) == [call]
    await left.close()


async def test_its_folder_is_made(tmp_path: Path) -> None:
    path = tmp_path / "not" / "there" / "a.db.journal"
    assert list(Journal.left_behind(path)) == []
    journal = Journal(path, "w1")
    assert await journal.keep(a_call())
    await journal.close()


async def test_a_living_worker_keeps_its_journal(path: Path) -> None:
    """I22: nobody replays what its worker is still writing."""
    journal = Journal(path, "w1")
    assert await journal.keep(a_call())
    assert list(Journal.left_behind(path)) == []
    await journal.close()
    assert [left.worker_id for left in Journal.left_behind(path)] == ["w1"]


async def test_a_full_disk_leaves_no_half_line(path: Path, monkeypatch: pytest.MonkeyPatch, caplog) -> None:
    """I23: who asks is told no, once in the log; when there is room again, it goes on."""
    journal = Journal(path, "w1")
    kept, lost, after = a_call(), a_call(), a_call()
    assert await journal.keep(kept)
    write = os.write

    def half(descriptor: int, data: Any) -> int:
        if len(data) < 200:
            raise OSError(errno.ENOSPC, "No space left on device")
        return write(descriptor, data[:150])

    monkeypatch.setattr(os, "write", half)
    assert not await journal.keep(lost)
    assert not await journal.keep(lost)
    assert journal.is_failing
    assert caplog.text.count("the journal can't be written either: No space left on device") == 1
    monkeypatch.setattr(os, "write", write)
    assert await journal.keep(after)
    assert not journal.is_failing
    assert await all_of(journal) == [kept, after]
    assert journal.damaged == 0
    await journal.close()


async def test_a_disk_that_cannot_be_read(path: Path, monkeypatch: pytest.MonkeyPatch, caplog) -> None:
    """I21: it is left alone for a moment, and nothing of it is lost."""
    monkeypatch.setattr(journal_module, "UNREADABLE_SECONDS", 0.1)
    journal = Journal(path, "w1")
    assert await journal.keep(call := a_call())

    def broken(descriptor: int, length: int) -> bytes:
        raise OSError(errno.EIO, "Input/output error")

    began = perf_counter()
    with monkeypatch.context() as meanwhile:
        meanwhile.setattr(os, "read", broken)
        assert await journal.read() == []
    assert perf_counter() - began > 0.09
    assert f"the journal {journal.path} can't be read: Input/output error" in caplog.text
    assert not journal.is_empty
    assert await all_of(journal) == [call]
    await journal.close()


async def test_what_has_no_place_in_a_line_or_in_memory(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """I24: it is refused at once, and harms no other."""
    journal = Journal(path, "w1")
    monkeypatch.setattr(journal_module, "QUEUE_LIMIT", 3)
    kept = [journal.keep(a_call(user_id=object()))] + [journal.keep(a_call()) for _ in range(5)]
    assert await asyncio.gather(*kept) == [False, True, True, True, False, False]
    longer_than_is_read_at_once = a_record(raw_usage="x" * journal_module.PIECE_BYTES)
    assert not await journal.keep(longer_than_is_read_at_once)
    await journal.close()
    assert not await journal.keep(a_call())


async def test_a_disk_that_hangs_while_it_is_closed(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """I21: what is still being written keeps its descriptor, or it might be written into another file."""
    monkeypatch.setattr(journal_module, "CLOSE_PATIENCE_SECONDS", 0.02)
    hangs, writing, fsync = threading.Event(), threading.Event(), os.fsync

    def hang(descriptor: int) -> None:
        writing.set()
        hangs.wait()
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", hang)
    journal = Journal(path, "w1")
    kept, too_late = journal.keep(call := a_call()), None
    while not writing.is_set():
        await asyncio.sleep(0.001)
    too_late = journal.keep(a_call())
    await journal.close()
    assert list(Journal.left_behind(path)) == []
    hangs.set()
    assert (await kept, await too_late) == (True, False)
    while not (found := list(Journal.left_behind(path))):
        await asyncio.sleep(0.001)
    assert await all_of(found[0]) == [call]
    await found[0].close()


# The ledger with one.


async def kept(ledger: Ledger) -> None:
    """Wait until all that the ledger gave to its journal is on the disk."""
    journal = ledger._outage.journal
    assert journal is not None
    while journal._appending is not None:
        await asyncio.sleep(0.001)


@pytest.mark.sqlite_only
async def test_a_crash_while_the_database_is_away_loses_nothing(database, path: Path) -> None:
    """I21, I22: calls that left meanwhile, and ends of calls from before, are there once, with their true usage."""
    before, ended, left, by_hand = a_call(), a_call(user_id="u"), a_call(reserved=7), a_record(77)
    await BudgetBook(database, Rules(), lambda: NOW, nothing).set(
        scope="bot", period="total", limit_usd="9", mode="soft"
    )
    async with open_ledger(database, path) as ledger:
        await ledger.admit(before)
        database.gone = True
        ledger.settle(before, a_settlement(100))
        await asyncio.gather(ledger.admit(ended), ledger.admit(left))
        ledger.settle(ended, a_settlement(20))
        ledger.record(by_hand)
        await kept(ledger)
        assert (ledger.journalled, ledger.unrecorded, ledger.dropped) == (2, 0, 0)
        crashed = after_a_crash(path)
        database.gone = False
    expected = [(by_hand.call.id, "ok", 77, 0), (before.id, "ok", 100, 0), (ended.id, "ok", 20, 0)]
    for _ in range(2):  # opening once more changes nothing
        async with fresh_database(crashed.with_name("a.db")) as books, open_ledger(books, crashed) as ledger:
            sql = "SELECT id, status, cost_nano_usd, estimated FROM usage_records ORDER BY id"
            assert await books.fetch(sql) == sorted([*expected, (left.id, "interrupted", 7, 1)])
            assert await the_books(books) == await recount(books)
            counters = await books.fetch("SELECT spent, reserved, doubtful FROM budget_periods WHERE key = ''")
            assert counters == [(204, 0, 0)], "what was reserved before the outage is released by the journal's end"
        assert list(crashed.parent.glob("*.journal-*")) == []


async def test_an_outage_that_ends(database, real, path: Path) -> None:
    """I21, I22: what was in the journal is told once it is on the books, and then calls go straight there again."""
    told: list[UsageRecord] = []
    async with open_ledger(database, path, told) as ledger:
        await ledger.admit(before := a_call())
        database.gone = True
        ledger.settle(before, a_settlement(5))
        calls = [before, *(a_call() for _ in range(50))]
        await asyncio.gather(*(ledger.admit(call) for call in calls[1:]))
        for call in calls[1:]:
            ledger.settle(call, a_settlement(5))
        assert told == []
        database.gone = False
        await asyncio.wait_for(ledger.flush(), 3)
        assert sorted(record.call.id for record in told) == sorted(call.id for call in calls)
        assert (ledger.journalled, ledger.unrecorded) == (50, 0)
        await ledger.admit(a_call())
        assert ledger.journalled == 50
        assert not ledger._writer._unbooked
        assert not ledger._outage._unsure
        assert ledger._outage.journal.path.stat().st_size == 0
    assert list(path.parent.glob("*.journal-*")) == []
    assert dict(await real.fetch("SELECT status, count(*) FROM usage_records GROUP BY 1")) == {"ok": 51, "open": 1}
    assert await the_books(real) == await recount(real)


async def test_a_journal_in_good_weather(database, path: Path) -> None:
    """P1: it isn't touched."""
    async with open_ledger(database, path) as ledger:
        await ledger.admit(call := a_call())
        ledger.settle(call, a_settlement())
        await ledger.flush()
        assert list(path.parent.glob("*.journal-*")) == []


@pytest.mark.sqlite_only
async def test_a_replay_that_breaks_off_anywhere(database, real, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """I22: the books go away, lose their reply or the process dies between any two pieces: nothing is there twice."""
    monkeypatch.setattr(journal_module, "PIECE_BYTES", 3_000)
    async with open_ledger(database, path) as ledger:
        database.gone = True
        calls = [a_call(reserved=n) for n in range(60)]
        await asyncio.gather(*(ledger.admit(call) for call in calls))
        for call in calls[:50]:
            ledger.settle(call, a_settlement(5))
        await kept(ledger)
        database.faults.extend(
            [AWAY, None, (AWAY,), None, RuntimeError("?"), (RuntimeError("reply lost"),), None, AWAY]
        )
        database.gone = False
        while database.faults:
            await asyncio.sleep(0.001)
        crashed = after_a_crash(path)
        await asyncio.wait_for(ledger.flush(), 5)
        assert ledger.dropped == 0
        counted = await real.fetch(
            "SELECT status, count(*), sum(cost_nano_usd) FROM usage_records GROUP BY 1 ORDER BY 1"
        )
        assert counted == [("ok", 50, 250), ("open", 10, None)]
        assert await the_books(real) == await recount(real)
    async with fresh_database(crashed.with_name("a.db")) as books, open_ledger(books, crashed):
        counted = await books.fetch(
            "SELECT status, count(*), sum(cost_nano_usd) FROM usage_records GROUP BY 1 ORDER BY 1"
        )
        assert counted == [("interrupted", 10, 545), ("ok", 50, 250)]
        assert await the_books(books) == await recount(books)


@pytest.mark.parametrize("seed", range(6))
async def test_any_weather_over_database_and_journal(database, path: Path, seed: int, monkeypatch) -> None:
    """I14, I21, I22, I25: whatever fails in whatever order, whoever gives up meanwhile: exact books, nothing held."""
    monkeypatch.setattr(journal_module, "PIECE_BYTES", 20_000)
    monkeypatch.setattr(entries, "ADMIT_PATIENCE_SECONDS", 0.05)
    monkeypatch.setattr(outage_module, "JOURNAL_PATIENCE_SECONDS", 0.01)
    dice = random.Random(seed)
    budgets = BudgetBook(database, Rules(), lambda: NOW, nothing)
    await budgets.set(scope="bot", period="total", limit_usd="9", mode="soft")
    await budgets.set(scope="guild", scope_id=2, guild_id=2, period="total", limit_usd="9", mode="hard")
    fsync, full = os.fsync, False

    def flaky(descriptor: int) -> None:
        if full:
            raise OSError(errno.ENOSPC, "No space left on device")
        sleep(dice.choice([0, 0, 0.02]))
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", flaky)
    left: dict[str, int] = {}
    async with open_ledger(database, path) as ledger:

        async def caller() -> None:
            for _ in range(dice.randrange(1, 12)):
                call = a_call(guild_id=dice.choice([0, 1, 2, 2]), user_id=dice.choice([None, "u"]), reserved=9_000)
                admitting = asyncio.create_task(ledger.admit(call))
                if dice.random() < 0.2:
                    await asyncio.sleep(dice.random() * 0.03)
                    admitting.cancel()
                with suppress(asyncio.CancelledError, BudgetExceededError):
                    await admitting
                    await asyncio.sleep(dice.choice([0, 0, 0.001, 0.02]))
                    left[call.id] = dice.randrange(9_000)
                    ledger.settle(call, a_settlement(left[call.id]))

        async def weather() -> None:
            nonlocal full
            while True:
                await asyncio.sleep(dice.random() * 0.02)
                database.gone = dice.random() < 0.4
                full = dice.random() < 0.2
                database.delay = dice.choice([0, 0, 0, 0.06])
                database.faults.append(dice.choice([AWAY, (AWAY,), TimeoutError(), (RuntimeError("reply lost"),)]))

        database.gone = True
        storm = asyncio.create_task(weather())
        await asyncio.gather(*(caller() for _ in range(20)))
        storm.cancel()
        database.gone = full = False
        database.delay = 0
        database.faults.clear()
        await asyncio.wait_for(ledger.flush(), 10)
        assert ledger.dropped == 0
        assert ledger.faults > 0
        stored = dict(await database.fetch("SELECT id, cost_nano_usd FROM usage_records WHERE status = 'ok'"))
        assert stored == left
        rest = await database.fetch(
            "SELECT status, sum(cost_nano_usd) FROM usage_records WHERE status <> 'ok' GROUP BY 1"
        )
        assert rest in ([], [("aborted", 0)])
        assert await the_books(database) == await recount(database)
        sql = "SELECT spent, reserved, doubtful FROM budget_periods WHERE guild_id = 0 AND key = ''"
        assert await database.fetch(sql) == [(sum(left.values()), 0, 0)]
        assert await database.fetch("SELECT sum(reserved) FROM budget_periods") == [(0,)]
        assert not ledger._writer._unbooked
        assert not ledger._writer.held
    assert list(path.parent.glob("*.journal-*")) == []


async def test_no_room_in_the_journal_either(
    database, real, path: Path, monkeypatch: pytest.MonkeyPatch, caplog
) -> None:
    """I23: the person still gets the answer; the call is counted as unrecorded, waits in memory, and is written."""

    def full(descriptor: int, data: Any) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    async with open_ledger(database, path) as ledger:
        monkeypatch.setattr(os, "write", full)
        database.gone = True
        calls = [a_call() for _ in range(20)]
        async with asyncio.timeout(1):
            await asyncio.gather(*(ledger.admit(call) for call in calls))
        assert (ledger.journalled, ledger.unrecorded, ledger.dropped) == (0, 20, 0)
        assert "the journal can't be written either: No space left on device" in caplog.text
        for call in calls:
            ledger.settle(call, a_settlement())
        database.gone = False
        await asyncio.wait_for(ledger.flush(), 3)
    assert await real.fetch("SELECT status, count(*) FROM usage_records GROUP BY 1") == [("ok", 20)]
    assert await the_books(real) == await recount(real)


@pytest.mark.parametrize("full_first", [True, False])
async def test_half_of_a_call_in_the_journal(database, real, path: Path, monkeypatch, full_first: bool) -> None:
    """I8, I22: its leaving is there and its end in memory, or the other way round: one record, settled once."""
    write = os.write

    def full(descriptor: int, data: Any) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    async with open_ledger(database, path) as ledger:
        database.gone = True
        monkeypatch.setattr(os, "write", full if full_first else write)
        await ledger.admit(call := a_call())
        monkeypatch.setattr(os, "write", write if full_first else full)
        ledger.settle(call, a_settlement(5))
        await kept(ledger)
        monkeypatch.setattr(os, "write", write)
        database.gone = False
        await asyncio.wait_for(ledger.flush(), 3)
    assert await real.fetch("SELECT id, status, cost_nano_usd FROM usage_records") == [(call.id, "ok", 5)]
    assert await the_books(real) == await recount(real)


async def test_a_disk_that_hangs_holds_nobody_beyond_the_bound(database, path: Path, monkeypatch) -> None:
    """I23, I24: neither database nor journal answers: the call goes ahead within the bound, and is there once."""
    hangs, fsync = threading.Event(), os.fsync
    monkeypatch.setattr(outage_module, "JOURNAL_PATIENCE_SECONDS", 0.3)

    def hang(descriptor: int) -> None:
        hangs.wait()
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", hang)
    async with open_ledger(database, path) as ledger:
        database.gone = True
        began = perf_counter()
        calls = [a_call() for _ in range(10)]
        await asyncio.gather(*(ledger.admit(call) for call in calls))
        assert 0.29 < perf_counter() - began < 1.0
        assert ledger.unrecorded == 10
        for call in calls:
            ledger.settle(call, a_settlement())
        hangs.set()
        database.gone = False
        await asyncio.wait_for(ledger.flush(), 3)
        assert await database.fetch("SELECT status, count(*) FROM usage_records GROUP BY 1") == [("ok", 10)]
        assert await the_books(database) == await recount(database)


async def test_refused_while_the_journal_takes_it(database, real, path: Path, monkeypatch) -> None:
    """I8, I14: the books came back and said no, while the journal had it as leaving: it never left, and costs 0."""
    hangs, fsync = threading.Event(), os.fsync

    def hang(descriptor: int) -> None:
        hangs.wait()
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", hang)
    async with open_ledger(database, path) as ledger:
        database.gone = True
        ledger._degrade("a test")
        intent = Intent(a_call(), asyncio.get_running_loop().create_future())
        leaving = asyncio.create_task(ledger._leaving.keep_and_let_go(intent))
        await asyncio.sleep(0.01)
        assert intent.refuse(AiPausedError(1, None))
        assert isinstance(intent.waiter.exception(), AiPausedError)
        hangs.set()
        await leaving
        database.gone = False
        await asyncio.wait_for(ledger.flush(), 3)
    assert await real.fetch("SELECT id, status, cost_nano_usd FROM usage_records") == [(intent.call.id, "aborted", 0)]


async def test_what_is_looked_up(path: Path) -> None:
    """I22: all that is written from memory during an outage, and afterwards what was in memory when it ended, once."""
    outage = Outage(path, Writer(None, Rules(), lambda: NOW, None))  # type: ignore[arg-type]
    first, second, third = Batch(), Batch([Intent(a := a_call())], [b := a_record()]), Batch([Intent(c := a_call())])
    outage.mark(second)
    assert second.unsure == set()
    outage.begin((), ())
    for batch, looked_up in ((first, set()), (second, {a.id, b.call.id})):
        outage.mark(batch)
        assert batch.unsure == looked_up
    outage.end({c.id})
    for looked_up in ({c.id}, set()):
        outage.mark(batch := Batch(third.intents))
        assert batch.unsure == looked_up
    await outage.close(0)


async def test_a_budget_that_stops_goes_on_stopping(database, real, path: Path, monkeypatch) -> None:
    """I13, I23: with a journal, too, nothing leaves under it while the books are away, unless the operator says so."""
    monkeypatch.setattr(entries, "ADMIT_PATIENCE_SECONDS", 0.2)
    budget = await BudgetBook(database, Rules(), lambda: NOW, nothing).set(
        scope="guild", scope_id=1, guild_id=1, period="day", limit_usd="5", mode="hard"
    )
    async with open_ledger(database, path) as ledger:
        database.gone = True
        await ledger.admit(a_call(guild_id=2))
        with pytest.raises(BudgetExceededError):
            await ledger.admit(a_call())
        assert (ledger.journalled, ledger.unrecorded) == (1, 0)
        database.gone = False
        await asyncio.wait_for(ledger.flush(), 3)
        await ledger.admit(a_call())
    assert await real.fetch("SELECT guild_id, status FROM usage_records ORDER BY 1") == [(1, "open"), (2, "open")]
    async with open_ledger(database, path, fail_open=True) as ledger:
        database.gone = True
        await ledger.admit(call := a_call())
        database.gone = False
        await asyncio.wait_for(ledger.flush(), 3)
        sql = "SELECT spent, reserved FROM budget_periods WHERE budget_id = $1"
        assert await real.fetch(sql, budget.id) == [(9_000, 9_000)], "the first was found open by the second opening"
        ledger.settle(call, a_settlement(5))
        await ledger.flush()
        assert await real.fetch(sql, budget.id) == [(9_005, 0)]


async def test_a_long_outage_stays_out_of_memory(database, real, path: Path, monkeypatch) -> None:
    """I24: three times as many calls as the queue holds: none of them waits in memory, and all are written."""
    monkeypatch.setattr(entries, "QUEUE_LIMIT", 100)
    async with open_ledger(database, path) as ledger:
        database.gone = True
        for _ in range(6):
            calls = [a_call() for _ in range(50)]
            await asyncio.gather(*(ledger.admit(call) for call in calls))
            for call in calls:
                ledger.settle(call, a_settlement())
        await kept(ledger)
        waiting = ledger._entries
        in_memory = len(waiting.writing) + len(waiting.pending) + len(waiting.settled) + len(ledger._outage._unsure)
        assert in_memory <= 100
        assert (ledger.journalled, ledger.unrecorded, ledger.dropped) == (300, 0, 0)
        database.gone = False
        await asyncio.wait_for(ledger.flush(), 5)
    assert await real.fetch("SELECT status, count(*) FROM usage_records GROUP BY 1") == [("ok", 300)]
    assert await the_books(real) == await recount(real)


@pytest.mark.sqlite_only
async def test_an_outage_ends_under_load(database, real, path: Path, monkeypatch) -> None:
    """I24: with calls coming all the time there is always a line on its way to a slow disk: it ends all the same."""
    fsync = os.fsync

    def slow(descriptor: int) -> None:
        sleep(0.02)
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", slow)
    made, dice = 0, random.Random(1)
    async with open_ledger(database, path) as ledger:

        async def caller() -> None:
            nonlocal made
            while True:
                await ledger.admit(call := a_call())
                made += 1
                await asyncio.sleep(dice.random() * 0.03)
                ledger.settle(call, a_settlement())

        database.gone = True
        callers = [asyncio.create_task(caller()) for _ in range(60)]
        while ledger.journalled < 200:
            await asyncio.sleep(0.01)
        database.gone = False
        await asyncio.wait_for(ledger.flush(), 5)
        journalled, made_by_then = ledger.journalled, made
        while made < made_by_then + 100:
            await asyncio.sleep(0.01)
        assert ledger.journalled == journalled
        for task in callers:
            task.cancel()
        await asyncio.gather(*callers, return_exceptions=True)
        await asyncio.wait_for(ledger.flush(), 5)
    assert dict(await real.fetch("SELECT status, count(*) FROM usage_records GROUP BY 1"))["ok"] > 300
    assert await the_books(real) == await recount(real)


async def test_a_line_that_no_database_takes(database, real, path: Path, caplog) -> None:
    """I23: it is named and left out; all beside it get in, now and after a crash."""
    async with open_ledger(database, path) as ledger:
        database.gone = True
        bad = a_call(guild_id=2**63)
        calls = [a_call() for _ in range(10)] + [bad] + [a_call() for _ in range(10)]
        await asyncio.gather(*(ledger.admit(call) for call in calls))
        for call in calls:
            ledger.settle(call, a_settlement())
        await kept(ledger)
        crashed = after_a_crash(path)
        database.gone = False
        await asyncio.wait_for(ledger.flush(), 5)
        assert bad.id in caplog.text
        assert not ledger._writer._unbooked
    assert await real.fetch("SELECT status, count(*) FROM usage_records GROUP BY 1") == [("ok", 20)]
    async with fresh_database(crashed.with_name("a.db")) as books, open_ledger(books, crashed) as ledger:
        assert await books.fetch("SELECT status, count(*) FROM usage_records GROUP BY 1") == [("ok", 20)]
        await asyncio.wait_for(ledger.admit(a_call()), 1)
        await asyncio.wait_for(ledger.flush(), 1)
        assert ledger.journalled == 0


@pytest.mark.sqlite_only
async def test_closing_leaves_what_the_database_did_not_take(database, real, path: Path, caplog) -> None:
    """I21: a process that is told to stop while the database is away leaves at once, and the next one books it."""
    async with open_ledger(database, path) as ledger:
        await ledger.admit(call := a_call())
        database.gone = True
        ledger.settle(call, a_settlement(5))
        await ledger.admit(a_call(reserved=3))
        began = perf_counter()
        await ledger.close()
        assert perf_counter() - began < 1.5
    assert "what is in the journal is booked at the next start" in caplog.text
    database.gone = False
    async with open_ledger(database, path):
        found = await real.fetch("SELECT status, cost_nano_usd FROM usage_records ORDER BY cost_nano_usd")
        assert found == [("interrupted", 3), ("ok", 5)]
        assert await the_books(real) == await recount(real)


@pytest.mark.sqlite_only
async def test_closing_amid_a_write_that_hangs(database, real, path: Path) -> None:
    """I21: what was being written is in the journal, and who waited for it has left."""
    async with open_ledger(database, path) as ledger:
        await ledger.admit(ended := a_call())
        database.delay = 60
        ledger.settle(ended, a_settlement(5))
        writing = asyncio.gather(ledger.flush(), ledger.admit(left := a_call(reserved=3)))
        await asyncio.sleep(0.01)
        await ledger.close(patience_seconds=0.05)
        await writing
    database.delay = 0
    async with open_ledger(database, path):
        found = await real.fetch("SELECT id, status, cost_nano_usd FROM usage_records ORDER BY id")
        assert found == [(ended.id, "ok", 5), (left.id, "interrupted", 3)]


async def test_opening_while_the_database_is_away_keeps_the_journal(database, path: Path) -> None:
    """I21: it says so, and the next opening finds all of it."""
    left = path.with_name(f"{path.name}-dead")
    left.write_bytes(line_of(record := a_record(5)) + b"half a line")
    database.faults.append(AWAY)
    ledger = Ledger(database, lambda: NOW, lambda records: None, journal=path)
    with pytest.raises(DatabaseUnavailableError):
        await ledger.start()
    assert left.read_bytes() == line_of(record) + b"half a line"
    async with open_ledger(database, path) as ledger:
        assert ledger.unreadable == 1
        assert await database.fetch("SELECT id, status, cost_nano_usd FROM usage_records") == [
            (record.call.id, "ok", 5)
        ]
        database.gone = True
        await ledger.admit(a_call())
        with ledger._outage.journal.path.open("ab") as file:
            file.write(b"half a line\n")
        await ledger.admit(a_call())
        database.gone = False
        await asyncio.wait_for(ledger.flush(), 3)
        assert ledger.unreadable == 2
    assert not left.exists()


@pytest.mark.sqlite_only
async def test_a_second_attempt_while_the_database_is_away(database, path: Path) -> None:
    """I21: both attempts may be billed: after a crash both are charged."""
    async with open_ledger(database, path) as ledger:
        await ledger.admit(before := a_call(reserved=100))
        database.gone = True
        await ledger.admit(left := a_call(reserved=10))
        await ledger.admit_again(before, 2)
        await ledger.admit_again(left, 2)
        await ledger.admit_again(left, 3)
        crashed = after_a_crash(path)
        database.gone = False
    async with fresh_database(crashed.with_name("a.db")) as books, open_ledger(books, crashed):
        found = await books.fetch("SELECT id, status, cost_nano_usd, input_tokens FROM usage_records ORDER BY id")
        assert found == sorted([(before.id, "interrupted", 200, 200), (left.id, "interrupted", 30, 300)])
        assert await the_books(books) == await recount(books)
