"""The page from Discord: the button that opens it, and names as everybody on the server may read them."""

import copy
from datetime import timedelta

import discord
import httpx
import pytest
import simcord

from bot.api.app import create_app
from bot.api.page.passes import Passes, page_link
from bot.client import Trilo
from bot.settings import Settings
from cogs._kit.page_names import page_names
from cogs._kit.private import TIMEOUT_SECONDS
from tests.cogs.alerts import private_channel
from tests.cogs.helpers import Books, Server


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """People reach the page."""
    return settings.model_copy(update={"public_url": "https://trilo.example"})


def links(shown: simcord.ResponseMessage) -> list[tuple[str | None, str]]:
    items = discord.ui.LayoutView.from_message(shown.message).walk_children()
    return [(item.label, item.url) for item in items if isinstance(item, discord.ui.Button) and item.url]


async def test_the_button_under_token_stats(server: Server, books: Books, simcord_env: simcord.Env) -> None:
    """I26: a link for that server, made anew at every look, and gone with the view."""
    await books.book(server.guild.id, 10**9)
    shown = (await server.manager.slash(server.channel, "token-stats")).response
    [(label, first)] = links(shown)
    assert (label, first.partition("=")[0]) == ("Open the page", "https://trilo.example/page/open?link")
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(create_app(books.tracker)), follow_redirects=True
    ) as browser:
        page = (await browser.get(first)).text
    assert f"<h1><bdi>Server {server.guild.id}</bdi></h1>" in page
    assert "$1.00 <span>this month</span>" in page
    books.clock.now += timedelta(minutes=5)
    await server.manager.click(shown, label="Refresh")
    [(_, second)] = links(shown)
    assert second != first
    await simcord_env.advance_time(TIMEOUT_SECONDS + 1)
    assert links(shown) == []


async def test_names_that_everybody_on_the_server_may_read(server: Server, bot: Trilo) -> None:
    """I26: a link is for whoever may see the figures, which gives no view of channels."""
    names, hidden, guild = page_names(bot), private_channel(server, "layoffs"), server.guild
    ids = [str(server.channel.id), str(hidden.id), "1", "#", "²"]
    assert await names(guild.id, "channel", ids) == {
        ids[0]: "#general", ids[1]: f"private channel {ids[1][-4:]}", "1": "deleted channel 1"
    }  # fmt: skip
    people = [str(server.member.id), "77"]
    assert await names(guild.id, "user", people) == {people[0]: server.member.name, "77": "former member 77"}
    assert await names(guild.id, "role", [str(server.managers.id), "5"]) == {str(server.managers.id): "@Managers"}
    assert await names(guild.id, "guild", [str(guild.id)]) == {str(guild.id): "league"}


async def test_names_for_the_operator(server: Server, bot: Trilo) -> None:
    names = page_names(bot)
    assert await names(None, "guild", [str(server.guild.id), "0", "5"]) == {str(server.guild.id): "league"}
    assert await names(None, "channel", [str(server.channel.id), "5", "x"]) == {str(server.channel.id): "#general"}
    assert await names(None, "role", [str(server.managers.id)]) == {}
    assert await names(5, "user", ["x", "5"]) == {}


async def test_the_page_by_name(server: Server, books: Books, bot: Trilo, simcord_env: simcord.Env) -> None:
    member = server.guild.add_member(simcord_env.create_user("ann"), nick="<b>Ann</b>")
    await books.book(server.guild.id, 10**9, user=member.id, channel=server.channel.id)
    await books.tracker.set_budget("user", member.id, guild_id=server.guild.id, limit_usd=4)
    app = create_app(books.tracker, names=page_names(bot))
    link = await page_link(Passes(books.tracker.claims, books.clock), "http://trilo", server.guild.id)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), follow_redirects=True) as browser:
        shown = (await browser.get(link)).text
    for words in ("<h1><bdi>league</bdi></h1>", "<bdi>&lt;b&gt;Ann&lt;/b&gt;</bdi>", "<bdi>#general</bdi>"):
        assert words in shown
    assert "$4.00 a month for member &lt;b&gt;Ann&lt;/b&gt;" in shown


async def test_names_after_the_connection_was_lost_for_long(server: Server, bot: Trilo) -> None:
    """I26: discord.py makes new servers then, and the ones it had stand still: a channel may be private by now."""
    names, guild, real = page_names(bot), server.guild, bot.get_guild(server.guild.id)
    assert real is not None
    ids = [str(server.channel.id)]
    assert await names(guild.id, "channel", ids) == {ids[0]: "#general"}
    new = bot._connection._guilds[guild.id] = copy.copy(real)
    new._channels = {}
    assert await names(guild.id, "channel", ids) == {ids[0]: f"deleted channel {ids[0][-4:]}"}
