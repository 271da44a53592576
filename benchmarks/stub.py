"""A loopback stand-in for OpenAI's API, as fast as Python goes, in a process of its own whose CPU nobody counts.

Under /v1 it answers at once, under /slow/v1 a stream's first token comes after 20 ms. It understands just enough HTTP
for one client at a time on each connection: a request with a Content-Length, answered whole or as a chunked stream.
"""

import asyncio
import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from subprocess import PIPE, Popen

ROOT = Path(__file__).parents[1]
FIRST_TOKEN_SECONDS = 0.02
CHUNKS = 20
"""Pieces of text in a streamed answer, each a server-sent event and an HTTP chunk of its own."""
_USAGE = {
    "prompt_tokens": 212,
    "completion_tokens": 60,
    "total_tokens": 272,
    "prompt_tokens_details": {"cached_tokens": 0, "audio_tokens": 0},
    "completion_tokens_details": {"reasoning_tokens": 0, "audio_tokens": 0},
}
_HEAD = {"id": "chatcmpl-benchmark", "created": 1_760_000_000, "model": "gpt-4o-mini-2024-07-18"}
_TEXT = "The season opens on Friday at eight. "


@contextmanager
def running_stub() -> Iterator[str]:
    """Start the stub; its address, without a path. It ends with its standard input."""
    with Popen([sys.executable, "-m", __name__], cwd=ROOT, stdin=PIPE, stdout=PIPE, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            yield process.stdout.readline().strip()
        finally:
            process.stdin.close()


class Stub(asyncio.Protocol):
    """One connection."""

    def __init__(self) -> None:
        self._data = b""
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """A client is there."""
        self._transport = transport  # type: ignore[assignment]

    def data_received(self, data: bytes) -> None:
        """Answer once a whole request has come."""
        self._data += data
        head, found, body = self._data.partition(b"\r\n\r\n")
        if not found or len(body) < _content_length(head):
            return
        self._data = b""
        if b'"stream":true' not in body.replace(b" ", b""):
            self._write(WHOLE)
        elif head.startswith(b"POST /slow/"):
            asyncio.get_running_loop().call_later(FIRST_TOKEN_SECONDS, self._stream, body)
        else:
            self._stream(body)

    def _stream(self, body: bytes) -> None:
        pieces = STREAM_WITH_USAGE if b'"include_usage"' in body else STREAM
        self._next(iter(pieces))

    def _next(self, pieces: Iterator[bytes]) -> None:
        """One piece for each turn of the loop, so that they leave one by one."""
        piece = next(pieces, None)
        if piece is not None:
            self._write(piece)
            asyncio.get_running_loop().call_soon(self._next, pieces)

    def _write(self, data: bytes) -> None:
        assert self._transport is not None
        self._transport.write(data)


def _content_length(head: bytes) -> int:
    lines = head.lower().split(b"\r\n")
    return next((int(line[15:]) for line in lines if line.startswith(b"content-length:")), 0)


def _whole() -> bytes:
    message: dict[str, object] = {"role": "assistant", "content": _TEXT * 4, "refusal": None, "annotations": []}
    choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": "stop"}
    answer = {**_HEAD, "object": "chat.completion", "choices": [choice], "usage": _USAGE, "service_tier": "default"}
    body = json.dumps(answer).encode()
    head = f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode() + body


def _stream(*, usage: bool) -> list[bytes]:
    none = {"usage": None} if usage else {}
    deltas = [{"role": "assistant", "content": ""}, *({"content": f" word{n}"} for n in range(CHUNKS)), {}]
    events: list[object] = [
        {**_HEAD, "object": "chat.completion.chunk", "choices": [_choice(delta)], **none} for delta in deltas
    ]
    if usage:
        events.append({**_HEAD, "object": "chat.completion.chunk", "choices": [], "usage": _USAGE})
    head = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
    lines = [*(b"data: " + json.dumps(event).encode() + b"\n\n" for event in events), b"data: [DONE]\n\n"]
    pieces = [f"{len(line):x}\r\n".encode() + line + b"\r\n" for line in lines]
    return [head + pieces[0], *pieces[1:-1], pieces[-1] + b"0\r\n\r\n"]


def _choice(delta: dict[str, str]) -> dict[str, object]:
    return {"index": 0, "delta": delta, "logprobs": None, "finish_reason": None if delta else "stop"}


WHOLE = _whole()
STREAM = _stream(usage=False)
STREAM_WITH_USAGE = _stream(usage=True)


async def _serve() -> None:
    server = await asyncio.get_running_loop().create_server(Stub, "127.0.0.1", 0)
    print(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", flush=True)
    await asyncio.to_thread(sys.stdin.read)


if __name__ == "__main__":
    asyncio.run(_serve())
