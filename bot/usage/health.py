"""What whoever runs the books wants to know besides what is in them: which version keeps them, and their size."""

import tomllib
from functools import cache
from importlib.metadata import PackageNotFoundError
from importlib.metadata import version as installed_version
from pathlib import Path

from bot.usage.storage.database import Database

_SQLITE_SIZE = "SELECT page_count * page_size FROM pragma_page_count(), pragma_page_size()"
_POSTGRES_SIZE = "SELECT pg_database_size(current_database())"


@cache
def version() -> str:
    """The version that runs: as installed, else as the checkout beside this file says."""
    try:
        return installed_version("trilo")
    except PackageNotFoundError:
        with (Path(__file__).parents[2] / "pyproject.toml").open("rb") as file:
            return str(tomllib.load(file)["project"]["version"])


async def database_bytes(database: Database) -> int:
    """How large the database is, without SQLite's log. Raises `DatabaseUnavailableError`."""
    [(size,)] = await database.fetch(_POSTGRES_SIZE if database.shared else _SQLITE_SIZE)
    return int(size)
