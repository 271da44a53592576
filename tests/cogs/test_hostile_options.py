"""Whatever Discord lets somebody type or choose, in any option of any command: words, and no ping. Commands and options
are found, not listed: a new one is tried without a word here.
"""

from itertools import cycle
from typing import Any

import pytest
import simcord
from discord.app_commands import TransformerError
from hypothesis import example, given
from simcord import interactions

from bot.words import NOT_HERE
from tests.cogs.helpers import Server
from tests.cogs.helpers import texts as texts_of
from tests.cogs.hostile import MOST, NASTY, answers, close_views, commands, examples, many, needed
from tests.cogs.league.conftest import settings, simcord_bot  # noqa: F401 - the whole bot, and a stand-in for the model

TEXT, INTEGER, MEMBER, CHANNEL, FILE = 3, 4, 6, 7, 11
"""Kinds of options, as Discord numbers them."""
GONE_ID: dict[int, Any] = {
    MEMBER: {"users": {"77": {"id": "77", "username": "gone", "discriminator": "0", "avatar": None}}},
    CHANNEL: {"channels": {"77": {"id": "77", "name": "gone", "type": 4, "permissions": "0"}}},
}
"""What Discord tells of somebody who has left, and of a channel of another kind."""


@pytest.mark.usefixtures("nothing_failed")
@examples(2)
@given(texts=many)
@example(texts=list(NASTY[:1]))
async def test_every_option(boss: simcord.MemberActor, server: Server, texts: list[str]):
    """I27, I29, I30; and what is offered while it is typed."""
    tried, values = 0, cycle(texts)
    for name, options in commands(boss, server):
        for option in options:
            if option["type"] != TEXT or option.get("choices"):
                continue
            value = next(values)[: option.get("max_length", MOST)] or "x"
            close_views()
            told = answers(await boss.slash(server.channel, name, **needed(options) | {option["name"]: value}))
            assert any(text.strip() for answer in told for text in texts_of(answer)), (name, value)
            tried += 1
            if option.get("autocomplete"):
                assert len(await boss.autocomplete(server.channel, name, option["name"], value)) <= 25
    assert tried > 15


@pytest.mark.usefixtures("nothing_failed")
async def test_every_other_kind_of_option(boss: simcord.MemberActor, server: Server):
    """I30: the extremes of numbers; files of any kind; channels and people who are gone meanwhile."""
    tried = set()
    for name, options in commands(boss, server):
        for option in options:
            for value in extremes(option):
                close_views()
                if option["type"] in GONE_ID:
                    result = await sent_raw(boss, server, name, needed(options), option, value)
                else:
                    result = await boss.slash(server.channel, name, **needed(options) | {option["name"]: value})
                told = "\n".join(text for answer in answers(result) for text in texts_of(answer))
                assert told.strip(), (name, value)
                assert option["type"] not in GONE_ID or told == NOT_HERE
                tried.add(option["type"])
    assert tried == {INTEGER, FILE, *GONE_ID}
    assert {type(error) for error in boss._env.errors} == {TransformerError}


def extremes(option: dict[str, Any]) -> tuple[Any, ...]:
    if option["type"] == INTEGER:
        return option["min_value"], option["max_value"]
    if option["type"] == FILE:
        return ("../../\u202e@everyone.png", b"\0"), ("x.exe", b""), ("x.gif", b"GIF89a")
    return ({}, GONE_ID[option["type"]]) if option["type"] in GONE_ID else ()


async def sent_raw(
    boss: simcord.MemberActor, server: Server, name: str, filled: dict[str, str], option: dict[str, Any], resolved: Any
) -> simcord.InteractionResult:
    """A command with an id that Discord knows nothing of here, or no more than `resolved`."""
    root_name, *path = name.split()
    root = boss._env.backend.find_command(root_name, server.guild.id, type=1)
    given = [{"name": key, "type": TEXT, "value": value} for key, value in filled.items()]
    given.append({"name": option["name"], "type": option["type"], "value": "77"})
    data = {"id": root["id"], "name": root_name, "type": 1, "options": interactions.nest_options(root, path, given)}
    return await boss._dispatch_interaction(2, server.channel, data | {"resolved": resolved})
