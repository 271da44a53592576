"""A refused key, from the call that met it to the operator and that call's server."""

from datetime import timedelta

import pytest
import simcord

from bot.client import Trilo
from bot.usage.ids import new_id
from bot.usage.records import Attribution, Kind, OpenCall, Price, Settlement, Status, Usage
from tests.cogs.alerts import chooses, cog_of, deliver, dms
from tests.cogs.helpers import NOW, Books, Clock, Server, make_server, texts

WORDS = (
    "## ⛔ The AI provider refuses the key\n"
    "Questions can't be answered until the bot's operator has put a valid OPENAI_API_KEY in place."
)


@pytest.fixture
def extensions() -> tuple[str, ...]:
    return ("cogs.alerts",)


async def call(books: Books, server: Server, error_type: str | None) -> None:
    free = Price(0, "not charged")
    who = Attribution("chat", server.guild.id)
    opened = OpenCall(new_id(), Kind.LLM, "chat", NOW, who, "openai", "gpt-4o", Usage(), free)
    await books.tracker.ledger.admit(opened)
    status = Status.ERROR if error_type else Status.OK
    books.tracker.ledger.settle(opened, Settlement(status, Usage(), free, 5, error_type=error_type))
    await books.tracker.force_flush()


async def test_told_to_operator_and_server_once_until_it_works_again(
    server: Server, books: Books, bot: Trilo, clock: Clock, simcord_env: simcord.Env
):
    cog = cog_of(bot)
    bot.owner_id = server.owner.id
    other = make_server(simcord_env, "other")
    for each in (server, other):
        await chooses(books, each, each.channel)
    for _ in range(3):
        await call(books, server, "invalid_api_key")
        await call(books, other, "invalid_api_key")
        await deliver(cog)
    assert [texts(message) for message in server.channel.history()] == [[WORDS]]
    assert [texts(message) for message in dms(simcord_env, server.owner)] == [[WORDS]]
    assert other.channel.history() == []
    await call(books, other, None)
    await deliver(cog)
    clock.now += timedelta(hours=1)
    await call(books, other, "invalid_api_key")
    await deliver(cog)
    assert [texts(message) for message in other.channel.history()] == [[WORDS]]
    assert len(dms(simcord_env, server.owner)) == 2
    assert len(server.channel.history()) == 1
