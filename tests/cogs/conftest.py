"""The real bot with its real books on a temporary file, inside simcord. Only the model is missing: nothing asks it."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, cast

import pytest
import simcord

from bot.client import Services, Trilo
from bot.league.league_book import LeagueBook
from bot.settings import Settings
from bot.usage import entries, leaving
from bot.usage.opening import open_tracker
from bot.usage.prices import PriceList
from bot.usage.tracker import UsageTracker
from tests.cogs.helpers import Books, Clock, Server, make_server


@pytest.fixture(autouse=True)
def patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """Simcord's time flies while the database's thread is at work: seconds of patience would be over in no time."""
    monkeypatch.setattr(entries, "ADMIT_PATIENCE_SECONDS", 3_600.0)
    monkeypatch.setattr(leaving, "ROOM_PATIENCE_SECONDS", 3_600.0)
    monkeypatch.setattr("cogs._access.LOOK_SECONDS", 3_600.0)


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
def bot(simcord_env: simcord.Env) -> Trilo:
    """The bot, logged in."""
    assert isinstance(simcord_env.bot, Trilo)
    return simcord_env.bot


@pytest.fixture
def server(simcord_env: simcord.Env) -> Server:
    return make_server(simcord_env, "league")
