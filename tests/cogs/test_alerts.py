"""Alerts from the row on the books to the message on Discord."""

import asyncio
from datetime import timedelta
from typing import Any

import discord
import pytest
import simcord

from bot.client import Trilo
from bot.usage.budgeting.budgets import Mode
from bot.usage.errors import DatabaseUnavailableError
from cogs.alerts import EVERY_SECONDS
from tests.cogs.alerts import a_budget, buttons, chooses, cog_of, deliver, dms, private_channel, spends
from tests.cogs.helpers import Books, Clock, Server, make_server, texts

MONTH_ENDS = "<t:1775001600:f>"


@pytest.fixture
def extensions() -> tuple[str, ...]:
    return ("cogs.token_stats", "cogs.alerts")


async def delivered_how(books: Books, server: Server) -> list[tuple[int, str | None]]:
    return [(alert.threshold, alert.delivered_how) for alert in await books.tracker.alerts.history(server.guild.id)]


async def test_what_an_alert_says(server: Server, books: Books, bot: Trilo, simcord_env: simcord.Env):
    """I19: delivered once, however often the loop runs. I27: it pings nobody."""
    cog = cog_of(bot)
    await chooses(books, server, server.channel)
    await spends(books, server, "1", days_ago=20, operation="setup_full_guide")
    await spends(books, server, "3")
    await spends(books, server, "1.50", operation="setup_full_guide")
    budget = await a_budget(books, server)
    for _ in range(3):
        await deliver(cog)
    (message,) = server.channel.history()
    # 14.5 days for $4.50: the other 50 cents last for 1 day and 14⅔ hours.
    assert texts(message)[0].splitlines() == [
        "## ⚠️ 90\u00a0% of a budget is used",
        "**$5.00 a month for this server**",
        "$4.50 of $5.00 (90\u00a0%) used since 1 Mar.",
        f"Grew most: <#{server.channel.id}>, $3.50 more than in the 15\u00a0days before.",
        "At this pace it runs out on <t:1773715200:f>.",
        "At 100\u00a0% further questions are refused.",
    ]
    assert buttons(message) == {
        "Raise the limit": f"alert:raise:{budget.id}",
        "Pause the AI": f"alert:pause:{budget.id}",
        "See the stats": f"alert:stats:{budget.id}",
    }
    (sent,) = [
        entry.json for entry in simcord_env.http_requests if isinstance(entry.json, dict) and "nonce" in entry.json
    ]
    (alert, *_) = await books.tracker.alerts.history(server.guild.id)
    assert (sent["nonce"], sent["enforce_nonce"]) == (alert.id[:25], True)
    assert sent["allowed_mentions"] == {"parse": []}
    assert await delivered_how(books, server) == [(90, f"channel {server.channel.id}"), (80, "passed")]


async def test_a_jump_to_150_percent_is_one_message_that_names_the_highest(server: Server, books: Books, bot: Trilo):
    """I19."""
    cog = cog_of(bot)
    await chooses(books, server, server.channel)
    await spends(books, server, "7.50")
    await a_budget(books, server)
    await deliver(cog)
    (message,) = server.channel.history()
    assert texts(message)[0].splitlines() == [
        "## ⛔ A budget is used up",
        "**$5.00 a month for this server**",
        "$7.50 of $5.00 (150\u00a0%) used since 1 Mar.",
        "Grew most: the operation `Questions`, $7.50 more than in the 15\u00a0days before.",
        f"Further questions are refused until {MONTH_ENDS}.",
    ]
    assert [threshold for threshold, _ in await delivered_how(books, server)] == [100, 90, 80]


@pytest.mark.parametrize(
    ("options", "spent", "last"),
    [
        ({"mode": Mode.SOFT}, "4.50", "At 100\u00a0% I only say so: questions are answered all the same."),
        ({"mode": Mode.SOFT}, "5", "It only warns: questions are answered all the same."),
        (
            {"mode": Mode.CHEAPER},
            "4.50",
            "From 80\u00a0% on the cheaper model answers; at 100\u00a0% further questions are refused.",
        ),
        ({"period": "total"}, "5", "Further questions are refused until its limit is raised."),
    ],
)
async def test_what_happens_at_the_limit(server: Server, books: Books, bot: Trilo, options, spent, last):
    cog = cog_of(bot)
    await chooses(books, server, server.channel)
    await spends(books, server, spent)
    await a_budget(books, server, **options)
    await deliver(cog)
    (message,) = server.channel.history()
    assert texts(message)[0].splitlines()[-1] == last


async def test_members_are_named_only_where_not_everybody_reads(server: Server, books: Books, bot: Trilo):
    """I26."""
    cog = cog_of(bot)
    private = private_channel(server)
    await spends(books, server, "0.90")
    await spends(books, server, "0.90", user=server.manager.id, channel=private.id, operation="setup_full_guide")
    for channel in (server.channel, private):
        await chooses(books, server, channel)
        await a_budget(books, server, "1", scope="each_user")
        await deliver(cog)
        await a_budget(books, server, "0.99", scope="each_user", period="day")
        await deliver(cog)
        for budget in await books.tracker.budgets.of(server.guild.id):
            await books.tracker.budgets.remove(budget.id, guild_id=server.guild.id)
    public_texts = "\n".join(texts(message)[0] for message in server.channel.history())
    private_texts = "\n".join(texts(message)[0] for message in private.history())
    assert "<@" not in public_texts
    assert public_texts.count("for each member**") == 4
    assert f"for each member**: <@{server.member.id}>" in private_texts
    assert f"for each member**: <@{server.manager.id}>" in private_texts


async def test_until_a_channel_is_chosen_the_community_updates_channel(server: Server, books: Books, bot: Trilo):
    cog = cog_of(bot)
    await spends(books, server, "4.50")
    await a_budget(books, server)
    updates = private_channel(server, "moderators")
    guild, channel = bot.get_guild(server.guild.id), bot.get_channel(updates.id)
    assert guild is not None
    assert isinstance(channel, discord.TextChannel)
    guild._public_updates_channel_id = channel.id
    await deliver(cog)
    assert len(updates.history()) == 1
    assert await delivered_how(books, server) == [(90, f"channel {updates.id}"), (80, "passed")]


async def test_a_missing_channel_is_retried_then_the_owner_by_the_server_s_choice(
    server: Server, books: Books, bot: Trilo, clock: Clock, simcord_env: simcord.Env, caplog: pytest.LogCaptureFixture
):
    """I20: tried at 0, 30, 90 and 210 seconds; then its owner hears of it."""
    cog = cog_of(bot)
    await books.tracker.settings.choose(server.guild.id, alert_channel_id=42, alert_owner=True)
    await spends(books, server, "4.50")
    await a_budget(books, server)
    for passing in (0, 30, 60):
        clock.now += timedelta(seconds=passing)
        await deliver(cog)
        await deliver(cog)
        assert await delivered_how(books, server) == [(90, None), (80, "passed")]
    clock.now += timedelta(seconds=120)
    await deliver(cog)
    assert await delivered_how(books, server) == [(90, "owner"), (80, "passed")]
    (message,) = dms(simcord_env, server.owner)
    assert texts(message)[0].startswith("## ⚠️ 90\u00a0% of a budget is used\nOn the server **league**\n")
    assert buttons(message) == {}
    assert caplog.text.count("has reached 90 %") == 1


async def test_where_nobody_can_be_told_the_log_has_it(
    server: Server, books: Books, bot: Trilo, clock: Clock, caplog: pytest.LogCaptureFixture
):
    """I20: no channel, no permission, and the owner not chosen."""
    cog = cog_of(bot)
    closed = server.guild.create_text_channel(
        "closed", overwrites={server.guild.default_role: discord.PermissionOverwrite(send_messages=False)}
    )
    await chooses(books, server, closed)
    await spends(books, server, "4.50")
    await a_budget(books, server)
    for _ in range(4):
        await deliver(cog)
        clock.now += timedelta(minutes=10)
    assert await delivered_how(books, server) == [(90, "log"), (80, "passed")]
    assert closed.history() == []
    assert f"reached nobody on Discord: I may not write in <#{closed.id}>" in caplog.text


async def test_a_permission_given_in_time_is_enough(server: Server, books: Books, bot: Trilo, clock: Clock):
    """I20."""
    cog = cog_of(bot)
    await spends(books, server, "4.50")
    await a_budget(books, server)
    await deliver(cog)
    assert server.channel.history() == []
    await chooses(books, server, server.channel)
    clock.now += timedelta(seconds=30)
    await deliver(cog)
    assert len(server.channel.history()) == 1


async def test_an_outage_is_waited_for_however_long(
    server: Server, books: Books, bot: Trilo, clock: Clock, simcord_env: simcord.Env
):
    """I20: no fallback for an outage, and nothing lost."""
    cog = cog_of(bot)
    await chooses(books, server, server.channel)
    await spends(books, server, "4.50")
    await a_budget(books, server)
    simcord_env.inject_error("POST", "/channels/*/messages", status=503, times=8)
    for _ in range(8):
        await deliver(cog)
        clock.now += timedelta(minutes=10)
    assert server.channel.history() == []
    assert await delivered_how(books, server) == [(90, None), (80, "passed")]
    await deliver(cog)
    assert len(server.channel.history()) == 1


async def test_a_restart_in_between_loses_nothing_and_repeats_nothing(
    server: Server, books: Books, bot: Trilo, simcord_env: simcord.Env
):
    """I19, I20."""
    cog_of(bot)
    await chooses(books, server, server.channel)
    await spends(books, server, "4.50")
    await a_budget(books, server)
    await bot.unload_extension("cogs.alerts")
    await bot.load_extension("cogs.alerts")
    await deliver(cog_of(bot))
    await bot.unload_extension("cogs.alerts")
    await bot.load_extension("cogs.alerts")
    await deliver(cog_of(bot))
    assert len(server.channel.history()) == 1


async def test_a_late_one_says_so_and_one_of_a_removed_budget_too(
    server: Server, books: Books, bot: Trilo, clock: Clock
):
    cog = cog_of(bot)
    await chooses(books, server, server.channel)
    await spends(books, server, "5")
    await a_budget(books, server, period="day")
    clock.now += timedelta(days=1)
    await deliver(cog)
    await a_budget(books, server, period="month")
    budgets = await books.tracker.budgets.of(server.guild.id)
    await books.tracker.budgets.remove(budgets[1].id, guild_id=server.guild.id)
    await deliver(cog)
    late, removed = sorted(server.channel.history(), key=lambda message: message.id)
    assert texts(late)[0].splitlines()[0] == "## ⚠️ A budget was used up"
    assert texts(late)[0].splitlines()[-1] == "This comes late: the period it is about is over."
    assert texts(removed) == ["## ⚠️ 100\u00a0% of a budget was used\nThe budget was removed since."]
    assert list(buttons(removed)) == ["Pause the AI", "See the stats"]


async def test_one_whose_limit_was_raised_before_it_arrived_is_no_alarm(server: Server, books: Books, bot: Trilo):
    cog = cog_of(bot)
    await chooses(books, server, server.channel)
    await spends(books, server, "5")
    await a_budget(books, server)
    await a_budget(books, server, "10")
    await deliver(cog)
    (message,) = server.channel.history()
    assert texts(message)[0].splitlines() == [
        "## ⚠️ A budget was used up",
        "**$10.00 a month for this server**",
        "$5.00 of $5.00 (100\u00a0%) used since 1 Mar.",
        "Grew most: the operation `Questions`, $5.00 more than in the 15\u00a0days before.",
        "The limit was raised since, to $10.00.",
    ]


async def test_one_whose_limit_was_raised_too_little_stays_one(server: Server, books: Books, bot: Trilo):
    cog = cog_of(bot)
    await chooses(books, server, server.channel)
    await spends(books, server, "7.50")
    await a_budget(books, server)
    await a_budget(books, server, "7")
    await deliver(cog)
    assert {texts(message)[0].splitlines()[0] for message in server.channel.history()} == {"## ⛔ A budget is used up"}


async def test_a_slow_channel_holds_up_no_later_alert(
    server: Server, books: Books, bot: Trilo, simcord_env: simcord.Env, monkeypatch: pytest.MonkeyPatch
):
    """I20: nor is what is under way begun again."""
    cog = cog_of(bot)
    other = make_server(simcord_env, "other")
    goes_on, sent = asyncio.Event(), []
    send = discord.TextChannel.send

    async def slow(channel: discord.TextChannel, *arguments: Any, **options: Any) -> Any:
        sent.append(channel.id)
        if channel.id == server.channel.id:
            await goes_on.wait()
        return await send(channel, *arguments, **options)

    monkeypatch.setattr(discord.TextChannel, "send", slow)
    for each in (server, other):
        await chooses(books, each, each.channel)
        await spends(books, each, "4.50")
        await a_budget(books, each)
        await cog.deliver_owed()
    await cog.deliver_owed()
    while not other.channel.history():
        await asyncio.sleep(0.01)
    assert server.channel.history() == []
    goes_on.set()
    await deliver(cog)
    while server.channel.history() == []:
        await asyncio.sleep(0.01)
    assert sent == [server.channel.id, other.channel.id]


async def test_the_whole_bot_s_alerts_go_to_its_owner(
    server: Server, books: Books, bot: Trilo, simcord_env: simcord.Env
):
    """I26: to nobody's server."""
    cog = cog_of(bot)
    bot.owner_id = server.member.id
    await chooses(books, server, server.channel)
    await spends(books, server, "4.50")
    await books.tracker.set_budget(scope="bot", limit_usd="5")
    await deliver(cog)
    (message,) = dms(simcord_env, server.member)
    assert texts(message)[0].splitlines()[:4] == [
        "## ⚠️ 90\u00a0% of a budget is used",
        "**$5.00 a month for the whole bot**",
        "$4.50 of $5.00 (90\u00a0%) used since 1 Mar.",
        "Grew most: the operation `Questions`, $4.50 more than in the 15\u00a0days before.",
    ]
    assert buttons(message) == {}
    assert server.channel.history() == []
    assert [alert.delivered_how for alert in await books.tracker.alerts.history(0)] == ["owner", "passed"]


async def test_an_owner_who_was_told_isn_t_told_again_because_of_another(
    server: Server, books: Books, bot: Trilo, clock: Clock, simcord_env: simcord.Env
):
    """I19: one of a team has deleted their account (404), with another Discord has an outage (503)."""
    cog = cog_of(bot)
    deleted = 42
    bot.owner_ids = {deleted, server.member.id, server.manager.id}
    await spends(books, server, "4.50")
    await books.tracker.set_budget(scope="bot", limit_usd="5")
    simcord_env.inject_error("POST", "/channels/*/messages", status=503, times=5)  # discord.py itself tries five times
    for _ in range(3):
        await deliver(cog)
        clock.now += timedelta(minutes=10)
    assert sorted([len(dms(simcord_env, server.member)), len(dms(simcord_env, server.manager))]) == [0, 1]
    assert [alert.delivered_how for alert in await books.tracker.alerts.history(0)] == ["owner", "passed"]


async def test_nobody_but_deleted_accounts_is_no_outage(server: Server, books: Books, bot: Trilo, clock: Clock):
    """I20: it ends in the log."""
    cog = cog_of(bot)
    bot.owner_ids = {42}
    await spends(books, server, "4.50")
    await books.tracker.set_budget(scope="bot", limit_usd="5")
    for _ in range(4):
        await deliver(cog)
        clock.now += timedelta(minutes=10)
    assert [alert.delivered_how for alert in await books.tracker.alerts.history(0)] == ["log", "passed"]


async def test_a_crash_between_sending_and_noting_it_repeats_the_same_nonce(
    server: Server,
    books: Books,
    bot: Trilo,
    clock: Clock,
    simcord_env: simcord.Env,
    monkeypatch: pytest.MonkeyPatch,
):
    """I19: Discord drops a message whose nonce it has had from us (`enforce_nonce`); simcord takes no notice of it."""
    cog = cog_of(bot)
    await chooses(books, server, server.channel)
    await spends(books, server, "4.50")
    await a_budget(books, server)

    async def gone(*_arguments):
        raise DatabaseUnavailableError("t.db", "disk I/O error")

    with monkeypatch.context() as patch:
        patch.setattr(books.tracker.alerts, "delivered", gone)
        await deliver(cog)
    clock.now += timedelta(seconds=60)
    await deliver(cog)
    sent = [entry.json for entry in simcord_env.http_requests if isinstance(entry.json, dict) and "nonce" in entry.json]
    (alert, *_) = await books.tracker.alerts.history(server.guild.id)
    assert [(body["nonce"], body["enforce_nonce"]) for body in sent] == [(alert.id[:25], True)] * 2
    assert await books.tracker.alerts.owed() == []


async def test_what_discord_refuses_for_good_is_no_outage(
    server: Server, books: Books, bot: Trilo, clock: Clock, simcord_env: simcord.Env
):
    """I20: whatever it is, the log has it in the end, and the loop goes on to the next."""
    cog = cog_of(bot)
    await chooses(books, server, server.channel)
    await spends(books, server, "4.50")
    await a_budget(books, server)
    simcord_env.inject_error("POST", "/channels/*/messages", status=400, code=50035, times=4)
    for _ in range(4):
        await deliver(cog)
        clock.now += timedelta(minutes=10)
    assert await delivered_how(books, server) == [(90, "log"), (80, "passed")]


async def test_the_loop_runs_by_itself_and_its_buttons_outlive_the_process(
    server: Server, books: Books, bot: Trilo, simcord_env: simcord.Env
):
    """I20: a fresh bot on the same books delivers what the one before left owed."""
    await chooses(books, server, server.channel)
    await spends(books, server, "4.50")
    cog_of(bot)
    await a_budget(books, server)
    await simcord_env.restart_bot(Trilo(bot.services, shard_count=1))
    await simcord_env.advance_time(EVERY_SECONDS + 1)
    (message,) = server.channel.history()
    await simcord_env.restart_bot(Trilo(bot.services, shard_count=1))
    await simcord_env.advance_time(EVERY_SECONDS + 1)
    assert len(server.channel.history()) == 1
    press = await server.manager.click(message, label="Pause the AI")
    assert "paused on this server" in press.response.content


async def test_from_the_spend_that_caused_it(server: Server, books: Books, bot: Trilo):
    """I19: the ledger writes the row with the spend; each threshold is told once."""
    cog = cog_of(bot)
    await chooses(books, server, server.channel)
    await a_budget(books, server)
    for usd in ("3.90", "0.10", "0.40", "0.10", "0.50"):
        await spends(books, server, usd)
        await deliver(cog)
    assert [texts(message)[0].splitlines()[2] for message in server.channel.history()] == [
        "$4.00 of $5.00 (80\u00a0%) used since 1 Mar.",
        "$4.50 of $5.00 (90\u00a0%) used since 1 Mar.",
        "$5.00 of $5.00 (100\u00a0%) used since 1 Mar.",
    ]


@pytest.mark.parametrize(("shards", "sent"), [(None, 1), ([0], 0), ([1], 1), ([0, 1], 1)])
async def test_a_process_delivers_for_its_own_shards(
    server: Server, books: Books, bot: Trilo, monkeypatch: pytest.MonkeyPatch, shards, sent
):
    """The others' servers are none that it knows: what it took for a missing channel would be a false alarm."""
    cog = cog_of(bot)
    await chooses(books, server, server.channel)
    await spends(books, server, "4.50")
    await a_budget(books, server)
    own = (server.guild.id >> 22) % 2
    with monkeypatch.context() as patch:
        patch.setattr(bot, "shard_ids", shards and [own if shard else 1 - own for shard in shards])
        patch.setattr(bot, "shard_count", 2)
        await deliver(cog)
    assert len(server.channel.history()) == sent


async def test_whatever_its_shards_a_process_tells_the_operator(
    server: Server, books: Books, bot: Trilo, simcord_env: simcord.Env, monkeypatch: pytest.MonkeyPatch
):
    """Such an alert has no server, so that no process has its shard."""
    cog = cog_of(bot)
    bot.owner_id = server.member.id
    await spends(books, server, "4.50")
    await books.tracker.set_budget(scope="bot", limit_usd="5")
    with monkeypatch.context() as patch:
        patch.setattr(bot, "shard_ids", [1])
        patch.setattr(bot, "shard_count", 2)
        await deliver(cog)
    assert len(dms(simcord_env, server.member)) == 1


async def test_one_that_was_deleted_before_a_second_try_has_arrived(
    server: Server, books: Books, bot: Trilo, simcord_env: simcord.Env
):
    """I19: Discord knows its nonce, and not the message any more."""
    cog = cog_of(bot)
    await chooses(books, server, server.channel)
    await spends(books, server, "4.50")
    await a_budget(books, server)
    simcord_env.inject_error("POST", "/channels/*/messages", status=404, code=10008)
    await deliver(cog)
    assert await delivered_how(books, server) == [(90, f"channel {server.channel.id}"), (80, "passed")]
