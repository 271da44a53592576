"""Signing in by a link or by a key, and who is signed in: a pass in a cookie that no script reads."""

import hmac
import secrets
from datetime import timedelta
from typing import Literal, NamedTuple
from urllib.parse import parse_qs

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from bot.api.access import WRONG_A_MINUTE, Service
from bot.api.page.language import ASKED, LANGUAGE
from bot.api.page.passes import VISIT_LASTS, Holder, Passes, Purpose
from bot.api.page.screens import Screens
from bot.api.problems import Problem
from bot.translation import _, mark, spoken

VISIT = "trilo_visit"
FORM = "trilo_form"
"""The cookies: a visit; and what a form that signs in must say too, so that no other site can sign anybody in."""
VIEWS_A_MINUTE = 60
"""Of one server's page, or with one key: each asks the books a dozen questions, and Discord for names."""
MOST_FORM_BYTES = 4_096
OVER = mark("That link doesn't open this page any more. Use /token-stats on your server for a fresh one.")
ENDED = mark("Your visit has ended. Use /token-stats on your server for a fresh link, or give a key.")
WRONG_KEY = mark("That is no key of this bot's, or it was revoked.")
FORM_OVER = mark("That form was too old. Please try again.")


class Viewer(NamedTuple):
    """Somebody who is signed in. `guild_id` None: they may see all servers."""

    guild_id: int | None


class Visits:
    """Lets people in and out. `is_https`: the cookies are for encrypted connections alone.

    Every method raises `DatabaseUnavailableError`, and `Problem` 429 for what comes too often.
    """

    def __init__(self, service: Service, screens: Screens, *, is_https: bool) -> None:
        self._service = service
        self._screens = screens
        self._is_https = is_https
        self._passes = Passes(service.tracker.claims, service.tracker.clock)

    async def viewer(self, request: Request) -> Viewer | None:
        """Who asks, as their visit says; a key may have been revoked since."""
        holder = await self._passes.holder(Purpose.VISIT, request.cookies.get(VISIT, ""))
        if holder is None:
            return None
        self._service.pace.take(f"page {holder.id}", VIEWS_A_MINUTE)
        if holder.kind == "guild":
            return Viewer(int(holder.id))
        key = await self._service.keys.find(holder.id)
        return Viewer(key.guild_id) if key is not None else None

    async def open(self, request: Request) -> Response:
        """Exchange a link for a visit, and go to the address without it."""
        holder = await self._passes.holder(Purpose.LINK, request.query_params.get("link", ""))
        return await self._enter(request, holder) if holder else await self._refuse(request, OVER)

    async def sign_in(self, request: Request) -> Response:
        """Exchange a key for a visit. Raises `Problem` 413 or 422 for what is no such form."""
        given, expected = await _form(request), request.cookies.get(FORM, "")
        if not expected or not hmac.compare_digest(given.get("form", "").encode(), expected.encode()):
            return await self.ask(request, FORM_OVER, 400)
        key = await self._service.keys.recognise(given.get("key", "").strip())
        return await self._enter(request, Holder("key", key.id)) if key else await self._refuse(request, WRONG_KEY)

    async def sign_out(self, request: Request) -> Response:
        """Forget the visit."""
        answer = RedirectResponse("./", 303)
        self._set_cookie(answer, request, VISIT, "", "lax", lasts=timedelta(0))
        return answer

    async def ask(self, request: Request, told: str = "", status: int = 200) -> Response:
        """The form to sign in."""
        form = request.cookies.get(FORM) or secrets.token_urlsafe(16)
        told = told or (ENDED if VISIT in request.cookies else "")
        answer = await self._screens.sign_in(_(told) if told else "", form, status)
        self._set_cookie(answer, request, FORM, form, "strict")
        return answer

    async def _refuse(self, request: Request, told: str) -> Response:
        self._service.pace.take(f"wrong {request.client.host if request.client else ''}", WRONG_A_MINUTE)
        return await self.ask(request, told, 403)

    async def _enter(self, request: Request, holder: Holder) -> Response:
        visit = await self._passes.issue(Purpose.VISIT, holder, VISIT_LASTS)
        answer = RedirectResponse("./", 303)
        self._set_cookie(answer, request, VISIT, visit, "lax")  # a strict one isn't sent after a click in Discord
        if ASKED in request.query_params:
            self._set_cookie(answer, request, LANGUAGE, spoken(), "lax")
        return answer

    def _set_cookie(
        self,
        answer: Response,
        request: Request,
        name: str,
        value: str,
        same_site: Literal["lax", "strict"],
        *,
        lasts: timedelta = VISIT_LASTS,
    ) -> None:
        """Without a path it is sent to the page's own addresses alone, wherever a proxy has put them."""
        answer.set_cookie(
            name,
            value,
            max_age=int(lasts.total_seconds()),
            path=None,
            secure=self._is_https or request.url.scheme == "https",
            httponly=True,
            samesite=same_site,
        )


async def _form(request: Request) -> dict[str, str]:
    """A small form as a browser sends it."""
    body = b""
    async for part in request.stream():
        body += part
        if len(body) > MOST_FORM_BYTES:
            raise Problem(413, "too_large", _("That is too long for a key."))
    try:
        return {name: values[0] for name, values in parse_qs(body.decode(), max_num_fields=10).items()}
    except ValueError:
        raise Problem(422, "invalid_request", _("That form can't be read.")) from None
