"""What the routes answer: the guide's own addresses and keys, exact amounts, pages, problems, events told twice."""

import asyncio
from datetime import timedelta
from typing import Any

import httpx
import pytest

from bot.api import event_routes
from bot.api.app import create_app
from bot.usage import UsageTracker
from tests.api.conftest import NOW, Clock


async def test_a_user_by_the_guides_address(everything: httpx.AsyncClient) -> None:
    """Row B2: numbers under the guide's keys, the exact cost beside them."""
    answer = await everything.get("/token-usage/user/ann?days=30")
    assert answer.json() == {
        "total_requests": 3,
        "unpriced_requests": 0,
        "total_tokens": 330,
        "input_tokens": 300,
        "output_tokens": 30,
        "total_cost": 0.005,
        "cost_nano_usd": 5_000_000,
        "cost_by_model": {"gpt-4o": 0.003, "gpt-4o-mini": 0.002},
        "cost_by_operation": {"chat": 0.005},
        "requests_by_agent": {"writer": 3},
        "cost_trend": [{"date": "2026-03-06", "cost": 0.002}, {"date": "2026-03-15", "cost": 0.003}],
    }
    thread = (await everything.get("/token-usage/thread/thread-bob")).json()
    assert (thread["total_requests"], thread["cost_nano_usd"]) == (1, 4_000_000)


async def test_all_calls_page_by_page(everything: httpx.AsyncClient) -> None:
    """Newest first, none twice, none missing; ids of servers are texts."""
    seen, cursor, pages = [], None, 0
    while pages == 0 or cursor:
        params = {"days": 30, "limit": 3, **({"cursor": cursor} if cursor else {})}
        page = (await everything.get("/token-usage/all", params=params)).json()
        seen += page["calls"]
        cursor, pages = page["next_cursor"], pages + 1
    assert pages == 2
    assert [(call["user_id"], call["guild_id"], call["cost_nano_usd"]) for call in seen[-1:]] == [
        ("ann", "42", 2_000_000)
    ]
    assert len({call["id"] for call in seen}) == 4
    assert [call["started_at"] for call in seen] == sorted((call["started_at"] for call in seen), reverse=True)
    first = (await everything.get("/token-usage/all?days=7&limit=100")).json()
    assert len(first["calls"]) == 3
    assert first["next_cursor"] is None


async def test_by_model_and_the_other_sums_agree(everything: httpx.AsyncClient) -> None:
    """I8: whichever way it is asked."""
    models = (await everything.get("/token-usage/by-model?days=30")).json()
    assert [(row["key"], row["calls"], row["cost_nano_usd"]) for row in models["rows"]] == [
        ("gpt-4o-mini", 2, 6_000_000),
        ("gpt-4o", 2, 3_000_000),
    ]
    total = 9_000_000
    assert models["total"]["cost_nano_usd"] == total
    summary = (await everything.get("/summary")).json()
    assert (summary["cost_nano_usd"], summary["total_cost"], summary["payment_fees"]) == (total, 0.009, 0.0)
    days = (await everything.get("/daily?days=10")).json()
    assert sum(day["cost_nano_usd"] for day in days) == total
    assert [days[0]["date"], days[-1]["date"], len(days)] == ["2026-03-06", "2026-03-15", 10]
    users = (await everything.get("/top-users")).json()
    assert [(user["user_id"], user["cost_nano_usd"]) for user in users] == [("ann", 5_000_000), ("bob", 4_000_000)]
    platform = (await everything.get("/platform")).json()
    assert (platform["active_users"], platform["total_calls"], platform["cost_nano_usd"]) == (2, 4, total)
    split = (await everything.get("/breakdown?by=guild")).json()
    assert [(row["key"], row["cost_nano_usd"]) for row in split["rows"]] == [("42", 5_000_000), ("43", 4_000_000)]
    month = (await everything.get("/projection")).json()
    assert month == {"month_to_date": 0.009, "projected_cost": 0.019241379, "days_elapsed": 14.5, "days_in_month": 31}
    ann = (await everything.get("/daily?days=2&user_id=ann")).json()
    assert [day["cost_nano_usd"] for day in ann] == [0, 3_000_000]


async def test_my_quota_has_the_guides_keys(everything: httpx.AsyncClient, tracker: UsageTracker) -> None:
    """Row D5."""
    await tracker.track_llm_call(user_id="eve", operation="conversation", model="gpt-4o", input_tokens=7_500)
    assert (await everything.get("/my-quota?user_id=eve")).json() == {
        "subscription_tier": "free",
        "monthly_usage": {"used": 7_500, "limit": 10_000, "remaining": 2_500, "percentage": 75.0, "status": "warning"},
        "warnings": ["You have used 75% of your monthly quota (2500 tokens remaining)."],
        "top_operations": {"conversation": 7_500},
        "last_reset": "2026-03-01T00:00:00Z",
    }
    asked = {"user_id": "eve", "estimated_tokens": 2_501}
    assert (await everything.post("/check", json=asked)).json()["allowed"] is False
    answer = (await everything.post("/check", json={"user_id": "eve", "operation": "conversation"})).json()
    asked_for = {name: answer[name] for name in ("allowed", "reason", "requires_upgrade", "tokens_remaining")}
    assert asked_for == {"allowed": True, "reason": "", "requires_upgrade": False, "tokens_remaining": 2_500}


async def test_an_estimate(everything: httpx.AsyncClient, tracker: UsageTracker) -> None:
    await tracker.force_flush()
    answer = (await everything.get("/estimate?operation=chat&model=gpt-4o")).json()
    assert (answer["estimated_total_tokens"], answer["estimated_cost_usd"]) == (110, 0.00035)
    unknown = await everything.get("/estimate?operation=nobody-knows")
    assert unknown.status_code == 422
    assert "name a model" in unknown.json()["detail"]


async def test_budgets_are_set_shown_and_removed(of_42: httpx.AsyncClient, tracker: UsageTracker) -> None:
    wanted = {"guild_id": 42, "scope": "guild", "period": "month", "limit_usd": "0.01"}
    made = (await of_42.put("/budgets", json=wanted)).json()
    assert (made["guild_id"], made["limit_usd"], made["mode"], made["owner"]) == ("42", 0.01, "hard", "server")
    [standing] = (await of_42.get("/budgets")).json()
    assert (standing["used"], standing["reserved"], standing["left"]) == (5_000_000, 0, 5_000_000)
    [line] = await tracker.settings.audit(42)
    assert line.actor.startswith("api key ")
    assert (await of_42.delete(f"/budgets/{made['id']}")).status_code == 204
    assert (await of_42.delete(f"/budgets/{made['id']}")).status_code == 404
    cap = await tracker.set_budget("guild", 42, guild_id=42, limit_usd=5, owner="operator")
    assert (await of_42.delete(f"/budgets/{cap.id}")).status_code == 404
    own = await of_42.put("/budgets", json={"scope": "each_user", "limit_usd": "1"})
    assert own.json()["guild_id"] == "42"  # as with every other route, the key's own server where none is named
    both = await of_42.put("/budgets", json={**wanted, "limit_tokens": 5})
    assert both.status_code == 422


EVENTS: list[dict[str, Any]] = [
    {"id": "1", "model": "gpt-4o", "usage": {"input_tokens": 1_000, "output_tokens": 100}, "user_id": "zoe"},
    {"id": "2", "kind": "embedding", "model": "text-embedding-3-small", "usage": {"input_tokens": 1_000}},
    {"id": "3", "kind": "image", "model": "dall-e-3", "usage": {"images": 1, "image_size": "1024x1024"}},
    {"id": "4", "kind": "payment", "model": "stripe", "amount": "10"},
    {"id": "5", "model": "gpt-4o", "usage": {"tokens": 5}},
    {"id": "6", "model": "gpt-4o", "at": "2030-01-01T00:00:00Z"},
    {"id": "7", "model": ""},
    {"id": "8", "kind": "payment", "model": "paypal", "amount": "10"},
    {"id": "0", "model": "gpt-4o", "at": "0001-01-01T00:00:00+14:00"},
]


async def test_events_are_booked_once_however_often_they_are_told(
    of_42: httpx.AsyncClient, tracker: UsageTracker, clock: Clock
) -> None:
    """I6, I22: also later, in another order, twice at once, beside others."""
    told = [{"at": "2026-03-15T11:00:00Z", **event} for event in EVENTS]
    first = (await of_42.post("/events", json={"events": told})).json()
    assert first["accepted"] == 4
    assert [one["id"] for one in first["rejected"]] == ["5", "6", "7", "8", "0"]
    assert "unknown usage key 'tokens'" in first["rejected"][0]["problem"]
    before = await tracker.reports.spend(42, "all", "model")
    clock.now = NOW + timedelta(minutes=5)
    new = {"id": "9", "model": "gpt-4o", "cost": "0.5", "at": "2026-03-15T11:00:00"}
    await of_42.post("/events", json={"events": [*told[::-1], new, new]})
    after = await tracker.reports.spend(42, "all", "model")
    assert after.total.calls == before.total.calls + 1
    assert after.total.cost_nano_usd == before.total.cost_nano_usd + 500_000_000
    assert before.total.cost_nano_usd == 5_000_000 + 3_500_000 + 20_000 + 40_000_000


async def test_events_that_are_not_durable_in_time_are_told_again(
    everything: httpx.AsyncClient, tracker: UsageTracker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """I23: nobody waits for ever for a database that is away, and what was told is lost by no haste."""
    told = {"events": [{"at": "2026-03-15T11:00:00Z", **EVENTS[0]}]}
    with monkeypatch.context() as away:
        away.setattr(event_routes, "DURABLE_SECONDS", 0.01)
        away.setattr(tracker, "force_flush", asyncio.Event().wait)
        answer = await everything.post("/events", json=told)
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
    assert (await everything.post("/events", json=told)).json() == {"accepted": 1, "rejected": []}
    assert (await everything.get("/summary?user_id=zoe")).json()["total_calls"] == 1


async def test_none_is_booked_where_one_is_another_servers(of_42: httpx.AsyncClient) -> None:
    """I26: whoever is told that they may not has booked nothing."""
    told = [{"at": "2026-03-15T11:00:00Z", **EVENTS[0]}, {"id": "x", "at": "2026-03-15T11:00:00Z", "guild_id": 43}]
    assert (await of_42.post("/events", json={"events": told})).status_code == 403
    assert sum(day["calls"] for day in (await of_42.get("/daily")).json()) == 3


async def test_a_nul_is_looked_for_as_it_is_stored(everything: httpx.AsyncClient, tracker: UsageTracker) -> None:
    """PostgreSQL takes none, in a text or in a question: it is `?` on every way in."""
    named = ("id", "model", "provider", "error_type", "response_id", "service_tier", "operation", "user_id")
    named += ("session_id", "workflow_id", "execution_id", "agent_name")
    told = {"at": "2026-03-15T11:00:00Z", "cost": "1", **{name: f"{name}\0" for name in named}}
    assert (await everything.post("/events", json={"events": [told]})).json() == {"accepted": 1, "rejected": []}
    [row] = await tracker.database.fetch("SELECT * FROM usage_records WHERE user_id = 'user_id?'")
    assert not [value for value in row if isinstance(value, str) and "\0" in value]
    user, thread, daily, summary = [
        (await everything.get(path)).json()
        for path in (
            "/token-usage/user/user_id%00",
            "/token-usage/thread/session_id%00",
            "/daily?days=1&user_id=user_id%00",
            "/summary?start=0001-01-01&end=9999-12-31&user_id=user_id%00",
        )
    ]
    assert (user["total_requests"], thread["total_requests"], daily[0]["calls"]) == (1, 1, 1)
    assert summary["total_calls"] == 1  # and there is no day after the last one


@pytest.mark.parametrize(
    ("path", "where"),
    [
        ("/daily?days=0", "query.days"),
        ("/daily?days=many", "query.days"),
        ("/top-users?limit=100000", "query.limit"),
        ("/token-usage/all?guild_id=-1", "query.guild_id"),
        ("/breakdown?by=colour", "query.by"),
    ],
)
async def test_a_mistake_is_named(everything: httpx.AsyncClient, path: str, where: str) -> None:
    answer = await everything.get(path)
    assert (answer.status_code, answer.headers["content-type"]) == (422, "application/problem+json")
    assert [one["where"] for one in answer.json()["errors"]] == [where]


@pytest.mark.parametrize(
    ("path", "status", "detail"),
    [
        ("/token-usage/all?cursor=x", 422, "`cursor` isn't one of ours"),
        ("/top-users?start=2026-03-02&end=2026-03-01", 422, "`start` lies after `end`."),
        ("/budgets", 422, "Say whose budgets"),
        ("/daily?user_id=ann&guild_id=42", 422, "A person's days are those on all servers"),
        ("/nowhere", 404, "Not Found"),
    ],
)
async def test_other_problems(everything: httpx.AsyncClient, path: str, status: int, detail: str) -> None:
    answer = await everything.get(path)
    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json")
    assert answer.json()["detail"].startswith(detail)


async def test_the_description_is_there(everything: httpx.AsyncClient, tracker: UsageTracker) -> None:
    description = create_app(tracker).openapi()
    assert len(description["paths"]) >= 15
    assert (await everything.get("/docs")).status_code == 200
    assert (await everything.get("/health")).json()["status"] == "ok"
