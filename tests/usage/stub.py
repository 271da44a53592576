"""A scriptable HTTP server on loopback: every byte, pause and break of an answer is the test's to choose."""

import asyncio
import contextlib
import gzip as gzip_module
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Self


@dataclass
class Request:
    """What a client sent."""

    method: str
    path: str
    headers: dict[str, str]
    raw: bytes

    @property
    def body(self) -> dict[str, Any]:
        return json.loads(self.raw) if self.raw.startswith(b"{") else {}


@dataclass
class Scripted:
    """One answer: pieces of body are bytes to send or seconds to wait.

    `cut` closes the connection where the body should go on; `hang` never answers at all; `drop` hangs up unanswered.
    """

    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    pieces: Sequence[bytes | float] = ()
    chunked: bool = False
    cut: bool = False
    hang: bool = False
    drop: bool = False
    delay: float = 0.0


def answer(payload: object, status: int = 200, delay: float = 0.0, **headers: str) -> Scripted:
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    return Scripted(status, {"content-type": "application/json", **names}, [json.dumps(payload).encode()], delay=delay)


def raw(body: bytes, content_type: str, **how: Any) -> Scripted:
    return Scripted(200, {"content-type": content_type}, [body], **how)


def error(status: int, code: str = "some_code", **headers: str) -> Scripted:
    return answer({"error": {"message": "secret words of the prompt", "type": "t", "code": code}}, status, **headers)


def hang() -> Scripted:
    return Scripted(hang=True)


def drop() -> Scripted:
    return Scripted(drop=True)


def sse_bytes(events: Sequence[object], *, done: bool = True, end: str = "\n") -> bytes:
    """The events as one body. A str is sent as it is, as the data of an event; anything else as JSON."""
    texts = [event if isinstance(event, str) else json.dumps(event) for event in events]
    names = [f"event: {e['type']}{end}" if isinstance(e, dict) and "type" in e else "" for e in events]
    body = "".join(f"{name}data: {text}{end}{end}" for name, text in zip(names, texts, strict=True))
    return (body + (f"data: [DONE]{end}{end}" if done else "")).encode()


def sse(
    events: Sequence[object],
    *,
    done: bool = True,
    end: str = "\n",
    pause: float = 0.0,
    pause_at: int | None = None,
    size: int | None = None,
    cut: bool = False,
    cut_after: int | None = None,
    gzip: bool = False,
    delay: float = 0.0,
) -> Scripted:
    """A stream of events. `size`: bytes a TCP chunk; `pause_at`: hang for good before this event."""
    body = sse_bytes(events, done=done, end=end)
    headers = {"content-type": "text/event-stream; charset=utf-8"}
    if gzip:
        body, headers["content-encoding"] = gzip_module.compress(body), "gzip"
    if cut_after is not None:
        body, cut = body[:cut_after], True
    pieces: list[bytes | float]
    if size is not None:
        pieces = [x for start in range(0, len(body), size) for x in (body[start : start + size], 0.001)]
    elif pause_at is not None:
        pieces = [sse_bytes(events[:pause_at], done=False, end=end), 3600.0]
    elif pause:
        parts = [sse_bytes([event], done=False, end=end) for event in events]
        pieces = [x for part in parts for x in (part, pause)] + ([sse_bytes([], end=end)] if done else [])
    else:
        pieces = [body]
    return Scripted(200, headers, pieces, chunked=True, cut=cut, delay=delay)


class Stub:
    """The server. Answers come from `script`, in order; when that is empty, from `default`."""

    def __init__(self) -> None:
        self.script: list[Scripted] = []
        self.default: Callable[[Request], Scripted] = lambda _request: error(599, "nothing scripted")
        self.requests: list[Request] = []
        self.arrived = asyncio.Event()
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    def answers(self, *scripted: Scripted) -> None:
        self.script.extend(scripted)

    @property
    def url(self) -> str:
        assert self._server is not None
        return f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}/v1"

    @property
    def bodies(self) -> list[dict[str, Any]]:
        return [request.body for request in self.requests]

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._server is not None
        self._server.close()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            try:
                while await self._serve(reader, writer):
                    pass
            finally:
                writer.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        first, *lines = head.strip().split("\r\n")
        method, path, _ = first.split(" ")
        headers = {k.lower(): v for k, v in (line.split(": ", 1) for line in lines)}
        if headers.get("transfer-encoding") == "chunked":
            body = await _chunked(reader)
        else:
            body = await reader.readexactly(int(headers.get("content-length", 0)))
        request = Request(method, path, headers, body)
        self.requests.append(request)
        self.arrived.set()
        return await _send(writer, self.script.pop(0) if self.script else self.default(request))


async def _chunked(reader: asyncio.StreamReader) -> bytes:
    body = b""
    while size := int(await reader.readline(), 16):
        body += await reader.readexactly(size)
        await reader.readline()
    await reader.readline()
    return body


async def _send(writer: asyncio.StreamWriter, scripted: Scripted) -> bool:
    await asyncio.sleep(3600 if scripted.hang else scripted.delay)
    if scripted.drop:
        return False
    headers = dict(scripted.headers)
    if scripted.chunked:
        headers["transfer-encoding"] = "chunked"
    else:
        headers["content-length"] = str(sum(len(p) for p in scripted.pieces if isinstance(p, bytes)))
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    writer.write(f"HTTP/1.1 {scripted.status} X\r\n{lines}\r\n".encode("latin-1"))
    for piece in scripted.pieces:
        if isinstance(piece, float):
            await asyncio.sleep(piece)
            continue
        if piece:
            writer.write(b"%x\r\n%s\r\n" % (len(piece), piece) if scripted.chunked else piece)
            await writer.drain()
    if scripted.cut:
        return False
    if scripted.chunked:
        writer.write(b"0\r\n\r\n")
    await writer.drain()
    return True
