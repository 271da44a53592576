"""`/owner servers`: across servers, for the people who run the bot, on their server only (I26)."""

import asyncio
from datetime import timedelta

import pytest
import simcord

from bot.client import Trilo
from bot.settings import Settings
from bot.usage.alert_book import MAIN
from bot.usage.alert_rows import AlertKind
from bot.usage.tracker import UsageTracker
from cogs._access import NOT_THE_OWNER
from tests.cogs.helpers import NOW, Books, Clock, Server, make_server, texts

OWNER_GUILD = 1456074443980800006
"""The id that simcord gives to the first server here: it counts up from the start of its own time."""


@pytest.fixture
def extensions() -> tuple[str, ...]:
    """These only: simcord counts commands in the same row of ids as servers."""
    return ("cogs.token_stats", "cogs.owner", "cogs.help")


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return settings.model_copy(update={"owner_guild_id": OWNER_GUILD})


@pytest.fixture
def hq(server: Server, bot: Trilo) -> Server:
    """The owners' server; its `member` owns the application."""
    assert server.guild.id == OWNER_GUILD
    bot.owner_id = server.member.id
    return server


async def test_the_total_first_then_the_dearest_servers(hq: Server, books: Books, simcord_env: simcord.Env, bot: Trilo):
    other = make_server(simcord_env, "```Ünï*code* 🏈")
    await books.book(hq.guild.id, 5_120_000)
    await books.book(other.guild.id, 2_000_000_000)
    await books.book(123456789012345678, 1_000_000_000, days_ago=3)
    await books.book(0, 500_000_000)
    await books.book(other.guild.id, 9_000_000_000, days_ago=28)
    result = await hq.member.slash(hq.channel, "owner servers")
    assert result.acknowledged
    assert result.response.ephemeral
    number, breakdown = texts(result.response)
    assert number == "## $3.51 this month\n-# 4\u00a0calls · 480\u00a0tokens · in 2\u00a0servers now · days in UTC"
    assert breakdown.splitlines() == [
        "```",
        "'''Ünï*code* 🏈",
        "  $2.00    57 %  1 call",
        "left server 123456789012345678",
        "  $1.00    29 %  1 call",
        "outside servers",
        "  $0.50    14 %  1 call",
        "league",
        "  $0.0051  <1 %  1 call",
        "```",
    ]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("LEAG", ["**1\u00a0server with `LEAG`**", "```", "cost      %  calls  server", "$0.0051  <1      1  league"]),
        ("56789", ["**1\u00a0server with `56789`**", "```", "left server 123456789012345678", "  $1.00  99 %  1 call"]),
        ("quiet", ["**1\u00a0server with `quiet`**", "```", "cost   %  calls  server", "$0.00  0      0  quiet "]),
        ("``` @everyone", ["No server's name or id contains `''' @everyone`."]),
    ],
)
async def test_servers_are_found_by_name_and_id(
    hq: Server, books: Books, simcord_env: simcord.Env, query: str, expected: list[str]
):
    make_server(simcord_env, "quiet")
    await books.book(hq.guild.id, 5_120_000)
    await books.book(123456789012345678, 1_000_000_000)
    result = await hq.member.slash(hq.channel, "owner servers", query=query)
    number, found = texts(result.response)
    assert number.startswith("## $1.01 this month\n")
    assert [line for line in found.splitlines() if line != "```"] == [line for line in expected if line != "```"]


async def test_many_servers_are_fifteen_and_one_line(hq: Server, books: Books):
    await asyncio.gather(*(books.book(10**17 + n, 10**9) for n in range(1000)))
    result = await hq.member.slash(hq.channel, "owner servers")
    number, breakdown = texts(result.response)
    assert number.startswith("## $1,000.00 this month\n")
    assert breakdown.splitlines()[-1] == "and 985\u00a0other servers: $985.00 in 985\u00a0calls"
    result = await hq.member.slash(hq.channel, "owner servers", query="00")
    _, found = texts(result.response)
    assert found.startswith("**1,001\u00a0servers with `00`**\n```\n")
    assert found.endswith("```\nand 986 more: narrow it down")


async def test_a_month_without_calls(hq: Server):
    result = await hq.member.slash(hq.channel, "owner servers")
    assert texts(result.response)[1] == "No server has used the AI this month."


async def test_addresses_that_alerts_dont_reach(hq: Server, tracker: UsageTracker, clock: Clock):
    """I20: the operator sees them, where there are any. I35: by their labels."""
    for n in range(6):
        await tracker.alert_targets.add(n + 1, f"jsons://me:secret@{n}.org", f"jsons://{n}.org/…", actor=1)
        await tracker.alerts.fire(AlertKind.PROVIDER_KEY, n + 1, str(n))
        await tracker.alerts.take_up()
        clock.now += timedelta(days=1)
    assert len(texts((await hq.member.slash(hq.channel, "owner servers")).response)) == 2
    for owed in await tracker.alerts.due():
        if owed.target not in MAIN and (delivery := await tracker.alerts.claim(owed)) is not None:
            await tracker.alerts.failed(delivery, "no answer")
    *_, last = texts((await hq.member.slash(hq.channel, "owner servers", query="league")).response)
    fired = [int(NOW.timestamp()) + n * 86_400 for n in range(5)]
    named = [f"`jsons://{n}.org/… (server {n + 1})` (since <t:{at}:d>)" for n, at in enumerate(fired)]
    assert last == f"-# Alerts don't reach: {', '.join(named)}, and 1 more"


async def test_nobody_else_may_not_even_the_servers_owner(hq: Server, books: Books):
    """I26."""
    await books.book(hq.guild.id, 5_120_000)
    for actor in (hq.owner, hq.manager):
        result = await actor.slash(hq.channel, "owner servers")
        assert texts(result.response) == [NOT_THE_OWNER]
        assert result.response.ephemeral


async def test_members_of_the_team_may(hq: Server, bot: Trilo):
    bot.owner_id = None
    bot.owner_ids = {hq.manager.id, 7}
    assert texts((await hq.manager.slash(hq.channel, "owner servers")).response)[0].startswith("## $0.00 this month")
    assert texts((await hq.member.slash(hq.channel, "owner servers")).response) == [NOT_THE_OWNER]


async def test_it_is_on_the_owners_server_only(hq: Server, simcord_env: simcord.Env):
    other = make_server(simcord_env, "other")
    assert "owner servers" in hq.member.available_commands(hq.channel)
    assert "owner servers" not in other.owner.available_commands(other.channel)


class TestWithoutOwnerGuild:
    """OWNER_GUILD_ID unset: there is no such command anywhere."""

    @pytest.fixture
    def settings(self, settings: Settings) -> Settings:
        return settings.model_copy(update={"owner_guild_id": None})

    async def test_nothing_is_registered(self, server: Server, bot: Trilo):
        bot.owner_id = server.owner.id
        assert server.owner.available_commands(server.channel) == ("help", "token-stats")
        assert bot.tree.get_commands(guild=server.guild) == []
