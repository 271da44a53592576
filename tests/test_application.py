"""Starting and stopping: what is open is closed in order, and nothing that had left is lost."""

import asyncio
import json
import signal
import sqlite3
import time
from datetime import UTC, datetime
from types import SimpleNamespace

import aiohttp
import discord
import pytest
from aiohttp import web

from bot.application import configured_tracker, journal_of, open_services, run_bot
from bot.client import Trilo
from bot.errors import SettingsError, TriloError
from bot.sandbox.history import DAYS
from bot.settings import Settings
from bot.usage import LedgerClosedError, token_tracking_context
from tests.commands import run, start, start_python, stop


def settings(**overrides) -> Settings:
    return Settings(_env_file=None, **overrides)


def rows(path, sql="SELECT status, operation, estimated, cost_nano_usd FROM usage_records ORDER BY started_at"):
    with sqlite3.connect(path) as connection:
        return connection.execute(sql).fetchall()


def books(folder, *arguments, database="books.db"):
    """What `stats --json` says."""
    return json.loads(run(folder, "stats", "--json", *arguments, DATABASE_URL=f"sqlite:///{database}").stdout)


class SlowModel:
    """A model that answers when told to: `arrived` is set by each call, which then waits for `go`."""

    def __init__(self) -> None:
        self.arrived = asyncio.Event()
        self.go = asyncio.Event()

    async def __aenter__(self) -> "SlowModel":
        app = web.Application()
        app.router.add_post("/v1/chat/completions", self._chat)
        self._runner = web.AppRunner(app, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}/v1"
        return self

    async def __aexit__(self, *_exception: object) -> None:
        self.go.set()
        await self._runner.cleanup()

    async def _chat(self, request: web.Request) -> web.StreamResponse:
        asked = await request.json()
        self.arrived.set()
        await self.go.wait()
        frame = {"id": "chatcmpl-1", "object": "chat.completion", "created": 1, "model": "gpt-4o-mini"}
        usage = {"prompt_tokens": 1000, "completion_tokens": 100, "total_tokens": 1100}
        said = {"role": "assistant", "content": "Hello"}
        if not asked.get("stream"):
            choice = {"index": 0, "finish_reason": "stop", "message": said}
            return web.json_response({**frame, "choices": [choice], "usage": usage})
        choice = {"index": 0, "finish_reason": "stop", "delta": said}
        events = [{**frame, "choices": [choice]}, {**frame, "choices": [], "usage": usage}]
        text = "".join(f"data: {json.dumps(event)}\n\n" for event in events) + "data: [DONE]\n\n"
        return web.Response(text=text, content_type="text/event-stream")


@pytest.fixture
async def model():
    async with SlowModel() as running:
        yield running


async def ask(services, url):
    client = services.tracker.openai(api_key="k", base_url=url, max_retries=0)
    async with token_tracking_context(operation="slow"):
        return await client.chat.completions.create(
            model="gpt-4o-mini", messages=[{"role": "user", "content": "Hi"}], max_completion_tokens=100
        )


async def test_a_call_in_flight_may_finish_while_the_books_are_closed(tmp_path, model):
    """I21: closing waits for it, its caller has the answer, and its true usage is on the books."""
    async with open_services(
        settings(), database_url=f"sqlite:///{tmp_path}/b.db", base_url=model.url, api_key="k", console=False
    ) as services:
        calling = asyncio.create_task(ask(services, model.url))
        await model.arrived.wait()
        asyncio.get_running_loop().call_later(0.2, model.go.set)
    assert (await calling).choices[0].message.content == "Hello"
    assert rows(tmp_path / "b.db") == [("ok", "slow", 0, 210_000)]
    with pytest.raises(LedgerClosedError):
        await ask(services, model.url)


async def test_a_call_that_does_not_end_is_given_up_and_still_booked(tmp_path, model, monkeypatch):
    """I4, I21: given up after the patience, it has been sent and is not free."""
    monkeypatch.setattr("bot.usage.tracker.CLOSE_PATIENCE_SECONDS", 0.2)
    database_url = f"sqlite:///{tmp_path}/b.db"
    how = {"database_url": database_url, "base_url": model.url, "api_key": "k", "console": False}
    async with open_services(settings(), **how) as services:
        calling = asyncio.create_task(ask(services, model.url))
        await model.arrived.wait()
    calling.cancel()
    await asyncio.gather(calling, return_exceptions=True)
    async with open_services(settings(), **how):
        pass
    [(status, operation, estimated, cost)] = rows(tmp_path / "b.db")
    assert (status in ("aborted", "error", "interrupted"), operation, estimated) == (True, "slow", 1)
    assert cost > 0


async def test_the_books_are_opened_as_they_are_set(tmp_path):
    """Also where the API is served alone: as durable, as strict under budgets, and with the same operations."""
    wanted = settings(ledger_synchronous="FULL", budgets_fail_open=True, max_output_tokens=200)
    async with configured_tracker(wanted, f"sqlite:///{tmp_path}/b.db", console=False) as tracker:
        assert await tracker.database.execute("PRAGMA synchronous") == [(2,)]
        assert tracker.operations["general_conversation"].max_output_tokens == 200


async def test_the_order_of_closing(tmp_path, model, monkeypatch):
    """Answers being written first, then calls in flight, then the ledger: never the other way round."""
    closed = []
    how = {"database_url": f"sqlite:///{tmp_path}/b.db", "base_url": model.url, "api_key": "k", "console": False}
    async with open_services(settings(), **how) as services, Trilo(services, shard_count=1) as bot:

        async def answer():
            async with bot.working():
                await ask(services, model.url)
                closed.append("answer")

        answering = asyncio.create_task(answer())
        await model.arrived.wait()
        leave, write = discord.AutoShardedClient.close, services.tracker.ledger.close

        async def leaving(self):
            closed.append("Discord")
            await leave(self)

        async def writing():
            closed.append("ledger")
            await write()

        monkeypatch.setattr(discord.AutoShardedClient, "close", leaving)
        monkeypatch.setattr(services.tracker.ledger, "close", writing)
        asyncio.get_running_loop().call_later(0.1, model.go.set)
    await answering
    assert closed == ["answer", "Discord", "ledger"]
    assert rows(tmp_path / "b.db") == [("ok", "slow", 0, 210_000)]


# --- Discord's refusals -----------------------------------------------------------------------------------------------


@pytest.fixture
async def discord_stub(monkeypatch):
    """Discord's REST address on loopback; set `.status` to what it answers everything with."""

    async def answer(request):
        stub.asked.append(request.path)
        return web.json_response({"message": "no", "code": 0}, status=stub.status)

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", answer)
    runner = web.AppRunner(app)
    stub = SimpleNamespace(asked=[], status=401)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    monkeypatch.setattr(discord.http.Route, "BASE", f"http://127.0.0.1:{runner.addresses[0][1]}/api/v10")
    yield stub
    await runner.cleanup()


def on_discord(tmp_path, **overrides):
    return settings(
        discord_token="secret-token", openai_api_key="k", database_url=f"sqlite:///{tmp_path}/b.db", **overrides
    )


async def test_a_refused_token_is_named(tmp_path, discord_stub):
    """I35: in words that name the variable, without the token, and with everything closed again."""
    with pytest.raises(SettingsError) as caught:
        await run_bot(on_discord(tmp_path))
    assert str(caught.value) == "DISCORD_TOKEN: Discord refused it; copy the bot's token anew"
    assert discord_stub.asked == ["/api/v10/users/@me"]
    async with open_services(settings(), database_url=f"sqlite:///{tmp_path}/b.db", base_url=None, api_key="k"):
        pass


@pytest.mark.parametrize("status", [503, 429])
async def test_an_outage_at_the_start_is_told(tmp_path, discord_stub, status):
    """503 is an outage, 429 without Discord's own headers a ban of the address: words, and no `SettingsError`."""
    discord_stub.status = status
    with pytest.raises(TriloError, match=r"^Discord can't be reached \(\w+\); check the network") as caught:
        await run_bot(on_discord(tmp_path))
    assert not isinstance(caught.value, SettingsError)


@pytest.mark.parametrize(
    ("raised", "error", "words"),
    [
        (discord.PrivilegedIntentsRequired(0), SettingsError, "MESSAGE_CONTENT: switch on"),
        (4004, SettingsError, "DISCORD_TOKEN: "),
        (4013, TriloError, "Discord closed the connection (code 4013)"),
        (aiohttp.ServerDisconnectedError(), TriloError, "Discord can't be reached (ServerDisconnectedError)"),
    ],
)
async def test_other_ends_are_told(tmp_path, monkeypatch, raised, error, words):
    if isinstance(raised, int):
        socket = type("Socket", (), {"close_code": raised})()
        raised = discord.ConnectionClosed(socket, shard_id=0)

    async def fail(*_arguments, **_named):
        raise raised

    monkeypatch.setattr(Trilo, "start", fail)
    with pytest.raises(error) as caught:
        await run_bot(on_discord(tmp_path))
    assert str(caught.value).startswith(words)


# --- the sandbox, as a process ----------------------------------------------------------------------------------------


def listening(process):
    """The address that the sandbox prints, once it has."""
    announced = process.stdout.readline()
    assert announced.startswith("Sandbox: http://127.0.0.1:"), announced + process.stderr.read()
    return announced.removeprefix("Sandbox: ").strip()


class Page:
    """What the browser does, over the HTTP interface that the page's own script uses."""

    def __init__(self, session: aiohttp.ClientSession, url: str) -> None:
        self.base, secret = url.split("/#")
        self.session = session
        self.headers = {"X-Simcord-Capability": secret}

    async def open(self) -> dict:
        async with self.session.post(f"{self.base}/api/pages", json={}, headers=self.headers) as answered:
            state = await answered.json()
        self.headers["X-Simcord-Context"] = state["context"]["id"]
        return state

    async def say(self, text: str) -> None:
        state = await self.open()
        body = {
            "protocol_version": 3,
            "sequence": 1,
            "request_id": "request-1",
            "generation": state["context"]["generation"],
            "bot_generation": state["botGeneration"],
            "published_revision": state["publishedRevision"],
            "kind": "send_message",
            "content": text,
        }
        async with self.session.post(f"{self.base}/api/action", json=body, headers=self.headers) as answered:
            assert not (await answered.json())["rejected"]


async def front_page(url, say=None):
    """GET / of a sandbox; with `say`, a member types that."""
    async with aiohttp.ClientSession() as session:
        async with session.get(url.split("#")[0]) as answered:
            assert "<html" in await answered.text()
            status = answered.status
        if say:
            await Page(session, url).say(say)
    return status


async def hellos(url):
    """How often the bot has said hello in the channel of a sandbox."""
    async with aiohttp.ClientSession() as session:
        state = await Page(session, url).open()
    return sum("Hello, I'm **Trilo**" in str(state["messages"][identity]) for identity in state["timeline"])


async def test_the_sandbox_from_start_to_stop(tmp_path):
    """The whole product: one line with its address, a mention answered and booked, SIGTERM, and the books readable.

    I21, I33: stopped in order; the question is neither in the logs nor in the database.
    """
    question = "hello zebrafinch"
    how = {"DATABASE_URL": "sqlite:///books.db", "LOG_LEVEL": "DEBUG"}
    process = start(tmp_path, "sandbox", **how)
    try:
        url = await asyncio.to_thread(listening, process)
        assert await front_page(url, say=f"@Trilo {question}") == 200
        printed = await asyncio.to_thread(process.stdout.readline)
        assert await hellos(url) == 1
    finally:
        began = time.perf_counter()
        out, errors = await asyncio.to_thread(stop, process, signal.SIGTERM)
    assert (process.returncode, out) == (0, "")
    assert time.perf_counter() - began < 10
    assert "Traceback" not in errors
    assert " WARNING " not in errors
    assert "Things to try" in errors
    assert printed.startswith("[Token Usage] general_conversation | gpt-4o-mini | In: ")
    today = await asyncio.to_thread(books, tmp_path, "--period", "today")
    assert [today[name] for name in ("calls", "failed_calls", "estimated_calls", "unpriced_calls")] == [1, 0, 0, 0]
    assert f"In: {today['input_tokens']} Out: {today['output_tokens']} | " in printed
    for text in (errors, printed, *(path.read_bytes().decode("latin-1") for path in tmp_path.glob("books.db*"))):
        assert "zebrafinch" not in text
    history = await asyncio.to_thread(books, tmp_path, "--period", "all", "--by", "day")
    days = [row["key"] for row in history["rows"]]
    assert days[-1] == datetime.now(UTC).date().isoformat()
    assert len(days) == DAYS + 1
    assert history["calls"] > 200
    assert history["cost_nano_usd"] == sum(row["cost_nano_usd"] for row in history["rows"])

    # A second start, ended by Ctrl-C pressed twice: no second hello, the made-up history isn't written again, and a
    # mention is answered although the made-up Discord hands out its ids anew.
    process = start(tmp_path, "sandbox", **how)
    try:
        url = await asyncio.to_thread(listening, process)
        await front_page(url, say=f"@Trilo {question}")
        assert (await asyncio.to_thread(process.stdout.readline)).startswith("[Token Usage] general_conversation")
        assert await hellos(url) == 0
        process.send_signal(signal.SIGINT)
    finally:
        out, errors = await asyncio.to_thread(stop, process, signal.SIGINT)
    assert (process.returncode, out) == (0, "")
    assert "Traceback" not in errors
    again = await asyncio.to_thread(books, tmp_path, "--period", "all", "--by", "day")
    assert again["calls"] == history["calls"] + 1
    assert again["rows"][:-1] == history["rows"][:-1]


async def test_history_ends_yesterday(tmp_path):
    """Without a call of one's own, today's statistics are empty: what is shown as today's is real."""
    process = start(tmp_path, "sandbox", DATABASE_URL="sqlite:///books.db")
    try:
        await asyncio.to_thread(listening, process)
    finally:
        await asyncio.to_thread(stop, process)
    today = await asyncio.to_thread(books, tmp_path, "--period", "today")
    assert (today["calls"], today["rows"]) == (0, [])
    assert rows(tmp_path / "books.db", "SELECT count(*) FROM usage_records WHERE status = 'open'") == [(0,)]


async def test_an_answer_in_the_making_at_sigterm_is_finished(tmp_path, model):
    """I21: the model answers after SIGTERM; the answer is written, its true usage booked, and the exit is orderly."""
    process = start(tmp_path, "sandbox", DATABASE_URL="sqlite:///books.db", OPENAI_BASE_URL=model.url)
    try:
        url = await asyncio.to_thread(listening, process)
        await front_page(url, say="@Trilo hello")
        await model.arrived.wait()
    finally:
        asyncio.get_running_loop().call_later(0.5, model.go.set)
        out, errors = await asyncio.to_thread(stop, process)
    assert process.returncode == 0
    assert out.startswith("[Token Usage] general_conversation | gpt-4o-mini | In: 1000 Out: 100 | Cost: $0.00021 | ")
    assert "Traceback" not in errors
    today = await asyncio.to_thread(books, tmp_path, "--period", "today")
    assert [today[name] for name in ("calls", "failed_calls", "estimated_calls", "cost_nano_usd")] == [1, 0, 0, 210_000]


async def test_an_answer_that_never_comes_holds_up_nobody(tmp_path, model):
    """I4, I21: the model hangs; SIGTERM ends the process within ten seconds, and the call is on the books as not free.

    Takes as long as the patience with answers and calls in flight.
    """
    process = start(tmp_path, "sandbox", DATABASE_URL="sqlite:///books.db", OPENAI_BASE_URL=model.url)
    try:
        url = await asyncio.to_thread(listening, process)
        await front_page(url, say="@Trilo hello")
        await model.arrived.wait()
    finally:
        began = time.perf_counter()
        _, errors = await asyncio.to_thread(stop, process)
    assert time.perf_counter() - began < 10
    assert (process.returncode, "Traceback" in errors) == (0, False)
    [(status, operation, estimated, cost)] = [
        row for row in await asyncio.to_thread(rows, tmp_path / "books.db") if row[1] == "general_conversation"
    ][-1:]
    assert (status in ("aborted", "error", "open"), operation) == (True, "general_conversation")
    assert status == "open" or (estimated == 1 and cost > 0)


async def test_what_does_not_end_is_left_in_time(tmp_path):
    """Hosts kill ten seconds after SIGTERM. Whatever hangs, the process is gone before."""
    code = """
import asyncio, bot.application as application
application.STOP_SECONDS = 0.5
async def stubborn():
    print("up", flush=True)
    try:
        await asyncio.sleep(60)
    finally:
        await asyncio.sleep(60)
application.run_until_signal(stubborn())
"""
    process = start_python(tmp_path, "-c", code)
    assert await asyncio.to_thread(process.stdout.readline) == "up\n"
    began = time.perf_counter()
    _, errors = await asyncio.to_thread(stop, process)
    assert time.perf_counter() - began < 5
    assert process.returncode == 1
    assert "not everything has ended within 0.5 s" in errors


def test_each_postgres_has_a_journal_of_its_own():
    """I22, I35: who shares a folder doesn't replay another database's calls; the name gives nothing away."""
    urls = [
        "postgresql://bot:secret@db.example:5432/trilo",
        "postgres://other:password@db.example:5432/trilo?sslmode=require",
        "postgresql://bot:secret@db.example:5432/other",
        "postgresql:///trilo?host=/run/postgresql",
        "postgresql:///trilo?host=/elsewhere",
        "postgresql://bot:secret@one.example:5432,two.example:5432/trilo",
        "postgresql://bot:half#secret@db.example/trilo",  # which isn't read, and is refused in words elsewhere
    ]
    names = [str(journal_of(url)) for url in urls]
    assert names[0] == names[1] == "data/c4696b23a77f.journal"
    assert len(set(names)) == 6
    assert journal_of("sqlite:///data/trilo.db") is None
