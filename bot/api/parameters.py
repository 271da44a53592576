"""The parameters that several routes take, with their limits and words."""

import base64
import binascii
from datetime import date, datetime, timedelta
from typing import Annotated

from fastapi import Depends, Query
from pydantic import AfterValidator, BeforeValidator, Field

from bot.api.access import Service, reader, server_for, service_of
from bot.api.keys import ApiKey
from bot.api.problems import Problem
from bot.usage.context import storable
from bot.usage.reporting.reports import Days
from bot.usage.storage.rows import from_microseconds, microseconds

DAYS = Annotated[int, Query(ge=1, le=3_660, description="How many days back.")]
LIMIT = Annotated[int, Query(ge=1, le=1_000, description="At most so many.")]
Reader = Annotated[ApiKey, Depends(reader)]
Books = Annotated[Service, Depends(service_of)]
Snowflake = Annotated[int, Field(ge=0, le=2**63 - 1)]
Text = Annotated[str, AfterValidator(storable)]
"""As it is on the books: PostgreSQL takes no NUL, neither to store it nor to look for it."""


def _as_text(at: object) -> object:
    if not isinstance(at, str | datetime):
        raise ValueError("an instant is text, like 2026-11-26T12:00:00Z")  # noqa: TRY004 - which pydantic answers
    return at


Instant = Annotated[datetime, BeforeValidator(_as_text)]
"""As ISO 8601. Numbers could be seconds or milliseconds, so they aren't taken."""
WHO = (
    "operation", "channel_id", "user_id", "session_id", "workflow_id", "execution_id", "agent_name", "role_ids",
    "metadata",
)  # fmt: skip
"""Whom a call made elsewhere is for, besides its server."""
_SNOWFLAKE = Query(ge=0, le=2**63 - 1, description="One server's id; without it the key's own, or all of them.")


def _server(key: Reader, guild_id: Annotated[int | None, _SNOWFLAKE] = None) -> int | None:
    return server_for(key, guild_id)


Server = Annotated[int | None, Depends(_server)]
"""The server a request is about; None: all of them."""


def last_days(service: Service, guild_id: int | None, days: int) -> Days:
    """The last so many days in the server's own calendar, UTC for all of them."""
    today = _today(service, guild_id)
    return Days(today - timedelta(days=days - 1), today)


def span_of(service: Service, guild_id: int | None, start: date | None, end: date | None) -> Days:
    """Days of the same calendar as given; without a start from the beginning, without an end until today.

    Raises `Problem`.
    """
    days = Days(start or date.min, end or _today(service, guild_id))
    if days.first > days.last:
        raise Problem(422, "invalid_request", "`start` lies after `end`.")
    return days


def _today(service: Service, guild_id: int | None) -> date:
    now = service.tracker.clock()
    return service.tracker.calendar(guild_id).day(now) if guild_id else now.date()


def cursor_of(at: datetime, call_id: str) -> str:
    """Where a page of calls ends."""
    return base64.urlsafe_b64encode(f"{microseconds(at)}:{call_id}".encode()).decode()


def read_cursor(cursor: str) -> tuple[datetime, str]:
    """The instant and id that a cursor stands for. Raises `Problem`."""
    try:
        at, _, call_id = base64.urlsafe_b64decode(cursor.encode()).decode().partition(":")
        return from_microseconds(int(at)), storable(call_id)
    except (binascii.Error, ValueError, OverflowError, OSError):
        raise Problem(422, "invalid_request", "`cursor` isn't one of ours: give `next_cursor` as it came.") from None
