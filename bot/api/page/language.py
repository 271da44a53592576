"""In whose language the page is: that of who pressed the button in Discord, else what the browser asks for."""

from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Receive, Scope, Send

from bot.translation import accepted, speaking

LANGUAGE = "trilo_language"
"""The cookie: what a link said, for as long as the visit that it opened."""
ASKED = "lang"
"""What a link has it in. It isn't signed: whoever changes it reads another language."""


def heard(app: ASGIApp) -> ASGIApp:
    """The app, speaking to each in their language."""

    async def speak(scope: Scope, receive: Receive, send: Send) -> None:
        with speaking(_language(HTTPConnection(scope))):
            await app(scope, receive, send)

    return speak


def _language(asked: HTTPConnection) -> str:
    chosen = asked.query_params.get(ASKED) or asked.cookies.get(LANGUAGE)
    return accepted(chosen or asked.headers.get("accept-language", ""))
