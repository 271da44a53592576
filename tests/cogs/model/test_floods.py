"""Somebody who mentions the bot as fast as they can: the pace holds, and saying no stays cheap and quiet."""

import asyncio
from collections import Counter
from types import SimpleNamespace
from typing import Any

import pytest

from cogs._questions.refusals import REACTION, Refusals
from tests.cogs.helpers import SIGN
from tests.cogs.model.place import PROMPT, Place
from tests.usage.shapes import TEXT, chunks
from tests.usage.stub import sse

TOO_FAST = "You're asking faster than I may answer: 6 a minute. Try again in 60 s." + SIGN


@pytest.mark.parametrize("settings", [{"calls_per_minute_member": 6, "calls_per_minute_server": 30}], indirect=True)
async def test_fifty_mentions_in_three_channels(place: Place) -> None:
    """I14, I24, I27: six answers, the words once, signs else; one question each of the model, and nobody is pinged."""
    env, guild = place.env, place.guild
    place.stub.default = lambda _request: sse(chunks())
    channels = [place.channel, guild.create_text_channel("trades"), guild.create_text_channel("scores")]
    text = f"{place.mention} {PROMPT} @everyone"
    asked = [env.backend.create_message(channels[n % 3].id, place.alice.id, text) for n in range(50)]
    await env.settle()
    messages = [message for channel in channels for message in channel.history()]
    said = Counter(message.content for message in messages if message.author.bot)
    assert said == {TEXT: 6, TOO_FAST: 1}
    assert len(place.stub.requests) == 6
    signs = [[str(reaction.emoji) for reaction in message.reactions] for message in messages if message.reactions]
    assert signs == [[REACTION]] * (len(asked) - 6 - 1)
    sent = [r.json for r in env.http_requests if r.path.endswith("/messages") and r.json]
    only_alice = {"users": [place.alice.id], "replied_user": True, "parse": []}
    assert [body["allowed_mentions"] for body in sent] == [only_alice] * 7
    assert await place.booked() == ("ok", None, 1000, 200, 0, 270_000, 0)
    bot: Any = env.bot
    pace = bot.get_cog("ConversationCog")._pace
    assert (len(pace._member._told), len(pace._member._asked._cache), bot._work) == (1, 1, set())


async def test_a_raid_waits_for_few_signs() -> None:
    """I24: of a thousand refused at once a hundred are on their way to Discord, and nobody queues behind them."""
    refusals, answered = Refusals(), asyncio.Event()
    reacted: list[str] = []

    async def add_reaction(emoji: str) -> None:
        reacted.append(emoji)
        await answered.wait()

    message: Any = SimpleNamespace(id=1, add_reaction=add_reaction)
    tasks = [asyncio.create_task(refusals.react(message)) for _ in range(1_000)]
    await asyncio.sleep(0)
    assert sum(not task.done() for task in tasks) == len(reacted) == 100
    answered.set()
    await asyncio.gather(*tasks)
    await refusals.react(message)
    assert len(reacted) == 101
