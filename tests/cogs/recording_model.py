"""A stand-in in the model's place that remembers what it was asked, and a picture to ask about."""

import base64
from typing import Any

from aiohttp import web

from bot.sandbox.stand_in_model import StandInModel

PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)


class RecordingModel(StandInModel):
    """The stand-in, remembering the bodies of the chats it was asked for."""

    def __init__(self) -> None:
        super().__init__(latency=0, token_delay=0)
        self.requests: list[Any] = []

    async def _chat(self, request: web.Request) -> web.StreamResponse:
        self.requests.append(await request.json())
        return await super()._chat(request)
