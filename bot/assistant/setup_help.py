"""Help with setting up: a cheap call says what is asked, our guide is searched, the answer is written from that."""

import asyncio
import hashlib
import logging
import re
from collections.abc import Collection, Hashable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

import openai
from openai import AsyncOpenAI
from openai.types.chat import ChatCompletion, ChatCompletionMessageParam
from pydantic import BaseModel

from bot.assistant.conversation import ANSWER_SECONDS, QUESTION_CHARACTERS, Question, Turn, is_short, longest_answer
from bot.assistant.guide import Guide, Section
from bot.assistant.named_commands import only_existing
from bot.assistant.operations import SETUP_FULL_GUIDE, SETUP_INTENT, Models, synthesis
from bot.assistant.paid_once import PaidOnce
from bot.assistant.prompts import FULL_GUIDE, INTENT, NOTHING_FOUND, SYNTHESIS
from bot.assistant.routing import Route, asks_for_everything, first_guess
from bot.assistant.screen_names import screen_names
from bot.assistant.structured import ask_structured, garbled_answers
from bot.errors import AnswerRefusedError, AnswerUnreadableError, ModelAnswerError
from bot.translation import _
from bot.usage.context import token_tracking_context
from bot.usage.tracker import UsageTracker

log = logging.getLogger(__name__)

CACHE_SECONDS = 3600
"""The same question on the same server, after the same conversation, isn't paid for twice within this time."""
CACHED_ANSWERS = 500
READ_SECONDS = 10.0
"""How long the reading may take: after that, what the rules guessed has to do."""
SECTIONS = 5
"""How many sections of the guide an answer is written from, unless it is the whole path."""
EARLIER_TURNS = 4
EARLIER_CHARACTERS = 600
"""How much of each earlier message goes along."""
SMART_CHARACTERS = 300
_SMART_WORDS = re.compile(
    r"\b(compare|difference|explain|instead|pros and cons|should (i|we)|best way|why|diferencia|explica|por qu[eé])\b"
)


class SetupIntent(BaseModel):
    """What a message wants, as the model fills it in. `whole`: the whole path is asked for, not one thing."""

    route: Route
    topic: str
    action: str
    keywords: list[str]
    whole: bool


@dataclass(frozen=True, slots=True)
class Reading:
    """What a message wants. `words` are what the guide is searched for; `whole` asks for the whole path."""

    route: Route
    words: str = ""
    whole: bool = False


@dataclass(frozen=True, slots=True)
class SetupAnswer:
    """What to post, and the sections it was written from. It may say @everyone: post it without allowed mentions.

    `asked_before` is when it was paid for, if this time it cost nothing. `cut_off`: it ends at a limit of length;
    `shortened`: at one below the operation's own, since a budget allowed no more.
    """

    text: str
    sections: tuple[Section, ...] = ()
    asked_before: datetime | None = None
    cut_off: bool = False
    shortened: bool = False


class SetupHelp:
    """Answers questions about setting up and using the bot, from the guide alone.

    Calls are booked where the caller's `token_tracking_context` says.
    """

    def __init__(self, client: AsyncOpenAI, models: Models, tracker: UsageTracker, guide: Guide) -> None:
        self._client = client
        self._models = models
        self._tracker = tracker
        self._guide = guide
        self._readings = PaidOnce[Reading](tracker.clock, seconds=CACHE_SECONDS, most=CACHED_ANSWERS)
        self._answers = PaidOnce[SetupAnswer](
            tracker.clock, seconds=CACHE_SECONDS, most=CACHED_ANSWERS, worth_keeping=lambda answer: not answer.cut_off
        )

    async def read(self, question: Question, guild_id: int) -> Reading:
        """Look closer at a message that the rules took for SETUP or couldn't place: one cheap call, or none if it was
        read before.

        Where the model refuses, answers nonsense or takes longer than READ_SECONDS, the rules' guess holds, and the
        conversation where they had none. Raises the SDK's other errors, and `CallRefusedError`.
        """
        guess = first_guess(question.text, has_pictures=bool(question.pictures))
        try:
            reading, _before = await self._readings.get(self._key(question, guild_id), lambda: self._read(question))
        except (ModelAnswerError, TimeoutError, openai.APITimeoutError) as error:
            log.warning("the intent of a question can't be read, so a rule decides: %s", type(error).__name__)
            reading = Reading(guess or Route.CONVERSATION, question.text)
        if guess is Route.SETUP and asks_for_everything(question.text):
            return Reading(Route.SETUP, reading.words, whole=True)  # the rule knows this one better than any model
        return reading

    async def answer(
        self, question: Question, reading: Reading, guild_id: int, commands: Collection[str]
    ) -> SetupAnswer:
        """The answer to a question about setting up, which names none but these `commands`, by qualified name.

        One call, or none if it was answered before or the guide has nothing on it. Where the model refuses or says
        nothing, the guide speaks for itself. Raises the SDK's errors, and `CallRefusedError`.
        """
        sections = tuple(self._guide.spine() if reading.whole else self._found(question, reading))
        if not sections:
            return SetupAnswer(_(NOTHING_FOUND))
        try:
            answer, before = await self._answers.get(
                (self._key(question, guild_id), reading.whole),
                lambda: self._write(question, sections, commands, whole=reading.whole),
            )
        except ModelAnswerError as error:
            log.warning("an answer about setting up is the guide's own text: %s", type(error).__name__)
            return SetupAnswer(self._own_text(sections, commands), sections)
        return replace(answer, asked_before=before)

    def model_for(self, question: Question) -> str:
        """The smart model for a complex question: one of SMART_CHARACTERS or more, one that asks several things (two
        question marks), or one that asks to compare, to explain or for advice by name; else the fast one.
        """
        text = question.text.casefold()
        smart = len(text) >= SMART_CHARACTERS or text.count("?") > 1 or _SMART_WORDS.search(text) is not None
        return self._models.smart if smart else self._models.fast

    async def _read(self, question: Question) -> Reading:
        messages: list[ChatCompletionMessageParam] = [{"role": "system", "content": INTENT}, *_said(question)]
        async with token_tracking_context(operation=SETUP_INTENT.name), asyncio.timeout(READ_SECONDS):
            intent = await ask_structured(self._client, model=self._models.fast, messages=messages, answer=SetupIntent)
        words = " ".join([intent.topic, intent.action, *intent.keywords])[:QUESTION_CHARACTERS]
        return Reading(intent.route, words, intent.whole)

    def _found(self, question: Question, reading: Reading) -> list[Section]:
        """What the guide has on it, by the words of the reading, else by those of the question itself."""
        return self._guide.search(reading.words, SECTIONS) or self._guide.search(question.text, SECTIONS)

    async def _write(
        self, question: Question, sections: Sequence[Section], commands: Collection[str], *, whole: bool
    ) -> SetupAnswer:
        wanted = self._models.smart if whole else self.model_for(question)
        operation = SETUP_FULL_GUIDE.name if whole else synthesis(wanted)
        model = self._tracker.suggest_model(operation, wanted) or self._models.fast
        rules = (FULL_GUIDE if whole else SYNTHESIS).format(
            commands=", ".join(f"`/{name}`" for name in sorted(commands)) or "none",
            names=screen_names(map(str, sections)),
            guide="\n\n".join(map(str, sections)),
        )
        messages: list[ChatCompletionMessageParam] = [{"role": "system", "content": rules}, *_said(question)]
        operation = operation if whole else synthesis(model)
        async with token_tracking_context(operation=operation), asyncio.timeout(ANSWER_SECONDS):
            with garbled_answers():
                completion = await self._client.chat.completions.create(model=model, messages=messages)
                written, cut_off = _text_of(completion)
        if len(written) > (most := longest_answer(self._tracker, operation)):
            written, cut_off = written[:most], True
        text = only_existing(written, commands) or self._own_text(sections, commands)
        shortened = cut_off and await is_short(self._tracker, operation, written, model)
        return SetupAnswer(text, tuple(sections), cut_off=cut_off, shortened=shortened)

    def _own_text(self, sections: Sequence[Section], commands: Collection[str]) -> str:
        """The guide's own words, of the first page where it is the whole path; without commands that aren't there.

        A page's name stands above the first of its sections alone.
        """
        shown = [section for section in sections if len(sections) <= SECTIONS or section.page == sections[0].page]
        told, page = [], ""
        for section in shown:
            told.append(str(section) if section.page != page else f"## {section.title}\n{section.text}")
            page = section.page
        return only_existing("\n\n".join(told), commands) or _(NOTHING_FOUND)

    def _key(self, question: Question, guild_id: int) -> Hashable:
        """Who asks doesn't matter, nor do case, blanks and punctuation. A digest: the cache keeps no question."""
        plain = " ".join(re.findall(r"\w+", question.text.casefold()))
        turns = [(turn.ours, turn.text) for turn in question.turns[-EARLIER_TURNS:]]
        what = repr((guild_id, self._guide.version, plain, bool(question.pictures), turns))
        return hashlib.sha256(what.encode("utf-8", "surrogatepass")).digest()


def _said(question: Question) -> list[ChatCompletionMessageParam]:
    """The end of the conversation so far, and the question. Pictures stay behind: the guide isn't about them."""
    messages = [_message(turn) for turn in question.turns[-EARLIER_TURNS:]]
    picture = "\n(with a picture)" if question.pictures else ""
    return [*messages, {"role": "user", "content": question.text[:QUESTION_CHARACTERS] + picture}]


def _text_of(completion: object) -> tuple[str, bool]:
    """What the model wrote, and whether it was cut off; the SDK hands on whatever a provider sends as an answer.

    Raises `AnswerRefusedError` and `AnswerUnreadableError`.
    """
    choices = completion.choices if isinstance(completion, ChatCompletion) else None
    message = choices[0].message if choices else None
    if not choices or message is None:
        raise AnswerUnreadableError("it is empty")
    if message.refusal or choices[0].finish_reason == "content_filter":
        raise AnswerRefusedError
    if not (text := (message.content or "").strip()):
        raise AnswerUnreadableError("it is empty")
    return text, choices[0].finish_reason == "length"


def _message(turn: Turn) -> ChatCompletionMessageParam:
    text = turn.text[:EARLIER_CHARACTERS]
    return {"role": "assistant", "content": text} if turn.ours else {"role": "user", "content": text}
