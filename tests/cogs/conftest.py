"""The real bot with its real books on a temporary file, inside simcord. Only the model is missing: nothing asks it."""

import logging
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any, cast

import discord
import httpx2
import openai
import pytest
import simcord

from bot.application import open_services
from bot.assistant.conversation import Conversation
from bot.assistant.guide import Guide
from bot.assistant.league_commands import LeagueCommands
from bot.assistant.operations import Models, declare
from bot.assistant.setup_help import SetupHelp
from bot.client import Services, Trilo
from bot.league.league_book import LeagueBook
from bot.sandbox.stand_in_model import StandInModel
from bot.settings import Settings
from bot.usage.bookkeeping import entries, leaving
from bot.usage.opening import open_tracker
from bot.usage.pricing.prices import PriceList
from bot.usage.tracker import UsageTracker
from cogs._settings.first_contact import HelloView, ServerHello
from cogs.owner import OwnerCog
from tests.cogs.alerts import a_budget, chooses, cog_of, deliver, spends
from tests.cogs.helpers import Books, Clock, Server, make_server
from tests.cogs.recording_model import RecordingModel


@pytest.fixture(autouse=True)
def patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """Simcord's time flies while the database's thread is at work: seconds of patience would be over in no time."""
    monkeypatch.setattr(entries, "ADMIT_PATIENCE_SECONDS", 3_600.0)
    monkeypatch.setattr(leaving, "ROOM_PATIENCE_SECONDS", 3_600.0)
    monkeypatch.setattr("cogs._kit.access.LOOK_SECONDS", 3_600.0)
    monkeypatch.setattr("cogs._kit.access.CHECK_SECONDS", 3_600.0)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture(scope="session")
def prices() -> PriceList:
    return PriceList.load()


@pytest.fixture
async def tracker(tmp_path: Path, clock: Clock, prices: PriceList) -> AsyncIterator[UsageTracker]:
    async with open_tracker(f"sqlite:///{tmp_path}/t.db", prices=prices, console=False, clock=clock) as tracker:
        yield tracker


@pytest.fixture
def books(tracker: UsageTracker, clock: Clock) -> Books:
    return Books(tracker, clock)


@pytest.fixture
def settings(monkeypatch: pytest.MonkeyPatch) -> Settings:
    """The defaults, but for the operator's cap: most tests spend what they like."""
    for name in Settings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)
    return Settings(_env_file=None, default_server_limit_usd=None)


@pytest.fixture
async def model() -> AsyncIterator[RecordingModel]:
    """In the model's place, for those whose bot has one."""
    async with RecordingModel() as stand_in:
        yield stand_in


@pytest.fixture
async def services(settings: Settings, model: RecordingModel, tmp_path: Path) -> AsyncIterator[Services]:
    """All that a bot with a model works with."""
    url = f"sqlite:///{tmp_path}/t.db"
    async with open_services(settings, database_url=url, base_url=model.base_url, api_key="k", console=False) as opened:
        yield opened


@pytest.fixture
def extensions() -> tuple[str, ...]:
    """All but the conversation, which needs a model."""
    return (
        "cogs.token_stats",
        "cogs.owner",
        "cogs.help",
        "cogs.my_usage",
        "cogs.subscriptions",
        "cogs.budgets",
        "cogs.ai",
        "cogs.settings",
        "cogs.privacy",
        "cogs.league",
    )


@pytest.fixture
def simcord_bot(
    settings: Settings, tracker: UsageTracker, extensions: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> Trilo:
    monkeypatch.setattr("bot.client.EXTENSIONS", extensions)
    league_book = LeagueBook(tracker.database, tracker.clock)
    nobody = cast("Any", None)  # nothing here asks a model
    return Trilo(Services(settings, tracker, nobody, league_book, nobody, nobody), shard_count=1)


@pytest.fixture
async def whole_bot(settings: Settings, tracker: UsageTracker) -> AsyncIterator[Trilo]:
    """With its league, on the tests' own clock, and a stand-in in the model's place, over HTTP."""
    models = Models(fast="gpt-4o-mini", smart="gpt-4o")
    declare(tracker, models, max_output_tokens=1_024)
    async with StandInModel(latency=0, token_delay=0) as model:
        # Connections are kept for long: simcord would wait for the end of those that are let go of after five seconds.
        kept = openai.DefaultAioHttpClient(limits=httpx2.Limits(keepalive_expiry=3_600))
        client = tracker.openai(api_key="k", base_url=model.base_url, max_retries=0, http_client=kept)
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
def bot(simcord_env: simcord.Env) -> Trilo:
    """The bot, logged in."""
    assert isinstance(simcord_env.bot, Trilo)
    return simcord_env.bot


@pytest.fixture
def server(simcord_env: simcord.Env) -> Server:
    return make_server(simcord_env, "league")


@pytest.fixture
async def standing(server: Server, bot: Trilo, books: Books) -> list[simcord.ResponseMessage]:
    """The messages whose buttons outlive a restart: an alert, and a hello."""
    await chooses(books, server, server.channel)
    await spends(books, server, "4.50")
    await a_budget(books, server)
    await deliver(cog_of(bot))
    channel: Any = bot.get_channel(server.channel.id)
    await channel.send(view=HelloView(ServerHello("<@1>", None, to_team=True, has_alerts=False)))
    env = server.owner._env
    return [
        simcord.ResponseMessage(env, env.backend.get_message(channel.id, one.id)) for one in server.channel.history()
    ]


@pytest.fixture
async def boss(bot: Trilo, server: Server) -> simcord.MemberActor:
    """Owns the server and runs the bot: every command is theirs."""
    scope = discord.Object(server.guild.id)
    bot.owner_id = server.owner.id
    await bot.add_cog(OwnerCog(bot), guild=scope)
    await bot.tree.sync(guild=scope)
    return server.owner


@pytest.fixture
def nothing_failed(
    caplog: pytest.LogCaptureFixture, simcord_env: simcord.Env, boss: simcord.MemberActor
) -> Iterator[None]:
    """Nothing was logged as failed, and no message might ping anybody but the asker."""
    yield
    assert [one.getMessage() for one in caplog.get_records("call") if one.levelno >= logging.ERROR] == []
    kept = [message for channel in simcord_env.backend.messages.values() for message in channel.values()]
    policies = [message.allowed_mentions for message in kept if message.author_id == simcord_env.bot.user.id]
    assert len(policies) > 9
    nobody = frozenset[int]()
    assert [
        one for one in policies if one.everyone or one.roles != nobody or one.users not in (nobody, {boss.id})
    ] == []
