"""Serving the app inside our own event loop, for as long as a block lasts."""

import asyncio
import logging
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager

import uvicorn
from fastapi import FastAPI

from bot.errors import TriloError

log = logging.getLogger(__name__)

STOP_SECONDS = 3
"""How long requests that are being answered may still take at the end."""


class ServingError(TriloError):
    """The API can't be served. `host` and `port` are where."""

    def __init__(self, host: str, port: int) -> None:
        super().__init__(f"the API can't be served at {host}:{port}: that port is taken, or not ours to use")
        self.host = host
        self.port = port


class _Server(uvicorn.Server):
    """One that leaves signals to whoever runs the loop, and says when it listens, or never will."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.ready = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.ready.set()

    async def serve(self, sockets: list[socket.socket] | None = None) -> None:
        try:
            await super().serve(sockets)
        finally:
            self.ready.set()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


@asynccontextmanager
async def serving(app: FastAPI, host: str, port: int) -> AsyncIterator[int]:
    """Serve it; yields the port, also where 0 asked for any. Raises `ServingError`."""
    listening = _bound(host, port)
    config = uvicorn.Config(
        app, log_config=None, access_log=False, lifespan="off", timeout_graceful_shutdown=STOP_SECONDS
    )
    server = _Server(config)
    task = asyncio.create_task(server.serve([listening]), name="api")
    try:
        await server.ready.wait()
        if task.done():
            await task
        bound: int = listening.getsockname()[1]
        log.info("the API is served at http://%s:%d", host, bound)
        yield bound
    finally:
        server.should_exit = True
        await asyncio.wait({task})
        if not task.cancelled() and task.exception() is not None:
            log.warning("the API ended with %s", type(task.exception()).__name__)


def _bound(host: str, port: int) -> socket.socket:
    """A socket of ours: uvicorn would end the process where the port is taken."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family)
    except (OSError, OverflowError):
        raise ServingError(host, port) from None
