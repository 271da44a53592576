"""The bot on the server of those who run it."""

import pytest

from bot.client import Trilo
from bot.settings import Settings
from tests.cogs.helpers import OWNER_GUILD, Server


@pytest.fixture
def extensions() -> tuple[str, ...]:
    """These only: simcord counts commands in the same row of ids as servers."""
    return ("cogs.my_usage", "cogs.owner", "cogs.help")


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return settings.model_copy(update={"owner_guild_id": OWNER_GUILD})


@pytest.fixture
def hq(server: Server, bot: Trilo) -> Server:
    """The owners' server; its `member` owns the application."""
    assert server.guild.id == OWNER_GUILD
    bot.owner_id = server.member.id
    return server
