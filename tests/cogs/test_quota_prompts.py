"""A member's own quota under an answer and in a refusal: one line at 80 and 90 %, one prompt at 100 %, in Discord."""

import asyncio
from typing import Any

import discord
import pytest
import simcord

from bot.client import Services, Trilo
from bot.settings import Settings
from bot.usage.budgeting.calendars import ALWAYS_UTC, Period
from bot.usage.budgeting.events import Event
from bot.usage.budgeting.quotas import Tier, Tiers
from bot.usage.errors import DatabaseUnavailableError, QuotaResult
from cogs._questions.refusals import REACTION
from cogs._questions.upgrade import ASK_THE_OPERATOR, upgrade_view, upgrade_words
from tests.cogs.helpers import SIGN

SKU, URL = 1_200_000_000_000_000_001, "https://example.com/premium"
GIVES = "Premium members have 1,000,000 tokens a month."


@pytest.fixture
def settings(request: pytest.FixtureRequest) -> Settings:
    return Settings(_env_file=None, default_server_limit_usd=None, **getattr(request, "param", {}))


@pytest.fixture
async def simcord_bot(services: Services) -> Trilo:
    return Trilo(services, always_sync=True, shard_count=1)


@pytest.fixture
async def place(simcord_env: simcord.Env, services: Services) -> tuple[Any, Any, Any]:
    """A server where quotas are on."""
    guild = simcord_env.create_guild("League")
    channel = guild.create_text_channel("general")
    alice = guild.add_member(simcord_env.create_user("alice"))
    await services.tracker.settings.choose(guild.id, quotas=True)
    return guild, channel, alice


async def has_used(services: Services, who: Any, tokens: int) -> None:
    """Put the counter of somebody's month at so many tokens."""
    tracker = services.tracker
    await tracker.force_flush()
    sql = (
        "INSERT INTO budget_periods (guild_id, budget_id, key, period_start, spent, reserved, doubtful, fired) "
        "VALUES (0, 'quota', $1, $2, $3, 0, 0, 0) "
        "ON CONFLICT (guild_id, budget_id, key, period_start) DO UPDATE SET spent = excluded.spent"
    )
    month = ALWAYS_UTC.start(Period.MONTH, tracker.clock())
    await tracker.ledger._database.execute(sql, str(who.id), month, tokens)


async def ask(env: simcord.Env, who: Any, channel: Any, text: str = "hello") -> Any:
    assert env.bot.user is not None
    await who.send(channel, f"<@{env.bot.user.id}> {text}")
    return channel.last_message


def buttons(message: Any) -> list[tuple[discord.ButtonStyle, object]]:
    rows = [row for row in message.components if isinstance(row, discord.ActionRow)]
    return [
        (item.style, item.sku_id or item.url)
        for row in rows
        for item in row.children
        if isinstance(item, discord.Button)
    ]


class TestTheLine:
    async def test_once_at_eighty_and_once_at_ninety(self, simcord_env: simcord.Env, place: Any, services: Services):
        """I19, row A4: never a message out of the blue, one line under an answer."""
        _, channel, alice = place
        assert "-#" not in (await ask(simcord_env, alice, channel)).content
        await has_used(services, alice, 8_000)
        first = await ask(simcord_env, alice, channel)
        assert (
            first.content.splitlines()[-1]
            == "-# You've passed 80\u00a0% of your monthly tokens. `/my-usage` shows what is left."
        )
        assert "-#" not in (await ask(simcord_env, alice, channel)).content
        await has_used(services, alice, 9_200)
        second = await ask(simcord_env, alice, channel)
        assert (
            second.content.splitlines()[-1]
            == "-# You've passed 90\u00a0% of your monthly tokens. `/my-usage` shows what is left."
        )
        assert "-#" not in (await ask(simcord_env, alice, channel)).content

    async def test_not_where_quotas_are_off(self, simcord_env: simcord.Env, place: Any, services: Services):
        """I16."""
        guild, channel, alice = place
        await services.tracker.settings.choose(guild.id, quotas=False)
        await has_used(services, alice, 12_000)
        answer = await ask(simcord_env, alice, channel)
        assert answer.author.id == simcord_env.bot.user.id
        assert "-#" not in answer.content

    async def test_not_for_whoever_has_more(self, simcord_env: simcord.Env, place: Any, services: Services):
        """By role: a tier that the server gives."""
        guild, channel, _ = place
        role = guild.create_role("Coaches")
        bob = guild.add_member(simcord_env.create_user("bob"), roles=[role])
        await services.tracker.quotas.set_rule(guild.id, f"role:{role.id}", "premium")
        await has_used(services, bob, 12_000)
        assert "-#" not in (await ask(simcord_env, bob, channel)).content

    async def test_a_rule_by_role_holds_at_the_next_question(
        self, simcord_env: simcord.Env, place: Any, services: Services
    ):
        """From what is pressed in `/settings` to the door."""
        guild, channel, _ = place
        coaches = guild.create_role("Coaches")
        admins = guild.create_role("Admins", permissions=discord.Permissions(manage_guild=True))
        admin = guild.add_member(simcord_env.create_user("admin"), roles=[admins])
        bob = guild.add_member(simcord_env.create_user("bob"), roles=[coaches])
        await has_used(services, bob, 12_000)
        assert "You have used up your AI tokens" in (await ask(simcord_env, bob, channel)).content
        view = (await admin.slash(channel, "settings")).response
        await admin.select(view, ["quotas"], custom_id="settings:page")

        async def gives(tier: str) -> Any:
            await admin.select(view, [coaches], custom_id="settings:quota-role")
            await admin.select(view, [tier], custom_id="settings:quota-tier")
            return await ask(simcord_env, bob, channel)

        for tier in ("premium", "exempt"):
            answer = await gives(tier)
            assert answer.author.id == simcord_env.bot.user.id
            assert "used up" not in answer.content
        for tier in ("free", "-"):
            refused = await gives(tier)
            assert [str(reaction.emoji) for reaction in refused.reactions] == [REACTION]

    async def test_the_books_out_of_reach_cost_the_line_and_not_the_answer(
        self, simcord_env: simcord.Env, place: Any, services: Services, monkeypatch: pytest.MonkeyPatch
    ):
        """I23."""

        async def broken(*_arguments: object, **_named: object) -> None:
            raise DatabaseUnavailableError("t.db", "disk I/O error")

        _, channel, alice = place
        await has_used(services, alice, 8_000)
        monkeypatch.setattr(services.tracker.quotas, "newly_crossed", broken)
        answer = await ask(simcord_env, alice, channel)
        assert answer.author.id == simcord_env.bot.user.id
        assert "-#" not in answer.content


class TestThePrompt:
    """Row D2: Discord's premium button where PREMIUM_SKU_ID is set, else PREMIUM_URL, else words."""

    @pytest.mark.parametrize(
        ("settings", "expected", "words"),
        [
            ({"premium_sku_id": SKU, "premium_url": URL}, [(discord.ButtonStyle.premium, SKU)], GIVES),
            ({"premium_url": URL}, [(discord.ButtonStyle.link, URL)], GIVES),
            ({}, [], f"{GIVES} {ASK_THE_OPERATOR}"),
        ],
        indirect=["settings"],
    )
    async def test_a_used_up_quota(
        self, simcord_env: simcord.Env, place: Any, services: Services, expected: object, words: str
    ):
        """One prompt, then a reaction; nothing is asked of the model; who subscribed is told once."""
        guild, channel, alice = place
        events: list[Event] = []
        services.tracker.on_event(events.append)
        await has_used(services, alice, 10_000)
        refused = await ask(simcord_env, alice, channel)
        assert refused.content.startswith("You have used up your AI tokens for this month. They are back <t:")
        assert refused.content.endswith(words + SIGN)
        assert buttons(refused) == expected
        again = await ask(simcord_env, alice, channel)
        assert again.author.id == alice.id
        assert [str(reaction.emoji) for reaction in again.reactions] == [REACTION]
        await asyncio.sleep(0)
        told = [event for event in events if event.kind == "quota_exceeded"]
        assert [(event.user_id, event.properties["operation"]) for event in told] == [
            (str(alice.id), "general_conversation")
        ] * 2
        assert told[0].properties["reason"].startswith("Your 10,000 tokens for this month are used up.")
        prompts = [event for event in events if event.kind == "upgrade_prompt_shown"]
        assert [(event.user_id, event.properties) for event in prompts] == [
            (
                str(alice.id),
                {"feature": "general_conversation", "tokens_needed": 850, "tokens_remaining": 0},
            )
        ]
        assert (await services.tracker.reports.spend(guild.id, "all", "operation")).total.calls == 0

    async def test_the_prompt_comes_without_its_event_where_the_books_are_out_of_reach(
        self, simcord_env: simcord.Env, place: Any, services: Services, monkeypatch: pytest.MonkeyPatch
    ):
        """I23."""

        async def broken(*_arguments: object) -> None:
            raise DatabaseUnavailableError("t.db", "disk I/O error")

        _, channel, alice = place
        await has_used(services, alice, 10_000)
        monkeypatch.setattr(services.tracker.quotas, "prompted", broken)
        assert GIVES in (await ask(simcord_env, alice, channel)).content

    @pytest.mark.parametrize("settings", [{"premium_url": URL}], indirect=True)
    async def test_whoever_is_premium_is_offered_nothing(
        self, simcord_env: simcord.Env, place: Any, services: Services
    ):
        _, channel, alice = place
        await services.tracker.update_user_subscription(alice.id, "premium")
        await has_used(services, alice, 1_000_000)
        refused = await ask(simcord_env, alice, channel)
        assert refused.content.startswith("You have used up your AI tokens for this month. They are back <t:")
        assert "Premium" not in refused.content
        assert buttons(refused) == []

    @pytest.mark.parametrize("settings", [{"premium_sku_id": SKU}], indirect=True)
    async def test_a_button_that_discord_refuses_doesnt_cost_the_words(
        self, simcord_env: simcord.Env, place: Any, services: Services
    ):
        """I30: a PREMIUM_SKU_ID with a mistake in it never means silence."""
        _, channel, alice = place
        await has_used(services, alice, 10_000)
        simcord_env.inject_error("POST", "/channels/*/messages", status=400)
        refused = await ask(simcord_env, alice, channel)
        assert refused.content.startswith("You have used up your AI tokens for this month.")
        assert buttons(refused) == []

    async def test_an_upgrade_holds_at_once(self, simcord_env: simcord.Env, place: Any, services: Services):
        _, channel, alice = place
        await has_used(services, alice, 10_000)
        assert "used up" in (await ask(simcord_env, alice, channel)).content
        await services.tracker.update_user_subscription(alice.id, "premium")
        answer = await ask(simcord_env, alice, channel)
        assert answer.author.id == simcord_env.bot.user.id
        assert "used up" not in answer.content


async def test_words_of_a_tier_without_a_limit(settings: Settings):
    tiers = Tiers([Tier("free", 10), Tier("premium", None, premium=True)])
    refused = QuotaResult(False, "x", True, 0)
    assert upgrade_words(settings, tiers, refused) == (
        f"Premium members have as many tokens as you like. {ASK_THE_OPERATOR}"
    )
    assert upgrade_words(settings, tiers, QuotaResult(False, "x", False, 0)) == ""
    assert upgrade_view(settings) is None
