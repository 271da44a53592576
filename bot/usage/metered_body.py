"""The body of a streamed answer, watched as it passes: its usage, what it delivered, and how it ended.

It stands in for `httpx2.Response.stream`, below everything the SDK offers (iteration, the `.stream()` helpers,
`with_raw_response`, `with_streaming_response`, `iter_lines`), so that end, close, cancellation, failure and garbage
collection all arrive at one place, and the usage chunk that only we asked for is seen by nobody.
"""

import json
import re
import zlib
from collections.abc import AsyncIterator, Iterator
from enum import Enum
from time import perf_counter
from typing import Any, Protocol

import httpx2

KEPT_EVENT_BYTES = 65_536
"""A longer event without usage (a picture in the making) is passed on and not kept."""
_USAGE = re.compile(rb'"usage"\s*:\s*\{')
KEPT_BODY_BYTES = 64 * 1024 * 1024
_TERMINAL = frozenset({"response.completed", "response.incomplete", "response.failed"})


class End(Enum):
    """How a body ended: read to its end, left early by its reader, or broken by `error`."""

    READ = "read"
    LEFT = "left"
    BROKEN = "broken"


class Watcher(Protocol):
    """Who is told, once, how the body ended. `error` is None unless it broke."""

    def body_ended(self, seen: "Seen", end: End, error: BaseException | None) -> None:
        """Take note. Must not block or raise."""


class Seen:
    """What has passed: kept apart from the body, so that a body dropped unread can still be accounted for."""

    def __init__(self, content_type: str) -> None:
        self.is_events = content_type.startswith("text/event-stream")
        self.is_json = content_type.startswith("application/json")
        self.events: list[bytes] = []
        self.first_token_at: float | None = None
        self.done_marker = False
        self._kept_bytes = 0

    def keep(self, event: bytes) -> None:
        """Keep one event (or a piece of a JSON body) for the accounting."""
        if self.is_events:
            self.done_marker = self.done_marker or b"data: [DONE]" in event or b"data:[DONE]" in event
            if len(event) > KEPT_EVENT_BYTES and b'"usage"' not in event:
                return
            if self.first_token_at is None and _brings_output(event):
                self.first_token_at = perf_counter()
        elif not self.is_json:
            return
        self._kept_bytes += len(event)
        if self._kept_bytes <= KEPT_BODY_BYTES:
            self.events.append(event)

    def payloads(self, *, newest_first: bool = False) -> Iterator[dict[str, Any]]:
        """The JSON objects among what was kept; garbled ones are passed over."""
        if self.is_json:
            yield from _objects(b"".join(self.events))
            return
        for event in reversed(self.events) if newest_first else self.events:
            yield from _objects(event_data(event))

    def answer(self) -> dict[str, Any]:
        """The payload that tells usage, model and id: the last with usage, else the last at all, else empty."""
        last: dict[str, Any] = {}
        for payload in self.payloads(newest_first=True):
            inner = payload.get("response")
            whole = inner if isinstance(inner, dict) else payload
            if payload.get("type") == "error":
                return {"error": payload}
            if whole.get("usage") or whole.get("error"):
                return whole
            last = last or whole
        return last

    def response_id(self) -> str | None:
        """The id of the stored response that the events are of."""
        for payload in self.payloads():
            inner = payload.get("response")
            if isinstance(inner, dict) and inner.get("id"):
                return str(inner["id"])
        return None

    def is_complete(self) -> bool:
        """Whether the provider said it was finished: its end marker, a final event, or a reason to stop."""
        if self.done_marker or not self.is_events:
            return True
        for payload in self.payloads(newest_first=True):
            choices = payload.get("choices")
            if payload.get("type") in _TERMINAL or payload.get("type") in ("speech.audio.done", "transcript.text.done"):
                return True
            if isinstance(choices, list) and any(isinstance(c, dict) and c.get("finish_reason") for c in choices):
                return True
        return False


class MeteredBody(httpx2.AsyncByteStream):
    """Passes a body through to its reader and tells `watcher` once how it ended.

    With `hide_usage` the chunk that holds nothing but usage is taken out, and events are passed on whole.
    """

    def __init__(self, response: httpx2.Response, watcher: Watcher, *, hide_usage: bool) -> None:
        self._inner = response.stream
        self._watcher = watcher
        self._hide_usage = hide_usage
        self._decompress = _decompressor(response)
        self.seen = Seen(response.headers.get("content-type", ""))
        self._at_end = False

    async def __aiter__(self) -> AsyncIterator[bytes]:
        pending = b""
        try:
            async for chunk in self._inner:  # type: ignore[union-attr]
                data = self._decompress(chunk) if self._decompress else chunk
                if not self.seen.is_events:
                    self.seen.keep(data)
                    yield data
                    continue
                events, pending = _split(pending + data)
                shown = [event for event in events if self._watch(event)]
                if self._hide_usage:
                    if shown:
                        yield b"".join(shown)
                else:
                    yield data
            self._watch(pending)
            self._at_end = True
            if self._hide_usage and pending:
                yield pending
        except GeneratorExit:
            raise
        except BaseException as error:
            self._watcher.body_ended(self.seen, End.BROKEN, error)
            raise
        self._watcher.body_ended(self.seen, End.READ, None)

    async def aclose(self) -> None:
        """Close the connection's side. Before the end this means that the reader left."""
        try:
            await self._inner.aclose()  # type: ignore[union-attr]
        finally:
            end = End.READ if self._at_end or self.seen.done_marker else End.LEFT
            self._watcher.body_ended(self.seen, end, None)

    def _watch(self, event: bytes) -> bool:
        """Keep an event; whether the reader should see it."""
        if not event:
            return False
        self.seen.keep(event)
        return not (self._hide_usage and _USAGE.search(event) and _is_only_usage(event))


def event_data(event: bytes) -> bytes:
    """The data lines of one server-sent event, joined."""
    lines = event.replace(b"\r\n", b"\n").replace(b"\r", b"\n").split(b"\n")
    return b"\n".join(line[5:].removeprefix(b" ") for line in lines if line.startswith(b"data:"))


def _split(data: bytes) -> tuple[list[bytes], bytes]:
    """Whole events, each with its blank line, and the unfinished rest."""
    separator = b"\r\n\r\n" if b"\r\n" in data else b"\n\n"
    *whole, rest = data.split(separator)
    return [event + separator for event in whole], rest


def _objects(data: bytes) -> Iterator[dict[str, Any]]:
    try:
        value = json.loads(data)
    except ValueError:
        return
    if isinstance(value, dict):
        yield value


def _is_only_usage(event: bytes) -> bool:
    return any(payload.get("usage") and not payload.get("choices") for payload in _objects(event_data(event)))


def _brings_output(event: bytes) -> bool:
    """Whether an event brings the first of the output: text or arguments, not a role or a notice."""
    if b'"delta"' not in event and b'"text"' not in event:
        return False
    for payload in _objects(event_data(event)):
        choices = payload.get("choices")
        if isinstance(choices, list):
            deltas = [c.get("delta") or c for c in choices if isinstance(c, dict)]
            return any(d.get(k) for d in deltas if isinstance(d, dict) for k in _OUTPUT_KEYS)
        return bool(payload.get("delta"))
    return False


_OUTPUT_KEYS = ("content", "text", "tool_calls", "refusal", "reasoning_content", "audio")


def _decompressor(response: httpx2.Response) -> Any:
    """Undo gzip or deflate here (and not above us), should a server compress what was asked for plain."""
    if response.headers.get("content-encoding", "").strip().lower() not in ("gzip", "deflate"):
        return None
    del response.headers["content-encoding"]
    return zlib.decompressobj(zlib.MAX_WBITS | 32).decompress
