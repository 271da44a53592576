"""`token_tracking_context`: what it takes, what it refuses, and how contexts nest."""

import asyncio
from uuid import UUID

import pytest

from bot.usage import Attribution, token_tracking_context
from bot.usage.context import MAX_ID, METADATA_LIMIT_BYTES, current_attribution


async def test_everything_is_named() -> None:
    """I7: every name arrives; ids are text however they were given."""
    uuid = UUID("12345678-1234-5678-1234-567812345678")
    async with token_tracking_context(
        operation="chat", guild_id=1, channel_id=2, user_id=3, session_id=uuid, workflow_id="w", execution_id=4,
        agent_name="a", role_ids=[7, 8], metadata={"k": [1]}, world_id=uuid,
    ) as attribution:  # fmt: skip
        assert current_attribution() is attribution
    assert attribution == Attribution(
        "chat", 1, 2, "3", str(uuid), "w", "4", "a", (7, 8), {"k": [1], "world_id": str(uuid)}
    )
    assert current_attribution() == Attribution()
    assert current_attribution().operation == "unattributed"


async def test_other_names() -> None:
    """I7: `operation_type` and `thread_id` are the other documents' words."""
    async with token_tracking_context(operation_type="chat", thread_id="t") as attribution:
        assert (attribution.operation, attribution.session_id) == ("chat", "t")


@pytest.mark.parametrize("both", [{"operation": "a", "operation_type": "a"}, {"session_id": 1, "thread_id": 2}])
async def test_both_names_of_one_thing(both: dict) -> None:
    """I7: two names for one thing are a mistake, even where they agree."""
    with pytest.raises(TypeError, match="not both"):
        async with token_tracking_context(**both):
            pass


async def test_positional_arguments_are_refused() -> None:
    """I7: ids are easily swapped: keywords only."""
    with pytest.raises(TypeError):
        token_tracking_context("chat")  # type: ignore[misc]


async def test_nesting() -> None:
    """I7: the inner context overrides only what it names, and metadata adds up; leaving restores."""
    async with token_tracking_context(operation="workflow", guild_id=1, workflow_id="w", metadata={"a": 1, "b": 1}):
        async with token_tracking_context(operation="chat", user_id=5, metadata={"b": 2}) as inner:
            assert (inner.operation, inner.guild_id, inner.workflow_id, inner.user_id) == ("chat", 1, "w", "5")
            assert inner.metadata == {"a": 1, "b": 2}
        assert current_attribution().operation == "workflow"
        assert current_attribution().metadata == {"a": 1, "b": 1}
    assert current_attribution() == Attribution()


async def test_a_context_ends_with_an_exception() -> None:
    """I7: an error inside leaves nothing behind."""
    with pytest.raises(ZeroDivisionError):
        async with token_tracking_context(user_id=1):
            raise ZeroDivisionError
    assert current_attribution() == Attribution()


async def test_metadata_is_bounded() -> None:
    """I33, I24: 4 KB as JSON, the outer context's included."""
    limit = METADATA_LIMIT_BYTES - len('{"k": ""}')
    async with token_tracking_context(metadata={"k": "x" * limit}):
        with pytest.raises(ValueError, match="4096"):
            async with token_tracking_context(metadata={"more": 1}):
                pass
    with pytest.raises(ValueError, match="4097 bytes"):
        async with token_tracking_context(metadata={"k": "x" * (limit + 1)}):
            pass


@pytest.mark.parametrize("bad", [{"a": object()}, {"a": {1, 2}}, {"a": b"x"}, {"a": float("nan")}, {("a",): 1}])
async def test_metadata_is_json(bad: dict) -> None:
    """I23: what no database could store is refused where it is given, with words."""
    with pytest.raises(ValueError, match="metadata must be JSON"):
        async with token_tracking_context(metadata=bad):
            pass


async def test_metadata_that_holds_itself() -> None:
    """I23: circles and towers are refused as well."""
    circle: dict = {}
    circle["me"] = circle
    tower: list = []
    for _ in range(100_000):
        tower = [tower]
    for bad in (circle, {"t": tower}):
        with pytest.raises(ValueError, match="metadata must be JSON"):
            async with token_tracking_context(metadata=bad):
                pass


async def test_metadata_is_a_copy() -> None:
    """I7: what the caller changes afterwards changes no record."""
    mine = {"k": [1]}
    async with token_tracking_context(metadata=mine) as attribution:
        mine["k"].append(2)
        mine["huge"] = "x" * 10_000
        assert attribution.metadata == {"k": [1]}


async def test_names_that_no_database_takes() -> None:
    """I23: lone surrogates and NULs become question marks."""
    async with token_tracking_context(operation="a\ud800b", user_id="c\0d", agent_name="é") as attribution:
        assert (attribution.operation, attribution.user_id, attribution.agent_name) == ("a?b", "c?d", "é")


async def test_ids_fit_64_bits() -> None:
    """I7: the largest snowflake fits; beyond it is refused, not cut."""
    async with token_tracking_context(guild_id=MAX_ID, channel_id=MAX_ID, user_id=2**200) as attribution:
        assert (attribution.guild_id, attribution.user_id) == (MAX_ID, str(2**200))
    for name in ("guild_id", "channel_id"):
        with pytest.raises(ValueError, match=f"{name} must fit 64 bits"):
            async with token_tracking_context(**{name: MAX_ID + 1}):
                pass


async def test_roles_are_numbers() -> None:
    """As text, too; a single one that isn't in a list would be taken apart into its digits."""
    async with token_tracking_context(role_ids=["70", 8]) as attribution:
        assert attribution.role_ids == (70, 8)
    for bad, kind in (("70", TypeError), (["admins"], ValueError)):
        with pytest.raises(kind):
            async with token_tracking_context(role_ids=bad):
                pass


async def test_empty_and_zero_are_values() -> None:
    """I7: 0 and an empty text are given, None is not."""
    async with token_tracking_context(guild_id=5, user_id="x", role_ids=[1]):
        async with token_tracking_context(guild_id=0, user_id=0, role_ids=()) as inner:
            assert (inner.guild_id, inner.user_id, inner.role_ids) == (0, "0", ())
        async with token_tracking_context(guild_id=None, user_id=None) as inner:
            assert (inner.guild_id, inner.user_id) == (5, "x")


async def test_a_generator_closed_elsewhere() -> None:
    """I23: an async generator that is closed by another task than began it must not raise for our sake."""

    async def generator():
        async with token_tracking_context(user_id=1):
            yield 1
            yield 2

    running = generator()
    await asyncio.create_task(anext(running))
    await asyncio.create_task(running.aclose())
    assert current_attribution() == Attribution()
