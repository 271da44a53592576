"""`python -m bot keys`: who may use the REST API. A key is shown once, when it is made."""

import argparse
import asyncio
import json
import sys

from bot.api.keys import ApiKey, KeyBook
from bot.commands import Commands
from bot.commands.arguments import a_guild
from bot.commands.books import open_books
from bot.settings import Settings
from bot.usage.records import utc_now


def add(commands: Commands) -> None:
    """Make its arguments."""
    parser = commands.add_parser("keys", help="make, list and revoke keys to the REST API")
    actions = parser.add_subparsers(required=True, metavar="ACTION")
    create = actions.add_parser("create", help="make a key, and show it this once")
    create.add_argument("label", help="what it is for")
    create.add_argument("--write", action="store_true", help="it may change budgets and book events too")
    create.add_argument("--guild", type=a_guild, metavar="ID", help="for one server alone; without it, for all of them")
    create.set_defaults(command=_create)
    listing = actions.add_parser("list", help="every key, without its text")
    listing.add_argument("--json", action="store_true", help="a JSON list")
    listing.set_defaults(command=_list)
    revoke = actions.add_parser("revoke", help="end a key, from the next request on")
    revoke.add_argument("id", help="its id, from the list")
    revoke.set_defaults(command=_revoke)


def _create(options: argparse.Namespace, settings: Settings) -> int:
    key, text = asyncio.run(_make(settings.database_url, options))
    print(text)
    print(f"That is the key, shown this once. It {_rights(key)}. Its id: {key.id}", file=sys.stderr)
    return 0


def _list(options: argparse.Namespace, settings: Settings) -> int:
    keys = asyncio.run(_all(settings.database_url))
    if options.json:
        print(json.dumps([_facts(key) for key in keys]))
        return 0
    for key in keys:
        ended = f", revoked {key.revoked_at:%Y-%m-%d %H:%M} UTC" if key.revoked_at else ""
        print(f"{key.id}  {key.made_at:%Y-%m-%d}  {key.label}: {_rights(key)}{ended}")
    return 0


def _revoke(options: argparse.Namespace, settings: Settings) -> int:
    if asyncio.run(_end(settings.database_url, options.id)):
        print(f"{options.id} is revoked")
        return 0
    print(f"there is no key {options.id} that could be revoked: see `python -m bot keys list`", file=sys.stderr)
    return 1


async def _make(database_url: str, options: argparse.Namespace) -> tuple[ApiKey, str]:
    async with open_books(database_url) as database:
        return await KeyBook(database, utc_now).create(options.label, may_write=options.write, guild_id=options.guild)


async def _all(database_url: str) -> list[ApiKey]:
    async with open_books(database_url, read_only=True) as database:
        return await KeyBook(database, utc_now).all()


async def _end(database_url: str, key_id: str) -> bool:
    async with open_books(database_url) as database:
        return await KeyBook(database, utc_now).revoke(key_id)


def _rights(key: ApiKey) -> str:
    where = "all servers" if key.guild_id is None else f"server {key.guild_id}"
    return f"reads and writes {where}" if key.may_write else f"reads {where}"


def _facts(key: ApiKey) -> dict[str, object]:
    return {
        "id": key.id,
        "label": key.label,
        "may_write": key.may_write,
        "guild_id": str(key.guild_id) if key.guild_id is not None else None,
        "created_at": key.made_at.isoformat(),
        "revoked_at": key.revoked_at.isoformat() if key.revoked_at else None,
    }
