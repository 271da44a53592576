"""The command line, as processes of their own: what operators and other programs rely on."""

import asyncio
import json
import socket
import sqlite3
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from bot.doctor import _model
from bot.settings import Settings
from bot.usage import Attribution, Kind, Price, Status, Usage, open_tracker
from bot.usage.ids import new_id
from bot.usage.records import OpenCall, Settlement
from tests.commands import environment, run, run_code

NOTHING = {
    "cost_nano_usd": 0,
    "calls": 0,
    "failed_calls": 0,
    "estimated_calls": 0,
    "unpriced_calls": 0,
    "input_tokens": 0,
    "cached_input_tokens": 0,
    "output_tokens": 0,
    "reasoning_output_tokens": 0,
}


def line(key=None, **counts):
    """One object as `stats --json` prints it, zeros filled in."""
    return ({} if key is None else {"key": key}) | NOTHING | counts


@pytest.fixture(scope="module", autouse=True)
def _far_from_midnight():
    """`stats` reads the wall clock: a day must not end between the writing of the books and their reading."""
    now = datetime.now(UTC)
    left = (now.replace(hour=0, minute=0, second=0) + timedelta(days=1) - now).total_seconds()
    if left < 45:
        time.sleep(left + 1)


# --- help and arguments -----------------------------------------------------------------------------------------------

HELPS = """
import contextlib, io, json, sys
from bot.__main__ import main
answers = {}
for name in ("", "run", "sandbox", "stats", "price", "doctor"):
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        try:
            main([name, "--help"] if name else ["--help"])
        except SystemExit as stop:
            answers[name] = [stop.code, out.getvalue()]
print(json.dumps(answers))
"""


def test_every_command_has_help(tmp_path):
    done = run(tmp_path, "--help")
    assert (done.returncode, done.stderr) == (0, "")
    answers = json.loads(run_code(tmp_path, HELPS, COLUMNS="100").stdout)
    assert {name: code for name, (code, _) in answers.items()} == dict.fromkeys(
        ["", "run", "sandbox", "stats", "price", "doctor"], 0
    )
    for name in ("run", "sandbox", "stats", "price", "doctor"):
        assert f"    {name} " in answers[""][1]
        assert answers[name][1].startswith(f"usage: python -m bot {name} ")
    for option in ("--guild ID", "{today,7d,30d,month,all}", "{operation,model,user,channel,day,guild,agent,workflow}"):
        assert option in answers["stats"][1]
    assert "--port PORT" in answers["sandbox"][1]
    assert list(tmp_path.iterdir()) == []


WRONG = [
    (["stats", "--period", "yesterday"], "yesterday"),
    (["stats", "--by", "colour"], "colour"),
    (["stats", "--guild", "my server"], "'my server' is no server's id"),
    (["stats", "--guild", "-1"], "--guild"),
    (["stats", "--guild", "9" * 30], "is no server's id"),
    (["sandbox", "--port", "0"], "'0' is no port"),
    (["sandbox", "--port", "65536"], "is no port"),
    (["sandbox", "--port", "http"], "'http' is no port"),
    (["price", "gpt-4o", "--input", "many"], "many"),
    (["price", "gpt-4o", "--input", "-1"], "input_tokens"),
    (["price", "gpt-4o", "--usage", "{"], "--usage must be a JSON object"),
    (["price", "gpt-4o", "--usage", "[]"], "--usage must be a JSON object"),
    (["price", "gpt-4o", "--usage", '{"tokens": 1}'], "tokens"),
    (["price", "gpt-4o", "--at", "yesterday"], "ISO 8601"),
    (["price", "--input", "5"], "--input needs a MODEL"),
    (["juggle"], "juggle"),
]
TRY_ALL = """
import contextlib, io, json, sys
from bot.__main__ import main
answers = []
for arguments in json.loads(sys.argv[1]):
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            code = main(arguments)
        except SystemExit as stop:
            code = stop.code
    answers.append([code, out.getvalue(), err.getvalue()])
print(json.dumps(answers))
"""


def test_wrong_arguments_are_named_and_exit_with_2(tmp_path):
    done = run(tmp_path, "stats", "--period", "yesterday")
    assert (done.returncode, done.stdout) == (2, "")
    answers = json.loads(run_code(tmp_path, TRY_ALL, json.dumps([arguments for arguments, _ in WRONG])).stdout)
    for (arguments, words), (code, out, err) in zip(WRONG, answers, strict=True):
        assert (code, out) == (2, ""), arguments
        assert words in err, arguments
        assert "Traceback" not in err


# --- price ------------------------------------------------------------------------------------------------------------


def test_price_of_one_usage(tmp_path):
    """I8: exact to the nano-dollar, as an integer and as text. I9: an unknown model is null."""
    done = run(tmp_path, "price", "gpt-4o", "--input", "1024", "--output", "256", "--json")
    assert (done.returncode, done.stderr) == (0, "")
    answer = json.loads(done.stdout)
    assert answer.pop("price_source").startswith("genai-prices")
    assert answer == {"cost_nano_usd": 5_120_000, "cost_usd": "0.00512"}
    unknown = run(tmp_path, "price", "gpt-4o-nonsense", "--input", "5", "--json")
    assert json.loads(unknown.stdout) == {"cost_nano_usd": None, "cost_usd": None, "price_source": "unknown"}
    words = run(tmp_path, "price", "gpt-4o", "--input", "1024", "--cached", "1000", "--output", "256")
    assert words.stdout.startswith("$0.0039 (genai-prices")  # 24 at $2.50, 1000 at $1.25, 256 at $10 a million
    assert list(tmp_path.iterdir()) == []


def test_price_lines(tmp_path):
    """I8 to I11: one line out for each line in, in order, nothing else; a line that can't be read spoils no other."""
    usage = {"input_tokens": 1000}
    lines = [
        json.dumps({"model": "gpt-4o", "usage": {"input_tokens": 1024, "output_tokens": 256}}).encode(),
        b"{not json",
        json.dumps({"model": "no-such-model", "usage": usage}).encode(),
        json.dumps({"model": "o3", "usage": usage, "at": "2025-06-09"}).encode(),
        json.dumps({"model": "o3", "usage": usage, "at": "2025-06-10T00:00:00Z"}).encode(),
        json.dumps({"model": "gpt-5", "usage": usage, "service_tier": "flex"}).encode(),
        b'{"model": "gpt-4o\xff", "usage": {}}',
        b"",
        json.dumps({"model": "gpt-4o", "usage": {"tokens": 1}}).encode(),
        json.dumps({"model": "gpt-4o", "usage": {"input_tokens": 1}}).encode(),
    ]
    done = run(tmp_path, "price", stdin=b"\n".join(lines) + b"\n", LC_ALL="C")
    assert (done.returncode, done.stderr) == (0, "")
    answers = [json.loads(answer) for answer in done.stdout.splitlines()]
    assert [(answer["cost_nano_usd"], answer["cost_usd"]) for answer in answers] == [
        (5_120_000, "0.00512"),
        (None, None),
        (None, None),
        (10_000_000, "0.01"),
        (2_000_000, "0.002"),
        (625_000, "0.000625"),
        (None, None),
        (None, None),
        (None, None),
        (2_500, "0.0000025"),
    ]
    assert [answer["price_source"] for answer in answers if answer["cost_usd"] is None] == [
        "error",
        "unknown",
        "error",
        "error",
        "error",
    ]
    assert [answer.get("error", "")[:7] for answer in answers] == [
        *["", "line 2:", "", "", "", ""],
        *["line 7:", "line 8:", "line 9:", ""],
    ]


# --- stats ------------------------------------------------------------------------------------------------------------

CALLS = [
    # days ago, guild, operation, model, user, channel, agent, workflow, usage, cost, status, estimated
    (0, 42, "chat", "gpt-4o", "7", 5, "scout", "w1", (1024, 24, 256, 56), 5_120_000, Status.OK, False),
    (3, 42, "setup", "gpt-4o-mini", "8", 5, None, None, (0, 0, 0, 0), 0, Status.ERROR, False),
    (20, 42, "chat", "mystery", "7", 6, None, "w1", (10, 0, 5, 0), None, Status.OK, False),
    (0, 0, "unattributed", "gpt-4o-mini", None, None, None, None, (100, 0, 10, 0), 21_000, Status.ABORTED, True),
    (100, 43, "chat", "gpt-4o", "7", 9, "scout", None, (1, 0, 1, 0), 12_500, Status.INTERRUPTED, True),
]
COLUMNS = {"operation": 2, "model": 3, "user": 4, "channel": 5, "guild": 1, "agent": 6, "workflow": 7}
PERIODS = ("today", "7d", "30d", "month", "all")


async def write_books(url):
    async with open_tracker(url, console=False) as tracker:
        await book_calls(tracker)


async def book_calls(tracker):
    now = tracker.clock()
    for days, guild, operation, model, user, channel, agent, workflow, counts, cost, status, estimated in CALLS:
        usage = Usage(
            input_tokens=counts[0],
            cached_input_tokens=counts[1],
            output_tokens=counts[2],
            reasoning_output_tokens=counts[3],
        )
        price = Price(cost, "test" if cost is not None else "unknown")
        who = Attribution(operation, guild, channel, user, agent_name=agent, workflow_id=workflow)
        at = now - timedelta(days=days)
        call = OpenCall(new_id(), Kind.LLM, "chat", at, who, "openai", model, usage, price)
        await tracker.ledger.admit(call)
        tracker.ledger.settle(call, Settlement(status, usage, price, 100, model, estimated=estimated))
    await tracker.force_flush()


def summed(calls):
    """What `stats` should say of these calls, reckoned from the list above and nothing else."""
    return line(
        cost_nano_usd=sum(c[9] or 0 for c in calls),
        calls=len(calls),
        failed_calls=sum(c[10] in (Status.ERROR, Status.ABORTED) for c in calls),
        estimated_calls=sum(c[11] for c in calls),
        unpriced_calls=sum(c[9] is None for c in calls),
        input_tokens=sum(c[8][0] for c in calls),
        cached_input_tokens=sum(c[8][1] for c in calls),
        output_tokens=sum(c[8][2] for c in calls),
        reasoning_output_tokens=sum(c[8][3] for c in calls),
    )


def expected(guild, period, by):
    today = datetime.now(UTC).date()
    days = {"today": 1, "7d": 7, "30d": 30, "month": today.day, "all": 10_000}[period]
    calls = [c for c in CALLS if c[0] < days and guild in (None, c[1])]
    groups = {}
    for call in calls:
        key = (today - timedelta(days=call[0])).isoformat() if by == "day" else call[COLUMNS[by]]
        groups.setdefault("" if key is None else str(key), []).append(call)
    return summed(calls), {key: summed(group) for key, group in groups.items()}


@pytest.fixture(scope="module")
def books(tmp_path_factory):
    folder = tmp_path_factory.mktemp("books")
    asyncio.run(write_books(f"sqlite:///{folder}/usage.db"))
    return folder


def test_stats_without_a_database(tmp_path):
    """A database that isn't there yet holds nothing, and isn't made by looking."""
    done = run(tmp_path, "stats", "--json")
    assert (done.returncode, json.loads(done.stdout)) == (0, line() | {"refused_calls": 0, "rows": []})
    assert "there is no database at" in done.stderr
    assert list(tmp_path.iterdir()) == []
    words = run(tmp_path, "stats")
    assert words.stdout == "$0.00 in 0 calls, 0 tokens in and 0 out\n"


def test_stats_whole(books):
    """I8, I9: exactly the Interface's keys; unpriced calls are counted, not summed as free."""
    done = run(books, "stats", "--period", "all", "--json", DATABASE_URL="sqlite:///usage.db")
    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(done.stdout) == {
        "cost_nano_usd": 5_153_500,
        "calls": 5,
        "failed_calls": 2,
        "estimated_calls": 2,
        "unpriced_calls": 1,
        "input_tokens": 1135,
        "cached_input_tokens": 24,
        "output_tokens": 272,
        "reasoning_output_tokens": 56,
        "refused_calls": 0,
        "rows": [
            line(
                "chat",
                cost_nano_usd=5_132_500,
                calls=3,
                estimated_calls=1,
                unpriced_calls=1,
                input_tokens=1035,
                cached_input_tokens=24,
                output_tokens=262,
                reasoning_output_tokens=56,
            ),
            line(
                "unattributed",
                cost_nano_usd=21_000,
                calls=1,
                failed_calls=1,
                estimated_calls=1,
                input_tokens=100,
                output_tokens=10,
            ),
            line("setup", calls=1, failed_calls=1),
        ],
    }
    assert [type(value) for value in json.loads(done.stdout).values()] == [int] * 10 + [list]
    words = run(books, "stats", "--period", "all", "--by", "model", DATABASE_URL="sqlite:///usage.db")
    assert words.stdout.splitlines() == [
        "$0.0052 in 5 calls, 1,135 tokens in and 272 out",
        "of these 2 failed, 2 estimated, 1 without a known price, not in the sum",
        "  gpt-4o            $0.0051         2 calls         1,282 tokens",
        "  gpt-4o-mini     $0.000021         2 calls           110 tokens",
        "  mystery           unknown         1 call             15 tokens",
    ]


def test_stats_every_way(books):
    """I8, I26: for every split, period and server the rows add up to the total, and are those of the calls booked."""
    ways = [(guild, period, by) for guild in (None, 42, 43, 0, 99) for period in PERIODS for by in (*COLUMNS, "day")]
    commands = [
        ["stats", "--json", "--period", period, "--by", by, *([] if guild is None else ["--guild", str(guild)])]
        for guild, period, by in ways
    ]
    done = run_code(books, TRY_ALL, json.dumps(commands), DATABASE_URL="sqlite:///usage.db")
    answers = json.loads(done.stdout)
    assert len(answers) == 200
    for way, (code, out, err) in zip(ways, answers, strict=True):
        assert (code, err) == (0, ""), way
        total = json.loads(out)
        rows = total.pop("rows")
        assert total.pop("refused_calls") == 0
        assert (total, {row.pop("key"): row for row in rows}) == expected(*way), way
        assert total == {name: sum(row[name] for row in rows) for name in NOTHING}, way


async def test_stats_beside_a_running_bot(tmp_path):
    """The books can be read while another process keeps them open, and show what it has booked so far."""
    async with open_tracker(f"sqlite:///{tmp_path}/live.db", console=False) as tracker:
        await book_calls(tracker)
        done = await asyncio.to_thread(
            run, tmp_path, "stats", "--period", "today", "--by", "guild", "--json", DATABASE_URL="sqlite:///live.db"
        )
    assert json.loads(done.stdout)["rows"] == [
        line(
            "42",
            cost_nano_usd=5_120_000,
            calls=1,
            input_tokens=1024,
            cached_input_tokens=24,
            output_tokens=256,
            reasoning_output_tokens=56,
        ),
        line("0", cost_nano_usd=21_000, calls=1, failed_calls=1, estimated_calls=1, input_tokens=100, output_tokens=10),
    ]


def test_a_file_that_is_no_database_is_named(tmp_path):
    """I23: words, not a traceback."""
    (tmp_path / "notes.db").write_text("these are not the books you are looking for" * 50)
    done = run(tmp_path, "stats", DATABASE_URL="sqlite:///notes.db")
    assert (done.returncode, done.stdout) == (1, "")
    assert "notes.db" in done.stderr
    assert "Traceback" not in done.stderr


def test_books_of_an_earlier_version_are_not_shown_as_empty(tmp_path):
    """I23: a table that is missing is told, an empty file is simply empty; neither is $0.00 for a year of calls."""
    (tmp_path / "empty.db").touch()
    done = run(tmp_path, "stats", "--json", DATABASE_URL="sqlite:///empty.db")
    assert (done.returncode, json.loads(done.stdout)) == (0, line() | {"refused_calls": 0, "rows": []})
    asyncio.run(write_books(f"sqlite:///{tmp_path}/old.db"))
    with sqlite3.connect(tmp_path / "old.db") as connection:
        connection.execute("DELETE FROM schema_steps WHERE name LIKE '002%'")
    done = run(tmp_path, "stats", "--json", DATABASE_URL="sqlite:///old.db")
    assert (done.returncode, done.stdout) == (1, "")
    assert "old.db is unavailable: it holds no books, or those of an earlier version" in done.stderr


@pytest.mark.parametrize("command", [["stats", "--by", "operation", "--period", "all"], ["price"]])
def test_a_reader_that_leaves_early_is_no_error(tmp_path, command):
    """`| head -1`: no traceback, whichever way Python notices."""
    stdin = b'{"model": "gpt-4o", "usage": {"input_tokens": 1}}\n' * 20_000
    process = subprocess.Popen(
        [sys.executable, "-m", "bot", *command],
        cwd=tmp_path,
        env=environment(),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    process.stdout.close()
    _, errors = process.communicate(stdin, timeout=30)
    assert process.returncode == 1
    assert b"Traceback" not in errors
    assert b"BrokenPipe" not in errors


# --- settings and starting --------------------------------------------------------------------------------------------

SECRET = "sk-very-secret"


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"MAX_OUTPUT_TOKENS": SECRET, "OPENAI_API_KEY": SECRET}, "MAX_OUTPUT_TOKENS: "),
        ({"DATABASE_URL": f"postgresql://user:{SECRET}@host:port/db"}, "DATABASE_URL starts with 'postgresql'"),
        ({"DATABASE_URL": f"postgresql://user:{SECRET}[@host/db"}, "DATABASE_URL: is no URL"),
        ({"DATABASE_URL": f"mysql://user:{SECRET}@host/db", "DISCORD_TOKEN": SECRET}, "DATABASE_URL"),
    ],
)
def test_a_wrong_setting_is_named_and_its_value_is_not_shown(tmp_path, settings, words):
    """I35: the variable's name, never what it holds."""
    done = run(tmp_path, "run", **{"DISCORD_TOKEN": "t", "OPENAI_API_KEY": "k", **settings})
    assert (done.returncode, done.stdout) == (78, "")
    assert words in done.stderr
    assert SECRET not in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("arguments", [[], ["run"]])
def test_a_host_without_a_token_gets_words(tmp_path, arguments):
    """Nobody is there to open a sandbox: exit 78, which hosts take as final, and nothing on standard output."""
    done = run(tmp_path, *arguments)
    assert (done.returncode, done.stdout) == (78, "")
    assert done.stderr.startswith("trilo: DISCORD_TOKEN: missing; ")
    assert list(tmp_path.iterdir()) == []


def test_a_host_that_loses_its_disk_is_refused(tmp_path):
    """I21: books that the next deploy deletes are no books."""
    settings = {"DYNO": "worker.1", "DISCORD_TOKEN": SECRET, "OPENAI_API_KEY": SECRET}
    done = run(tmp_path, **settings)
    assert (done.returncode, done.stdout) == (78, "")
    assert "DATABASE_URL: Heroku loses this disk at each deploy" in done.stderr
    assert "EPHEMERAL_OK=1" in done.stderr
    assert SECRET not in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_an_unreachable_discord_is_told_in_words(tmp_path):
    """I23, I35: no network is no traceback; exit 1, so that a host tries again. The loss of the disk was accepted."""
    settings = {
        "DYNO": "worker.1",
        "EPHEMERAL_OK": "1",
        "DISCORD_TOKEN": SECRET,
        "OPENAI_API_KEY": SECRET,
        "LOG_FORMAT": "json",
        "LOG_LEVEL": "DEBUG",
    }
    code = """
import discord.http, sys
discord.http.Route.BASE = "http://127.0.0.1:9/api"  # nobody listens there
from bot.__main__ import main
sys.exit(main([]))
"""
    done = run_code(tmp_path, code, **settings)
    assert (done.returncode, done.stdout) == (1, "")
    *logged, words = done.stderr.splitlines()
    assert words.startswith("trilo: Discord can't be reached (")
    assert all(json.loads(entry).keys() >= {"time", "level", "logger", "message"} for entry in logged)
    assert "logging in using static token" in [json.loads(entry)["message"] for entry in logged]
    assert SECRET not in done.stderr
    assert (tmp_path / "data" / "trilo.db").exists()


def test_a_taken_port_is_told_in_words(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = run(tmp_path, "sandbox", "--port", str(port))
    assert (done.returncode, done.stdout) == (1, "")
    assert f"port {port} is taken" in done.stderr
    assert "Traceback" not in done.stderr


def test_the_sandbox_says_what_it_needs(tmp_path):
    """The made-up Discord is in the development requirements only."""
    code = """
import sys
sys.modules["simcord"] = None
from bot.__main__ import main
sys.exit(main(["sandbox"]))
"""
    done = run_code(tmp_path, code)
    assert (done.returncode, done.stdout) == (78, "")
    assert "requirements-dev.txt" in done.stderr


# --- doctor -----------------------------------------------------------------------------------------------------------


def findings(done):
    return {finding["subject"]: (finding["ok"], finding["words"]) for finding in json.loads(done.stdout)}


def test_doctor_on_a_fresh_folder(tmp_path):
    done = run(tmp_path, "doctor", "--offline", "--json")
    found = findings(done)
    assert (done.returncode, done.stderr) == (78, "")
    assert {subject: ok for subject, (ok, _) in found.items()} == {
        "Python": True,
        ".env": True,
        "DATABASE_URL": True,
        "disk": True,
        "prices": True,
        "DISCORD_TOKEN": False,
        "OPENAI_API_KEY": False,
    }
    assert found["DATABASE_URL"][1] == f"{tmp_path}/data/trilo.db can be written"
    assert "cp .env.example .env" in found[".env"][1]
    assert "Reset Token" in found["DISCORD_TOKEN"][1]


def test_doctor_when_all_is_well(tmp_path):
    """I35: what is set is not shown."""
    (tmp_path / ".env").write_text(f"DISCORD_TOKEN={SECRET}\nOPENAI_API_KEY={SECRET}\n")
    done = run(tmp_path, "doctor", "--offline")
    assert (done.returncode, done.stderr) == (0, "")
    assert [shown[:4] for shown in done.stdout.splitlines()] == ["ok  "] * 7
    assert SECRET not in done.stdout


def test_doctor_where_the_database_can_not_be_written(tmp_path):
    """I23: a folder that can't be made and a file that is no database are findings, with the path, not tracebacks."""
    (tmp_path / "file").write_text("no folder")
    done = run(tmp_path, "doctor", "--offline", "--json", DATABASE_URL=f"sqlite:///{tmp_path}/file/trilo.db")
    ok, words = findings(done)["DATABASE_URL"]
    assert (done.returncode, ok) == (78, False)
    assert f"{tmp_path}/file" in words
    done = run(tmp_path, "doctor", "--offline", "--json", DATABASE_URL=f"sqlite:///{tmp_path}/file")
    assert findings(done)["DATABASE_URL"] == (
        False,
        f"the database {tmp_path}/file is unavailable: file is not a database",
    )


async def test_doctor_beside_a_running_bot(tmp_path):
    """A database that is locked because the bot runs is as it should be."""
    async with open_tracker(f"sqlite:///{tmp_path}/data/trilo.db", console=False):
        done = await asyncio.to_thread(run, tmp_path, "doctor", "--offline", "--json")
    assert findings(done)["DATABASE_URL"] == (True, "in use by a running bot")


@pytest.mark.parametrize(
    ("status", "body", "ok", "words"),
    [
        (200, "<html>Welcome</html>", False, "what answers there isn't OpenAI's API"),
        (200, "[1]", False, "what answers there isn't OpenAI's API"),
        (200, "{nope", False, "what answers there isn't OpenAI's API"),
        (404, "", False, "what answers there isn't OpenAI's API"),
        (401, "{}", False, "the AI provider refused it"),
        (403, "{}", True, "known, but it may not list models"),
        (200, '{"data": [{"id": "other"}]}', False, "not offered to this key: gpt-4o, gpt-4o-mini"),
        (200, '{"data": []}', True, "works"),
    ],
)
async def test_doctor_asks_whatever_is_behind_the_address(status, body, ok, words):
    """I30: the page of a web site, where /v1 was left out, is a finding."""
    app = web.Application()

    async def answered(_request: web.Request) -> web.Response:
        kind = "text/html" if body.startswith("<") else "application/json"
        return web.Response(status=status, text=body, content_type=kind)

    app.router.add_get("/models", answered)
    async with TestServer(app) as server:
        settings = Settings(_env_file=None, openai_api_key=SECRET, openai_base_url=str(server.make_url("")))
        found = await _model(settings, online=True)
    assert (found.ok, found.words[: len(words)]) == (ok, words)


# --- logs -------------------------------------------------------------------------------------------------------------

PROMPT, ANSWER = "my-grandmothers-secret-recipe", "the-secret-is-butter"
TALK = """
import asyncio, sys
from bot.logs import configure_logs
from bot.settings import load_settings
settings = load_settings()
configure_logs(settings.log_level, settings.log_format)
import logging, openai
from bot.usage import open_tracker, token_tracking_context
from bot.words import where

async def talk(url):
    async with open_tracker("sqlite:///talk.db") as tracker:
        client = tracker.openai(api_key=settings.openai_api_key.get_secret_value(), base_url=url, max_retries=1)
        messages = [{"role": "user", "content": sys.argv[2]}]
        async with token_tracking_context(operation="chat", metadata={"note": sys.argv[2]}):
            await client.chat.completions.create(model="gpt-4o-mini", messages=messages)
            stream = await client.chat.completions.create(model="gpt-4o-mini", messages=messages, stream=True)
            async for chunk in stream:
                pass
            try:
                await client.chat.completions.create(model="refuse", messages=messages)
            except openai.BadRequestError as error:
                logging.getLogger("bot").error("failed: %s", where(error))
asyncio.run(talk(sys.argv[1]), debug=True)
"""


async def test_prompts_answers_and_keys_stay_out_of_the_logs(tmp_path):
    """I33, I35: at LOG_LEVEL=DEBUG, with the SDK's own OPENAI_LOG=debug, in asyncio's debug mode, on an error too."""
    from aiohttp import web

    async def chat(request):
        body = await request.json()
        if body["model"] == "refuse":
            quoted = {"error": {"message": f"can't say {PROMPT}", "type": "invalid_request_error", "code": "refused"}}
            return web.json_response(quoted, status=400)
        frame = {"id": "c", "created": 1, "model": "gpt-4o-mini", "object": "chat.completion"}
        usage = {"prompt_tokens": 9, "completion_tokens": 4, "total_tokens": 13}
        if not body.get("stream"):
            choice = {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": ANSWER}}
            return web.json_response({**frame, "choices": [choice], "usage": usage})
        delta = {"index": 0, "finish_reason": "stop", "delta": {"role": "assistant", "content": ANSWER}}
        chunks = [{**frame, "choices": [delta]}, {**frame, "choices": [], "usage": usage}]
        text = "".join(f"data: {json.dumps(chunk)}\n\n" for chunk in chunks) + "data: [DONE]\n\n"
        return web.Response(text=text, content_type="text/event-stream")

    app = web.Application()
    app.router.add_post("/v1/chat/completions", chat)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        url = f"http://127.0.0.1:{runner.addresses[0][1]}/v1"
        settings = {"LOG_LEVEL": "debug", "LOG_FORMAT": "json", "OPENAI_LOG": "debug", "OPENAI_API_KEY": SECRET}
        done = await asyncio.to_thread(run_code, tmp_path, TALK, url, PROMPT, **settings)
    finally:
        await runner.cleanup()
    assert done.returncode == 0, done.stderr
    assert [shown.split(" | Cost")[0] for shown in done.stdout.splitlines()] == [
        "[Token Usage] chat | gpt-4o-mini | In: 9 Out: 4",
        "[Token Usage] chat | gpt-4o-mini | In: 9 Out: 4",
        "[Token Usage] chat | refuse | In: 0 Out: 0",
    ]
    logged = [json.loads(entry) for entry in done.stderr.splitlines()]
    assert "failed: BadRequestError (status_code 400" in "".join(entry["message"] for entry in logged)
    for secret in (PROMPT, ANSWER, SECRET):
        assert secret not in done.stdout + done.stderr
