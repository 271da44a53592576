"""`/help`: works without a model, a database or a budget."""

import discord
from discord import app_commands
from discord.ext import commands

from bot.assistant.conversation import MAX_PICTURES
from bot.client import Trilo
from cogs._help_topics import COMMANDS, ONE_LINE_HELP, READS_MENTIONS, READS_MESSAGES, START, TOPICS
from cogs._views.look import COLOUR, NOBODY

__all__ = ["ONE_LINE_HELP", "HelpCog", "command_list", "page", "setup"]

_MENUS = ((discord.AppCommandType.message, "a message"), (discord.AppCommandType.user, "a member"))


class HelpCog(commands.Cog):
    """The command and its autocomplete."""

    def __init__(self, bot: Trilo) -> None:
        self.bot = bot

    @app_commands.command(name="help", description="What I can do, what it costs, what is stored")
    @app_commands.describe(topic="What you want to know about")
    async def show(self, interaction: discord.Interaction[Trilo], topic: str = START) -> None:
        """Show one topic, to the person alone."""
        view = discord.ui.LayoutView(timeout=None)
        container: discord.ui.Container[discord.ui.LayoutView] = discord.ui.Container(accent_colour=COLOUR)
        for number, text in enumerate(page(self.bot, topic, interaction.guild)):
            if number:
                container.add_item(discord.ui.Separator())
            container.add_item(discord.ui.TextDisplay(text))
        view.add_item(container)
        await interaction.response.send_message(view=view, ephemeral=True, allowed_mentions=NOBODY)

    @show.autocomplete("topic")
    async def _topics(self, _interaction: discord.Interaction[Trilo], typed: str) -> list[app_commands.Choice[str]]:
        wanted = typed.strip().casefold()
        return [
            app_commands.Choice(name=f"{name} · {topic.title}", value=name)
            for name, topic in TOPICS.items()
            if wanted in name or wanted in topic.title.casefold()
        ]


def page(bot: Trilo, name: str, guild: discord.Guild | None) -> list[str]:
    """The sections of one topic; of the first, with a word on it, where there is no topic of that name."""
    chosen = name.strip().casefold()
    topic = TOPICS.get(chosen)
    others = " · ".join(f"`{other}`" for other in TOPICS if other != (chosen if topic else START))
    more = f"-# More: `/help` with {others}"
    if topic is None:
        return ["I have no help on that.", *page(bot, START, guild)]
    text = topic.text.format(
        mention=bot.user.mention if bot.user else "@Trilo",
        pictures=MAX_PICTURES,
        reading=READS_MESSAGES if bot.services.settings.message_content else READS_MENTIONS,
        commands=command_list(bot, guild) if chosen == COMMANDS else "",
    )
    return [f"## {topic.title}\n{text}", more]


def command_list(bot: Trilo, guild: discord.Guild | None) -> str:
    """Every command there is here, from the tree itself, so that this is always true."""
    lines = []
    for scope in [None, *([guild] if guild is not None else [])]:
        found = sorted(bot.tree.walk_commands(guild=scope), key=lambda command: command.qualified_name)
        lines += [_line(command) for command in found if isinstance(command, app_commands.Command)]
        for kind, target in _MENUS:
            menus = bot.tree.get_commands(guild=scope, type=kind)
            lines += [f"- **{menu.name}**: in the menu of {target}, under Apps" for menu in menus]
    return "\n".join(lines)


def _line(command: app_commands.Command[HelpCog, ..., None]) -> str:
    needed = (command.root_parent or command).default_permissions
    names = [name.replace("_", " ").replace("guild", "server").title() for name, on in needed or () if on]
    note = f" *({', '.join(names)})*" if names else ""
    return f"- `/{command.qualified_name}`: {command.description}{note}"


async def setup(bot: Trilo) -> None:
    """Called by discord.py when the extension is loaded."""
    await bot.add_cog(HelpCog(bot))
