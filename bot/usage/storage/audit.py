"""Who changed what: one line for each change of a rule, written in the transaction that made it."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from bot.usage.ids import new_id
from bot.usage.storage.database import Database, Script
from bot.usage.storage.rows import from_microseconds, microseconds

SYSTEM = "system"
"""The actor of what nobody asked for."""
ERASED = "erased"
"""Stands for somebody who had themselves erased (`erasure.py`)."""


@dataclass(frozen=True, slots=True)
class AuditLine:
    """Who changed what on which server (0: the whole bot). `actor` is a user's id, `system` or `erased`."""

    at: datetime
    guild_id: int
    actor: str
    action: str
    facts: Mapping[str, Any]


def note(at: datetime, guild_id: int, actor: str, action: str, facts: Mapping[str, Any]) -> Script[None]:
    """Part of the transaction that makes a change. No text that people wrote belongs into `facts` (I33)."""
    yield (
        "INSERT INTO audit_log (id, at, guild_id, actor, action, facts) VALUES ($1, $2, $3, $4, $5, $6)",
        (new_id(), microseconds(at), guild_id, actor, action, json.dumps(dict(facts))),
    )


async def newest(database: Database, guild_id: int, limit: int = 25, *, but: str | None = None) -> list[AuditLine]:
    """The newest changes on a server, newest first; without actions that begin with `but`.

    Raises `DatabaseUnavailableError`.
    """
    rows = await database.fetch(
        "SELECT at, guild_id, actor, action, facts FROM audit_log WHERE guild_id = $1 "
        "AND (CAST($3 AS TEXT) = '' OR substr(action, 1, length($3)) <> $3) ORDER BY at DESC, id DESC LIMIT $2",
        guild_id,
        limit,
        but or "",
    )
    return [
        AuditLine(from_microseconds(at), guild, actor, action, json.loads(facts))
        for at, guild, actor, action, facts in rows
    ]
