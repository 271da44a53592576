"""Long answers as Discord messages: split whole at sensible places, and one message edited as its text arrives."""

import re
from time import perf_counter

import discord

LIMIT = 2_000
"""Characters in one message (Discord's limit for bots)."""
EDIT_SECONDS = 1.3
"""Between two edits of one message: Discord allows five in five seconds for a channel."""
_ROOM = 24
"""Kept free for closing and reopening a code fence."""
_FENCE = re.compile(r"^[ \t]*(`{3,}|~{3,})([^\n`]*)$", re.MULTILINE)


def split_message(text: str, limit: int = LIMIT) -> list[str]:
    """Pieces of at most `limit` characters that hold the whole text, cut between paragraphs, lines or words.

    A code block that is cut is closed in one piece and opened again, with its language, in the next.
    """
    pieces = []
    while len(text) > limit:
        piece, text = _cut(text, limit)
        pieces.append(piece)
    if text.strip() or not pieces:
        pieces.append(text)
    return pieces


def _cut(text: str, limit: int) -> tuple[str, str]:
    window = text[: limit - _ROOM]
    at = len(window)
    for separator in ("\n\n", "\n", ". ", " "):
        found = window.rfind(separator)
        if found >= len(window) // 2:
            at = found + len(separator)
            break
    piece, rest = text[:at], text[at:]
    fence = open_fence(piece)
    if fence is not None:
        marker, language = fence
        piece = f"{piece.rstrip()}\n{marker}"
        rest = f"{marker}{language}\n{rest}"
    return piece.rstrip() or piece, rest if fence else rest.lstrip("\n")


def open_fence(text: str) -> tuple[str, str] | None:
    """The marker and language of a code block that is still open at the end of the text."""
    current: tuple[str, str] | None = None
    for match in _FENCE.finditer(text):
        marker, language = match.group(1), match.group(2).strip()[:16]
        if current is None:
            current = (marker[:3], language)
        elif marker.startswith(current[0]) and not language:
            current = None
    return current


class StreamedReply:
    """The answer to one message, shown as it is written: the last message is edited, full ones are left alone."""

    def __init__(self, question: discord.Message) -> None:
        self._question = question
        self._mentions = discord.AllowedMentions(
            everyone=False, roles=False, users=[question.author], replied_user=True
        )
        self._tail = ""
        self._shown = ""
        self._message: discord.Message | None = None
        self._edited_at = perf_counter()
        self.is_empty = True

    async def add(self, text: str) -> None:
        """More of the answer. Posts or edits where the last time is long enough ago."""
        self._tail += text
        while len(self._tail) > LIMIT:
            piece, self._tail = _cut(self._tail, LIMIT)
            await self._show(piece)
            self._message, self._shown = None, ""
        if perf_counter() - self._edited_at >= EDIT_SECONDS and self._tail.strip():
            fence = open_fence(self._tail)
            closed = f"{self._tail.rstrip()}\n{fence[0]}" if fence else self._tail
            if len(closed) <= LIMIT:
                await self._show(closed)

    async def finish(self, note: str = "") -> None:
        """Show what is left, with a note of our own in small print below it."""
        if note:
            await self.add(f"\n-# {note}" if self._tail or not self.is_empty else note)
        if self._tail.strip():
            await self._show(self._tail)

    @property
    def is_silent(self) -> bool:
        """Whether the answer has no visible text so far."""
        return self.is_empty and not self._tail.strip()

    async def _show(self, content: str) -> None:
        if content == self._shown:
            return
        if self._message is None:
            self._message = await self._send(content)
        else:
            self._message = await self._message.edit(content=content, allowed_mentions=self._mentions)
        self._shown = content
        self.is_empty = False
        self._edited_at = perf_counter()

    async def _send(self, content: str) -> discord.Message:
        if self.is_empty:
            reference = self._question.to_reference(fail_if_not_exists=False)
            return await self._question.channel.send(content, reference=reference, allowed_mentions=self._mentions)
        return await self._question.channel.send(content, allowed_mentions=self._mentions)
