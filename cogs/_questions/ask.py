"""“Ask about this”, in the menu of any message: a question about it, answered below it as a mention would be.

The message is only something to talk about: it is never taken for an order, so whatever stands in it can't act (I27).
The answer is in the server's language, as everybody reads it; what only the asker reads, in theirs.
"""

import asyncio
import logging
from contextlib import suppress

import discord
from discord import app_commands
from discord.ext import commands

from bot.assistant.conversation import Question, Turn
from bot.assistant.operations import GENERAL_CONVERSATION
from bot.assistant.routing import Route
from bot.client import Trilo, answer_privately
from bot.discord_failures import DISCORD_FAILED
from bot.errors import WrongChannelError, WrongRoleError
from bot.translation import _, mark, speak_to
from bot.usage import UsageError
from bot.usage.errors import QuotaExceededError
from bot.words import OPTED_OUT, RESTARTING, where, words_for
from cogs._kit.asker import Asker
from cogs._kit.channels import lets_write
from cogs._kit.language import hear, public_language
from cogs._kit.look import NOBODY
from cogs._kit.tables import cut, plain
from cogs._questions.answers import remember
from cogs._questions.ask_form import AskForm
from cogs._questions.front_desk import help_set_up, placed, quota_line, talk
from cogs._questions.messages import StreamedReply
from cogs._questions.reading import PICTURE_TYPES, pictures_of, text_of, turns_before
from cogs._questions.refusals import Pace
from cogs._questions.upgrade import offer
from cogs._questions.where import settings_for

log = logging.getLogger(__name__)

NAME = mark("Ask about this")
NOTHING_TO_READ = mark(
    "There is nothing in that message that I can read: I need text, or a picture (PNG, JPEG, WebP, GIF)."
)
NO_QUESTION = mark("You didn't ask anything. Open the menu again and type a question.")
YOU_CANT_WRITE = mark("I answer where everybody can read it, and you may not write in this channel.")
I_CANT_WRITE = mark("I may not write in this channel, so I can't answer here.")
THEY_OPTED_OUT = mark("Whoever wrote that has opted out of AI, so I leave their messages alone.")
TOO_FAST = mark("You're asking faster than I may answer. Try again in a minute.")
_QUOTED = 300
"""Characters of a question that stand above its answer."""


class AskCog(commands.Cog):
    """The menu entry. `pace` is shared with mentions, so that nobody asks twice as fast by using both."""

    def __init__(self, bot: Trilo, pace: Pace) -> None:
        self.bot = bot
        self._pace = pace
        self._menu = app_commands.guild_only(app_commands.ContextMenu(name=NAME, callback=self._open))

    async def cog_load(self) -> None:
        """discord.py has no decorator for a menu entry within a cog."""
        self.bot.tree.add_command(self._menu)

    async def _open(self, interaction: discord.Interaction[Trilo], message: discord.Message) -> None:
        """Ask for the question, if there is anything to ask about."""
        if not text_of(message, self._our_id) and not _has_picture(message):
            await answer_privately(interaction, _(NOTHING_TO_READ))
            return
        await interaction.response.send_modal(AskForm(message, self.answer))

    async def answer(self, interaction: discord.Interaction[Trilo], message: discord.Message, asked: str) -> None:
        """Answer below the message, for everybody; what isn't answered is told to the asker alone."""
        await interaction.response.defer(ephemeral=True, thinking=True)
        if (refusal := self._refusal(interaction, message, asked)) is not None:
            await answer_privately(interaction, refusal)
            return
        async with self.bot.working():
            await self._respond(interaction, message, asked)

    def _refusal(self, interaction: discord.Interaction[Trilo], message: discord.Message, asked: str) -> str | None:
        """Why no model is asked, in words."""
        if not asked:
            return _(NO_QUESTION)
        if self.bot.is_leaving:
            return _(RESTARTING)
        if self._has_opted_out(interaction.user.id):
            return _(OPTED_OUT)
        if self._has_opted_out(message.author.id):
            return _(THEY_OPTED_OUT)
        if not lets_write(interaction.permissions, interaction.channel):
            return _(YOU_CANT_WRITE)
        if not lets_write(interaction.app_permissions, interaction.channel):
            return _(I_CANT_WRITE)
        guild_id, now = interaction.guild_id or 0, self.bot.services.tracker.clock()
        too_fast = self._pace.check(guild_id, interaction.user.id, now)
        return (too_fast.words or _(TOO_FAST)) if too_fast else None

    async def _respond(self, interaction: discord.Interaction[Trilo], message: discord.Message, asked: str) -> None:
        """Whatever happens, the person gets an answer or words (I30)."""
        reply = StreamedReply(message, interaction.user)
        button: discord.ui.View | None = None
        try:
            note = await self._ask(Asker.of(interaction), message, asked, reply)
        except asyncio.CancelledError:
            _turn_to_readers(interaction, reply)
            with suppress(*DISCORD_FAILED):
                await _finish(interaction, reply, _(RESTARTING), None)
            raise
        except Exception as error:  # noqa: BLE001 - see above
            _turn_to_readers(interaction, reply)
            note, button = await self._told(error, message.id)
        try:
            await _finish(interaction, reply, note, button)
        except DISCORD_FAILED as error:
            log.warning("the answer about message %d can't be shown: %s", message.id, where(error))
        await remember(self.bot, interaction.guild, reply.messages, reply.execution_id)

    async def _told(self, error: Exception, message_id: int) -> tuple[str, discord.ui.View | None]:
        """Words for an error, with the button that helps where one does."""
        if isinstance(error, QuotaExceededError):
            words, button = await offer(self.bot.services, error, GENERAL_CONVERSATION.name)
            return f"{words_for(error)} {words}".rstrip(), button
        if not isinstance(error, WrongChannelError | WrongRoleError):
            log.warning("answering about message %d failed: %s", message_id, where(error))
        return words_for(error), None

    async def _ask(self, asker: Asker, message: discord.Message, asked: str, reply: StreamedReply) -> str:
        """Write the answer; returns the note to put below it. Raises the SDK's errors and `CallRefusedError`."""
        chosen = await settings_for(asker)
        speak_to(await public_language(self.bot, asker.guild))
        reply.heading = _heading(asker.user, asked)
        try:
            await self.bot.give_cap(asker.guild.id)  # nothing to do but in a server's first moments
        except UsageError as error:
            log.warning("message %d is asked about although its server has no cap yet: %s", message.id, where(error))
        question = await self._question(asker, message, asked, always_fast=chosen.always_fast)
        reply.execution_id = asker.execution_id
        async with asker.tracking():
            reading = await placed(self.bot, question, asker.guild.id)
            if reading.route is Route.SETUP:
                note = await help_set_up(asker, question, reading, reply)
            else:
                note = await talk(self.bot, question, reply)
        return note or await quota_line(self.bot, asker.guild.id, asker.user)

    async def _question(self, asker: Asker, message: discord.Message, asked: str, *, always_fast: bool) -> Question:
        """The message goes along as the last thing that was said, its pictures with the question."""
        said = Turn(message.author.display_name, text_of(message, self._our_id), ours=message.author.id == self._our_id)
        return Question(
            author=asker.user.display_name,
            text=asked,
            server=asker.guild.name,
            turns=[*await turns_before(message, self._our_id, self._has_opted_out), *([said] if said.text else [])],
            pictures=await pictures_of(message),
            always_fast=always_fast,
        )

    def _has_opted_out(self, user_id: int) -> bool:
        return self.bot.services.tracker.privacy.has_opted_out(user_id)

    @property
    def _our_id(self) -> int:
        assert self.bot.user is not None  # noqa: S101 - interactions come only after login
        return self.bot.user.id


def _turn_to_readers(interaction: discord.Interaction[Trilo], reply: StreamedReply) -> None:
    """Where nothing is shown of an answer that breaks off, only the asker reads why."""
    if reply.is_silent:
        hear(interaction)


async def _finish(
    interaction: discord.Interaction[Trilo], reply: StreamedReply, note: str, button: discord.ui.View | None
) -> None:
    """End the answer, or say why there is none, to the asker alone."""
    if not reply.is_silent:
        await reply.finish(note)
        await interaction.delete_original_response()
    elif button is not None:
        await interaction.followup.send(note, view=button, ephemeral=True, allowed_mentions=NOBODY)
    else:
        await answer_privately(interaction, note)


def _heading(asker: discord.abc.User, asked: str) -> str:
    """Who asked what, since nobody else has seen it."""
    quoted = discord.utils.escape_markdown(cut(plain(asked), _QUOTED))
    return _("-# {asker} asked about this: {question}", asker=asker.mention, question=quoted) + "\n"


def _has_picture(message: discord.Message) -> bool:
    return any(attachment.content_type in PICTURE_TYPES for attachment in message.attachments)
