"""Where a message goes: to the conversation, to help with setting up, or to a plan of a league action."""

import asyncio
import logging
from contextlib import aclosing

import discord

from bot.assistant.conversation import ANSWER_SECONDS, Ending, Question
from bot.assistant.routing import Route, first_guess
from bot.assistant.setup_help import Reading, SetupAnswer
from bot.client import Trilo
from bot.figures import short_usd
from bot.translation import _, mark
from bot.usage import UsageError
from bot.words import where
from cogs._kit.access import NOT_A_CHANNEL_MANAGER, NOT_A_COMMISSIONER
from cogs._kit.asker import Asker
from cogs._league.league_advance import plan_advance_from
from cogs._league.league_planning import plan_deletion, plan_tags, plan_week
from cogs._league.plan import PlanView
from cogs._questions.answers import remember
from cogs._questions.messages import StreamedReply
from cogs._settings.server_look import Missing, look_at
from cogs._settings.server_look_view import FixesView

log = logging.getLogger(__name__)

_ENDS_HERE = mark("I stopped here: what is left of the AI budget here allows no more.")

_STEM = 5
"""Letters by which a question's words are known to be about what is missing: announce, announcement."""


async def placed(bot: Trilo, question: Question, guild_id: int) -> Reading:
    """What a message on a server wants. At most one cheap call, and none where the rules suffice.

    Raises the SDK's errors and `CallRefusedError`.
    """
    guess = first_guess(question.text, has_pictures=bool(question.pictures))
    if guess is None or guess is Route.SETUP:
        return await bot.services.setup_help.read(question, guild_id)
    return Reading(guess)


async def talk(bot: Trilo, question: Question, reply: StreamedReply) -> str:
    """Write the answer; returns the note to put below it.

    Raises `TimeoutError`, `AnswerGarbledError`, the SDK's errors and `CallRefusedError`.
    """
    ending = Ending()
    answers = bot.services.conversation.answer(question, ending)
    async with asyncio.timeout(ANSWER_SECONDS), aclosing(answers) as answer:
        async for piece in answer:
            await reply.add(piece)
    return _ended(ending, reply)


async def quota_line(bot: Trilo, guild_id: int, author: discord.User | discord.Member) -> str:
    """One line for whoever has just crossed 80 or 90 % of their tokens, once; where quotas are on."""
    roles = [role.id for role in author.roles] if isinstance(author, discord.Member) else []
    try:
        used = await bot.services.tracker.quotas.newly_crossed(author.id, guild_id=guild_id, role_ids=roles)
    except UsageError as error:
        log.warning("an answer goes without a look at the quota: %s", where(error))
        return ""
    if not used:
        return ""
    return _("You've passed {used}\u00a0% of your monthly tokens. `/my-usage` shows what is left.", used=used)


async def help_set_up(asker: Asker, question: Question, reading: Reading, reply: StreamedReply) -> str:
    """Answer from the guide, then say what is missing here, with buttons that mend it. Returns the note below.

    What is missing is looked up anew each time, also below an answer that was paid for before.
    """
    bot, guild = asker.client, asker.guild
    names = {command.qualified_name for scope in (None, guild) for command in bot.tree.walk_commands(guild=scope)}
    answer = await bot.services.setup_help.answer(question, reading, guild.id, names)
    await reply.add(answer.text)
    try:
        missing = await _missing(asker, question, reading)
    except UsageError as error:
        log.warning("an answer about setting up says nothing of what is missing: %s", where(error))
        return _note(answer)
    if missing:
        heading = _("**Still to do here**")
        await reply.add("\n\n" + "\n".join([heading, *(f"- {one.words}" for one in missing)]))
    if (fixes := FixesView(missing)).children:
        reply.put_below(fixes)
    return _note(answer)


async def show_plan(asker: Asker, route: Route, question: Question) -> str:
    """Show the plan of a league action below the message that asks for it; returns words where there is none."""
    if route is Route.DELETE_CATEGORIES and not asker.user.guild_permissions.manage_channels:
        return _(NOT_A_CHANNEL_MANAGER)
    if not await asker.runs_the_league():
        return _(NOT_A_COMMISSIONER)
    plan = await _plan(asker, route, question)
    if isinstance(plan, str):
        return plan
    await plan.reply()
    if plan.message_id is not None:
        await remember(asker.client, asker.guild, [discord.Object(plan.message_id)], asker.execution_id)
    return ""


async def _plan(asker: Asker, route: Route, question: Question) -> PlanView | str:
    if route is Route.CREATE_WEEK:
        return await plan_week(asker, text=question.text, pictures=question.pictures)
    if route is Route.DELETE_CATEGORIES:
        return await plan_deletion(asker, question.text, in_plain_language=True)
    if route is Route.ANNOUNCE_ADVANCE:
        return await plan_advance_from(asker, question.text)
    return await plan_tags(asker, question.text)


async def _missing(asker: Asker, question: Question, reading: Reading) -> list[Missing]:
    """Below the whole path all of it; below a narrow question what it is about, for whoever may mend that."""
    found = await look_at(asker.client, asker.guild)
    if reading.whole:
        return found
    may = asker.user.guild_permissions
    if not (may.manage_guild or may.manage_channels):
        return []
    said = f"{question.text} {reading.words}".casefold()
    return [one for one in found if any(word[:_STEM] in said for word in one.kind.split())]


def _ended(ending: Ending, reply: StreamedReply) -> str:
    if ending.refused:
        return _("The AI provider stopped this answer under its rules. Please put it differently.")
    if ending.broken_off and reply.is_silent:
        return _("The AI provider sent no answer that I can read. Please try again in a minute.")
    if ending.broken_off:
        return _("The AI provider broke this answer off. Please ask me to go on.")
    if ending.without_pictures:
        return _("I answered without looking at the picture: the AI budget here is nearly used up.")
    if ending.shortened:
        return _(_ENDS_HERE)
    if ending.cut_off:
        return _("I stopped here: answers have a length limit. Ask me to go on.")
    if reply.is_silent:
        return _("The model had nothing to say to that. Please put it differently.")
    return ""


def _note(answer: SetupAnswer) -> str:
    if answer.asked_before is not None:
        when = discord.utils.format_dt(answer.asked_before, "R")
        return _(
            "Asked here {when} already: this answer is from memory and cost {amount}.", when=when, amount=short_usd(0)
        )
    if answer.shortened:
        return _(_ENDS_HERE)
    return _("I stopped here: answers have a length limit. Ask me about one step.") if answer.cut_off else ""
