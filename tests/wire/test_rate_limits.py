"""Discord's limits, waited for as it asks: on everything, on one channel, and where it is only slow."""

import asyncio
from typing import Any

from bot.client import Services, Trilo
from tests.wire.fake_discord import MESSAGES, FakeDiscord
from tests.wire.faults import Bucket, busy, slow
from tests.wire.payloads import CHANNEL_ID, GUILD_ID, OTHER_CHANNEL_ID, OTHER_GUILD_ID
from tests.wire.test_wire import ANSWER, HELLO

WAIT_SECONDS = 0.4
SLOW_SECONDS = 0.6


def seconds() -> float:
    return asyncio.get_running_loop().time()


async def test_a_limit_on_everything_holds_everything_up(bot: Trilo, fake: FakeDiscord):
    """I30: no request is sent before the time is over, on no server; then each answer arrives once."""
    fake.faults[f"POST {MESSAGES}"] = [busy(WAIT_SECONDS, everywhere=True)]
    await fake.say(HELLO)
    await fake.until(lambda: fake.requests[-1].status == 429)
    start, told = seconds(), len(fake.requests)
    await fake.say(HELLO, channel_id=OTHER_CHANNEL_ID)
    await fake.until(lambda: len(fake.requests) > told)
    assert seconds() - start >= WAIT_SECONDS * 0.9
    await fake.until(lambda: fake.posted() and fake.posted(OTHER_CHANNEL_ID))
    assert (fake.posted(), fake.posted(OTHER_CHANNEL_ID)) == ([ANSWER], [ANSWER])


async def test_a_channels_limit_is_kept_before_it_is_told(bot: Trilo, fake: FakeDiscord):
    """Five answers where two are taken at once: none is refused, none lost, and another server waits for none."""
    fake.api.bucket = Bucket(2, WAIT_SECONDS)
    start = seconds()
    for _ in range(5):
        await fake.say(HELLO)
    await fake.until(lambda: len(fake.posted()) == 2)
    await fake.say(HELLO, channel_id=OTHER_CHANNEL_ID)
    await fake.until(lambda: fake.posted(OTHER_CHANNEL_ID))
    assert len(fake.posted()) < 5
    await fake.until(lambda: len(fake.posted()) == 5)
    assert seconds() - start >= 2 * WAIT_SECONDS * 0.9
    assert [one.status for one in fake.requests if one.path == MESSAGES] == [200] * 5


async def test_a_slow_channel_holds_up_no_other_servers_report(bot: Trilo, fake: FakeDiscord, services: Services):
    for guild_id, channel_id in ((GUILD_ID, CHANNEL_ID), (OTHER_GUILD_ID, OTHER_CHANNEL_ID)):
        chosen = {"report_every": "day", "report_channel_id": int(channel_id)}
        await services.tracker.settings.choose(int(guild_id), **chosen)
    await services.tracker.database.execute("UPDATE guild_settings SET reported_until = '2026-01-01'")
    fake.faults[f"POST {MESSAGES}"] = [slow(SLOW_SECONDS)]
    reports: Any = bot.get_cog("ReportsCog")
    posting = asyncio.create_task(reports.post_due())
    await fake.until(lambda: fake.posted(OTHER_CHANNEL_ID))
    assert fake.posted() == []
    await posting
    assert len(fake.posted()) == 1


async def test_a_slow_channel_holds_up_no_other_server(bot: Trilo, fake: FakeDiscord):
    """Whatever is slow there: the sign that we are typing, or the answer."""
    fake.faults[f"POST /channels/{CHANNEL_ID}/typing"] = [slow(SLOW_SECONDS)]
    fake.faults[f"POST {MESSAGES}"] = [slow(SLOW_SECONDS)]
    await fake.say(HELLO)
    await fake.say(HELLO, channel_id=OTHER_CHANNEL_ID)
    await fake.until(lambda: fake.posted(OTHER_CHANNEL_ID))
    assert fake.posted() == []
    await fake.until(fake.posted)
    assert fake.posted() == [ANSWER]
