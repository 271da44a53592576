"""The page's addresses: the screen, an export, signing in and out, and words for what isn't there.

Whoever has a link or a key of one server sees that server alone (I26); who may see all servers can choose one.
"""

from typing import Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp

from bot.api.access import Service
from bot.api.export_routes import export_answer
from bot.api.page.language import heard
from bot.api.page.look import Choice, Names, read_look
from bot.api.page.screens import Screens, kept_private, style
from bot.api.page.visits import Viewer, Visits
from bot.api.page.words import OF_ALL_SERVERS, SPLITS
from bot.api.problems import Problem
from bot.translation import _
from bot.usage.errors import DatabaseUnavailableError
from bot.usage.reporting.export import FORMATS
from bot.usage.reporting.reports import PERIODS, PeriodName, Split


def page_site(service: Service, names: Names, *, is_https: bool) -> ASGIApp:
    """The page over open books, to be mounted. `is_https`: its cookies are for encrypted connections alone."""
    screens = Screens()
    visits = Visits(service, screens, is_https=is_https)
    page, faults = _Page(service, screens, visits, names), _Faults(screens)
    routes = [
        Route("/", page.show),
        Route("/export.{form}", page.export),
        Route("/open", visits.open),
        Route("/sign-in", visits.sign_in, methods=["POST"]),
        Route("/sign-out", visits.sign_out, methods=["POST"]),
        Route("/style.css", _style),
    ]
    told: dict[Any, Any] = {
        Problem: faults.problem,
        HTTPException: faults.missing,
        DatabaseUnavailableError: faults.out_of_reach,
    }
    return kept_private(heard(Starlette(routes=routes, exception_handlers=told)))


class _Page:
    """What whoever is signed in can look at; whoever isn't is asked to sign in."""

    def __init__(self, service: Service, screens: Screens, visits: Visits, names: Names) -> None:
        self._service = service
        self._screens = screens
        self._visits = visits
        self._names = names

    async def show(self, request: Request) -> Response:
        """The screen itself."""
        viewer = await self._visits.viewer(request)
        if viewer is None:
            return await self._visits.ask(request)
        guild_id = _server(request, viewer)
        look = await read_look(self._service.tracker, guild_id, _choice(request, guild_id), self._names)
        return await self._screens.spend(look, may_see_all=viewer.guild_id is None)

    async def export(self, request: Request) -> Response:
        """The calls of the chosen period, as a file."""
        viewer = await self._visits.viewer(request)
        if viewer is None:
            return await self._visits.ask(request, status=403)
        form = next((form for form in FORMATS if form == request.path_params["form"]), None)
        if form is None:
            raise HTTPException(404)
        guild_id = _server(request, viewer)
        days = await self._service.tracker.reports.days(guild_id, _choice(request, guild_id).period)
        return await export_answer(self._service, guild_id, days, form)


class _Faults:
    """What can't be shown, in words."""

    def __init__(self, screens: Screens) -> None:
        self._screens = screens

    async def problem(self, _request: Request, error: Problem) -> Response:
        """What a route can't do."""
        return await self._screens.words(error.detail, error.status, error.headers)

    async def missing(self, _request: Request, error: HTTPException) -> Response:
        """An address of which there is none."""
        return await self._screens.words(_("There is nothing here."), error.status_code, error.headers)

    async def out_of_reach(self, _request: Request, _error: DatabaseUnavailableError) -> Response:
        """The database is away."""
        told = _("The books are out of reach just now. Try again in a minute.")
        return await self._screens.words(told, 503, {"Retry-After": "60"})


async def _style(_request: Request) -> Response:
    return await style()


def _server(request: Request, viewer: Viewer) -> int | None:
    """The server that is asked for. Raises `Problem` 403 for another one than one's own (I26), 404 for none."""
    asked = request.query_params.get("guild", "")
    if not asked:
        return viewer.guild_id
    if not (asked.isascii() and asked.isdecimal() and len(asked) < 20 and int(asked) < 2**63):
        raise Problem(404, "no_such_server", _("There is no server of that id."))
    if viewer.guild_id not in (None, int(asked)):
        raise Problem(403, "other_server", _("That is another server than the one you may see."))
    return int(asked)


def _choice(request: Request, guild_id: int | None) -> Choice:
    """As the address has it; what is no choice there is the usual one."""
    asked, splits = request.query_params, SPLITS if guild_id is not None else OF_ALL_SERVERS
    usual: Split = "operation" if guild_id is not None else "guild"
    period: PeriodName = next((name for name in PERIODS if name == asked.get("period")), "month")
    return Choice(period, next((name for name in splits if name == asked.get("by")), usual), "advise" in asked)
