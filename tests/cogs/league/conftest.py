"""The whole bot with its league, inside simcord, and the sandbox's stand-in in the model's place, over HTTP."""

from collections.abc import AsyncIterator, Callable
from typing import Any

import discord
import httpx2
import openai
import pytest
import simcord

from bot.assistant.conversation import Conversation
from bot.assistant.guide import Guide
from bot.assistant.league_commands import LeagueCommands
from bot.assistant.operations import Models, declare
from bot.assistant.setup_help import SetupHelp
from bot.client import EXTENSIONS, INVITE_PERMISSIONS, Services, Trilo
from bot.league.league_book import LeagueBook
from bot.sandbox.stand_in_model import StandInModel
from bot.sandbox.structured_answers import STRUCTURED
from bot.settings import Settings
from bot.usage.tracker import UsageTracker
from tests.cogs.helpers import Server
from tests.cogs.league.helpers import League, make_league

Says = Callable[[str, Any], None]


@pytest.fixture
async def simcord_bot(settings: Settings, tracker: UsageTracker) -> AsyncIterator[Trilo]:
    models = Models(fast="gpt-4o-mini", smart="gpt-4o")
    declare(tracker, models, max_output_tokens=1_024)
    async with StandInModel(latency=0, token_delay=0) as model:
        # Connections are kept for long: simcord would wait for the end of those that are let go of after five seconds.
        kept = openai.DefaultAioHttpClient(limits=httpx2.Limits(keepalive_expiry=3_600))
        client = tracker.openai(api_key="k", base_url=model.base_url, max_retries=0, http_client=kept)
        assert "cogs.league" in EXTENSIONS
        yield Trilo(
            Services(
                settings,
                tracker,
                Conversation(client, models, tracker),
                LeagueBook(tracker.database, tracker.clock),
                LeagueCommands(client, models, tracker),
                SetupHelp(client, models, tracker, Guide.load()),
            ),
            shard_count=1,
        )


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
