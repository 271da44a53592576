"""`/owner servers`: across servers, for the people who run the bot, on their server only (I26)."""

import asyncio
from dataclasses import replace

import discord
import pytest
import simcord

from bot.client import Trilo
from bot.settings import Settings
from bot.translation import translated
from cogs._kit.access import NOT_THE_OWNER
from tests.cogs.helpers import Books, Server, everybody_speaks, make_server, texts


async def test_the_total_first_then_the_dearest_servers(hq: Server, books: Books, simcord_env: simcord.Env, bot: Trilo):
    other = make_server(simcord_env, "```Ünï*code* 🏈")
    await books.book(hq.guild.id, 5_120_000)
    await books.book(other.guild.id, 2_000_000_000)
    await books.book(123456789012345678, 1_000_000_000, days_ago=3)
    await books.book(0, 500_000_000)
    await books.book(other.guild.id, 9_000_000_000, days_ago=28)
    budgets = books.tracker.budgets
    await budgets.set(scope="guild", guild_id=other.guild.id, limit_usd="7.50", owner="operator")
    await budgets.set(scope="guild", guild_id=other.guild.id, limit_usd=1)  # a server's own isn't the operator's cap
    await budgets.set(scope="guild", guild_id=hq.guild.id, limit_usd=2, period="week", owner="operator")
    result = await hq.member.slash(hq.channel, "owner servers")
    assert result.acknowledged
    assert result.response.ephemeral
    number, breakdown = texts(result.response)
    assert number == "## $3.51 this month\n-# 4\u00a0calls · 480\u00a0tokens · in 2\u00a0servers now · days in UTC"
    assert breakdown.splitlines() == [
        "**4\u00a0servers**",
        "```",
        "server",
        "    cost  % calls cap       ",
        "'''Ünï*code* 🏈",
        " $2.00   57     1 $7.50     ",
        "left server",
        "123456789012345678",
        " $1.00   29     1 none      ",
        "outside servers",
        " $0.50   14     1 none      ",
        "league",
        " $0.0051 <1     1 $2.00/week",
        "```",
    ]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        (
            "LEAG",
            [
                "**1\u00a0server with `LEAG`**",
                "server",
                "     cost   %  calls  cap ",
                "league",
                "  $0.0051  <1      1  none",
            ],
        ),
        (
            "56789",
            [
                "**1\u00a0server with `56789`**",
                "server",
                "   cost   %  calls  cap ",
                "left server",
                "123456789012345678",
                "  $1.00  99      1  none",
            ],
        ),
        ("quiet", ["**1\u00a0server with `quiet`**", "cost  % calls cap  server", "$0.00 0     0 none quiet "]),
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
    assert [line for line in found.splitlines() if line != "```"] == expected


async def test_many_servers_are_shown_ten_at_a_time(hq: Server, books: Books):
    await asyncio.gather(*(books.book(10**17 + n, 10**9) for n in range(25)))
    view = (await hq.member.slash(hq.channel, "owner servers")).response
    assert texts(view)[0].startswith("## $25.00 this month\n")
    pages = [texts(view)[1]]
    for _ in range(2):
        await hq.member.click(view, label="▶")
        pages.append(texts(view)[1])
    assert [page.splitlines()[0] for page in pages] == [f"**25\u00a0servers** · page {n} of 3" for n in (1, 2, 3)]
    named = [line.split()[-1] for page in pages for line in page.splitlines() if line.startswith("1000000")]
    assert sorted(named) == [str(10**17 + n) for n in range(25)]
    await hq.member.click(view, label="◀")
    assert texts(view)[1] == pages[1]
    found = (await hq.member.slash(hq.channel, "owner servers", query="00")).response
    assert texts(found)[1].splitlines()[0] == "**26\u00a0servers with `00`** · page 1 of 3"


async def test_another_period_starts_on_its_first_page(hq: Server, books: Books):
    await books.book(hq.guild.id, 10**9)
    await asyncio.gather(*(books.book(10**17 + n, 2 * 10**9, days_ago=20) for n in range(15)))
    view = (await hq.member.slash(hq.channel, "owner servers", period="30d")).response
    await hq.member.click(view, label="▶")
    assert texts(view)[1].splitlines()[0] == "**16\u00a0servers** · page 2 of 2"
    await hq.member.select(view, ["all"], custom_id="owner-servers:period")
    assert texts(view)[0].startswith("## $31.00 in all\n")
    assert texts(view)[1].splitlines()[0] == "**16\u00a0servers** · page 1 of 2"
    await hq.member.select(view, ["today"], custom_id="owner-servers:period")
    assert texts(view)[0].startswith("## $1.00 today\n")


async def test_a_period_without_calls(hq: Server):
    result = await hq.member.slash(hq.channel, "owner servers")
    assert texts(result.response)[1] == "No server has used the AI then."


async def test_every_press_asks_again_who_it_is(hq: Server, bot: Trilo):
    """I26: also of somebody who ran the bot a moment ago."""
    views = [(await hq.member.slash(hq.channel, f"owner {name}")).response for name in ("servers", "health")]
    bot.owner_id = hq.manager.id
    for view in views:
        press = await hq.member.click(view, label="Refresh")
        assert (press.response.content, press.response.ephemeral) == (NOT_THE_OWNER, True)


async def test_nobody_else_may_not_even_the_servers_owner(hq: Server, books: Books):
    """I26."""
    await books.book(hq.guild.id, 5_120_000)
    for actor in (hq.owner, hq.manager):
        for command in ("servers", "health", "prices"):
            result = await actor.slash(hq.channel, f"owner {command}")
            assert texts(result.response) == [NOT_THE_OWNER]
            assert result.response.ephemeral
        assert await actor.autocomplete(hq.channel, "owner prices", "model", "gpt") == []


async def test_members_of_the_team_may(hq: Server, bot: Trilo):
    bot.owner_id = None
    bot.owner_ids = {hq.manager.id, 7}
    assert texts((await hq.manager.slash(hq.channel, "owner servers")).response)[0].startswith("## $0.00 this month")
    assert texts((await hq.member.slash(hq.channel, "owner servers")).response) == [NOT_THE_OWNER]


async def test_it_is_on_the_owners_server_only(hq: Server, simcord_env: simcord.Env):
    other = make_server(simcord_env, "other")
    assert "owner servers" in hq.member.available_commands(hq.channel)
    assert "owner servers" not in other.owner.available_commands(other.channel)


async def test_another_server_becomes_the_owners(hq: Server, bot: Trilo, monkeypatch: pytest.MonkeyPatch):
    """The one before loses the command, also where the first start after the change fails."""
    settings = bot.services.settings.model_copy(update={"owner_guild_id": 5})
    monkeypatch.setattr(bot, "services", replace(bot.services, settings=settings))
    bot.tree.clear_commands(guild=discord.Object(hq.guild.id))
    synced: list[int] = []

    async def sync(*, guild: discord.abc.Snowflake | None = None) -> None:
        synced.append(guild.id if guild is not None else 0)
        if len(synced) == 1:
            raise discord.DiscordException

    monkeypatch.setattr(bot.tree, "sync", sync)
    with pytest.raises(discord.DiscordException):
        await bot._sync_commands()
    await bot._sync_commands()
    assert sorted(synced[1:]) == [5, hq.guild.id]
    synced.clear()
    await bot._sync_commands()
    assert synced == []


class TestWithoutOwnerGuild:
    """OWNER_GUILD_ID unset: there is no such command anywhere."""

    @pytest.fixture
    def settings(self, settings: Settings) -> Settings:
        return settings.model_copy(update={"owner_guild_id": None})

    async def test_nothing_is_registered(self, server: Server, bot: Trilo):
        bot.owner_id = server.owner.id
        assert server.owner.available_commands(server.channel) == ("help", "my-usage")
        assert bot.tree.get_commands(guild=server.guild) == []


async def test_whoever_runs_the_bot_is_spoken_to_in_english(hq: Server, books: Books, monkeypatch: pytest.MonkeyPatch):
    """Amounts too, as the words around them; others are refused in their own language."""
    everybody_speaks("es-ES", monkeypatch)
    await books.book(hq.guild.id, 2_000_000_000)
    shown = (await hq.member.slash(hq.channel, "owner servers")).response
    for _ in range(2):
        assert texts(shown)[0].startswith("## $2.00 this month\n")
        await hq.member.click(shown, label="Refresh")
    refused = (await hq.manager.slash(hq.channel, "owner servers")).response
    assert texts(refused) == [translated(NOT_THE_OWNER, "es")]
