"""Export: every finished call as a line, streamed: what a spreadsheet or another program reads."""

from collections.abc import AsyncIterator
from datetime import date
from typing import Annotated

from fastapi import APIRouter, Query
from fastapi.responses import StreamingResponse

from bot.api.access import Service
from bot.api.parameters import Books, Server, span_of
from bot.api.problems import Problem
from bot.usage.reporting.export import Format, export_text
from bot.usage.reporting.reports import Days, PeriodName
from bot.usage.reporting.single_calls import bounds
from bot.usage.storage.queued import wait_for_queued

router = APIRouter(tags=["export"])
MEDIA_TYPES: dict[Format, str] = {"csv": "text/csv; charset=utf-8", "jsonl": "application/x-ndjson"}
_LINES = {
    "description": "A line for each call, oldest first; of CSV the first names the columns.",
    "content": {name.partition(";")[0]: {"schema": {"type": "string"}} for name in MEDIA_TYPES.values()},
}


@router.get("/export", response_class=StreamingResponse, responses={200: _LINES})
async def export_calls(
    service: Books,
    guild_id: Server,
    form: Annotated[Format, Query(alias="format", description="CSV, or JSON Lines.")] = "jsonl",
    period: Annotated[PeriodName | None, Query(description="Or `start` and `end`; without any, everything.")] = None,
    start: Annotated[date | None, Query(description="First day, of the server's calendar.")] = None,
    end: Annotated[date | None, Query(description="Last day, included.")] = None,
) -> StreamingResponse:
    """Every finished call of a server, or of all, as far back as single calls are kept. There is never a text in it."""
    if period is not None and (start or end):
        raise Problem(422, "invalid_request", "Give `period`, or `start` and `end`, but not both.")
    days = await service.tracker.reports.days(guild_id, period) if period else span_of(service, guild_id, start, end)
    return await export_answer(service, guild_id, days, form)


async def export_answer(service: Service, guild_id: int | None, days: Days, form: Format) -> StreamingResponse:
    """The calls of some days as a file, sent as it is read: what breaks that off ends the answer unfinished.

    Raises `DatabaseUnavailableError`.
    """
    tracker = service.tracker
    await wait_for_queued(tracker.force_flush)
    since, until = bounds(days, await tracker.reports.zone(guild_id))
    text = export_text(tracker.database, form, guild_id=guild_id, since=since, until=until)
    first = await anext(text, "")  # where the books can't be read, the answer says so
    name = f"trilo-{guild_id if guild_id is not None else 'all'}-to-{days.last.isoformat()}.{form}"
    headers = {"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "no-store"}
    return StreamingResponse(_after(first, text), headers=headers, media_type=MEDIA_TYPES[form])


async def _after(first: str, others: AsyncIterator[str]) -> AsyncIterator[str]:
    yield first
    async for text in others:
        yield text
