"""The books, opened beside a running bot for as long as a command needs them."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from bot.assistant.operations import Models, operations
from bot.settings import Settings
from bot.usage import DatabaseUnavailableError, Operation
from bot.usage.storage import schema
from bot.usage.storage.database import Database, is_postgres, open_database, sqlite_path

COMMAND_LINE = "command line"
"""The actor of what is done here, in the audit log."""


@asynccontextmanager
async def open_books(database_url: str, *, read_only: bool = False) -> AsyncIterator[Database]:
    """The database, unless it isn't there or of an earlier version: then raises `DatabaseUnavailableError`."""
    path = None if is_postgres(database_url) else sqlite_path(database_url)
    if path is not None and not path.exists():
        raise DatabaseUnavailableError(str(path.absolute()), "there is no such file yet")
    database = await open_database(database_url, read_only=read_only)
    try:
        if not await schema.is_current(database):
            problem = "it holds no books, or those of an earlier version, which starting the bot brings up to date"
            raise DatabaseUnavailableError(str(path or "PostgreSQL"), problem)
        yield database
    finally:
        await database.close()


def declared(settings: Settings) -> dict[str, Operation]:
    """The bot's operations: which of them count toward quotas, and how long their answers may get."""
    found = operations(Models(fast=settings.fast_model, smart=settings.smart_model))
    return {
        each.name: Operation(
            each.name,
            max_output_tokens=each.max_output_tokens or settings.max_output_tokens,
            counts_toward_quota=each.counts_toward_quota,
        )
        for each in found
    }
