"""Structured questions: the model fills in a pydantic model, or it is an error; nothing in between."""

import json
from collections.abc import Iterable
from typing import TypeVar

import openai
from openai import AsyncOpenAI
from openai.types.chat import ChatCompletionMessageParam
from pydantic import BaseModel, ValidationError

from bot.errors import AnswerRefusedError, AnswerUnreadableError

Answer = TypeVar("Answer", bound=BaseModel)


async def ask_structured(
    client: AsyncOpenAI, *, model: str, messages: Iterable[ChatCompletionMessageParam], answer: type[Answer]
) -> Answer:
    """Ask for an `answer`, whose JSON schema goes along under the class's name. Attribution comes from the context.

    Raises `AnswerRefusedError`, `AnswerUnreadableError`, and the SDK's errors.
    """
    try:
        completion = await client.chat.completions.parse(model=model, messages=messages, response_format=answer)
    except (ValidationError, json.JSONDecodeError, AttributeError, TypeError):
        # The SDK reads the answer's form without looking: a server that sends another gets these, or broken JSON.
        raise AnswerUnreadableError("it isn't what was asked for") from None
    except openai.LengthFinishReasonError:
        raise AnswerUnreadableError("it was cut short") from None
    except openai.ContentFilterFinishReasonError:
        raise AnswerRefusedError from None
    if not completion.choices:
        raise AnswerUnreadableError("it is empty")
    message = completion.choices[0].message
    if message.refusal:
        raise AnswerRefusedError
    if message.parsed is None:
        raise AnswerUnreadableError("it is empty")
    return message.parsed
