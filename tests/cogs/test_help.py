"""`/help`: true, for the person alone, there when all else is down, and silent on what isn't for whoever asks."""

import asyncio
import re

import discord
import pytest
import simcord
from discord import app_commands

from bot.client import Trilo
from bot.settings import Settings
from bot.translation import LANGUAGES, _, speaking
from cogs._kit.access import NOT_A_COMMISSIONER, NOT_A_MANAGER, NOT_THE_OWNER, May
from cogs._questions.help_topics import COMMANDS, ONE_LINE_HELP, READS_MENTIONS, READS_MESSAGES, TOPICS
from cogs.help import page, usable_names
from tests.cogs.helpers import Server, everybody_speaks, texts

NAMED = re.compile(r"`/([a-z][a-z -]*)`|Apps → ([^*]+)\*\*")
ALL = set(May)
FOR_ALL = ["start", "asking", "statistics", "privacy", "commands"]


def said(bot: Trilo, may: set[May], guild: discord.Guild | None = None) -> str:
    """All pages for somebody who may do that, but the list of commands."""
    names = [name for name, topic in TOPICS.items() if name != COMMANDS and topic.may in (None, *may)]
    return "\n".join(text for name in names for text in page(bot, name, guild, may)[:-1])


def names_in(text: str) -> set[str]:
    return {command or menu for command, menu in NAMED.findall(text)}


async def test_every_command_is_told_of_in_some_topic(bot: Trilo):
    """Also each entry of a menu."""
    names = usable_names(bot, None, ALL)
    assert {"token-stats", "budget set", "league create"} < names
    assert names_in(said(bot, ALL)) == names
    assert not re.search(r"(?<![`\w])/[a-z]", said(bot, ALL)), "a command that isn't in code font isn't checked"


async def test_a_command_that_isnt_there_is_not_told_of(bot: Trilo):
    assert "/league" in said(bot, ALL)
    bot.tree.remove_command("league")
    assert "/league" not in said(bot, ALL)


@pytest.mark.parametrize(
    ("may", "more", "topic"),
    [
        (May.SEE_USAGE, {"token-stats"}, None),
        (
            May.RUN_LEAGUE,
            {"league create", "league advance", "league tag", "league teams", "league history"},
            "league",
        ),
        (May.MANAGE_CHANNELS, {"league delete", "league restore"}, None),
        (
            May.MANAGE,
            {"budget set", "budget show", "budget remove", "ai pause", "ai resume", "settings"},
            "budgets",
        ),
    ],
)
async def test_nobody_is_told_of_what_they_cant_use(bot: Trilo, may: May, more: set[str], topic: str | None):
    """Neither in the topics and the list of commands, nor in the list of topics."""
    everybodys = usable_names(bot, None, set())
    assert {name for name in everybodys if name.islower()} <= {"help", "my-usage", "privacy"}
    assert usable_names(bot, None, {may}) == everybodys | more
    named = names_in(said(bot, {may}) + page(bot, COMMANDS, None, {may})[0])
    assert named <= everybodys | more
    others = re.findall(r"`([a-z]+)`", page(bot, "start", None, {may})[-1])
    assert others == [name for name in TOPICS if name in (*FOR_ALL[1:], topic)]


@pytest.mark.parametrize(
    ("who", "topic", "words"),
    [
        ("member", "budgets", NOT_A_MANAGER),
        ("manager", "league", NOT_A_COMMISSIONER),
        ("owner", "operator", NOT_THE_OWNER),
    ],
)
async def test_what_isnt_for_somebody_is_said_in_a_sentence(server: Server, who: str, topic: str, words: str):
    result = await getattr(server, who).slash(server.channel, "help", topic=topic)
    assert texts(result.response)[0] == words
    assert len(texts(result.response)) == 2


async def test_the_operators_topic_is_for_their_own_server(server: Server, bot: Trilo, monkeypatch: pytest.MonkeyPatch):
    """Elsewhere nobody is looked up: that might ask Discord, and help needs nobody."""
    bot.owner_id = server.member.id
    assert "operator" not in texts((await server.member.slash(server.channel, "help")).response)[-1]
    monkeypatch.setattr(bot.services.settings, "owner_guild_id", server.guild.id)
    assert "`operator`" in texts((await server.member.slash(server.channel, "help")).response)[-1]
    assert "operator" not in texts((await server.owner.slash(server.channel, "help")).response)[-1]


async def test_roles_that_the_server_has_named_count(server: Server, bot: Trilo, simcord_env: simcord.Env):
    role = server.guild.create_role("Commish")
    simcord_env.backend.edit_member(server.guild.id, server.member.id, {"role_ids": [role.id]})
    assert "/token-stats" not in texts((await server.member.slash(server.channel, "help")).response)[0]
    settings = bot.services.tracker.settings
    await settings.choose(server.guild.id, commissioner_role_id=role.id, usage_role_id=role.id)
    assert "/token-stats" in texts((await server.member.slash(server.channel, "help")).response)[0]
    shown = texts((await server.member.slash(server.channel, "help", topic="league")).response)
    assert shown[0].startswith("## Running a league")


async def test_the_list_of_commands_is_the_tree(server: Server, bot: Trilo):
    commands, _ = texts((await server.owner.slash(server.channel, "help", topic="commands")).response)
    listed = re.findall(r"^- `/([a-z -]+)`: \S", commands, re.MULTILINE)
    assert listed == sorted(name for name in usable_names(bot, None, ALL) if name.islower())

    @bot.tree.command(name="only-here", description="Something of this server", guild=server.guild)
    async def only_here(_interaction: discord.Interaction) -> None: ...

    @bot.tree.context_menu(name="Something else")
    async def menu(_interaction: discord.Interaction, _message: discord.Message) -> None: ...

    guild = bot.get_guild(server.guild.id)
    assert page(bot, COMMANDS, guild, set())[0].endswith("\n- `/only-here`: Something of this server")
    assert "only-here" not in page(bot, COMMANDS, None, set())[0]
    assert "\n- **Something else**: in the menu of a message, under Apps" in page(bot, COMMANDS, None, set())[0]


@pytest.mark.parametrize("topic", TOPICS)
async def test_every_topic_is_shown_to_the_person_alone_and_fits(
    server: Server, bot: Trilo, topic: str, monkeypatch: pytest.MonkeyPatch
):
    bot.owner_id = server.owner.id
    monkeypatch.setattr(bot.services.settings, "owner_guild_id", server.guild.id)
    result = await server.owner.slash(server.channel, "help", topic=topic)
    assert result.acknowledged
    assert result.response.ephemeral
    shown = texts(result.response)
    assert shown[0].startswith(f"## {TOPICS[topic].title}\n")
    assert "{" not in shown[0]
    assert sum(map(len, shown)) < 4_000
    assert all(f"`{other}`" in shown[-1] for other in TOPICS if other != topic)


async def test_it_starts_with_things_to_try(server: Server, bot: Trilo):
    shown = texts((await server.member.slash(server.channel, "help")).response)
    assert shown[0].startswith(f"## First steps\n1. Mention me with a question: “{bot.user.mention} ")
    assert shown == texts((await server.member.slash(server.channel, "help", topic=" START ")).response)


async def test_an_unknown_topic_is_answered_with_the_first(server: Server, bot: Trilo):
    shown = texts((await server.member.slash(server.channel, "help", topic="@everyone {secret}")).response)
    assert shown == ["I have no help on that.", *page(bot, "start", None, set())]


async def test_topics_are_completed_while_typing(server: Server):
    choices = await server.member.autocomplete(server.channel, "help", "topic", "")
    assert [choice["value"] for choice in choices] == FOR_ALL
    choices = await server.member.autocomplete(server.channel, "help", "topic", "STORED")
    assert choices == [{"name": "privacy · What is stored, and what isn't", "value": "privacy"}]
    assert await server.member.autocomplete(server.channel, "help", "topic", "weather") == []


class TestInSpanish:
    """For the person, whatever the server speaks; and as silent on what they can't use."""

    async def test_the_first_page(self, bot: Trilo):
        with speaking("es-419"):
            shown = page(bot, "start", None, {May.SEE_USAGE})
        assert shown == [
            (
                "## Primeros pasos\n"
                f"1. Mencióname con una pregunta: “{bot.user.mention} ¿cuándo es justo un intercambio?”\n"
                "2. Para seguir desde ahí, responde a mi mensaje con la mención de la respuesta activada.\n"
                "3. Mira con `/my-usage` cuántos tokens se usaron.\n"
                "4. Mira con `/token-stats` cuánto costó, hasta el último centavo."
            ),
            "-# Más: `/help` con `preguntar` · `estadísticas` · `privacidad` · `comandos`",
        ]

    async def test_what_isnt_there_is_not_told_of(self, bot: Trilo):
        """No menu has an entry here."""
        with speaking("es-419"):
            shown = page(bot, "preguntar", None, set())[0]
        assert shown.startswith("## Preguntar: menciones, respuestas, hilos, imágenes\n- **Mencióname** en ")
        assert "Aplicaciones" not in shown

    @pytest.mark.parametrize("language", LANGUAGES)
    async def test_a_paragraph_names_the_same_in_every_language(self, bot: Trilo, language: str):
        """By which it is left out. A menu's entry is named as Discord names it there."""
        with speaking(language):
            for source in (one for topic in TOPICS.values() for one in topic.paragraphs):
                named = names_in(source)
                commands = {name for name in named if name.islower()}
                shown = _(source)
                assert {command for command, _menu in NAMED.findall(shown)} - {""} == commands
                assert all(f" → {_(menu)}**" in shown for menu in named - commands)

    async def test_a_topic_is_found_by_its_name_there_and_without_accents(
        self, server: Server, monkeypatch: pytest.MonkeyPatch
    ):
        everybody_speaks("es-ES", monkeypatch)
        for name in ("Estadisticas", "statistics"):
            result = await server.member.slash(server.channel, "help", topic=name)
            assert texts(result.response)[0].startswith("## Estadísticas: cuánto cuesta la IA y quién puede verlo\n")
        choices = await server.member.autocomplete(server.channel, "help", "topic", "guarda")
        assert choices == [{"name": "privacidad · Qué se guarda y qué no", "value": "privacy"}]

    async def test_what_isnt_for_somebody_and_the_list_of_commands(self, bot: Trilo):
        with speaking("es-419"):
            assert page(bot, "presupuestos", None, set())[0] == _(NOT_A_MANAGER) != NOT_A_MANAGER
            commands = page(bot, "comandos", None, set())[0]
        assert commands.startswith(
            "## Todos los comandos\n- `/help`: Qué puedo hacer, cuánto cuesta, qué se guarda\n- `/my-usage`: "
        )


async def test_it_works_with_the_books_closed_and_out_of_reach(
    server: Server, bot: Trilo, monkeypatch: pytest.MonkeyPatch
):
    """I23: what somebody may do is then told by their permissions alone."""

    async def hangs(_guild_id: int) -> None:
        await asyncio.Event().wait()

    await bot.services.tracker.ledger.close()
    monkeypatch.setattr(bot.services.tracker.settings, "of", hangs)
    monkeypatch.setattr("cogs._kit.access.LOOK_SECONDS", 0.0)
    for actor, has_it in ((server.manager, True), (server.member, False)):
        result = await actor.slash(server.channel, "help", topic="statistics")
        assert result.acknowledged
        assert ("`/token-stats`" in texts(result.response)[0]) is has_it


async def test_it_works_in_direct_messages(bot: Trilo, simcord_env: simcord.Env):
    result = await simcord_env.create_user("somebody").slash("help")
    assert texts(result.response)[0].startswith("## First steps\n")


class TestWhatItReads:
    """The page on asking says what Discord lets the bot read, which is the operator's choice."""

    async def test_without_the_intent(self, bot: Trilo):
        asking = page(bot, "asking", None, set())[0]
        assert READS_MENTIONS in asking
        assert READS_MESSAGES not in asking

    async def test_with_it(self, bot: Trilo, settings: Settings, monkeypatch: pytest.MonkeyPatch):
        monkeypatch.setattr(settings, "message_content", True)
        assert READS_MESSAGES in page(bot, "asking", None, set())[0]


def test_the_one_line_of_help_is_one_line():
    assert "\n" not in ONE_LINE_HELP
    assert len(ONE_LINE_HELP) < 120


async def test_topics_are_a_free_text_option_with_autocomplete(bot: Trilo):
    command = bot.tree.get_command("help")
    assert isinstance(command, app_commands.Command)
    (topic,) = command.parameters
    assert (topic.required, topic.autocomplete) == (False, True)
