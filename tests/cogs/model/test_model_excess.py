"""What comes too late from the provider, or is too much of it: bounded in Discord, in memory and in time."""

import asyncio
import gzip
from collections.abc import Callable
from typing import Any, cast

import httpx2
import pytest

from bot.client import Trilo
from bot.errors import AnswerUnreadableError
from bot.usage.calls import plain_body
from tests.cogs.model.place import INTENT, PROMPT, SETUP, Place
from tests.usage.shapes import chat, chunk, chunks, usage_chunk
from tests.usage.stub import Scripted, Stub, answer, hang, raw, sse, sse_bytes

HUGE = "league " * 1_500_000
"""10 MB."""
SHOWN = 8 * 1_024
"""Characters of an answer at most, with a cap of 1,024 tokens."""
START = "First create the channels,"
TOO_LATE = "The AI provider took too long to answer. Please try again."
STOPPED = "That took too long, so I stopped. Please try again."
TOO_MUCH = "The AI provider sent far more than I can take, so I stopped reading. Please try again in a minute."
ELSEWHERE = (
    "The AI provider's address sends me to another one, which I don't follow. The bot's operator has to check "
    "OPENAI_BASE_URL."
)
OK = ("ok", None, 1000, 200, 0, 270_000, 0)
NOTHING = "The model had nothing to say to that. Please put it differently."
PAGE = "league " * 279 + "league"
PAGES = [
    *[PAGE] * 4,
    "league " * 50 + "le\n-# I stopped here: answers have a length limit. Ask me to go on.",
]
CLOSED: dict[str, Any] = {"connection": "close"}
"""Simcord would wait for the end of a connection that is kept."""


class Lateness:
    """How late the event loop was at worst, in seconds, while the block ran."""

    def __init__(self) -> None:
        self.worst = 0.0

    async def __aenter__(self) -> "Lateness":
        self._task = asyncio.create_task(self._watch())
        await asyncio.sleep(0)
        return self

    async def __aexit__(self, *_: object) -> None:
        self._task.cancel()

    async def _watch(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            due = loop.time() + 0.005
            await asyncio.sleep(0.005)
            self.worst = max(self.worst, loop.time() - due)


async def ask_in_real_time(place: Place, scripted: Scripted) -> list[str]:
    """What the bot says when its timers go off, in a task of ours: those of its own tasks are simcord's, and wait."""
    bot = place.env.bot
    assert isinstance(bot, Trilo)
    bot.is_leaving = True
    await place.alice.send(place.channel, f"{place.mention} {PROMPT}")
    bot.is_leaving = False
    place.stub.answers(scripted)
    question = bot.cached_messages[-1]
    await cast("Any", bot.get_cog("ConversationCog")).on_message(question)
    return place.said_since(question.id)


async def test_silence_is_told(place: Place) -> None:
    """I4, I30: before the first byte, and in the middle."""
    client = place.services.conversation._client
    assert client.timeout == httpx2.Timeout(90, connect=5)
    client.timeout = 0.1
    assert await ask_in_real_time(place, hang()) == [TOO_LATE]
    assert await place.booked() == ("error", "APITimeoutError", 18, 0, 1, 2_700, 615_600)
    assert await ask_in_real_time(place, sse(chunks(), pause_at=5)) == [f"{START}\n-# {TOO_LATE}"]
    assert await place.booked() == ("error", "ReadTimeout", 18, 5, 1, 5_700, 612_600)


async def test_an_answer_that_drips_has_an_end(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """I24, I30: a provider that says just enough to keep the connection holds nobody for ever."""
    monkeypatch.setattr("cogs._questions.front_desk.ANSWER_SECONDS", 0.2)
    drip: list[bytes | float] = [sse_bytes(chunks()[:5], done=False), *[b": wait\n\n", 0.05] * 100]
    scripted = Scripted(200, {"content-type": "text/event-stream"}, drip, chunked=True)
    assert await ask_in_real_time(place, scripted) == [f"{START}\n-# {STOPPED}"]
    assert await place.booked() == ("aborted", "CancelledError", 18, 5, 1, 5_700, 612_600)


def many_choices() -> dict[str, Any]:
    choices = [{"index": n, "delta": {"content": f"{n} "}, "finish_reason": "stop"} for n in range(5_000)]
    return {**chunk(), "choices": choices}


def many_tools() -> dict[str, Any]:
    call = {"id": "t", "type": "function", "function": {"name": "delete_channel", "arguments": "{}"}}
    calls = [{**call, "index": n} for n in range(5_000)]
    return {**chunk(), "choices": [{"index": 0, "delta": {"tool_calls": calls}, "finish_reason": "tool_calls"}]}


MUCH: dict[str, tuple[Callable[[], Scripted], list[str], tuple[Any, ...]]] = {
    "one event": (lambda: sse([chunk(HUGE), chunk(finish="stop"), usage_chunk()]), PAGES, OK),
    "10,000 events": (
        lambda: sse([*[chunk(HUGE[:1_050])] * 10_000, chunk(finish="stop"), usage_chunk()]),
        PAGES,
        ("aborted", None, 18, 7_951, 1, 4_773_300, 0),
    ),
    "5,000 choices": (lambda: sse([many_choices(), usage_chunk()]), ["0"], OK),
    "5,000 calls of a tool": (lambda: sse([many_tools(), usage_chunk()]), [NOTHING], OK),
}


@pytest.mark.parametrize("how", MUCH)
async def test_too_much_is_a_few_messages(place: Place, how: str) -> None:
    """I4, I24, I28: what was taken in is booked, and the loop is late by far less than a heartbeat can bear."""
    make, messages, row = MUCH[how]
    scripted = make()
    async with Lateness() as lateness:
        said = [message.strip() for message in await place.ask(scripted)]
    assert (said, await place.booked()) == (messages, row)
    assert lateness.worst < 2


async def test_too_much_of_a_guide_is_a_few_messages(place: Place) -> None:
    """I24, I28: unstreamed; what was cut off isn't kept for whoever asks next."""
    for _ in range(2):
        said = await place.ask(answer(chat(INTENT), **CLOSED), answer(chat(HUGE), **CLOSED), text=SETUP)
        assert "".join(said).count("league ") == pytest.approx(SHOWN // 7, abs=10)
        assert said[-1].endswith("-# I stopped here: answers have a length limit. Ask me about one step.")
        place.services.setup_help._readings._kept.clear()


async def test_too_long_a_form_is_not_filled_in(place: Place) -> None:
    """I24: a million names where a few were asked for."""
    names = '"Week 7", ' * 1_000_000
    place.stub.answers(answer(chat('{"weeks": [], "names": [' + names + '"x"], "question": null}')))
    with pytest.raises(AnswerUnreadableError) as raised:
        await place.services.league_commands.read_deletion("delete week 7", ["Week 7"])
    assert raised.value.problem == "it is too long"


@pytest.mark.parametrize("streamed", [True, False])
async def test_a_bomb_is_not_unpacked(place: Place, monkeypatch: pytest.MonkeyPatch, *, streamed: bool) -> None:
    """I4, I24: a few kilobytes that unpack to more than is read; there is no second attempt, and it may be billed."""
    monkeypatch.setattr(plain_body, "MOST_BYTES", 2_000_000)
    place.services.conversation._client.max_retries = 2
    content_type = "text/event-stream" if streamed else "application/json"
    bomb = raw(gzip.compress(b"data: " + b" " * 30_000_000), content_type)
    bomb.headers["content-encoding"] = "gzip"
    said = await place.ask(*([bomb] if streamed else [answer(chat(INTENT)), bomb]), text=PROMPT if streamed else SETUP)
    row = await place.booked()
    assert (said, row[:2], row[3]) == ([TOO_MUCH], ("error", "AnswerTooLargeError"), 0)
    assert row[5:] == ((2_700, 615_600) if streamed else (row[2] * 2_500, 10_260_000))


async def test_nothing_is_sent_elsewhere(place: Place) -> None:
    """I30, I35: neither the key nor the prompt follows a redirection, whole or streamed."""
    async with Stub() as elsewhere:
        address = f"{elsewhere.url}/chat/completions"
        for status in (301, 302, 303, 307, 308):
            place.stub.default = lambda _, status=status: Scripted(status, {"location": address})  # type: ignore[misc]
            for text in (PROMPT, SETUP):
                assert await place.ask(text=text) == [ELSEWHERE]
                assert await place.booked() == ("error", "APIStatusError", 0, 0, 0, 0, 0)
        assert elsewhere.requests == []
