"""The command line: `python -m bot COMMAND`. Standard output carries a command's result, logs go to standard error."""

import argparse
import asyncio
import io
import json
import os
import sys
from collections.abc import Callable, Sequence

from bot.commands import api, backup, export, keys, move, prune, reconcile, reprice, suggest, verify
from bot.commands.arguments import a_guild
from bot.errors import SettingsError, TriloError
from bot.settings import Settings, load_settings, started_by_a_person
from bot.usage import DatabaseUrlError

EXIT_CONFIGURATION = 78
"""What `sysexits.h` calls EX_CONFIG: trying again without mending the configuration is no use."""
EXIT_INTERRUPTED = 130
"""What shells report of a command stopped by Ctrl-C."""
_SANDBOX_NOTE = "DISCORD_TOKEN is not set: starting the sandbox, a Discord of its own. `python -m bot doctor` helps on."


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; its exit code is 1 for a failure, 2 for bad arguments, 78 for a wrong configuration, else 0."""
    _speak_utf8()
    try:
        try:
            return _command(arguments)
        finally:
            if sys.stdout is not None:
                sys.stdout.flush()
    except BrokenPipeError:
        # The reader of our output has gone (`| head`): nobody is left to tell, and Python would complain at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except KeyboardInterrupt:
        return EXIT_INTERRUPTED


def _command(arguments: Sequence[str] | None) -> int:
    parser = _parser()
    options = parser.parse_args(arguments)
    try:
        settings = load_settings()
        _configure_logs(settings)
        command: Callable[[argparse.Namespace, Settings], int] = options.command
        return command(options, settings)
    except (SettingsError, DatabaseUrlError) as error:
        return _fail(str(error), EXIT_CONFIGURATION)
    except TriloError as error:
        return _fail(str(error), 1)
    except BrokenPipeError:
        raise
    except OSError as error:  # a folder that can't be made, a port that is taken, a full disk
        return _fail(f"{error.strerror or error}{f': {error.filename}' if error.filename else ''}", 1)


def _fail(words: str, code: int) -> int:
    print(f"trilo: {words}", file=sys.stderr)
    return code


def _speak_utf8() -> None:
    """Whatever the locale: a line that isn't UTF-8 is answered like any other, and every name can be printed."""
    for stream in (sys.stdin, sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(encoding="utf-8", errors="backslashreplace")


def _run(_options: argparse.Namespace, settings: Settings) -> int:
    if settings.discord_token is None:
        if not started_by_a_person(sys.stdin.isatty()):
            raise SettingsError(
                "DISCORD_TOKEN", "missing; create a bot in Discord's developer portal and set its token"
            )
        print(_SANDBOX_NOTE, file=sys.stderr)
        return _serve_sandbox(settings, port=None, language="en-US")
    from bot.application import run_bot, run_until_signal

    run_until_signal(run_bot(settings))
    return 0


def _sandbox(options: argparse.Namespace, settings: Settings) -> int:
    return _serve_sandbox(settings, port=options.port, language=options.language)


def _serve_sandbox(settings: Settings, port: int | None, language: str) -> int:
    try:
        from bot.sandbox.run import run_sandbox
    except ModuleNotFoundError as error:
        if not (error.name or "").startswith("simcord"):
            raise
        words = "the sandbox needs the development requirements: pip install -r requirements-dev.txt, or `make test`"
        return _fail(words, EXIT_CONFIGURATION)
    from bot.application import run_until_signal

    run_until_signal(run_sandbox(settings, port, language))
    return 0


def _stats(options: argparse.Namespace, settings: Settings) -> int:
    from bot.stats_command import as_json, as_text, read_spend

    report = asyncio.run(read_spend(settings.database_url, options.guild, options.period, options.by))
    print(json.dumps(as_json(report)) if options.json else as_text(report, options.by))
    return 0


def _price(options: argparse.Namespace, _settings: Settings) -> int:
    from bot.price_command import read_at, run_lines, run_single
    from bot.usage.money import format_cost
    from bot.usage.pricing.prices import PriceList
    from bot.usage.records import Usage

    if options.model is None and (given := _usage_options_given(options)):
        return _fail(f"{given} needs a MODEL; without one, JSON lines are read from standard input", 2)
    prices = PriceList.load()
    if options.model is None:
        for line in run_lines(prices, sys.stdin):
            print(line, flush=True)
        return 0
    try:
        usage = Usage.from_mapping(_usage_options(options))
        answer = run_single(prices, options.model, usage, read_at(options.at), options.service_tier)
    except ValueError as error:
        return _fail(str(error), 2)
    if options.json:
        print(json.dumps(answer))
    else:
        cost = answer["cost_nano_usd"]
        unknown = f"no price is known for {options.model!r}; add it to data/prices.toml"
        print(f"{format_cost(cost)} ({answer['price_source'] if cost is not None else unknown})")
    return 0


def _doctor(options: argparse.Namespace, settings: Settings) -> int:
    from bot.doctor import examine

    findings = asyncio.run(examine(settings, online=not options.offline))
    if options.json:
        print(json.dumps([finding._asdict() for finding in findings]))
    else:
        for finding in findings:
            print(f"{'ok  ' if finding.ok else 'FIX '} {finding.subject}: {finding.words}")
    return 0 if all(finding.ok for finding in findings) else EXIT_CONFIGURATION


def _usage_options(options: argparse.Namespace) -> dict[str, object]:
    try:
        usage: dict[str, object] = json.loads(options.usage) if options.usage else {}
    except (ValueError, RecursionError):
        raise ValueError("--usage must be a JSON object") from None
    if not isinstance(usage, dict):
        raise ValueError("--usage must be a JSON object")  # noqa: TRY004 - bad input, not a bug
    short = {"input_tokens": options.input, "output_tokens": options.output, "cached_input_tokens": options.cached}
    return usage | {name: count for name, count in short.items() if count is not None}


def _usage_options_given(options: argparse.Namespace) -> str:
    names = ("input", "cached", "output", "usage", "at", "service_tier")
    return ", ".join(f"--{name.replace('_', '-')}" for name in names if getattr(options, name) is not None)


def _configure_logs(settings: Settings) -> None:
    from bot.logs import configure_logs

    configure_logs(settings.log_level, settings.log_format)


def _parser() -> argparse.ArgumentParser:
    from bot.usage.reporting.reports import PERIODS, SPLITS

    parser = argparse.ArgumentParser(prog="python -m bot", description="Trilo: a Discord bot that counts every cent.")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND")
    parser.set_defaults(command=_run)

    run = commands.add_parser("run", help="run the bot (the default); without DISCORD_TOKEN, the sandbox")
    run.set_defaults(command=_run)

    sandbox = commands.add_parser("sandbox", help="the bot in a made-up Discord, on a page in your browser")
    sandbox.add_argument("--port", type=_port, metavar="PORT", help="port of the page (default: a free one)")
    sandbox.add_argument(
        "--language", default="en-US", metavar="TAG", help="what everybody there speaks, like es-419 (default: en-US)"
    )
    sandbox.set_defaults(command=_sandbox)

    stats = commands.add_parser("stats", help="what was spent, also while the bot runs")
    stats.add_argument("--guild", type=a_guild, metavar="ID", help="one server (default: the whole bot, in UTC days)")
    stats.add_argument("--period", choices=PERIODS, default="month", help="default: month")
    stats.add_argument("--by", choices=SPLITS, default="operation", help="default: operation")
    stats.add_argument("--json", action="store_true", help="one JSON object")
    stats.set_defaults(command=_stats)

    price = commands.add_parser(
        "price",
        help="what a usage costs; without MODEL, JSON lines in and out",
        description='Without MODEL, reads lines {"model","usage":{…},"at","service_tier"} from standard input.',
    )
    price.add_argument("model", nargs="?", metavar="MODEL")
    price.add_argument("--input", type=int, metavar="N", help="input tokens, cached ones included")
    price.add_argument("--cached", type=int, metavar="N", help="of these, read from the provider's cache")
    price.add_argument("--output", type=int, metavar="N", help="output tokens, reasoning included")
    price.add_argument("--usage", metavar="JSON", help="the whole usage as an object, for audio, images and the rest")
    price.add_argument("--at", metavar="DATE", help="price of that day (ISO 8601, UTC; default: now)")
    price.add_argument("--service-tier", metavar="TIER", help="the served tier: default, flex, priority, batch")
    price.add_argument("--json", action="store_true", help="one JSON object")
    price.set_defaults(command=_price)

    doctor = commands.add_parser("doctor", help="check the configuration and say what to do")
    doctor.add_argument("--offline", action="store_true", help="don't ask Discord or the AI provider")
    doctor.add_argument("--json", action="store_true", help="a JSON list of findings")
    doctor.set_defaults(command=_doctor)

    for group in (api, keys, backup, move, verify, prune, reprice, reconcile, suggest, export):
        group.add(commands)
    return parser


def _port(text: str) -> int:
    if not text.isdecimal() or not 0 < int(text[:6]) < 65_536:
        raise argparse.ArgumentTypeError(f"{text!r} is no port: choose from 1 to 65535")
    return int(text)


if __name__ == "__main__":
    sys.exit(main())
