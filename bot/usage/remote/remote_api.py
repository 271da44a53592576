"""The REST API of somebody's books, by HTTP: addresses that a key may be sent to, answers, and what went wrong."""

from collections.abc import Mapping
from ipaddress import ip_address
from typing import Any
from urllib.parse import urlsplit

import httpx2

from bot.usage.errors import RemoteBooksError

_TIMEOUT = httpx2.Timeout(10.0, connect=3.0)
_TOO_MANY = 429
_MISTAKES = frozenset({400, 413, 422})
_LONGEST_PAUSE = 60.0


def is_remote(url: str) -> bool:
    """Whether an address is that of an API, and not of a database."""
    return url.partition("://")[0].casefold() in ("http", "https")


class Unreached(Exception):  # noqa: N818 - never leaves the books
    """A request without a good answer. `never_sent`: nothing arrived. `is_mistake`: sent again, it would fail again.

    `is_away`: nobody there answers now. `retry_after` is how many seconds the API asked for.
    """

    def __init__(self, problem: str, *, status: int = 0, never_sent: bool = False, retry_after: float = 0.0) -> None:
        super().__init__(problem)
        self.never_sent = never_sent
        self.is_mistake = status in _MISTAKES
        self.is_away = not 0 < status < 500
        self.retry_after = min(retry_after, _LONGEST_PAUSE)


class RemoteApi:
    """A client of one API with one key. Raises `RemoteBooksError` for an address that no key may be sent to."""

    def __init__(self, url: str, key: str | None) -> None:
        try:
            parts = urlsplit(url)
            self.host = parts.hostname or ""
            address = httpx2.URL(url.rstrip("/"))
        except (httpx2.InvalidURL, ValueError):
            raise RemoteBooksError("", "that is no address") from None
        if not self.host:
            raise RemoteBooksError("", "that is no address")
        if parts.scheme.casefold() != "https" and not _is_loopback(self.host):
            raise RemoteBooksError(self.host, "use https://; http:// would show the key to everybody on the way")
        if not (key and key.isascii() and key.isprintable()):
            raise RemoteBooksError(self.host, "give `key`: whoever runs it makes one with `python -m bot keys create`")
        headers = {"Authorization": f"Bearer {key}"}
        self._http = httpx2.AsyncClient(base_url=address, headers=headers, timeout=_TIMEOUT)

    async def post(self, path: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """The JSON of the answer. Raises `Unreached`."""
        return await self._answer("POST", path, json=body)

    async def get(self, path: str, **parameters: Any) -> dict[str, Any]:
        """The JSON of the answer; parameters that are None are left out. Raises `Unreached`."""
        given = {name: value for name, value in parameters.items() if value is not None}
        return await self._answer("GET", path, params=given)

    async def close(self) -> None:
        """Close its connections."""
        await self._http.aclose()

    async def _answer(self, method: str, path: str, **what: Any) -> dict[str, Any]:
        try:
            response = await self._http.request(method, path, **what)
            body = response.json()
        except (httpx2.ConnectError, httpx2.ConnectTimeout) as error:
            raise Unreached(f"no connection ({type(error).__name__})", never_sent=True) from None
        except (httpx2.HTTPError, ValueError) as error:
            raise Unreached(f"no answer ({type(error).__name__})") from None
        if response.is_success and isinstance(body, dict):
            return body
        detail = body.get("detail") if isinstance(body, dict) else None
        wait = response.headers.get("retry-after", "")
        pause = float(wait) if response.status_code == _TOO_MANY and wait.isdecimal() else 0.0
        raise Unreached(f"{response.status_code}: {detail}", status=response.status_code, retry_after=pause)


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False
