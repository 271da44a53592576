"""Errors as words: plain, helpful, and never the error's own message."""

import json

import discord
import httpx2
import openai
import pytest
from discord import app_commands

from bot.usage import DatabaseUnavailableError, LedgerClosedError
from bot.words import FALLBACK, refusal_words, where, words_for

SECRET = "my prompt and sk-secret"


def provider_error(kind, status, code=None):
    response = httpx2.Response(status, request=httpx2.Request("POST", "https://api.example"))
    return kind(SECRET, response=response, body={"code": code, "message": SECRET})


REQUEST = httpx2.Request("POST", "https://api.example")


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (provider_error(openai.RateLimitError, 429), "busy right now"),
        (provider_error(openai.RateLimitError, 429, "insufficient_quota"), "out of credit"),
        (provider_error(openai.BadRequestError, 400, "context_length_exceeded"), "too long"),
        (provider_error(openai.APIStatusError, 413), "too long"),
        (provider_error(openai.BadRequestError, 400, "content_policy_violation"), "under its rules"),
        (provider_error(openai.BadRequestError, 400, "content_filter"), "under its rules"),
        (provider_error(openai.BadRequestError, 400), "didn't accept"),
        (provider_error(openai.UnprocessableEntityError, 422), "didn't accept"),
        (provider_error(openai.AuthenticationError, 401), "OPENAI_API_KEY"),
        (provider_error(openai.PermissionDeniedError, 403), "OPENAI_API_KEY"),
        (provider_error(openai.NotFoundError, 404), "FAST_MODEL"),
        (provider_error(openai.InternalServerError, 500), "trouble of its own"),
        (openai.APITimeoutError(REQUEST), "took too long"),
        (openai.APIConnectionError(message=SECRET, request=REQUEST), "can't reach"),
        (openai.APIError(SECRET, REQUEST, body=None), "made no sense"),
        (json.JSONDecodeError(SECRET, SECRET, 0), "made no sense"),
        (LedgerClosedError(), "restarting"),
        (DatabaseUnavailableError("/var/books.db", SECRET), "database is out of reach"),
        (TimeoutError(SECRET), "took too long"),
        (RuntimeError(SECRET), FALLBACK),
    ],
)
def test_every_error_has_plain_words(error, words):
    """I30, I33, I35: a sentence that helps; no JSON, no prompt, no path."""
    told = words_for(error)
    assert words in told
    assert not any(secret in told for secret in ("prompt", "sk-secret", "{", "/var", "api.example"))
    assert told.endswith(".")


def test_the_log_gets_the_kind_and_the_place():
    """I33: an exception's message may quote a prompt, so the log gets its kind and its line instead."""
    with pytest.raises(ValueError) as caught:
        json.loads(SECRET)
    told = where(caught.value)
    assert told.startswith(f"JSONDecodeError at {json.decoder.__file__}:")
    assert "prompt" not in told
    assert where(KeyError("x")) == "KeyError"


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (app_commands.MissingPermissions(["manage_guild"]), "You need the Manage Server permission for that."),
        (app_commands.NoPrivateMessage(), "That works on a server only."),
        (app_commands.CheckFailure(), "You can't use that here."),
        (app_commands.CheckFailure("Ask the owner."), "Ask the owner."),
        (app_commands.AppCommandError(SECRET), None),
    ],
)
def test_refusals(error, words):
    """I26: whoever is refused is told why; None is a failure, told by `words_for`."""
    assert refusal_words(error) == words


def test_discord_refusing():
    response = type("Response", (), {"status": 403, "reason": "Forbidden"})()
    assert "permissions in this channel" in words_for(discord.Forbidden(response, SECRET))


def test_the_log_gets_a_providers_facts():
    """I33: status, code and request id, by which the provider finds the call; no message."""
    response = httpx2.Response(429, headers={"x-request-id": "req_1"}, request=httpx2.Request("POST", "https://a.test"))
    error = openai.RateLimitError("a prompt", response=response, body={"code": "rate_limit_exceeded"})
    assert where(error) == "RateLimitError (status_code 429, code rate_limit_exceeded, request_id req_1)"
