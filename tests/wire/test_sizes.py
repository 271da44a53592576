"""What is large: long answers under a channel's limit, and files that Discord doesn't take (I28, I30)."""

import pytest

from bot.client import Trilo
from bot.sandbox.answers import Question, answer
from cogs._questions import messages as _messages
from cogs._spend.spend_file import TOO_LARGE
from tests.wire.fake_api import Interaction
from tests.wire.fake_discord import MESSAGES, FakeDiscord
from tests.wire.faults import Bucket, Fault
from tests.wire.payloads import BOT
from tests.wire.test_wire import HELLO

TOO_MUCH = "That is more than Discord takes as a file here. Please ask for less."
LONG = "tell me everything in detail"


async def shown_by(fake: FakeDiscord, command: str) -> Interaction:
    used = await fake.use(command)
    await fake.until(lambda: used.messages)
    return used


async def test_a_long_answer_arrives_whole_and_in_order(bot: Trilo, fake: FakeDiscord, monkeypatch: pytest.MonkeyPatch):
    """However often the channel has to wait, and though the connection breaks in the middle of it."""
    monkeypatch.setattr(_messages, "TRY_AGAIN_SECONDS", (0.05, 0.05))
    fake.api.bucket = Bucket(1, 0.2)
    fake.faults[f"POST {MESSAGES}"] = [Fault(), Fault(cut="reset", is_taken=True)]
    await fake.say(f"<@{BOT['id']}> {LONG}")
    whole = answer(Question(LONG)).split()
    await fake.until(lambda: "".join(fake.posted()).split()[-1:] == whole[-1:])
    assert " ".join(fake.posted()).split() == whole
    assert [len(text) <= 2000 for text in fake.posted()] == [True, True]


async def test_an_export_that_is_too_large_isnt_sent(bot: Trilo, fake: FakeDiscord):
    """Discord says with each press how much it takes."""
    await fake.say(HELLO)
    await fake.until(fake.posted)
    fake.api.most_bytes = 100
    stats = await shown_by(fake, "token-stats")
    pressed = await fake.press("token-stats:export:csv", stats.messages[-1])
    await fake.until(lambda: pressed.shown)
    assert (pressed.shown[0]["content"], pressed.files) == (TOO_LARGE.format(most=0), {})


@pytest.mark.parametrize(
    ("command", "button"), [("token-stats", "token-stats:export:csv"), ("privacy", "privacy:export")]
)
async def test_a_file_that_discord_refuses_is_words(bot: Trilo, fake: FakeDiscord, command: str, button: str):
    """It takes the file, and then again it doesn't."""
    await fake.say(HELLO)
    await fake.until(fake.posted)
    view = await shown_by(fake, command)
    taken = await fake.press(button, view.messages[-1])
    await fake.until(lambda: taken.shown)
    assert list(taken.files) == ["files[0]"]
    pressed = await fake.press(button, view.messages[-1])
    fake.api.most_bytes = 100  # less than it said
    await fake.until(lambda: pressed.shown)
    assert (pressed.shown[0]["content"], pressed.files) == (TOO_MUCH, {})
    assert fake.requests[-2].status == 413
