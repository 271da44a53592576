"""Discord has trouble of its own, or the connection breaks: what was paid for arrives all the same, and once."""

import asyncio
import logging
import re

import pytest

from bot.client import Services, Trilo
from cogs import conversation
from cogs._questions import messages as _messages
from tests.wire.fake_discord import MESSAGES, TYPING, FakeDiscord
from tests.wire.faults import Fault, refused, slow, trouble
from tests.wire.payloads import ALICE, GUILD_ID
from tests.wire.test_wire import ANSWER, HELLO

TROUBLES = {
    "502": trouble(502),
    "502 after it was taken": trouble(502, is_taken=True),
    "503": trouble(503),
    "503 after it was taken": trouble(503, is_taken=True),
    "reset": Fault(cut="reset"),
    "reset after it was taken": Fault(cut="reset", is_taken=True),
    "closed": Fault(cut="closed"),
    "closed after it was taken": Fault(cut="closed", is_taken=True),
}


async def paid(services: Services) -> list[tuple[str, int, int]]:
    """Whose calls are on the books, how many, and how many failed."""
    report = await services.tracker.reports.spend(int(GUILD_ID), "today", "user")
    assert report.total.cost_nano_usd > 0
    return [(row.key, row.calls, row.failed_calls) for row in report.rows]


async def test_an_answer_is_sent_again(bot: Trilo, fake: FakeDiscord, services: Services, quick: None):
    """I30: under the same nonce, by which Discord knows a message that it has taken already."""
    for number, (name, fault) in enumerate(TROUBLES.items(), 1):
        fake.faults[f"POST {MESSAGES}"] = [fault]
        start = len(fake.requests)
        await fake.say(HELLO)
        await fake.until(lambda start=start: [one.path for one in fake.requests[start:]].count(MESSAGES) == 2)
        first, second = [one for one in fake.requests[start:] if one.path == MESSAGES]
        assert (name, first.body) == (name, second.body)
        assert (name, fake.posted()) == (name, [ANSWER] * number)
    assert await paid(services) == [(ALICE["id"], len(TROUBLES), 0)]


async def test_the_sign_of_typing_keeps_nothing_back(bot: Trilo, fake: FakeDiscord, monkeypatch: pytest.MonkeyPatch):
    """Where Discord has trouble with it, where the connection breaks, and where no answer comes for a while."""
    monkeypatch.setattr(conversation, "TYPING_SECONDS", 0.2)
    for number, fault in enumerate([trouble(503), Fault(cut="reset"), slow(5.0)], 1):
        fake.faults[f"POST {TYPING}"] = [fault]
        await fake.say(HELLO)
        await fake.until(lambda number=number: len(fake.posted()) == number)
    assert fake.posted() == [ANSWER] * 3
    assert [one.path for one in fake.requests].count(TYPING) == 2  # the last one still waits


async def test_an_edit_in_between_may_fail(bot: Trilo, fake: FakeDiscord, monkeypatch: pytest.MonkeyPatch):
    """I28: the whole of it stands there in the end, in one message, whatever was taken of its beginning."""
    monkeypatch.setattr(_messages, "EDIT_SECONDS", 0.0)
    faults = [trouble(503), trouble(503, is_taken=True), Fault(cut="reset"), Fault(cut="reset", is_taken=True)]
    for number, fault in enumerate(faults, 1):
        fake.faults[f"POST {MESSAGES}"] = [fault]
        await fake.say(HELLO)
        await fake.until(lambda number=number: fake.posted() == [ANSWER] * number)


async def test_what_cant_be_shown_is_paid_for_all_the_same(
    bot: Trilo, fake: FakeDiscord, services: Services, caplog: pytest.LogCaptureFixture, quick: None
):
    """I21: Discord's trouble lasts, the connection keeps breaking, somebody has deleted it all before the answer came.

    Nothing is raised, one line says so, the cost is booked.
    """
    for fault in [trouble(503), Fault(cut="reset"), refused(404, 10003, "Unknown Channel")]:
        fake.faults[f"POST {MESSAGES}"] = [fault] * 3
        start = len(fake.requests)
        await fake.say(HELLO)
        await fake.until(lambda start=start: MESSAGES in [one.path for one in fake.requests[start:]])
        await asyncio.wait(bot._work)
        fake.faults.clear()
    warnings = [one.getMessage() for one in caplog.records if one.levelno >= logging.WARNING]
    kinds = [re.fullmatch(r"the answer to message \d+ can't be shown: (\w+) .*", one)[1] for one in warnings]
    assert kinds == ["DiscordServerError", "ClientOSError", "NotFound"]
    assert fake.posted() == []
    assert await paid(services) == [(ALICE["id"], 3, 0)]
