"""The books, opened beside a running bot for as long as a command needs them."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from bot.assistant.operations import Models, declared
from bot.settings import Settings
from bot.usage import DatabaseUnavailableError, Operation
from bot.usage.storage import schema
from bot.usage.storage.database import Database, is_postgres, open_database, sqlite_path

COMMAND_LINE = "command line"
"""The actor of what is done here, in the audit log."""


@asynccontextmanager
async def open_books(
    database_url: str, *, read_only: bool = False, patience_seconds: float = 0
) -> AsyncIterator[Database]:
    """The database, unless it isn't there or of an earlier version: then raises `DatabaseUnavailableError`.

    `patience_seconds`: how long a bot that has just made it may take to make its tables.
    """
    path = None if is_postgres(database_url) else sqlite_path(database_url)
    if path is not None and not path.exists():
        raise DatabaseUnavailableError(str(path.absolute()), "there is no such file yet")
    database = await open_database(database_url, read_only=read_only)
    try:
        if patience_seconds and not await schema.is_current(database):
            await asyncio.sleep(patience_seconds)
        if not await schema.is_current(database):
            problem = "it holds no books, or those of an earlier version, which starting the bot brings up to date"
            raise DatabaseUnavailableError(database.name, problem)
        yield database
    finally:
        await database.close()


def our_operations(settings: Settings) -> dict[str, Operation]:
    """The bot's operations: which of them count toward quotas, and how long their answers may get."""
    models = Models(fast=settings.fast_model, smart=settings.smart_model)
    return declared(models, max_output_tokens=settings.max_output_tokens)
