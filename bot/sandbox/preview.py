"""The sandbox's front door: the real bot in a made-up server, on a page that looks like Discord.

async with open_sandbox(bot, port=8123) as sandbox:
    print("Sandbox:", sandbox.url)
    await sandbox.wait_closed()
"""

import asyncio
import errno
import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import discord
import simcord

from bot.sandbox.live import LiveEnv, LivePreview
from bot.sandbox.world import BOT_NAME, World, build_world

THINGS_TO_TRY = f"""\
Things to try on the page:
  @{BOT_NAME} hello                       a mention is answered, and its cost printed here
  @{BOT_NAME} what can you do?            also: a joke, a trade idea, rules, scheduling, code
  @{BOT_NAME} give me a long answer       longer than one message may be
  /budget set                        the limit 0.0004, per: day. Alerts come to the channel you choose: take #general
  then three long answers:           the alerts with their buttons, a kind no, then ⏳; /budget show has it all
  @{BOT_NAME} How do I set up my league?  with room in that budget: from our own guide, and below it what is missing
  @{BOT_NAME} create week 9: Texans vs Colts, Chiefs vs Broncos    a plan: nothing happens before your press
  /league create                     also from a picture: docs/images/schedule-week-8.png has one row smeared
  @{BOT_NAME} delete week 7               what exactly goes; /league restore brings it back, /league history has it all
  @{BOT_NAME} announce the advance to week 8, Sunday 8pm
  @{BOT_NAME} please fail                 the model fails; also: please be busy, please hang up, out of credit
  /token-stats                       choose a period and a split; the two months before today are made up
  /settings                          switch quotas on; /my-usage shows what is left, /ai pause stops everything
  then as Jordan ("Viewing as"):     a member, whom /league and everybody's plans refuse
"""

_WELCOME = "Week 7 is up: six games, advance on Sunday 20:00. Ask @{bot} if anything is unclear."


@dataclass(frozen=True, slots=True)
class Sandbox:
    """A running sandbox. `url` opens the page; the secret in its fragment lets whoever has it act as the members."""

    url: str
    world: World
    env: simcord.Env
    preview: simcord.Preview

    async def wait_closed(self) -> None:
        """Return once somebody has ended the session from the page."""
        await self.preview.wait_closed()


class Typist(simcord.MemberActor):
    """A member who types on the page, where there is no picker: `@Trilo` in the text becomes the mention."""

    async def send(self, channel: simcord.ChannelHandle, content: str = "", **options: Any) -> discord.Message:
        """Send what was typed."""
        return await super().send(channel, self._with_mentions(content), **options)

    async def edit(self, message: Any, content: str) -> None:
        """Change what was typed."""
        await super().edit(message, self._with_mentions(content))

    def _with_mentions(self, content: str) -> str:
        bot = self._env.bot.user
        return content if bot is None else with_mention(content, bot.name, bot.id)


def with_mention(content: str, name: str, user_id: int) -> str:
    """The text with each `@name` (any case, as a word of its own) replaced by the mention of that user."""
    return re.sub(rf"(?<![\w<])@{re.escape(name)}(?!\w)", f"<@{user_id}>", content, flags=re.IGNORECASE)


@asynccontextmanager
async def open_sandbox(
    bot: discord.Client, *, port: int | None = None, language: str = "en-US", invited_at: datetime | None = None
) -> AsyncIterator[Sandbox]:
    """Log the bot in to the made-up server and serve the page on loopback, until the block ends.

    `language` is the server's, as Discord names it; `invited_at` is when the bot was invited: long ago, unless given.
    The bot is logged in here and closed by whoever made it. Raises `OSError` where the port is taken.
    """
    env = LiveEnv(bot)
    world = build_world(env, language, invited_at)
    await env.start()
    try:
        with env.time_context():
            await world.owner.send(world.general, _WELCOME.format(bot=BOT_NAME))
            viewers = [Typist(env, member.guild, member.user) for member in world.viewers]
            preview = env.preview(world.general, viewers=viewers, layout="channel", port=port)
            await _enter(preview, port)
        publisher = asyncio.create_task(LivePreview(env, preview).run(), name="sandbox-publisher")
        try:
            yield Sandbox(preview.url, world, env, preview)
        finally:
            publisher.cancel()
            with suppress(asyncio.CancelledError):
                await publisher
            await preview.close()
    finally:
        await env.shutdown()


async def serve(bot: discord.Client, *, port: int | None = None, on_ready: Callable[[str], None]) -> None:
    """Run the sandbox until it is cancelled or ended from the page. `on_ready` gets the address."""
    async with open_sandbox(bot, port=port) as sandbox:
        on_ready(sandbox.url)
        await sandbox.wait_closed()


async def _enter(preview: simcord.Preview, port: int | None) -> None:
    try:
        await preview.__aenter__()
    except simcord.SetupError as error:
        if isinstance(error.__cause__, OSError):
            raise OSError(errno.EADDRINUSE, f"port {port} is taken: choose another with --port") from error
        raise
