"""`/ai pause` and `/ai resume`: until when, who did it, and that it holds."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from bot.usage.errors import AiPausedError
from bot.usage.tracker import UsageTracker
from cogs.ai import NOT_PAUSED, RESUMED
from tests.cogs.helpers import NOW, Books, Clock, Server, texts

HOUR = int((NOW + timedelta(hours=1)).timestamp())
MIDNIGHT = int(datetime(2026, 3, 16, tzinfo=UTC).timestamp())
MIDNIGHT_IN_TOKYO = int(datetime(2026, 3, 15, 15, tzinfo=UTC).timestamp())
AFTERWARDS = "Whoever asks is told so, and nothing is spent. `/ai resume` ends the pause."


@pytest.mark.parametrize(
    ("options", "when", "until"),
    [
        ({}, "until somebody resumes it", None),
        ({"for": "resumed"}, "until somebody resumes it", None),
        ({"for": "hour"}, f"until <t:{HOUR}:f> (<t:{HOUR}:R>)", HOUR),
        ({"for": "today"}, f"until <t:{MIDNIGHT}:f> (<t:{MIDNIGHT}:R>)", MIDNIGHT),
    ],
)
async def test_pausing(server: Server, tracker: UsageTracker, options: dict[str, Any], when: str, until: int | None):
    result = await server.manager.slash(server.channel, "ai pause", **options)
    assert result.response.ephemeral
    assert texts(result.response) == [f"⏸️ The AI is paused on this server {when}. {AFTERWARDS}"]
    settings = await tracker.settings.of(server.guild.id)
    assert settings.paused
    assert settings.paused_until == (datetime.fromtimestamp(until, UTC) if until else None)
    (line,) = await tracker.settings.audit(server.guild.id)
    assert (line.actor, line.action) == (str(server.manager.id), "AI paused")


async def test_today_is_the_servers_own(server: Server, tracker: UsageTracker, clock: Clock):
    """I17: in Tokyo the day is over at 15:00 UTC. It runs in the old zone until it ends there."""
    await tracker.settings.set_time_zone(server.guild.id, "Asia/Tokyo")
    clock.now += timedelta(days=2)
    result = await server.manager.slash(server.channel, "ai pause", **{"for": "today"})
    assert f"until <t:{MIDNIGHT_IN_TOKYO + 2 * 86_400}:f>" in texts(result.response)[0]


async def test_a_pause_holds_until_it_is_over(server: Server, books: Books, clock: Clock):
    await server.manager.slash(server.channel, "ai pause", **{"for": "hour"})
    with pytest.raises(AiPausedError) as caught:
        await books.book(server.guild.id, 1)
    assert caught.value.until == NOW + timedelta(hours=1)
    clock.now += timedelta(hours=1, seconds=1)
    await books.book(server.guild.id, 1)


async def test_resuming(server: Server, books: Books, tracker: UsageTracker):
    assert texts((await server.manager.slash(server.channel, "ai resume")).response) == [NOT_PAUSED]
    await server.manager.slash(server.channel, "ai pause")
    result = await server.manager.slash(server.channel, "ai resume")
    assert result.response.ephemeral
    assert texts(result.response) == [RESUMED]
    await books.book(server.guild.id, 1)
    assert [line.action for line in await tracker.settings.audit(server.guild.id)].count("AI resumed") == 1
