"""Prometheus: `/metrics` as a scrape reads it, behind a key, bounded however many names callers choose."""

import asyncio
import time
from collections.abc import Iterator

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from bot.api.app import create_app
from bot.api.keys import KeyBook
from bot.integrations import prometheus
from bot.integrations.prometheus import Metrics
from bot.outlets import counted
from bot.usage import BudgetExceededError, TrackedOpenAI, UsageTracker, token_tracking_context
from bot.usage.records import Kind, Status, UsageRecord
from tests.usage.making import a_call, a_settlement


def samples(text: str) -> Iterator[tuple[str, dict[str, str], float]]:
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            yield sample.name, sample.labels, sample.value


def shown(metrics: Metrics, *without: str) -> dict[tuple[str, ...], float]:
    """Every sample by its name and its labels' values in the order of their names, but histograms' buckets."""
    return {
        (name, *labels.values()): value
        for name, labels, value in samples(metrics.render().decode())
        if "le" not in labels and not name.startswith(without)
    }


@pytest.fixture
def client(tracker: UsageTracker) -> TrackedOpenAI:
    return tracker.openai(base_url="http://127.0.0.1:9", api_key="test-key", max_retries=0)


async def test_what_is_shown(tracker: UsageTracker, client: TrackedOpenAI) -> None:
    """I9: calls by their end, tokens, cost without unpriced calls, durations; payments aren't AI calls."""
    metrics = Metrics(lambda: {"webhook": 3})
    await metrics.listen(tracker)
    for record in (
        UsageRecord(a_call(model="gpt-4o"), a_settlement(4_500_000, tokens=(1000, 200), duration_ms=1500)),
        UsageRecord(a_call(model="gpt-4o"), a_settlement(4_500_000, tokens=(1000, 200), duration_ms=500)),
        UsageRecord(a_call(model="mystery"), a_settlement(None, tokens=(5, 0), status=Status.ERROR)),
        UsageRecord(a_call(model="mystery"), a_settlement(None, tokens=(5, 0), status=Status.INTERRUPTED)),
        UsageRecord(a_call(kind=Kind.PAYMENT), a_settlement(10**9)),
    ):
        tracker.ledger.record(record)
    assert shown(metrics)["trilo_ledger_queue",] == 10
    await tracker.force_flush()
    await tracker.set_budget(scope="guild", guild_id=7, period="day", limit_usd=0, mode="hard")
    async with token_tracking_context(guild_id=7):
        with pytest.raises(BudgetExceededError):
            await client.chat.completions.create(model="gpt-4o", messages=[])
    await metrics.close()
    assert shown(metrics, "trilo_event_loop_lag") == {
        ("trilo_calls_total", "gpt-4o", "chat", "ok"): 2,
        ("trilo_calls_total", "mystery", "chat", "error"): 1,
        ("trilo_calls_total", "mystery", "chat", "interrupted"): 1,
        ("trilo_tokens_total", "gpt-4o", "chat", "input"): 2000,
        ("trilo_tokens_total", "gpt-4o", "chat", "output"): 400,
        ("trilo_tokens_total", "mystery", "chat", "input"): 10,
        ("trilo_tokens_total", "mystery", "chat", "output"): 0,
        ("trilo_cost_usd_total", "gpt-4o", "chat"): 0.009,
        ("trilo_unpriced_calls_total", "mystery", "chat"): 2,
        ("trilo_call_duration_seconds_count", "gpt-4o", "chat"): 2,
        ("trilo_call_duration_seconds_sum", "gpt-4o", "chat"): 2.0,
        ("trilo_call_duration_seconds_count", "mystery", "chat"): 1,
        ("trilo_call_duration_seconds_sum", "mystery", "chat"): 0.007,
        ("trilo_refused_calls_total", "budget used_up"): 1,
        ("trilo_lost_events_total", "webhook"): 3,
        ("trilo_ledger_faults_total",): 0,
        ("trilo_unrecorded_calls_total",): 0,
        ("trilo_journalled_calls_total",): 0,
        ("trilo_dropped_calls_total",): 0,
        ("trilo_ledger_queue",): 0,
        ("trilo_calls_in_flight",): 0,
    }


def test_names_have_no_end_and_series_have() -> None:
    """I24, I33: beyond the first so many they count together; names of any text don't break a line; nobody is named."""
    metrics = Metrics(most_series=3)
    hostile = ('a"b\nc\\', "x" * 500, "\ud800", "one too many", "another")
    metrics.count(
        [UsageRecord(a_call(operation=name, user_id="ann", guild_id=4242), a_settlement()) for name in hostile]
    )
    calls = {key[1:]: value for key, value in shown(metrics).items() if key[0] == "trilo_calls_total"}
    assert calls == {
        ("gpt-4o-mini", 'a"b\nc\\', "ok"): 1,
        ("gpt-4o-mini", "x" * 100, "ok"): 1,
        ("gpt-4o-mini", "?", "ok"): 1,
        ("other", "other", "ok"): 2,
    }
    assert b"ann" not in metrics.render()
    assert b"4242" not in metrics.render()


async def test_a_loop_that_is_held_up_shows(tracker: UsageTracker, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prometheus, "LAG_EVERY_SECONDS", 0.01)
    metrics = Metrics()
    await metrics.listen(tracker)
    await asyncio.sleep(0)
    time.sleep(0.2)  # noqa: ASYNC251 - as a mistake of ours would
    await asyncio.sleep(0.05)
    await metrics.close()
    found = {
        labels["le"]: n for name, labels, n in samples(metrics.render().decode()) if name.endswith("lag_seconds_bucket")
    }
    assert found["+Inf"] > found["0.1"] >= 0


async def test_the_route(tracker: UsageTracker) -> None:
    """I26: for keys to all servers, and from this machine in development; not there where nobody counts."""
    async with counted([], tracker) as render:
        for address, development, guild_id, status in (
            ("203.0.113.5", False, None, 200),
            ("203.0.113.5", False, 42, 403),
            ("203.0.113.5", False, ..., 401),
            ("203.0.113.5", True, ..., 401),
            ("127.0.0.1", False, ..., 401),
            ("127.0.0.1", True, ..., 200),
        ):
            headers = {}
            if guild_id is not ...:
                _, key = await KeyBook(tracker.database, tracker.clock).create("scrape", guild_id=guild_id)
                headers["Authorization"] = f"Bearer {key}"
            app = create_app(tracker, open_on_loopback=development, metrics=render)
            transport = httpx.ASGITransport(app, client=(address, 5))
            async with httpx.AsyncClient(transport=transport, base_url="http://trilo", headers=headers) as client:
                found = await client.get("/metrics")
            assert found.status_code == status, (address, development, guild_id)
            if status == 200:
                assert found.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
                assert "trilo_ledger_queue 0.0\n" in found.text
    without = httpx.ASGITransport(create_app(tracker, open_on_loopback=True), client=("127.0.0.1", 5))
    async with httpx.AsyncClient(transport=without, base_url="http://trilo") as client:
        assert (await client.get("/metrics")).status_code == 404
