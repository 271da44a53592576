"""`/token-stats`: where the month is heading, the picture, opening a row, pages, other days, the file, a restart."""

import csv
import io
import json
from datetime import date, timedelta

import discord
import pytest
import simcord

from bot.client import Trilo
from bot.league.league_book import ADVANCE
from bot.usage.budgeting.budgets import Owner
from bot.usage.reporting.reports import Days
from bot.usage.upkeep.retention import forget_calls
from cogs._kit.access import NOT_FOR_YOU
from cogs._spend.range_form import EARLIEST, range_of
from cogs._spend.spend_file import NOTHING, _write
from tests.cogs.helpers import NOW, Books, Clock, Server, a_month, refusal, selected, texts

TODAY = date(2026, 3, 15)
PERIOD, SPLIT, OPEN = "token-stats:period", "token-stats:split", "token-stats:open"


async def opened(server: Server, **options: str) -> simcord.ResponseMessage:
    shown = (await server.manager.slash(server.channel, "token-stats", **options)).response
    assert shown is not None
    return shown


def first_line(shown: simcord.ResponseMessage) -> str:
    return texts(shown)[0].splitlines()[0]


@pytest.mark.parametrize(
    ("limit", "mode", "heading"),
    [
        ("15", "hard", " · on course for $2.14 of $15"),
        ("2.14", "hard", " · on course for $2.138 of $2.14"),
        ("1.50", "soft", " · on course to use up its $1.50 on 22 Mar"),
        ("1", "hard", " · the limit of $1 is used up"),
        ("0.50", "soft", " · over its limit of $0.50"),
    ],
)
async def test_the_first_line_says_where_the_month_is_heading(server: Server, books: Books, limit, mode, heading):
    await books.book(server.guild.id, 10**9)
    budgets, guild = books.tracker.budgets, server.guild.id
    await budgets.set("guild", guild_id=guild, limit_usd="20", owner=Owner.OPERATOR)
    await budgets.set("guild", guild_id=guild, limit_usd=limit, mode=mode)
    await budgets.set("guild", guild_id=guild, limit_usd="0.10", period="day")
    await budgets.set("channel", server.channel.id, guild_id=guild, limit_usd="0.10")
    assert first_line(await opened(server)) == f"## $1.00 this month{heading}"
    assert first_line(await opened(server, period="30d")) == "## $1.00 in the last 30 days"


async def test_the_picture_comes_with_its_words_and_changes_with_the_view(server: Server, books: Books):
    await a_month(books, server)
    shown = await opened(server)
    picture = shown.message.attachments[0]
    assert picture.filename == "trend.png"
    assert picture.description == (
        "Bars of what each day cost, 1–15 Mar: 2 of 15 days with a cost, dearest Thu 12 Mar with $0.01, last $0.0051."
    )
    await server.manager.click(shown, label="Refresh")
    assert shown.message.attachments[0].id == picture.id
    await server.manager.select(shown, ["today"], custom_id=PERIOD)
    (other,) = shown.message.attachments
    assert other.id != picture.id
    assert other.description.startswith("Bars of what each day cost, 9–15 Mar: ")
    gallery = next(i for i in discord.ui.LayoutView.from_message(shown.message).walk_children() if hasattr(i, "items"))
    assert gallery.items[0].description == other.description


async def test_where_files_may_not_be_sent_the_bars_are_text(
    server: Server, books: Books, bot: Trilo, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("discord.Permissions.attach_files", False)
    await books.book(server.guild.id, 10**9)
    shown = await opened(server, period="7d")
    assert shown.message.attachments == []
    assert texts(shown)[2] == (
        "**Trend** · 9–15 Mar\n```\n▁▁ ▁▁ ▁▁ ▁▁ ▁▁ ▁▁ ██\n```\n-# Dearest day: Sun 15 Mar, $1.00"
    )


async def test_a_member_can_be_opened_and_closed_again(server: Server, books: Books):
    """What is opened agrees with the row it was opened from, and the other figures stay the server's."""
    await a_month(books, server)
    await books.book(server.guild.id, 15_120_000, user=server.owner.id, operation="other")
    shown = await opened(server, by="member")
    await server.manager.select(shown, [str(server.member.id)], custom_id=OPEN)
    number, breakdown, *_ = texts(shown)
    assert number == (
        "-# The member `league_member`\n"
        "## $0.015 this month · 24\u00a0% less than the same days of last month\n"
        "-# 2\u00a0calls · 1,400\u00a0tokens (1,124 in, 276 out) · 50\u00a0% of the server's $0.03"
    )
    assert breakdown == (
        "**By operation**\n```\noperation\n     cost   %  calls\nSet-up: whole guide\n  $0.01    66      1\n"
        "Questions\n  $0.0051  34      1\n```"
    )
    assert selected(shown) == ["month", "operation"]
    await server.manager.select(shown, ["day"], custom_id=SPLIT)
    assert texts(shown)[1].splitlines()[3:5] == ["$0.01    66      1  12 Mar", "$0.0051  34      1  15 Mar"]
    await server.manager.click(shown, label="← Back to all")
    assert first_line(shown).startswith("## $0.03 this month · ")
    assert selected(shown) == ["month", "member"]


@pytest.mark.parametrize("split", ["operation", "model", "channel"])
async def test_whatever_is_opened_adds_up_to_its_row(server: Server, books: Books, split: str):
    """I8."""
    await a_month(books, server)
    keys = {"operation": "setup_full_guide", "model": "gpt-4o", "channel": str(server.channel.id)}
    named = {
        "operation": "`Set-up: whole guide` (`setup_full_guide`)",
        "model": "`gpt-4o`",
        "channel": "`#general`",
    }
    costs = {"operation": "$0.01", "model": "$0.0051", "channel": "$0.015"}
    shown = await opened(server, by=split)
    await server.manager.select(shown, [keys[split]], custom_id=OPEN)
    await server.manager.select(shown, ["member"], custom_id=SPLIT)
    assert first_line(shown) == f"-# The {split} {named[split]}"
    assert texts(shown)[0].splitlines()[1].startswith(f"## {costs[split]} this month")
    assert f"{costs[split]}  100" in texts(shown)[1]
    assert "league_member" in texts(shown)[1]


async def test_what_is_too_old_to_be_told_apart_is_said(server: Server, books: Books):
    """I25: the sum of what is opened stays whole."""
    await a_month(books, server)
    await books.tracker.force_flush()
    await forget_calls(books.tracker.database, NOW - timedelta(days=2), 0)
    shown = await opened(server, by="member")
    await server.manager.select(shown, [str(server.member.id)], custom_id=OPEN)
    assert texts(shown)[0].splitlines()[1].startswith("## $0.015 this month")
    assert texts(shown)[1].splitlines()[-1] == "-# 1\u00a0call too old to be told apart"


async def test_long_lists_have_pages(server: Server, books: Books):
    for number in range(23):
        await books.book(server.guild.id, (30 - number) * 10**9, model=f"m{number:02}")
    shown = await opened(server, by="model")
    assert "and 13 others: " in texts(shown)[1]
    await server.manager.click(shown, label="▶")
    await server.manager.click(shown, label="▶")
    block = texts(shown)[1].splitlines()
    assert [line.split()[-1] for line in block[3:-2]] == ["m20", "m21", "m22"]
    assert block[-1] == "and 20 others: $410.00 in 20\u00a0calls"
    await server.manager.click(shown, label="◀")
    assert texts(shown)[1].splitlines()[3].split()[-1] == "m10"
    await server.manager.select(shown, ["member"], custom_id=SPLIT)
    assert not [label for label in labels(shown) if label in ("◀", "▶")]


async def test_other_days_are_typed_and_compared_with_as_many_before(server: Server, books: Books):
    await a_month(books, server)
    shown = await opened(server)
    form = await server.manager.select(shown, ["other"], custom_id=PERIOD)
    assert form.modal is not None
    wrong = await server.manager.submit_modal(form, {"first": "yesterday-ish", "last": "2026-03-14"})
    assert await refusal(wrong) == "I can't read “yesterday-ish” as a day. Write it like `2026-03-01`."
    form = await server.manager.select(shown, ["other"], custom_id=PERIOD)
    await server.manager.submit_modal(form, {"first": "14 March", "last": "2026-02-25"})
    assert first_line(shown) == "## $0.01 from 25 Feb – 14 Mar · 50\u00a0% less than 7–24 Feb"
    assert selected(shown) == ["2026-02-25/2026-03-14", "operation"]
    assert labels(shown)[0] == "25 Feb – 14 Mar"


async def test_a_page_that_is_gone_is_the_last_there_is(server: Server, books: Books):
    for number in range(12):
        await books.book(server.guild.id, (30 - number) * 10**9, model=f"m{number:02}")
    shown = await opened(server, by="model")
    await server.manager.click(shown, label="▶")
    assert "m11" in texts(shown)[1]
    await books.tracker.database.execute("DELETE FROM spend_daily WHERE dimension = 'model' AND key > 'm05'")
    await server.manager.click(shown, label="Refresh")
    assert [line.split()[-1] for line in texts(shown)[1].splitlines() if "$" in line][:6] == [
        f"m0{n}" for n in range(6)
    ]


@pytest.mark.parametrize(
    ("first", "last", "found"),
    [
        ("2099-12-31", "1990-01-01", Days(EARLIEST, TODAY)),
        ("Dec 31", "Mar. 15", Days(date(2025, 12, 31), TODAY)),
        ("15 March, 2026", "16 Mar", Days(date(2025, 3, 16), TODAY)),
        ("2026-03-16", "2099-01-01", "Those days are still to come."),
        ("1 Mar", "*29 Feb*", "I can't read “\\*29 Feb\\*” as a day. Write it like `2026-03-01`."),
    ],
)
def test_days_as_people_type_them(first: str, last: str, found: Days | str):
    """In either order, not beyond today; a day without its year is the latest of that name."""
    assert range_of(first, last, TODAY) == found


async def test_the_calls_come_as_a_file(server: Server, books: Books, monkeypatch: pytest.MonkeyPatch):
    """I26, I33: this server's calls alone, of the days shown, to the person alone."""
    await a_month(books, server)
    await books.book(42, 10**9, operation="elsewhere")
    shown = await opened(server)
    press = await server.manager.click(shown, label="Export CSV")
    assert press.response.ephemeral
    (file,) = press.response.attachments
    assert file.filename == "calls-2026-03-01-to-2026-03-15.csv"
    rows = list(csv.DictReader(io.StringIO((await file.read()).decode())))
    assert [(row["operation"], row["cost_usd"]) for row in rows] == [
        ("setup_full_guide", "0.01"),
        ("general_conversation", "0.00512"),
    ]
    press = await server.manager.click(shown, label="JSON Lines")
    (file,) = press.response.attachments
    assert file.filename == "calls-2026-03-01-to-2026-03-15.jsonl"
    lines = [json.loads(line) for line in (await file.read()).decode().splitlines()]
    assert [(line["operation"], line["cost_usd"]) for line in lines] == [
        ("setup_full_guide", "0.01"),
        ("general_conversation", "0.00512"),
    ]
    monkeypatch.setattr("discord.Interaction.filesize_limit", property(lambda _: 200, lambda _, __: None))
    press = await server.manager.click(shown, label="Export CSV")
    assert press.response.content.startswith("That would be more than the 0 MB that Discord takes as a file here. ")
    await server.manager.select(shown, ["today"], custom_id=PERIOD)
    await books.tracker.database.execute("DELETE FROM usage_records")
    press = await server.manager.click(shown, label="Export CSV")
    assert press.response.content == NOTHING


async def test_a_file_that_grows_too_large_is_given_up_early():
    read = []

    async def endless():
        while True:
            read.append("x" * 100)
            yield read[-1]

    assert await _write(endless(), io.BytesIO(), 250) == 300
    assert len(read) == 3


async def test_it_goes_on_after_a_restart(server: Server, books: Books, bot: Trilo, simcord_env: simcord.Env):
    """I26: what is shown is taken from the message, and who presses is checked as ever."""
    for number in range(12):
        await books.book(server.guild.id, (20 - number) * 10**9, user=server.member.id, model=f"m{number:02}")
    shown = await opened(server, period="30d", by="member")
    await server.manager.select(shown, [str(server.member.id)], custom_id=OPEN)
    await server.manager.select(shown, ["model"], custom_id=SPLIT)
    await server.manager.click(shown, label="▶")
    before = texts(shown)[:2]
    assert "m11" in before[1]
    await simcord_env.restart_bot(Trilo(bot.services, shard_count=1))
    await server.manager.click(shown, label="Refresh")
    assert texts(shown)[:2] == before
    await simcord_env.restart_bot(Trilo(bot.services, shard_count=1))
    await server.manager.click(shown, label="← Back to all")
    assert selected(shown) == ["30d", "member"]
    await server.manager.select(shown, ["7d"], custom_id=PERIOD)
    assert selected(shown) == ["7d", "member"]
    await simcord_env.restart_bot(Trilo(bot.services, shard_count=1))
    form = await server.manager.select(shown, ["other"], custom_id=PERIOD)
    await server.manager.submit_modal(form, {"first": "14 March", "last": "2026-03-15"})
    assert selected(shown) == ["2026-03-14/2026-03-15", "member"]
    await simcord_env.restart_bot(Trilo(bot.services, shard_count=1))
    simcord_env.backend.edit_member(server.guild.id, server.manager.id, {"role_ids": []})
    assert await refusal(await server.manager.click(shown, label="Refresh")) == NOT_FOR_YOU


async def test_by_league_week(server: Server, books: Books, bot: Trilo, clock: Clock):
    """A week begins on the day of its advance in the server's own time; announced again, it doesn't begin anew."""
    guild, league = server.guild.id, bot.services.league_book
    for days_ago, cost in ((14, 1), (9, 20), (8, 300), (2, 4_000), (0, 50_000)):
        await books.book(guild, cost * 10**7, days_ago=days_ago)
    for days_ago, week, result in ((9, 7, "done"), (6, 7, "done"), (4, 9, "rolled back"), (2, 8, "done")):
        clock.now = NOW - timedelta(days=days_ago)
        await league.note_action(guild, actor=1, action=ADVANCE, facts={"week": week, "result": result})
    clock.now = NOW
    shown = await opened(server, by="week")
    assert texts(shown)[1] == (
        "**By league week**\n```\nweek\n     cost   %  calls\nWeek 7 · 6–12 Mar\n    $3.20  <1      2\n"
        "Week 8 · 13–15 Mar\n  $540.00  99      2\n```\nbefore the first advance shown: $0.01 in 1\u00a0call"
    )
    await server.manager.select(shown, ["today"], custom_id=PERIOD)
    assert texts(shown)[1].splitlines()[4:6] == ["Week 8 · 15 Mar", "  $500.00  100      1"]


async def test_by_command_and_by_thread(server: Server, books: Books, bot: Trilo):
    channel = bot.get_channel(server.channel.id)
    assert isinstance(channel, discord.TextChannel)
    talk = await channel.create_thread(name="trade talk", type=discord.ChannelType.public_thread)
    await books.book(server.guild.id, 10**9, operation="setup_agent_1_intent", thread=talk.id, channel=channel.id)
    await books.book(server.guild.id, 2 * 10**9, operation="setup_full_guide")
    await books.book(server.guild.id, 10**9, operation="command_extract_create_params")
    await books.book(server.guild.id, 10**9, operation="report_of_another_program")
    shown = await opened(server, by="command")
    assert texts(shown)[1].splitlines()[4::2][:3] == [
        "help with setting up",
        "/league create",
        "report_of_another_program",
    ]
    assert texts(shown)[1].splitlines()[5] == "  $3.00  60      2"
    await server.manager.select(shown, ["thread"], custom_id=SPLIT)
    assert texts(shown)[1] == (
        "**By thread**\n```\ncost   % calls thread     \n$1.00 20     1 #trade talk\n```\n"
        "outside of threads, or long ago: $4.00 in 3\u00a0calls"
    )


async def test_without_an_advance_or_a_thread_it_says_how_there_would_be_one(server: Server, books: Books):
    await books.book(server.guild.id, 10**9)
    shown = await opened(server, by="week")
    assert texts(shown)[1] == (
        "**By league week**\n-# No advance has been announced in these days yet: `/league advance` begins a week."
    )
    await server.manager.select(shown, ["thread"], custom_id=SPLIT)
    assert texts(shown)[1] == "**By thread**\n-# Nothing was asked in threads."


def labels(shown: simcord.ResponseMessage) -> list[str]:
    """The labels of what is chosen and of the buttons, in their order."""
    found = []
    for item in discord.ui.LayoutView.from_message(shown.message).walk_children():
        if isinstance(item, discord.ui.Select):
            found += [option.label for option in item.options if option.default]
        elif isinstance(item, discord.ui.Button):
            found.append(item.label or "")
    return found
