"""Long answers arrive whole, in pieces Discord takes (I28), however they come and whatever Discord refuses."""

import asyncio
import re
from typing import Any

import aiohttp
import discord
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cogs._questions import messages as _messages
from cogs._questions.messages import LIMIT, StreamedReply, open_fence


class Channel:
    """A channel that keeps what was sent, and refuses what Discord would refuse."""

    def __init__(self) -> None:
        self.messages: list[Sent] = []
        self.refuse_reference = False
        self.loses_answer = False
        """Whether the connection breaks once when a message has been taken."""
        self.by_nonce: dict[int, Sent] = {}

    async def send(self, content: str, *, nonce: int, allowed_mentions: Any, reference: Any = None) -> "Sent":
        if reference is not None and self.refuse_reference:
            raise http_error(discord.HTTPException, 400, 160002)
        assert 0 < len(content.strip()) <= len(content) <= LIMIT
        if nonce not in self.by_nonce:
            self.by_nonce[nonce] = Sent(content)
            self.messages.append(self.by_nonce[nonce])
        if self.loses_answer:
            self.loses_answer = False
            raise aiohttp.ServerDisconnectedError
        return self.by_nonce[nonce]


class Sent:
    def __init__(self, content: str) -> None:
        self.content = content
        self.deleted = False
        self.failing = False

    async def edit(self, *, content: str, allowed_mentions: Any) -> "Sent":
        if self.deleted:
            raise http_error(discord.NotFound, 404, 10008)
        if self.failing:
            raise http_error(discord.HTTPException, 503, 0)
        assert 0 < len(content) <= LIMIT
        self.content = content
        return self


class QuestionMessage:
    """The message that is answered."""

    def __init__(self, channel: Channel) -> None:
        self.channel = channel
        self.author = discord.Object(1)

    def to_reference(self, *, fail_if_not_exists: bool) -> str:
        return "reference"


def http_error(kind: type[discord.HTTPException], status: int, code: int) -> discord.HTTPException:
    class Response:
        reason = "refused"

    Response.status = status  # type: ignore[attr-defined]
    return kind(Response(), {"code": code, "message": "refused"})  # type: ignore[arg-type]


def reply_in(channel: Channel) -> StreamedReply:
    return StreamedReply(QuestionMessage(channel))  # type: ignore[arg-type]


def shown(*pieces: str, note: str = "") -> list[str]:
    """What stands in the channel after an answer in these pieces."""
    channel = Channel()

    async def answer() -> None:
        reply = reply_in(channel)
        for piece in pieces:
            await reply.add(piece)
        await reply.finish(note)

    asyncio.run(answer())
    return [message.content for message in channel.messages]


def test_short_text_is_one_message() -> None:
    assert shown("hel", "lo") == ["hello"]


def test_cuts_between_paragraphs_where_it_can() -> None:
    """I28: a message ends at a paragraph."""
    first, second = "a" * 1500, "b" * 900
    assert shown(f"{first}\n\n{second}") == [first, second]


def test_cuts_between_words_where_there_are_no_lines() -> None:
    """I28: no word is torn."""
    messages = shown("word " * 1000)
    assert all(re.fullmatch(r"(word ?)+", message) for message in messages)
    assert sum(message.count("word") for message in messages) == 1000


@pytest.mark.parametrize("marker", ["```", "~~~", "````"])
def test_a_code_block_is_closed_and_opened_again_with_its_language(marker: str) -> None:
    """I28: every message of a cut code block is a code block."""
    lines = "\n".join(f"print({n})" for n in range(400))
    messages = shown(f"Here:\n{marker}python\n{lines}\n{marker}\nDone.")
    assert len(messages) == 3
    assert all(open_fence(message) is None for message in messages)
    assert all(message.startswith(f"{marker}python\n") for message in messages[1:])
    assert [line for m in messages for line in m.split("\n") if line.startswith("print")] == lines.split("\n")


def test_a_note_stands_below_a_code_block_that_was_cut_off() -> None:
    """I28, I30: the block is closed first, or it would swallow the note."""
    assert shown("Look:\n```python\nasync def advance(", note="I stopped here.") == [
        "Look:\n```python\nasync def advance(\n```\n-# I stopped here."
    ]


def test_an_answer_broken_off_in_a_code_block_closes_it() -> None:
    assert shown("```py\nx = 1") == ["```py\nx = 1\n```"]


@pytest.mark.parametrize(
    ("text", "gap"),
    [
        ("Say:\n- who has to", "\n\n"),
        ("1. Open\n  12. the", "\n\n"),
        ("* a", "\n\n"),
        ("- a\nand -1. so", "\n"),
        ("-1", "\n"),
    ],
)
def test_a_note_is_no_part_of_a_list_that_was_cut_off(text: str, gap: str) -> None:
    assert shown(text, note="I stopped here.") == [f"{text}{gap}-# I stopped here."]


def test_a_note_alone_is_no_small_print() -> None:
    assert shown(note="The AI provider is busy.") == ["The AI provider is busy."]


async def test_an_answer_deleted_meanwhile_comes_whole_in_a_new_message(monkeypatch: pytest.MonkeyPatch) -> None:
    """I28: what a moderator deleted half-way isn't edited for ever."""
    monkeypatch.setattr(_messages, "EDIT_SECONDS", 0)
    channel = Channel()
    reply = reply_in(channel)
    await reply.add("Hello")
    channel.messages[0].deleted = True
    await reply.add(" there")
    await reply.finish()
    assert [message.content for message in channel.messages] == ["Hello", "Hello there"]


async def test_an_edit_in_between_may_fail(monkeypatch: pytest.MonkeyPatch) -> None:
    """I23: only the last one counts."""
    monkeypatch.setattr(_messages, "EDIT_SECONDS", 0)
    channel = Channel()
    reply = reply_in(channel)
    await reply.add("Hello")
    channel.messages[0].failing = True
    await reply.add(" there")
    channel.messages[0].failing = False
    await reply.finish()
    assert [message.content for message in channel.messages] == ["Hello there"]


async def test_without_read_message_history_the_answer_is_no_reply() -> None:
    """I30: Discord refuses a reference there; the answer comes all the same."""
    channel = Channel()
    channel.refuse_reference = True
    reply = reply_in(channel)
    await reply.add("Hello")
    await reply.finish()
    assert [message.content for message in channel.messages] == ["Hello"]


async def test_a_beginning_that_was_taken_without_an_answer_is_carried_on(monkeypatch: pytest.MonkeyPatch) -> None:
    """I28: it isn't begun twice, and doesn't end where it began."""
    channel = Channel()
    channel.loses_answer = True
    monkeypatch.setattr(_messages, "EDIT_SECONDS", 0.0)
    reply = reply_in(channel)
    await reply.add("In the begin")
    monkeypatch.setattr(_messages, "EDIT_SECONDS", 3_600.0)
    await reply.add("ning.")
    await reply.finish()
    assert [message.content for message in channel.messages] == ["In the beginning."]


@pytest.mark.parametrize(
    ("text", "fence"),
    [
        ("```py\nx = 1", ("```", "py")),
        ("```py\nx = 1\n```", None),
        ("inline ``` is no fence", None),
        ("````md\n```\nstill open", ("````", "md")),
        ("````md\n```\n````", None),
        ("", None),
    ],
)
def test_open_fence(text: str, fence: tuple[str, str] | None) -> None:
    assert open_fence(text) == fence


@given(st.lists(st.text(alphabet=st.sampled_from("ab \n.`é😀```~"), max_size=3000), max_size=5))
def test_nothing_is_lost_and_nothing_is_too_long(pieces: list[str]) -> None:
    """I28: whatever the text and its pieces, every message fits and all its visible characters are there, in order."""
    messages = shown(*pieces)
    visible = re.sub(r"[\s`~]", "", "".join(pieces))
    assert re.sub(r"[\s`~]", "", "".join(messages)) == visible
