"""Commands in the languages we speak, as Discord takes them."""

import re
from collections.abc import Iterator

import discord
from discord import app_commands

from bot.client import Trilo
from bot.command_words import NAMES, CommandWords
from bot.translation import ENGLISH, LANGUAGES, translated
from docs.collect_words import FOLDER, read

OTHERS = [code for code in LANGUAGES if code != ENGLISH]
NAME = re.compile(r"[-_'\w]{1,32}")
"""By discord.com/developers/docs: names of commands and options, in small letters."""


def shown(bot: Trilo) -> Iterator[tuple[str, str, int]]:
    """What Discord shows of each command: where it is, the words, and how many characters it may have."""
    for command in bot.tree.walk_commands():
        yield f"/{command.qualified_name}", command.description, 100
        if isinstance(command, app_commands.Group):
            continue
        for option in command.parameters:
            yield f"/{command.qualified_name} {option.name}", str(option.description), 100
            for choice in option.choices:
                yield f"/{command.qualified_name} {option.name} {choice.value}", choice.name, 100
    for kind in (discord.AppCommandType.message, discord.AppCommandType.user):
        for menu in bot.tree.get_commands(type=kind):
            yield f"menu {menu.name}", menu.name, 32


async def test_commands_are_described_in_every_language(bot: Trilo) -> None:
    for code in OTHERS:
        kept = {message.id: message.string for message in read(FOLDER / f"{code}.po") if not message.context}
        found = [(where, words, kept.get(words), longest) for where, words, longest in shown(bot)]
        assert len(found) > 60
        assert [each for each in found if not each[2] or len(each[2]) > each[3]] == []


async def test_options_have_names_that_discord_takes(bot: Trilo) -> None:
    """In small letters, without spaces, and no two of a command alike."""
    for code in OTHERS:
        kept = {message.id: message.string for message in read(FOLDER / f"{code}.po") if message.context == NAMES}
        for command in bot.tree.walk_commands():
            if isinstance(command, app_commands.Group):
                continue
            names = [kept.get(option.display_name) for option in command.parameters]
            assert all(name and NAME.fullmatch(name) and name == name.lower() for name in names), (command, names)
            assert len(set(names)) == len(names)


async def test_commands_are_called_the_same_in_every_language(bot: Trilo) -> None:
    """Also where an option of the same name is called otherwise, as `budget` is."""
    payloads = [await command.get_translated_payload(bot.tree, CommandWords()) for command in bot.tree.get_commands()]
    named = [payload for payload in payloads if payload.get("type", 1) == discord.AppCommandType.chat_input.value]
    named += [option for payload in named for option in payload["options"] if option["type"] == 1]
    assert {payload["name"] for payload in named} > {"budget", "set", "league", "create", "token-stats"}
    assert [payload["name"] for payload in named if payload["name_localizations"]] == []


async def test_discord_is_told(bot: Trilo) -> None:
    command = bot.tree.get_command("token-stats")
    assert isinstance(command, app_commands.Command)
    told = await command.get_translated_payload(bot.tree, CommandWords())
    spanish = told["description_localizations"]
    assert set(spanish) == {"es-ES", "es-419"}
    assert spanish["es-ES"] == translated(command.description, "es")
    period = next(option for option in told["options"] if option["name"] == "period")
    assert period["name_localizations"] == {"es-ES": "periodo", "es-419": "periodo"}
    today = next(choice for choice in period["choices"] if choice["value"] == "today")
    assert today["name_localizations"] == {"es-ES": "Hoy", "es-419": "Hoy"}
