"""Mentions and replies: who is speaking to us, what about, and the answer as it is written."""

import asyncio
import logging
from collections.abc import Sequence
from contextlib import AsyncExitStack, aclosing, suppress

import discord
from discord.ext import commands

from bot.assistant.conversation import MAX_PICTURES, Ending, Question
from bot.assistant.operations import GENERAL_CONVERSATION
from bot.assistant.routing import Route
from bot.client import Trilo
from bot.usage import UsageError, token_tracking_context
from bot.usage.errors import CallRefusedError, QuotaExceededError
from bot.words import RESTARTING, where, words_for
from cogs._asker import Asker
from cogs._front_desk import help_set_up, placed, show_plan
from cogs._messages import StreamedReply
from cogs._reading import PICTURE_BYTES, pictures_of, replies_to, text_of, turns_before
from cogs._refusals import Pace, Refusals, react
from cogs._views.upgrade import offer
from cogs.help import ONE_LINE_HELP

log = logging.getLogger(__name__)

_PING_OFF = "-# I only see a reply if its ping is on: turn on the @ beside your reply, or mention me."
_NO_DMS = "I answer on servers only. Mention me in a channel there."
_LIMITS = f"PNG, JPEG, WebP or GIF, up to {PICTURE_BYTES // 1024**2} MB, at most {MAX_PICTURES}"


class ConversationCog(commands.Cog):
    """Answers literal mentions of the bot and replies to its messages; nothing else, and never a bot (I31)."""

    def __init__(self, bot: Trilo) -> None:
        self.bot = bot
        settings = bot.services.settings
        self._pace = Pace(settings.calls_per_minute_member, settings.calls_per_minute_server)
        self._refusals = Refusals()

    @commands.Cog.listener()
    async def on_message(self, message: discord.Message) -> None:
        """Answer, if the message speaks to us and no other process has claimed it."""
        if self.bot.is_leaving or message.author.bot or message.webhook_id is not None or message.is_system():
            return
        if message.guild is not None and not self.bot.is_allowed(message.guild.id):
            return
        if not self._speaks_to_us(message) or not _may_answer(message):
            return
        too_fast = self._pace.check(message, self.bot.services.tracker.clock())
        async with self.bot.working():
            if too_fast is not None and too_fast.words is None:
                await react(message)
            elif await self._claimed(message):
                await self._respond(message, too_fast.words if too_fast else None)

    def _speaks_to_us(self, message: discord.Message) -> bool:
        if message.guild is None:
            return True
        return self._mentions_us(message) or self._mentions_our_role(message) or replies_to(message, self._me.id)

    def _mentions_us(self, message: discord.Message) -> bool:
        literal = any(mark in message.content for mark in (f"<@{self._me.id}>", f"<@!{self._me.id}>"))
        return literal or (replies_to(message, self._me.id) and self._me in message.mentions)

    def _addresses_us(self, message: discord.Message) -> bool:
        """Whether it is a question to us. A reply without a ping has a text only where we may read all messages."""
        return self._mentions_us(message) or (replies_to(message, self._me.id) and bool(message.content))

    def _mentions_our_role(self, message: discord.Message) -> bool:
        return any(
            (role.is_bot_managed() and role.tags and role.tags.bot_id == self._me.id) or role.name == self._me.name
            for role in message.role_mentions
        )

    async def _claimed(self, message: discord.Message) -> bool:
        """Whether answering is ours. With the books out of reach the person still gets an answer (I23)."""
        try:
            return await self.bot.services.tracker.claims.claim(f"message {message.id}")
        except UsageError as error:
            log.warning("message %d is answered unclaimed: %s", message.id, error)
            return True

    async def _respond(self, message: discord.Message, refusal: str | None) -> None:
        """Whatever happens, the person gets an answer or words (I30), as far as Discord lets us write.

        Told no within the hour for the same cause, they get a reaction.
        """
        reply = StreamedReply(message)
        button: discord.ui.View | None = None
        try:
            note = refusal or await self._answer(message, reply)
        except asyncio.CancelledError:
            with suppress(discord.HTTPException):
                await reply.finish(RESTARTING)
            raise
        except CallRefusedError as error:
            if not self._refusals.is_news(message, error, self.bot.services.tracker.clock()) and reply.is_silent:
                await react(message)
                return
            note = words_for(error)
            if isinstance(error, QuotaExceededError):
                words, button = await offer(self.bot.services, error, GENERAL_CONVERSATION.name)
                note = f"{note} {words}".rstrip()
        except Exception as error:  # noqa: BLE001 - see above
            log.warning("answering message %d failed: %s", message.id, where(error))
            note = words_for(error)
        try:
            await reply.finish(note, button)
        except discord.HTTPException as error:
            log.warning("the answer to message %d can't be shown: %s", message.id, where(error))

    async def _answer(self, message: discord.Message, reply: StreamedReply) -> str:
        """Write the answer, or nothing where the question is none; returns the note to put below it."""
        if message.guild is None and not self.bot.services.settings.allow_dms:
            return _NO_DMS
        if message.guild is not None and not self._addresses_us(message):
            return ONE_LINE_HELP if message.role_mentions else _PING_OFF
        text, pictures = text_of(message, self._me.id), await pictures_of(message)
        unseen = _unseen(message, pictures)
        if not text and not pictures:
            return unseen or ONE_LINE_HELP
        question = Question(
            author=message.author.display_name,
            text=text or "What is in this picture?",
            server=message.guild.name if message.guild else "direct messages",
            turns=await turns_before(message, self._me.id),
            pictures=pictures,
        )
        return await self._ask(message, question, reply) or unseen or await self._quota_line(message)

    async def _ask(self, message: discord.Message, question: Question, reply: StreamedReply) -> str:
        """Answer, or show a plan, which is an answer of its own. Returns the note to put below it."""
        guild_id = message.guild.id if message.guild else 0
        try:
            await self.bot.give_cap(guild_id)  # nothing to do but in a server's first moments
        except UsageError as error:
            log.warning("message %d is answered although its server has no cap yet: %s", message.id, where(error))
        async with AsyncExitStack() as stack:
            with suppress(discord.HTTPException):  # a server that forbids it loses only the indicator
                await stack.enter_async_context(message.channel.typing())
            asker = Asker.of_message(self.bot, message)
            if asker is None:
                direct = token_tracking_context(guild_id=0, channel_id=message.channel.id, user_id=message.author.id)
                await stack.enter_async_context(direct)
                return await self._talk(question, reply)
            await stack.enter_async_context(asker.tracking())
            reading = await placed(self.bot, question, guild_id)
            if reading.route is Route.CONVERSATION:
                return await self._talk(question, reply)
            if reading.route is Route.SETUP:
                return await help_set_up(asker, question, reading, reply)
            return await show_plan(asker, reading.route, question)

    async def _talk(self, question: Question, reply: StreamedReply) -> str:
        ending = Ending()
        async with aclosing(self.bot.services.conversation.answer(question, ending)) as answer:
            async for piece in answer:
                await reply.add(piece)
        return _note(ending, reply)

    async def _quota_line(self, message: discord.Message) -> str:
        """One line for whoever has just crossed 80 or 90 % of their tokens, once; where quotas are on."""
        guild_id, quotas = message.guild.id if message.guild else 0, self.bot.services.tracker.quotas
        try:
            used = await quotas.newly_crossed(message.author.id, guild_id=guild_id, role_ids=_roles_of(message.author))
        except UsageError as error:
            log.warning("message %d is answered without a look at the quota: %s", message.id, error)
            return ""
        return f"You've passed {used} % of your monthly tokens. `/my-usage` shows what is left." if used else ""

    @property
    def _me(self) -> discord.ClientUser:
        assert self.bot.user is not None  # noqa: S101 - events come only after login
        return self.bot.user


def _roles_of(author: discord.User | discord.Member) -> list[int]:
    """Budgets and quotas may be by role."""
    return [role.id for role in author.roles] if isinstance(author, discord.Member) else []


def _may_answer(message: discord.Message) -> bool:
    """Whether we may write where it stands: an answer that nobody can read would be paid for all the same."""
    if message.guild is None:
        return True
    permissions = message.channel.permissions_for(message.guild.me)
    in_thread = isinstance(message.channel, discord.Thread)
    return permissions.send_messages_in_threads if in_thread else permissions.send_messages


def _unseen(message: discord.Message, pictures: Sequence[str]) -> str:
    """Words for attachments that didn't go along."""
    given = len(message.attachments)
    if given == len(pictures):
        return ""
    return f"I could look at {len(pictures)} of {given} attachments ({_LIMITS})."


def _note(ending: Ending, reply: StreamedReply) -> str:
    if ending.refused:
        return "The AI provider stopped this answer under its rules. Please put it differently."
    if ending.without_pictures:
        return "I answered without looking at the picture: the AI budget here is nearly used up."
    if ending.shortened:
        return "I kept this short: what is left of the AI budget here allows no more."
    if ending.cut_off:
        return "I stopped here: answers have a length limit. Ask me to go on."
    if reply.is_silent:
        return "The model had nothing to say to that. Please put it differently."
    return ""


async def setup(bot: Trilo) -> None:
    """Called by discord.py when the extension is loaded."""
    await bot.add_cog(ConversationCog(bot))
