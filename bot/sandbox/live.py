"""simcord in real time.

simcord is made for tests: its clock stands still, and a message counts as sent only when everything the bot does
about it is over, timers included. A page that people look at needs the opposite, so here the clock is the wall
clock, the bot's own tasks and timers run as they would in production, and only an interaction is waited for, as
Discord itself does. Everything that simcord doesn't offer in public is in this one module.
"""

# ruff: noqa: SLF001

import asyncio
import logging
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, datetime
from typing import Any

import discord
import simcord
from simcord import SetupError, interactions
from simcord._clock import Clock

_log = logging.getLogger(__name__)

ACKNOWLEDGE_SECONDS = 3.0
"""How long Discord waits for the first answer to an interaction."""

_TICK = 0.02
_REFRESH_TICK = 0.1


@contextmanager
def everybody_speaks(language: str) -> Iterator[None]:
    """Have the made-up people use a language in Discord, a tag such as `es-419`; simcord's own speak `en-US`."""
    in_english = interactions.base_payload

    def base_payload(*arguments: Any, **named: Any) -> Any:
        record, payload = in_english(*arguments, **named)
        return record, {**payload, "locale": language}

    interactions.base_payload = base_payload
    try:
        yield
    finally:
        interactions.base_payload = in_english


class LiveClock(Clock):
    """The wall clock. It can't be advanced."""

    def now(self) -> datetime:
        """The current instant, in UTC."""
        return datetime.now(UTC)

    def advance(self, seconds: float) -> None:
        """Refused: real time passes by itself."""
        raise SetupError("the sandbox runs in real time")


class LiveEnv(simcord.Env):
    """A simcord environment in which the bot runs as in production: real clock, real timers, nothing awaited."""

    def __init__(self, bot: discord.Client) -> None:
        sharded = isinstance(bot, discord.AutoShardedClient)
        shard_count = (bot.shard_count or 1) if sharded else None
        super().__init__(bot, shard_count=shard_count, approved_intents=bot.intents, check_errors=False)

    async def start(self) -> None:
        """Set the clock to now and log the bot in. What was built before has the ids of simcord's epoch."""
        self.backend.clock = LiveClock()
        await super().start()
        await self.bot.wait_until_ready()
        for guild in self.bot.guilds:  # simcord doesn't wait for servers before it is ready, so nobody was told of them
            self.bot.dispatch("guild_available", guild)

    def _bot_scope(self) -> AbstractContextManager[None]:  # type: ignore[override]
        """Deliver events without claiming the tasks they start, which would freeze their timers."""
        return self.time_context()

    async def _settle_internal(
        self,
        *,
        timeout: float | None = None,  # noqa: ASYNC109
        idle: float = 0.05,
        dispatch: str | None = None,
        _deadline: float | None = None,
    ) -> None:
        """Wait for the first answer to an interaction, for as long as Discord would, and for nothing else."""
        if dispatch != "INTERACTION_CREATE":
            return
        interaction = list(self.backend.interactions.values())[-1]
        loop = asyncio.get_running_loop()
        patience = loop.time() + ACKNOWLEDGE_SECONDS
        while not interaction.responded and loop.time() < patience:  # noqa: ASYNC110
            await asyncio.sleep(_TICK)


class LivePreview:
    """Keeps an open preview up to date with what the bot does, whenever it does it."""

    def __init__(self, env: LiveEnv, preview: simcord.Preview) -> None:
        self._env = env
        self._preview = preview
        self._act = preview._action
        preview._action = self._forgiving_action  # type: ignore[method-assign]

    async def run(self) -> None:
        """Publish every change, until cancelled."""
        seen = -1
        while True:
            calls = len(self._env.http_requests)
            if calls != seen and self._env._operation_task is None:
                try:
                    await self._preview.refresh()
                except SetupError:
                    return  # the session was ended
                except Exception:  # noqa: BLE001 a change that can't be drawn must not stop the next one
                    _log.warning("the page could not be brought up to date", exc_info=True)
                seen = calls
            await asyncio.sleep(_REFRESH_TICK)

    async def _forgiving_action(self, context_id: str | None, body: Mapping[str, Any]) -> dict[str, Any]:
        """Accept an action on a page that was published anew since the browser last looked (twice a second).

        Otherwise nobody could type or press a button while an answer is streaming. What the action is about is
        checked all the same.
        """
        page = self._preview._pages.get(context_id or "")
        if page is not None and isinstance(body, Mapping) and body.get("sequence") == page.last_sequence + 1:
            seen = body.get("published_revision")
            if isinstance(seen, int) and seen < page.revision:
                body = {**body, "published_revision": page.revision}
        return await self._act(context_id, body)
