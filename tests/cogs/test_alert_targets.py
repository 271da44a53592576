"""The view "E-mail and webhooks", and alerts on their way outside Discord."""

from datetime import timedelta
from typing import Any

import discord
import pytest
import simcord

from bot.alerts import child
from bot.client import Trilo
from bot.settings import Settings
from cogs._alerts.alert_targets import open_alert_targets
from cogs._kit.access import NOT_A_MANAGER
from tests.alerts.web import web_server
from tests.cogs.alerts import a_budget, chooses, cog_of, deliver, outside_done, spends
from tests.cogs.helpers import Books, Clock, Server, texts

ADDRESS = "discord://1234567890123456789/hunter2hunter2hunter2"


@pytest.fixture
def extensions() -> tuple[str, ...]:
    return ("cogs.alerts",)


@pytest.fixture
async def web():
    async with web_server() as running:
        yield running


@pytest.fixture
def settings(settings: Settings, web) -> Settings:
    return Settings(_env_file=None, default_server_limit_usd=None, alert_urls=web.address)


async def opened(bot: Trilo, server: Server, by: simcord.MemberActor) -> Any:
    """The view, opened by a command that stands in for the button of `/settings`."""
    scope = discord.Object(server.guild.id)
    if bot.tree.get_command("addresses", guild=scope) is None:

        @bot.tree.command(name="addresses", description="x", guild=scope)
        async def addresses(interaction: discord.Interaction[Any]) -> None:
            await open_alert_targets(interaction)

        await bot.tree.sync(guild=scope)
    return (await by.slash(server.channel, "addresses")).response


async def adds(server: Server, shown: Any, address: str) -> str:
    """The note below the list after adding an address."""
    press = await server.manager.click(shown, label="Add an address")
    await server.manager.submit_modal(press, {"address": address})
    return texts(shown)[0].splitlines()[-1]


async def test_add_list_and_remove(server: Server, books: Books, bot: Trilo):
    """I35: shown by its label alone. I29: for the opener's eyes."""
    shown = await opened(bot, server, server.manager)
    assert shown.ephemeral
    assert texts(shown)[0].splitlines()[-1] == "-# There is none so far."
    assert await adds(server, shown, ADDRESS) == "Added `discord://…`."
    assert texts(shown)[0].splitlines()[-2] == f"1. `discord://…`, added by <@{server.manager.id}>"
    (target,) = await books.tracker.alert_targets.of(server.guild.id)
    await server.manager.select(shown, [target.id], custom_id="alert-targets:pick")
    await server.manager.click(shown, label="Remove")
    assert texts(shown)[0].splitlines()[-2:] == ["-# There is none so far.", "Removed."]
    assert await books.tracker.alert_targets.of(server.guild.id) == []
    assert "hunter2" not in repr(await books.tracker.settings.audit(server.guild.id))


async def test_what_isnt_taken_is_told(server: Server, books: Books, bot: Trilo, web):
    shown = await opened(bot, server, server.manager)
    assert await adds(server, shown, web.address) == ("That host is on a private network, where I don't send anything.")
    assert (await adds(server, shown, "exec://x")).startswith("I don't send to that kind of address.")
    assert await adds(server, shown, "slack://x") == (
        "That address is incomplete. Compare it with the service's own instructions."
    )
    for n in range(5):
        await books.tracker.alert_targets.add(server.guild.id, f"json://{n}", "json://…", actor=1)
    assert await adds(server, shown, ADDRESS) == "A server may have 5 addresses. Remove one first."
    assert web.received == []


async def test_who_may(server: Server, books: Books, bot: Trilo):
    """I26: at opening, and at every press."""
    refused = await opened(bot, server, server.member)
    assert refused.content == NOT_A_MANAGER
    shown = await opened(bot, server, server.manager)
    guild = bot.get_guild(server.guild.id)
    assert guild is not None
    await guild.get_role(server.managers.id).edit(permissions=discord.Permissions.none())  # type: ignore[union-attr]
    press = await server.manager.click(shown, label="Add an address")
    assert press.modal is None
    assert press.response.content == NOT_A_MANAGER


async def test_every_alert_goes_to_the_operator_s_addresses_too(server: Server, books: Books, bot: Trilo, web):
    """I26: the operator alone sees across servers; nobody is named outside Discord."""
    cog = cog_of(bot)
    await chooses(books, server, server.channel)
    await spends(books, server, "4.50")
    await a_budget(books, server)
    await deliver(cog)
    await outside_done(cog)
    (body,) = web.received
    assert body["title"] == "Trilo: 90\u00a0% of a budget is used"
    assert body["message"].splitlines() == [
        "Server: league",
        "Budget: $5.00 a month for the server",
        "$4.50 of $5.00 (90\u00a0%) used since 1 Mar.",
        "Grew most: the operation Questions, $4.50 more than in the 15\u00a0days before.",
        "At this pace it runs out on 2026-03-17 02:40 UTC.",
        "At 100\u00a0% further questions are refused.",
    ]
    assert len(server.channel.history()) == 1


async def test_an_address_that_fails_is_tried_again_and_holds_up_nothing(
    server: Server, books: Books, bot: Trilo, web, clock: Clock, caplog: pytest.LogCaptureFixture
):
    """I20: and the operator sees it, in the log once; I35: by its label."""
    cog = cog_of(bot)
    web.status = 500
    await chooses(books, server, server.channel)
    await spends(books, server, "4.50")
    await a_budget(books, server)
    await deliver(cog)
    await outside_done(cog)
    assert len(server.channel.history()) == 1
    assert await books.tracker.alerts.owed() == []
    ((label, trouble),) = await bot.outside.dead_targets(books.tracker.alerts)
    assert label == "json://127.0.0.1/… (ALERT_URLS)"
    assert (trouble.problem, trouble.since) == ("it can't be reached, or doesn't take the message", clock.now)
    for pause in (30, 60):
        clock.now += timedelta(seconds=pause)
        web.status = 500 if pause < 60 else 200
        await deliver(cog)
        await outside_done(cog)
    assert len(web.received) == 3
    told = [record.getMessage() for record in caplog.records if record.name == "cogs._alerts.alert_courier"]
    assert [line for line in told if line.startswith("alerts")] == [f"alerts don't reach {label}: {trouble.problem}"]
    assert await bot.outside.dead_targets(books.tracker.alerts) == []


async def test_several_alerts_for_one_address_go_one_after_the_other(server: Server, books: Books, bot: Trilo, web):
    cog = cog_of(bot)
    await chooses(books, server, server.channel)
    await spends(books, server, "4.50")
    for period in ("day", "week", "month"):
        await a_budget(books, server, period=period)
    for arrived in (1, 2, 3):
        await deliver(cog)
        await outside_done(cog)
        assert len(web.received) == arrived
    assert len(server.channel.history()) == 3
    assert await bot.outside.dead_targets(books.tracker.alerts) == []


async def test_one_that_hangs_holds_up_neither_discord_nor_the_end(server: Server, books: Books, bot: Trilo, web):
    cog = cog_of(bot)
    web.hangs.clear()
    await chooses(books, server, server.channel)
    await spends(books, server, "4.50")
    await a_budget(books, server)
    await deliver(cog)
    assert len(server.channel.history()) == 1
    await bot.unload_extension("cogs.alerts")
    assert await books.tracker.alerts.owed() == []


async def test_what_may_have_arrived_is_sent_three_times_and_not_twenty(
    server: Server, books: Books, bot: Trilo, web, clock: Clock, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(child, "SEND_SECONDS", 1.0)
    cog = cog_of(bot)
    web.hangs.clear()
    await chooses(books, server, server.channel)
    await spends(books, server, "4.50")
    await a_budget(books, server)
    for _ in range(5):
        await deliver(cog)
        await outside_done(cog)
        clock.now += timedelta(hours=1)
    (trouble,) = await books.tracker.alerts.troubles()
    assert (trouble.attempts, trouble.problem) == (3, "no answer within 15 seconds")
    assert len(web.received) <= 3


async def test_a_server_that_the_bot_has_left_gets_nothing(server: Server, books: Books, bot: Trilo):
    cog = cog_of(bot)
    await chooses(books, server, server.channel)
    stored = await books.tracker.alert_targets.add(server.guild.id, ADDRESS, "discord://…", actor=1)
    await spends(books, server, "4.50")
    await a_budget(books, server)
    guild = bot.get_guild(server.guild.id)
    assert guild is not None
    bot._connection._remove_guild(guild)
    await deliver(cog)
    await outside_done(cog)
    problems = {trouble.target: trouble.problem for trouble in await books.tracker.alerts.troubles()}
    assert problems[stored.id] == "the bot isn't on that server any more"


async def test_no_test_is_sent_while_the_operator_has_switched_it_off(
    server: Server, books: Books, bot: Trilo, monkeypatch: pytest.MonkeyPatch
):
    shown = await opened(bot, server, server.manager)
    await adds(server, shown, ADDRESS)
    (target,) = await books.tracker.alert_targets.of(server.guild.id)
    await server.manager.select(shown, [target.id], custom_id="alert-targets:pick")
    sent: list[str] = []

    async def send_now(target: str, *_arguments: object) -> None:
        sent.append(target)

    monkeypatch.setattr(bot.outside, "send_now", send_now)
    await server.manager.click(shown, label="Send a test")
    assert texts(shown)[0].splitlines()[-1] == "A test is on its way to `discord://…`."
    monkeypatch.setattr(type(bot.services.settings), "alerts_outside", False)
    await server.manager.click(shown, label="Send a test")
    assert texts(shown)[0].splitlines()[-1] == "No test was sent: the operator has switched this off for now."
    assert sent == [target.id]
