"""The size and the version that `/owner health` and the API show."""

import tomllib
from importlib.metadata import PackageNotFoundError
from pathlib import Path

import pytest

from bot.usage import health
from bot.usage.bookkeeping.ledger import Ledger
from bot.usage.storage.database import Database
from bot.usage.tracker import UsageTracker
from tests.usage.making import NOW

BOTH_DATABASES = True


async def test_the_size_grows_with_what_is_stored(database: Database):
    before = await health.database_bytes(database)
    await database.execute("CREATE TABLE filler (text TEXT)")
    for _ in range(20):
        await database.execute("INSERT INTO filler (text) VALUES ($1)", "x" * 20_000)
    assert await health.database_bytes(database) > before >= 4096


async def test_when_something_was_last_written(tracker: UsageTracker):
    ledger = tracker.ledger
    assert isinstance(ledger, Ledger)
    assert (ledger.written_at, ledger.is_away) == (None, False)
    await tracker.track_llm_call(model="gpt-4o-mini", input_tokens=1, output_tokens=1)
    await tracker.force_flush()
    assert ledger.written_at is not None
    assert ledger.written_at >= NOW


def test_a_checkout_knows_its_version(monkeypatch: pytest.MonkeyPatch):
    def not_installed(_name: str) -> str:
        raise PackageNotFoundError

    ours = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text(encoding="utf-8"))
    monkeypatch.setattr(health, "installed_version", not_installed)
    assert health.version.__wrapped__() == ours["project"]["version"]
