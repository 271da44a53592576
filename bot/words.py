"""Errors as words for people: what happened, in plain language, and what to do. The only place that does this."""

import asyncio
import json
import math
import traceback

import discord
import openai
from discord import app_commands

from bot.errors import AnswerRefusedError, ModelAnswerError, PictureNotReadError, TakenBackError
from bot.usage.errors import (
    AiPausedError,
    BudgetExceededError,
    BudgetFigures,
    CallRefusedError,
    DatabaseUnavailableError,
    LedgerClosedError,
    QuotaExceededError,
    QuotaResult,
    Why,
)

RESTARTING = "I'm restarting. Please ask again in a minute."
FALLBACK = "Something went wrong on my side. It has been logged; please try again in a moment."


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
    return next((words for kind, words in _BY_ERROR if isinstance(error, kind)), FALLBACK)


def where(error: BaseException) -> str:
    """The kind of an error and the line that raised it, for the log: its message might quote a prompt (I33).

    Of a provider's error also the status, the code and the request's id, by which the provider can look it up.
    """
    frames = traceback.extract_tb(error.__traceback__)
    place = f" at {frames[-1].filename}:{frames[-1].lineno}" if frames else ""
    facts = [
        f"{name} {value}"
        for name in ("status_code", "status", "code", "request_id")
        if (value := getattr(error, name, None))
    ]
    told = f" ({', '.join(facts)})" if isinstance(error, openai.APIError | discord.HTTPException) and facts else ""
    if isinstance(error, TakenBackError):
        return f"{where(error.cause)}, taken back{place}"
    return f"{type(error).__name__}{told}{place}"


def refusal_words(error: app_commands.AppCommandError) -> str | None:
    """Words for a command that was rightly refused; None where it failed."""
    if isinstance(error, app_commands.MissingPermissions):
        names = ", ".join(
            name.replace("_", " ").replace("guild", "server").title() for name in error.missing_permissions
        )
        return f"You need the {names} permission for that."
    if isinstance(error, app_commands.NoPrivateMessage):
        return "That works on a server only."
    if isinstance(error, app_commands.CommandOnCooldown):
        return f"You're asking faster than I may answer. Try again in {max(1, math.ceil(error.retry_after))} s."
    if isinstance(error, app_commands.CheckFailure):
        return str(error) or "You can't use that here."
    return None


def _refused_call_words(error: CallRefusedError) -> str:
    """Why a question wasn't put to the model, and when it can be: for anybody to read, so without amounts of money."""
    if isinstance(error, BudgetExceededError) and error.is_too_large:
        return "What is left of the AI budget here can't cover that. Please ask for something shorter."
    if isinstance(error, BudgetExceededError):
        return _used_up_words(error.budget) if error.why is Why.USED_UP else _BY_REASON[error.why]
    if isinstance(error, QuotaExceededError):
        return _quota_words(error.result)
    if isinstance(error, AiPausedError) and error.until is not None:
        return f"The AI is paused here. It is back {discord.utils.format_dt(error.until, 'R')}."
    if isinstance(error, AiPausedError):
        return "The AI is paused here until somebody who manages this server resumes it."
    return FALLBACK


def _taken_back_words(error: TakenBackError) -> str:
    done = "I took back what I had done, so that nothing has changed."
    if error.left:
        done = f"I took back what I had done, but for {', '.join(error.left)}. Please see to that by hand."
    return f"{words_for(error.cause)} {done} {error.lost}".rstrip()


def _discord_words(error: discord.HTTPException) -> str:
    if error.code in _BY_DISCORD_CODE:
        return _BY_DISCORD_CODE[error.code]
    if isinstance(error, discord.Forbidden):
        return "Discord doesn't let me do that here. A server admin can check my permissions in this channel."
    if isinstance(error, discord.DiscordServerError):
        return "Discord has trouble of its own right now. Please try again in a minute."
    if error.status == _TOO_MANY:
        return "Discord says that was too much at once. Please try again in a few minutes."
    return FALLBACK


def _used_up_words(budget: BudgetFigures) -> str:
    whose = _WHOSE.get(budget.scope, "The AI budget for this")
    raiser = "Whoever runs this bot" if budget.owner == "operator" else "Somebody who manages this server"
    if budget.limit == 0:
        return f"{whose} allows no questions. {raiser} can change that."
    if budget.ends_at is None:
        return f"{whose} is used up, for good. {raiser} can raise it."
    back = discord.utils.format_dt(budget.ends_at, "R")
    return f"{whose} for {_RUNNING[budget.period]} is used up. It is back {back}."


def _quota_words(result: QuotaResult) -> str:
    if result.premium_required:
        return "That is for premium members."
    if result.is_busy:
        return _BY_REASON[Why.BUSY]
    back = f" They are back {discord.utils.format_dt(result.resets_at, 'R')}." if result.resets_at else ""
    return f"You have used up your AI tokens for this month.{back}"


def _provider_words(error: openai.OpenAIError) -> str:
    code = getattr(error, "code", None)
    if code in _BY_CODE:
        return _BY_CODE[code]
    if isinstance(error, openai.APIStatusError) and error.status_code == _PAYLOAD_TOO_LARGE:
        return _TOO_LONG
    return next((words for kind, words in _BY_KIND if isinstance(error, kind)), _NONSENSE)


_WHOSE = {
    "bot": "My AI budget",
    "guild": "This server's AI budget",
    "channel": "This channel's AI budget",
    "user": "Your own AI budget",
    "each_user": "Your own AI budget",
    "each_in_role": "Your own AI budget",
    "role": "The AI budget that your role shares",
    "operation": "The AI budget for this kind of question",
    "direct_messages": "My AI budget for direct messages",
}
_RUNNING = {"day": "today", "week": "this week", "month": "this month"}
_BY_REASON = {
    Why.BUSY: "I'm busy with other questions just now. Please try again in a moment.",
    Why.UNKNOWN_COST: (
        "I can't tell beforehand what that would cost, and the budget here doesn't allow such questions. "
        "Please put it differently, without pictures or files."
    ),
    Why.OUT_OF_REACH: (
        "My books are out of reach just now, and without them I may not spend anything. Please try again in a minute."
    ),
}
_TOO_MANY = 429
_BY_DISCORD_CODE = {
    # https://docs.discord.com/developers/topics/opcodes-and-status-codes#json
    10003: "That channel isn't there any more.",
    30013: "This server has as many channels as Discord allows: 500. Delete old weeks first: `/league delete`.",
    50035: "Discord didn't accept that: a name, a number of channels or a text is beyond its limits.",
    50074: "Discord keeps that channel: a community server needs it.",
}
_TOO_LONG = "That was too long for the model. Please shorten it, or start a new thread."
_REFUSED = "The AI provider refused that request under its rules. Please put it differently."
_PAYLOAD_TOO_LARGE = 413
_KEY = "The AI provider refused my key. The bot's operator has to check OPENAI_API_KEY."
_MODEL = "The AI model I'm set to use isn't available. The bot's operator has to check FAST_MODEL and SMART_MODEL."
_BUSY = "The AI provider is busy right now. Please try again in a minute."
_TROUBLE = "The AI provider has trouble of its own right now. Please try again in a minute."
_NONSENSE = "The AI provider's answer made no sense. Please try again."
_BY_CODE = {
    "insufficient_quota": "The AI account is out of credit. The bot's operator has to top it up before I can answer.",
    "context_length_exceeded": _TOO_LONG,
    "content_policy_violation": _REFUSED,
    "content_filter": _REFUSED,
    # Inside a stream these come without an HTTP status.
    "rate_limit_exceeded": _BUSY,
    "server_error": _TROUBLE,
}
_BY_ERROR: tuple[tuple[type[Exception], str], ...] = (
    (
        AnswerRefusedError,
        "The AI model refused to read that. Please put it differently, or fill in the command yourself.",
    ),
    (ModelAnswerError, "I couldn't make sense of that. Please put it differently, or fill in the command yourself."),
    (
        PictureNotReadError,
        "The AI budget here is nearly used up, so I don't read pictures. Please type the games instead.",
    ),
    (json.JSONDecodeError, _NONSENSE),  # what the SDK raises at a garbled piece of a stream
    (LedgerClosedError, RESTARTING),
    (
        DatabaseUnavailableError,
        "My database is out of reach just now, so I can't look that up. Please try again in a minute.",
    ),
    (asyncio.TimeoutError, "That took too long, so I stopped. Please try again."),
)
_BY_KIND: tuple[tuple[type[openai.OpenAIError], str], ...] = (
    (openai.RateLimitError, _BUSY),
    (openai.AuthenticationError, _KEY),
    (openai.PermissionDeniedError, _KEY),
    (openai.NotFoundError, _MODEL),
    (openai.APITimeoutError, "The AI provider took too long to answer. Please try again."),
    (openai.APIConnectionError, "I can't reach the AI provider right now. Please try again in a minute."),
    (openai.InternalServerError, _TROUBLE),
    (openai.APIStatusError, "The AI provider didn't accept that request. Please put it differently."),
)
