"""The real bot with its real books and a stand-in model, over real sockets to a Discord on this machine."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from types import SimpleNamespace

import pytest
import yarl
from discord.gateway import DiscordWebSocket
from discord.http import Route

from bot.application import open_services
from bot.client import Services, Trilo
from bot.sandbox.stand_in_model import StandInModel
from bot.settings import Settings
from cogs._questions import messages as _messages
from tests.wire.fake_discord import TOKEN, FakeDiscord, fake_discord


@pytest.fixture
async def services(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Services]:
    """Parameters of the test are settings."""
    for name in Settings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)
    given = {"calls_per_minute_member": 0, "calls_per_minute_server": 0, **getattr(request, "param", {})}
    url = f"sqlite:///{tmp_path}/trilo.db"
    async with (
        StandInModel(latency=0, token_delay=0) as model,
        open_services(
            Settings(_env_file=None, **given),
            database_url=url,
            base_url=model.base_url,
            api_key="k",
            console=False,
        ) as opened,
    ):
        yield opened


@pytest.fixture
async def fake(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[FakeDiscord]:
    """Discord, which was sent nothing that the real one refuses."""
    async with fake_discord() as running:
        monkeypatch.setattr(Route, "BASE", f"{running.api.address}/api")
        monkeypatch.setattr(DiscordWebSocket, "DEFAULT_GATEWAY", yarl.URL(f"{running.api.address}/gateway"))
        yield running
    assert running.api.problems == []


@pytest.fixture
async def bot(fake: FakeDiscord, services: Services, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Trilo]:
    """The bot, connected and ready."""

    async def at_once(*_shard: object, **_initial: object) -> None:
        """discord.py waits five seconds between two sessions, as Discord wants it."""

    monkeypatch.setattr(Trilo, "before_identify_hook", at_once)
    monkeypatch.setattr(_messages, "EDIT_SECONDS", 3_600.0)  # however slow the machine is: one message, no edits
    async with Trilo(services) as bot:
        bot._connection.guild_ready_timeout = 0.05  # else two seconds, for more servers to come
        running = asyncio.create_task(bot.start(TOKEN))
        async with asyncio.timeout(10):
            await bot.wait_until_ready()
        yield bot
    await running


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """discord.py's waits of seconds between two tries, and ours, take no time; those that Discord asks for too."""

    async def at_once(_seconds: float, result: object = None) -> object:
        return result

    for module in ("discord.http", "discord.webhook.async_", "cogs._questions.messages"):
        monkeypatch.setattr(f"{module}.asyncio", SimpleNamespace(**{**vars(asyncio), "sleep": at_once}))
