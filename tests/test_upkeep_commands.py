"""The commands that look after the books, as an operator runs them: beside a running bot, and what they say."""

import asyncio
import csv
import io
import json
import re
import signal
import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from time import perf_counter, sleep

import pytest

from bot.usage import Price, Status, UsageTracker, open_tracker
from bot.usage.records import Usage, UsageRecord
from tests.commands import run, run_code, start_python
from tests.test_command_line import TRY_ALL
from tests.usage.making import a_call, a_settlement
from tests.usage.stub import Request, Scripted, Stub, answer, drop, error

COMMANDS = ("backup", "restore", "verify", "prune", "reprice", "reconcile", "export")
SETTINGS = {"DATABASE_URL": "sqlite:///books.db"}
ADMIN_KEY = "sk-admin-very-secret"
TODAY = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
"""Fixed for the run: nothing here depends on the day, as long as it is one."""


def try_all(folder: Path, *commands: list[str], **settings: str) -> list[tuple[int, str, str]]:
    """Exit code, standard output and standard error of several commands, run one after the other in one process."""
    done = run_code(folder, TRY_ALL, json.dumps(commands), **SETTINGS, **settings)
    assert done.returncode == 0, done.stderr
    return [tuple(found) for found in json.loads(done.stdout)]


@pytest.fixture
async def stub() -> AsyncIterator[Stub]:
    async with Stub() as running:
        yield running


async def book(tracker: UsageTracker, *records: UsageRecord) -> None:
    for record in records:
        tracker.ledger.record(record)
    await tracker.force_flush()


def a_question(days_ago: int, cost: int | None = 7, **changes: object) -> UsageRecord:
    """1,000 tokens in and 100 out of gpt-4o, $0.0035, at noon."""
    at = TODAY - timedelta(days=days_ago, hours=-12)
    settled = a_settlement(cost, tokens=(1_000, 100), response_model="gpt-4o-2024-08-06")
    return UsageRecord(a_call(at=at, model="gpt-4o"), replace(settled, **changes))


def books(folder: Path, *records: UsageRecord) -> None:
    async def write() -> None:
        async with open_tracker(f"sqlite:///{folder}/books.db", console=False) as tracker:
            await book(tracker, *records)

    asyncio.run(write())


def test_every_command_has_help_and_refuses_nonsense(tmp_path: Path) -> None:
    wrong = [
        (["prune", "--days", "31"], "isn't a number of days from 32 to 36500"),
        (["prune", "--days", "soon"], "isn't a number of days"),
        (["reprice", "--since", "yesterday"], "must be an ISO 8601 date"),
        (["keys", "create", "x", "--guild", "99999999999999999999"], "is no server's id"),
        (["reconcile", "--days", "0"], "isn't a number of days from 1 to 180"),
        (["restore"], "PATH"),
        (["export", "--format", "xml"], "xml"),
        (["export", "--guild", "mine"], "is no server's id"),
    ]
    asked = [[name, "--help"] for name in COMMANDS]
    answers = try_all(tmp_path, *asked, *(arguments for arguments, _ in wrong), COLUMNS="100")
    for name, (code, out, err) in zip(COMMANDS, answers, strict=False):
        assert (code, err) == (0, ""), name
        assert out.startswith(f"usage: python -m bot {name} ")
        assert "--json" in out or name == "export"
    for (arguments, words), (code, out, err) in zip(wrong, answers[len(COMMANDS) :], strict=True):
        assert (code, out) == (2, ""), arguments
        assert words in err, arguments
    assert list(tmp_path.iterdir()) == []


def test_without_books_there_are_words(tmp_path: Path) -> None:
    """I23: none is made by looking, and none of an earlier version is changed."""
    (tmp_path / "old").mkdir()
    with closing(sqlite3.connect(tmp_path / "old" / "books.db")) as connection:
        connection.execute("CREATE TABLE schema_steps (name TEXT)")
    commands = [["backup"], ["verify"], ["prune"], ["reprice"], ["reconcile"], ["restore", "nowhere.db"], ["export"]]
    for code, out, err in try_all(tmp_path, *commands, OPENAI_ADMIN_KEY=ADMIN_KEY):
        assert (code, out) == (1, "")
        assert re.fullmatch(r"trilo: .*(books|nowhere)\.db.*there is no such file.*\n", err)
    assert [path.name for path in tmp_path.iterdir()] == ["old"]
    old = try_all(tmp_path / "old", ["verify"], ["prune"], ["reprice", "--apply"])
    assert {(code, out, "those of an earlier version" in err) for code, out, err in old} == {(1, "", True)}


async def test_backup_beside_a_running_bot_and_restore_after_it(tmp_path: Path) -> None:
    """I21: a bot that runs isn't restored over."""
    async with open_tracker(f"sqlite:///{tmp_path}/books.db", console=False) as tracker:
        await book(tracker, a_question(1))
        made = await asyncio.to_thread(run, tmp_path, "backup", "safe.db", "--json", **SETTINGS)
        assert (made.returncode, made.stderr) == (0, "")
        size = (tmp_path / "safe.db").stat().st_size
        assert json.loads(made.stdout) == {
            "path": "safe.db", "calls": 1, "bytes": size, "kept": None,
        }  # fmt: skip
        await book(tracker, a_question(1))
        refused = await asyncio.to_thread(run, tmp_path, "restore", "safe.db", **SETTINGS)
        assert (refused.returncode, refused.stdout) == (1, "")
        assert refused.stderr.splitlines()[-1].startswith("trilo: another process is using this database (lock ")
    done, again, taken = await asyncio.to_thread(
        try_all, tmp_path, ["restore", "safe.db"], ["restore", "safe.db", "--json"], ["backup", "safe.db"]
    )
    words = rf"{tmp_path}/books\.db holds the 1 calls of safe\.db now; what was there before is in (.+)\n"
    found = re.fullmatch(words, done[1])
    assert found, done
    assert json.loads(again[1])["calls"] == 1
    assert taken == (1, "", "trilo: safe.db: there is a file already: name another\n")
    with closing(sqlite3.connect(found[1])) as connection:
        assert connection.execute("SELECT count(*) FROM usage_records").fetchall() == [(2,)]


def test_postgresql_has_tools_of_its_own(tmp_path: Path) -> None:
    """I35: the command is shown, the password isn't."""
    url = "postgresql://joe:s3cret@db/trilo"
    done = run_code(tmp_path, TRY_ALL, json.dumps([["backup"], ["restore", "trilo.dump"]]), DATABASE_URL=url)
    words = "trilo: PostgreSQL has a tool of its own for that. Run: "
    where = "--dbname='postgresql://joe@db/trilo'"
    assert json.loads(done.stdout) == [
        [1, "", f"{words}pg_dump --format=custom --file=trilo.dump {where}\n"],
        [1, "", f"{words}pg_restore --clean --if-exists {where} trilo.dump\n"],
    ]


def test_verify_finds_and_mends(tmp_path: Path) -> None:
    """I8, I25: exit code 1 where something is wrong; the audit log says who mended what."""
    books(tmp_path, a_question(1))
    with closing(sqlite3.connect(tmp_path / "books.db", isolation_level=None)) as connection:
        connection.execute("UPDATE spend_daily SET cost_nano_usd = 9 WHERE dimension = 'total'")
        day = f"{TODAY - timedelta(days=1):%Y-%m-%d}"
        sums = connection.execute("SELECT count(*) FROM spend_daily").fetchone()[0]
        found, found_json, mended, right, keyless = try_all(
            tmp_path, ["verify"], ["verify", "--json"], ["verify", "--repair"], ["verify"], ["reconcile"]
        )
        looked = f"1 calls, {sums} sums and 0 counters"
        assert found[0] == 1
        assert found[1].splitlines() == [
            f"{looked}: 1 are wrong",
            f"  spend_daily 1 total {day} -: cost_nano_usd 9, counted 7",
            "mend them with: python -m bot verify --repair",
        ]
        assert (found_json[0], json.loads(found_json[1])) == (1, {
            "calls": 1, "since": None, "sums": sums, "counters": 0, "differences": [
                {"table": "spend_daily", "key": [1, "total", day, ""], "cost_nano_usd": {"stored": 9, "counted": 7}},
            ],
        })  # fmt: skip
        assert (mended[0], mended[1].splitlines()[0]) == (0, f"{looked}: 1 were wrong and are mended")
        assert right == (0, f"{looked}: all as they should be\n", "")
        problem = "missing; create an admin key in your OpenAI organization's settings"
        assert keyless == (78, "", f"trilo: OPENAI_ADMIN_KEY: {problem}\n")
        audited = connection.execute("SELECT guild_id, actor, action FROM audit_log").fetchall()
        assert audited == [(1, "command line", "sum repaired")]


async def test_prune_beside_a_running_bot(tmp_path: Path) -> None:
    """I25, D9: RETENTION_DAYS, or --days; nobody is held up by giving the space back."""
    async with open_tracker(f"sqlite:///{tmp_path}/books.db", console=False) as tracker:
        await book(tracker, a_question(95), a_question(50), a_question(1))
        by_setting, kept, by_days, busy = await asyncio.to_thread(
            try_all, tmp_path, ["prune"], ["prune", "--json"], ["prune", "--days", "40"], ["prune", "--vacuum"]
        )
        assert by_setting[0] == 0
        assert re.fullmatch(
            r"1 calls from before \d{4}-\d\d-\d\d \d\d:\d\d UTC are deleted; all sums are as they were\n", by_setting[1]
        )
        assert json.loads(kept[1])["deleted"] == 0
        assert by_days[1].startswith("1 calls from before ")
        assert (busy[0], "another process is using this database" in busy[2]) == (1, True)
        assert (await tracker.reports.spend(None, "all", "guild")).total.calls == 3
    never, vacuumed = await asyncio.to_thread(
        try_all, tmp_path, ["prune"], ["prune", "--days", "32", "--vacuum"], RETENTION_DAYS="none"
    )
    assert never == (78, "", "trilo: RETENTION_DAYS: none keeps every call for good: say how many with --days N\n")
    assert (vacuumed[0], vacuumed[2]) == (0, "")


def test_reprice_shows_first_and_books_when_told(tmp_path: Path) -> None:
    """I9, I10: two were priced wrongly, one not at all; what no price is known of stays."""
    odd = UsageRecord(a_call(model="mystery"), a_settlement(None))
    books(tmp_path, a_question(3), a_question(2), a_question(1, None), odd)
    since = f"{TODAY - timedelta(days=2):%Y-%m-%d}"
    shown, shown_json, part, rest, nothing = try_all(
        tmp_path, ["reprice"], ["reprice", "--json"], ["reprice", "--since", since, "--apply"],
        ["reprice", "--model", "gpt-4o", "--apply"], ["reprice", "--apply", "--json"],
    )  # fmt: skip
    assert shown == (0, (
        "gpt-4o-2024-08-06: 3 calls (1 had no price), $0.000000014 becomes $0.01\n"
        "nothing is changed yet; to book it, add --apply\n"
    ), "")  # fmt: skip
    sums = {"calls": 3, "priced_calls": 1, "before_nano_usd": 14, "after_nano_usd": 10_500_000}
    assert json.loads(shown_json[1]) == {
        "applied": False, **sums, "rows": [{"model": "gpt-4o-2024-08-06", **sums}],
    }  # fmt: skip
    assert part[1] == "gpt-4o-2024-08-06: 2 calls (1 had no price), $0.000000007 becomes $0.007\n"
    assert rest[1] == "gpt-4o-2024-08-06: 1 call, $0.000000007 becomes $0.0035\n"
    assert json.loads(nothing[1]) == {
        "applied": True, "calls": 0, "priced_calls": 0, "before_nano_usd": 0, "after_nano_usd": 0, "rows": [],
    }  # fmt: skip
    with closing(sqlite3.connect(tmp_path / "books.db")) as connection:
        [(total,)] = connection.execute("SELECT sum(cost_nano_usd) FROM spend_daily WHERE dimension = 'total'")
        assert total == 10_500_000
        assert (
            connection.execute("SELECT actor, action FROM audit_log").fetchall() == [("command line", "repriced")] * 2
        )


SLOWLY = """
import sys
from bot.usage.bookkeeping import booked
from bot.usage.upkeep import repricing
from bot.__main__ import main
booked.PAGE, repricing.PAUSE_SECONDS = 5, 0.02
main(["reprice", "--apply"])
"""


def test_reprice_killed_in_between_goes_on(tmp_path: Path) -> None:
    """I8, I10, I22: `kill -9` at some moment: what is booked is whole, and the rest is done the next time."""
    books(tmp_path, *(a_question(1 + number % 9) for number in range(200)))
    process = start_python(tmp_path, "-c", SLOWLY, **SETTINGS)
    done = "SELECT count(*) FROM usage_records WHERE cost_nano_usd <> 7"
    with closing(sqlite3.connect(tmp_path / "books.db", isolation_level=None, timeout=10)) as connection:
        began = perf_counter()
        while connection.execute(done).fetchone()[0] < 50:
            assert perf_counter() - began < 20
            sleep(0.01)
        process.send_signal(signal.SIGKILL)
        process.communicate(timeout=20)
        before = connection.execute(done).fetchone()[0]
        assert 50 <= before < 200
        right, rest, still = try_all(tmp_path, ["verify"], ["reprice", "--apply", "--json"], ["verify"])
        assert (right[0], still[0]) == (0, 0)
        assert json.loads(rest[1])["calls"] == 200 - before
        assert connection.execute("SELECT sum(cost_nano_usd) FROM usage_records").fetchall() == [(700_000_000,)]


def bill(request: Request) -> Scripted:
    """Yesterday but one: what is known of, and 40 tokens more."""
    start = int((TODAY - timedelta(days=2)).timestamp())
    if "/usage/completions" in request.path:
        result = {
            "object": "organization.usage.completions.result", "input_tokens": 1_000, "output_tokens": 140,
            "num_model_requests": 2, "model": "gpt-4o-2024-08-06",
        }  # fmt: skip
    else:
        amount = {"value": 0.0039, "currency": "usd"}
        result = {"object": "organization.costs.result", "amount": amount, "line_item": "gpt-4o-2024-08-06, output"}
    bucket = {"object": "bucket", "start_time": start, "end_time": start + 86_400, "results": [result]}
    return answer({"object": "page", "data": [bucket], "has_more": False, "next_page": None})


async def test_reconcile_against_the_bill(tmp_path: Path, stub: Stub) -> None:
    """I4, I21, I35: an interrupted call is lowered to what the bill leaves for it, beside a running bot."""
    stub.default = bill
    settings = {"OPENAI_ADMIN_KEY": ADMIN_KEY, "OPENAI_BASE_URL": stub.url}
    here = {"provider": "127.0.0.1"}
    died = a_question(2, status=Status.INTERRUPTED, estimated=True, price=Price(8_500_000, "reserved"), duration_ms=0)
    died = replace(died, settlement=replace(died.settlement, usage=Usage(input_tokens=1_000, output_tokens=600)))
    async with open_tracker(f"sqlite:///{tmp_path}/books.db", console=False) as tracker:
        for record in (a_question(2, 3_500_000), died):
            await book(tracker, replace(record, call=replace(record.call, **here)))
        commands = [["reconcile"], ["reconcile", "--apply", "--json", "--days", "3"], ["reconcile"]]
        shown, applied, after = await asyncio.to_thread(try_all, tmp_path, *commands, **settings)
        day = f"{TODAY - timedelta(days=2):%Y-%m-%d}"
        assert shown[1].splitlines() == [
            "$0.012 on the books, $0.0039 on the bill",
            (
                f"  {day} gpt-4o: $0.012 on the books, $0.0039 billed (-207.7 %): "
                "interrupted or estimated calls booked too high"
            ),
            "1 calls can be put right: add --apply",
        ]
        assert json.loads(applied[1]) == {
            "since": None, "ours_nano_usd": 12_000_000, "billed_nano_usd": 3_900_000, "drift_nano_usd": -8_100_000,
            "corrigible_calls": 1, "corrected_calls": 1, "rows": [{
                "day": day, "model": "gpt-4o", "calls": 2, "billed_requests": 2, "tokens": 2_700,
                "billed_tokens": 1_140, "ours_nano_usd": 12_000_000, "doubtful_nano_usd": 0,
                "billed_nano_usd": 3_900_000, "drift_nano_usd": -8_100_000, "drift_percent": -207.69,
                "cause": "interrupted or estimated calls booked too high",
            }],
        }  # fmt: skip
        assert after[1] == "$0.0039 on the books, $0.0039 on the bill\n"
        assert (await tracker.reports.spend(1, "all", "day")).total.cost_nano_usd == 3_900_000
    assert {request.headers["authorization"] for request in stub.requests} == {f"Bearer {ADMIN_KEY}"}


async def test_a_bill_that_can_not_be_had_is_told(tmp_path: Path, stub: Stub) -> None:
    """I23, I35: neither the key nor the provider's own words."""
    async with open_tracker(f"sqlite:///{tmp_path}/books.db", console=False):
        pass
    stub.answers(error(401), error(404))
    stub.default = lambda request: drop()
    settings = {"OPENAI_BASE_URL": stub.url, "OPENAI_ADMIN_KEY": ADMIN_KEY, "LOG_LEVEL": "ERROR"}
    refused, missing, dropped = await asyncio.to_thread(try_all, tmp_path, *[["reconcile"]] * 3, **settings)
    problem = "OpenAI refused it; it must be an admin key, with access to usage"
    assert refused == (78, "", f"trilo: OPENAI_ADMIN_KEY: {problem}\n")
    assert missing == (1, "", "trilo: the bill can't be read: OpenAI answered 404; try again later\n")
    assert dropped[:2] == (1, "")
    assert re.fullmatch(r"trilo: OpenAI can't be reached \(API\w+\); check the network\n", dropped[2])


async def test_export_beside_a_running_bot(tmp_path: Path) -> None:
    """I12, I33: each finished call once, oldest first, with all that its cost depends on; no cell is a formula."""
    usage = Usage(input_tokens=10, output_tokens=5, audio_seconds=Decimal("1.5"))
    odd = UsageRecord(
        a_call(at=TODAY - timedelta(days=2), guild_id=2**63 - 1, channel_id=7, user_id="-1", operation="=1+1"),
        a_settlement(None, usage=usage, raw_usage='{"total": 15}'),
    )
    async with open_tracker(f"sqlite:///{tmp_path}/books.db", console=False) as tracker:
        await book(tracker, a_question(1), odd)
        await tracker.ledger.admit(a_call())
        since = f"{TODAY - timedelta(days=1):%Y-%m-%d}"
        lines, table, guild, part, nothing = await asyncio.to_thread(
            try_all, tmp_path, ["export"], ["export", "--format", "csv"], ["export", "--guild", "1"],
            ["export", "--since", since], ["export", "--until", "2020-01-01", "--format", "csv"],
        )  # fmt: skip
    assert {found[0] for found in (lines, table, guild, part, nothing)} == {0}
    first, second = map(json.loads, lines[1].splitlines())
    assert first.items() >= {
        "id": odd.call.id, "started_at": (TODAY - timedelta(days=2)).isoformat(timespec="microseconds"),
        "guild_id": "9223372036854775807", "channel_id": "7", "user_id": "-1", "operation": "=1+1", "status": "ok",
        "cost_nano_usd": None, "cost_usd": None, "price_source": "test", "input_tokens": 10, "output_tokens": 5,
        "units": {"audio_seconds": "1.5"}, "raw_usage": {"total": 15}, "estimated": False, "metadata": None,
    }.items()  # fmt: skip
    assert (second["cost_nano_usd"], second["cost_usd"], second["guild_id"]) == (7, "0.000000007", "1")
    rows = list(csv.DictReader(io.StringIO(table[1])))
    assert [row["id"] for row in rows] == [first["id"], second["id"]]
    assert list(rows[0]) == list(first)
    assert {name: rows[0][name] for name in ("operation", "user_id", "cost_usd", "units", "input_tokens")} == {
        "operation": "'=1+1", "user_id": "'-1", "cost_usd": "", "units": '{"audio_seconds": "1.5"}',
        "input_tokens": "10",
    }  # fmt: skip
    assert [json.loads(guild[1]), json.loads(part[1])] == [second, second]
    assert nothing[1] == ""
