"""What goes to the model, and which model (no Discord, no wire)."""

import pytest

from bot.assistant.conversation import Conversation, Question, Turn, _newest_within
from bot.assistant.operations import Models, declare, operations
from bot.usage import open_tracker

MODELS = Models(fast="gpt-4o-mini", smart="gpt-4o")


@pytest.mark.parametrize(
    ("text", "model"),
    [
        ("hello", "gpt-4o-mini"),
        ("Compare these two quarterbacks", "gpt-4o"),
        ("what does this print? ```py\nprint(1)\n```", "gpt-4o"),
        ("a" * 599, "gpt-4o-mini"),
        ("a" * 600, "gpt-4o"),
        ("incomparable", "gpt-4o-mini"),
    ],
)
def test_the_smart_model_is_used_by_a_stated_rule(text: str, model: str) -> None:
    conversation = Conversation(None, MODELS, None)  # type: ignore[arg-type]
    assert conversation.model_for(Question("ann", text, "League")) == model


async def test_the_newest_turns_go_along_within_the_budget() -> None:
    turns = [Turn("ann", f"message {n}", ours=False) for n in range(10)]
    kept = await _newest_within(turns, "gpt-4o-mini", 3 * (2 + 4) + 3)
    assert kept == turns[-3:]


async def test_the_messages_are_bounded_and_named() -> None:
    conversation = Conversation(None, MODELS, None, persona="Be a pirate.")  # type: ignore[arg-type]
    turns = [Turn("bob", "hi", ours=False), Turn("Trilo", "hello", ours=True)]
    question = Question("ann", "x" * 20_000, "League", turns, ["data:1", "data:2", "data:3", "data:4", "data:5"])
    messages = await conversation._messages(question, "gpt-4o-mini")
    assert messages[:3] == [
        {"role": "system", "content": "Be a pirate."},
        {"role": "user", "content": "bob: hi"},
        {"role": "assistant", "content": "hello"},
    ]
    parts = messages[3]["content"]
    assert isinstance(parts, list)
    assert len(parts) == 5
    assert parts[0] == {"type": "text", "text": "ann: " + "x" * 12_000}
    assert parts[1] == {"type": "image_url", "image_url": {"url": "data:1", "detail": "low"}}


async def test_every_operation_is_declared() -> None:
    async with open_tracker("sqlite:///:memory:", console=False) as tracker:
        declare(tracker, MODELS, max_output_tokens=1024)
        assert set(tracker.operations) == {operation.name for operation in operations(MODELS)}
        assert tracker.suggest_model("general_conversation") == "gpt-4o-mini"
        assert tracker.suggest_model("unheard of") is None
        assert tracker.suggest_model("unheard of", "gpt-4o") == "gpt-4o"
        assert tracker.suggest_model("general_conversation", "gpt-4o") == "gpt-4o"
