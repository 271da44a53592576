"""The command line: `python -m bot COMMAND`. Standard output carries a command's result, logs go to standard error."""

import argparse
import io
import os
import sys
from collections.abc import Callable, Sequence

from bot.commands import (
    api,
    backup,
    doctor,
    export,
    keys,
    move,
    price,
    prune,
    reconcile,
    reprice,
    stats,
    suggest,
    verify,
)
from bot.commands.arguments import a_port
from bot.errors import EXIT_CONFIGURATION, SettingsError, TriloError
from bot.settings import Settings, load_settings, started_by_a_person
from bot.usage import DatabaseUrlError

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


def _configure_logs(settings: Settings) -> None:
    from bot.logs import configure_logs

    configure_logs(settings.log_level, settings.log_format)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m bot", description="Trilo: a Discord bot that counts every cent.")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND")
    parser.set_defaults(command=_run)

    run = commands.add_parser("run", help="run the bot (the default); without DISCORD_TOKEN, the sandbox")
    run.set_defaults(command=_run)

    sandbox = commands.add_parser("sandbox", help="the bot in a made-up Discord, on a page in your browser")
    sandbox.add_argument("--port", type=a_port, metavar="PORT", help="port of the page (default: a free one)")
    sandbox.add_argument(
        "--language", default="en-US", metavar="TAG", help="what everybody there speaks, like es-419 (default: en-US)"
    )
    sandbox.set_defaults(command=_sandbox)

    for command in (stats, price, doctor, api, keys, backup, move, verify, prune, reprice, reconcile, suggest, export):
        command.add(commands)
    return parser


if __name__ == "__main__":
    sys.exit(main())
