"""What simcord leaves out: the bot over real HTTP and a real gateway."""

import asyncio
import io
from typing import Any

import discord
import pytest

from bot.client import Services, Trilo
from tests.wire.fake_discord import MESSAGES, TOKEN, FakeDiscord
from tests.wire.faults import Fault, busy
from tests.wire.payloads import ALICE, BOT, CHANNEL_ID, GUILD_ID

PICTURE = bytes(range(256)) * 500
HELLO = f"<@{BOT['id']}> hello"
ANSWER = "Hey there! Week 7 is wide open. How can I help?"
BUSY_SECONDS = 0.3


def identified(session: Any) -> tuple[int, str, list[int]]:
    return session["op"], session["d"]["token"], session["d"]["shard"]


async def test_a_mention_end_to_end(bot: Trilo, fake: FakeDiscord, services: Services):
    """I27, I31: in by the gateway, out by HTTP, on the books in between."""
    start = len(fake.requests)
    await fake.say("hello everybody")
    await fake.say(HELLO)
    await fake.until(fake.posted)
    typing, answer = fake.requests[start:]
    assert (typing.method, typing.path, typing.body) == ("POST", f"/channels/{CHANNEL_ID}/typing", None)
    assert answer.body.pop("nonce").isdecimal()
    assert answer.body == {
        "content": ANSWER,
        "components": [],
        "enforce_nonce": True,
        "message_reference": {
            "type": 0,
            "message_id": 10_002,
            "channel_id": int(CHANNEL_ID),
            "guild_id": int(GUILD_ID),
            "fail_if_not_exists": False,
        },
        "tts": False,
        "allowed_mentions": {"parse": [], "users": [int(ALICE["id"])], "replied_user": True},
    }
    report = await services.tracker.reports.spend(int(GUILD_ID), "today", "user")
    assert [(row.key, row.calls, row.failed_calls) for row in report.rows] == [(ALICE["id"], 1, 0)]


@pytest.mark.parametrize("faults", [[], [busy(0.05)]], ids=["taken at once", "taken at the second time"])
async def test_a_file_arrives_whole(bot: Trilo, fake: FakeDiscord, faults: list[Fault]):
    fake.faults[f"POST {MESSAGES}"] = faults
    channel = bot.get_channel(int(CHANNEL_ID))
    assert isinstance(channel, discord.TextChannel)
    await channel.send("Week 3", file=discord.File(io.BytesIO(PICTURE), "week 3.png", description="The games"))
    upload = fake.requests[-1]
    assert (upload.method, upload.path, upload.status) == ("POST", MESSAGES, 200)
    assert upload.files == {"files[0]": ("week 3.png", PICTURE)}
    assert upload.body.pop("nonce").isdecimal()
    assert upload.body == {
        "content": "Week 3",
        "components": [],
        "enforce_nonce": True,
        "tts": False,
        "allowed_mentions": {"parse": []},
        "attachments": [{"id": 0, "filename": "week 3.png", "description": "The games"}],
    }
    assert fake.posted() == ["Week 3"]


async def test_a_busy_discord_is_waited_for(bot: Trilo, fake: FakeDiscord):
    """I30: an answer that Discord puts off arrives later, and once."""
    fake.faults[f"POST {MESSAGES}"] = [busy(BUSY_SECONDS)]
    start = asyncio.get_running_loop().time()
    await fake.say(HELLO)
    await fake.until(fake.posted)
    assert asyncio.get_running_loop().time() - start >= BUSY_SECONDS
    await fake.say(HELLO)
    await fake.until(lambda: len(fake.posted()) > 1)
    first, again, other = [request for request in fake.requests if request.path == MESSAGES]
    assert [first.status, again.status, other.status] == [429, 200, 200]
    assert first.body == again.body
    assert again.body["nonce"] != other.body["nonce"]


async def test_a_broken_connection_is_resumed(bot: Trilo, fake: FakeDiscord):
    """A mention from in between is answered when Discord sends it again, one that comes after it too: once each."""
    await asyncio.gather(fake.gateway.hang_up(4000), fake.say(HELLO))
    await fake.until(fake.posted)
    await fake.say(HELLO)
    await fake.until(lambda: len(fake.posted()) > 1)
    assert fake.posted() == [ANSWER, ANSWER]
    first, second = fake.frames
    assert identified(first) == (2, TOKEN, [0, 1])
    assert second == {"op": 6, "d": {"seq": 3, "session_id": "session 1", "token": TOKEN}, "path": "/resume"}


async def test_a_session_that_is_over_is_begun_anew(bot: Trilo, fake: FakeDiscord):
    await fake.gateway.invalidate()
    await fake.until(lambda: len(fake.frames) == 2)
    assert [identified(frame) for frame in fake.frames] == [(2, TOKEN, [0, 1])] * 2
    assert [frame["path"] for frame in fake.frames] == ["/gateway"] * 2
    await fake.say(HELLO)
    await fake.until(fake.posted)
    assert fake.posted() == [ANSWER]
    await fake.gateway.hang_up(4000)
    await fake.until(lambda: len(fake.frames) == 3)
    assert fake.frames[-1]["d"] == {"seq": 4, "session_id": "session 2", "token": TOKEN}
