"""`/help`: works without a model, a database or a budget. Nobody is told of what they can't use.

What a paragraph names is looked up in its English source, so that the same ones are left out in every language.
"""

import re
import unicodedata
from collections.abc import Collection
from typing import Any

import discord
from discord import app_commands
from discord.ext import commands

from bot.assistant.conversation import MAX_PICTURES
from bot.client import Trilo
from bot.translation import _, mark
from cogs._kit.access import NOT_A_COMMISSIONER, NOT_A_MANAGER, NOT_THE_OWNER, May, rights
from cogs._kit.look import NOBODY, text_view
from cogs._questions.help_topics import COMMANDS, READS_MENTIONS, READS_MESSAGES, START, TOPICS, Topic

_Command = app_commands.Command[Any, ..., Any]
_MENUS = (
    (discord.AppCommandType.message, mark("- **{name}**: in the menu of a message, under Apps")),
    (discord.AppCommandType.user, mark("- **{name}**: in the menu of a member, under Apps")),
)
_NAMED = re.compile(r"`/([a-z][a-z -]*)`|Apps → ([^*]+)\*\*")
"""A command or a menu's entry in a paragraph."""
_NEEDED = {
    "owner": May.RUN_BOT,
    "token-stats": May.SEE_USAGE,
    "league": May.RUN_LEAGUE,
    "league delete": May.MANAGE_CHANNELS,
    "league restore": May.MANAGE_CHANNELS,
}
"""What a command asks of whoever uses it; any other is for everybody, or for those whom Discord shows it to."""
_REFUSALS = {
    May.MANAGE: NOT_A_MANAGER,
    May.RUN_LEAGUE: NOT_A_COMMISSIONER,
    May.RUN_BOT: NOT_THE_OWNER,
}


class HelpCog(commands.Cog):
    """The command and its autocomplete."""

    def __init__(self, bot: Trilo) -> None:
        self.bot = bot

    @app_commands.command(name="help", description=mark("What I can do, what it costs, what is stored"))
    @app_commands.describe(topic=mark("What you want to know about"))
    async def show(self, interaction: discord.Interaction[Trilo], topic: str = START) -> None:
        """Show one topic, to the person alone."""
        view = text_view(page(self.bot, topic, interaction.guild, await rights(interaction)))
        await interaction.response.send_message(view=view, ephemeral=True, allowed_mentions=NOBODY)

    @show.autocomplete("topic")
    async def _topics(self, interaction: discord.Interaction[Trilo], typed: str) -> list[app_commands.Choice[str]]:
        wanted, may = _folded(typed), await rights(interaction)
        choices = {name: f"{_(name)} · {_(topic.title)}" for name, topic in TOPICS.items() if _is_for(topic, may)}
        return [
            app_commands.Choice(name=words, value=name)
            for name, words in choices.items()
            if wanted in name or wanted in _folded(words)
        ]


def page(bot: Trilo, name: str, guild: discord.Guild | None, may: Collection[May]) -> list[str]:
    """The sections of one topic for somebody who may do that; of the first, with a word on it, where there is none.

    Whoever asks for a topic that isn't for them is told so. A topic may be named in English or as the list names it.
    """
    wanted = _folded(name)
    chosen = next((key for key in TOPICS if wanted in (key, _folded(_(key)))), None)
    if chosen is None:
        return [_("I have no help on that."), *page(bot, START, guild, may)]
    topic = TOPICS[chosen]
    others = [f"`{_(key)}`" for key, other in TOPICS.items() if key != chosen and _is_for(other, may)]
    more = _("-# More: `/help` with {topics}", topics=" · ".join(others))
    if topic.may is not None and topic.may not in may:
        return [_(_REFUSALS[topic.may]), more]
    text = command_list(bot, guild, may) if chosen == COMMANDS else _text(bot, topic, usable_names(bot, guild, may))
    return [f"## {_(topic.title)}\n{text}", more]


def command_list(bot: Trilo, guild: discord.Guild | None, may: Collection[May]) -> str:
    """Every command that somebody can use here, from the tree itself, so that this is always true."""
    lines = []
    for scope in _scopes(guild):
        lines += [
            f"- `/{one.qualified_name}`: {_(one.description)}" for one in _commands(bot, scope) if _can_use(one, may)
        ]
        for kind, words in _MENUS:
            lines += [_(words, name=_(menu.name)) for menu in bot.tree.get_commands(guild=scope, type=kind)]
    return "\n".join(lines)


def usable_names(bot: Trilo, guild: discord.Guild | None, may: Collection[May]) -> set[str]:
    """The commands and menu entries that somebody can use on a server, by name."""
    names: set[str] = set()
    for scope in _scopes(guild):
        names.update(one.qualified_name for one in _commands(bot, scope) if _can_use(one, may))
        names.update(menu.name for kind, _words in _MENUS for menu in bot.tree.get_commands(guild=scope, type=kind))
    return names


def _text(bot: Trilo, topic: Topic, usable: set[str]) -> str:
    """The paragraphs that name nothing but what can be used."""
    paragraphs = [
        _(
            paragraph,
            mention=bot.user.mention if bot.user else "@Trilo",
            pictures=MAX_PICTURES,
            reading=_(READS_MESSAGES if bot.services.settings.message_content else READS_MENTIONS),
        )
        for paragraph in topic.paragraphs
        if _named(paragraph) <= usable
    ]
    return "\n".join(paragraphs)


def _folded(typed: str) -> str:
    """As people type it in a hurry: without capitals, accents and blanks around it."""
    letters = unicodedata.normalize("NFKD", typed.strip().casefold())
    return "".join(letter for letter in letters if not unicodedata.combining(letter))


def _is_for(topic: Topic, may: Collection[May]) -> bool:
    return topic.may is None or topic.may in may


def _named(paragraph: str) -> set[str]:
    return {command or menu for command, menu in _NAMED.findall(paragraph)}


def _scopes(guild: discord.Guild | None) -> list[discord.Guild | None]:
    """Where a server's commands come from: those of everywhere, and its own."""
    return [None, guild] if guild is not None else [None]


def _commands(bot: Trilo, scope: discord.Guild | None) -> list[_Command]:
    found = sorted(bot.tree.walk_commands(guild=scope), key=lambda command: command.qualified_name)
    return [command for command in found if isinstance(command, app_commands.Command)]


def _can_use(command: _Command, may: Collection[May]) -> bool:
    root = command.root_parent or command
    needed = _NEEDED.get(command.qualified_name) or _NEEDED.get(root.name)
    if needed is None and root.default_permissions is not None and root.default_permissions.manage_guild:
        needed = May.MANAGE
    return needed is None or needed in may


async def setup(bot: Trilo) -> None:
    """Called by discord.py when the extension is loaded."""
    await bot.add_cog(HelpCog(bot))
