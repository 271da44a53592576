"""Discord's subscriptions: bought, renewed, ended and refunded, for oneself or a server, while the bot runs or not."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import pytest
import simcord

from bot.client import Trilo
from bot.settings import Settings
from bot.usage.budgeting.tier_grants import Source
from bot.usage.tracker import UsageTracker
from cogs.subscriptions import SubscriptionsCog
from tests.cogs.helpers import Clock, Server

SKU = 1_200_000_000_000_000_001
OTHER_SKU = 1_200_000_000_000_000_002


@pytest.fixture
def clock() -> Clock:
    """Discord's clock here stands at the beginning of 2026: ours a little later, so that what ended there has ended."""
    clock = Clock()
    clock.now = datetime(2026, 1, 1, 0, 0, 1, tzinfo=UTC)
    return clock


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return settings.model_copy(update={"premium_sku_id": SKU})


@pytest.fixture
def sku(simcord_env: simcord.Env) -> simcord.SKUHandle:
    simcord_env.create_sku("Something else", id=OTHER_SKU)
    return simcord_env.create_sku("Premium", id=SKU)


def cog_of(bot: Trilo) -> SubscriptionsCog:
    """The cog that is loaded: discord.py loads extensions as modules of its own, so its class isn't quite ours."""
    return cast("SubscriptionsCog", bot.get_cog("SubscriptionsCog"))


async def tier_of(tracker: UsageTracker, user: object, guild_id: int = 0) -> str:
    return (await tracker.get_quota_summary(user, guild_id=guild_id))["subscription_tier"]


async def test_a_persons_own_subscription(
    simcord_env: simcord.Env, server: Server, sku: simcord.SKUHandle, tracker: UsageTracker
):
    """Bought, it holds on every server for that person; refunded, it is over."""
    bought = await simcord_env.grant_entitlement(sku, user=server.member)
    assert [await tier_of(tracker, server.member.id, guild) for guild in (0, 1)] == ["premium", "premium"]
    assert await tier_of(tracker, server.manager.id) == "free"
    await bought.revoke()
    assert await tier_of(tracker, server.member.id) == "free"


async def test_a_servers_subscription(
    simcord_env: simcord.Env, server: Server, sku: simcord.SKUHandle, tracker: UsageTracker
):
    """Everybody on the server is premium there, and nowhere else."""
    bought = await simcord_env.grant_entitlement(sku, guild=server.guild)
    assert (await tracker.settings.of(server.guild.id)).tier == "premium"
    assert await tier_of(tracker, server.member.id, server.guild.id) == "premium"
    assert await tier_of(tracker, server.member.id) == "free"
    await bought.end()
    assert (await tracker.settings.of(server.guild.id)).tier is None


async def test_one_of_two_that_ends_takes_nothing(
    simcord_env: simcord.Env, server: Server, sku: simcord.SKUHandle, tracker: UsageTracker
):
    """A renewal may be a second entitlement beside the first."""
    first = simcord_env.seed_entitlement(sku, user=server.member)
    second = await simcord_env.grant_entitlement(sku, user=server.member)
    await first.end()
    assert await tier_of(tracker, server.member.id) == "premium"
    await second.end()
    assert await tier_of(tracker, server.member.id) == "free"


async def test_what_else_is_sold_gives_nothing(
    simcord_env: simcord.Env, server: Server, sku: simcord.SKUHandle, tracker: UsageTracker
):
    bought = await simcord_env.grant_entitlement(OTHER_SKU, user=server.member)
    assert await tier_of(tracker, server.member.id) == "free"
    await simcord_env.grant_entitlement(sku, user=server.member)
    await bought.revoke()
    assert await tier_of(tracker, server.member.id) == "premium"


async def test_an_event_that_comes_late_says_nothing_false(
    simcord_env: simcord.Env, server: Server, sku: simcord.SKUHandle, tracker: UsageTracker
):
    """Discord may send an event twice, or the first after the last: what holds is asked."""
    bought = await simcord_env.grant_entitlement(sku, user=server.member)
    await bought.end()
    await bought.replay_create()
    assert await tier_of(tracker, server.member.id) == "free"


async def test_what_ends_while_everything_is_read_has_ended(
    simcord_env: simcord.Env, server: Server, sku: simcord.SKUHandle, tracker: UsageTracker, bot: Trilo,
    monkeypatch: pytest.MonkeyPatch,
):  # fmt: skip
    """The list was made before its end, and is written down after its event has come."""
    bought = await simcord_env.grant_entitlement(sku, user=server.member)
    held_by, cog, tasks = tracker.quotas.grants.held_by, cog_of(bot), []

    async def late(*arguments: Any, **named: Any) -> Any:
        simcord_env.backend.entitlements.pop(bought.id)
        tasks.append(asyncio.create_task(cog.on_entitlement_delete(bought_now)))
        await asyncio.sleep(0.1)
        return await held_by(*arguments, **named)

    [bought_now] = [each async for each in bot.entitlements()]
    monkeypatch.setattr(tracker.quotas.grants, "held_by", late)
    await cog.read_anew()
    await asyncio.gather(*tasks)
    assert await tier_of(tracker, server.member.id) == "free"


async def test_what_changed_while_the_bot_was_away(
    simcord_env: simcord.Env, server: Server, sku: simcord.SKUHandle, tracker: UsageTracker, clock: Clock, bot: Trilo
):
    """At each start, and every few hours, everything is read anew; what the operator gave stays."""
    gone = simcord_env.seed_entitlement(sku, user=server.manager, deleted=True)
    simcord_env.seed_entitlement(sku, user=server.member)
    simcord_env.seed_entitlement(sku, guild=server.guild)
    simcord_env.seed_entitlement(OTHER_SKU, user=server.owner)
    grants = tracker.quotas.grants
    await grants.grant_person(str(server.manager.id), "premium", Source.ENTITLEMENT)
    await grants.grant_server(4242, "premium", Source.ENTITLEMENT)
    await grants.grant_person("77", "premium", Source.OPERATOR)
    clock.now += timedelta(hours=1)
    await cog_of(bot).read_anew()
    assert gone.snapshot().deleted
    people = [await tier_of(tracker, who) for who in (server.member.id, server.manager.id, server.owner.id, 77)]
    assert people == ["premium", "free", "free", "premium"]
    assert [(await tracker.settings.of(guild)).tier for guild in (server.guild.id, 4242)] == ["premium", None]
    lines = len(await tracker.settings.audit(0))
    await cog_of(bot).read_anew()
    assert len(await tracker.settings.audit(0)) == lines, "reading the same again changes nothing"


async def test_an_end_that_is_known_needs_no_event(
    simcord_env: simcord.Env, server: Server, sku: simcord.SKUHandle, tracker: UsageTracker, clock: Clock, bot: Trilo
):
    over = clock.now + timedelta(days=30)
    simcord_env.seed_entitlement(sku, user=server.member, ends_at=over)
    simcord_env.seed_entitlement(sku, guild=server.guild, ends_at=over)
    await cog_of(bot).read_anew()
    assert await tier_of(tracker, server.member.id) == "premium"
    clock.now = over
    assert await tier_of(tracker, server.member.id) == "free"
    await tracker.quotas.grants.expire_servers()
    assert (await tracker.settings.of(server.guild.id)).tier is None


async def test_what_begins_later_holds_then(
    simcord_env: simcord.Env, server: Server, sku: simcord.SKUHandle, tracker: UsageTracker, clock: Clock, bot: Trilo
):
    begins = clock.now + timedelta(days=1)
    simcord_env.seed_entitlement(sku, user=server.member, starts_at=begins)
    await cog_of(bot).read_anew()
    assert await tier_of(tracker, server.member.id) == "free"
    clock.now = begins
    await cog_of(bot).read_anew()
    assert await tier_of(tracker, server.member.id) == "premium"


async def test_discord_out_of_reach_is_logged_and_caught_up(
    simcord_env: simcord.Env, server: Server, sku: simcord.SKUHandle, tracker: UsageTracker, bot: Trilo, caplog
):
    simcord_env.inject_error("GET", "/applications/*/entitlements", status=403)
    await simcord_env.grant_entitlement(sku, user=server.member)
    assert await tier_of(tracker, server.member.id) == "free"
    assert "a subscription isn't on the books before the next reading: Forbidden" in caplog.text
    await cog_of(bot).read_anew()
    assert await tier_of(tracker, server.member.id) == "premium"


class TestWithoutASku:
    """PREMIUM_SKU_ID unset: nothing is read, nothing is listened for."""

    @pytest.fixture
    def settings(self, settings: Settings) -> Settings:
        return settings.model_copy(update={"premium_sku_id": None})

    async def test_nothing_is_there(self, bot: Trilo, simcord_env: simcord.Env):
        assert bot.get_cog("SubscriptionsCog") is None
        assert [r for r in simcord_env.http_requests if "entitlements" in r.path] == []
