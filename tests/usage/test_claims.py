"""Work that is done once, and what is remembered."""

import asyncio
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest

from bot.usage.bookkeeping.claims import KEPT, Claims
from bot.usage.errors import DatabaseUnavailableError
from bot.usage.storage.database import Database, open_database
from tests.usage.making import NOW

BOTH_DATABASES = True
CLAIM = """
import asyncio, sys
from bot.usage.bookkeeping.claims import Claims
from bot.usage.storage.database import open_database
from bot.usage.records import utc_now

async def main():
    database = await open_database(sys.argv[1])
    claims = Claims(database, utc_now)
    sys.stdin.readline()
    print(sum([await claims.claim(n) for n in range(200)]))
    await database.close()
asyncio.run(main())
"""


async def test_two_processes_claim_each_id_once(database: Database, database_url: str) -> None:
    """I22: at a redeploy old and new process both see a message; exactly one of them gets it."""
    command = [sys.executable, "-c", CLAIM, database_url]
    both = [
        subprocess.Popen(  # noqa: ASYNC220
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=Path.cwd()
        )
        for _ in range(2)
    ]
    for process in both:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    won = [int((await asyncio.to_thread(process.communicate))[0]) for process in both]
    assert sum(won) == 200
    assert (await database.fetch("SELECT count(*) FROM claims"))[0] == (200,)


async def test_two_connections_at_once(database: Database, database_url: str) -> None:
    """I22: the same within one process, asked at the same moment; a number and its text are one id."""
    other = await open_database(database_url)
    claims = [Claims(db, lambda: NOW) for db in (database, other)]
    won = await asyncio.gather(*(c.claim(i) for i in (7, "7", 7, "8") for c in claims))
    assert sum(won) == 2
    await other.close()


async def test_old_claims_are_forgotten_and_young_ones_kept(database: Database) -> None:
    """I24: claims don't pile up; one that Discord may deliver again is kept, to the microsecond."""
    now = [NOW]
    claims = Claims(database, lambda: now[0])
    assert await claims.claim("a")
    now[0] = NOW + KEPT
    await claims.forget_old()
    assert not await claims.claim("a")
    now[0] += timedelta(microseconds=1)
    await claims.forget_old()
    assert await claims.claim("a")


async def test_remember_and_recall(database: Database, database_url: str) -> None:
    """I21: what is remembered is there at once and after the next start; the last value wins."""
    claims = Claims(database, lambda: NOW)
    assert await claims.recall("tree") is None
    await claims.remember("tree", "abc")
    await claims.remember("tree", "")
    await claims.remember("other", "x'; DROP TABLE claims; --")
    assert await claims.recall("tree") == ""
    reader = await open_database(database_url, read_only=True)
    assert await Claims(reader, lambda: NOW).recall("other") == "x'; DROP TABLE claims; --"
    with pytest.raises(DatabaseUnavailableError):
        await Claims(reader, lambda: NOW).claim("y")
    await reader.close()


async def test_a_secret_is_made_once_for_everybody(database: Database) -> None:
    """I34, I35: by whoever asks first; deleted, it is another."""
    one, other = Claims(database, lambda: NOW), Claims(database, lambda: NOW)
    first, second = await asyncio.gather(one.secret("key"), other.secret("key"))
    assert (first, len(first)) == (second, 64)
    assert first == await one.secret("key") != await one.secret("another key")
    await database.execute("DELETE FROM bot_state WHERE name = $1", "key")
    assert await other.secret("key") != first
