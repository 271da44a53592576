"""What somebody did reaches the bot too late for an answer, or twice, as after a connection that was lost."""

import asyncio
import io
import logging
import re
import sys
from collections.abc import Callable, Iterator
from typing import TypeVar, cast

import pytest

from bot.client import Services, Trilo
from bot.logs import configure_logs
from tests.wire.fake_api import DEADLINE_SECONDS
from tests.wire.fake_discord import FakeDiscord
from tests.wire.payloads import GUILD_ID, message
from tests.wire.test_deadline import custom_ids, use_everything

LATE_SECONDS = DEADLINE_SECONDS + 1.0
MOMENT_SECONDS = 0.1
Line = TypeVar("Line")
LISTS = [("budget remove", "budget"), ("help", "topic"), ("league restore", "snapshot"), ("league tag", "week")]
FROM_BEFORE = [
    f"alert:pause:{'0' * 32}",
    f"alert:stats:{'0' * 32}",
    "hello:limit",
    "fix:league",
    "plan:go",
    "token-stats:refresh",
    "token-stats:export:csv",
    "my-usage:refresh",
]
"""Buttons on messages from before this start."""


async def in_the_end(lines: Callable[[], list[Line]], count: int) -> list[Line]:
    """What is logged, once it is so many lines, and a moment later, lest there are more."""
    async with asyncio.timeout(10):
        while len(lines()) < count:
            await asyncio.sleep(0.01)
    await asyncio.sleep(MOMENT_SECONDS)
    return lines()


async def test_what_came_too_late_is_one_line(
    bot: Trilo, fake: FakeDiscord, services: Services, caplog: pytest.LogCaptureFixture
):
    """Every command, and buttons on a view: nothing is done, nobody is written to, nothing else is said in the log."""
    shown = await fake.use("budget show")
    await fake.until(lambda: shown.messages)
    before = len(fake.requests)
    used = await use_everything(bot, fake, seconds_ago=LATE_SECONDS)
    for custom_id in custom_ids(shown.shown[-1]):
        used[custom_id] = await fake.press(custom_id, shown.messages[-1], seconds_ago=LATE_SECONDS)
    for custom_id in FROM_BEFORE:
        used[custom_id] = await fake.press(custom_id, message(0, ""), seconds_ago=LATE_SECONDS)
    await fake.until(lambda: len(fake.requests) - before >= len(used))
    warnings = await in_the_end(lambda: [one for one in caplog.records if one.levelno >= logging.WARNING], len(used))
    assert [one.status for one in fake.requests[before:]] == [404] * len(used)
    assert [one.exc_info for one in warnings] == [None] * len(used)
    assert all(re.search(r"too late.*code 10062", one.getMessage()) for one in warnings)
    assert not (await services.tracker.settings.of(int(GUILD_ID))).paused


async def test_what_is_told_twice_is_done_once(bot: Trilo, fake: FakeDiscord, services: Services):
    """The second time Discord says that there is an answer already."""
    fake.gateway.repeated = 1
    paused = await fake.use("ai pause")
    await fake.gateway.hang_up(4000)
    await fake.until(lambda: sum("/callback" in one.path for one in fake.requests) == 2)
    await fake.until(lambda: paused.shown)
    await asyncio.sleep(MOMENT_SECONDS)
    assert len(paused.shown) == 1
    lines = await services.tracker.settings.audit(int(GUILD_ID))
    assert [line.action for line in lines].count("AI paused") == 1


@pytest.fixture
def written(monkeypatch: pytest.MonkeyPatch) -> Iterator[io.StringIO]:
    """What goes to standard error."""
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    monkeypatch.setattr(logging, "basicConfig", lambda handlers, **_: logging.root.addHandler(handlers[0]))
    monkeypatch.setattr("bot.logs._TALKATIVE", {})  # the levels of loggers would stay as they are set
    configure_logs("INFO", "text")
    yield cast("io.StringIO", sys.stderr)
    logging.root.removeHandler(logging.root.handlers[-1])


async def test_lists_that_came_too_late_are_a_line_each(bot: Trilo, fake: FakeDiscord, written: io.StringIO):
    """discord.py logs what fails in them, with a traceback."""
    for command, option in LISTS:
        await fake.type_into(command, option, seconds_ago=LATE_SECONDS)
    await fake.until(lambda: sum("/callback" in one.path for one in fake.requests) == len(LISTS))
    lines = await in_the_end(
        lambda: [one for one in written.getvalue().splitlines() if " INFO " not in one], len(LISTS)
    )
    assert len(lines) == len(LISTS)
    assert all(
        re.search(r"Ignoring exception in autocomplete .*: NotFound \(status 404, code 10062\)", one) for one in lines
    )
