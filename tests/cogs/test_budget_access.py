"""Who may use `/budget`, `/ai` and `/settings`: asked at every command, press and form (I26)."""

from typing import Any

import discord
import pytest
import simcord

from bot.client import Trilo
from bot.usage.budgeting.budgets import Scope
from bot.usage.errors import DatabaseUnavailableError
from bot.usage.tracker import UsageTracker
from cogs._kit.access import NOT_A_MANAGER
from cogs._kit.owned import NOT_YOURS
from tests.cogs.helpers import Books, Server, a_month, by_hand, make_server, refusal, texts

COMMANDS: list[tuple[str, dict[str, Any]]] = [
    ("budget set", {"limit": "$5"}),
    ("budget show", {}),
    ("budget remove", {"budget": "x"}),
    ("ai pause", {}),
    ("ai resume", {}),
    ("settings", {}),
]


@pytest.mark.parametrize(("command", "options"), COMMANDS)
async def test_members_get_words_and_change_nothing(
    server: Server, tracker: UsageTracker, command: str, options: dict[str, Any]
):
    """I26: Discord's own settings show the command to everybody here."""
    result = await server.member.slash(server.channel, command, **options)
    assert texts(result.response) == [NOT_A_MANAGER]
    assert result.response.ephemeral
    assert await tracker.budgets.of(server.guild.id) == []
    assert await tracker.settings.audit(server.guild.id) == []


@pytest.mark.parametrize(("command", "options"), COMMANDS)
async def test_owners_of_the_server_and_of_the_bot_may(
    server: Server, bot: Trilo, command: str, options: dict[str, Any]
):
    bot.owner_id = server.member.id
    for actor in (server.owner, server.member):
        result = await actor.slash(server.channel, command, **options)
        assert texts(result.response) != [NOT_A_MANAGER]


async def test_names_of_budgets_are_completed_for_managers_only(server: Server, tracker: UsageTracker):
    """I26."""
    await tracker.budgets.set(scope=Scope.GUILD, guild_id=server.guild.id, limit_usd=5)
    assert await server.member.autocomplete(server.channel, "budget remove", "budget", "") == []
    assert len(await server.manager.autocomplete(server.channel, "budget remove", "budget", "")) == 1


async def test_somebody_elses_press_is_refused(server: Server, tracker: UsageTracker):
    """I26: nobody else is shown the question, but an id can be sent by hand, even by another manager."""
    shown = (await server.manager.slash(server.channel, "budget set", limit="$5")).response
    for actor in (server.member, server.owner):
        assert await refusal(await by_hand(actor, shown, "budget:confirm")) == NOT_YOURS
    assert await tracker.budgets.of(server.guild.id) == []


async def test_a_permission_withdrawn_holds_at_the_next_press_and_form(
    server: Server, tracker: UsageTracker, simcord_env: simcord.Env
):
    """I26: also for a form that was opened while it was there."""
    budget = await tracker.budgets.set(scope=Scope.GUILD, guild_id=server.guild.id, limit_usd=5)
    question = (await server.manager.slash(server.channel, "budget set", limit="$9")).response
    view = (await server.manager.slash(server.channel, "budget show")).response
    settings = (await server.manager.slash(server.channel, "settings")).response
    form = await server.manager.click(view, label="Edit")
    before = [texts(message) for message in (question, view, settings)]
    simcord_env.backend.edit_member(server.guild.id, server.manager.id, {"role_ids": []})
    presses = [
        await server.manager.click(question, label="Confirm"),
        await server.manager.click(view, label="Remove"),
        await server.manager.click(view, label="Test alert"),
        await server.manager.click(view, label="History"),
        await server.manager.click(settings, label="Turn on"),
        await server.manager.submit_modal(
            form, {"limit": "$1", "thresholds": "80", "mode": ["hard"], "unknown": ["refuse"]}
        ),
    ]
    assert [press.response.content for press in presses] == [NOT_A_MANAGER] * 6
    assert all(press.response.ephemeral for press in presses)
    assert [texts(message) for message in (question, view, settings)] == before
    assert await tracker.budgets.of(server.guild.id) == [budget]


async def test_another_servers_budgets_are_never_shown(
    server: Server, books: Books, tracker: UsageTracker, simcord_env: simcord.Env
):
    """I26."""
    other = make_server(simcord_env, "other")
    await a_month(books, server)
    await tracker.budgets.set(scope=Scope.GUILD, guild_id=other.guild.id, limit_usd=77)
    await tracker.budgets.set(scope=Scope.BOT, limit_usd=99, owner="operator")
    result = await server.manager.slash(server.channel, "budget show")
    assert not {"77", "99"} & {word.strip("*$.0") for word in " ".join(texts(result.response)).split()}
    press = await server.manager.click(result.response, label="History")
    assert "77" not in texts(press.followups[0])[0]


async def test_nothing_pings_and_all_is_for_one_pair_of_eyes(
    server: Server, tracker: UsageTracker, simcord_env: simcord.Env
):
    """I27, I29."""
    everyone = server.guild.create_role("@everyone else", mentionable=True)
    question = (await server.manager.slash(server.channel, "budget set", limit="$5", role=everyone)).response
    await server.manager.click(question, label="Confirm")
    await server.manager.slash(server.channel, "budget show")
    sent = [entry.json for entry in simcord_env.http_requests if entry.json and "components" in entry.json]
    assert len(sent) >= 3
    assert all(body.get("allowed_mentions") == {"parse": []} for body in sent)
    assert len(server.channel.history(viewer=server.member)) == 0


async def test_the_books_out_of_reach_are_told_in_words(
    server: Server,
    tracker: UsageTracker,
    simcord_env: simcord.Env,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
):
    question = (await server.manager.slash(server.channel, "budget set", limit="$5")).response
    before = texts(question)

    async def broken(*_args: Any, **_options: Any) -> None:
        raise DatabaseUnavailableError("/secret/path.db", "disk I/O error")

    words = "My database is out of reach just now, so I can't look that up. Please try again in a minute."
    with monkeypatch.context() as patch:
        patch.setattr(tracker.budgets, "set", broken)
        assert await refusal(await server.manager.click(question, label="Confirm")) == words
        patch.setattr(tracker.budgets, "standing", broken)
        assert texts((await server.manager.slash(server.channel, "budget show")).response) == [words]
    assert texts(question) == before
    assert "Press of /budget set failed: DatabaseUnavailableError" in caplog.text
    assert "secret" not in caplog.text
    assert len(simcord_env.errors) == 2
    await server.manager.click(question, label="Confirm")
    assert len(await tracker.budgets.of(server.guild.id)) == 1


async def test_the_usage_role_may_see_usage_and_no_more(
    server: Server, books: Books, tracker: UsageTracker, simcord_env: simcord.Env
):
    """I26: the role named in /settings, for as long as it is named and worn."""
    await a_month(books, server)
    watchers = server.guild.create_role("Watchers")
    simcord_env.backend.edit_member(server.guild.id, server.member.id, {"role_ids": [watchers.id]})
    await tracker.settings.choose(server.guild.id, usage_role_id=watchers.id)
    result = await server.member.slash(server.channel, "token-stats")
    assert texts(result.response)[0].startswith("## $0.015 this month · ")
    assert texts((await server.member.slash(server.channel, "budget show")).response) == [NOT_A_MANAGER]
    await tracker.settings.choose(server.guild.id, usage_role_id=server.managers.id)
    assert not texts((await server.member.slash(server.channel, "token-stats")).response)[0].startswith("##")


@pytest.mark.parametrize("name", ["budget", "ai", "settings"])
async def test_they_are_hidden_from_direct_messages_and_hinted_to_discord(bot: Trilo, name: str):
    (command,) = [command for command in bot.tree.get_commands() if command.name == name]
    assert command.guild_only
    assert command.default_permissions == discord.Permissions(manage_guild=True)
