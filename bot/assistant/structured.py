"""Structured questions: the model fills in a pydantic model, or it is an error; nothing in between."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TypeVar

import openai
from openai import AsyncOpenAI
from openai.types.chat import ChatCompletionMessageParam
from pydantic import BaseModel

from bot.errors import AnswerGarbledError, AnswerRefusedError, AnswerUnreadableError

Answer = TypeVar("Answer", bound=BaseModel)
GARBLED = (ValueError, LookupError, RecursionError, AttributeError, TypeError)
"""What the SDK raises at an answer of another form, which it reads without looking: broken JSON is a ValueError."""
LONGEST_FORM = 64_000
"""Characters of a filled-in form at most: twice as many as the longest ones' cap yields."""


@contextmanager
def garbled_answers() -> Iterator[None]:
    """Around reading an answer: what that trips over becomes an `AnswerGarbledError`."""
    try:
        yield
    except GARBLED as error:
        raise AnswerGarbledError from error


async def ask_structured(
    client: AsyncOpenAI, *, model: str, messages: Iterable[ChatCompletionMessageParam], answer: type[Answer]
) -> Answer:
    """Ask for an `answer`, whose JSON schema goes along under the class's name. Attribution comes from the context.

    Raises `AnswerRefusedError`, `AnswerUnreadableError`, and the SDK's errors.
    """
    try:
        completion = await client.chat.completions.parse(model=model, messages=messages, response_format=answer)
    except GARBLED:
        raise AnswerUnreadableError("it isn't what was asked for") from None
    except openai.LengthFinishReasonError:
        raise AnswerUnreadableError("it was cut short") from None
    except openai.ContentFilterFinishReasonError:
        raise AnswerRefusedError from None
    if not completion.choices:
        raise AnswerUnreadableError("it is empty")
    message = completion.choices[0].message
    if len(message.content or "") > LONGEST_FORM:
        raise AnswerUnreadableError("it is too long")
    if message.refusal:
        raise AnswerRefusedError
    if message.parsed is None:
        raise AnswerUnreadableError("it is empty")
    return message.parsed
