"""The one door: an `AsyncOpenAI` whose every billed request is on the books before it leaves and after it ends."""

import weakref
from collections.abc import Mapping
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, Self, TypeVar, cast

import httpx2
import openai
from openai import AsyncOpenAI, AsyncStream
from pydantic import BaseModel

from bot.usage.endpoints import billed_endpoint, request_body, stored_response_id
from bot.usage.errors import UntrackableCallError
from bot.usage.metered_body import MeteredBody
from bot.usage.tracked_call import Retrieval, TrackedCall

if TYPE_CHECKING:
    from openai._models import FinalRequestOptions

    from bot.usage.tracker import UsageTracker

ResponseT = TypeVar("ResponseT")
_current_call: ContextVar[TrackedCall | None] = ContextVar("trilo_call", default=None)
_FACTS = ("model", "id", "service_tier", "status", "size", "quality")


class TrackedOpenAI(AsyncOpenAI):
    """`AsyncOpenAI`, tracked. Takes every argument of it, and is made by `UsageTracker.openai`.

    `stream_http_client` carries streamed answers: the aiohttp transport, cheaper for whole ones, loses what it has
    read when a connection breaks. Without a tracker, calls are made and warned of once.
    Websockets (`realtime.connect`, `responses.connect`, `live`) raise `UntrackableCallError`: they bypass this door.
    """

    def __init__(
        self,
        *,
        tracker: "UsageTracker | None" = None,
        stream_http_client: httpx2.AsyncClient | None = None,
        **arguments: Any,
    ) -> None:
        self._tracker = tracker
        self._stream_http_client = stream_http_client
        super().__init__(**arguments)

    @property
    def websocket_base_url(self) -> str:
        """Read by every websocket of the SDK before it connects. Raises `UntrackableCallError`."""
        raise UntrackableCallError("A websocket connection", "Use chat.completions or responses.create instead.")

    @websocket_base_url.setter
    def websocket_base_url(self, _value: object) -> None:
        """The SDK's constructor sets it; there is nothing to keep."""

    def copy(self, *, _extra_kwargs: Mapping[str, Any] = {}, **arguments: Any) -> Self:  # type: ignore[override]
        """A copy with other options, tracked by the same tracker. Also known as `with_options`."""
        own_transport = arguments.get("http_client") is not None
        extra = {
            "tracker": self._tracker,
            "stream_http_client": None if own_transport else self._stream_http_client,
            **_extra_kwargs,
        }
        arguments.setdefault("websocket_base_url", "wss://untracked.invalid")
        return super().copy(_extra_kwargs=extra, **arguments)

    with_options = copy

    async def close(self) -> None:
        """Close the connections of both kinds."""
        await super().close()
        if self._stream_http_client is not None:
            await self._stream_http_client.aclose()

    async def request(
        self,
        cast_to: type[ResponseT],
        options: "FinalRequestOptions",
        *,
        stream: bool = False,
        stream_cls: type[AsyncStream[Any]] | None = None,
    ) -> Any:
        """Every HTTP call of every resource comes through here, the SDK's retries within it."""
        tracker = self._tracker or _open_tracker()
        if tracker is None:
            return await super().request(cast_to, options, stream=stream, stream_cls=stream_cls)
        endpoint = billed_endpoint(options.method, options.url)
        if endpoint is None:
            result = await super().request(cast_to, options, stream=stream, stream_cls=stream_cls)
            if retrieval := tracker.retrieval(stored_response_id(options.url)):
                _watch(retrieval, result)
            return result
        body = request_body(options.json_data, options.extra_json)
        call = await tracker.admit(endpoint, body, base_url=self.base_url, streamed=stream)
        token = _current_call.set(call)
        try:
            result = await self._request_with_usage(call, cast_to, options, stream=stream, stream_cls=stream_cls)
        except BaseException as error:
            call.failed(error)
            raise
        finally:
            _current_call.reset(token)
        _watch(call, result)
        return result

    async def _request_with_usage(
        self, call: TrackedCall, cast_to: type[ResponseT], options: "FinalRequestOptions", **how: Any
    ) -> Any:
        """Send the request, asking for usage where the caller didn't; again without, if the server won't have it."""
        if not call.hides_usage:
            return await super().request(cast_to, options, **how)
        try:
            return await super().request(cast_to, _with_usage(options), **how)
        except openai.BadRequestError as error:
            if "stream_options" not in str(error.body):
                raise
        call.hides_usage = False
        return await super().request(cast_to, options, **how)

    async def _send_request(self, request: httpx2.Request, *, stream: bool, **arguments: Any) -> httpx2.Response:
        """Runs once an attempt, inside the SDK's retries."""
        client = self._client
        if stream:
            client = self._stream_http_client or client
            request.headers["accept-encoding"] = "identity"
        sending = client.send(request, stream=stream, **arguments)
        call = _current_call.get()
        return await (call.attempt(sending) if call is not None else sending)


def _open_tracker() -> "UsageTracker | None":
    """The tracker that is open in this process, asked for late: the tracker imports this module."""
    from bot.usage.tracker import open_tracker_or_warn

    return open_tracker_or_warn()


def _watch(call: TrackedCall | Retrieval, result: Any) -> None:
    """Take note of the answer: now where it is here, at the end of its body where it is still coming."""
    response = getattr(result, "http_response", None) or getattr(result, "response", None)
    if isinstance(response, httpx2.Response) and not response.is_closed and not response.is_stream_consumed:
        body = MeteredBody(response, call, hide_usage=call.hides_usage)
        response.stream = body
        weakref.finalize(body, call.dropped, body.seen).atexit = False
    elif isinstance(result, BaseModel) or not isinstance(response, httpx2.Response):
        call.answered(_payload(result))
    else:
        call.answered(_payload_of_response(response))


def _payload(result: Any) -> Mapping[str, Any]:
    """What the accounting reads of an answer, as JSON would have it; without the bulk where usage was reported."""
    if isinstance(result, BaseModel):
        usage = getattr(result, "usage", None)
        if not usage:
            return result.model_dump(mode="json", warnings=False, exclude_unset=True)
        payload = {name: getattr(result, name, None) for name in _FACTS}
        payload["usage"] = (
            usage.model_dump(warnings=False, exclude_unset=True) if isinstance(usage, BaseModel) else usage
        )
        payload["output"] = [{"type": getattr(item, "type", None)} for item in getattr(result, "output", None) or ()]
        payload["choices"] = [] if hasattr(result, "choices") else None
        error = getattr(result, "error", None)
        payload["error"] = error.model_dump(warnings=False) if isinstance(error, BaseModel) else error
        return payload
    if isinstance(result, Mapping):
        return cast("Mapping[str, Any]", result)
    return {"text": result} if isinstance(result, str) else {}


def _payload_of_response(response: httpx2.Response) -> Mapping[str, Any]:
    if not response.headers.get("content-type", "").startswith("application/json"):
        return {"text": response.text} if response.headers.get("content-type", "").startswith("text/") else {}
    try:
        value = response.json()
    except ValueError:
        return {}
    return value if isinstance(value, Mapping) else {}


def _with_usage(options: "FinalRequestOptions") -> "FinalRequestOptions":
    """The same request, asking for usage at the end of the stream."""
    body = cast("Mapping[str, Any]", options.json_data)
    asked = {**(body.get("stream_options") or {}), "include_usage": True}
    return options.model_copy(update={"json_data": {**body, "stream_options": asked}})
