"""Open books in a temporary database, a scriptable provider, and a tracked client between them.

A module with `BOTH_DATABASES = True` runs each test that has `database_url` in its fixtures on SQLite and PostgreSQL.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from bot.usage import PriceList, TrackedOpenAI, UsageTracker, open_tracker
from bot.usage.bookkeeping import lookout
from bot.usage.storage import schema
from bot.usage.storage.database import Database, open_database
from tests.usage.making import columns_of
from tests.usage.postgres_server import PostgresServer, running_server
from tests.usage.stub import Stub

Records = Callable[[UsageTracker], Awaitable[list[dict[str, Any]]]]


@pytest.fixture(scope="session")
def prices() -> PriceList:
    """The price list, read once a session: it takes longer to load than a test to run."""
    return PriceList.load()


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    wants_both = getattr(metafunc.module, "BOTH_DATABASES", False)
    is_sqlites = metafunc.definition.get_closest_marker("sqlite_only") is not None
    if wants_both and not is_sqlites and "database_url" in metafunc.fixturenames:
        metafunc.parametrize("database_url", ["sqlite", "postgres"], indirect=True)


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """A real server, started once a session where a test asks for it."""
    with running_server() as started:
        yield started


@pytest.fixture
async def postgres_url(request: pytest.FixtureRequest) -> AsyncIterator[str]:
    """A PostgreSQL database with tables and nothing in them."""
    server: PostgresServer = request.getfixturevalue("postgres")
    url = await server.new_database()
    yield url
    await server.drop(url)


@pytest.fixture
async def emptied_url(request: pytest.FixtureRequest) -> str:
    server: PostgresServer = request.getfixturevalue("postgres")
    return await server.emptied_database()


@pytest.fixture
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if getattr(request, "param", "sqlite") == "postgres":
        return str(request.getfixturevalue("emptied_url"))
    return f"sqlite:///{tmp_path}/usage.db"


@pytest.fixture
async def database(database_url: str, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Database]:
    """An open database with tables, on which no ledger looks around for others of itself."""
    monkeypatch.setattr(lookout, "LOOK_SECONDS", 3600)
    opened = await open_database(database_url)
    await schema.apply(opened, 0)
    yield opened
    await opened.close()


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
        names = await columns_of(database, "usage_records")
        rows = await database.fetch(f"SELECT {', '.join(names)} FROM usage_records ORDER BY started_at, id")
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
