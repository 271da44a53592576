"""The app: every route behind a key, errors as problems, the description at `/docs`."""

import asyncio
from collections.abc import Callable
from typing import Annotated

from fastapi import Depends, FastAPI
from fastapi.responses import PlainTextResponse

from bot.api import (
    budget_routes,
    check_routes,
    cost_routes,
    event_routes,
    export_routes,
    quota_routes,
    suggestion_routes,
    usage_routes,
)
from bot.api.access import Pace, Service, for_all
from bot.api.answers import Health
from bot.api.keys import ApiKey, KeyBook
from bot.api.page.look import Names, no_names
from bot.api.page.site import page_site
from bot.api.problems import RESPONSES, add_problem_handlers
from bot.usage.health import version
from bot.usage.tracker import UsageTracker

ROUTES = (
    usage_routes,
    cost_routes,
    suggestion_routes,
    quota_routes,
    check_routes,
    budget_routes,
    event_routes,
    export_routes,
)
METRICS_TYPE = "text/plain; version=0.0.4; charset=utf-8"
"""Prometheus' text format."""


def create_app(
    tracker: UsageTracker,
    *,
    open_on_loopback: bool = False,
    metrics: Callable[[], bytes] | None = None,
    public_url: str | None = None,
    names: Names = no_names,
) -> FastAPI:
    """The API over open books, and the page. `open_on_loopback`: whoever asks from this machine may read without a key.

    `metrics` renders what `/metrics` answers, in a thread; without it there is no such route. `public_url` is where
    people reach it, and `names` tells the names of what the page would else show by id.
    """
    app = FastAPI(
        title="Trilo",
        version=version(),
        summary="What AI costs, per server, person, model and day.",
        responses=RESPONSES,
        description="Every request needs a key: `Authorization: Bearer trilo_…`. Costs are USD.",
    )
    service = Service(tracker, KeyBook(tracker.database, tracker.clock), Pace(), open_on_loopback)
    app.state.service = service
    add_problem_handlers(app)
    for routes in ROUTES:
        app.include_router(routes.router)
    _add_operation_routes(app, tracker, metrics)
    app.mount("/page", page_site(service, names, is_https=(public_url or "").startswith("https://")))
    return app


def _add_operation_routes(app: FastAPI, tracker: UsageTracker, metrics: Callable[[], bytes] | None) -> None:
    @app.get("/health", tags=["operation"])
    async def health() -> Health:
        """Whether the service is up and reaches its books. Needs no key."""
        await tracker.database.fetch("SELECT 1")
        return Health(version=version())

    if metrics is not None:

        @app.get("/metrics", tags=["operation"], response_class=PlainTextResponse)
        async def prometheus(_: Annotated[ApiKey, Depends(for_all)]) -> PlainTextResponse:
            """What Prometheus scrapes: sums since this process started. Needs a key for all servers."""
            return PlainTextResponse(await asyncio.to_thread(metrics), media_type=METRICS_TYPE)
