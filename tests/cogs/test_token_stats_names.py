"""`/token-stats` with many members, and with names that are made to break it."""

import asyncio

import aiohttp
import discord
import pytest
import simcord

from bot.client import Trilo
from bot.usage.records import Status
from cogs._kit.names import Names, can_view
from cogs._kit.tables import display_width
from tests.cogs.alerts import private_channel
from tests.cogs.helpers import Books, Server, texts

HOSTILE = (
    "*Blitz* __McGee__ ~~99~~ ||x||",
    "```\n# pwned",
    "Sam `QB1`",
    "陈伟陈伟陈伟陈伟陈伟陈伟陈伟陈伟",
    "👩‍👩‍👧🏈👍🏽",
    "שלום עולם",
    "\u202egnp.exe",
    "Z\u0301\u0302\u0303\u0304\u0305algo",
    "<@1> @everyone",
    "W" * 32,
)


async def test_names_that_are_markdown_emoji_or_right_to_left_break_nothing(
    server: Server, books: Books, simcord_env: simcord.Env
):
    """I27."""
    for number, name in enumerate(HOSTILE):
        member = server.guild.add_member(simcord_env.create_user(f"user{number}"), nick=name)
        await books.book(server.guild.id, (number + 1) * 1_000_000_000, user=member.id)
    result = await server.manager.slash(server.channel, "token-stats", by="member")
    block = texts(result.response)[1]
    assert block.count("```") == 2
    lines = block.splitlines()[4:-1]
    assert [lines.pop(1), lines.pop(13), lines.pop(-2)] == ["W" * 5, "伟陈伟", "||x||"]  # where a long name goes on
    assert lines[0::2] == [
        "W" * 27,
        "<@1> @everyone",
        "Ź\u0302\u0303algo",
        "gnp.exe",
        "\u200eשלום עולם",
        "👩👩👧🏈👍",
        "陈伟陈伟陈伟陈伟陈伟陈伟陈",
        "Sam 'QB1'",
        "''' # pwned",
        "*Blitz* __McGee__ ~~99~~",
    ]
    assert len({display_width(line) for line in lines[1::2]}) == 1
    assert {line.index(".") for line in lines[1::2]} == {5}
    assert not result.response.message.mentions
    assert not result.response.message.mention_everyone


async def test_those_who_left_and_channels_that_are_gone(server: Server, books: Books, simcord_env: simcord.Env):
    gone = server.guild.create_text_channel("gone")
    await books.book(server.guild.id, 10**9, user=server.member.id, channel=gone.id)
    server.guild.remove_member(server.member)
    simcord_env.backend.delete_channel(gone.id)
    shown = texts((await server.manager.slash(server.channel, "token-stats", by="member")).response)
    assert f"former member {str(server.member.id)[-4:]}" in shown[1]
    shown = texts((await server.manager.slash(server.channel, "token-stats", by="channel")).response)
    assert f"deleted channel {str(gone.id)[-4:]}" in shown[1]


async def test_a_channel_is_named_only_to_who_can_view_it(
    server: Server, books: Books, bot: Trilo, simcord_env: simcord.Env
):
    """I26: the role that may see usage gives no view of channels."""
    role = server.guild.create_role("Treasurers")
    treasurer = server.guild.add_member(simcord_env.create_user("treasurer"), roles=[role])
    await books.tracker.settings.choose(server.guild.id, usage_role_id=role.id)
    hidden = private_channel(server, "layoffs")
    await books.book(server.guild.id, 10**9, channel=hidden.id)
    await books.book(server.guild.id, 10**9, channel=server.channel.id)
    shown = (await treasurer.slash(server.channel, "token-stats", by="channel")).response
    digits = str(hidden.id)[-4:]
    for _ in range(2):
        assert {"#general", f"private channel {digits}"} < set(texts(shown)[1].splitlines())
        await treasurer.click(shown, label="Refresh")
    managers = (await server.manager.slash(server.channel, "token-stats", by="channel")).response
    assert "#layoffs" in texts(managers)[1]


async def test_a_private_thread_is_named_to_nobody_by_its_channel_alone(server: Server, bot: Trilo):
    """I26."""
    guild, channel = bot.get_guild(server.guild.id), bot.get_channel(server.channel.id)
    assert guild is not None
    assert isinstance(channel, discord.TextChannel)
    threads = [
        await channel.create_thread(name="open", type=discord.ChannelType.public_thread),
        await channel.create_thread(name="closed", type=discord.ChannelType.private_thread),
    ]
    keys = [str(thread.id) for thread in threads]
    everybody = Names(guild).channels(keys, guild.default_role)
    assert list(everybody.values()) == ["#open", f"private channel {keys[1][-4:]}"]
    assert [can_view(guild, key, guild.me) for key in keys] == [True, True]
    assert list(Names(guild).channels(keys).values()) == ["#open", "#closed"]
    assert not can_view(guild, "42", guild.me)
    found = Names(guild).threads([*keys, "123456", "of another program"], guild.default_role)
    assert list(found.values()) == ["#open", f"private channel {keys[1][-4:]}", "thread 3456", "of another program"]


@pytest.mark.parametrize("trouble", [TimeoutError, aiohttp.ClientConnectionResetError])
async def test_where_discord_gives_no_names_nobody_is_said_to_have_left(
    server: Server, books: Books, monkeypatch: pytest.MonkeyPatch, trouble: type[Exception]
):
    """It is silent, or the connection is just being made anew."""

    async def silent(*_args, **_options):
        raise trouble

    monkeypatch.setattr(discord.Guild, "query_members", silent)
    await books.book(server.guild.id, 10**9, user=server.member.id)
    shown = texts((await server.manager.slash(server.channel, "token-stats", by="member")).response)
    assert f"$1.00 100     1 member {str(server.member.id)[-4:]}\n" in shown[1]


@pytest.mark.parametrize("user", ["api-client", str(2**63), "9" * 20])
async def test_ids_of_other_programs_are_shown_as_they_are(server: Server, books: Books, user: str):
    """Discord isn't asked for a number that is no id: it would end the connection."""
    await books.book(server.guild.id, 10**9, user=user)
    shown = texts((await server.manager.slash(server.channel, "token-stats", by="member")).response)
    assert user in shown[1].splitlines() or f"$1.00 100     1 {user}" in shown[1].splitlines()


async def test_ten_thousand_members_are_ten_rows_and_one_line(server: Server, books: Books):
    guild = server.guild.id
    await asyncio.gather(*(books.book(guild, 1_000_000, user=10**17 + n) for n in range(9_990)))
    await asyncio.gather(*(books.book(guild, 2_000_000_000 + n, user=10**16 + n) for n in range(10)))
    result = await server.manager.slash(server.channel, "token-stats", by="member")
    shown = texts(result.response)
    assert shown[0].startswith("## $29.99 this month · on course for ")
    lines = shown[1].splitlines()
    assert lines[2:6] == ["member", "   cost  %  calls", "former member 0009", "  $2.00  7      1"]
    assert len(lines) == 1 + 2 + 2 + 20 + 1
    assert lines[-1] == "and 9,990 others: $9.99 in 9,990\u00a0calls"


async def test_what_a_split_does_not_name_is_one_line(server: Server, books: Books):
    await books.book(server.guild.id, 1_000_000, user=server.member.id)
    await books.book(server.guild.id, 3_000_000)
    shown = texts((await server.manager.slash(server.channel, "token-stats", by="member")).response)
    assert shown[1] == (
        "**By member**\n```\nmember\n    cost   %  calls\nleague_member\n  $0.001  25      1\n```\n"
        "not attributed: $0.003 in 1\u00a0call"
    )


async def test_it_stays_within_discords_limits_at_its_fullest(server: Server, books: Books, bot: Trilo):
    for number in range(20):
        await books.book(
            server.guild.id,
            10**15 + number,
            operation=f"{number}" + "e\u0301\u0302" * 100,
            estimated=True,
            status=Status.ABORTED,
        )
        await books.book(server.guild.id, None, status=Status.ERROR)
    result = await server.manager.slash(server.channel, "token-stats")
    view = discord.ui.LayoutView.from_message(result.response.message)
    assert view.content_length() < 4_000
    assert view.total_children_count < 40
