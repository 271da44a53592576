"""`/token-stats`: who may see it, at the command and at every press; what happens when it fails or expires."""

import re

import discord
import pytest
import simcord

from bot.client import Trilo
from bot.usage.errors import DatabaseUnavailableError
from cogs._kit.access import NOT_FOR_YOU
from cogs._kit.private import TIMEOUT_SECONDS
from cogs._spend.token_stats import NOT_YOURS
from tests.cogs.helpers import Books, Server, a_month, by_hand, make_server, refusal, selected, texts

FIGURES = re.compile(r"\$\d")
PERIOD, SPLIT = "token-stats:period", "token-stats:split"


async def test_who_may_not_see_it_gets_words_and_no_numbers(server: Server, books: Books):
    """I26: Discord's own settings show the command to everybody here."""
    await a_month(books, server)
    result = await server.member.slash(server.channel, "token-stats")
    assert texts(result.response) == [NOT_FOR_YOU]
    assert not FIGURES.search(NOT_FOR_YOU)
    assert result.response.ephemeral
    assert len(server.channel.history(viewer=server.member)) == 1


async def test_owners_and_administrators_may_see_it(server: Server, books: Books, simcord_env: simcord.Env, bot: Trilo):
    await a_month(books, server)
    admins = server.guild.create_role("Admins", permissions=discord.Permissions(administrator=True))
    admin = server.guild.add_member(simcord_env.create_user("admin"), roles=[admins])
    operator = server.guild.add_member(simcord_env.create_user("operator"))
    bot.owner_id = operator.id
    for actor in (server.owner, admin, operator):
        result = await actor.slash(server.channel, "token-stats")
        assert texts(result.response)[0].startswith("## $0.015 this month · ")


async def test_a_permission_withdrawn_after_opening_holds_at_the_next_press(
    server: Server, books: Books, simcord_env: simcord.Env
):
    """I26."""
    await a_month(books, server)
    shown = (await server.manager.slash(server.channel, "token-stats")).response
    before = texts(shown)
    simcord_env.backend.edit_member(server.guild.id, server.manager.id, {"role_ids": []})
    await books.book(server.guild.id, 10**9)
    presses = [
        await server.manager.select(shown, ["all"], custom_id=PERIOD),
        await server.manager.select(shown, ["member"], custom_id=SPLIT),
        await server.manager.click(shown, label="Refresh"),
    ]
    assert [await refusal(press) for press in presses] == [NOT_FOR_YOU] * 3
    assert texts(shown) == before


async def test_somebody_elses_press_is_refused(server: Server, books: Books):
    """I26: nobody else is shown it, but an id can be sent by hand."""
    await a_month(books, server)
    shown = (await server.manager.slash(server.channel, "token-stats")).response
    before = texts(shown)
    assert await refusal(await by_hand(server.owner, shown, PERIOD, "all")) == NOT_YOURS
    assert texts(shown) == before


async def test_another_servers_numbers_are_never_shown(server: Server, books: Books, simcord_env: simcord.Env):
    """I26."""
    other = make_server(simcord_env, "other")
    await a_month(books, server)
    await books.book(other.guild.id, 77_000_000_000, operation="secret_operation", user=server.member.id)
    for by in ("operation", "model", "member", "channel", "day"):
        shown = "\n".join(texts((await server.manager.slash(server.channel, "token-stats", by=by)).response))
        assert shown.startswith("## $0.015 this month · ")
        assert "$77" not in shown
        assert "secret_operation" not in shown
    theirs = await other.manager.slash(other.channel, "token-stats")
    assert texts(theirs.response)[0].startswith("## $77.00 this month · ")


async def test_it_is_deferred_before_the_books_are_read_ephemeral_and_pings_nobody(
    server: Server, books: Books, simcord_env: simcord.Env, monkeypatch: pytest.MonkeyPatch
):
    """I29, I27."""
    await a_month(books, server)
    read = books.tracker.reports.spend_between
    seen = []

    async def spend(*args, **kwargs):
        seen.append(next(reversed(simcord_env.backend.interactions.values())).responded)
        return await read(*args, **kwargs)

    monkeypatch.setattr(books.tracker.reports, "spend_between", spend)
    result = await server.manager.slash(server.channel, "token-stats", by="member")
    press = await server.manager.select(result.response, ["7d"], custom_id=PERIOD)
    assert seen
    assert all(seen)
    assert result.acknowledged
    assert press.acknowledged
    assert result.response.ephemeral
    assert not result.response.message.mentions
    sent = [entry.json for entry in simcord_env.http_requests if entry.json and "components" in str(entry.json)]
    assert sent
    assert all(body.get("allowed_mentions") == {"parse": []} for body in sent if "components" in body)


async def test_it_is_hidden_from_direct_messages_and_hinted_to_discord(bot: Trilo):
    (command,) = [c for c in bot.tree.get_commands() if c.name == "token-stats"]
    assert command.guild_only
    assert command.default_permissions == discord.Permissions(manage_guild=True)


async def test_the_books_out_of_reach_are_told_in_words_and_the_view_stays(
    server: Server,
    books: Books,
    simcord_env: simcord.Env,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
):
    await a_month(books, server)
    shown = (await server.manager.slash(server.channel, "token-stats")).response
    before = texts(shown)

    async def broken(*_args, **_options):
        raise DatabaseUnavailableError("/secret/path.db", "disk I/O error")

    with monkeypatch.context() as patch:
        patch.setattr(books.tracker.reports, "spend_between", broken)
        press = await server.manager.select(shown, ["all"], custom_id=PERIOD)
        words = "My database is out of reach just now, so I can't look that up. Please try again in a minute."
        assert await refusal(press) == words
        result = await server.manager.slash(server.channel, "token-stats")
        assert texts(result.response) == [words]
    assert texts(shown) == before
    assert "StatsSelect of /token-stats failed: DatabaseUnavailableError" in caplog.text
    assert "secret" not in caplog.text
    assert len(simcord_env.errors) == 2
    await server.manager.select(shown, ["model"], custom_id=SPLIT)
    assert selected(shown) == ["month", "model"]


async def test_after_a_while_the_controls_are_off_and_the_figures_stay(
    server: Server, books: Books, simcord_env: simcord.Env
):
    await a_month(books, server)
    shown = (await server.manager.slash(server.channel, "token-stats")).response
    await simcord_env.advance_time(TIMEOUT_SECONDS - 10)
    await server.manager.click(shown, label="Refresh")
    await simcord_env.advance_time(TIMEOUT_SECONDS - 10)
    before = texts(shown)
    assert "expired" not in str(before)
    await simcord_env.advance_time(20)
    assert texts(shown) == [*before, "-# These selects have expired. Use `/token-stats` for fresh ones."]
    view = discord.ui.LayoutView.from_message(shown.message)
    controls = [item for item in view.walk_children() if isinstance(item, discord.ui.Select | discord.ui.Button)]
    assert [control.disabled for control in controls] == [True] * 7


def test_an_ephemeral_message_can_still_be_edited_when_the_view_expires():
    assert TIMEOUT_SECONDS < 15 * 60
