"""A message as a question: its text without mentions, what was said before it, its pictures."""

import base64
import logging
import re
from collections.abc import Callable, Sequence

import discord

from bot.assistant.conversation import MAX_PICTURES, Turn
from bot.discord_failures import DISCORD_FAILED
from bot.usage.context import storable
from bot.words import where

log = logging.getLogger(__name__)

REPLY_DEPTH = 8
"""How far back a chain of replies is followed."""
THREAD_MESSAGES = 20
PICTURE_BYTES = 8 * 1024 * 1024
PICTURE_TYPES = ("image/png", "image/jpeg", "image/webp", "image/gif")


def text_of(message: discord.Message, our_id: int) -> str:
    """The message without our own mention; other people, roles and channels by their names."""
    content = re.sub(rf"<@!?{our_id}>", "", message.content)
    for user in message.mentions:
        for mention in (f"<@{user.id}>", f"<@!{user.id}>"):
            content = content.replace(mention, f"@{_one_line(user.display_name)}")
    for role in message.role_mentions:
        content = content.replace(role.mention, f"@{_one_line(role.name)}")
    for channel in message.channel_mentions:
        content = content.replace(channel.mention, f"#{_one_line(channel.name)}")
    return storable(content).strip()


async def turns_before(message: discord.Message, our_id: int, has_opted_out: Callable[[int], bool]) -> list[Turn]:
    """The thread so far, else the chain of replies; as far as Discord gives it and its text. Oldest first.

    Without the messages of people who have opted out of AI.
    """
    found: list[discord.Message] = []
    if isinstance(message.channel, discord.Thread):
        try:
            found = [earlier async for earlier in message.channel.history(limit=THREAD_MESSAGES, before=message)]
        except DISCORD_FAILED as error:  # without Read Message History the question stands alone
            log.debug("the thread of message %d can't be read: %s", message.id, where(error))
    else:
        current = message
        while len(found) < REPLY_DEPTH and (earlier := await _replied_to(current)) is not None:
            found.append(earlier)
            current = earlier
    turns = [
        Turn(earlier.author.display_name, text_of(earlier, our_id), ours=earlier.author.id == our_id)
        for earlier in reversed(found)
        if not has_opted_out(earlier.author.id)
    ]
    return [turn for turn in turns if turn.text]


async def pictures_of(message: discord.Message) -> Sequence[str]:
    """Its pictures as data addresses: those of a kind and size a model takes, as many as go along."""
    found: list[str] = []
    for attachment in message.attachments:
        if len(found) < MAX_PICTURES and (picture := await picture_of(attachment)) is not None:
            found.append(picture)
    return found


async def picture_of(attachment: discord.Attachment) -> str | None:
    """A picture as a data address; None where its kind, its size or Discord doesn't allow that."""
    if attachment.content_type not in PICTURE_TYPES or attachment.size > PICTURE_BYTES:
        return None
    try:
        data = await attachment.read()
    except DISCORD_FAILED as error:
        log.debug("attachment %d can't be read: %s", attachment.id, where(error))
        return None
    return f"data:{attachment.content_type};base64,{base64.b64encode(data).decode()}"


def replies_to(message: discord.Message, user_id: int) -> bool:
    """Whether it answers a message of that user."""
    resolved = message.reference.resolved if message.reference else None
    return isinstance(resolved, discord.Message) and resolved.author.id == user_id


def _one_line(name: str) -> str:
    return " ".join(name.split())


async def _replied_to(message: discord.Message) -> discord.Message | None:
    """The message that this one answers, from the cache or from Discord; None where there is none to be had."""
    reference = message.reference
    if reference is None or reference.type is not discord.MessageReferenceType.default or reference.message_id is None:
        return None
    if isinstance(reference.resolved, discord.Message):
        return reference.resolved
    if isinstance(reference.resolved, discord.DeletedReferencedMessage):
        return None
    try:
        return await message.channel.fetch_message(reference.message_id)
    except DISCORD_FAILED:
        return None
