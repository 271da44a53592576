"""The command line on PostgreSQL, as an operator uses it."""

import json
from pathlib import Path
from urllib.parse import urlsplit

from bot.usage import PriceList, open_tracker, token_tracking_context
from tests.commands import run
from tests.usage.postgres_server import PostgresServer


async def test_stats_and_doctor_while_the_books_are_open(
    tmp_path: Path, postgres: PostgresServer, postgres_url: str, prices: PriceList
) -> None:
    """I8, I35: the same sums as on SQLite, beside a running tracker; no password in anything that is printed."""
    url = urlsplit(postgres_url)._replace(netloc="postgres:s3cret@").geturl()
    async with open_tracker(url, console=False, prices=prices) as tracker:
        async with token_tracking_context(operation="draft", guild_id=1):
            await tracker.track_usage(model="gpt-4o-mini", input_tokens=1_000_000, output_tokens=0)
        await tracker.force_flush()
        report = run(tmp_path, "stats", "--json", DATABASE_URL=url)
        found = run(tmp_path, "doctor", "--offline", DATABASE_URL=url, DISCORD_TOKEN="t", OPENAI_API_KEY="k", DYNO="1")
    assert report.returncode == 0, report.stderr
    printed = json.loads(report.stdout)
    assert (printed["calls"], printed["cost_nano_usd"], printed["rows"][0]["key"]) == (1, 150_000_000, "draft")
    assert found.returncode == 0, found.stdout
    assert "ok   DATABASE_URL: PostgreSQL answers" in found.stdout
    empty = await postgres.empty_database("nothing_in_it")
    missing = run(tmp_path, "stats", DATABASE_URL=empty)
    assert (missing.returncode, missing.stdout) == (1, "")
    assert "it holds no books" in missing.stderr
    assert "s3cret" not in report.stderr + found.stdout + found.stderr + missing.stderr
