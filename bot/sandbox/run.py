"""The sandbox as a command: the production bot and books, a made-up server, and a model that needs no key."""

import logging
import sys
from contextlib import AsyncExitStack

from bot.application import model_key, open_services, serving_api
from bot.client import Trilo
from bot.sandbox.history import are_new, write_history, write_teams
from bot.sandbox.live import everybody_speaks
from bot.sandbox.preview import THINGS_TO_TRY, open_sandbox
from bot.sandbox.stand_in_model import StandInModel
from bot.settings import Settings
from bot.usage.console import Console
from bot.usage.storage.database import is_postgres

log = logging.getLogger(__name__)

SANDBOX_DATABASE = "sqlite:///data/sandbox.db"
"""Where the books are kept unless DATABASE_URL says otherwise: apart from the real ones."""


async def run_sandbox(settings: Settings, port: int | None, language: str) -> None:
    """Serve until cancelled or ended from the page. With OPENAI_API_KEY or OPENAI_BASE_URL that model answers.

    `language` is what everybody there speaks, as Discord names it.
    """
    if "app_env" not in settings.model_fields_set:
        settings = settings.model_copy(update={"app_env": "development"})
    database_url = settings.database_url if "database_url" in settings.model_fields_set else SANDBOX_DATABASE
    async with AsyncExitStack() as stack:
        if settings.openai_api_key is None and settings.openai_base_url is None:
            stand_in = await stack.enter_async_context(StandInModel(language=language))
            base_url: str | None = stand_in.base_url
            api_key = "sandbox"
            answers = "the offline stand-in, free"
        else:
            base_url = settings.openai_base_url
            api_key = model_key(settings)
            answers = f"{base_url or 'OpenAI'}, which may cost money (OPENAI_API_KEY or OPENAI_BASE_URL is set)"
        console = Console()  # closed after the books: what is booked while they close is printed too
        stack.callback(console.close)
        services = await stack.enter_async_context(
            open_services(settings, database_url=database_url, base_url=base_url, api_key=api_key, console=False)
        )
        bot = await stack.enter_async_context(Trilo(services, always_sync=True, shard_count=1))
        stack.enter_context(everybody_speaks(language))
        invited_at = services.tracker.clock() if await are_new(services.tracker) else None
        opened = open_sandbox(bot, port=port, language=language, invited_at=invited_at)  # the first start has its hello
        sandbox = await stack.enter_async_context(opened)
        bot.owner_id = sandbox.world.owner.id  # for /owner, where OWNER_GUILD_ID names the made-up server
        await stack.enter_async_context(serving_api(services, [], bot))
        await write_history(services.tracker, sandbox.world)
        await write_teams(services.league_book, sandbox.world)
        services.tracker.subscribe(console.show)
        print(f"Sandbox: {sandbox.url}", flush=True)
        print(THINGS_TO_TRY, file=sys.stderr, flush=True)
        print(f"Answers come from {answers}.", file=sys.stderr)
        # A PostgreSQL URL may hold a password (I35), and is set in the environment anyway.
        where = "" if is_postgres(database_url) else f"DATABASE_URL={database_url} "
        print(f"The books: {where}{sys.executable} -m bot stats", file=sys.stderr, flush=True)
        await sandbox.wait_closed()
