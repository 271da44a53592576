"""The gateway of the Discord on this machine: sessions, events that wait for a resume, and every way to break off."""

import asyncio
import json
import zlib
from typing import Any

from aiohttp import web

from tests.wire import payloads
from tests.wire.payloads import JsonObject

_DISPATCH, _HEARTBEAT, _IDENTIFY, _RESUME = 0, 1, 2, 6
_RECONNECT, _INVALID_SESSION, _HELLO, _HEARTBEAT_ACK = 7, 9, 10, 11


class FakeGateway:
    """`frames` are those that came in, but for heartbeats, which are counted."""

    def __init__(self, news: asyncio.Condition) -> None:
        self.address = ""
        self.frames: list[JsonObject] = []
        self.heartbeats = 0
        self.heartbeat_seconds = 45.0
        """What the next hello asks for."""
        self.is_silent = False
        """Whether it takes what comes and says nothing more; ends with the next connection."""
        self.repeated = 0
        """So many events that the bot has had are sent again when it resumes: it may have lost count of them."""
        self._news = news
        self._events: list[JsonObject] = []
        self._sessions = 0
        self._is_live = False
        self._socket = web.WebSocketResponse()
        self._transport: asyncio.Transport | None = None
        self._deflate: Any = None

    async def dispatch(self, event: str, data: JsonObject) -> None:
        """Something happens; the bot hears of it at once, or when it has resumed its session."""
        self._events.append({"op": _DISPATCH, "t": event, "s": len(self._events) + 1, "d": data})
        if self._is_live:
            await self._send(self._events[-1])

    async def hang_up(self, code: int) -> None:
        """Close the connection."""
        self._is_live = False
        await self._socket.close(code=code)

    async def cut(self) -> None:
        """Break the connection, without a word."""
        self._is_live = False
        assert self._transport is not None
        self._transport.abort()

    async def call_back(self) -> None:
        """Ask the bot to come back on another connection."""
        self._is_live = False
        await self._send({"op": _RECONNECT, "d": None})

    async def invalidate(self, *, resumable: bool = False) -> None:
        """Tell the bot that its session is over: for good, or until it resumes it."""
        self._is_live = False
        await self._send({"op": _INVALID_SESSION, "d": resumable})

    async def _send(self, frame: JsonObject) -> None:
        if self.is_silent:
            return
        text = json.dumps(frame)
        if self._deflate is None:  # where a Python has zstd, discord.py asks for that: plain text will do
            await self._socket.send_str(text)
        else:
            await self._socket.send_bytes(
                self._deflate.compress(text.encode()) + self._deflate.flush(zlib.Z_SYNC_FLUSH)
            )

    async def connection(self, request: web.Request) -> web.WebSocketResponse:
        """One connection, from hello to close."""
        self._socket = socket = web.WebSocketResponse()
        self._transport, self.is_silent = request.transport, False
        self._deflate = zlib.compressobj() if request.query["compress"] == "zlib-stream" else None
        await socket.prepare(request)
        await self._send({"op": _HELLO, "d": {"heartbeat_interval": int(self.heartbeat_seconds * 1000)}})
        async for message in socket:
            frame = message.json()
            if frame["op"] == _HEARTBEAT:
                self.heartbeats += 1
                await self._send({"op": _HEARTBEAT_ACK})
                continue
            if frame["op"] == _IDENTIFY:
                await self._start_session()
            elif frame["op"] == _RESUME:
                await self._resume_session(frame["d"]["seq"])
            async with self._news:
                self.frames.append({**frame, "path": request.path})
                self._news.notify_all()
        return socket

    async def _start_session(self) -> None:
        self._sessions += 1
        self._events.clear()
        self._is_live = True
        session = {"session_id": f"session {self._sessions}", "resume_gateway_url": f"{self.address}/resume"}
        await self.dispatch("READY", {**payloads.READY, **session})
        for guild in payloads.GUILDS:
            await self.dispatch("GUILD_CREATE", guild)

    async def _resume_session(self, sequence: int) -> None:
        self._is_live = True
        for missed in self._events[sequence - self.repeated :]:
            await self._send(missed)
        await self.dispatch("RESUMED", {})
