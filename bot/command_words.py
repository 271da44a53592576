"""Commands as Discord shows them, in every language that we speak: their names, what they do, what can be chosen."""

import discord
from discord import app_commands
from discord.app_commands import TranslationContextLocation as Location

from bot.translation import translated

NAMES = "name"
"""The context of names in the catalogs: they follow rules of Discord's (32 small letters, no spaces)."""
_NAMES = (Location.command_name, Location.group_name, Location.parameter_name)


class CommandWords(app_commands.Translator):
    """Looks them up in the catalogs. Only a slash command's name is a name: one of a menu may be any text."""

    async def translate(
        self,
        string: app_commands.locale_str,
        locale: discord.Locale,
        context: app_commands.TranslationContextTypes,
    ) -> str | None:
        """None where there is none: Discord then shows English."""
        is_menu = isinstance(context.data, app_commands.ContextMenu)
        return translated(string.message, locale.value, NAMES if context.location in _NAMES and not is_menu else "")
