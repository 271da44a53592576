"""Open books in a temporary database, a scriptable provider, and a tracked client between them."""

from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from bot.usage import PriceList, TrackedOpenAI, UsageTracker, open_tracker
from tests.usage.stub import Stub

Records = Callable[[UsageTracker], Awaitable[list[dict[str, Any]]]]


@pytest.fixture(scope="session")
def prices() -> PriceList:
    """The price list, read once a session: it takes longer to load than a test to run."""
    return PriceList.load()


@pytest.fixture
def database_url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/usage.db"


@pytest.fixture
async def tracker(database_url: str, prices: PriceList) -> AsyncIterator[UsageTracker]:
    async with open_tracker(database_url, console=False, prices=prices) as opened:
        yield opened


@pytest.fixture
def records() -> Records:
    """What a test awaits with the tracker: everything on the books by now, as dicts, oldest first."""

    async def read(tracker: UsageTracker) -> list[dict[str, Any]]:
        await tracker.force_flush()
        database = tracker.ledger._database
        names = [row[1] for row in await database.fetch("PRAGMA table_info(usage_records)")]
        rows = await database.fetch("SELECT * FROM usage_records ORDER BY started_at, id")
        return [dict(zip(names, row, strict=True)) for row in rows]

    return read


@pytest.fixture
async def stub() -> AsyncIterator[Stub]:
    async with Stub() as running:
        yield running


@pytest.fixture
async def client(tracker: UsageTracker, stub: Stub) -> TrackedOpenAI:
    """A tracked client of the stub that doesn't retry."""
    return tracker.openai(base_url=stub.url, api_key="test-key", max_retries=0)
