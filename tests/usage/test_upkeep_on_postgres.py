"""The commands that look after the books, as processes of their own, beside a bot on PostgreSQL."""

import asyncio
import json
from datetime import timedelta
from pathlib import Path

from bot.usage import PriceList, open_tracker
from bot.usage.records import UsageRecord, utc_now
from tests.commands import run_code
from tests.test_command_line import TRY_ALL
from tests.usage.making import a_call, a_settlement


async def test_every_command_works_there_too(tmp_path: Path, postgres_url: str, prices: PriceList) -> None:
    """I8, I10, I25: verified, mended, pruned, priced anew and exported."""
    async with open_tracker(postgres_url, console=False, prices=prices, journal=tmp_path / "journal") as tracker:
        for days in (95, 50, 1):
            call = a_call(at=utc_now() - timedelta(days=days), model="gpt-4o")
            tracker.ledger.record(UsageRecord(call, a_settlement(7, tokens=(1_000, 100))))
        await tracker.force_flush()
        await tracker.database.execute("UPDATE spend_daily SET calls = 5 WHERE dimension = 'total'")
        commands = [["verify"], ["verify", "--repair"], ["prune", "--json", "--vacuum"], ["verify"],
                    ["reprice", "--apply", "--json"], ["export"], ["verify", "--json"]]  # fmt: skip
        done = await asyncio.to_thread(run_code, tmp_path, TRY_ALL, json.dumps(commands), DATABASE_URL=postgres_url)
        assert done.returncode == 0, done.stderr
        answers = json.loads(done.stdout)
        assert [(code, err) for code, _, err in answers] == [(1, ""), *[(0, "")] * 6]
        wrong, mended, pruned, right, repriced, exported, last = (out for _, out, _ in answers)
        assert "3 are wrong" in wrong
        assert "3 were wrong and are mended" in mended
        assert json.loads(pruned)["deleted"] == 1
        assert "all as they should be" in right
        assert json.loads(repriced)["after_nano_usd"] == 7_000_000
        assert [json.loads(line)["cost_nano_usd"] for line in exported.splitlines()] == [3_500_000] * 2
        assert json.loads(last)["differences"] == []
        assert (await tracker.reports.spend(1, "all", "day")).total.cost_nano_usd == 7_000_007
