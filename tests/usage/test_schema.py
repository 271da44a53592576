"""The steps of the schema: once each, all or nothing, and never backwards."""

import sqlite3
from pathlib import Path

import pytest

from bot.usage.errors import DatabaseUnavailableError, SchemaTooNewError
from bot.usage.storage import schema
from bot.usage.storage.sqlite import SqliteDatabase
from tests.usage.making import fresh_database


async def tables(database: SqliteDatabase) -> set[str]:
    return {name for (name,) in await database.fetch("SELECT name FROM sqlite_master WHERE type = 'table'")}


async def test_fresh_and_twice(tmp_path: Path) -> None:
    """I22: each step is applied once, also when the program starts again."""
    async with fresh_database(tmp_path / "a.db") as database:
        assert {"usage_records", "spend_daily", "workers", "claims", "schema_steps"} <= await tables(database)
        await schema.apply(database, 99)
        applied = await database.fetch("SELECT name, applied_at FROM schema_steps")
        assert sorted(applied) == sorted((name, 0) for name in schema.STEPS)
        assert await schema.is_current(database)


async def test_a_later_version_is_refused(tmp_path: Path) -> None:
    """I21: an old program keeps its hands off a new database, and names what it doesn't know."""
    async with fresh_database(tmp_path / "a.db") as database:
        await database.execute("INSERT INTO schema_steps (name, applied_at) VALUES ('999 the future', 1)")
        with pytest.raises(SchemaTooNewError) as caught:
            await schema.apply(database, 0)
        assert caught.value.steps == ["999 the future"]
        assert "999 the future" in str(caught.value)


async def test_a_step_failing_half_way_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """I22: what a broken step did before it broke is undone; repaired, it is applied on the next start."""
    broken = ("CREATE TABLE extra (a TEXT)", "INSERT INTO usage_records (id) VALUES ('x')", "CREATE TABLE oops (")
    async with fresh_database(tmp_path / "a.db") as database:
        monkeypatch.setattr(schema, "STEPS", {**schema.STEPS, "900 broken": broken})
        with pytest.raises((DatabaseUnavailableError, sqlite3.Error)):
            await schema.apply(database, 0)
        assert "extra" not in await tables(database)
        assert not await schema.is_current(database)
        monkeypatch.setattr(schema, "STEPS", {**schema.STEPS, "900 broken": broken[:1]})
        await schema.apply(database, 0)
        assert "extra" in await tables(database)
        assert await schema.is_current(database)


async def test_an_older_database_gets_the_missing_steps_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """I25: records made before an update are there after it."""
    steps = schema.STEPS
    monkeypatch.setattr(schema, "STEPS", dict(list(steps.items())[:1]))
    async with fresh_database(tmp_path / "a.db") as database:
        columns = "id, worker_id, kind, api, started_at, guild_id, operation, provider, request_model, status"
        values = "'x', 'w', 'llm', 'chat', 1, 1, 'chat', 'openai', 'gpt-4o', 'ok'"
        await database.execute(f"INSERT INTO usage_records ({columns}) VALUES ({values})")
        monkeypatch.setattr(schema, "STEPS", steps)
        await schema.apply(database, 5)
        assert await database.fetch("SELECT id FROM usage_records") == [("x",)]
        assert await schema.is_current(database)


async def test_a_reader_of_an_empty_file_finds_no_tables(tmp_path: Path) -> None:
    """I23: a file without tables is told apart from one with none of the calls."""
    sqlite3.connect(tmp_path / "a.db").execute("PRAGMA user_version = 1").close()
    (tmp_path / "a.db").touch()
    reader = await SqliteDatabase.open(f"sqlite:///{tmp_path}/a.db", read_only=True)
    assert not await schema.is_current(reader)
    await reader.close()


async def test_steps_are_numbered_in_their_order() -> None:
    """I22: steps are only ever appended; their names tell their order."""
    numbers = [int(name.split()[0]) for name in schema.STEPS]
    assert numbers == list(range(1, len(numbers) + 1))
