"""The API over real books, asked by a real HTTP client without a socket between them."""

from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest

from bot.api.app import create_app
from bot.api.keys import KeyBook
from bot.usage import PriceList, UsageTracker, open_tracker

NOW = datetime(2026, 3, 15, 12, tzinfo=UTC)
Ask = Callable[..., httpx.AsyncClient]


class Clock:
    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture(scope="session")
def prices() -> PriceList:
    return PriceList.load()


@pytest.fixture
async def tracker(tmp_path: Path, prices: PriceList, clock: Clock) -> AsyncIterator[UsageTracker]:
    """Ann cost $0.003 on server 42 today and $0.002 nine days ago, Bob $0.004 on server 43."""
    async with open_tracker(f"sqlite:///{tmp_path}/t.db", prices=prices, console=False, clock=clock) as opened:
        for days_ago, user, guild, model, cost in (
            (9, "ann", 42, "gpt-4o", "0.002"),
            (0, "ann", 42, "gpt-4o", "0.001"),
            (0, "ann", 42, "gpt-4o-mini", "0.002"),
            (0, "bob", 43, "gpt-4o-mini", "0.004"),
        ):
            clock.now = NOW - timedelta(days=days_ago)
            await opened.track_llm_call(
                user_id=user,
                guild_id=guild,
                thread_id=f"thread-{user}",
                operation="chat",
                agent_name="writer",
                model=model,
                input_tokens=100,
                output_tokens=10,
                cost=cost,
            )
        clock.now = NOW
        yield opened


@pytest.fixture
def keys(tracker: UsageTracker, clock: Clock) -> KeyBook:
    return KeyBook(tracker.database, clock)


@pytest.fixture
async def ask(tracker: UsageTracker) -> AsyncIterator[Ask]:
    """A client: with a key's text, from an address, of an app that is open on loopback or not."""
    made: list[httpx.AsyncClient] = []
    apps = {}

    def client(text: str = "", *, address: str = "203.0.113.5", development: bool = False) -> httpx.AsyncClient:
        if development not in apps:
            apps[development] = create_app(tracker, open_on_loopback=development)
        transport = httpx.ASGITransport(apps[development], client=(address, 5))
        headers = {"Authorization": f"Bearer {text}"} if text else {}
        made.append(httpx.AsyncClient(transport=transport, base_url="http://trilo", headers=headers))
        return made[-1]

    yield client
    for one in made:
        await one.aclose()


@pytest.fixture
async def everything(ask: Ask, keys: KeyBook) -> httpx.AsyncClient:
    """A client that may read and write everything."""
    _, text = await keys.create("all", may_write=True)
    return ask(text)


@pytest.fixture
async def of_42(ask: Ask, keys: KeyBook) -> httpx.AsyncClient:
    """A client that may read and write server 42."""
    _, text = await keys.create("one", may_write=True, guild_id=42)
    return ask(text)
