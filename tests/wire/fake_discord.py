"""Discord on this machine, over real sockets: as much of its HTTP API and its gateway as the bot's wire needs.

It has two servers with a channel each, in which are the bot, Alice, who owns them, and Bob.
"""

import asyncio
import itertools
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager

from aiohttp import web

from tests.wire import payloads
from tests.wire.fake_api import FakeApi, Interaction, Request
from tests.wire.fake_gateway import FakeGateway
from tests.wire.faults import Fault
from tests.wire.payloads import ALICE, CHANNEL_ID, JsonObject

TOKEN = "token"
MESSAGES = f"/channels/{CHANNEL_ID}/messages"
TYPING = f"/channels/{CHANNEL_ID}/typing"
_PATIENCE_SECONDS = 10.0


class FakeDiscord:
    """What people do there, and what has come in from the bot."""

    def __init__(self) -> None:
        self._news = asyncio.Condition()
        self._ids = itertools.count(1)
        self.gateway = FakeGateway(self._news)
        self.api = FakeApi(self._news, self._ids)

    @property
    def requests(self) -> list[Request]:
        """What came by HTTP."""
        return self.api.requests

    @property
    def faults(self) -> dict[str, list[Fault]]:
        """What befalls the next requests, by method and path."""
        return self.api.faults

    @property
    def frames(self) -> list[JsonObject]:
        """What came by the gateway, without heartbeats."""
        return self.gateway.frames

    def posted(self, channel_id: str = CHANNEL_ID) -> list[str]:
        """The texts of the messages that stand in a channel, as they were edited last."""
        return [one["content"] for one in self.api.messages.values() if one["channel_id"] == channel_id]

    async def until(self, has_come: Callable[[], object]) -> None:
        """Wait until something that comes in makes it true. Raises `TimeoutError` after ten seconds."""
        async with asyncio.timeout(_PATIENCE_SECONDS), self._news:
            await self._news.wait_for(has_come)

    async def say(self, text: str, *, author: JsonObject = ALICE, channel_id: str = CHANNEL_ID) -> None:
        """Somebody says something."""
        message = payloads.message(next(self._ids), text, author=author, channel_id=channel_id)
        await self.gateway.dispatch("MESSAGE_CREATE", message)

    async def use(
        self,
        name: str,
        options: Sequence[JsonObject] = (),
        *,
        member: JsonObject = ALICE,
        about: JsonObject | None = None,
        seconds_ago: float = 0.0,
    ) -> Interaction:
        """Somebody uses a command, or an entry in a message's menu; the bot hears of it so many seconds later."""
        event = payloads.command(next(self._ids), name, options, member, self.api.most_bytes, about=about)
        return await self._interact(event, seconds_ago)

    async def fill_in(self, opened: Interaction, typed: str) -> Interaction:
        """Alice fills in the form that she was shown."""
        form = opened.first["data"]
        return await self._interact(payloads.submit(next(self._ids), form, typed, ALICE, self.api.most_bytes), 0.0)

    async def type_into(self, name: str, option: str, *, seconds_ago: float = 0.0) -> Interaction:
        """Alice begins to type into a command's option that has a list."""
        event = payloads.typing(next(self._ids), name, option, ALICE, self.api.most_bytes)
        return await self._interact(event, seconds_ago)

    async def press(
        self, custom_id: str, message: JsonObject, *, member: JsonObject = ALICE, seconds_ago: float = 0.0
    ) -> Interaction:
        """Somebody presses a button on a message of the bot's."""
        event = payloads.press(next(self._ids), custom_id, message, member, self.api.most_bytes)
        return await self._interact(event, seconds_ago)

    async def _interact(self, event: JsonObject, seconds_ago: float) -> Interaction:
        token: str = event["token"]
        began_at = asyncio.get_running_loop().time() - seconds_ago
        self.api.interactions[token] = Interaction(began_at)
        await self.gateway.dispatch("INTERACTION_CREATE", event)
        return self.api.interactions[token]


@asynccontextmanager
async def fake_discord() -> AsyncIterator[FakeDiscord]:
    """A Discord that runs while the block does."""
    discord, app = FakeDiscord(), web.Application()
    app.router.add_get("/gateway", discord.gateway.connection)
    app.router.add_get("/resume", discord.gateway.connection)
    app.router.add_route("*", "/api/{path:.*}", discord.api.answer)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.05)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    discord.gateway.address = discord.api.address = f"http://127.0.0.1:{runner.addresses[0][1]}"
    try:
        yield discord
    finally:
        await runner.cleanup()
