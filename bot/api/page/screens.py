"""The page's templates put into answers, each with the headers that keep it to itself."""

import asyncio
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape
from starlette.responses import HTMLResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from bot import figures
from bot.api.page import words
from bot.api.page.bars import HEIGHT, chart_of
from bot.api.page.look import ADVISED_DAYS, COUNTERS, Look
from bot.operation_titles import title_of
from bot.suggestion_texts import TITLES, gain, reason
from bot.translation import _, count_text, n_, spoken

FOLDER = Path(__file__).parent
HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
    "X-Robots-Tag": "noindex, nofollow",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}
"""On every answer: nothing is loaded from elsewhere, kept, indexed, framed, or told to where a link leads."""


class Screens:
    """Renders templates, in a thread. Every value is escaped: callers choose the names of operations and agents."""

    def __init__(self) -> None:
        self._templates = Environment(
            loader=FileSystemLoader(FOLDER / "templates"),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._templates.filters |= {
            "cost": figures.money, "cost_of": figures.cost_of, "count": count_text, "seconds": figures.seconds,
            "calls": figures.calls_words, "tokens": figures.tokens_words,
        }  # fmt: skip
        self._templates.globals |= {
            "_": _said, "n_": n_, "spoken": spoken, "strong": Markup("<strong>{}</strong>").format,
            "share": figures.share, "amount": figures.amount, "at_limit": figures.at_limit,
            "change": words.change, "day": words.day, "span": words.span, "moment": words.moment,
            "budget_title": words.budget_title, "title_of": title_of,
            "gain": gain, "reason": partial(reason, named=str),
            "PERIODS": figures.PERIODS, "PHRASES": figures.PHRASES, "ENDED": figures.ENDED, "TITLES": TITLES,
            "HEADINGS": words.HEADINGS, "HEIGHT": HEIGHT, "COUNTERS": COUNTERS, "ADVISED_DAYS": ADVISED_DAYS,
        }  # fmt: skip

    async def spend(self, look: Look, *, may_see_all: bool) -> Response:
        """The screen itself."""
        splits = words.SPLITS if look.guild_id is not None else words.OF_ALL_SERVERS
        chart, year = chart_of(look.trend, look.by_key), look.read_at.astimezone(look.zone).year
        values = {"look": look, "chart": chart, "splits": splits, "may_see_all": may_see_all, "year": year}
        return await self._html("spend.html", values)

    async def sign_in(self, told: str, form: str, status: int) -> Response:
        """The form to sign in, with words above it; `form` comes back with what is filled in."""
        return await self._html("sign_in.html", {"words": told, "form": form}, status)

    async def words(self, told: str, status: int, headers: Mapping[str, str] | None = None) -> Response:
        """Words alone."""
        return await self._html("words.html", {"words": told}, status, headers)

    async def _html(
        self, template: str, values: Mapping[str, object], status: int = 200, headers: Mapping[str, str] | None = None
    ) -> Response:
        text = await asyncio.to_thread(lambda: self._templates.get_template(template).render(values))
        return HTMLResponse(text, status, headers)


def _said(message: str, **values: Any) -> Markup:
    """A message in the language of whoever looks. Its values may be pieces of the page; all else is escaped."""
    text = Markup(escape(_(message)))  # noqa: S704 - escaped
    return text.format(**values) if values else text


async def style() -> Response:
    """How it looks."""
    return Response(await asyncio.to_thread((FOLDER / "style.css").read_text, "utf-8"), media_type="text/css")


def kept_private(app: ASGIApp) -> ASGIApp:
    """The app with these headers on all its answers."""
    headers = [(name.lower().encode(), value.encode()) for name, value in HEADERS.items()]
    names = {name for name, _value in headers}

    async def private(scope: Scope, receive: Receive, send: Send) -> None:
        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*(h for h in message["headers"] if h[0].lower() not in names), *headers]
            await send(message)

        await app(scope, receive, send_with_headers)

    return private
