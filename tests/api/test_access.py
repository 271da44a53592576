"""Who may ask: no key, a wrong, a revoked, a reading one, one of another server; and how often."""

import httpx
import pytest

from bot.api.access import REQUESTS_A_MINUTE, WRONG_A_MINUTE, Pace
from bot.api.app import create_app
from bot.api.keys import KeyBook
from bot.api.problems import Problem
from bot.usage import UsageTracker
from tests.api.conftest import Ask

TOLD = {"id": "1", "model": "gpt-4o", "at": "2026-03-15T11:00:00Z"}
OPEN = {"/health", "/docs", "/docs/oauth2-redirect", "/redoc", "/openapi.json"}


async def test_without_a_key_there_is_no_service(ask: Ask, tracker: UsageTracker) -> None:
    """I26, I35: every route but the health and the description."""
    app = create_app(tracker)
    routes = [(method, path) for path, methods in app.openapi()["paths"].items() for method in methods]
    assert len(routes) > 15
    for method, path in routes:
        if path in OPEN:
            continue
        answer = await ask().request(method.upper(), path.replace("{", "").replace("}", ""))
        assert (answer.status_code, answer.json()["type"]) == (401, "about:blank#no_key"), path
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.headers["www-authenticate"] == "Bearer"


@pytest.mark.parametrize("text", ["trilo_wrong", "wrong", "'; DROP TABLE api_keys --", "ä" * 300])
async def test_a_wrong_key(ask: Ask, text: str) -> None:
    answer = await ask().get("/platform", headers={"Authorization": f"Bearer {text}".encode()})
    assert answer.status_code == 401
    assert text not in answer.text


async def test_a_revoked_key_ends_at_once(ask: Ask, keys: KeyBook) -> None:
    key, text = await keys.create("mine")
    client = ask(text)
    assert (await client.get("/platform")).status_code == 200
    assert await keys.revoke(key.id) is True
    assert (await client.get("/platform")).status_code == 401
    assert await keys.revoke(key.id) is False
    assert [(one.label, one.revoked_at is not None) for one in await keys.all()] == [("mine", True)]


async def test_a_key_is_kept_as_a_digest_only(keys: KeyBook, tracker: UsageTracker) -> None:
    """I35: whoever reads the database can't use it."""
    _, text = await keys.create("mine")
    rows = await tracker.database.fetch("SELECT * FROM api_keys")
    assert text.startswith("trilo_")
    assert len(text) > 40
    assert text not in repr(rows)
    assert text[6:] not in repr(rows)


async def test_a_reading_key_writes_nothing(ask: Ask, keys: KeyBook) -> None:
    _, text = await keys.create("reader")
    client = ask(text)
    assert (await client.get("/budgets", params={"guild_id": 42})).status_code == 200
    for answer in (
        await client.put("/budgets", json={"guild_id": 42, "scope": "guild", "limit_usd": "1"}),
        await client.delete("/budgets/x", params={"guild_id": 42}),
        await client.post("/events", json={"events": [TOLD]}),
    ):
        assert (answer.status_code, answer.json()["type"]) == (403, "about:blank#read_only")


async def test_a_servers_key_opens_that_server_alone(of_42: httpx.AsyncClient) -> None:
    """I26: nobody sees another server's numbers, nor everybody's together."""
    for path in ("/token-usage/by-model", "/token-usage/all", "/breakdown", "/daily", "/top-users", "/budgets"):
        assert (await of_42.get(path)).status_code == 200, path
        other = await of_42.get(path, params={"guild_id": 43})
        assert (other.status_code, other.json()["type"]) == (403, "about:blank#other_server"), path
        whole = await of_42.get(path, params={"guild_id": 0})
        assert whole.status_code == 403, path
    for path in ("/summary", "/platform", "/projection", "/token-usage/user/ann", "/token-usage/thread/thread-ann"):
        answer = await of_42.get(path)
        assert (answer.status_code, answer.json()["type"]) == (403, "about:blank#one_server_only"), path
    rows = (await of_42.get("/top-users")).json()
    assert [row["user_id"] for row in rows] == ["ann"]
    answer = await of_42.post("/events", json={"events": [{**TOLD, "guild_id": 43}]})
    assert answer.status_code == 403
    answer = await of_42.put("/budgets", json={"guild_id": 43, "scope": "guild", "limit_usd": "1"})
    assert answer.status_code == 403


async def test_loopback_reads_without_a_key_in_development_only(ask: Ask) -> None:
    for address in ("127.0.0.1", "::1"):
        local = ask(address=address, development=True)
        assert (await local.get("/platform")).status_code == 200
        assert (await local.post("/events", json={"events": [TOLD]})).status_code == 403
        assert (await ask(address=address).get("/platform")).status_code == 401
    assert (await ask(address="203.0.113.5", development=True).get("/platform")).status_code == 401


async def test_guessing_and_flooding_are_slowed_down(ask: Ask, everything: httpx.AsyncClient) -> None:
    wrong = [(await ask("trilo_guess").get("/platform")).status_code for _ in range(WRONG_A_MINUTE + 1)]
    assert wrong == [401] * WRONG_A_MINUTE + [429]
    answers = [await everything.get("/health") for _ in range(3)]
    assert {answer.status_code for answer in answers} == {200}


def test_a_bucket_fills_steadily() -> None:
    now = 0.0
    pace = Pace(lambda: now)
    for _ in range(60):
        pace.take("a", 60)
    with pytest.raises(Problem) as caught:
        pace.take("a", 60)
    assert (caught.value.status, caught.value.headers) == (429, {"Retry-After": "2"})
    pace.take("b", 60)
    now = 1.0
    pace.take("a", 60)
    with pytest.raises(Problem):
        pace.take("a", 60)
    assert REQUESTS_A_MINUTE == 600
