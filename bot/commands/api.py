"""`python -m bot api`: the REST API alone, beside no bot."""

import argparse
import asyncio
import sys
from functools import partial

from bot.commands import Commands
from bot.settings import Settings

DEFAULT_PORT = 8000


def add(commands: Commands) -> None:
    """Make its arguments."""
    parser = commands.add_parser(
        "api", help="serve the REST API alone; the bot serves it itself where API_PORT is set, which SQLite needs"
    )
    parser.add_argument("--host", help="the address to listen at (API_HOST, else 127.0.0.1)")
    parser.add_argument("--port", type=int, help=f"the port (API_PORT, else {DEFAULT_PORT})")
    parser.set_defaults(command=_api)


def _api(options: argparse.Namespace, settings: Settings) -> int:
    from bot.application import run_until_signal

    port = settings.api_port if options.port is None else options.port
    run_until_signal(_serve(settings, options.host or settings.api_host, DEFAULT_PORT if port is None else port))
    return 0


async def _serve(settings: Settings, host: str, port: int) -> None:
    from bot.api.app import create_app
    from bot.api.server import serving
    from bot.application import configured_tracker
    from bot.outlets import counted, listen, open_outlets

    is_open = settings.app_env == "development"
    app = partial(create_app, open_on_loopback=is_open, public_url=settings.public_url)
    async with (
        open_outlets(settings) as outlets,
        configured_tracker(settings, settings.database_url, console=False) as tracker,
        counted(outlets, tracker) as metrics,
        serving(app(tracker, metrics=metrics), host, port) as bound,
    ):
        await listen(outlets, tracker)
        print(f"API: http://{host}:{bound}/docs", flush=True)
        reads = "reads from this machine need no key" if is_open else "every request needs a key"
        words = f"APP_ENV={settings.app_env}: {reads}. `python -m bot keys create LABEL` makes one."
        print(words, file=sys.stderr, flush=True)
        await asyncio.Event().wait()
