"""The API as an operator starts it: a process of its own, a key from the command line, a real socket."""

import asyncio
import json
import re
import subprocess
from pathlib import Path

import httpx
import pytest
import uvicorn
from fastapi import FastAPI

from bot.api.server import serving
from tests.commands import run, start, stop


def served(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    line = process.stdout.readline()
    found = re.fullmatch(r"API: (http://127\.0\.0\.1:\d+)/docs\n", line)
    assert found, line
    return found[1]


@pytest.fixture
def books(tmp_path: Path) -> str:
    """An empty database that is up to date: opening the API makes it."""
    return f"sqlite:///{tmp_path}/trilo.db"


def test_keys_and_the_api_from_the_command_line(tmp_path: Path, books: str) -> None:
    process = start(tmp_path, "api", "--port", "0", DATABASE_URL=books)
    try:
        url = served(process)
        assert httpx.get(f"{url}/platform").status_code == 401
        made = run(tmp_path, "keys", "create", "dashboard", DATABASE_URL=books)
        text = made.stdout.strip()
        assert text.startswith("trilo_")
        assert "It reads all servers." in made.stderr
        headers = {"Authorization": f"Bearer {text}"}
        assert httpx.get(f"{url}/platform", headers=headers).json()["total_calls"] == 0
        [key] = json.loads(run(tmp_path, "keys", "list", "--json", DATABASE_URL=books).stdout)
        assert (key["label"], key["may_write"], key["guild_id"], key["revoked_at"]) == ("dashboard", False, None, None)
        assert text not in run(tmp_path, "keys", "list", DATABASE_URL=books).stdout
        assert run(tmp_path, "keys", "revoke", key["id"], DATABASE_URL=books).returncode == 0
        assert httpx.get(f"{url}/platform", headers=headers).status_code == 401
        again = run(tmp_path, "keys", "revoke", key["id"], DATABASE_URL=books)
        assert (again.returncode, again.stderr) == (
            1,
            f"there is no key {key['id']} that could be revoked: see `python -m bot keys list`\n",
        )
    finally:
        out, logs = stop(process)
    assert (process.returncode, out) == (0, "")
    assert "every request needs a key" in logs
    assert text not in logs


def test_in_development_this_machine_may_read(tmp_path: Path, books: str) -> None:
    """Row B2: the guide's own curl lines."""
    process = start(tmp_path, "api", "--port", "0", DATABASE_URL=books, APP_ENV="development")
    try:
        url = served(process)
        for path in (
            "user/user@example.com?days=30",
            "all?days=7&limit=100",
            "by-model?days=30",
            "thread/conversation-123",
        ):
            assert httpx.get(f"{url}/token-usage/{path}").status_code == 200
        assert httpx.get(f"{url}/docs").status_code == 200
    finally:
        _, logs = stop(process)
    assert "reads from this machine need no key" in logs


def test_a_port_that_is_taken_is_said_in_words(tmp_path: Path, books: str) -> None:
    process = start(tmp_path, "api", "--port", "0", DATABASE_URL=books)
    try:
        port = served(process).rpartition(":")[2]
        other = run(tmp_path, "api", "--port", port, DATABASE_URL=f"sqlite:///{tmp_path}/other.db")
    finally:
        stop(process)
    assert other.returncode != 0
    assert f"the API can't be served at 127.0.0.1:{port}" in other.stderr
    assert "Traceback" not in other.stderr


async def test_what_cant_begin_is_no_silence(monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that fails before it listens fails whoever waits for it."""

    def broken(_config: uvicorn.Config) -> None:
        raise ImportError("no such protocol")

    monkeypatch.setattr(uvicorn.Config, "load", broken)
    with pytest.raises(ImportError):
        async with asyncio.timeout(5), serving(FastAPI(), "127.0.0.1", 0):
            pass
