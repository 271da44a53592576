"""The body of a streamed answer, watched as it passes: its usage, what it delivered, and how it ended.

It stands in for `httpx2.Response.stream`, below everything the SDK offers (iteration, the `.stream()` helpers,
`with_raw_response`, `with_streaming_response`, `iter_lines`), so that end, close, cancellation, failure and garbage
collection all arrive at one place, and the usage chunk that only we asked for is seen by nobody.
"""

import re
import weakref
from collections.abc import AsyncIterator, Iterator
from enum import Enum
from time import perf_counter
from typing import Any, Protocol

import httpx2

from bot.usage.calls.answers import json_objects
from bot.usage.calls.plain_body import PlainBody

KEPT_EVENT_BYTES = 65_536
"""A longer event that is a picture in the making is passed on and not kept."""
KEPT_BODY_BYTES = 64 * 1024 * 1024
_USAGE = re.compile(rb'"usage"\s*:\s*\{')
_FINAL = re.compile(rb'"finish_reason"\s*:\s*"|\.(?:completed|incomplete|failed|done)"')
_FINAL_TYPES = frozenset(
    {"response.completed", "response.incomplete", "response.failed", "speech.audio.done", "transcript.text.done"}
    | {"image_generation.completed", "image_edit.completed"}
)
_FACTS = ("usage", "error", "id", "model", "service_tier", "status", "output", "size", "quality")
_OUTPUT_KEYS = ("content", "text", "tool_calls", "refusal", "reasoning_content", "audio")
_EVENT_END = re.compile(rb"(?:\r\n|\n|\r(?!\n))(?:\r\n|\n|\r(?=[^\n]))")
"""The end of a line and an empty line. A carriage return that ends the buffer may be half a line end: it waits."""


class End(Enum):
    """How a body ended: read to its end, left early by its reader, or broken by an error."""

    READ = "read"
    LEFT = "left"
    BROKEN = "broken"


class Watcher(Protocol):
    """Who is told how the body ended, perhaps twice: the first time counts. Must not block or raise."""

    hides_usage: bool

    def body_ended(self, seen: "Seen", end: End, error: BaseException | None) -> None:
        """It ended; `error` is None unless it broke."""

    def dropped(self, seen: "Seen") -> None:
        """It was garbage-collected, perhaps in another thread."""

    def fault(self, error: Exception) -> None:
        """Watching it failed; its reader was spared."""


class Seen:
    """What has passed: kept apart from the body, so that a body dropped unread can still be accounted for."""

    def __init__(self, content_type: str) -> None:
        content_type = content_type.lower()
        self.is_events = content_type.startswith("text/event-stream")
        self.is_json = content_type.startswith("application/json")
        self.events: list[bytes] = []
        self.first_token_at: float | None = None
        self.done_marker = False
        self._kept_bytes = 0

    def keep(self, event: bytes) -> bool:
        """Keep one event (or a piece of a JSON body) for the accounting. Whether it brings usage."""
        has_usage = False
        if self.is_events:
            if b"[DONE]" in event and event_data(event).startswith(b"[DONE]"):
                self.done_marker = True
                return False
            has_usage = _USAGE.search(event) is not None
            if len(event) > KEPT_EVENT_BYTES and b"b64" in event and not has_usage:
                return False
            if self.first_token_at is None and _brings_output(event):
                self.first_token_at = perf_counter()
        elif not self.is_json:
            return False
        self._kept_bytes += len(event)
        if has_usage or self._kept_bytes <= KEPT_BODY_BYTES:
            self.events.append(event)
        return has_usage

    def payloads(self) -> Iterator[dict[str, Any]]:
        """The JSON objects among what was kept, in order; garbled ones are passed over."""
        if self.is_json:
            yield from json_objects(b"".join(self.events))
            return
        for event in self.events:
            yield from json_objects(event_data(event))

    def answer(self) -> dict[str, Any]:
        """The facts of the answer, each as the newest event has it: usage is cumulative where it comes many times."""
        if self.is_json:
            return next(self.payloads(), {})
        facts: dict[str, Any] = {}
        for event in reversed(self.events):
            if facts.keys() >= {"id", "model"} and not _USAGE.search(event) and b'"error"' not in event:
                continue
            for payload in json_objects(event_data(event)):
                inner = payload.get("response")
                whole = inner if isinstance(inner, dict) else payload
                if payload.get("type") == "error":
                    whole = {"error": payload.get("error") or payload}
                for name in _FACTS:
                    if name not in facts and whole.get(name):
                        facts[name] = whole[name]
            if facts.keys() >= {"usage", "id", "model"}:
                break
        return facts

    def is_finished(self, choices: int = 1) -> bool:
        """Whether the provider said that all of it had come: its end marker, a final event, reasons to stop."""
        if self.is_json:
            return bool(self.answer())
        if self.done_marker:
            return True
        stopped: set[Any] = set()
        for event in reversed(self.events):
            if not _FINAL.search(event) and not _USAGE.search(event):
                continue
            for payload in json_objects(event_data(event)):
                if str(payload.get("type")) in _FINAL_TYPES or (payload.get("usage") and payload.get("choices") == []):
                    return True
                found = payload.get("choices")
                reasons = [c for c in found if isinstance(c, dict)] if isinstance(found, list) else []
                stopped |= {str(choice.get("index")) for choice in reasons if choice.get("finish_reason")}
        return len(stopped) >= choices


class MeteredBody(httpx2.AsyncByteStream):
    """Passes a body through to its reader and tells the watcher how it ended.

    Where usage is hidden, the chunk that holds nothing else is taken out, and events are passed on whole.
    """

    def __init__(self, response: httpx2.Response, watcher: Watcher) -> None:
        self._inner = PlainBody(response)
        self._watcher = watcher
        self.seen = Seen(response.headers.get("content-type", ""))
        self._hide_usage = watcher.hides_usage and self.seen.is_events
        self._events = EventSplitter()
        self._at_end = False
        self._drop: weakref.finalize[..., Any] | None = None

    @classmethod
    def watch(cls, response: httpx2.Response, watcher: Watcher) -> None:
        """Put a body of ours in place of the response's own."""
        body = cls(response, watcher)
        response.stream = body
        body._drop = weakref.finalize(body, watcher.dropped, body.seen)
        body._drop.atexit = False

    async def __aiter__(self) -> AsyncIterator[bytes]:
        try:
            async for data in self._inner:
                if self.seen.is_events:
                    shown = b"".join([event for event in self._events.feed(data) if self._show(event)])
                    data = shown if self._hide_usage else data
                else:
                    self._show(data)
                if data:
                    yield data
            self._at_end = True
            rest = self._events.rest()
            if self._show(rest) and self._hide_usage:
                yield rest
        except GeneratorExit:
            raise
        except BaseException as error:
            self._ended(error)
            raise
        self._ended(None)

    async def aclose(self) -> None:
        """Close the connection's side. Before the end this means that the reader left."""
        try:
            await self._inner.aclose()
        finally:
            self._ended(None)

    def _ended(self, error: BaseException | None) -> None:
        """After the end marker nothing can go wrong any more: the SDK drains the connection, for a while only."""
        if self._at_end or self.seen.done_marker:
            self._watcher.body_ended(self.seen, End.READ, None)
        else:
            self._watcher.body_ended(self.seen, End.LEFT if error is None else End.BROKEN, error)
        if self._drop is not None:
            self._drop.detach()

    def _show(self, event: bytes) -> bool:
        """Keep an event (or a piece of a body); whether the reader should see it. Our fault never stops it (I23)."""
        if not event:
            return False
        try:
            return not (self.seen.keep(event) and self._hide_usage and _is_only_usage(event))
        except Exception as error:  # noqa: BLE001 - whatever went wrong in watching, the reader gets the answer
            self._watcher.fault(error)
            return True


class EventSplitter:
    """Cuts a stream of bytes into server-sent events, each with its empty line, however the bytes were chunked."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, data: bytes) -> list[bytes]:
        """The events that `data` completes."""
        searched = max(0, len(self._buffer) - 3)
        self._buffer += data
        ends = [match.end() for match in _EVENT_END.finditer(self._buffer, searched)]
        if not ends:
            return []
        events = [bytes(self._buffer[start:end]) for start, end in zip([0, *ends], ends, strict=False)]
        del self._buffer[: ends[-1]]
        return events

    def rest(self) -> bytes:
        """What came after the last event's end."""
        rest = bytes(self._buffer)
        self._buffer.clear()
        return rest


def event_data(event: bytes) -> bytes:
    """The data lines of one server-sent event, joined."""
    lines = event.replace(b"\r\n", b"\n").replace(b"\r", b"\n").split(b"\n")
    return b"\n".join([line[5:].removeprefix(b" ") for line in lines if line.startswith(b"data:")])


def seen_whole(response: httpx2.Response) -> Seen | None:
    """A stream of events that was read whole by the transport; None for any other answer."""
    content_type = response.headers.get("content-type", "")
    if content_type.startswith("application/json"):  # by far the commonest
        return None
    seen = Seen(content_type)
    if not seen.is_events:
        return None
    events = EventSplitter()
    for event in [*events.feed(response.content), events.rest()]:
        seen.keep(event)
    return seen


def _is_only_usage(event: bytes) -> bool:
    return any(
        payload.get("usage") and not payload.get("choices") and not payload.get("error")
        for payload in json_objects(event_data(event))
    )


def _brings_output(event: bytes) -> bool:
    """Whether an event brings the first of the output: text or arguments, not a role or a notice."""
    if b'"delta"' not in event and b'"text"' not in event:
        return False
    for payload in json_objects(event_data(event)):
        choices = payload.get("choices")
        if isinstance(choices, list):
            deltas = [c.get("delta") or c for c in choices if isinstance(c, dict)]
            return any(d.get(k) for d in deltas if isinstance(d, dict) for k in _OUTPUT_KEYS)
        return bool(payload.get("delta"))
    return False
