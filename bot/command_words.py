"""Commands as Discord shows them, in every language that we speak: what they do, their options, what can be chosen.

A slash command's own name stays as it is in every language. Where Discord is given another, its client takes that one
alone: what the guide, the documentation, other members and our own words call `/league create` would be unknown to
whoever reads it in Spanish. Nobody is told an option's name: they are offered it, so options have names of theirs.
"""

import discord
from discord import app_commands
from discord.app_commands import TranslationContextLocation as Location

from bot.translation import translated

NAMES = "name"
"""The context of options' names in the catalogs: they follow rules of Discord's (32 small letters, no spaces)."""
_COMMANDS = (Location.command_name, Location.group_name)


class CommandWords(app_commands.Translator):
    """Looks them up in the catalogs. What stands in a menu is no name: it may be any text."""

    async def translate(
        self,
        string: app_commands.locale_str,
        locale: discord.Locale,
        context: app_commands.TranslationContextTypes,
    ) -> str | None:
        """None where there is none: Discord then shows English."""
        if context.location in _COMMANDS and not isinstance(context.data, app_commands.ContextMenu):
            return None
        is_option = context.location is Location.parameter_name
        return translated(string.message, locale.value, NAMES if is_option else "")
