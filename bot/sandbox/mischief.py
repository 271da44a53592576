"""How the stand-in model misbehaves on purpose: by words in the question, whatever their case.

A form is what is asked for with a JSON schema. What it answers when it is fooled is in `answers.FOOL_IT`.
"""

import asyncio

from bot.sandbox.openai_shapes import ApiError, Reply

SLOW_SECONDS = 6.0
_FAILURES = {
    "please fail": ApiError(500, "The server had an error while processing your request.", kind="server_error"),
    "please be busy": ApiError(
        429, "Rate limit reached for requests.", kind="requests", code="rate_limit_exceeded", retry_after=1
    ),
    "out of credit": ApiError(
        429,
        "You exceeded your current quota, please check your plan and billing details.",
        kind="insufficient_quota",
        code="insufficient_quota",
    ),
}
_IN_FORMS = {
    "please refuse": Reply("", 11, cut=False, refusal="I'm sorry, I can't help with that."),
    "please answer nonsense": Reply("Sure! Lots of games this week 🏈", 9, cut=False),
    "please answer empty": Reply("", 0, cut=False),
}


def failure(text: str) -> ApiError | None:
    """The error to answer with, if one is asked for."""
    return next((error for words, error in _FAILURES.items() if words in text.lower()), None)


async def in_a_form(text: str) -> Reply | None:
    """What to say instead of a form. "Please be slow" takes SLOW_SECONDS before the form comes after all."""
    if "please be slow" in text.lower():
        await asyncio.sleep(SLOW_SECONDS)
    return next((reply for words, reply in _IN_FORMS.items() if words in text.lower()), None)


def hangs_up(text: str) -> bool:
    """Whether to break the connection in the middle of the answer."""
    return "please hang up" in text.lower()
