"""A web server on this machine that keeps what it is sent, or hangs, as asked."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any


class Web:
    """Its `address` in apprise's words, and the JSON bodies that have arrived. `status` and `body` are what it answers.

    `left` is set when somebody has closed the connection before they were answered.
    """

    def __init__(self, port: int) -> None:
        self.port = port
        self.status = 200
        self.headers = ""
        self.body = b""
        self.left = asyncio.Event()
        self.received: list[dict[str, Any]] = []
        self.hangs = asyncio.Event()
        self.hangs.set()

    @property
    def address(self) -> str:
        return f"json://127.0.0.1:{self.port}/hook"


@asynccontextmanager
async def web_server() -> AsyncIterator[Web]:
    web = Web(0)

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
        length = int(head.partition("content-length:")[2].split("\r\n")[0] or 0)
        web.received.append(json.loads(await reader.readexactly(length)) if length else {})
        ended = asyncio.create_task(reader.read())
        hangs = asyncio.create_task(web.hangs.wait())
        await asyncio.wait({ended, hangs}, return_when=asyncio.FIRST_COMPLETED)
        if not web.hangs.is_set():
            web.left.set()
        length = len(web.body)
        head = f"HTTP/1.1 {web.status} x\r\n{web.headers}content-length: {length}\r\nconnection: close\r\n\r\n"
        writer.write(head.encode() + web.body)
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    web.port = server.sockets[0].getsockname()[1]
    try:
        yield web
    finally:
        web.hangs.set()
        server.close()


@asynccontextmanager
async def mail_server() -> AsyncIterator[tuple[int, list[str]]]:
    """A mail server on this machine: its port, and the messages that have arrived."""
    received: list[str] = []

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 here\r\n")
        while line := (await reader.readline()).upper():
            if line.startswith(b"DATA"):
                writer.write(b"354 go on\r\n")
                received.append((await reader.readuntil(b"\r\n.\r\n")).decode())
            writer.write(b"221 bye\r\n" if line.startswith(b"QUIT") else b"250 ok\r\n")
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1], received
    finally:
        server.close()
