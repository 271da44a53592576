"""A tracker whose books are behind a REST API: the real one, over a real socket, in the way now and then."""

import asyncio
import logging
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import openai
import pytest

from bot.api.app import create_app
from bot.api.keys import KeyBook
from bot.api.server import serving
from bot.usage import BudgetExceededError, Buffering, PriceList, UsageTracker, open_tracker, token_tracking_context
from bot.usage.errors import (
    AiPausedError,
    BooksOutOfReachError,
    NotOverRestError,
    QuotaExceededError,
    RemoteBooksError,
)
from bot.usage.remote import remote_ledger
from bot.usage.remote.remote_api import RemoteApi
from bot.usage.upkeep.integrity import verify
from tests.usage.conftest import Records
from tests.usage.shapes import chat, chunks
from tests.usage.stub import Stub, answer, sse

ASK: dict[str, Any] = {"model": "gpt-4o", "messages": [{"role": "user", "content": "hi"}]}


class Service:
    """The API of `tracker`. `losing`: what it does isn't answered for; `away`: it does nothing; `busy`: ask again;
    `strange`: somebody else answers in its place.
    """

    def __init__(self, tracker: UsageTracker) -> None:
        self.app = create_app(tracker)
        self.tracker = tracker
        self.url = self.key = ""
        self.losing = self.away = self.busy = self.strange = False
        self.paths: list[str] = []

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        self.paths.append(scope["path"])
        if self.busy:
            self.busy = False
            await send({"type": "http.response.start", "status": 429, "headers": [(b"retry-after", b"1")]})
            await send({"type": "http.response.body", "body": b"{}"})
            return
        if self.strange:
            self.strange = False
            await send({"type": "http.response.start", "status": 200, "headers": []})
            await send({"type": "http.response.body", "body": b'{"please": "log in"}'})
            return
        if self.losing or self.away:
            if not self.away:
                await self.app(scope, receive, _nobody)
            await send({"type": "http.response.start", "status": 502, "headers": []})
            await send({"type": "http.response.body", "body": b"<html>bad gateway"})
            return
        await self.app(scope, receive, send)

    def opened(self, **how: Any) -> Any:
        return open_tracker(self.url, key=self.key, console=False, prices=self.tracker.prices, **how)


async def _nobody(_message: Any) -> None: ...


@pytest.fixture
async def service(tracker: UsageTracker, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Service]:
    monkeypatch.setattr(remote_ledger, "RETRY_SECONDS", (0.02,))
    monkeypatch.setattr(remote_ledger, "AWAY_SECONDS", 0.0)
    found = Service(tracker)
    _, found.key = await KeyBook(tracker.database, tracker.clock).create("agent", may_write=True)
    async with serving(found, "127.0.0.1", 0) as port:  # type: ignore[arg-type]
        found.url = f"http://127.0.0.1:{port}"
        yield found


async def tell(tracker: UsageTracker) -> None:
    """One of each kind, as docs/tracking-your-own-calls.md has them."""
    await tracker.track_llm_call(
        model="gpt-4o", input_tokens=100, output_tokens=20, user_id="ann", operation="chat", guild_id=42,
        role_ids=[7], intent="greet", estimated=True, response_id="r1", duration_ms=12.4,
    )  # fmt: skip
    await tracker.track_embedding(model="qwen3-embedding", tokens=120, provider="qwen-local", cost=0)
    await tracker.track_image_generation(model="dall-e-3", resolution="1024x1024", quality="standard")
    await tracker.track_payment_fee(gateway="stripe", amount=10, user_id="ann")
    await tracker.track_usage(model="nobody-knows", input_tokens=5, failed=True, error_type="E")


async def test_what_is_told_by_hand_is_on_the_books_as_if_told_there(
    service: Service, tmp_path: Path, prices: PriceList, records: Records
) -> None:
    """I8, I22: row by row; nothing is asked of anybody before the buffer is handed over."""
    async with service.opened(buffering=Buffering(20, 60)) as remote:
        await tell(remote)
        assert service.paths == []
        await remote.force_flush()
        assert service.paths == ["/events"]
        assert remote.get_summary()["operations"] == 4
    async with open_tracker(f"sqlite:///{tmp_path}/own.db", console=False, prices=prices) as own:
        await tell(own)
        here = await records(own)
    there = await records(service.tracker)
    ours = {"id", "worker_id", "started_at", "api"}
    plain = [[{k: v for k, v in row.items() if k not in ours} for row in rows] for rows in (here, there)]
    assert plain[0] == plain[1]
    assert [row["cost_nano_usd"] for row in there] == [450_000, 0, 40_000_000, 590_000_000, None]
    assert service.tracker.ledger.faults == 0


async def test_lost_answers_outages_and_what_cannot_be_booked(
    service: Service, records: Records, caplog: pytest.LogCaptureFixture
) -> None:
    """I6, I22, I23: each exactly once, whatever is lost on the way; one that won't do doesn't hold up the others."""
    async with service.opened(buffering=Buffering(1, 60)) as remote:
        service.losing = True
        for n in range(5):
            await remote.track_usage(model="gpt-4o", input_tokens=n, user_id="u" * 300 if n == 3 else "ann")
        while service.paths.count("/events") < 3:
            await asyncio.sleep(0.01)
        service.away, service.losing = True, False
        await remote.track_usage(model="gpt-4o", input_tokens=9, guild_id=-5)
        while service.paths.count("/events") < 5:
            await asyncio.sleep(0.01)
        service.away = False
        await remote.force_flush()
    assert [row["input_tokens"] for row in await records(service.tracker)] == [0, 1, 2, 4]
    assert caplog.text.count("can't be told: no answer (JSONDecodeError)") == 1
    assert caplog.text.count("1 calls are not on the books of 127.0.0.1: 422") == 2


async def test_what_cannot_be_told_at_the_end_is_said(service: Service, caplog: pytest.LogCaptureFixture) -> None:
    """I24: never raises, never waits for ever, names the count."""
    service.away = True
    async with service.opened() as remote:
        for _ in range(3):
            await remote.track_usage(model="gpt-4o", input_tokens=1)
        remote._remote.close = lambda: type(remote._remote).close(remote._remote, 0.1)
    assert "3 calls are not on the books of 127.0.0.1: 127.0.0.1 doesn't answer" in caplog.text
    await remote.track_usage(model="gpt-4o", input_tokens=1)


async def test_nothing_ends_the_telling(service: Service, records: Records, caplog: pytest.LogCaptureFixture) -> None:
    """I22, I23: neither an answer that isn't the API's, nor half an emoji in what a call is said to be about."""
    async with service.opened(buffering=Buffering(1, 60)) as remote:
        service.strange = True
        await remote.track_usage(model="gpt-4o", input_tokens=1, metadata={"title": "\ud83d"})
        await remote.track_usage(model="gpt-4o", input_tokens=2)
        await asyncio.wait_for(remote.force_flush(), 5)
    assert [(row["input_tokens"], row["metadata"]) for row in await records(service.tracker)] == [
        (1, '{"title": "?"}'),
        (2, None),
    ]
    assert "can't be told: KeyError" in caplog.text


async def test_closing_tries_at_once(service: Service, records: Records, monkeypatch: pytest.MonkeyPatch) -> None:
    """I21: what waits for the next try doesn't wait past its end."""
    monkeypatch.setattr(remote_ledger, "RETRY_SECONDS", (60.0,))
    service.away = True
    async with service.opened(buffering=Buffering(1, 60)) as remote:
        await remote.track_usage(model="gpt-4o", input_tokens=1)
        while not remote._remote.faults:
            await asyncio.sleep(0.01)
        service.away = False
    assert [row["input_tokens"] for row in await records(service.tracker)] == [1]


async def test_memory_is_bounded(service: Service, records: Records, monkeypatch: pytest.MonkeyPatch) -> None:
    """I24: who tells more than is taken waits; what there is no room for then is counted."""
    monkeypatch.setattr(remote_ledger, "QUEUE_LIMIT", 3)
    monkeypatch.setattr(remote_ledger, "ROOM_PATIENCE_SECONDS", 0.05)
    service.away = True
    async with service.opened(buffering=Buffering(1, 60)) as remote:
        for _ in range(4):
            await remote.track_usage(model="gpt-4o", input_tokens=1)
        assert (len(remote._remote._queue), remote._remote.dropped) == (3, 1)
        monkeypatch.setattr(remote_ledger, "ROOM_PATIENCE_SECONDS", 10)
        waiting = asyncio.create_task(remote.track_usage(model="gpt-4o", input_tokens=2))
        await asyncio.sleep(0.05)
        assert not waiting.done()
        service.away = False
        await waiting
        await remote.force_flush()
        assert remote._remote.dropped == 1
    assert [row["input_tokens"] for row in await records(service.tracker)] == [1, 1, 1, 2]


async def test_the_door_asks_before_and_tells_after(service: Service, stub: Stub, records: Records) -> None:
    """I3, I13, I14: under a hard budget over there; whole, streamed, broken off, refused."""
    there = service.tracker
    await there.set_budget("guild", 42, guild_id=42, limit_usd="0.05")
    reserved: list[int] = []

    async def look() -> None:
        reserved.append((await there.budgets.standing(42))[0].level.reserved)

    async with service.opened() as remote:
        client = remote.openai(base_url=stub.url, api_key="k", max_retries=0)
        stub.answers(answer(chat()), sse(chunks()), sse(chunks(), cut_after=400), answer({"error": {}}, 400))
        async with token_tracking_context(guild_id=42, user_id="ann", operation="chat"):
            await client.chat.completions.create(**ASK)
            async for _ in await client.chat.completions.create(**ASK, stream=True):
                await look()
            with pytest.raises(Exception):  # noqa: B017 - whatever the SDK makes of a broken stream
                async for _ in await client.chat.completions.create(**ASK, stream=True):
                    pass
                raise ConnectionError
            with pytest.raises(Exception):  # noqa: B017
                await client.chat.completions.create(**ASK)
            await remote.force_flush()
            sent = len(stub.requests)
            with pytest.raises(BudgetExceededError) as caught:
                await client.chat.completions.create(**ASK, max_completion_tokens=100_000)
        assert len(stub.requests) == sent
    assert (caught.value.budget.limit, caught.value.guild_id, caught.value.why) == (50_000_000, 42, "used_up")
    assert stub.bodies[0]["max_completion_tokens"] < 1_024
    assert max(reserved) > 0
    rows = await records(there)
    assert [(row["status"], row["estimated"], row["user_id"], row["api"]) for row in rows] == [
        ("ok", 0, "ann", "by key"),
        ("ok", 0, "ann", "by key"),
        ("error", 1, "ann", "by key"),
        ("error", 0, "ann", "by key"),
    ]
    assert rows[0]["cost_nano_usd"] == rows[1]["cost_nano_usd"] > 0
    assert rows[2]["doubtful_nano_usd"] > 0
    assert rows[3]["cost_nano_usd"] == 0
    [standing] = await there.budgets.standing(42)
    assert standing.level.reserved == 0
    assert standing.level.used == sum(row["cost_nano_usd"] + row["doubtful_nano_usd"] for row in rows)
    assert (await verify(there.database, there.operations, there.clock())).differences == []


async def test_many_at_once_never_overshoot(service: Service, stub: Stub) -> None:
    """I13, I14: the provider is asked only by as many as there is room for at once."""
    there = service.tracker
    await there.set_budget("bot", limit_usd="0.004")
    stub.default = lambda _request: answer(chat(), delay=0.05)
    async with service.opened() as remote:
        client = remote.openai(base_url=stub.url, api_key="k", max_retries=0)
        asked = [client.chat.completions.create(**ASK, max_completion_tokens=100) for _ in range(30)]
        found = await asyncio.gather(*asked, return_exceptions=True)
    refused = [error for error in found if isinstance(error, Exception)]
    assert {type(error) for error in refused} <= {BudgetExceededError}
    assert 3 <= len(found) - len(refused) == len(stub.requests)
    [standing] = await there.budgets.standing(0)
    assert 0 < standing.level.used <= 4_000_000
    assert standing.level.reserved == 0


async def test_who_asks_too_often_waits(service: Service, stub: Stub) -> None:
    """I23: neither refused nor let through unasked."""
    stub.default = lambda _request: answer(chat())
    async with service.opened() as remote:
        service.busy = True
        await remote.openai(base_url=stub.url, api_key="k").chat.completions.create(**ASK)
        assert service.paths == ["/check", "/check"]
        assert (remote._remote.unrecorded, remote._remote.faults) == (0, 0)


async def test_refusals_arrive_as_they_are(service: Service, stub: Stub) -> None:
    there = service.tracker
    await there.settings.choose(42, quotas=True)
    async with service.opened() as remote:
        client = remote.openai(base_url=stub.url, api_key="k")
        await remote.track_usage(model="gpt-4o", input_tokens=10_000, user_id="eve")
        await remote.force_flush()
        async with token_tracking_context(guild_id=42, user_id="eve"):
            with pytest.raises(QuotaExceededError) as quota:
                await client.chat.completions.create(**ASK)
            await there.settings.pause(42, None, actor="ann")
            with pytest.raises(AiPausedError):
                await client.chat.completions.create(**ASK)
    assert (quota.value.user_id, quota.value.result.limit, quota.value.result.used) == ("eve", 10_000, 10_000)
    assert quota.value.result.resets_at is not None


async def test_the_door_while_nobody_answers(service: Service, stub: Stub, records: Records) -> None:
    """I23: as long as nobody has said that no budget stops, it fails closed, unless told otherwise."""
    stub.default = lambda _request: answer(chat())
    service.away = True
    async with service.opened() as remote, service.opened(fail_open=True) as open_one:
        client = remote.openai(base_url=stub.url, api_key="k")
        with pytest.raises(BooksOutOfReachError):
            await client.chat.completions.create(**ASK)
        assert stub.requests == []
        await open_one.openai(base_url=stub.url, api_key="k").chat.completions.create(**ASK)
        service.away = False
        await client.chat.completions.create(**ASK)
        service.away = True
        await client.chat.completions.create(**ASK)
        service.away, service.losing = False, True  # it is reserved, and nobody hears of it
        await client.chat.completions.create(**ASK)
        service.losing = False
        stub.answers(answer({"error": {}}, 400))
        with pytest.raises(openai.BadRequestError):
            await client.chat.completions.create(**{**ASK, "model": "nobody-knows"})
        await remote.force_flush()
        await open_one.force_flush()
    rows = await records(service.tracker)
    assert sorted((row["status"], row["attempts"]) for row in rows) == [("error", 1)] * 2 + [("ok", 1)] * 4
    assert [row["cost_nano_usd"] for row in rows if row["status"] == "error"] == [0, 0]  # refused here, refused there


async def test_questions(service: Service) -> None:
    there = service.tracker
    there.define_operation("chat", input_tokens=2_000, output_tokens=1_000)
    there.define_operation("paid", premium=True)
    async with service.opened() as remote:
        await remote.track_usage(model="gpt-4o", input_tokens=8_000, user_id="eve", operation="chat")
        await remote.force_flush()
        allowance = await remote.can_use_tokens("eve", 2_001)
        assert (allowance.can_use, allowance.remaining_tokens) == (False, 2_000)
        assert await remote.get_quota_summary("eve") == await there.get_quota_summary("eve")
        assert await remote.get_cost_summary() == await there.get_cost_summary()
        tonight = datetime.now(UTC).replace(hour=1).astimezone(timezone(timedelta(hours=-5)))  # yesterday there
        assert (await remote.get_cost_summary(end=tonight))["total_calls"] == 1
        assert await remote.check_operation_allowed("eve", "other") == await there.check_operation_allowed(
            "eve", "other"
        )
        with pytest.raises(QuotaExceededError) as caught:
            await remote.enforce_operation_quota("eve", "paid")
        assert caught.value.result == await there.check_operation_allowed("eve", "paid")
        for name in ("reports", "budgets", "get_daily_costs"):
            with pytest.raises(NotOverRestError, match=name):
                getattr(remote, name)
        assert not hasattr(remote, "database")
        assert remote.suggest_model("chat", "gpt-4o") == "gpt-4o"
        service.away = True
        with pytest.raises(RemoteBooksError, match="127"):
            await remote.can_use_tokens("eve", 1)


@pytest.mark.parametrize("strange", [{}, {"allowed": True, "quota": {"x": 1}, "by_model": 3, "cost_nano_usd": "?"}])
async def test_an_answer_of_something_else(
    service: Service, monkeypatch: pytest.MonkeyPatch, strange: dict[str, Any]
) -> None:
    """Whatever stands at that address now."""

    async def answered(*_path: object, **_what: object) -> dict[str, Any]:
        return strange

    monkeypatch.setattr(RemoteApi, "get", answered)
    monkeypatch.setattr(RemoteApi, "post", answered)
    async with service.opened() as remote:
        for asking in (
            remote.can_use_tokens("eve", 1),
            remote.check_operation_allowed("eve", "chat"),
            remote.get_quota_summary("eve"),
            remote.get_cost_summary(),
        ):
            with pytest.raises(RemoteBooksError, match="isn't of this API"):
                await asking


@pytest.mark.parametrize(
    ("url", "key", "words"),
    [
        ("http://books.example", "trilo_x", "use https://"),
        ("http://localhost:1", None, "give `key`"),
        ("https://books.example", "", "give `key`"),
        ("https://", "trilo_x", "no address"),
        ("https://[books", "trilo_x", "no address"),
        ("https://books.example:x", "trilo_x", "no address"),
        ("https://books.example", "trilo_ö", "give `key`"),
    ],
)
async def test_addresses_that_no_key_is_sent_to(url: str, key: str | None, words: str, prices: PriceList) -> None:
    """I35."""
    with pytest.raises(RemoteBooksError, match=words):
        async with open_tracker(url, key=key, prices=prices):
            pass


async def test_a_wrong_key_is_said_and_never_shown(service: Service, caplog: pytest.LogCaptureFixture) -> None:
    """I35: nor in the logs of the HTTP client."""
    caplog.set_level(logging.DEBUG)
    service.key = "trilo_secret"
    async with service.opened(buffering=Buffering(1, 60)) as remote:
        await remote.track_usage(model="gpt-4o", input_tokens=1)
        while "can't be told: 401: Give a key" not in caplog.text:
            await asyncio.sleep(0.01)
        remote._remote.close = lambda: type(remote._remote).close(remote._remote, 0.1)
    assert "secret" not in caplog.text
