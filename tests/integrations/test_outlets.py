"""Whoever is told of booked calls: whatever they do, calls are answered and booked, and the end comes in time."""

import asyncio
import json
import logging
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from time import perf_counter
from typing import Any

import httpx
import pytest

from bot.api.keys import KeyBook
from bot.application import run_bot
from bot.client import Trilo
from bot.doctor import Finding, examine
from bot.errors import SettingsError
from bot.integrations import webhook
from bot.integrations.opentelemetry import OpenTelemetry
from bot.integrations.posthog import PostHog
from bot.integrations.prometheus import Metrics
from bot.integrations.webhook import Webhook
from bot.outlets import configured
from bot.settings import Settings
from bot.usage import UsageTracker, token_tracking_context
from bot.usage.records import utc_now
from bot.usage.storage.database import open_database
from tests.commands import start, stop
from tests.integrations.conftest import Rows
from tests.integrations.receiver import Receiver
from tests.usage.making import a_record
from tests.usage.stub import Stub

SECRET = "whsec_" + "QUJD" * 8
MADE: dict[str, Callable[[str], Any]] = {
    "posthog": lambda url: PostHog("phc_key", url, queue_limit=2),
    "opentelemetry": OpenTelemetry,
    "webhook": lambda url: Webhook(url, b"k" * 32, queue_limit=2),
}
Ask = Callable[[int], Awaitable[float]]


@pytest.fixture
def ask(tracker: UsageTracker, stub: Stub) -> Ask:
    """Asks the model so often at once, and waits until it is on the books; the seconds that took."""
    client = tracker.openai(base_url=stub.url, api_key="test-key", max_retries=0)

    async def asked(times: int) -> float:
        began = perf_counter()
        async with token_tracking_context(operation="chat", user_id="ann"):
            question = {"model": "gpt-4o-mini", "messages": [{"role": "user", "content": "Hi"}]}
            answers = [client.chat.completions.create(**question) for _ in range(times)]
            assert [one.usage.total_tokens for one in await asyncio.gather(*answers)] == [1200] * times
        await tracker.force_flush()
        return perf_counter() - began

    return asked


@pytest.mark.parametrize("name", MADE)
async def test_one_that_hangs(name: str, tracker: UsageTracker, receiver: Receiver, ask: Ask, rows: Rows) -> None:
    """I23: nobody waits for it, neither a call nor, for longer than was said, the end."""
    receiver.hangs = True
    outlet = MADE[name](receiver.url)
    await outlet.listen(tracker)
    await ask(1)  # what is loaded at first use isn't measured
    took = await ask(4)
    assert await rows("status", "cost_nano_usd") == [("ok", 270_000)] * 5
    began = perf_counter()
    await outlet.close(0.3)
    assert (took < 1, perf_counter() - began < 1) == (True, True)
    assert receiver.received, "it was told, and never answered"


@pytest.mark.parametrize("name", [*MADE, "prometheus"])
async def test_one_that_raises(
    name: str, tracker: UsageTracker, receiver: Receiver, ask: Ask, rows: Rows,
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture,
) -> None:  # fmt: skip
    """I23, I33: the books and the next subscriber don't notice; the log has the kind of error alone."""

    def fails(*_: object, **__: object) -> None:
        raise ValueError("secret words")

    outlet, seen = MADE[name](receiver.url) if name in MADE else Metrics(), []
    await outlet.listen(tracker)
    tracker.subscribe(seen.extend)
    owner, method = {
        "posthog": (getattr(outlet, "_client", None), "capture"),
        "opentelemetry": (getattr(outlet, "_tracer", None), "start_span"),
        "webhook": (webhook, "row_of"),
        "prometheus": (outlet, "_count"),
    }[name]
    monkeypatch.setattr(owner, method, fails)
    with caplog.at_level(logging.WARNING):
        await ask(2)
    assert (len(seen), await rows("status")) == (2, [("ok",)] * 2)
    assert set(caplog.messages) <= {f"a subscriber failed on {n} booked calls: ValueError" for n in (1, 2)}
    assert caplog.messages
    await (outlet.close(5) if name in MADE else outlet.close())


@pytest.mark.parametrize("name", MADE)
async def test_one_that_is_full(
    name: str, tracker: UsageTracker, receiver: Receiver, ask: Ask, rows: Rows, caplog: pytest.LogCaptureFixture
) -> None:
    """I24: what finds no room is dropped, and that is told; nothing waits for room."""
    receiver.hangs = True
    outlet = MADE[name](receiver.url)
    await outlet.listen(tracker)
    began = perf_counter()
    with caplog.at_level(logging.WARNING):
        for subscriber in tracker._subscribers:
            subscriber([a_record()] * 2_600)
    assert perf_counter() - began < 2
    full = {"posthog": "from now on: its queue is full", "opentelemetry": "Queue full", "webhook": "the queue is full"}[
        name
    ]
    assert any(full in text for text in caplog.messages)
    assert outlet.dropped > 0 or name == "opentelemetry"  # whose SDK drops the oldest, and logs that
    await ask(2)
    assert await rows("status") == [("ok",)] * 2
    await outlet.close(0.1)


def test_what_the_settings_name(monkeypatch: pytest.MonkeyPatch) -> None:
    """I35: nothing by default; a secret that is missing or none is named, with how to make one, and never shown."""

    def names(**given: str) -> list[str]:
        return [outlet.name for outlet in configured(Settings(_env_file=None, **given))]  # type: ignore[call-arg]

    hook = {"webhook_url": "https://example.com/hook"}
    assert names() == []
    assert names(otel_exporter_otlp_endpoint="http://127.0.0.1:9") == ["opentelemetry"]
    assert names(posthog_api_key="phc_key", webhook_secret=SECRET, **hook) == ["posthog", "webhook"]
    with pytest.raises(SettingsError, match="WEBHOOK_SECRET: missing; make one: echo whsec_"):
        names(**hook)
    with pytest.raises(SettingsError, match="WEBHOOK_SECRET: is no Base64; make one") as caught:
        names(webhook_secret="whsec_?hush", **hook)
    assert "hush" not in str(caught.value)
    monkeypatch.setitem(sys.modules, "posthog", None)
    monkeypatch.delitem(sys.modules, "bot.integrations.posthog")
    with pytest.raises(SettingsError, match=r"POSTHOG_API_KEY: needs a library: pip install 'trilo\[posthog\]'"):
        names(posthog_api_key="phc_key")


async def test_the_bot_is_not_started_without_the_secret(tmp_path: Path) -> None:
    given = {"discord_token": "t", "openai_api_key": "k", "database_url": f"sqlite:///{tmp_path}/b.db"}
    settings = Settings(_env_file=None, webhook_url="https://example.com", **given)  # type: ignore[call-arg]
    with pytest.raises(SettingsError, match="WEBHOOK_SECRET"):
        await run_bot(settings)
    assert not (tmp_path / "b.db").exists()


async def test_all_of_them_from_the_command_line(tmp_path: Path, receiver: Receiver) -> None:
    """The whole way: an event is booked over REST, told to all three and counted, the last while the process ends."""
    how = {
        "DATABASE_URL": f"sqlite:///{tmp_path}/trilo.db",
        "POSTHOG_API_KEY": "phc_key",
        "POSTHOG_HOST": receiver.url,
        "OTEL_EXPORTER_OTLP_ENDPOINT": receiver.url,
        "WEBHOOK_URL": f"{receiver.url}/hook",
        "WEBHOOK_SECRET": SECRET,
    }
    process = await asyncio.to_thread(start, tmp_path, "api", "--port", "0", **how)
    try:
        assert process.stdout is not None
        url = (await asyncio.to_thread(process.stdout.readline)).removeprefix("API: ").removesuffix("/docs\n")
        database = await open_database(how["DATABASE_URL"])
        _, key = await KeyBook(database, utc_now).create("all", may_write=True)
        await database.close()
        event = {"id": "1", "at": "2026-01-01T00:00:00Z", "model": "gpt-4o", "user_id": "ann", "operation": "chat"}
        told = {"events": [{**event, "usage": {"input_tokens": 1000, "output_tokens": 200}}]}
        headers = {"Authorization": f"Bearer {key}"}
        async with httpx.AsyncClient(base_url=url, headers=headers) as client:
            assert (await client.post("/events", json=told)).json() == {"accepted": 1, "rejected": []}
            metrics = (await client.get("/metrics")).text
    finally:
        began = perf_counter()
        _, logs = await asyncio.to_thread(stop, process)
    assert (process.returncode, perf_counter() - began < 5) == (0, True), logs
    assert 'trilo_cost_usd_total{model="gpt-4o",operation="chat"} 0.0045\n' in metrics
    assert {got.path for got in receiver.received} == {"/batch/", "/v1/traces", "/v1/metrics", "/hook"}
    [hook] = [json.loads(got.body) for got in receiver.received if got.path == "/hook"]
    assert hook["data"]["calls"][0]["cost_nano_usd"] == 4_500_000
    assert "Traceback" not in logs
    assert SECRET not in logs


async def test_doctor_says_who_is_told(tmp_path: Path) -> None:
    """I35: and what is missing for it, without showing what is set."""

    async def found(**given: str) -> dict[str, Finding]:
        hook = {"webhook_url": "https://example.com/secret-path", "database_url": f"sqlite:///{tmp_path}/b.db"}
        settings = Settings(_env_file=None, posthog_api_key="phc_key", **hook, **given)  # type: ignore[call-arg]
        return {finding.subject: finding for finding in await examine(settings, online=False)}

    told = (await found(webhook_secret=SECRET))["events out"]
    assert (told.ok, told.words) == (True, "booked calls are told to posthog, webhook")
    missing = await found()
    assert missing["WEBHOOK_SECRET"].words == "missing; make one: echo whsec_$(openssl rand -base64 32)"
    assert "secret-path" not in str(missing)


async def test_the_bot_tells_what_it_books_while_it_closes(
    tmp_path: Path, receiver: Receiver, stub: Stub, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The composition root: the outlets are closed last."""

    async def ask_and_leave(bot: Trilo, _token: str) -> None:
        client = bot.services.tracker.openai(base_url=stub.url, api_key="k")
        async with token_tracking_context(operation="last words", user_id="ann"):
            await client.chat.completions.create(model="gpt-4o-mini", messages=[{"role": "user", "content": "Bye"}])

    monkeypatch.setattr(Trilo, "start", ask_and_leave)
    given = {"database_url": f"sqlite:///{tmp_path}/b.db", "posthog_api_key": "phc_key", "posthog_host": receiver.url}
    await run_bot(Settings(_env_file=None, discord_token="t", openai_api_key="k", api_port=0, **given))  # type: ignore[call-arg]
    [got] = receiver.received
    [event] = json.loads(got.body)["batch"]
    assert (event["event"], event["properties"]["operation"]) == ("llm_call_made", "last words")
