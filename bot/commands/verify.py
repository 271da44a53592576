"""`python -m bot verify`: whether the sums say what the single calls add up to, and mending those that don't."""

import argparse
import asyncio
import json
from datetime import datetime
from typing import Any

from bot.commands import Commands
from bot.commands.books import COMMAND_LINE, open_books, our_operations
from bot.settings import Settings
from bot.usage.console import printable
from bot.usage.records import utc_now
from bot.usage.upkeep.integrity import Difference, Findings, repair, verify

_SHOWN = 20
"""How many differences people are shown; `--json` has them all."""


def add(commands: Commands) -> None:
    """Make its arguments."""
    parser = commands.add_parser("verify", help="count all sums anew from the single calls, also while the bot runs")
    parser.add_argument("--repair", action="store_true", help="mend what is wrong, with a line each in the audit log")
    parser.add_argument("--json", action="store_true", help="one JSON object")
    parser.set_defaults(command=_verify)


def _verify(options: argparse.Namespace, settings: Settings) -> int:
    findings = asyncio.run(_look(settings, mend=options.repair))
    print(json.dumps(_as_json(findings)) if options.json else _as_text(findings, repaired=options.repair))
    return 1 if findings.differences and not options.repair else 0


async def _look(settings: Settings, *, mend: bool) -> Findings:
    async with open_books(settings.database_url, read_only=not mend) as database:
        findings = await verify(database, our_operations(settings), utc_now())
        if mend:
            await repair(database, findings, utc_now(), COMMAND_LINE)
        return findings


def _as_json(findings: Findings) -> dict[str, Any]:
    return {
        "calls": findings.calls,
        "since": _iso(findings.kept_since),
        "sums": findings.sums,
        "counters": findings.counters,
        "differences": [
            {
                "table": difference.table,
                "key": list(difference.key),
                **{name: {"stored": stored, "counted": counted} for name, (stored, counted) in _columns(difference)},
            }
            for difference in findings.differences
        ],
    }


def _as_text(findings: Findings, *, repaired: bool) -> str:
    since = f" since {findings.kept_since:%Y-%m-%d}" if findings.kept_since else ""
    looked = f"{findings.calls:,} calls{since}, {findings.sums:,} sums and {findings.counters:,} counters"
    if not findings.differences:
        return f"{looked}: all as they should be"
    lines = [f"{looked}: {len(findings.differences):,} {'were wrong and are mended' if repaired else 'are wrong'}"]
    for difference in findings.differences[:_SHOWN]:
        what = ", ".join(f"{name} {stored:,}, counted {counted:,}" for name, (stored, counted) in _columns(difference))
        key = " ".join(str(part) or "-" for part in difference.key)
        lines.append(f"  {difference.table} {printable(key)}: {what}")
    if len(findings.differences) > _SHOWN:
        lines.append(f"  and {len(findings.differences) - _SHOWN:,} more: --json shows them all")
    return "\n".join(lines if repaired else [*lines, "mend them with: python -m bot verify --repair"])


def _columns(difference: Difference) -> list[tuple[str, tuple[int, int]]]:
    return list(difference.columns.items())


def _iso(at: datetime | None) -> str | None:
    return at.isoformat() if at else None
