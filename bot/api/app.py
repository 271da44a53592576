"""The app: every route behind a key, errors as problems, the description at `/docs`."""

from importlib.metadata import PackageNotFoundError, version

from fastapi import FastAPI

from bot.api import budget_routes, cost_routes, event_routes, quota_routes, usage_routes
from bot.api.access import Pace, Service
from bot.api.answers import Health
from bot.api.keys import KeyBook
from bot.api.problems import RESPONSES, add_problem_handlers
from bot.usage.tracker import UsageTracker


def create_app(tracker: UsageTracker, *, open_on_loopback: bool = False) -> FastAPI:
    """The API over open books. `open_on_loopback`: whoever asks from this machine may read without a key."""
    app = FastAPI(
        title="Trilo",
        version=_version(),
        summary="What AI costs, per server, person, model and day.",
        responses=RESPONSES,
        description="Every request needs a key: `Authorization: Bearer trilo_…`. Costs are USD.",
    )
    app.state.service = Service(tracker, KeyBook(tracker.database, tracker.clock), Pace(), open_on_loopback)
    add_problem_handlers(app)
    for routes in (usage_routes, cost_routes, quota_routes, budget_routes, event_routes):
        app.include_router(routes.router)

    @app.get("/health", tags=["operation"])
    async def health() -> Health:
        """Whether the service is up and reaches its books. Needs no key."""
        await tracker.database.fetch("SELECT 1")
        return Health(version=_version())

    return app


def _version() -> str:
    try:
        return version("trilo")
    except PackageNotFoundError:  # run from a checkout
        return "0"
