"""The page, driven over the HTTP interface that its own script uses."""

import asyncio
import time
from datetime import UTC, datetime

import aiohttp
import discord
import pytest
from discord import app_commands

from bot.sandbox.preview import open_sandbox, serve, with_mention


class EchoBot(discord.AutoShardedClient):
    """Answers mentions slowly, with an edit now and then, and one deferred slash command."""

    def __init__(self) -> None:
        super().__init__(intents=discord.Intents.default())
        self.tree = app_commands.CommandTree(self)
        self.seen: list[discord.Message] = []
        self.clocks: list[tuple[float, datetime]] = []
        self.edits = 0

    async def setup_hook(self) -> None:
        @self.tree.command(name="ping", description="Says pong")
        async def ping(interaction: discord.Interaction) -> None:
            await interaction.response.defer(ephemeral=True)
            await asyncio.sleep(0.2)
            await interaction.followup.send("pong", ephemeral=True)

        await self.tree.sync()

    async def on_message(self, message: discord.Message) -> None:
        self.seen.append(message)
        if message.author.bot or self.user not in message.mentions:
            return
        answer = await message.reply("0")
        for number in range(1, 5):
            await asyncio.sleep(0.2)
            self.clocks.append((time.monotonic(), discord.utils.utcnow()))
            await answer.edit(content=f"edit {number}")
            self.edits += 1


class Page:
    """What the browser does: open a page, act, and look."""

    def __init__(self, session: aiohttp.ClientSession, url: str) -> None:
        self.base, secret = url.split("/#")
        self.session = session
        self.headers = {"X-Simcord-Capability": secret}
        self.sequence = 0
        self.state: dict = {}

    async def open(self) -> None:
        async with self.session.post(f"{self.base}/api/pages", json={}, headers=self.headers) as answered:
            self.state = await answered.json()
        self.headers["X-Simcord-Context"] = self.state["context"]["id"]

    async def look(self) -> list[str]:
        async with self.session.get(f"{self.base}/api/state", headers=self.headers) as answered:
            self.state = await answered.json()
        return [str(self.state["messages"][identity]) for identity in self.state["timeline"]]

    async def act(self, kind: str, **fields) -> dict:
        self.sequence += 1
        body = {
            "protocol_version": 3,
            "sequence": self.sequence,
            "request_id": f"request-{self.sequence}",
            "generation": self.state["context"]["generation"],
            "bot_generation": self.state["botGeneration"],
            "published_revision": self.state["publishedRevision"],
            "kind": kind,
            **fields,
        }
        async with self.session.post(f"{self.base}/api/action", json=body, headers=self.headers) as answered:
            return await answered.json()

    async def say(self, text: str) -> dict:
        return await self.act("send_message", content=text)

    async def wait_for(self, text: str) -> None:
        async with asyncio.timeout(5):
            while not any(text in shown for shown in await self.look()):
                await asyncio.sleep(0.05)


@pytest.fixture
async def bot():
    bot = EchoBot()
    yield bot
    await bot.close()


@pytest.fixture
async def sandbox(bot):
    async with open_sandbox(bot) as sandbox:
        yield sandbox


@pytest.fixture
async def page(sandbox):
    async with aiohttp.ClientSession() as session:
        page = Page(session, sandbox.url)
        await page.open()
        yield page


async def test_the_front_page_answers(page):
    async with page.session.get(page.base + "/") as answered:
        assert answered.status == 200
        assert "<html" in await answered.text()


async def test_a_typed_name_reaches_the_bot_as_a_mention(bot, page):
    result = await page.say("hello @TRILO, how are you?")
    assert result["settlement"] == "settled"
    await page.wait_for("edit 1")
    message = bot.seen[1]
    assert message.mentions == [bot.user]
    assert message.content == f"hello {bot.user.mention}, how are you?"


async def test_other_messages_arrive_without_their_text_as_in_discord(bot, page):
    await page.say("hello Trilobites")
    await page.wait_for("hello Trilobites")
    assert (bot.seen[1].content, bot.seen[1].mentions) == ("", [])


async def test_an_answer_is_seen_growing_and_one_can_type_meanwhile(bot, page):
    await page.say("@Trilo count")
    assert bot.edits == 0
    await page.wait_for("edit 1")
    result = await page.say("I go on typing")  # on a page published anew since: `look` is not called in between
    assert not result["rejected"]
    assert bot.edits < 4
    await page.wait_for("edit 4")


async def test_the_bots_clocks_are_real(bot, page):
    await page.say("@Trilo count")
    await page.wait_for("edit 4")
    (first, told), (last, _) = bot.clocks[0], bot.clocks[-1]
    assert 0.5 < last - first < 2
    assert abs((datetime.now(UTC) - told).total_seconds()) < 5
    assert abs((datetime.now(UTC) - bot.seen[1].created_at).total_seconds()) < 5


async def test_a_deferred_command_shows_its_answer(page, sandbox):
    command = next(iter(sandbox.env.backend.commands[None].values()))
    async with page.session.get(f"{page.base}/api/commands", headers=page.headers) as answered:
        entry = next(item for item in (await answered.json())["entries"] if item["invocation"] == "ping")
    result = await page.act(
        "run_command",
        command_id=command["id"],
        path=["ping"],
        schema_fingerprint=entry["schemaFingerprint"],
        options={},
    )
    assert result["settlement"] == "settled"
    await page.wait_for("pong")


async def test_serve_announces_the_address_once_and_ends_when_cancelled(bot):
    announced: asyncio.Queue[str] = asyncio.Queue()
    task = asyncio.create_task(serve(bot, on_ready=announced.put_nowait))
    url = await asyncio.wait_for(announced.get(), 5)
    assert url.startswith("http://127.0.0.1:")
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert announced.empty()
    async with aiohttp.ClientSession() as session:
        with pytest.raises(aiohttp.ClientConnectorError):
            await session.get(url)


async def test_serve_ends_when_the_session_is_ended_on_the_page(bot):
    announced: asyncio.Queue[str] = asyncio.Queue()
    task = asyncio.create_task(serve(bot, on_ready=announced.put_nowait))
    async with aiohttp.ClientSession() as session:
        page = Page(session, await asyncio.wait_for(announced.get(), 5))
        await page.open()
        await page.act("close")
    await asyncio.wait_for(task, 5)


async def test_a_taken_port_is_named(bot, sandbox):
    port = int(sandbox.url.split(":")[2].split("/")[0])
    second = EchoBot()
    with pytest.raises(OSError, match=str(port)):
        await asyncio.to_thread(lambda: asyncio.run(_serve_and_close(second, port)))


async def _serve_and_close(bot, port):
    try:
        await serve(bot, port=port, on_ready=lambda _: None)
    finally:
        await bot.close()


@pytest.mark.parametrize(
    ("typed", "sent"),
    [
        ("@Trilo hello", "<@7> hello"),
        ("hi @trilo!", "hi <@7>!"),
        ("(@TRILO) and @Trilo", "(<@7>) and <@7>"),
        ("@Trilobite", "@Trilobite"),
        ("me@trilo.com", "me@trilo.com"),
        ("<@7> hello", "<@7> hello"),
        ("Trilo", "Trilo"),
    ],
)
def test_with_mention(typed, sent):
    assert with_mention(typed, "Trilo", 7) == sent
