"""Long answers as Discord messages: one message edited as its text arrives, then the next, cut at sensible places."""

import asyncio
import logging
import re
import secrets
from time import perf_counter
from typing import Any

import discord

from bot.discord_failures import DISCORD_FAILED, may_be_done
from bot.words import where

log = logging.getLogger(__name__)

LIMIT = 2_000
"""Characters in one message (Discord's limit for bots)."""
EDIT_SECONDS = 1.3
"""Between two edits of one message: Discord allows five in five seconds for a channel."""
TRY_AGAIN_SECONDS = (1.0, 4.0)
"""Before the second and the third try to show something, where Discord has trouble: it is paid for."""
_ROOM = 40
"""Kept free for closing and reopening a code fence."""
_NO_HISTORY = 160002
"""Discord's code where a reply needs Read Message History: without it, an answer is a plain message."""
_FENCE = re.compile(r"^[ \t]*(`{3,}|~{3,})([^\n`]*)$", re.MULTILINE)
_LIST_ITEM = re.compile(r"\s*(?:[-*]|\d+\.) ")
"""The line after one is taken as more of it."""


class StreamedReply:
    """The answer to one message, shown as it is written: the last message is edited, full ones are left alone.

    A code block that is cut is closed in one message and opened again, with its language, in the next. `asker` is who
    asks where that isn't the message's author: nobody else can be pinged (I27).
    """

    def __init__(self, question: discord.Message, asker: discord.abc.User | None = None) -> None:
        self._question = question
        self.heading = ""
        """What goes before the first text."""
        asker = asker or question.author
        self._mentions = discord.AllowedMentions(
            everyone=False, roles=False, users=[asker], replied_user=asker.id == question.author.id
        )
        self._tail = ""
        self._shown = ""
        self._message: discord.Message | None = None
        self._edited_at = perf_counter()
        self._is_first = True
        self._nonce = secrets.randbits(64)
        self._tried = ""
        self._view: discord.ui.View | None = None
        self._below: discord.ui.View | None = None
        self.execution_id: str | None = None
        """What the calls for it are booked under."""
        self.messages: list[discord.Message] = []
        """The messages it is shown in."""

    @property
    def is_silent(self) -> bool:
        """Whether the answer has no visible text so far."""
        return self._is_first and not self._tail.strip()

    async def add(self, text: str) -> None:
        """More of the answer. Posts or edits where the last time is long enough ago; that may fail, the end may not."""
        if self.heading and text.strip():
            text, self.heading = self.heading + text.lstrip(), ""
        self._tail += text
        while len(self._tail) > LIMIT:
            piece, self._tail = _cut(self._tail)
            if piece.strip():
                await self._show_surely(piece)
                self._message, self._shown = None, ""
        if perf_counter() - self._edited_at >= EDIT_SECONDS and self._tail.strip():
            self._edited_at = perf_counter()
            try:
                await self._show(_closed(self._tail)[:LIMIT])
            except DISCORD_FAILED as error:
                log.debug("an edit in between failed: %s", where(error))

    def put_below(self, view: discord.ui.View) -> None:
        """Buttons for the end of the answer; they come with its last message."""
        self._below = view

    async def finish(self, note: str = "", view: discord.ui.View | None = None) -> None:
        """Show what is left, code blocks closed, with a note of our own in small print below it, and buttons.

        `view` goes with a note that stands alone; below an answer that was begun is only what was put there.
        """
        self._view = view if self.is_silent else self._below
        if note and self.is_silent:
            self._tail = note
        else:
            self._tail = _closed(self._tail)
            gap = "\n\n" if _LIST_ITEM.match(self._tail.rpartition("\n")[2]) else "\n"
            await self.add(f"{gap}-# {note}" if note else "")
        if not self._tail.strip():
            return
        try:
            await self._show_surely(self._tail)
        except discord.HTTPException as error:
            if self._view is None:
                raise
            log.warning("Discord doesn't take the button below a message, so it goes without: %s", error.status)
            self._view = None
            await self._show_surely(self._tail)

    async def _show_surely(self, content: str) -> None:
        """Show it, and try again where Discord has trouble or the connection breaks."""
        for seconds in TRY_AGAIN_SECONDS:
            try:
                await self._show(content)
            except DISCORD_FAILED as error:
                if not may_be_done(error):
                    raise
                log.info("an answer can't be shown yet: %s", where(error))
            else:
                return
            await asyncio.sleep(seconds)
        await self._show(content)

    async def _show(self, content: str) -> None:
        if content == self._shown and self._view is None:
            return
        if self._message is None:
            await self._begin(content)
        else:
            await self._edit(self._message, content)
        self._shown = content
        self._is_first = False

    async def _begin(self, content: str) -> None:
        """A new message. Discord may have taken a try that it didn't answer: by the nonce it gives us that one back,
        with the text of then.
        """
        self._tried = self._tried or content
        message = self._message = await self._send(content)
        self.messages.append(message)
        is_old, self._tried, self._nonce = self._tried != content, "", secrets.randbits(64)
        if is_old:
            await self._edit(message, content)

    async def _edit(self, message: discord.Message, content: str) -> None:
        try:
            self._message = await message.edit(content=content, allowed_mentions=self._mentions, **self._buttons)
        except discord.NotFound:  # somebody deleted it: the whole of it belongs in a new one
            await self._begin(content)

    async def _send(self, content: str) -> discord.Message:
        channel = self._question.channel
        options = {"nonce": self._nonce, "allowed_mentions": self._mentions, **self._buttons}
        if self._is_first:
            try:
                reference = self._question.to_reference(fail_if_not_exists=False)
                return await channel.send(content, reference=reference, **options)
            except discord.HTTPException as error:
                if error.code != _NO_HISTORY:
                    raise
        return await channel.send(content, **options)

    @property
    def _buttons(self) -> dict[str, Any]:
        return {"view": self._view} if self._view is not None else {}


def open_fence(text: str) -> tuple[str, str] | None:
    """The marker and language of a code block that is still open at the end of the text."""
    current: tuple[str, str] | None = None
    for match in _FENCE.finditer(text):
        marker, language = match.group(1)[: _ROOM // 4], match.group(2).strip()[: _ROOM // 3]
        if current is None:
            current = (marker, language)
        elif marker.startswith(current[0]) and not language:
            current = None
    return current


def _cut(text: str) -> tuple[str, str]:
    """The longest sensible piece that fits a message, and the rest: cut between paragraphs, lines or words."""
    window = text[: LIMIT - _ROOM]
    at = len(window)
    for separator in ("\n\n", "\n", ". ", " "):
        found = window.rfind(separator)
        if found >= len(window) // 2:
            at = found + len(separator)
            break
    piece, rest = text[:at], text[at:]
    if (fence := open_fence(piece)) is not None:
        marker, language = fence
        return _closed(piece), f"{marker}{language}\n{rest}"
    return piece.rstrip(), rest.lstrip("\n")


def _closed(text: str) -> str:
    fence = open_fence(text)
    return f"{text.rstrip()}\n{fence[0]}" if fence else text
