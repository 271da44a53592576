"""Hello: once for each invitation, where it belongs, with a button that checks who presses."""

from datetime import UTC, datetime, timedelta
from typing import cast

import discord
import pytest
import simcord

from bot.client import Trilo
from bot.settings import Settings
from bot.translation import translated
from bot.usage.budgeting.budgets import Owner
from bot.usage.errors import DatabaseUnavailableError
from bot.usage.tracker import UsageTracker
from cogs._kit.access import NOT_A_MANAGER
from cogs.first_contact import FirstContactCog
from tests.cogs.helpers import Clock, Server, everybody_speaks, make_server, texts

JOINED = datetime(2026, 1, 1, tzinfo=UTC)
"""Simcord's own time, at which it lets the bot join."""
USD = 10**9


@pytest.fixture
def extensions() -> tuple[str, ...]:
    return ("cogs.first_contact", "cogs.league", "cogs.budgets")


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return settings.model_copy(update={"default_server_limit_usd": 5})


@pytest.fixture
def clock() -> Clock:
    clock = Clock()
    clock.now = JOINED + timedelta(hours=23)
    return clock


def hellos(channel: simcord.ChannelHandle) -> list[discord.Message]:
    return [message for message in channel.history() if message.author.bot]


def team_channel(server: Server, bot: Trilo, *, secret: bool = True) -> simcord.ChannelHandle:
    """Discord's community updates channel, which only those who run the server read."""
    hidden = {server.guild.default_role: discord.PermissionOverwrite(view_channel=not secret)}
    ours = {server.guild.roles[bot.user.name]: discord.PermissionOverwrite(view_channel=True)}
    channel = server.guild.create_text_channel("moderator-only", overwrites=hidden | ours)
    bot.get_guild(server.guild.id)._public_updates_channel_id = channel.id
    return channel


async def again(bot: Trilo, server: Server) -> None:
    """Discord tells of it once more, or the bot starts anew."""
    await cast("FirstContactCog", bot.get_cog("FirstContactCog")).on_trilo_entered(bot.get_guild(server.guild.id))


async def test_hello_to_those_who_run_the_server(server: Server, bot: Trilo, simcord_env: simcord.Env):
    """What it does, three things to try, the limit that is set; to nobody else, and pinging nobody (I27)."""
    channel = team_channel(server, bot)
    await simcord_env.settle()
    assert hellos(server.channel) == []
    (hello,) = hellos(channel)
    text, limit = texts(hello)
    lines = text.splitlines()
    assert lines[0] == "## Hello, I'm Trilo"
    assert [line[:2] for line in lines[3:6]] == ["1.", "2.", "3."]
    assert bot.user.mention in lines[3]
    assert limit.startswith("**What I may cost here: $5.00 a month**\nWhoever runs me pays, and has set that limit.")
    (sent,) = [r.json for r in simcord_env.http_requests if r.method == "POST" and r.path.endswith("/messages")]
    assert sent["allowed_mentions"] == {"parse": []}


@pytest.mark.parametrize("is_open", [True, False])
async def test_elsewhere_two_neutral_lines(server: Server, bot: Trilo, simcord_env: simcord.Env, is_open: bool):
    """I26: what to try, and no amount where everybody reads, be that an updates channel that isn't hidden; whoever may
    press the button reads it in the form.
    """
    channel = team_channel(server, bot, secret=False) if is_open else server.channel
    await simcord_env.settle()
    (hello,) = hellos(channel)
    me = bot.user.mention
    assert texts(hello) == [
        (
            "Hello, I'm **Trilo**: I answer questions and set up your league's weeks. "
            f"Try “{me} what makes a fair trade?”, “{me} how do I set up my league?” or `/help`.\n"
            "-# If you manage this server: what I may cost here is limited already. Only you see what the buttons open."
        )
    ]
    form = await server.manager.click(hello, label="Set your own limit")
    assert form.modal["components"][0]["content"] == (
        "Whoever runs me allows $5.00 a month. A lower limit of your own stops me before that."
    )


async def test_in_the_language_of_a_server(server: Server, bot: Trilo, simcord_env: simcord.Env):
    """The one it has in Discord; the button answers in that of whoever presses."""
    bot.get_guild(server.guild.id).preferred_locale = discord.Locale.latin_american_spanish
    channel = team_channel(server, bot)
    await simcord_env.settle()
    (hello,) = hellos(channel)
    assert texts(hello) == [
        (
            "## Hola, soy Trilo\n"
            "Gracias por invitarme. Respondo preguntas, preparo las semanas de tu liga y registro cuánto cuesta cada "
            "respuesta, hasta el último centavo.\n"
            "**Tres cosas para probar**\n"
            f"1. Mencióname con una pregunta: “{bot.user.mention} ¿cuándo es justo un intercambio?”\n"
            "2. Pregúntame “¿cómo configuro mi liga?” y te digo qué falta aquí.\n"
            "3. Abre `/token-stats` y mira cuánto costó."
        ),
        (
            "**Lo que puedo costar aquí: USD\u00a05.00 al mes**\n"
            "Quien administra el bot paga, y fijó ese límite. Por debajo puedes poner uno propio; las alertas llegan a "
            "este canal antes de alcanzarlo."
        ),
    ]
    pressed = await server.owner.click(hello, label="Poner un límite propio")
    assert pressed.modal["title"] == "What may AI cost here?"


async def test_the_language_that_a_server_chose_comes_first(
    server: Server, bot: Trilo, simcord_env: simcord.Env, tracker: UsageTracker, monkeypatch: pytest.MonkeyPatch
):
    await tracker.settings.choose(server.guild.id, language="es")
    await simcord_env.settle()
    me = bot.user.mention
    (hello,) = hellos(server.channel)
    assert texts(hello) == [
        (
            "Hola, soy **Trilo**: respondo preguntas y preparo las semanas de tu liga. "
            f"Prueba “{me} ¿cuándo es justo un intercambio?”, “{me} ¿cómo configuro mi liga?” o `/help`.\n"
            "-# Si administras este servidor: lo que puedo costar aquí ya tiene un límite. Solo tú ves lo que abren "
            "los botones."
        )
    ]
    everybody_speaks("es-ES", monkeypatch)
    pressed = await server.manager.click(hello, label="Poner un límite propio")
    assert pressed.modal["title"] == "¿Cuánto puede costar la IA aquí?"
    wrong = await server.manager.submit_modal(pressed, {"limit": "mucho"})
    assert wrong.response.content.startswith(translated("I can't read that as a limit.", "es"))


async def test_the_channel_for_news_comes_first_and_one_that_is_closed_is_passed_over(
    server: Server, bot: Trilo, simcord_env: simcord.Env
):
    closed = {server.guild.roles[bot.user.name]: discord.PermissionOverwrite(send_messages=False)}
    news = server.guild.create_text_channel("news")
    locked = server.guild.create_text_channel("locked", overwrites=closed)
    guild = bot.get_guild(server.guild.id)
    guild._public_updates_channel_id, guild._system_channel_id = locked.id, news.id
    await simcord_env.settle()
    assert [len(hellos(channel)) for channel in (locked, server.channel, news)] == [0, 0, 1]


async def test_a_channel_that_takes_nothing_after_all(server: Server, bot: Trilo, simcord_env: simcord.Env):
    simcord_env.inject_error("POST", f"/channels/{server.channel.id}/messages", status=403)
    second = server.guild.create_text_channel("second")
    await simcord_env.settle()
    assert [len(hellos(channel)) for channel in (server.channel, second)] == [0, 1]


async def test_once_however_often_it_is_told_and_again_when_invited_again(
    server: Server, bot: Trilo, simcord_env: simcord.Env, tracker: UsageTracker, clock: Clock
):
    await simcord_env.settle()
    await again(bot, server)
    await again(bot, server)
    assert len(hellos(server.channel)) == 1
    bot.get_guild(server.guild.id).me.joined_at += timedelta(hours=1)
    await again(bot, server)
    assert len(hellos(server.channel)) == 2
    clock.now = JOINED + timedelta(days=3)  # the claim is forgotten, and so is the invitation
    await tracker.claims.forget_old()
    await again(bot, server)
    assert len(hellos(server.channel)) == 2


async def test_with_the_books_out_of_reach_it_waits_for_the_next_start(
    bot: Trilo, simcord_env: simcord.Env, tracker: UsageTracker, monkeypatch: pytest.MonkeyPatch
):
    async def broken(_claim: object) -> bool:
        raise DatabaseUnavailableError("t.db", "disk I/O error")

    with monkeypatch.context() as patch:
        patch.setattr(tracker.claims, "claim", broken)
        server = make_server(simcord_env, "late")
        await simcord_env.settle()
    assert hellos(server.channel) == []
    await again(bot, server)
    assert len(hellos(server.channel)) == 1


async def test_strangers_get_no_hello(bot: Trilo, simcord_env: simcord.Env, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(bot.services.settings, "allowed_guilds", frozenset({1}))
    server = make_server(simcord_env, "strangers")
    await simcord_env.settle()
    assert not [r for r in simcord_env.http_requests if r.method == "POST" and r.path.endswith("/messages")]
    assert bot.get_guild(server.guild.id) is None


async def test_the_button_sets_the_servers_own_limit(server: Server, simcord_env: simcord.Env, tracker: UsageTracker):
    """By the plan of `/budget set`, to the presser's eyes alone; the operator's cap stays."""
    await simcord_env.settle()
    (hello,) = hellos(server.channel)
    form = await server.manager.click(hello, label="Set your own limit")
    shown = await server.manager.submit_modal(form, {"limit": "$3"})
    assert shown.response.ephemeral
    assert texts(shown.response)[0].startswith("## Set this budget?\n**$3.00 a month for this server**")
    await server.manager.click(shown.response, label="Confirm")
    budgets = await tracker.budgets.of(server.guild.id)
    assert [(one.owner, one.limit) for one in budgets] == [(Owner.OPERATOR, 5 * USD), (Owner.SERVER, 3 * USD)]
    form = await server.manager.click(hello, label="Set your own limit")
    wrong = await server.manager.submit_modal(form, {"limit": "much"})
    assert texts(wrong.response)[0].startswith("I can't read that as a limit.")


async def test_who_may_not_manage_the_server_may_not_press(
    server: Server, simcord_env: simcord.Env, tracker: UsageTracker
):
    """I26: asked at the press, and again when the form comes back."""
    await simcord_env.settle()
    (hello,) = hellos(server.channel)
    refused = [(await server.member.click(hello, label="Set your own limit")).response]
    form = await server.manager.click(hello, label="Set your own limit")
    simcord_env.backend.edit_member(server.guild.id, server.manager.id, {"role_ids": []})
    refused.append((await server.manager.submit_modal(form, {"limit": "$3"})).response)
    assert [(answer.content, answer.ephemeral) for answer in refused] == [(NOT_A_MANAGER, True)] * 2
    assert len(await tracker.budgets.of(server.guild.id)) == 1


async def test_the_button_works_after_a_restart_and_one_for_alerts_is_beside_it(
    server: Server, simcord_env: simcord.Env, bot: Trilo
):
    await simcord_env.settle()
    (hello,) = hellos(server.channel)
    await simcord_env.restart_bot(Trilo(bot.services, shard_count=1))
    await simcord_env.settle()
    assert hellos(server.channel) == [hello]
    assert (await server.manager.click(hello, label="Set your own limit")).modal is not None
    settings = await server.manager.click(hello, label="Choose the alert channel")
    assert texts(settings.response)[0].startswith("## Settings: ")


async def test_where_alerts_go_is_said_as_it_is(server: Server, bot: Trilo, simcord_env: simcord.Env):
    """Discord's own channel takes them until another is chosen, as the hello says."""
    channel = team_channel(server, bot)
    await simcord_env.settle()
    (hello,) = hellos(channel)
    assert texts(hello)[1].endswith("alerts come into this channel before it is reached.")
    form = await server.owner.click(hello, label="Set your own limit")
    plan = (await server.owner.submit_modal(form, {"limit": "$3"})).response
    await server.owner.click(plan, label="Confirm")
    assert texts(plan)[1] == f"**Alerts go to <#{channel.id}>** unless you choose a channel."
