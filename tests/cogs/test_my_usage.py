"""`/my-usage` from the command to the select, on real books: one's own figures and nobody else's."""

from datetime import UTC, date, datetime, timedelta

import discord
import pytest
import simcord

from bot.client import Trilo
from bot.usage.budgeting.tier_grants import Source
from bot.usage.errors import DatabaseUnavailableError
from bot.usage.upkeep.retention import forget_calls
from cogs._spend.my_usage import EXPIRED, NOT_YOURS, MyUsageView
from cogs._spend.my_usage_text import trend
from tests.cogs.helpers import NOW, Books, Server, by_hand, everybody_speaks, refusal, selected, texts

PERIOD = "my-usage:period"
SINCE = int(datetime(2026, 3, 1, tzinfo=UTC).timestamp())
RESETS = int(datetime(2026, 4, 1, tzinfo=UTC).timestamp())
SMALL_PRINT = f"-# Since <t:{SINCE}:f>, days in UTC · only you see this"


async def a_month(books: Books, server: Server) -> None:
    """7,500 tokens of the member's this month, 6,000 of them here; others' and older ones besides."""
    member, here = server.member.id, server.guild.id
    await books.book(here, 10**9, user=member, tokens=(3_000, 1_000))
    await books.book(here, 10**9, user=member, tokens=(1_500, 500), operation="setup_full_guide", days_ago=2)
    await books.book(77, 10**9, user=member, tokens=(1_000, 500))
    await books.book(here, 10**9, user=member, tokens=(50, 50), days_ago=40)
    await books.book(here, 10**9, user=server.manager.id, tokens=(90_000, 9_000))


async def test_tokens_everywhere_and_here_by_operation_and_no_money(server: Server, books: Books):
    """I26: the figures are the asker's alone, to their eyes only; dollars aren't shown to members."""
    await a_month(books, server)
    result = await server.member.slash(server.channel, "my-usage")
    assert result.acknowledged
    assert result.response.ephemeral
    shown = texts(result.response)
    number, breakdown, trend, small_print = shown
    assert number.splitlines() == [
        "## 7,500\u00a0tokens this month · 75 times as much as the same days of last month",
        "-# 3\u00a0calls · 5,500 in, 2,000 out · on all servers together",
        "-# 6,000\u00a0tokens of them on this server",
    ]
    assert breakdown.splitlines() == [
        "**By operation**",
        "```",
        "operation",
        "  tokens   %  calls",
        "Questions",
        "   5,500  73      2",
        "Set-up: whole guide",
        "   2,000  27      1",
        "```",
    ]
    bars = "▁▁▁▁▁▁▁▁▁▁▁▁▄▁█"
    assert trend == f"**Trend** · 1–15 Mar\n```\n{bars}\n```\n-# Most on Sun 15 Mar, 5,500\u00a0tokens"
    assert small_print == SMALL_PRINT
    assert "$" not in "".join(shown)


async def test_where_quotas_are_on_the_quota_stands_with_it(server: Server, books: Books):
    await a_month(books, server)
    await books.tracker.settings.choose(server.guild.id, quotas=True)
    shown = texts((await server.member.slash(server.channel, "my-usage", period="today")).response)
    assert shown[0].startswith("## 5,500\u00a0tokens today\n")
    assert shown[1] == (
        "**Monthly quota** · free\n"
        "`███████░░░` 75\u00a0% of 10,000\u00a0tokens\n"
        f"-# 2,500\u00a0tokens left · starts anew <t:{RESETS}:R> · counts what you use on all servers together"
    )
    await books.tracker.quotas.grants.grant_server(server.guild.id, "premium", Source.OPERATOR)
    shown = texts((await server.member.slash(server.channel, "my-usage")).response)
    assert shown[1].startswith(
        "**Monthly quota** · premium\n`░░░░░░░░░░` 0\u00a0% of 1,000,000\u00a0tokens\n-# 992,500\u00a0tokens"
    )


async def test_it_speaks_spanish(server: Server, books: Books, monkeypatch: pytest.MonkeyPatch):
    everybody_speaks("es-419", monkeypatch)
    await a_month(books, server)
    await books.tracker.settings.choose(server.guild.id, quotas=True)
    shown = (await server.member.slash(server.channel, "my-usage")).response
    assert texts(shown) == [
        (
            "## 7,500\u00a0tokens este mes · 75 veces lo que en los mismos días del mes pasado\n"
            "-# 3\u00a0llamadas · 5,500 de entrada, 2,000 de salida · en todos los servidores juntos\n"
            "-# 6,000\u00a0tokens de ellos en este servidor"
        ),
        (
            "**Cuota mensual** · free\n"
            "`███████░░░` 75\u00a0% de 10,000\u00a0tokens\n"
            f"-# Te quedan 2,500\u00a0tokens · empieza de nuevo <t:{RESETS}:R> · cuenta lo que usas en todos "
            "los servidores juntos"
        ),
        (
            "**Por operación**\n"
            "```\n"
            "operación\n"
            "  tokens   %  llam.\n"
            "Preguntas\n"
            "   5,500  73      2\n"
            "Configurar: toda la guía\n"
            "   2,000  27      1\n"
            "```"
        ),
        ("**Tendencia** · 1–15 mar\n```\n▁▁▁▁▁▁▁▁▁▁▁▁▄▁█\n```\n-# El día de más uso: dom, 15 mar (5,500\u00a0tokens)"),
        f"-# Desde <t:{SINCE}:f>, días en UTC · solo tú ves esto",
    ]
    await server.member.select(shown, ["today"], custom_id=PERIOD)
    assert texts(shown)[0] == (
        "## 5,500\u00a0tokens hoy\n"
        "-# 2\u00a0llamadas · 4,000 de entrada, 1,500 de salida · en todos los servidores juntos\n"
        "-# 4,000\u00a0tokens de ellos en este servidor"
    )


async def test_a_tier_by_role_and_an_exemption(server: Server, books: Books):
    quotas, here = books.tracker.quotas, server.guild.id
    await books.tracker.settings.choose(here, quotas=True)
    await quotas.set_rule(here, f"role:{server.managers.id}", "premium")
    shown = texts((await server.manager.slash(server.channel, "my-usage")).response)
    assert shown[:2] == ["## You haven't used me this month", shown[1]]
    assert "premium" in shown[1]
    await quotas.set_rule(here, f"user:{server.member.id}", "exempt")
    shown = texts((await server.member.slash(server.channel, "my-usage")).response)
    assert shown[1] == "**Monthly quota** · exempt\nNo limit applies to you here."


async def test_a_used_up_quota_is_a_full_bar(server: Server, books: Books):
    await books.tracker.settings.choose(server.guild.id, quotas=True)
    await books.book(server.guild.id, 0, user=server.member.id, tokens=(12_000, 345))
    shown = texts((await server.member.slash(server.channel, "my-usage")).response)
    assert shown[1].splitlines()[1:] == [
        "`██████████` 123\u00a0% of 10,000\u00a0tokens",
        f"-# 0\u00a0tokens left · starts anew <t:{RESETS}:R> · counts what you use on all servers together",
    ]


async def test_the_select_changes_the_period_in_place(server: Server, books: Books):
    await a_month(books, server)
    shown = (await server.member.slash(server.channel, "my-usage")).response
    assert selected(shown) == ["month"]
    press = await server.member.select(shown, ["all"], custom_id=PERIOD)
    assert press.followups == []
    assert selected(shown) == ["all"]
    assert texts(shown)[0].startswith("## 7,600\u00a0tokens in all\n-# 4\u00a0calls")
    assert texts(shown)[-1] == "-# As far back as single calls are kept, days in UTC · only you see this"


async def test_somebody_elses_press_is_refused(server: Server, books: Books):
    """I26: nobody else is shown it, but an id can be sent by hand."""
    await a_month(books, server)
    shown = (await server.member.slash(server.channel, "my-usage")).response
    before = texts(shown)
    assert await refusal(await by_hand(server.owner, shown, PERIOD, "all")) == NOT_YOURS
    assert texts(shown) == before


async def test_many_operations_are_eight_and_one_line(server: Server, books: Books):
    for number in range(10):
        await books.book(1, 0, user=server.member.id, operation=f"operation_{number}", tokens=(100 - number, 0))
    shown = texts((await server.member.slash(server.channel, "my-usage")).response)
    assert shown[1].splitlines()[3].endswith("operation_0")
    assert shown[1].splitlines()[-1] == "and 2\u00a0other operations: 183\u00a0tokens"


async def test_it_works_in_direct_messages(simcord_env: simcord.Env, server: Server, books: Books):
    stranger = simcord_env.create_user("stranger")
    result = await stranger.slash("my-usage")
    assert texts(result.response)[0] == "## You haven't used me this month"
    await books.book(5, 0, user=stranger.id, tokens=(10, 5))
    shown = texts((await stranger.slash("my-usage")).response)
    assert shown[0] == "## 15\u00a0tokens this month\n-# 1\u00a0call · 10 in, 5 out · on all servers together"


async def test_books_out_of_reach_are_told_in_words(
    server: Server, books: Books, simcord_env: simcord.Env, monkeypatch: pytest.MonkeyPatch
):
    """I23, I29: what was shown stays."""
    await a_month(books, server)
    shown = (await server.member.slash(server.channel, "my-usage")).response
    before = texts(shown)

    async def broken(*_arguments: object) -> None:
        raise DatabaseUnavailableError("/secret/path.db", "disk I/O error")

    monkeypatch.setattr(books.tracker.quotas, "own_usage", broken)
    press = await server.member.select(shown, ["today"], custom_id=PERIOD)
    assert await refusal(press) == (
        "My database is out of reach just now, so I can't look that up. Please try again in a minute."
    )
    assert texts(shown) == before
    again = await server.member.slash(server.channel, "my-usage")
    assert again.response.content.startswith("My database is out of reach just now")
    assert len(simcord_env.errors) == 2


async def test_it_says_when_it_has_expired(server: Server, books: Books, monkeypatch: pytest.MonkeyPatch):
    opened: list[MyUsageView] = []
    load = MyUsageView.open

    async def remember(self: MyUsageView, interaction: discord.Interaction) -> None:
        opened.append(self)
        await load(self, interaction)

    monkeypatch.setattr(MyUsageView, "open", remember)
    shown = (await server.member.slash(server.channel, "my-usage")).response
    await opened[0].on_timeout()
    assert texts(shown)[-1] == EXPIRED
    assert selected(shown) == []


async def test_it_compares_only_with_what_is_still_on_the_books(server: Server, books: Books):
    """I25: single calls that are gone aren't taken for none."""
    await a_month(books, server)
    await books.book(77, 10**9, user=server.member.id, tokens=(1_000, 500), days_ago=31)
    shown = texts((await server.member.slash(server.channel, "my-usage")).response)
    assert "this month · 4.7 times as much as the same days of last month\n" in shown[0]
    await forget_calls(books.tracker.database, NOW - timedelta(days=35), 0)
    shown = texts((await server.member.slash(server.channel, "my-usage")).response)
    assert shown[0].startswith("## 7,500\u00a0tokens this month\n")


async def test_it_is_refreshed_also_after_a_restart(server: Server, books: Books, bot: Trilo, simcord_env: simcord.Env):
    """I26: it stays its opener's."""
    await a_month(books, server)
    shown = (await server.member.slash(server.channel, "my-usage", period="7d")).response
    await simcord_env.restart_bot(Trilo(bot.services, shard_count=1))
    assert await refusal(await by_hand(server.owner, shown, "my-usage:refresh")) == NOT_YOURS
    await books.book(1, 0, user=server.member.id, tokens=(500, 0))
    await server.member.click(shown, label="Refresh")
    assert texts(shown)[0].startswith("## 8,000\u00a0tokens in the last 7 days")
    await server.member.select(shown, ["today"], custom_id=PERIOD)
    assert selected(shown) == ["today"]
    await server.member.click(shown, label="Refresh")
    assert texts(shown)[0].startswith("## 6,000\u00a0tokens today\n")


def test_a_month_is_fifteen_bars_of_two_days_which_a_phone_shows_whole():
    days = [(date(2026, 3, number), number * 1_000) for number in range(2, 32)]
    assert trend(days) == (
        "**Trend** · 2–31 Mar, 2 days a bar\n```\n▂▃▃▃▄▄▅▅▆▆▇▇███\n```\n-# Most on Tue 31 Mar, 31,000\u00a0tokens"
    )
