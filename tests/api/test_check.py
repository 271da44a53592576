"""May a call be made? Room that is kept for it ends with its event, or with its time: once, whoever says what when."""

import asyncio
from datetime import timedelta
from typing import Any

import httpx
import pytest

from bot.api.keys import KeyBook
from bot.usage import UsageTracker
from bot.usage.bookkeeping import leaving
from bot.usage.calls import reservations
from bot.usage.upkeep.integrity import verify
from tests.api.conftest import NOW, Ask

AT = NOW.isoformat()
CALL: dict[str, Any] = {
    "model": "gpt-4o",
    "usage": {"input_tokens": 100, "output_tokens": 100},
    "user_id": "ann",
    "operation": "chat",
    "reserve": True,
    "at": AT,
}
"""$0.00125 at worst."""
WORST = 1_250_000
UNCAPPED = 1_750_001
"""Of one that sets no cap, with the shortest that is given; rounded up."""


async def standing(client: httpx.AsyncClient) -> tuple[int, int, int]:
    [found] = (await client.get("/budgets", params={"guild_id": 42})).json()
    return found["used"], found["reserved"], found["left"]


async def calls(tracker: UsageTracker, *names: str) -> list[tuple[Any, ...]]:
    await tracker.force_flush()
    sql = f"SELECT {', '.join(names)} FROM usage_records WHERE operation = 'chat' AND api = 'by key' ORDER BY id"
    return [tuple(row) for row in await tracker.database.fetch(sql)]


async def is_exact(tracker: UsageTracker) -> bool:
    """I8, I25: the sums are what a recount of the single calls gives."""
    found = await verify(tracker.database, tracker.operations, tracker.clock())
    return found.differences == []


@pytest.fixture
async def hard(tracker: UsageTracker) -> None:
    """A hard budget on server 42 that has room for 4 such calls."""
    await tracker.set_budget("guild", 42, guild_id=42, period="day", limit_usd="0.008")


@pytest.mark.usefixtures("hard")
async def test_looking_reserves_nothing(of_42: httpx.AsyncClient) -> None:
    asked = {"model": "gpt-4o", "input_tokens": 100, "output_tokens": 100, "user_id": "ann"}
    answer = (await of_42.get("/check", params=asked)).json()
    assert (answer["allowed"], answer["reason"], answer["reservation"], answer["stops"]) == (True, "", None, True)
    [limit] = answer["limits"]
    assert (limit["used"], limit["reserved"], limit["left"]) == (3_000_000, 0, 5_000_000)
    assert await standing(of_42) == (3_000_000, 0, 5_000_000)
    large = (await of_42.get("/check", params={**asked, "output_tokens": 1_000})).json()
    assert (large["allowed"], large["cause"], large["why"]) == (False, "budget used_up", "used_up")
    assert (large["budget"]["needed"], large["budget"]["limit"]) == (10_250_000, 8_000_000)
    uncapped = {"model": "gpt-4o", "usage": {"input_tokens": 100}}
    assert (await of_42.post("/check", json=uncapped)).json()["max_output_tokens"] == 150
    assert (await of_42.post("/check", json={"model": "nobody-knows"})).json()["cause"] == "budget unknown_cost"
    total = {"model": "gpt-4o", "estimated_tokens": 600}
    assert (await of_42.post("/check", json=total)).json()["cause"] == "budget used_up"


@pytest.mark.usefixtures("hard")
async def test_many_at_once_never_overshoot(
    of_42: httpx.AsyncClient, tracker: UsageTracker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """I13, I14: of 40 at once, as many as there is room for; each ends once, told twice; then nothing is reserved."""
    monkeypatch.setattr(leaving, "ROOM_PATIENCE_SECONDS", 0.2)
    answers = await asyncio.gather(*(of_42.post("/check", json={**CALL, "id": str(n)}) for n in range(40)))
    bodies = [answer.json() for answer in answers]
    kept = [body["reservation"] for body in bodies if body["allowed"]]
    assert len(kept) == 4
    assert {body["cause"] for body in bodies if not body["allowed"]} == {"budget busy"}
    assert await standing(of_42) == (3_000_000, 4 * WORST, 0)
    usage = {"input_tokens": 100, "output_tokens": 50}
    told = [{"id": one["id"], "at": one["at"], "model": "gpt-4o-2024-08-06", "usage": usage} for one in kept]
    told[0] |= {"cost": 0, "failed": True, "usage": {}}
    for _ in range(2):
        await asyncio.gather(*(of_42.post("/events", json={"events": [event, event]}) for event in told))
    assert await standing(of_42) == (3_000_000 + 3 * 750_000, 0, 2_750_000)
    found = await calls(tracker, "status", "cost_nano_usd", "user_id", "response_model")
    assert (
        sorted(found) == [("error", 0, "ann", "gpt-4o-2024-08-06")] + [("ok", 750_000, "ann", "gpt-4o-2024-08-06")] * 3
    )
    assert await is_exact(tracker)


@pytest.mark.usefixtures("hard")
async def test_asked_again_it_is_the_same(of_42: httpx.AsyncClient) -> None:
    """I6: a request without an answer is simply sent again, also at the same moment."""
    one = {**CALL, "id": "one", "usage": {"input_tokens": 100}}
    answers = [(await of_42.post("/check", json=one)).json()]
    answers += [r.json() for r in await asyncio.gather(*(of_42.post("/check", json=one) for _ in range(3)))]
    assert [answer["allowed"] for answer in answers] == [True] * 4
    assert [answer["max_output_tokens"] for answer in answers] == [150] * 4
    assert (await standing(of_42))[1] == UNCAPPED
    both = await asyncio.gather(*(of_42.post("/check", json={**CALL, "id": "two"}) for _ in range(2)))
    assert [answer.json()["allowed"] for answer in both] == [True, True]
    assert (await standing(of_42))[1] == UNCAPPED + WORST
    again = await of_42.post("/check", json={**CALL, "id": "two", "times": 2})
    assert again.json()["allowed"] is True
    assert (await standing(of_42))[1] == UNCAPPED + 2 * WORST
    await of_42.post("/events", json={"events": [{"id": "two", "at": AT, "model": "gpt-4o", "usage": {}}]})
    for late in ({}, {"times": 2}):
        ended = await of_42.post("/check", json={**CALL, "id": "two", **late})
        assert (ended.status_code, ended.json()["type"]) == (409, "about:blank#already_booked")
    never = await of_42.post("/check", json={**CALL, "id": "never", "times": 2})
    assert never.status_code == 409
    assert (await standing(of_42))[1] == UNCAPPED


@pytest.mark.usefixtures("hard")
async def test_sent_again_it_has_the_cap_that_it_was_given(of_42: httpx.AsyncClient, tracker: UsageTracker) -> None:
    """I13, I14, I21: not its model's ceiling, for which there is no room; its time begins anew."""
    one = {**CALL, "id": "one", "usage": {"input_tokens": 100}}
    await of_42.post("/check", json=one)
    [(_, first)] = tracker.reservations._kept.values()
    for times in (2, 1):
        answer = (await of_42.post("/check", json={**one, "times": times})).json()
        assert (answer["allowed"], answer["max_output_tokens"]) == (True, 150)
    assert (await standing(of_42))[1] == 2 * UNCAPPED
    assert await calls(tracker, "reserved_nano_usd", "input_tokens", "output_tokens") == [(2 * UNCAPPED, 200, 300)]
    [(_, last)] = tracker.reservations._kept.values()
    assert (first.cancelled(), last.cancelled()) == (True, False)


async def test_untold_it_counts_at_its_worst_and_told_late_as_told(
    of_42: httpx.AsyncClient, tracker: UsageTracker, hard: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """I21: the call may have been made. What is known at last is exact all the same (I8)."""
    monkeypatch.setattr(reservations, "KEPT_SECONDS", 0.05)
    kept = (await of_42.post("/check", json={**CALL, "id": "late"})).json()["reservation"]
    assert kept["expires_at"] == (NOW + timedelta(seconds=0.05)).isoformat().replace("+00:00", "Z")
    async with asyncio.timeout(5):
        while await calls(tracker, "status") != [("interrupted",)]:
            await asyncio.sleep(0.02)
    assert await standing(of_42) == (3_000_000 + WORST, 0, 5_000_000 - WORST)
    told = {"id": "late", "at": AT, "model": "gpt-4o-mini", "usage": {"input_tokens": 100}, "doubtful_cost": "0.000001"}
    for _ in range(2):
        await of_42.post("/events", json={"events": [told]})
    found = await calls(tracker, "status", "cost_nano_usd", "estimated", "response_model", "doubtful_nano_usd")
    assert found == [("ok", 15_000, 0, "gpt-4o-mini", 1_000)]
    assert await standing(of_42) == (3_016_000, 0, 4_984_000)
    models = (await of_42.get("/breakdown?by=model")).json()["rows"]
    assert {row["key"]: row["calls"] for row in models if row["calls"]} == {"gpt-4o": 2, "gpt-4o-mini": 2}
    assert await is_exact(tracker)


async def test_the_oldest_end_where_too_many_are_kept(
    of_42: httpx.AsyncClient, tracker: UsageTracker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """I24."""
    monkeypatch.setattr(reservations, "MOST_KEPT", 1)
    for name in ("first", "second"):
        assert (await of_42.post("/check", json={**CALL, "id": name})).json()["allowed"] is True
    assert sorted(await calls(tracker, "status", "cost_nano_usd")) == [("interrupted", WORST), ("open", None)]


@pytest.mark.usefixtures("hard")
async def test_what_has_no_price_may_cost_what_was_reserved(of_42: httpx.AsyncClient, tracker: UsageTracker) -> None:
    """I9: unknown is not free; nor is it counted as spent."""
    await of_42.post("/check", json={**CALL, "id": "one"})
    await of_42.post("/events", json={"events": [{"id": "one", "at": AT, "model": "nobody-knows", "usage": {}}]})
    assert await calls(tracker, "cost_nano_usd", "doubtful_nano_usd") == [(None, WORST)]
    assert await standing(of_42) == (3_000_000 + WORST, 0, 5_000_000 - WORST)
    assert await is_exact(tracker)


async def test_who_may_reserve_and_what_a_servers_key_sees(
    ask: Ask, keys: KeyBook, of_42: httpx.AsyncClient, tracker: UsageTracker
) -> None:
    """I26: not the figures of the whole bot, nor of a person on other servers."""
    _, text = await keys.create("reader")
    reading = await ask(text).post("/check", json=CALL)
    assert (reading.status_code, reading.json()["type"]) == (403, "about:blank#read_only")
    assert (await ask(text).post("/check", json={**CALL, "reserve": False})).json()["allowed"] is True
    for wanted in ({"user_id": "ann"}, {**CALL, "guild_id": 43}):
        assert (await of_42.post("/check", json=wanted)).status_code == 403
    await tracker.set_budget("bot", limit_usd="0.0001")
    refused = (await of_42.post("/check", json=CALL)).json()
    assert (refused["allowed"], refused["limits"], refused["budget"]) == (False, [], None)
    assert refused["reason"] == "refused by the operator's budget: used_up"
    await tracker.settings.pause(42, None, actor="ann")
    assert (await of_42.post("/check", json=CALL)).json()["cause"] == "paused"


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"at": "2026-03-15T10:00:00Z"}, "about now"),
        ({"id": "x", "at": None}, "give `at` with `id`"),
        ({"usage": {"tokens": 1}}, "unknown usage key"),
        ({"model": None, "user_id": None}, "mistake"),
    ],
)
async def test_what_is_no_question(of_42: httpx.AsyncClient, wrong: dict[str, Any], words: str) -> None:
    answer = await of_42.post("/check", json={**CALL, **wrong})
    assert answer.status_code == 422
    assert words in answer.text
