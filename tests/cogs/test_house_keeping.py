"""What the bot throws away twice a day, and which shards it runs."""

from datetime import timedelta
from typing import Any, cast

import pytest

from bot.client import Services, Trilo
from bot.settings import Settings
from bot.usage.alerting.alert_book import KEPT
from bot.usage.budgeting.tier_grants import Source
from bot.usage.errors import DatabaseUnavailableError
from bot.usage.storage.sqlite import SqliteDatabase
from bot.usage.tracker import UsageTracker
from tests.cogs.alerts import a_budget, chooses, cog_of, deliver, spends
from tests.cogs.helpers import Books, Clock, Server


@pytest.fixture
def extensions() -> tuple[str, ...]:
    return ("cogs.alerts",)


async def rows(tracker: UsageTracker, table: str) -> int:
    database: SqliteDatabase = tracker.ledger._database
    return int((await database.fetch(f"SELECT count(*) FROM {table}"))[0][0])


async def test_old_claims_and_deliveries_go_and_the_history_stays(
    server: Server, books: Books, bot: Trilo, clock: Clock
):
    tracker = books.tracker
    await tracker.claims.claim("message 1")
    await chooses(books, server, server.channel)
    await spends(books, server, "4.50")
    await a_budget(books, server)
    await deliver(cog_of(bot))
    await bot._keep_house()
    assert (await rows(tracker, "claims"), await rows(tracker, "alert_deliveries")) == (1, 1)
    clock.now += KEPT + timedelta(minutes=1)
    await bot._keep_house()
    assert (await rows(tracker, "claims"), await rows(tracker, "alert_deliveries")) == (0, 0)
    assert len(await tracker.alerts.history(server.guild.id)) == 2
    assert await tracker.alerts.owed() == []


async def test_old_single_calls_go_and_their_sums_stay(server: Server, books: Books, bot: Trilo, clock: Clock):
    """I25, D9: after 90 days, unless the operator keeps them for good."""
    tracker = books.tracker
    await spends(books, server, "4.50")
    calls = await rows(tracker, "usage_records")
    spent = await rows(tracker, "spend_daily")
    assert calls > 0
    await bot._keep_house()
    assert await rows(tracker, "usage_records") == calls
    clock.now += timedelta(days=91)
    settings, bot.services.settings.retention_days = bot.services.settings, None
    await bot._keep_house()
    assert await rows(tracker, "usage_records") == calls
    settings.retention_days = 90
    await bot._keep_house()
    assert (await rows(tracker, "usage_records"), await rows(tracker, "spend_daily")) == (0, spent)


async def test_a_server_s_tier_ends_when_it_is_over(server: Server, books: Books, bot: Trilo, clock: Clock):
    """Also where no subscriptions are sold: an operator may have given it for a while."""
    tracker, over = books.tracker, clock.now + timedelta(days=1)
    await tracker.quotas.grants.grant_server(server.guild.id, "premium", Source.OPERATOR, until=over)
    await bot._keep_house()
    assert (await tracker.settings.of(server.guild.id)).tier == "premium"
    clock.now = over
    await bot._keep_house()
    assert (await tracker.settings.of(server.guild.id)).tier is None


async def test_books_out_of_reach_are_a_line_in_the_log(
    server: Server, bot: Trilo, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
):
    """I23: the loop goes on."""

    async def broken() -> None:
        raise DatabaseUnavailableError("t.db", "disk I/O error")

    monkeypatch.setattr(bot.services.tracker.alerts, "forget_old", broken)
    await bot._keep_house()
    assert [record.getMessage().partition(":")[0] for record in caplog.records if record.name == "bot.client"][-1] == (
        "what is out of date stays for now"
    )


async def test_a_process_runs_the_shards_it_is_given(settings: Settings, tracker: UsageTracker):
    """SHARD_COUNT and SHARD_IDS; without them as many as Discord recommends."""
    nobody = cast("Any", None)
    mine = settings.model_copy(update={"shard_count": 6, "shard_ids": frozenset({5, 3, 4})})
    some = Trilo(Services(mine, tracker, nobody, nobody, nobody, nobody))
    assert (some.shard_count, some.shard_ids) == (6, [3, 4, 5])
    every = Trilo(Services(settings, tracker, nobody, nobody, nobody, nobody))
    assert (every.shard_count, every.shard_ids) == (None, None)
