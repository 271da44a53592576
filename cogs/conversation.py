"""Mentions and replies: who is speaking to us, what about, and the answer as it is written."""

import base64
import logging
import re
from contextlib import aclosing

import discord
from discord.ext import commands

from bot.assistant.conversation import MAX_PICTURES, Ending, Question, Turn
from bot.client import Trilo
from bot.usage import UsageError, token_tracking_context
from bot.words import where, words_for
from cogs._messages import StreamedReply
from cogs.help import ONE_LINE_HELP

log = logging.getLogger(__name__)

REPLY_DEPTH = 8
"""How far back a chain of replies is followed."""
THREAD_MESSAGES = 20
PICTURE_BYTES = 8 * 1024 * 1024
PICTURE_TYPES = ("image/png", "image/jpeg", "image/webp", "image/gif")
_PING_OFF = "-# I only see a reply if its ping is on: turn on the @ beside your reply, or mention me."
_NO_DMS = "I answer on servers only. Mention me in a channel there."


class ConversationCog(commands.Cog):
    """Answers literal mentions of the bot and replies to its messages; nothing else, and never a bot (I31)."""

    def __init__(self, bot: Trilo) -> None:
        self.bot = bot

    @commands.Cog.listener()
    async def on_message(self, message: discord.Message) -> None:
        """Answer, if the message speaks to us and no other process has claimed it."""
        if message.author.bot or message.webhook_id is not None or message.is_system():
            return
        if message.guild is not None and not self.bot.is_allowed(message.guild.id):
            return
        if not self._speaks_to_us(message) or not self._may_answer(message):
            return
        async with self.bot.working():
            if await self._claimed(message):
                await self._respond(message)

    def _speaks_to_us(self, message: discord.Message) -> bool:
        if message.guild is None:
            return True
        return self._mentions_us(message) or self._mentions_our_role(message) or _replies_to(message, self._me.id)

    def _mentions_us(self, message: discord.Message) -> bool:
        literal = any(mark in message.content for mark in (f"<@{self._me.id}>", f"<@!{self._me.id}>"))
        return literal or (_replies_to(message, self._me.id) and self._me in message.mentions)

    def _addresses_us(self, message: discord.Message) -> bool:
        """Whether it is a question to us. A reply without a ping has a text only where we may read all messages."""
        return self._mentions_us(message) or (_replies_to(message, self._me.id) and bool(message.content))

    def _mentions_our_role(self, message: discord.Message) -> bool:
        return any(
            (role.is_bot_managed() and role.tags and role.tags.bot_id == self._me.id) or role.name == self._me.name
            for role in message.role_mentions
        )

    def _may_answer(self, message: discord.Message) -> bool:
        if message.guild is None:
            return True
        permissions = message.channel.permissions_for(message.guild.me)
        in_thread = isinstance(message.channel, discord.Thread)
        return permissions.send_messages_in_threads if in_thread else permissions.send_messages

    async def _claimed(self, message: discord.Message) -> bool:
        """Whether answering is ours. With the books out of reach the person still gets an answer (I23)."""
        try:
            return await self.bot.services.tracker.claims.claim(f"message {message.id}")
        except UsageError as error:
            log.warning("message %d is answered unclaimed: %s", message.id, error)
            return True

    async def _respond(self, message: discord.Message) -> None:
        reply = StreamedReply(message)
        text = self._question_text(message)
        if message.guild is None and not self.bot.services.settings.allow_dms:
            await reply.finish(_NO_DMS)
        elif message.guild is not None and not self._addresses_us(message):
            await reply.finish(ONE_LINE_HELP if message.role_mentions else _PING_OFF)
        elif not text and not _pictures(message):
            await reply.finish(ONE_LINE_HELP)
        else:
            await self._answer(message, text, reply)

    async def _answer(self, message: discord.Message, text: str, reply: StreamedReply) -> None:
        ending = Ending()
        channel, thread = _place(message)
        try:
            async with (
                message.channel.typing(),
                token_tracking_context(
                    guild_id=message.guild.id if message.guild else 0,
                    channel_id=channel,
                    session_id=thread,
                    user_id=message.author.id,
                    role_ids=[role.id for role in getattr(message.author, "roles", ())],
                ),
            ):
                question = await self._question(message, text)
                async with aclosing(self.bot.services.conversation.answer(question, ending)) as pieces:
                    async for piece in pieces:
                        await reply.add(piece)
            note = _note(ending, reply)
        except Exception as error:  # noqa: BLE001 - whatever failed, the person gets words (I30)
            log.warning("answering message %d failed: %s", message.id, where(error))
            note = words_for(error)
        try:
            await reply.finish(note)
        except discord.HTTPException as error:
            log.warning("the answer to message %d can't be shown: %s", message.id, where(error))

    async def _question(self, message: discord.Message, text: str) -> Question:
        pictures = []
        for attachment in _pictures(message)[:MAX_PICTURES]:
            data = base64.b64encode(await attachment.read()).decode()
            pictures.append(f"data:{attachment.content_type};base64,{data}")
        return Question(
            author=message.author.display_name,
            text=text or "What is in this picture?",
            server=message.guild.name if message.guild else "direct messages",
            turns=await self._turns(message),
            pictures=pictures,
        )

    async def _turns(self, message: discord.Message) -> list[Turn]:
        """The thread so far, else the chain of replies; as far as Discord gives the text. Oldest first."""
        found: list[discord.Message] = []
        if isinstance(message.channel, discord.Thread):
            found = [earlier async for earlier in message.channel.history(limit=THREAD_MESSAGES, before=message)]
        else:
            current = message
            while len(found) < REPLY_DEPTH and (earlier := await _replied_to(current)) is not None:
                found.append(earlier)
                current = earlier
        turns = [self._turn(earlier) for earlier in reversed(found)]
        return [turn for turn in turns if turn.text]

    def _turn(self, message: discord.Message) -> Turn:
        return Turn(message.author.display_name, self._question_text(message), ours=message.author.id == self._me.id)

    def _question_text(self, message: discord.Message) -> str:
        """The message without our own mention; other people, roles and channels by their names."""
        own = re.compile(rf"<@!?{self._me.id}>")
        content = message.content
        for user in message.mentions:
            if user.id != self._me.id:
                content = re.sub(rf"<@!?{user.id}>", f"@{user.display_name}", content)
        for role in message.role_mentions:
            content = content.replace(role.mention, f"@{role.name}")
        for channel in message.channel_mentions:
            content = content.replace(channel.mention, f"#{channel.name}")
        return own.sub("", content).strip()

    @property
    def _me(self) -> discord.ClientUser:
        assert self.bot.user is not None  # noqa: S101 - events come only after login
        return self.bot.user


def _replies_to(message: discord.Message, user_id: int) -> bool:
    resolved = message.reference.resolved if message.reference else None
    return isinstance(resolved, discord.Message) and resolved.author.id == user_id


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
    except discord.HTTPException:
        return None


def _place(message: discord.Message) -> tuple[int, int | None]:
    """The channel a message is booked under and, in a thread, the thread: its calls carry the parent's channel."""
    if isinstance(message.channel, discord.Thread):
        return message.channel.parent_id, message.channel.id
    return message.channel.id, None


def _pictures(message: discord.Message) -> list[discord.Attachment]:
    return [a for a in message.attachments if a.content_type in PICTURE_TYPES and a.size <= PICTURE_BYTES]


def _note(ending: Ending, reply: StreamedReply) -> str:
    if ending.refused:
        return "The AI provider stopped this answer under its rules. Please put it differently."
    if ending.cut_off:
        return "I stopped here: answers have a length limit. Ask me to go on."
    if reply.is_silent:
        return "The model had nothing to say to that. Please put it differently."
    return ""


async def setup(bot: Trilo) -> None:
    """Called by discord.py when the extension is loaded."""
    await bot.add_cog(ConversationCog(bot))
