"""The one door: an `AsyncOpenAI` whose every billed request is on the books before it leaves and after it ends."""

from collections.abc import Mapping
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, Self, TypeVar

import httpx2
import openai
from openai import AsyncOpenAI, AsyncStream

from bot.usage.bookkeeping.witness import callers_attribution
from bot.usage.calls.endpoints import billed_endpoint, request_body, stored_response_id
from bot.usage.calls.exchange import Exchange, note_fault
from bot.usage.calls.tracked_call import TrackedCall
from bot.usage.errors import TriloError, UntrackableCallError
from bot.usage.opened import tracker_or_warn

if TYPE_CHECKING:
    from openai._models import FinalRequestOptions

    from bot.usage.tracker import UsageTracker

ResponseT = TypeVar("ResponseT")
_current: ContextVar[Exchange | None] = ContextVar("trilo_exchange", default=None)


class StreamTransport:
    """What carries streamed answers: made with the first of them, since it takes a while, and shared by all copies."""

    def __init__(self) -> None:
        self._client: httpx2.AsyncClient | None = None

    @property
    def client(self) -> httpx2.AsyncClient:
        """The HTTP client."""
        if self._client is None:
            self._client = openai.DefaultAsyncHttpxClient()
        return self._client

    async def aclose(self) -> None:
        """Close its connections, if there were any streams."""
        if self._client is not None:
            await self._client.aclose()


class TrackedOpenAI(AsyncOpenAI):
    """`AsyncOpenAI`, tracked. Takes every argument of it, and is made by `UsageTracker.openai`.

    `stream_transport` carries streamed answers: the aiohttp transport, cheaper for whole ones, loses what it has
    read when a connection breaks. Without a tracker, calls are made and warned of once.
    Websockets (`realtime.connect`, `responses.connect`, `live`) raise `UntrackableCallError`: they bypass this door.
    So does a synchronous `http_client`, when the client is made.
    """

    def __init__(
        self,
        *,
        tracker: "UsageTracker | None" = None,
        stream_transport: StreamTransport | None = None,
        **arguments: Any,
    ) -> None:
        if not isinstance(arguments.get("http_client"), (httpx2.AsyncClient, type(None))):
            raise UntrackableCallError("A synchronous client", "Give an httpx2.AsyncClient, or none.")
        self._tracker = tracker
        self._stream_transport = stream_transport
        super().__init__(**arguments)

    @property
    def websocket_base_url(self) -> str:
        """Read by every websocket of the SDK before it connects. Raises `UntrackableCallError`."""
        raise UntrackableCallError("A websocket connection", "Use chat.completions or responses.create instead.")

    @websocket_base_url.setter
    def websocket_base_url(self, _value: object) -> None:
        """The SDK's constructor sets it; there is nothing to keep."""

    def copy(self, *, _extra_kwargs: Mapping[str, Any] = {}, **arguments: Any) -> Self:
        """A copy with other options, tracked by the same tracker. Also known as `with_options`."""
        own_transport = arguments.get("http_client") is not None
        extra = {
            "tracker": self._tracker,
            "stream_transport": None if own_transport else self._stream_transport,
            **_extra_kwargs,
        }
        arguments.setdefault("websocket_base_url", "wss://untracked.invalid")
        return super().copy(_extra_kwargs=extra, **arguments)

    with_options = copy

    async def close(self) -> None:
        """Close the connections of both kinds."""
        try:
            await super().close()
        finally:
            if self._stream_transport is not None:
                await self._stream_transport.aclose()

    async def request(
        self,
        cast_to: type[ResponseT],
        options: "FinalRequestOptions",
        *,
        stream: bool = False,
        stream_cls: type[AsyncStream[Any]] | None = None,
    ) -> Any:
        """Every HTTP call of every resource comes through here, the SDK's retries within it."""
        exchange = await self._open_exchange(options, streamed=stream)
        if exchange is None:
            return await super().request(cast_to, options, stream=stream, stream_cls=stream_cls)
        token = _current.set(exchange)
        try:
            result = await self._request_with_usage(exchange, cast_to, options, stream=stream, stream_cls=stream_cls)
        except BaseException as error:
            exchange.failed(error)
            raise
        finally:
            _current.reset(token)
        exchange.returned()
        return result

    async def _open_exchange(self, options: "FinalRequestOptions", *, streamed: bool) -> Exchange | None:
        """What watches this request: a call put on the books, a retrieval that may settle one, or nothing."""
        tracker = self._tracker or tracker_or_warn()
        if tracker is None:
            return None
        endpoint = billed_endpoint(options.method, options.url)
        if endpoint is None:
            return tracker.calls.retrieval(stored_response_id(options.url))
        body = request_body(options.json_data, options.extra_json)
        try:
            return await tracker.calls.admit(endpoint, body, base_url=self.base_url, streamed=streamed)
        except TriloError:
            raise  # refused on purpose
        except Exception as error:  # noqa: BLE001 - our fault isn't the caller's (I23); budgets refuse by TriloError
            keeper = tracker.calls.ledger
            note_fault(keeper, error)
            if (refusal := keeper.stopping(callers_attribution())) is not None:
                raise refusal from None
            keeper.left_unrecorded()
            return None

    async def _request_with_usage(
        self, exchange: Exchange, cast_to: type[ResponseT], options: "FinalRequestOptions", **how: Any
    ) -> Any:
        """Send the request with what we add to it: an output cap, and asking for usage where the caller didn't.

        A server that won't have the one is asked again with the cap's older name, the other is left out. (A refused
        request costs nothing.)
        """
        added = exchange.additions if isinstance(exchange, TrackedCall) else {}
        while True:
            try:
                return await super().request(cast_to, _with(options, added), **how)
            except (openai.BadRequestError, openai.UnprocessableEntityError) as error:
                refused = next((name for name in _REPLACEABLE if name in added and name in error.response.text), None)
                if refused is None:
                    raise
            value = added.pop(refused)
            if refused == "max_completion_tokens":
                added["max_tokens"] = value

    async def _prepare_request(self, request: httpx2.Request) -> None:
        """Runs once an attempt, before it is sent and outside of what the SDK retries."""
        exchange = _current.get()
        if exchange is not None:
            await exchange.before_attempt()

    async def _send_request(self, request: httpx2.Request, *, stream: bool, **arguments: Any) -> httpx2.Response:
        """Runs once an attempt, inside the SDK's retries.

        What is sent stays with the address it was meant for: a redirection is an error, unless the caller wants it.
        """
        client, exchange = self._client, _current.get()
        if stream and self._stream_transport is not None:
            client = self._stream_transport.client
        if exchange is None:
            return await client.send(request, stream=stream, **arguments)
        request.headers["accept-encoding"] = "identity" if stream else "gzip"
        arguments.setdefault("follow_redirects", False)
        return await exchange.attempt(client.send(request, stream=True, **arguments), streamed=stream)


_REPLACEABLE = ("stream_options", "max_completion_tokens")
"""What a server may not know. Any other cap that it refuses must not be left out: the call isn't made."""


def _with(options: "FinalRequestOptions", added: Mapping[str, Any]) -> "FinalRequestOptions":
    """The same request with fields of ours. Goes over the caller's `extra_body` too."""
    if not added:
        return options
    return options.model_copy(update={"extra_json": {**(options.extra_json or {}), **added}})
