"""Usage by person, thread, call and model: the routes of the token monitoring guide."""

from datetime import timedelta
from typing import Annotated

from fastapi import APIRouter, Depends, Query

from bot.api.access import for_all
from bot.api.answers import Call, Calls, Lines, UsageAnswer
from bot.api.keys import ApiKey
from bot.api.parameters import DAYS, LIMIT, Books, Server, Text, cursor_of, last_days, read_cursor

router = APIRouter(prefix="/token-usage", tags=["usage"])
ForAll = Annotated[ApiKey, Depends(for_all)]


@router.get("/user/{user_id}")
async def user(service: Books, _: ForAll, user_id: Text, days: DAYS = 30) -> UsageAnswer:
    """What one person used on all servers in the last so many times 24 hours."""
    return UsageAnswer.of(await service.tracker.get_user_usage(user_id, days))


@router.get("/thread/{thread_id}")
async def thread(service: Books, _: ForAll, thread_id: Text) -> UsageAnswer:
    """What one conversation used, from its beginning."""
    return UsageAnswer.of(await service.tracker.get_thread_usage(thread_id))


@router.get("/all")
async def calls(
    service: Books,
    guild_id: Server,
    days: DAYS = 7,
    limit: LIMIT = 100,
    cursor: Annotated[str | None, Query(max_length=200, description="`next_cursor` of the page before.")] = None,
) -> Calls:
    """Single calls, newest first, a page at a time."""
    now = service.tracker.clock()
    before = read_cursor(cursor) if cursor else (now + timedelta(days=1), "")
    found = await service.tracker.recent_calls.page(now - timedelta(days=days), before, limit=limit, guild_id=guild_id)
    more = cursor_of(found[-1].started_at, found[-1].id) if len(found) == limit else None
    return Calls(calls=[Call.of(call) for call in found], next_cursor=more)


@router.get("/by-model")
async def by_model(service: Books, guild_id: Server, days: DAYS = 30) -> Lines:
    """Usage by the model that served it."""
    report = await service.tracker.reports.spend_between(guild_id, last_days(service, guild_id, days), "model")
    return Lines.of(report)
