"""The whole bot with its league, inside simcord, and the sandbox's stand-in in the model's place, over HTTP."""

from collections.abc import Callable
from typing import Any

import discord
import pytest
import simcord

from bot.client import INVITE_PERMISSIONS, Trilo
from bot.sandbox.structured_answers import STRUCTURED
from bot.settings import Settings
from tests.cogs.helpers import Server
from tests.cogs.league.helpers import League, make_league

Says = Callable[[str, Any], None]


@pytest.fixture
def simcord_bot(whole_bot: Trilo) -> Trilo:
    return whole_bot


@pytest.fixture
def settings(settings: Settings, request: pytest.FixtureRequest) -> Settings:
    """Any number of questions a minute, or so many of one member's as a test's parameter says."""
    most = getattr(request, "param", 0)
    return settings.model_copy(update={"calls_per_minute_member": most, "calls_per_minute_server": 0})


@pytest.fixture
def server(server: Server, simcord_env: simcord.Env) -> Server:
    """Its bot has what the invite asks for, no more."""
    role = server.guild.roles[simcord_env.bot.user.name]
    simcord_env.backend.edit_role(server.guild.id, role.id, {"permissions": INVITE_PERMISSIONS})
    return server


@pytest.fixture
async def league(server: Server, bot: Trilo, simcord_env: simcord.Env) -> League:
    return await make_league(server, bot, simcord_env)


@pytest.fixture
def model_says(monkeypatch: pytest.MonkeyPatch) -> Says:
    """What the stand-in answers to a structured question from now on, by the name of its schema."""

    def says(schema: str, answer: Any) -> None:
        monkeypatch.setitem(STRUCTURED, schema, lambda _question: answer)

    return says


@pytest.fixture
def hidden() -> discord.PermissionOverwrite:
    return discord.PermissionOverwrite(view_channel=False)
