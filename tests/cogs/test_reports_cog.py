"""Scheduled reports: what they say, and that each period's comes once."""

import asyncio
import sys
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import simcord

from bot.client import Trilo
from bot.usage.alerting.scheduled_reports import DueReport, ScheduledReports
from bot.usage.tracker import UsageTracker
from cogs._spend.report import ReportFacts, read_report
from cogs.reports import ReportsCog
from tests.cogs.alerts import a_budget, private_channel, spends
from tests.cogs.helpers import Books, Clock, Server, make_server, texts


@pytest.fixture
def extensions() -> tuple[str, ...]:
    return ("cogs.reports",)


def cog_of(bot: Trilo) -> ReportsCog:
    """The cog, its own loop stopped: tests say when it runs."""
    cog: Any = bot.get_cog("ReportsCog")
    cog._loop.cancel()
    return cog


async def asks(books: Books, server: Server, every: str, channel: simcord.ChannelHandle) -> None:
    await books.tracker.settings.choose(
        server.guild.id, report_every=every, report_channel_id=channel.id, actor=server.manager.id
    )


def first_lines(channel: simcord.ChannelHandle) -> list[str]:
    return ["\n".join(texts(message)).splitlines()[0] for message in channel.history()]


async def test_what_a_report_says(server: Server, books: Books, bot: Trilo, clock: Clock):
    """I26: with members, where not everybody reads; I27: nobody is pinged."""
    cog = cog_of(bot)
    private = private_channel(server)
    await asks(books, server, "week", private)
    await cog.post_due()
    assert private.history() == []
    await spends(books, server, "1", days_ago=7)
    await spends(books, server, "1.50")
    await spends(books, server, "0.50", operation="setup_full_guide", channel=private.id)
    await a_budget(books, server)
    clock.now += timedelta(days=1)
    for _ in range(2):
        await cog.post_due()
    (message,) = private.history()
    total, by_operation, *others = texts(message)
    assert total.splitlines() == [
        "## $2.00 last week",
        "2.0 times as much as the week before",
        "-# 9–15 Mar · 2\u00a0calls · 240\u00a0tokens",
    ]
    assert by_operation.splitlines()[2:-1] == [
        "operation",
        "   cost   %  calls",
        "Questions",
        "  $1.50  75      1",
        "Set-up: whole guide",
        "  $0.50  25      1",
    ]
    assert others == [
        "**By channel**\n```\ncost    %  calls  channel \n$1.50  75      1  #general\n$0.50  25      1  #admins \n```",
        "**By member**\n```\nmember\n   cost    %  calls\nleague_member\n  $2.00  100      2\n```",
        "**Budgets now**\n$5.00 a month for this server: $3.00 of $5.00, 60\u00a0%",
        "-# Days in UTC",
    ]
    assert not message.mentions


async def test_it_speaks_the_servers_language(server: Server, books: Books, bot: Trilo, clock: Clock):
    cog = cog_of(bot)
    await asks(books, server, "day", server.channel)
    await books.tracker.settings.choose(server.guild.id, language="es")
    await cog.post_due()
    await spends(books, server, "0.80", days_ago=1)
    await spends(books, server, "1")
    clock.now += timedelta(days=1)
    await cog.post_due()
    (message,) = server.channel.history()
    assert texts(message) == [
        "## 1,00\u00a0US$ ayer\n25\u00a0% más que en el día anterior\n-# 15 mar · 1\u00a0llamada · 120\u00a0tokens",
        "**Por operación**\n```\noperación\n     costo    %  llam.\nPreguntas\n  1,00 US$  100      1\n```",
        "**Por canal**\n```\ncosto      % llam. canal   \n1,00 US$ 100     1 #general\n```",
        "-# Días en UTC",
    ]


async def test_where_everybody_reads_no_member_and_no_private_channel_is_named(
    server: Server, books: Books, bot: Trilo, clock: Clock
):
    """I26."""
    cog = cog_of(bot)
    private = private_channel(server, "secret-plans")
    await asks(books, server, "day", server.channel)
    await cog.post_due()
    await spends(books, server, "2", channel=private.id)
    await spends(books, server, "1")
    clock.now += timedelta(days=1)
    await cog.post_due()
    text = "\n".join("\n".join(texts(message)) for message in server.channel.history())
    assert text.startswith("## $3.00 yesterday\n")
    assert f"private channel {str(private.id)[-4:]}" in text
    assert "#general" in text
    assert "secret-plans" not in text
    assert "league_member" not in text


async def test_where_everybody_reads_no_budget_names_a_member_or_a_private_channel(
    server: Server, books: Books, bot: Trilo, clock: Clock
):
    """I26: who reads is decided for budgets as for the tables."""
    cog = cog_of(bot)
    private = private_channel(server, "secret-plans")
    for scope, scope_id in (("user", server.member.id), ("channel", private.id), ("channel", server.channel.id)):
        await a_budget(books, server, scope=scope, scope_id=str(scope_id))
    told = {}
    for channel in (server.channel, private):
        await asks(books, server, "week", channel)
        await books.tracker.settings.choose(server.guild.id, report_every="day")
        await cog.post_due()
        clock.now += timedelta(days=1)
        await cog.post_due()
        (message,) = channel.history()
        told[channel.id] = next(text for text in texts(message) if text.startswith("**Budgets now**")).splitlines()[1:]
    rest = ": $0.00 of $5.00, 0\u00a0%"
    assert sorted(told[server.channel.id]) == [
        f"$5.00 a month for <#{server.channel.id}>{rest}",
        f"$5.00 a month for a member{rest}",
        f"$5.00 a month for a private channel{rest}",
    ]
    assert sorted(told[private.id]) == sorted(
        f"$5.00 a month for {mark}{rest}"
        for mark in (f"<#{server.channel.id}>", f"<#{private.id}>", f"<@{server.member.id}>")
    )


async def test_a_faulty_report_starves_no_other_server(
    server: Server,
    books: Books,
    bot: Trilo,
    clock: Clock,
    simcord_env: simcord.Env,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
):
    cog, other = cog_of(bot), make_server(simcord_env, "other")
    for one in (server, other):
        await asks(books, one, "day", one.channel)
    await cog.post_due()
    clock.now += timedelta(days=1)

    async def faulty(tracker: UsageTracker, due: DueReport, *, with_members: bool) -> ReportFacts:
        if due.guild_id == server.guild.id:
            raise ValueError("a prompt")
        return await read_report(tracker, due, with_members=with_members)

    loaded = sys.modules["cogs.reports"]  # as an extension: not the module that is imported above
    monkeypatch.setattr(loaded, "read_report", faulty)
    await cog.post_due()
    assert first_lines(other.channel) == ["## No calls yesterday"]
    assert "the report of server" in caplog.text
    assert "a prompt" not in caplog.text
    rows = await books.tracker.ledger._database.fetch("SELECT attempts, problem FROM alert_deliveries")
    assert rows == [(1, "ValueError")]
    monkeypatch.setattr(loaded, "read_report", read_report)
    clock.now += timedelta(seconds=30)
    await cog.post_due()
    assert first_lines(server.channel) == ["## No calls yesterday"]


async def test_a_period_without_calls_is_reported_too(server: Server, books: Books, bot: Trilo, clock: Clock):
    cog = cog_of(bot)
    await asks(books, server, "month", server.channel)
    await cog.post_due()
    clock.now = datetime(2026, 4, 1, tzinfo=UTC)
    await cog.post_due()
    (message,) = server.channel.history()
    assert texts(message) == ["## No calls last month\n-# 1–31 Mar", "-# Days in UTC"]


async def test_once_a_day_across_the_change_to_summer_time(server: Server, books: Books, bot: Trilo, clock: Clock):
    """I17: in the server's own time: 29 March has 23 hours in Berlin, and each day begins at its midnight."""
    cog = cog_of(bot)
    clock.now = datetime(2026, 3, 20, 12, tzinfo=UTC)
    await books.tracker.settings.set_time_zone(server.guild.id, "Europe/Berlin")
    clock.now = datetime(2026, 3, 28, 12, tzinfo=UTC)
    await asks(books, server, "day", server.channel)
    await cog.post_due()
    posted_at = []
    while clock.now < datetime(2026, 3, 31, 12, tzinfo=UTC):
        before = len(server.channel.history())
        await cog.post_due()
        if len(server.channel.history()) > before:
            posted_at.append(f"{clock.now:%d %H:%M}")
        clock.now += timedelta(minutes=30)
    assert posted_at == ["28 23:00", "29 22:00", "30 22:00"]
    assert ["\n".join(texts(message)).splitlines()[1] for message in server.channel.history()] == [
        "-# 28 Mar",
        "-# 29 Mar",
        "-# 30 Mar",
    ]


async def test_a_channel_chosen_again_begins_anew(server: Server, books: Books, bot: Trilo, clock: Clock):
    """What nobody wanted a report of in between wasn't missed."""
    cog = cog_of(bot)
    await asks(books, server, "day", server.channel)
    await cog.post_due()
    await books.tracker.settings.choose(server.guild.id, report_channel_id=None)
    clock.now += timedelta(days=20)
    await cog.post_due()
    await books.tracker.settings.choose(server.guild.id, report_channel_id=server.channel.id)
    await cog.post_due()
    assert server.channel.history() == []
    clock.now += timedelta(days=1)
    await cog.post_due()
    (message,) = server.channel.history()
    assert texts(message) == ["## No calls yesterday\n-# 4 Apr", "-# Days in UTC"]


async def test_the_same_choice_again_loses_no_report(server: Server, books: Books, bot: Trilo, clock: Clock):
    """Nor does another channel in place of the one there was."""
    cog = cog_of(bot)
    await asks(books, server, "day", server.channel)
    await cog.post_due()
    clock.now += timedelta(days=1)
    private = private_channel(server)
    await books.tracker.settings.choose(server.guild.id, report_every="day")
    await books.tracker.settings.choose(server.guild.id, report_channel_id=private.id)
    await cog.post_due()
    assert first_lines(private) == ["## No calls yesterday"]


async def test_after_an_outage_the_newest_alone_and_it_says_so(
    server: Server, books: Books, bot: Trilo, clock: Clock, simcord_env: simcord.Env
):
    """Also across a restart."""
    cog = cog_of(bot)
    await asks(books, server, "day", server.channel)
    await cog.post_due()
    await spends(books, server, "1")
    clock.now += timedelta(days=1)
    simcord_env.inject_error("POST", "/channels/*/messages", status=503, times=1)
    await cog.post_due()
    assert server.channel.history() == []
    await bot.unload_extension("cogs.reports")
    clock.now += timedelta(days=2)
    await spends(books, server, "3", days_ago=1)
    await bot.load_extension("cogs.reports")
    cog = cog_of(bot)
    for _ in range(3):
        await cog.post_due()
    (message,) = server.channel.history()
    assert texts(message)[0].startswith("## $3.00 yesterday\n")
    assert texts(message)[-1].startswith("-# I was away when earlier reports were due: this is the newest")
    clock.now += timedelta(days=1)
    await cog.post_due()
    assert "away" not in "\n".join(texts(server.channel.history()[-1]))


async def test_an_outage_of_minutes_delays_it(
    server: Server, books: Books, bot: Trilo, clock: Clock, simcord_env: simcord.Env
):
    cog = cog_of(bot)
    await asks(books, server, "day", server.channel)
    await cog.post_due()
    clock.now += timedelta(days=1)
    simcord_env.inject_error("POST", "/channels/*/messages", status=503, times=1)
    await cog.post_due()
    await cog.post_due()
    assert server.channel.history() == []
    clock.now += timedelta(seconds=30)
    await cog.post_due()
    assert first_lines(server.channel) == ["## No calls yesterday"]


async def test_a_channel_that_is_gone_is_tried_for_an_hour(
    server: Server, books: Books, bot: Trilo, clock: Clock, caplog: pytest.LogCaptureFixture
):
    cog = cog_of(bot)
    await asks(books, server, "day", server.channel)
    await cog.post_due()
    await books.tracker.settings.choose(server.guild.id, report_channel_id=42)
    clock.now += timedelta(days=1)
    for _ in range(12):
        await cog.post_due()
        clock.now += timedelta(minutes=10)
    assert caplog.text.count("its channel can't be written in") == 1
    await books.tracker.settings.choose(server.guild.id, report_channel_id=server.channel.id)
    await cog.post_due()
    assert server.channel.history() == []


async def test_two_processes_post_it_once(server: Server, books: Books, bot: Trilo, clock: Clock):
    """I22."""
    cog = cog_of(bot)
    await asks(books, server, "day", server.channel)
    await cog.post_due()
    clock.now += timedelta(days=1)
    other = ReportsCog(bot)
    other._reports = ScheduledReports(books.tracker.ledger._database, clock, books.tracker.ledger.rules)
    await asyncio.gather(cog.post_due(), other.post_due(), cog.post_due(), other.post_due())
    assert len(server.channel.history()) == 1
    assert await books.tracker.ledger._database.fetch("SELECT * FROM alert_deliveries") == []


async def test_a_crash_before_posting_is_made_up_for(server: Server, books: Books, bot: Trilo, clock: Clock):
    """Claimed by a process that died: another takes it up a minute later."""
    cog = cog_of(bot)
    await asks(books, server, "day", server.channel)
    await cog.post_due()
    clock.now += timedelta(days=1)
    (due,) = await books.tracker.scheduled_reports.due()
    assert await books.tracker.scheduled_reports.claim(due) is not None
    await cog.post_due()
    assert server.channel.history() == []
    clock.now += timedelta(seconds=60)
    await cog.post_due()
    assert len(server.channel.history()) == 1
