"""The whole bot with real books, and a scriptable server in the model's place."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import simcord

from bot.application import open_services
from bot.client import Services, Trilo
from bot.settings import Settings
from tests.cogs.model.place import KEY, Place
from tests.usage.stub import Stub


@pytest.fixture
def settings(request: pytest.FixtureRequest) -> Settings:
    """Any number of questions a minute, a short persona, and what a test's parameter says."""
    given = {"calls_per_minute_member": 0, "calls_per_minute_server": 0, "persona": "Be brief."}
    return Settings(_env_file=None, **{**given, **getattr(request, "param", {})})


@pytest.fixture
async def stub() -> AsyncIterator[Stub]:
    async with Stub() as running:
        yield running


@pytest.fixture
async def services(settings: Settings, stub: Stub, tmp_path: Path) -> AsyncIterator[Services]:
    """Its client doesn't retry: a fault comes once."""
    url = f"sqlite:///{tmp_path}/t.db"
    async with open_services(settings, database_url=url, base_url=stub.url, api_key=KEY, console=False) as opened:
        opened.conversation._client.max_retries = 0
        yield opened


@pytest.fixture
async def simcord_bot(services: Services, monkeypatch: pytest.MonkeyPatch) -> Trilo:
    monkeypatch.setattr("bot.client.EXTENSIONS", ("cogs.conversation", "cogs.league"))
    return Trilo(services, shard_count=1)


@pytest.fixture
def place(simcord_env: simcord.Env, services: Services, stub: Stub) -> Place:
    guild = simcord_env.create_guild("League")
    alice = guild.add_member(simcord_env.create_user("alice"))
    return Place(simcord_env, guild, guild.create_text_channel("general"), alice, services, stub)
