"""Errors as words for people: what happened, in plain language, and what to do. The only place that does this.

In the language of whom we speak to: what stands in the tables here is marked, and translated where it is told.
"""

import asyncio
import json
import math
import traceback

import aiohttp
import discord
import openai
from discord import app_commands

from bot.errors import (
    AnswerGarbledError,
    AnswerRefusedError,
    ModelAnswerError,
    PictureNotReadError,
    TakenBackError,
    WrongChannelError,
    WrongRoleError,
)
from bot.translation import _, mark
from bot.usage.calls.answers import code_name
from bot.usage.errors import (
    AiPausedError,
    AnswerTooLargeError,
    BudgetExceededError,
    BudgetFigures,
    CallRefusedError,
    DatabaseUnavailableError,
    LedgerClosedError,
    OptedOutError,
    QuotaExceededError,
    QuotaResult,
    Why,
)

RESTARTING = mark("I'm restarting. Please ask again in a minute.")
OPTED_OUT = mark("You've opted out of AI, so I leave your messages alone. `/privacy` turns it on again.")
NOT_HERE = mark("That isn't on this server, or not any more. Pick something from the list.")
FALLBACK = mark("Something went wrong on my side. It has been logged; please try again in a moment.")


def words_for(error: BaseException) -> str:
    """One or two sentences for the person who asked. Never the error's own message, which may quote anything."""
    if isinstance(error, openai.OpenAIError):
        return _provider_words(error)
    if isinstance(error, CallRefusedError):
        return _refused_call_words(error)
    if isinstance(error, TakenBackError):
        return _taken_back_words(error)
    if isinstance(error, discord.HTTPException):
        return _discord_words(error)
    return _(next((words for kind, words in _BY_ERROR if isinstance(error, kind)), FALLBACK))


def where(error: BaseException) -> str:
    """The kind of an error and the line that raised it, for the log: its message might quote a prompt (I33).

    Of a provider's error also the status, the code and the request's id, by which the provider can look it up.
    """
    frames = traceback.extract_tb(error.__traceback__)
    place = f" at {frames[-1].filename}:{frames[-1].lineno}" if frames else ""
    facts = [
        f"{name} {value}"
        for name in ("status_code", "status", "code", "request_id")
        if (value := code_name(getattr(error, name, None)))
    ]
    told = f" ({', '.join(facts)})" if isinstance(error, openai.APIError | discord.HTTPException) and facts else ""
    if isinstance(error, TakenBackError):
        return f"{where(error.cause)}, taken back{place}"
    return f"{type(error).__name__}{told}{place}"


def refusal_words(error: app_commands.AppCommandError) -> str | None:
    """Words for a command that was rightly refused; None where it failed."""
    if isinstance(error, app_commands.MissingPermissions):
        names = ", ".join(
            _(name.replace("_", " ").replace("guild", "server").title()) for name in error.missing_permissions
        )
        return _("You need the {names} permission for that.", names=names)
    if isinstance(error, app_commands.NoPrivateMessage):
        return _("That works on a server only.")
    if isinstance(error, app_commands.CommandOnCooldown):
        seconds = max(1, math.ceil(error.retry_after))
        return _("You're asking faster than I may answer. Try again in {seconds} s.", seconds=seconds)
    if isinstance(error, app_commands.TransformerError) and error.type in _THINGS:
        return _(NOT_HERE)
    if isinstance(error, app_commands.CheckFailure):
        return str(error) or _("You can't use that here.")
    return None


def _refused_call_words(error: CallRefusedError) -> str:
    """Why a question wasn't put to the model, and when it can be: for anybody to read, so without amounts of money."""
    if isinstance(error, BudgetExceededError) and error.is_too_large:
        return _("What is left of the AI budget here can't cover that. Please ask for something shorter.")
    if isinstance(error, BudgetExceededError):
        return _used_up_words(error.budget) if error.why is Why.USED_UP else _(_BY_REASON[error.why])
    if isinstance(error, QuotaExceededError):
        return _quota_words(error.result)
    if isinstance(error, OptedOutError):
        return _(OPTED_OUT)
    if isinstance(error, WrongChannelError | WrongRoleError):
        return _not_here_words(error)
    if isinstance(error, AiPausedError) and error.until is not None:
        return _("The AI is paused here. It is back {back}.", back=discord.utils.format_dt(error.until, "R"))
    if isinstance(error, AiPausedError):
        return _("The AI is paused here until somebody who manages this server resumes it.")
    return _(FALLBACK)


def _not_here_words(error: WrongChannelError | WrongRoleError) -> str:
    """Where to ask instead, or who may."""
    if isinstance(error, WrongChannelError):
        if not error.channel_ids:
            return _("I don't answer in this channel: this server has chosen where I do.")
        channels = ", ".join(f"<#{channel_id}>" for channel_id in error.channel_ids[:_NAMED])
        return _("I don't answer in this channel. Ask me in {channels}.", channels=channels)
    if not error.role_ids:
        return _("I can't answer you: this server has chosen whom I answer.")
    roles = ", ".join(f"<@&{role_id}>" for role_id in error.role_ids[:_NAMED])
    return _("I can't answer you: this server lets me answer {roles} only.", roles=roles)


def _taken_back_words(error: TakenBackError) -> str:
    done = _("I took back what I had done, so that nothing has changed.")
    if error.left:
        left = ", ".join(error.left)
        done = _("I took back what I had done, but for {left}. Please see to that by hand.", left=left)
    return f"{words_for(error.cause)} {done} {error.lost}".rstrip()


def _discord_words(error: discord.HTTPException) -> str:
    if error.code in _BY_DISCORD_CODE:
        return _(_BY_DISCORD_CODE[error.code])
    if isinstance(error, discord.Forbidden):
        return _("Discord doesn't let me do that here. A server admin can check my permissions in this channel.")
    if isinstance(error, discord.DiscordServerError):
        return _(_DISCORD_TROUBLE)
    if error.status == _TOO_MANY:
        return _("Discord says that was too much at once. Please try again in a few minutes.")
    return _(FALLBACK)


def _used_up_words(budget: BudgetFigures) -> str:
    whose = _(_WHOSE.get(budget.scope, _SOME_BUDGET))
    is_operators = budget.owner == "operator"
    raiser = _(_OPERATOR if is_operators else _MANAGER)
    if budget.limit == 0:
        return _("{whose} allows no questions. {raiser} can change that.", whose=whose, raiser=raiser)
    if budget.ends_at is None:
        return _("{whose} is used up, for good. {raiser} can raise it.", whose=whose, raiser=raiser)
    return _(_USED_UP[budget.period], whose=whose, back=discord.utils.format_dt(budget.ends_at, "R"))


def _quota_words(result: QuotaResult) -> str:
    if result.premium_required:
        return _("That is for premium members.")
    if result.is_busy:
        return _(_BY_REASON[Why.BUSY])
    used_up = _("You have used up your AI tokens for this month.")
    if result.resets_at is None:
        return used_up
    back = _("They are back {back}.", back=discord.utils.format_dt(result.resets_at, "R"))
    return f"{used_up} {back}"


def _provider_words(error: openai.OpenAIError) -> str:
    code = code_name(getattr(error, "code", None))
    if code in _BY_CODE:
        return _(_BY_CODE[code])
    if isinstance(error, openai.APIStatusError) and error.status_code == _PAYLOAD_TOO_LARGE:
        return _(_TOO_LONG)
    if isinstance(error, openai.APIStatusError) and error.response.is_redirect:
        return _(_ELSEWHERE)
    return _(next((words for kind, words in _BY_KIND if isinstance(error, kind)), _NONSENSE))


_THINGS = (discord.AppCommandOptionType.user, discord.AppCommandOptionType.channel)
"""Kinds of options that name what a server has; somebody who has left can still be named by their id."""
_NAMED = 5
"""Channels or roles in one line."""
_WHOSE = {
    "bot": mark("My AI budget"),
    "guild": mark("This server's AI budget"),
    "channel": mark("This channel's AI budget"),
    "user": mark("Your own AI budget"),
    "each_user": mark("Your own AI budget"),
    "each_in_role": mark("Your own AI budget"),
    "role": mark("The AI budget that your role shares"),
    "operation": mark("The AI budget for this kind of question"),
    "direct_messages": mark("My AI budget for direct messages"),
}
_SOME_BUDGET = mark("The AI budget for this")
_OPERATOR = mark("Whoever runs this bot")
_MANAGER = mark("Somebody who manages this server")
_USED_UP = {
    "day": mark("{whose} for today is used up. It is back {back}."),
    "week": mark("{whose} for this week is used up. It is back {back}."),
    "month": mark("{whose} for this month is used up. It is back {back}."),
}
_BY_REASON = {
    Why.BUSY: mark("I'm busy with other questions just now. Please try again in a moment."),
    Why.UNKNOWN_COST: mark(
        "I can't tell beforehand what that would cost, and the budget here doesn't allow such questions. "
        "Please put it differently, without pictures or files."
    ),
    Why.OUT_OF_REACH: mark(
        "My books are out of reach just now, and without them I may not spend anything. Please try again in a minute."
    ),
}
_TOO_MANY = 429
_DISCORD_TROUBLE = mark("Discord has trouble of its own right now. Please try again in a minute.")
_BY_DISCORD_CODE = {
    # https://docs.discord.com/developers/topics/opcodes-and-status-codes#json
    10003: mark("That channel isn't there any more."),
    30013: mark("This server has as many channels as Discord allows: 500. Delete old weeks first: `/league delete`."),
    40005: mark("That is more than Discord takes as a file here. Please ask for less."),
    50035: mark("Discord didn't accept that: a name, a number of channels or a text is beyond its limits."),
    50074: mark("Discord keeps that channel: a community server needs it."),
}
_TOO_LONG = mark("That was too long for the model. Please shorten it, or start a new thread.")
_REFUSED = mark("The AI provider refused that request under its rules. Please put it differently.")
_PAYLOAD_TOO_LARGE = 413
_ELSEWHERE = mark(
    "The AI provider's address sends me to another one, which I don't follow. The bot's operator has to check "
    "OPENAI_BASE_URL."
)
_KEY = mark("The AI provider refused my key. The bot's operator has to check OPENAI_API_KEY.")
_MODEL = mark(
    "The AI model I'm set to use isn't available. The bot's operator has to check FAST_MODEL and SMART_MODEL."
)
_BUSY = mark("The AI provider is busy right now. Please try again in a minute.")
_TROUBLE = mark("The AI provider has trouble of its own right now. Please try again in a minute.")
_NONSENSE = mark("The AI provider's answer made no sense. Please try again.")
_BY_CODE = {
    "insufficient_quota": mark(
        "The AI account is out of credit. The bot's operator has to top it up before I can answer."
    ),
    "context_length_exceeded": _TOO_LONG,
    "content_policy_violation": _REFUSED,
    "content_filter": _REFUSED,
    # Inside a stream these come without an HTTP status.
    "rate_limit_exceeded": _BUSY,
    "server_error": _TROUBLE,
}
_TOO_SLOW = mark("That took too long, so I stopped. Please try again.")
_BY_ERROR: tuple[tuple[type[Exception], str], ...] = (
    (
        AnswerRefusedError,
        mark("The AI model refused to read that. Please put it differently, or fill in the command yourself."),
    ),
    (AnswerGarbledError, _NONSENSE),
    (
        ModelAnswerError,
        mark("I couldn't make sense of that. Please put it differently, or fill in the command yourself."),
    ),
    (
        PictureNotReadError,
        mark("The AI budget here is nearly used up, so I don't read pictures. Please type the games instead."),
    ),
    (json.JSONDecodeError, _NONSENSE),  # what the SDK raises at a garbled answer
    (
        AnswerTooLargeError,
        mark("The AI provider sent far more than I can take, so I stopped reading. Please try again in a minute."),
    ),
    (LedgerClosedError, RESTARTING),
    (
        DatabaseUnavailableError,
        mark("My database is out of reach just now, so I can't look that up. Please try again in a minute."),
    ),
    (aiohttp.ClientError, _DISCORD_TROUBLE),
    (asyncio.TimeoutError, _TOO_SLOW),
    (discord.InteractionResponded, _TOO_SLOW),  # a form was to open after a check that took long
)
_BY_KIND: tuple[tuple[type[openai.OpenAIError], str], ...] = (
    (openai.RateLimitError, _BUSY),
    (openai.AuthenticationError, _KEY),
    (openai.PermissionDeniedError, _KEY),
    (openai.NotFoundError, _MODEL),
    (openai.APITimeoutError, mark("The AI provider took too long to answer. Please try again.")),
    (openai.APIConnectionError, mark("I can't reach the AI provider right now. Please try again in a minute.")),
    (openai.InternalServerError, _TROUBLE),
    (openai.APIStatusError, mark("The AI provider didn't accept that request. Please put it differently.")),
)
