"""The gateway breaks off in every way it has: each message is answered once, and paid for once."""

import asyncio
import itertools

import pytest

from bot.client import Services, Trilo
from tests.wire.fake_discord import TOKEN, FakeDiscord
from tests.wire.payloads import ALICE
from tests.wire.test_trouble import paid
from tests.wire.test_wire import ANSWER, HELLO

IDENTIFY, RESUME = 2, 6
BEAT_SECONDS, PATIENCE_SECONDS = 0.05, 0.25


async def ops(fake: FakeDiscord, count: int) -> list[int]:
    """The first frames of so many connections."""
    await fake.until(lambda: len(fake.frames) == count)
    return [frame["op"] for frame in fake.frames]


async def test_the_bot_comes_back_on_another_connection(bot: Trilo, fake: FakeDiscord):
    """As Discord asks before it restarts a gateway. What was said meanwhile is answered."""
    await asyncio.gather(fake.gateway.call_back(), fake.say(HELLO))
    assert await ops(fake, 2) == [IDENTIFY, RESUME]
    await fake.until(fake.posted)
    assert (fake.posted(), fake.frames[1]["path"]) == ([ANSWER], "/resume")


async def test_a_session_that_can_be_resumed_is_resumed(bot: Trilo, fake: FakeDiscord):
    await asyncio.gather(fake.gateway.invalidate(resumable=True), fake.say(HELLO))
    assert await ops(fake, 2) == [IDENTIFY, RESUME]
    await fake.until(fake.posted)
    assert fake.frames[1]["d"] == {"seq": 3, "session_id": "session 1", "token": TOKEN}
    assert fake.posted() == [ANSWER]


async def test_a_silent_gateway_is_left(bot: Trilo, fake: FakeDiscord, monkeypatch: pytest.MonkeyPatch):
    """One that answers no heartbeat and tells nothing: the bot notices by itself."""
    fake.gateway.heartbeat_seconds = BEAT_SECONDS
    monkeypatch.setattr(bot._connection, "heartbeat_timeout", PATIENCE_SECONDS)
    await fake.gateway.hang_up(4000)
    assert await ops(fake, 2) == [IDENTIFY, RESUME]
    beats = fake.gateway.heartbeats
    await asyncio.sleep(2 * PATIENCE_SECONDS)
    assert fake.gateway.heartbeats > beats + 3  # they are answered, so it stays
    assert len(fake.frames) == 2
    fake.gateway.is_silent = True
    await fake.say(HELLO)
    assert await ops(fake, 3) == [IDENTIFY, RESUME, RESUME]
    await fake.until(fake.posted)
    assert fake.posted() == [ANSWER]


async def test_a_storm_of_broken_connections(bot: Trilo, fake: FakeDiscord, services: Services):
    """Twenty in a row, a message in the middle of each; what was told before is told again."""
    fake.gateway.repeated = 3
    ways = itertools.cycle(
        [
            fake.gateway.cut,
            lambda: fake.gateway.hang_up(4000),
            fake.gateway.call_back,
            lambda: fake.gateway.hang_up(1001),
            lambda: fake.gateway.invalidate(resumable=True),
        ]
    )
    for number, break_off in zip(range(20), ways, strict=False):
        await asyncio.gather(break_off(), fake.say(f"{HELLO} {number}"))
        await ops(fake, number + 2)
    await fake.until(lambda: len(fake.posted()) == 20)
    await asyncio.gather(*bot._work)
    assert len(fake.posted()) == 20
    assert [frame["op"] for frame in fake.frames] == [IDENTIFY] + [RESUME] * 20
    assert await paid(services) == [(ALICE["id"], 20, 0)]


async def test_a_message_told_twice_is_answered_once(bot: Trilo, fake: FakeDiscord, services: Services):
    """Also while its first answer is being written, and when it was written long ago."""
    fake.gateway.repeated = 1
    await fake.say(HELLO)
    await fake.gateway.hang_up(4000)
    await fake.until(fake.posted)
    await fake.say("not to the bot")
    fake.gateway.repeated = 9
    await fake.gateway.hang_up(4000)
    assert await ops(fake, 3) == [IDENTIFY, RESUME, RESUME]
    await fake.say(f"{HELLO} again")
    await fake.until(lambda: len(fake.posted()) == 2)
    assert fake.posted() == [ANSWER, ANSWER]
    assert await paid(services) == [(ALICE["id"], 2, 0)]


@pytest.mark.parametrize("services", [{"shard_count": 2, "shard_ids": "0"}], indirect=True)
async def test_shards_are_divided_among_processes(bot: Trilo, fake: FakeDiscord):
    """A process identifies the shards that it was given, of as many as all processes have together."""
    assert [frame["d"]["shard"] for frame in fake.frames if frame["op"] == IDENTIFY] == [[0, 2]]
    await fake.say(HELLO)
    await fake.until(fake.posted)
    assert fake.posted() == [ANSWER]
