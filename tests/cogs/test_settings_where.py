"""The page Where I answer of `/settings`: what is chosen there, and that it holds where a question begins."""

from dataclasses import replace
from typing import Any

import discord
import pytest
import simcord

from bot.client import Services, Trilo
from bot.usage.budgeting.server_settings import ServerSettings
from bot.usage.errors import DatabaseUnavailableError
from bot.usage.tracker import UsageTracker
from cogs._questions.ask import NAME
from cogs._questions.refusals import REACTION
from tests.cogs.helpers import SIGN, Server, everybody_speaks, make_server, mention, settings_page, texts
from tests.cogs.recording_model import RecordingModel

CHANNELS = (
    "**Channels**\n-# Questions to me are answered there and in threads there; a category stands for all its channels. "
    "Elsewhere I say where to ask. Slash commands work everywhere."
)
PEOPLE = "**People**\n-# Who may ask me: these roles, and always people with Manage Server."
MODEL = "**Model**\n-# For questions to me. Help with setting up and league commands stay as they are."


@pytest.fixture
def tracker(services: Services) -> UsageTracker:
    return services.tracker


@pytest.fixture
async def simcord_bot(services: Services) -> Trilo:
    return Trilo(services, always_sync=True, shard_count=1)


@pytest.fixture
async def server(simcord_env: simcord.Env) -> Server:
    made = make_server(simcord_env, "league")
    await simcord_env.settle()
    return made


async def test_all_of_it_chosen_and_taken_back(server: Server, tracker: UsageTracker):
    """I16: at first nothing is limited. Each choice is on the books at once, with who made it."""
    guild, view = server.guild, await settings_page(server, "where")
    assert texts(view) == ["## Settings: Where I answer", CHANNELS, PEOPLE, MODEL]
    weeks = guild.create_category("Weeks")
    coaches = guild.create_role("Coaches")
    choices: list[tuple[str, list[Any], str]] = [
        ("channels", [server.channel, weeks], f"I answer in <#{server.channel.id}>, <#{weeks.id}> only."),
        ("roles", [coaches, server.managers], f"I answer <@&{coaches.id}>, <@&{server.managers.id}> only."),
    ]
    for name, chosen, told in choices:
        await server.manager.select(view, chosen, custom_id=f"settings:answer-{name}")
        assert texts(view)[-1] == told
    await server.manager.select(view, ["fast"], custom_id="settings:model")
    assert texts(view)[-1] == "I always answer with the fast model."
    nothing = ServerSettings(guild.id)
    assert await tracker.settings.of(guild.id) == replace(
        nothing,
        answer_channel_ids=(server.channel.id, weeks.id),
        answer_role_ids=(coaches.id, server.managers.id),
        always_fast=True,
    )
    lines = [line for line in await tracker.settings.audit(guild.id) if line.action == "settings"]
    assert [(line.actor, dict(line.facts)) for line in lines] == [
        (str(server.manager.id), {"always_fast": 1}),
        (str(server.manager.id), {"answer_role_ids": f"{coaches.id},{server.managers.id}"}),
        (str(server.manager.id), {"answer_channel_ids": f"{server.channel.id},{weeks.id}"}),
    ]
    await server.manager.select(view, [], custom_id="settings:answer-channels")
    assert texts(view)[-1] == "I answer in every channel now."
    await server.manager.select(view, [coaches, guild.default_role], custom_id="settings:answer-roles")
    assert texts(view)[-1] == "I answer everybody now."
    await server.manager.select(view, ["both"], custom_id="settings:model")
    assert texts(view)[-1] == "I choose the model for each question."
    assert await tracker.settings.of(guild.id) == nothing


async def test_what_was_chosen_is_gone(server: Server, tracker: UsageTracker, monkeypatch: pytest.MonkeyPatch):
    """A channel that is deleted opens no other one: the page says so, also in Spanish."""
    await tracker.settings.choose(server.guild.id, answer_channel_ids=(5,), answer_role_ids=(6,))
    everybody_speaks("es-419", monkeypatch)
    assert texts(await settings_page(server, "where"))[:3] == [
        "## Ajustes: Dónde respondo",
        (
            "**Canales**\n"
            "-# Respondo preguntas solo ahí y en sus hilos; una categoría vale por todos sus canales. En los demás "
            "digo dónde preguntar. Los comandos con barra funcionan en todas partes.\n"
            "⚠️ Los canales elegidos ya no existen, así que no respondo en ninguna parte. Elige otros."
        ),
        (
            "**Personas**\n"
            "-# Quién puede preguntarme: estos roles y siempre quienes tienen el permiso Gestionar servidor."
            "\n⚠️ Los roles elegidos ya no existen, así que no respondo a nadie más. Elige otros."
        ),
    ]


async def test_a_permission_that_is_gone_changes_nothing(server: Server, tracker: UsageTracker, bot: Trilo):
    """I26: looked at again when something is chosen."""
    view = await settings_page(server, "where")
    guild = bot.get_guild(server.guild.id)
    assert guild is not None
    await guild.get_role(server.managers.id).edit(permissions=discord.Permissions.none())  # type: ignore[union-attr]
    press = await server.manager.select(view, ["fast"], custom_id="settings:model")
    assert texts(press.response) == ["Only people with the Manage Server permission can do that."]
    assert await tracker.settings.of(server.guild.id) == ServerSettings(server.guild.id)


async def test_elsewhere_it_says_where(
    server: Server, tracker: UsageTracker, model: RecordingModel, simcord_env: simcord.Env
):
    """I26, I31: no model is asked for a question, a plan or help; one line an hour, then a reaction.

    Channels that the asker can't see aren't named, and what was chosen holds for managers too.
    """
    guild, member = server.guild, server.member
    hidden = guild.create_text_channel(
        "hidden", overwrites={guild.default_role: discord.PermissionOverwrite(view_channel=False)}
    )
    weeks = guild.create_category("Weeks")
    game, ask = guild.create_text_channel("game", category=weeks), guild.create_text_channel("ask-trilo")
    await tracker.settings.choose(guild.id, answer_channel_ids=(hidden.id, ask.id, weeks.id))
    told = f"I don't answer in this channel. Ask me in <#{ask.id}>, <#{weeks.id}>."
    for person, question in ((member, "hello"), (server.manager, "create week 7: Texans vs Colts")):
        await person.send(server.channel, f"{mention(simcord_env)} {question}")
        assert server.channel.last_message.content == told + SIGN
    again = await member.send(server.channel, f"{mention(simcord_env)} how do I set up my league?")
    assert server.channel.last_message.id == again.id
    assert [str(reaction.emoji) for reaction in server.channel.last_message.reactions] == [REACTION]
    said = await server.owner.send(server.channel, "Is that fair?")
    form = await member.context_menu(server.channel, NAME, said)
    result = await member.submit_modal(form, {"question": "Well?"})
    assert texts(result.response) == [told]
    assert model.requests == []
    for allowed in (ask, game):
        await member.send(allowed, f"{mention(simcord_env)} hello")
    ours = simcord_env.bot.get_channel(ask.id)
    assert isinstance(ours, discord.TextChannel)
    await ours.create_thread(name="Trade talk", type=discord.ChannelType.public_thread)
    (thread,) = ask.threads
    await member.send(thread, f"{mention(simcord_env)} hello")
    assert len(model.requests) == 3
    await tracker.settings.choose(guild.id, answer_channel_ids=(hidden.id,))
    await server.owner.send(game, f"{mention(simcord_env)} hello")
    assert game.last_message.content == f"I don't answer in this channel. Ask me in <#{hidden.id}>." + SIGN
    await guild.add_member(simcord_env.create_user("new")).send(game, f"{mention(simcord_env)} hello")
    assert game.last_message.content == f"I don't answer in this channel: this server has chosen where I do.{SIGN}"


async def test_other_people_are_told_who(
    server: Server, tracker: UsageTracker, model: RecordingModel, simcord_env: simcord.Env
):
    """I26: as they are at each question; people with Manage Server always may."""
    guild, channel, us = server.guild, server.channel, mention(simcord_env)
    coaches = guild.create_role("Coaches")
    await tracker.settings.choose(guild.id, answer_role_ids=(coaches.id, 5))
    await server.member.send(channel, f"{us} hello")
    assert (
        channel.last_message.content == f"I can't answer you: this server lets me answer <@&{coaches.id}> only." + SIGN
    )
    assert model.requests == []
    await server.manager.send(channel, f"{us} hello")
    await server.owner.send(channel, f"{us} hello")
    coach = guild.add_member(simcord_env.create_user("coach"), roles=[coaches])
    await coach.send(channel, f"{us} hello")
    assert len(model.requests) == 3
    await tracker.settings.choose(guild.id, answer_role_ids=(5,))
    await guild.add_member(simcord_env.create_user("new")).send(channel, f"{us} hello")
    assert channel.last_message.content == "I can't answer you: this server has chosen whom I answer." + SIGN


async def test_the_model(server: Server, tracker: UsageTracker, model: RecordingModel, simcord_env: simcord.Env):
    """The smart one where its rule says so, and never any more once the server chose so: mentions and the menu."""
    question = "Compare these two trades, step by step"
    ask = f"{mention(simcord_env)} {question}"
    await server.member.send(server.channel, ask)
    await tracker.settings.choose(server.guild.id, always_fast=True)
    said = await server.member.send(server.channel, ask)
    form = await server.member.context_menu(server.channel, NAME, said)
    await server.member.submit_modal(form, {"question": question})
    assert [request["model"] for request in model.requests] == ["gpt-4o", "gpt-4o-mini", "gpt-4o-mini"]


async def test_without_the_books_everybody_is_answered(
    server: Server, tracker: UsageTracker, model: RecordingModel, simcord_env: simcord.Env,
    monkeypatch: pytest.MonkeyPatch,
):  # fmt: skip
    """I23."""

    async def away(*_arguments: Any) -> ServerSettings:
        raise DatabaseUnavailableError("t.db", "away")

    await tracker.settings.choose(server.guild.id, answer_channel_ids=(5,))
    monkeypatch.setattr(type(tracker.settings), "of", away)
    await server.member.send(server.channel, f"{mention(simcord_env)} hello")
    assert len(model.requests) == 1
