"""Remembering which calls made an answer, for “What did this cost?”."""

import logging
from collections.abc import Sequence

import discord

from bot.client import Trilo
from bot.usage import UsageError
from bot.words import where

log = logging.getLogger(__name__)


async def remember(
    bot: Trilo, guild: discord.Guild | None, messages: Sequence[discord.abc.Snowflake], execution_id: str | None
) -> None:
    """Note it in the books. Where they can't be reached, the answer stands all the same, without its cost."""
    if guild is None or execution_id is None or not messages:
        return
    try:
        await bot.services.tracker.shown_answers.note(guild.id, [message.id for message in messages], execution_id)
    except UsageError as error:
        log.warning("what an answer on server %d cost can't be asked for: %s", guild.id, where(error))
