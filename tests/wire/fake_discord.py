"""Discord on this machine, over real sockets: as much of its HTTP API and its gateway as the bot's wire needs.

It has one server with one channel, in which the bot and Alice are.
"""

import asyncio
import itertools
import json
import zlib
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from tests.discord_description import problems
from tests.wire import payloads
from tests.wire.payloads import APPLICATION, BOT, CHANNEL_ID, GUILD

JsonObject = dict[str, Any]
TOKEN = "token"
_DISPATCH, _HEARTBEAT, _IDENTIFY, _RESUME, _INVALID_SESSION, _HELLO, _HEARTBEAT_ACK = 0, 1, 2, 6, 9, 10, 11
_PATIENCE_SECONDS = 10.0
MESSAGES = f"/channels/{CHANNEL_ID}/messages"


@dataclass(frozen=True)
class Request:
    """A request as it came: its body as JSON, and the files of a form, as name and bytes."""

    method: str
    path: str
    body: Any
    files: dict[str, tuple[str, bytes]]
    status: int
    """What it was answered with."""


@dataclass
class FakeDiscord:
    """What has come in: `requests` by HTTP, `frames` by the gateway (no heartbeats); `problems` says what was wrong."""

    address: str = ""
    requests: list[Request] = field(default_factory=list)
    frames: list[JsonObject] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    busy_seconds: list[float] = field(default_factory=list)
    """How long each of the next posted messages is told to wait, instead of being taken."""

    def __post_init__(self) -> None:
        self._news = asyncio.Condition()
        self._ids = itertools.count(1)
        self._events: list[JsonObject] = []
        self._sessions = 0
        self._is_live = False
        self._socket = web.WebSocketResponse()
        self._deflate: Any = None

    def posted(self) -> list[str]:
        """The texts of the messages taken so far."""
        return [
            request.body["content"]
            for request in self.requests
            if (request.method, request.path, request.status) == ("POST", MESSAGES, 200)
        ]

    async def until(self, has_come: Callable[[], object]) -> None:
        """Wait until something that comes in makes it true. Raises `TimeoutError` after ten seconds."""
        async with asyncio.timeout(_PATIENCE_SECONDS), self._news:
            await self._news.wait_for(has_come)

    async def say(self, text: str) -> None:
        """Alice says something."""
        await self.dispatch("MESSAGE_CREATE", payloads.message(next(self._ids), text))

    async def dispatch(self, event: str, data: JsonObject) -> None:
        """Something happens on the server; the bot hears of it at once, or when it has resumed its session."""
        self._events.append({"op": _DISPATCH, "t": event, "s": len(self._events) + 1, "d": data})
        if self._is_live:
            await self._send(self._events[-1])

    async def hang_up(self, code: int) -> None:
        """Close the gateway's connection."""
        self._is_live = False
        await self._socket.close(code=code)

    async def invalidate(self) -> None:
        """Tell the bot that its session is over for good."""
        await self._send({"op": _INVALID_SESSION, "d": False})

    async def _send(self, frame: JsonObject) -> None:
        text = json.dumps(frame)
        if self._deflate is None:  # where a Python has zstd, discord.py asks for that: plain text will do
            await self._socket.send_str(text)
        else:
            await self._socket.send_bytes(
                self._deflate.compress(text.encode()) + self._deflate.flush(zlib.Z_SYNC_FLUSH)
            )

    async def gateway(self, request: web.Request) -> web.WebSocketResponse:
        """One connection, from hello to close."""
        self._socket = web.WebSocketResponse()
        self._deflate = zlib.compressobj() if request.query["compress"] == "zlib-stream" else None
        await self._socket.prepare(request)
        await self._send({"op": _HELLO, "d": {"heartbeat_interval": 45_000}})
        async for message in self._socket:
            frame = message.json()
            if frame["op"] == _HEARTBEAT:
                await self._send({"op": _HEARTBEAT_ACK})
                continue
            if frame["op"] == _IDENTIFY:
                await self._start_session()
            elif frame["op"] == _RESUME:
                await self._resume_session(frame["d"]["seq"])
            async with self._news:
                self.frames.append({**frame, "path": request.path})
                self._news.notify_all()
        return self._socket

    async def _start_session(self) -> None:
        self._sessions += 1
        self._events.clear()
        self._is_live = True
        session = {"session_id": f"session {self._sessions}", "resume_gateway_url": f"{self.address}/resume"}
        await self.dispatch("READY", {**payloads.READY, **session})
        await self.dispatch("GUILD_CREATE", GUILD)

    async def _resume_session(self, sequence: int) -> None:
        self._is_live = True
        for missed in self._events[sequence:]:
            await self._send(missed)
        await self.dispatch("RESUMED", {})

    async def api(self, request: web.Request) -> web.Response:
        """Any request of the HTTP API."""
        path = f"/{request.match_info['path']}"
        body, files = await _read(request)
        self.problems += problems(request.method, path, body)
        response = self._respond(request.method, path, body)
        async with self._news:
            self.requests.append(Request(request.method, path, body, files, response.status))
            self._news.notify_all()
        return response

    def _respond(self, method: str, path: str, body: Any) -> web.Response:
        answers: dict[tuple[str, str], Callable[[], Any]] = {
            ("GET", "/users/@me"): lambda: BOT,
            ("GET", "/oauth2/applications/@me"): lambda: APPLICATION,
            ("GET", "/gateway/bot"): lambda: {"url": f"{self.address}/gateway", **payloads.GATEWAY},
            ("PUT", f"/applications/{APPLICATION['id']}/commands"): lambda: payloads.registered(body),
            ("POST", f"/channels/{CHANNEL_ID}/typing"): lambda: None,
            ("POST", MESSAGES): lambda: payloads.message(next(self._ids), body["content"], author=BOT),
        }
        if (answer := answers.get((method, path))) is None:
            self.problems.append(f"{method} {path}: not expected")
            return _json({"message": "404: Not Found", "code": 0}, 404)
        if path == MESSAGES and self.busy_seconds:
            seconds = self.busy_seconds.pop(0)
            refusal = {"message": "You are being rate limited.", "retry_after": seconds, "global": False}
            return _json(refusal, 429, {"Via": "1.1 google", "Retry-After": "1"})
        answered = answer()
        return _json(answered) if answered is not None else web.Response(status=204)


@asynccontextmanager
async def fake_discord() -> AsyncIterator[FakeDiscord]:
    """A Discord that runs while the block does."""
    discord, app = FakeDiscord(), web.Application()
    app.router.add_get("/gateway", discord.gateway)
    app.router.add_get("/resume", discord.gateway)
    app.router.add_route("*", "/api/{path:.*}", discord.api)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    discord.address = f"http://127.0.0.1:{runner.addresses[0][1]}"
    try:
        yield discord
    finally:
        await runner.cleanup()


async def _read(request: web.Request) -> tuple[Any, dict[str, tuple[str, bytes]]]:
    """The body as JSON, and the files of a form."""
    if request.content_type != "multipart/form-data":
        text = await request.text()
        return json.loads(text) if text else None, {}
    body, files = None, {}
    async for part in await request.multipart():
        if part.name == "payload_json":
            body = json.loads(await part.text())
        else:
            files[part.name] = (part.filename, bytes(await part.read()))
    return body, files


def _json(body: Any, status: int = 200, headers: dict[str, str] | None = None) -> web.Response:
    """As Discord sends it: discord.py reads nothing whose type is more than `application/json`."""
    return web.Response(body=json.dumps(body).encode(), status=status, headers=headers, content_type="application/json")
