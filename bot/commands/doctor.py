"""`python -m bot doctor`: what `bot.doctor` finds, told."""

import argparse
import asyncio
import json

from bot.commands import Commands
from bot.errors import EXIT_CONFIGURATION
from bot.settings import Settings


def add(commands: Commands) -> None:
    """Make its arguments."""
    parser = commands.add_parser("doctor", help="check the configuration and say what to do")
    parser.add_argument("--offline", action="store_true", help="don't ask Discord or the AI provider")
    parser.add_argument("--json", action="store_true", help="a JSON list of findings")
    parser.set_defaults(command=_doctor)


def _doctor(options: argparse.Namespace, settings: Settings) -> int:
    from bot.doctor import examine

    findings = asyncio.run(examine(settings, online=not options.offline))
    if options.json:
        print(json.dumps([finding._asdict() for finding in findings]))
    else:
        for finding in findings:
            print(f"{'ok  ' if finding.ok else 'FIX '} {finding.subject}: {finding.words}")
    return 0 if all(finding.ok for finding in findings) else EXIT_CONFIGURATION
