"""The composition root: opens the books, the model client and the bot, and closes them in the right order.

Closing: the API, the bot (answers being written may finish), then calls in flight, then the ledger, then whoever is
told of booked calls.
"""

import asyncio
import logging
import os
import signal
import sys
import threading
from collections.abc import AsyncIterator, Coroutine, Sequence
from contextlib import asynccontextmanager
from hashlib import sha256
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import discord
import httpx2

from bot.assistant.conversation import Conversation
from bot.assistant.guide import Guide
from bot.assistant.league_commands import LeagueCommands
from bot.assistant.operations import Models, declare
from bot.assistant.setup_help import SetupHelp
from bot.client import Services, Trilo
from bot.discord_failures import DISCORD_FAILED
from bot.errors import SettingsError, TriloError
from bot.league.league_book import LeagueBook
from bot.outlets import Outlet, counted, listen, open_outlets
from bot.settings import Settings, ephemeral_host
from bot.usage import UsageTracker, open_tracker
from bot.usage.storage.database import is_postgres, sqlite_path

log = logging.getLogger(__name__)

STOP_SECONDS = 9.5
"""The longest from a signal to the exit: hosts kill after ten. What isn't booked by then is, at the next start."""

SILENCE_SECONDS = 90.0
"""How long the model may say nothing: then the SDK asks again, twice. People wait for an answer."""
CONNECT_SECONDS = 5.0


@asynccontextmanager
async def open_services(
    settings: Settings, *, database_url: str, base_url: str | None, api_key: str, console: bool = True
) -> AsyncIterator[Services]:
    """Everything the cogs work with, for as long as the block lasts."""
    async with configured_tracker(settings, database_url, console=console) as tracker:
        models = models_of(settings)
        timeout = httpx2.Timeout(SILENCE_SECONDS, connect=CONNECT_SECONDS)
        client = tracker.openai(api_key=api_key, base_url=base_url, timeout=timeout)
        yield Services(
            settings,
            tracker,
            Conversation(client, models, tracker, persona=settings.persona),
            LeagueBook(tracker.database, tracker.clock),
            LeagueCommands(client, models, tracker),
            SetupHelp(client, models, tracker, Guide.load()),
        )


@asynccontextmanager
async def configured_tracker(
    settings: Settings, database_url: str, *, console: bool = True
) -> AsyncIterator[UsageTracker]:
    """The books as the settings have them, with our operations declared. Raises what `open_tracker` raises."""
    async with open_tracker(
        database_url,
        synchronous=settings.ledger_synchronous,
        buffering=settings.buffering,
        fail_open=settings.budgets_fail_open,
        journal=journal_of(database_url),
        console=console,
    ) as tracker:
        declare(tracker, models_of(settings), max_output_tokens=settings.max_output_tokens)
        yield tracker


def models_of(settings: Settings) -> Models:
    """The two models that the operator chose."""
    return Models(fast=settings.fast_model, smart=settings.smart_model)


async def run_bot(settings: Settings) -> None:
    """Run on Discord until SIGINT or SIGTERM.

    Raises `SettingsError` for what only the operator can mend, `TriloError` where Discord can't be reached. Once
    connected it never gives up: discord.py comes back after any outage by itself.
    """
    assert settings.discord_token is not None  # noqa: S101 - the command line sends token-less runs elsewhere
    check_disk(settings)
    async with (
        open_outlets(settings) as outlets,
        open_services(
            settings,
            database_url=settings.database_url,
            base_url=settings.openai_base_url,
            api_key=model_key(settings),
        ) as services,
        Trilo(services) as bot,
        serving_api(services, outlets, bot),
    ):
        try:
            await listen(outlets, services.tracker)
            await bot.start(settings.discord_token.get_secret_value())
        except discord.LoginFailure:
            raise SettingsError("DISCORD_TOKEN", "Discord refused it; copy the bot's token anew") from None
        except discord.PrivilegedIntentsRequired:
            problem = "switch on Message Content Intent on the bot's page in Discord's portal, or set it to 0"
            raise SettingsError("MESSAGE_CONTENT", problem) from None
        except discord.ConnectionClosed as error:
            if error.code == _AUTHENTICATION_FAILED:
                raise SettingsError("DISCORD_TOKEN", "Discord refused it; copy the bot's token anew") from None
            raise TriloError(f"Discord closed the connection (code {error.code}); start again") from None
        except (discord.GatewayNotFound, *DISCORD_FAILED) as error:
            if isinstance(error, discord.HTTPException) and error.status < _SERVER_ERROR and error.status != _TOO_MANY:
                raise  # our own mistake, not an outage
            problem = f"Discord can't be reached ({type(error).__name__}); check the network, then start again"
            raise TriloError(problem) from None


@asynccontextmanager
async def serving_api(services: Services, outlets: Sequence[Outlet], bot: Trilo) -> AsyncIterator[None]:
    """The REST API and the page in this process, where API_PORT (or a host's PORT) says so. Raises `ServingError`."""
    settings = services.settings
    if settings.api_port is None:
        yield
        return
    from bot.api.app import create_app
    from bot.api.server import serving
    from cogs._kit.page_names import page_names

    is_open, url, names = settings.app_env == "development", settings.public_url, page_names(bot)
    async with counted(outlets, services.tracker) as metrics:
        app = create_app(services.tracker, open_on_loopback=is_open, metrics=metrics, public_url=url, names=names)
        async with serving(app, settings.api_host, settings.api_port):
            yield


_AUTHENTICATION_FAILED = 4004
_TOO_MANY = 429
_SERVER_ERROR = 500


def model_key(settings: Settings) -> str:
    """The model's key; a server of one's own (OPENAI_BASE_URL) may do without. Raises `SettingsError`."""
    if settings.openai_api_key is not None:
        return settings.openai_api_key.get_secret_value()
    if settings.openai_base_url is None:
        raise SettingsError("OPENAI_API_KEY", "missing; create one with your AI provider and put it in .env")
    return "none"


def journal_of(database_url: str) -> Path | None:
    """Where this machine keeps what a PostgreSQL can't take just now; SQLite's journals lie beside its file.

    The name tells one database from another, and neither its address nor its password.
    """
    if not is_postgres(database_url):
        return None
    url = urlsplit(database_url)
    socket = dict(parse_qsl(url.query)).get("host")
    try:
        place = f"{url.hostname or socket}:{url.port}{url.path}"
    except ValueError:  # several hosts, or no port at all: whoever opens it says so, without quoting it (I35)
        place = f"{url.netloc.rpartition('@')[2]}{url.path}"
    return Path("data") / f"{sha256(place.encode()).hexdigest()[:12]}.journal"


def check_disk(settings: Settings) -> None:
    """Refuse a SQLite file on a host that loses its disk at each deploy. Raises `SettingsError`."""
    host = ephemeral_host()
    if host is None or settings.ephemeral_ok or is_postgres(settings.database_url):
        return
    path = sqlite_path(settings.database_url)
    if host == "Heroku" or path is None or not _on_mounted_volume(path):  # Heroku has no volumes
        problem = (
            f"{host} loses this disk at each deploy, and the books with it. Mount a volume and point DATABASE_URL "
            "at it (docs/deploy.md), or accept the loss with EPHEMERAL_OK=1"
        )
        raise SettingsError("DATABASE_URL", problem)


def _on_mounted_volume(path: Path) -> bool:
    folder = path.absolute().parent
    return any(parent.is_mount() for parent in (folder, *folder.parents) if parent != Path(parent.anchor))


def run_until_signal(work: Coroutine[Any, Any, None]) -> None:
    """Run to the end, or until SIGINT or SIGTERM: then cancel, which closes everything in order.

    Further signals change nothing: the end comes within `STOP_SECONDS` anyway.
    """
    last_resort = threading.Timer(STOP_SECONDS, _give_up)
    last_resort.daemon = True
    with asyncio.Runner() as runner:
        loop = runner.get_loop()
        task = loop.create_task(work)

        def stop() -> None:
            if last_resort.ident is None:
                log.info("stopping: answers being written may finish")
                last_resort.start()
                task.cancel()

        for name in (signal.SIGINT, signal.SIGTERM):
            if sys.platform == "win32":
                signal.signal(name, lambda *_: loop.call_soon_threadsafe(stop))
            else:
                loop.add_signal_handler(name, stop)
        try:
            loop.run_until_complete(task)
        except asyncio.CancelledError:
            log.info("stopped")
    last_resort.cancel()


def _give_up() -> None:
    """Leave what doesn't end: its calls are on the books as open, and are booked at the next start (I21)."""
    log.error("not everything has ended within %g s: leaving it", STOP_SECONDS)
    os._exit(1)
