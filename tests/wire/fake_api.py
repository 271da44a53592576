"""The HTTP API of the Discord on this machine: with its limits and deadlines, and the faults it is given."""

import asyncio
import json
import re
import socket
import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from tests.discord_description import problems
from tests.wire import payloads
from tests.wire.faults import Bucket, Fault, RefusedError, refused
from tests.wire.payloads import APPLICATION, BOT, JsonObject

DEADLINE_SECONDS = 3.0
"""How long Discord waits for the first answer to an interaction."""
MOST_FILES = 10
Files = dict[str, tuple[str, bytes]]


@dataclass(frozen=True)
class Request:
    """A request as it came: its body as JSON, and the files of a form, as name and bytes."""

    method: str
    path: str
    body: Any
    files: Files
    status: int
    """What it was answered with."""


@dataclass
class Interaction:
    """What somebody did, and what they were shown for it."""

    began_at: float
    answered_after: float | None = None
    """Seconds until its first answer; None while there is none."""
    first: JsonObject = field(default_factory=dict)
    """The body of that."""
    shown: list[JsonObject] = field(default_factory=list)
    """The bodies that came later; an empty one where it was taken away."""
    messages: list[JsonObject] = field(default_factory=list)
    """What stands there of them, as Discord gives it back."""
    files: Files = field(default_factory=dict)


class FakeApi:
    """`problems` says what was wrong with what came in; `faults` is what befalls the next requests, by their line."""

    def __init__(self, news: asyncio.Condition, ids: Iterator[int]) -> None:
        self.address = ""
        self.requests: list[Request] = []
        self.problems: list[str] = []
        self.faults: dict[str, list[Fault]] = {}
        self.bucket: Bucket | None = None
        """How often messages may be posted."""
        self.messages: dict[str, JsonObject] = {}
        """Those of the bot that stand in the channels, by id."""
        self.gone: set[str] = set()
        """The ids of channels and messages that were deleted."""
        self.interactions: dict[str, Interaction] = {}
        """By token."""
        self.most_bytes = 10 * 1024 * 1024
        self._news = news
        self._ids = ids
        self._by_nonce: dict[str, JsonObject] = {}
        self._headers: dict[str, str] = {}
        application = APPLICATION["id"]
        routes: dict[str, Callable[..., Any]] = {
            "GET /users/@me": lambda _: BOT,
            "GET /oauth2/applications/@me": lambda _: APPLICATION,
            "GET /gateway/bot": lambda _: {"url": f"{self.address}/gateway", **payloads.GATEWAY},
            f"PUT /applications/{application}/commands": payloads.registered,
            r"POST /channels/(\d+)/typing": lambda _, channel_id: self._must_be_there(channel_id, 10003),
            r"POST /channels/(\d+)/messages": self._post,
            r"PATCH /channels/\d+/messages/(\d+)": self._edit,
            r"POST /interactions/\d+/(\w+)/callback": self._first_answer,
            rf"POST /webhooks/{application}/(\w+)": self._later_answer,
            rf"PATCH /webhooks/{application}/(\w+)/messages/\S+": self._later_answer,
            rf"DELETE /webhooks/{application}/(\w+)/messages/\S+": lambda _, token: self.interactions[
                token
            ].shown.append({}),
        }
        self._routes = {re.compile(line): respond for line, respond in routes.items()}

    async def answer(self, request: web.Request) -> web.Response:
        """Any request."""
        path = f"/{request.match_info['path']}"
        line = f"{request.method} {path}"
        body, files = await _read(request)
        self.problems += problems(request.method, path, body)
        waiting = self.faults.get(line)
        fault = waiting.pop(0) if waiting else Fault()
        await asyncio.sleep(fault.seconds)
        is_spared = not (fault.status or fault.cut)
        response = self._respond(line, body, files) if is_spared or fault.is_taken else web.Response()
        if fault.status:
            response = _json(fault)
        async with self._news:
            self.requests.append(Request(request.method, path, body, files, response.status if not fault.cut else 0))
            self._news.notify_all()
        if fault.cut and request.transport is not None:
            if fault.cut == "reset":
                at_once = struct.pack("ii", 1, 0)
                request.transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, at_once)
            request.transport.close()
        return response

    def _respond(self, line: str, body: Any, files: Files) -> web.Response:
        found = next(((match, to) for one, to in self._routes.items() if (match := one.fullmatch(line))), None)
        if found is None:
            self.problems.append(f"{line}: not expected")
            return _json(refused(404, 0, "404: Not Found"))
        match, respond = found
        self._headers = {}
        try:
            self._must_fit(files)
            answered = respond(body, *match.groups())
            if files and match.groups() and match[1] in self.interactions:
                self.interactions[match[1]].files = files
        except RefusedError as error:
            return _json(error.fault)
        return web.Response(status=204) if answered is None else _json(Fault(0, 200, answered, self._headers))

    def _must_fit(self, files: Files) -> None:
        if len(files) > MOST_FILES:
            raise RefusedError(refused(400, 50035, "Invalid Form Body"))
        if sum(len(content) for _name, content in files.values()) > self.most_bytes:
            raise RefusedError(refused(413, 40005, "Request entity too large"))

    def _must_be_there(self, some_id: str, code: int) -> None:
        if some_id in self.gone:
            raise RefusedError(refused(404, code, "Unknown"))

    def _post(self, body: JsonObject, channel_id: str) -> JsonObject:
        """A message; one with the nonce of another is that other one."""
        self._must_be_there(channel_id, 10003)
        if self.bucket is not None:
            self._headers = self.bucket.take(channel_id)
        if (posted := self._by_nonce.get(body["nonce"])) is not None:
            return posted
        message = payloads.message(next(self._ids), body.get("content") or "", author=BOT, channel_id=channel_id)
        self._by_nonce[body["nonce"]] = self.messages[message["id"]] = message
        return message

    def _edit(self, body: JsonObject, message_id: str) -> JsonObject:
        self._must_be_there(message_id, 10008)
        self.messages[message_id]["content"] = body.get("content") or ""
        return self.messages[message_id]

    def _first_answer(self, body: JsonObject, token: str) -> JsonObject:
        """The first answer to an interaction: in time, or never."""
        now, interaction = asyncio.get_running_loop().time(), self.interactions[token]
        if interaction.answered_after is not None:
            raise RefusedError(refused(400, 40060, "Interaction has already been acknowledged."))
        if now - interaction.began_at > DEADLINE_SECONDS:
            raise RefusedError(refused(404, 10062, "Unknown interaction"))
        interaction.answered_after, interaction.first = now - interaction.began_at, body
        return payloads.callback(next(self._ids), body)

    def _later_answer(self, body: JsonObject, token: str) -> JsonObject:
        interaction = self.interactions[token]
        if interaction.answered_after is None:
            raise RefusedError(refused(404, 10015, "Unknown Webhook"))
        interaction.shown.append(body)
        interaction.messages.append(payloads.message(next(self._ids), body.get("content") or "", author=BOT))
        return interaction.messages[-1]


async def _read(request: web.Request) -> tuple[Any, Files]:
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


def _json(answer: Fault) -> web.Response:
    """As Discord sends it: discord.py reads nothing whose type is more than `application/json`."""
    body, kind = json.dumps(answer.body).encode(), "application/json"
    return web.Response(body=body, status=answer.status, headers=answer.headers, content_type=kind)
