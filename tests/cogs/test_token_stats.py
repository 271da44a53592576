"""`/token-stats` from the command to the last select, on real books."""

from datetime import timedelta

import pytest

from bot.client import Trilo
from bot.usage.records import Status
from tests.cogs.helpers import NOW, Books, Clock, Server, a_month, everybody_speaks, selected, texts

PERIOD, SPLIT = "token-stats:period", "token-stats:split"


async def test_the_number_the_breakdown_the_trend_the_comparison(server: Server, books: Books):
    await a_month(books, server)
    result = await server.manager.slash(server.channel, "token-stats")
    number, breakdown, trend, comparison, honesty = texts(result.response)
    assert number == (
        "## $0.015 this month · 24\u00a0% less than the same days of last month · on course for $0.032\n"
        "-# 2\u00a0calls · 1,400\u00a0tokens (1,124 in, 276 out)"
    )
    assert breakdown == (
        "**By operation**\n"
        "```\n"
        "operation\n"
        "     cost   %  calls\n"
        "Set-up: whole guide\n"
        "  $0.01    66      1\n"
        "Questions\n"
        "  $0.0051  34      1\n"
        "```"
    )
    assert trend == "**Trend** · 1–15 Mar\n-# Dearest day: Thu 12 Mar, $0.01"
    assert comparison == "**Before** · 1–15 Feb: $0.02 in 1\u00a0call"
    assert honesty == (
        "-# No call estimated, unpriced or failed\n"
        f"-# Prices: {books.tracker.prices.described()}\n"
        f"-# Days in UTC · read at <t:{int(NOW.timestamp())}:T>"
    )
    assert selected(result.response) == ["month", "operation"]


async def test_it_speaks_spanish(server: Server, books: Books, monkeypatch: pytest.MonkeyPatch):
    everybody_speaks("es-419", monkeypatch)
    await a_month(books, server)
    shown = (await server.manager.slash(server.channel, "token-stats")).response
    assert texts(shown) == [
        (
            "## USD\u00a00.015 este mes · 24\u00a0% menos que en los mismos días del mes pasado · a este ritmo, "
            "USD\u00a00.032\n"
            "-# 2\u00a0llamadas · 1,400\u00a0tokens (1,124 de entrada, 276 de salida)"
        ),
        (
            "**Por operación**\n"
            "```\n"
            "operación\n"
            "       costo   %  llam.\n"
            "Configurar: toda la guía\n"
            "  USD 0.01    66      1\n"
            "Preguntas\n"
            "  USD 0.0051  34      1\n"
            "```"
        ),
        "**Tendencia** · 1–15 mar\n-# Día más caro: jue, 12 mar (USD\u00a00.01)",
        "**Antes** · 1–15 feb: USD\u00a00.02 en 1\u00a0llamada",
        (
            "-# Ninguna llamada estimada, sin precio ni fallida\n"
            f"-# Precios: {books.tracker.prices.described()}\n"
            f"-# Días en UTC · leído a las <t:{int(NOW.timestamp())}:T>"
        ),
    ]
    assert shown.message.attachments[0].description == (
        "Barras de lo que costó cada día, 1–15 mar: 2 de 15 días con costo, el más caro, jue, 12 mar, "
        "con USD\u00a00.01; el último, USD\u00a00.0051."
    )
    await server.manager.select(shown, ["day"], custom_id=SPLIT)
    assert texts(shown)[1] == (
        "**Por día**\n```\ncosto       % llam. día   \nUSD 0.01   66     1 12 mar\nUSD 0.0051 34     1 15 mar\n```"
    )
    form = await server.manager.select(shown, ["other"], custom_id=PERIOD)
    await server.manager.submit_modal(form, {"first": "14 de marzo de 2026", "last": "25 feb"})
    number = "## USD\u00a00.01 del 25 feb – 14 mar · 50\u00a0% menos que en 7–24 feb"
    assert texts(shown)[0].splitlines()[0] == number


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"period": "today"}, "## $0.0051 today\n"),
        ({"period": "7d"}, "## $0.015 in the last 7 days\n"),
        ({"period": "30d"}, "## $0.035 in the last 30 days\n"),
        ({"period": "all"}, "## $0.035 in all\n"),
        ({"by": "model"}, "gpt-4o\n  $0.0051  34      1\n"),
        ({"by": "member"}, "league_member\n  $0.015  100      2\n"),
        ({"by": "channel"}, "$0.015 100     2 #general"),
        ({"by": "day"}, "$0.01    66      1  12 Mar\n$0.0051  34      1  15 Mar\n```"),
    ],
)
async def test_the_options_choose_what_is_shown(server: Server, books: Books, options, expected):
    await a_month(books, server)
    result = await server.manager.slash(server.channel, "token-stats", **options)
    assert expected in "\n".join(texts(result.response))
    assert selected(result.response) == [options.get("period", "month"), options.get("by", "operation")]


async def test_selects_change_the_view_in_place_and_keep_each_other(server: Server, books: Books):
    await a_month(books, server)
    shown = (await server.manager.slash(server.channel, "token-stats")).response
    press = await server.manager.select(shown, ["model"], custom_id=SPLIT)
    assert press.followups == []
    await server.manager.select(shown, ["today"], custom_id=PERIOD)
    assert selected(shown) == ["today", "model"]
    assert texts(shown)[:2] == [
        "## $0.0051 today\n-# 1\u00a0call · 1,280\u00a0tokens (1,024 in, 256 out)",
        "**By model**\n```\ncost       %  calls  model \n$0.0051  100      1  gpt-4o\n```",
    ]
    await books.book(server.guild.id, 5_120_000, model="gpt-4o")
    await server.manager.click(shown, label="Refresh")
    assert texts(shown)[0].startswith("## $0.01 today\n")
    assert selected(shown) == ["today", "model"]
    assert len(server.channel.history(viewer=server.manager)) == 1


async def test_an_empty_server_is_invited_to_try_something(server: Server, books: Books, bot: Trilo):
    other_server = 42
    await books.book(other_server, 10**9)
    shown = (await server.manager.slash(server.channel, "token-stats")).response
    (invitation,) = texts(shown)
    assert invitation == (
        "## Nothing on the books yet\n"
        f"Mention me with a question, for example “{bot.user.mention} what makes a fair trade?”, then press "
        "**Refresh**: every answer shows up here with what it cost."
    )
    assert selected(shown) == []
    await books.book(server.guild.id, 5_120_000)
    await server.manager.click(shown, label="Refresh")
    assert texts(shown)[0].startswith("## $0.0051 this month · on course for $0.011\n")
    assert selected(shown) == ["month", "operation"]


async def test_a_period_without_calls_says_so_and_what_was_before(server: Server, books: Books):
    await books.book(server.guild.id, 20_000_000, days_ago=28)
    shown = (await server.manager.slash(server.channel, "token-stats")).response
    assert texts(shown)[:3] == [
        "## No calls this month\n-# Choose another period below.",
        "**Trend** · 1–15 Mar\n-# No day with a cost.",
        "**Before** · 1–15 Feb: $0.02 in 1\u00a0call",
    ]
    await server.manager.select(shown, ["all"], custom_id=PERIOD)
    assert texts(shown)[0].startswith("## $0.02 in all\n")


async def test_what_is_estimated_unpriced_or_failed_is_said(server: Server, books: Books):
    """I9: unknown is not free."""
    await books.book(server.guild.id, 1_000_000, status=Status.ABORTED, estimated=True)
    await books.book(server.guild.id, 0, status=Status.ERROR)
    await books.book(server.guild.id, None, model="mystery-1")
    shown = texts((await server.manager.slash(server.channel, "token-stats", by="model")).response)
    assert shown[0].startswith("## $0.001 this month · on course for $0.0021\n")
    assert shown[1].splitlines()[2:-1] == [
        "model",
        "     cost    %  calls",
        "gpt-4o-mini",
        "   $0.001  100      2",
        "mystery-1",
        "  unknown    0      1",
    ]
    assert shown[-1].startswith(
        "-# 1\u00a0call estimated · 1\u00a0call unpriced: no price known, so not in the number above · "
        "2\u00a0calls failed\n"
    )


async def test_where_no_call_has_a_price_the_number_is_unknown(server: Server, books: Books):
    """I9."""
    await books.book(server.guild.id, None)
    shown = texts((await server.manager.slash(server.channel, "token-stats")).response)
    assert shown[0].startswith("## Cost unknown this month\n")


async def test_many_days_are_fourteen_lines_newest_last_and_a_bar_for_several(server: Server, books: Books):
    for days_ago in range(62):
        await books.book(server.guild.id, 10**9, days_ago=days_ago)
    shown = texts((await server.manager.slash(server.channel, "token-stats", period="all", by="day")).response)
    lines = shown[1].splitlines()
    assert lines[3] == "$1.00  2      1  2 Mar "
    assert lines[-3:] == ["$1.00  2      1  15 Mar", "```", "on other days: $48.00 in 48\u00a0calls"]
    assert len(lines) == 2 + 1 + 14 + 2
    assert shown[2].splitlines()[0] == "**Trend** · 13 Jan – 15 Mar, 2 days a bar"


async def test_a_single_day_is_shown_with_its_week(server: Server, books: Books):
    await books.book(server.guild.id, 10**9)
    await books.book(server.guild.id, 2 * 10**9, days_ago=1)
    shown = texts((await server.manager.slash(server.channel, "token-stats", period="today")).response)
    assert shown[0].startswith("## $1.00 today · 50\u00a0% less than all of yesterday\n")
    assert shown[2] == ("**Trend** · last 7 days, 9–15 Mar\n-# Dearest day: Sat 14 Mar, $2.00")


async def test_days_are_the_servers_own(server: Server, books: Books, clock: Clock):
    clock.now -= timedelta(days=2)
    await books.tracker.settings.set_time_zone(server.guild.id, "Pacific/Auckland")
    clock.now += timedelta(days=2)
    await books.book(server.guild.id, 10**9)
    shown = texts((await server.manager.slash(server.channel, "token-stats", by="day")).response)
    assert "  16 Mar" in shown[1]
    assert "-# Days in Pacific/Auckland · " in shown[-1]
