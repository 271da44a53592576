"""In whose language an answer is: the person's who asked where only they see it, the server's where everybody does."""

import logging

import discord

from bot.client import Trilo
from bot.translation import speak_to
from bot.usage import UsageError
from bot.words import where

log = logging.getLogger(__name__)


def hear(interaction: discord.Interaction[Trilo]) -> None:
    """From here on in this task, speak the language that this person has chosen in Discord."""
    speak_to(interaction.locale.value)


async def server_language(bot: Trilo, guild: discord.Guild) -> str:
    """The language that a server chose in /settings, else in Discord. Raises `DatabaseUnavailableError`."""
    return await bot.services.tracker.settings.language(guild.id) or guild.preferred_locale.value


async def public_language(bot: Trilo, guild: discord.Guild) -> str:
    """The same for what is said in any case: with the books out of reach, the server's in Discord (I23)."""
    try:
        return await server_language(bot, guild)
    except UsageError as error:
        log.warning("server %d is spoken to as Discord says: %s", guild.id, where(error))
        return guild.preferred_locale.value
