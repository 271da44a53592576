"""Mentions and replies: who is speaking to us, what about, and the answer as it is written."""

import asyncio
import logging
from collections.abc import Sequence
from contextlib import AsyncExitStack, suppress

import discord
from discord.ext import commands

from bot.assistant.conversation import MAX_PICTURES, Question
from bot.assistant.operations import GENERAL_CONVERSATION
from bot.assistant.routing import Route
from bot.client import Trilo
from bot.discord_failures import DISCORD_FAILED
from bot.translation import _, mark, speak_to
from bot.usage import UsageError, token_tracking_context
from bot.usage.budgeting.server_settings import ServerSettings
from bot.usage.errors import CallRefusedError, OptedOutError, QuotaExceededError
from bot.words import RESTARTING, where, words_for
from cogs._kit.asker import Asker
from cogs._kit.channels import lets_write
from cogs._kit.language import public_language
from cogs._questions.answers import remember
from cogs._questions.ask import AskCog
from cogs._questions.front_desk import help_set_up, placed, quota_line, show_plan, talk
from cogs._questions.help_topics import ONE_LINE_HELP
from cogs._questions.messages import StreamedReply
from cogs._questions.reading import PICTURE_BYTES, pictures_of, replies_to, text_of, turns_before
from cogs._questions.refusals import Pace, Refusals, TooFast, with_sign
from cogs._questions.upgrade import offer
from cogs._questions.where import settings_for

log = logging.getLogger(__name__)

TYPING_SECONDS = 1.0
"""How long Discord has to show that we are typing, before we go on without."""
_PING_OFF = mark("-# I only see a reply if its ping is on: turn on the @ beside your reply, or mention me.")
_NO_DMS = mark("I answer on servers only. Mention me in a channel there.")
_UNSEEN = mark(
    "I could look at {seen} of {given} attachments (PNG, JPEG, WebP or GIF, up to {megabytes} MB, at most {most})."
)


class ConversationCog(commands.Cog):
    """Answers literal mentions of the bot and replies to its messages; nothing else, and never a bot (I31)."""

    def __init__(self, bot: Trilo, pace: Pace) -> None:
        self.bot = bot
        self._pace = pace
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
        guild_id = message.guild.id if message.guild else 0
        too_fast = self._pace.check(guild_id, message.author.id, self.bot.services.tracker.clock())
        async with self.bot.working():
            if too_fast is not None and too_fast.words is None:
                await self._refusals.react(message)
            elif await self._claimed(message):
                await self._respond(message, too_fast)

    def _speaks_to_us(self, message: discord.Message) -> bool:
        if message.guild is None:
            return True
        return self._mentions_us(message) or self._mentions_our_role(message) or replies_to(message, self._me.id)

    def _mentions_us(self, message: discord.Message) -> bool:
        literal = any(us in message.content for us in (f"<@{self._me.id}>", f"<@!{self._me.id}>"))
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

    async def _respond(self, message: discord.Message, too_fast: TooFast | None) -> None:
        """Whatever happens, the person gets an answer or words (I30), as far as Discord lets us write.

        Told no within the hour for the same cause, they get a reaction.
        """
        reply = StreamedReply(message)
        button: discord.ui.View | None = None
        try:
            # In direct messages nobody says which.
            speak_to(await public_language(self.bot, message.guild) if message.guild else None)
            note = with_sign(too_fast.words) if too_fast and too_fast.words else await self._answer(message, reply)
        except asyncio.CancelledError:
            with suppress(*DISCORD_FAILED):
                await reply.finish(_(RESTARTING))
            raise
        except CallRefusedError as error:
            if not self._refusals.is_news(message, error, self.bot.services.tracker.clock()) and reply.is_silent:
                await self._refusals.react(message)
                return
            note = words_for(error)
            if isinstance(error, QuotaExceededError):
                words, button = await offer(self.bot.services, error, GENERAL_CONVERSATION.name)
                note = f"{note} {words}".rstrip()
            note = with_sign(note)
        except Exception as error:  # noqa: BLE001 - see above
            log.warning("answering message %d failed: %s", message.id, where(error))
            note = words_for(error)
        try:
            await reply.finish(note, button)
        except DISCORD_FAILED as error:
            log.warning("the answer to message %d can't be shown: %s", message.id, where(error))
        await remember(self.bot, message.guild, reply.messages, reply.execution_id)

    async def _answer(self, message: discord.Message, reply: StreamedReply) -> str:
        """Write the answer, or nothing where the question is none; returns the note to put below it."""
        if message.guild is None and not self.bot.services.settings.allow_dms:
            return _(_NO_DMS)
        if self.bot.services.tracker.privacy.has_opted_out(message.author.id):
            raise OptedOutError(message.guild.id if message.guild else 0, str(message.author.id))
        asker = Asker.of_message(self.bot, message)
        chosen = ServerSettings(0) if asker is None else await settings_for(asker)
        if message.guild is not None and not self._addresses_us(message):
            return _(ONE_LINE_HELP if message.role_mentions else _PING_OFF)
        text, pictures = text_of(message, self._me.id), await pictures_of(message)
        unseen = _unseen(message, pictures)
        if not text and not pictures:
            return unseen or _(ONE_LINE_HELP)
        question = Question(
            author=message.author.display_name,
            text=text or "What is in this picture?",
            server=message.guild.name if message.guild else "direct messages",
            turns=await turns_before(message, self._me.id, self.bot.services.tracker.privacy.has_opted_out),
            pictures=pictures,
            always_fast=chosen.always_fast,
        )
        note = await self._ask(message, asker, question, reply) or unseen
        return note or await quota_line(self.bot, message.guild.id if message.guild else 0, message.author)

    async def _ask(
        self, message: discord.Message, asker: Asker | None, question: Question, reply: StreamedReply
    ) -> str:
        """Answer, or show a plan, which is an answer of its own. Returns the note to put below it.

        `asker` is None in direct messages.
        """
        guild_id = message.guild.id if message.guild else 0
        try:
            await self.bot.give_cap(guild_id)  # nothing to do but in a server's first moments
        except UsageError as error:
            log.warning("message %d is answered although its server has no cap yet: %s", message.id, where(error))
        async with AsyncExitStack() as stack:
            with suppress(*DISCORD_FAILED):  # where it is forbidden or fails, only the indicator is lost
                async with asyncio.timeout(TYPING_SECONDS):
                    await stack.enter_async_context(message.channel.typing())
            if asker is None:
                # The channel of direct messages is the person by another name: it stays off the books.
                await stack.enter_async_context(token_tracking_context(guild_id=0, user_id=message.author.id))
                return await talk(self.bot, question, reply)
            await stack.enter_async_context(asker.tracking())
            reply.execution_id = asker.execution_id
            reading = await placed(self.bot, question, guild_id)
            if reading.route is Route.CONVERSATION:
                return await talk(self.bot, question, reply)
            if reading.route is Route.SETUP:
                return await help_set_up(asker, question, reading, reply)
            return await show_plan(asker, reading.route, question)

    @property
    def _me(self) -> discord.ClientUser:
        assert self.bot.user is not None  # noqa: S101 - events come only after login
        return self.bot.user


def _may_answer(message: discord.Message) -> bool:
    """Whether we may write where it stands: an answer that nobody can read would be paid for all the same."""
    if message.guild is None:
        return True
    return lets_write(message.channel.permissions_for(message.guild.me), message.channel)


def _unseen(message: discord.Message, pictures: Sequence[str]) -> str:
    """Words for attachments that didn't go along."""
    given = len(message.attachments)
    if given == len(pictures):
        return ""
    megabytes = PICTURE_BYTES // 1024**2
    return _(_UNSEEN, seen=len(pictures), given=given, megabytes=megabytes, most=MAX_PICTURES)


async def setup(bot: Trilo) -> None:
    """Called by discord.py when the extension is loaded."""
    settings = bot.services.settings
    pace = Pace(settings.calls_per_minute_member, settings.calls_per_minute_server)
    await bot.add_cog(ConversationCog(bot, pace))
    await bot.add_cog(AskCog(bot, pace))
