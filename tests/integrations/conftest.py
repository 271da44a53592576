"""Open books, a scriptable provider and the stand-in model, and LangChain's own chat models of them."""

from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from langchain_openai import ChatOpenAI

from bot.sandbox.stand_in_model import StandInModel
from bot.usage import PriceList, UsageTracker, open_tracker
from tests.integrations.receiver import Receiver, running_receiver
from tests.usage import shapes
from tests.usage.stub import Stub, answer

Rows = Callable[..., Awaitable[list[tuple[Any, ...]]]]


@pytest.fixture(scope="session")
def prices() -> PriceList:
    return PriceList.load()


@pytest.fixture
async def tracker(tmp_path: Path, prices: PriceList) -> AsyncIterator[UsageTracker]:
    async with open_tracker(f"sqlite:///{tmp_path}/usage.db", console=False, prices=prices) as opened:
        yield opened
        assert opened.ledger.faults == 0


@pytest.fixture
def rows(tracker: UsageTracker) -> Rows:
    """What a test awaits with names of columns: these of every call on the books by now, oldest first."""

    async def read(*columns: str) -> list[tuple[Any, ...]]:
        await tracker.force_flush()
        found = await tracker.database.fetch(f"SELECT {', '.join(columns)} FROM usage_records ORDER BY started_at, id")
        return [tuple(row) for row in found]

    return read


@pytest.fixture
async def stub() -> AsyncIterator[Stub]:
    """Answers 1000 tokens in, 200 out, unless told otherwise."""
    async with Stub() as running:
        running.default = lambda _request: answer(shapes.chat())
        yield running


@pytest.fixture
async def stand_in() -> AsyncIterator[StandInModel]:
    async with StandInModel(latency=0, token_delay=0) as running:
        yield running


@pytest.fixture
def chat(stub: Stub) -> ChatOpenAI:
    """LangChain's chat model of the stub, with LangChain's own clients."""
    return ChatOpenAI(model="gpt-4o-mini", base_url=stub.url, api_key="test-key", max_retries=0)


@pytest.fixture
def through_the_door(tracker: UsageTracker, stub: Stub) -> ChatOpenAI:
    """The same over a tracked client, but for its sync calls, which no tracked client makes."""
    client = tracker.openai(base_url=stub.url, api_key="test-key", max_retries=0)
    return ChatOpenAI(
        model="gpt-4o-mini",
        base_url=stub.url,
        api_key="test-key",
        max_retries=0,
        async_client=client.chat.completions,
        root_async_client=client,
    )


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    """Whoever is told of booked calls, on loopback."""
    async with running_receiver() as running:
        yield running
