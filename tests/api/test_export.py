"""Export over HTTP: every call once, of the server and the days asked for, in pieces, and no cell a formula."""

import csv
import io
import json
from datetime import timedelta

import httpx
import pytest

from bot.usage import UsageTracker
from bot.usage.bookkeeping import booked
from tests.api.conftest import Clock


@pytest.mark.parametrize("path", ["/export", "/export?period=month", "/export?start=2026-03-06&end=2026-03-15"])
async def test_every_call_once_in_pieces(everything: httpx.AsyncClient, monkeypatch, path: str) -> None:
    """I8: oldest first, with the exact cost; a page of the books at a time."""
    monkeypatch.setattr(booked, "PAGE", 3)
    lines = await everything.get(path)
    assert lines.headers["content-type"] == "application/x-ndjson"
    assert lines.headers["cache-control"] == "no-store"
    calls = [json.loads(line) for line in lines.text.splitlines()]
    assert [(call["user_id"], call["cost_nano_usd"]) for call in calls] == [
        ("ann", 2_000_000), ("ann", 1_000_000), ("ann", 2_000_000), ("bob", 4_000_000)
    ]  # fmt: skip
    table = await everything.get(path, params={"format": "csv", **httpx.QueryParams(httpx.URL(path).query)})
    assert table.headers["content-type"] == "text/csv; charset=utf-8"
    assert table.headers["content-disposition"] == 'attachment; filename="trilo-all-to-2026-03-15.csv"'
    rows = list(csv.DictReader(io.StringIO(table.text)))
    assert [row["id"] for row in rows] == [call["id"] for call in calls]
    assert list(rows[0]) == list(calls[0])


async def test_of_some_days(everything: httpx.AsyncClient, tracker: UsageTracker, clock: Clock) -> None:
    """I17: the days are the server's own, as in its reports: noon UTC is the next morning in Kiritimati."""

    async def sizes(*days: str) -> list[int]:
        answers = [await everything.get(f"/export?guild_id=42&{day}") for day in days]
        assert [answer.status_code for answer in answers] == [200] * len(days)
        return [len(answer.text.splitlines()) for answer in answers]

    assert await sizes("start=2026-03-06&end=2026-03-06", "start=2026-03-07", "period=today") == [1, 2, 2]
    await tracker.settings.set_time_zone(42, "Pacific/Kiritimati")
    clock.now += timedelta(days=40)
    await tracker.track_llm_call(guild_id=42, model="gpt-4o", input_tokens=1)
    day = (await tracker.reports.days(42, "today")).first
    assert (clock.now.date().isoformat(), day.isoformat()) == ("2026-04-24", "2026-04-25")
    assert await sizes("period=today", f"start={day}", f"start={clock.now.date()}&end={clock.now.date()}") == [1, 1, 0]
    assert await sizes("end=1969-01-01", "end=9999-12-31") == [0, 4]


async def test_a_servers_key_exports_that_server_alone(of_42: httpx.AsyncClient, tracker: UsageTracker) -> None:
    """I26; and what a caller chose isn't run by whoever opens the file."""
    await tracker.track_llm_call(guild_id=42, operation="=1+1", user_id="@SUM(A1)", model="gpt-4o", input_tokens=1)
    answer = await of_42.get("/export?format=csv")
    rows = list(csv.DictReader(io.StringIO(answer.text)))
    assert [(row["guild_id"], row["user_id"]) for row in rows] == [("42", "ann")] * 3 + [("42", "'@SUM(A1)")]
    assert rows[3]["operation"] == "'=1+1"
    other = await of_42.get("/export?guild_id=43")
    assert (other.status_code, other.json()["type"]) == (403, "about:blank#other_server")


async def test_what_can_not_be_exported(everything: httpx.AsyncClient, tracker: UsageTracker) -> None:
    for query in ("format=xml", "period=month&start=2026-03-01", "start=2026-03-02&end=2026-03-01", "period=year"):
        assert (await everything.get(f"/export?{query}")).status_code == 422, query
    await tracker.force_flush()
    await tracker.database.close()
    assert (await everything.get("/export")).status_code == 503
