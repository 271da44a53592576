"""A web server on this machine that keeps what it is sent, answers as told, or hangs."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import NamedTuple

from aiohttp import web


class Received(NamedTuple):
    """One request; `body` is unpacked where it came compressed."""

    path: str
    headers: Mapping[str, str]
    body: bytes


class Receiver:
    """`statuses` are the answers to come, 200 after them; while `hangs`, nobody is answered."""

    def __init__(self) -> None:
        self.url = ""
        self.received: list[Received] = []
        self.statuses: deque[int] = deque()
        self.hangs = False
        self._came = asyncio.Condition()
        self._end = asyncio.Event()

    async def arrived(self, count: int) -> list[Received]:
        """The first so many requests, once they are there."""
        async with asyncio.timeout(5), self._came:
            await self._came.wait_for(lambda: len(self.received) >= count)
        return self.received[:count]

    async def answer(self, request: web.Request) -> web.Response:
        got = Received(request.path, request.headers.copy(), await request.read())
        async with self._came:
            self.received.append(got)
            self._came.notify_all()
        if self.hangs:
            await self._end.wait()
        status = self.statuses.popleft() if self.statuses else 200
        return web.json_response({"status": 1}, status=status, headers={"Location": "/elsewhere"})

    def end(self) -> None:
        self._end.set()


@asynccontextmanager
async def running_receiver() -> AsyncIterator[Receiver]:
    receiver = Receiver()
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", receiver.answer)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    receiver.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    try:
        yield receiver
    finally:
        receiver.end()
        await runner.cleanup()
