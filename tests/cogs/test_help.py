"""`/help`: true, for the person alone, and there when everything else is down."""

import re

import discord
import pytest
import simcord
from discord import app_commands

from bot.client import Trilo
from bot.settings import Settings
from cogs._help_topics import READS_MENTIONS, READS_MESSAGES, TOPICS
from cogs.help import ONE_LINE_HELP, page
from tests.cogs.helpers import Server, texts

COMMAND = re.compile(r"`/([a-z][a-z -]*)`")


def command_names(bot: Trilo) -> set[str]:
    return {command.qualified_name for command in bot.tree.walk_commands()}


async def test_no_topic_names_a_command_that_is_not_there(bot: Trilo):
    said = [ONE_LINE_HELP, *(text for name in TOPICS for text in page(bot, name, None))]
    named = {name for text in said for name in COMMAND.findall(text)}
    assert "token-stats" in named
    assert named <= command_names(bot)
    assert not re.search(r"(?<![`\w])/[a-z]", " ".join(said)), "a command that isn't in code font isn't checked"


async def test_the_commands_are_those_of_the_tree(server: Server, bot: Trilo):
    result = await server.member.slash(server.channel, "help", topic="commands")
    assert result.response.ephemeral
    commands, more = texts(result.response)
    assert commands == (
        "## All commands\n"
        "- `/ai pause`: Pause the AI on this server: nothing is answered, nothing spent *(Manage Server)*\n"
        "- `/ai resume`: Let the AI answer again on this server *(Manage Server)*\n"
        "- `/budget remove`: Remove one of this server's budgets *(Manage Server)*\n"
        "- `/budget set`: Limit what AI may cost: the server, a channel, members, a role … *(Manage Server)*\n"
        "- `/budget show`: How this server's budgets stand; edit, test and remove them *(Manage Server)*\n"
        "- `/help`: What I can do, what it costs, what is stored\n"
        "- `/league advance`: Announce that the league advances, and when the next one is\n"
        "- `/league create`: A category for a week, with a channel for each game\n"
        "- `/league delete`: Delete weeks or other categories, with all their channels\n"
        "- `/league history`: What was created, deleted and announced, by whom, at what cost\n"
        "- `/league restore`: Build deleted categories again, without their messages\n"
        "- `/league tag`: Mention the players in each of a week's channels\n"
        "- `/league teams`: Which teams there are, and who plays them\n"
        "- `/my-usage`: How many AI tokens you have used, and how many are left\n"
        "- `/settings`: Alerts, league, time zone, reports, who may see what AI costs *(Manage Server)*\n"
        "- `/token-stats`: What this server's AI use costs, and what it was spent on *(Manage Server)*"
    )
    assert more == "-# More: `/help` with `start` · `asking` · `league` · `costs` · `budgets` · `privacy`"

    @bot.tree.context_menu(name="Ask about this")
    async def ask(_interaction: discord.Interaction, _message: discord.Message) -> None: ...

    @bot.tree.command(name="only-here", description="Something of this server", guild=server.guild)
    async def only_here(_interaction: discord.Interaction) -> None: ...

    guild = bot.get_guild(server.guild.id)
    assert "\n- **Ask about this**: in the menu of a message, under Apps" in page(bot, "commands", guild)[0]
    assert page(bot, "commands", guild)[0].endswith("\n- `/only-here`: Something of this server")
    assert "only-here" not in page(bot, "commands", None)[0]


@pytest.mark.parametrize("topic", TOPICS)
async def test_every_topic_is_shown_to_the_person_alone_and_fits(server: Server, bot: Trilo, topic: str):
    result = await server.member.slash(server.channel, "help", topic=topic)
    assert result.acknowledged
    assert result.response.ephemeral
    shown = texts(result.response)
    assert shown[0].startswith(f"## {TOPICS[topic].title}\n")
    assert "{" not in shown[0]
    assert sum(map(len, shown)) < 4_000
    assert all(f"`{other}`" in shown[-1] for other in TOPICS if other != topic)


async def test_it_starts_with_three_things_to_try(server: Server, bot: Trilo):
    shown = texts((await server.member.slash(server.channel, "help")).response)
    assert shown[0].startswith(f"## Three things to try\n1. Mention me with a question: “{bot.user.mention} ")
    assert shown == texts((await server.member.slash(server.channel, "help", topic=" START ")).response)


async def test_an_unknown_topic_is_answered_with_the_first(server: Server, bot: Trilo):
    shown = texts((await server.member.slash(server.channel, "help", topic="@everyone {secret}")).response)
    assert shown == ["I have no help on that.", *page(bot, "start", None)]


async def test_topics_are_completed_while_typing(server: Server):
    choices = await server.member.autocomplete(server.channel, "help", "topic", "")
    assert [choice["value"] for choice in choices] == list(TOPICS)
    choices = await server.member.autocomplete(server.channel, "help", "topic", "STORED")
    assert choices == [{"name": "privacy · What is stored, and what isn't", "value": "privacy"}]
    assert await server.member.autocomplete(server.channel, "help", "topic", "weather") == []


async def test_it_works_with_the_books_closed(server: Server, bot: Trilo):
    await bot.services.tracker.ledger.close()
    shown = texts((await server.member.slash(server.channel, "help", topic="costs")).response)
    assert "`/token-stats`" in shown[0]


async def test_it_works_in_direct_messages(bot: Trilo, simcord_env: simcord.Env):
    result = await simcord_env.create_user("somebody").slash("help")
    assert texts(result.response)[0].startswith("## Three things to try\n")


class TestWhatItReads:
    """The page on asking says what Discord lets the bot read, which is the operator's choice."""

    async def test_without_the_intent(self, bot: Trilo):
        asking = page(bot, "asking", None)[0]
        assert READS_MENTIONS in asking
        assert READS_MESSAGES not in asking

    async def test_with_it(self, bot: Trilo, settings: Settings, monkeypatch: pytest.MonkeyPatch):
        monkeypatch.setattr(settings, "message_content", True)
        assert READS_MESSAGES in page(bot, "asking", None)[0]


def test_the_one_line_of_help_is_one_line():
    assert "\n" not in ONE_LINE_HELP
    assert len(ONE_LINE_HELP) < 120


async def test_topics_are_a_free_text_option_with_autocomplete(bot: Trilo):
    command = bot.tree.get_command("help")
    assert isinstance(command, app_commands.Command)
    (topic,) = command.parameters
    assert (topic.required, topic.autocomplete) == (False, True)
