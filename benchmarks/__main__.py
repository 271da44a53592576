"""`python -m benchmarks [NAME …] [--rounds N] [--quick]`: measure, and print one table."""

import argparse
import importlib
import os
import platform
import sqlite3
import sys
import traceback
from collections.abc import Sequence
from importlib.metadata import version
from time import perf_counter

from benchmarks.measure import Effort, Row

NAMES = {
    "calls": "P1, P3",
    "streams": "P1, P2",
    "pricing": "P4",
    "ledger": "P5",
    "postgres": "P6, P8",
    "rollups": "P11",
    "token_stats": "P7, P9, P10",
    "token_stats_postgres": "P7, P9",
    "startup": "P12",
    "chart": "P13",
    "proxy": "P14",
}
LIBRARIES = ("openai", "httpx2", "aiohttp", "aiosqlite", "asyncpg", "duckdb", "tiktoken", "genai-prices", "discord.py")
HEADER = ("", "ratio", "median (range)", "target", "met", "absolute, here")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run what is named, or all. Exit code 1 only where something crashed: a missed target is a line of the table."""
    options = _parser().parse_args(arguments)
    effort = Effort(rounds=2 if options.quick else options.rounds, quick=options.quick)
    began = perf_counter()
    rows: list[Row] = []
    crashed = []
    for name in options.names or NAMES:
        print(f"measuring {name} ({NAMES[name]}) …", file=sys.stderr, flush=True)
        try:
            rows += importlib.import_module(f"benchmarks.{name}").run(effort)
        except Exception:  # noqa: BLE001 - the others still have their say
            traceback.print_exc()
            crashed.append(name)
    print(table([HEADER, *((row.id, row.what, row.measured, row.aim, row.met, row.note) for row in rows)]))
    print(f"\n{_machine()}\n{effort.rounds} rounds in turns, {perf_counter() - began:.0f} s in all")
    if crashed:
        print(f"crashed: {', '.join(crashed)}")
    return 1 if crashed else 0


def table(lines: Sequence[Sequence[str]]) -> str:
    """Columns as wide as their widest cell."""
    widths = [max(len(cell) for cell in column) for column in zip(*lines, strict=True)]
    rule = ["-" * width for width in widths]
    padded = (
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in (lines[0], rule, *lines[1:])
    )
    return "\n".join(padded)


def _machine() -> str:
    versions = ", ".join(f"{name} {version(name)}" for name in LIBRARIES)
    python = f"{platform.python_implementation()} {platform.python_version()}"
    return f"{os.cpu_count()} cores, {platform.platform()}, {python}, SQLite {sqlite3.sqlite_version}, {versions}"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="Our ratios against their targets.")
    parser.add_argument("names", nargs="*", metavar="NAME", choices=[[], *NAMES], help=", ".join(NAMES))
    parser.add_argument("--rounds", type=int, default=7, help="rounds of each side (default: 7)")
    parser.add_argument("--quick", action="store_true", help="a tenth of everything, in a minute: does it all run?")
    return parser


if __name__ == "__main__":
    sys.exit(main())
