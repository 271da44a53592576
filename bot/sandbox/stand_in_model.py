"""A stand-in for the model, offline: OpenAI's HTTP API on loopback, with canned answers and honest token counts.

    async with StandInModel() as model:
        client = tracker.openai(base_url=model.base_url, api_key="sandbox")

Words in the question make it misbehave on purpose: see `mischief.py`.
"""

import asyncio
import json
import re
from bisect import bisect_right
from collections.abc import Mapping
from types import TracebackType
from typing import Any, Self

from aiohttp import web

from bot.sandbox import openai_shapes as shapes
from bot.sandbox.answers import Question, answer
from bot.sandbox.extras import MODELS, embeddings, models, moderations
from bot.sandbox.mischief import failure, hangs_up, in_a_form
from bot.sandbox.openai_shapes import ApiError, JsonObject, Reply
from bot.sandbox.schema_example import example_of
from bot.sandbox.structured_answers import STRUCTURED
from bot.usage.calls.request_tokens import estimate_request_async
from bot.usage.calls.tokens import count_tokens

_MAX_CHOICES = 8


class StandInModel:
    """The server. `latency` is the wait before the first byte, `token_delay` that between two words of a stream.

    `language` is what it speaks where a question's words don't tell, as Discord names it.
    """

    def __init__(self, *, latency: float = 0.3, token_delay: float = 0.02, language: str = "en-US") -> None:
        self._language = language
        self._latency = latency
        self._token_delay = token_delay
        self._runner: web.AppRunner | None = None
        self._port: int | None = None

    @property
    def base_url(self) -> str:
        """The address to give to an OpenAI client."""
        if self._port is None:
            raise RuntimeError("the stand-in model isn't running: use `async with StandInModel()`")
        return f"http://127.0.0.1:{self._port}/v1"

    async def __aenter__(self) -> Self:
        app = web.Application(middlewares=[_errors_in_openai_shape], client_max_size=32 * 1024 * 1024)
        app.router.add_get("/v1/models", models)
        app.router.add_post("/v1/chat/completions", self._chat)
        app.router.add_post("/v1/responses", self._responses)
        app.router.add_post("/v1/embeddings", self._embeddings)
        app.router.add_post("/v1/moderations", self._moderations)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self._port = self._runner.addresses[0][1]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._runner is not None:
            await self._runner.cleanup()
        self._runner = self._port = None

    async def _chat(self, request: web.Request) -> web.StreamResponse:
        body = await _body(request, "messages")
        question = shapes.question_of(body["messages"], self._language)
        await self._think(question)
        limit = body.get("max_completion_tokens") or body.get("max_tokens")
        schema = body.get("response_format") or {}
        count = min(int(body.get("n") or 1), _MAX_CHOICES)
        replies = [
            await _reply(question, body["model"], schema.get("json_schema") or schema, limit, variant)
            for variant in range(count)
        ]
        input_tokens = (await estimate_request_async("chat", body)).input_tokens
        usage = shapes.chat_usage(input_tokens, replies)
        if body.get("stream"):
            return await self._stream_chat(request, body, question, replies, usage)
        _hang_up_if_asked(request, question)
        choices = [shapes.chat_choice(index, reply) for index, reply in enumerate(replies)]
        return web.json_response(
            {**shapes.chat_frame(body["model"], streamed=False), "choices": choices, "usage": usage}
        )

    async def _stream_chat(
        self, request: web.Request, body: JsonObject, question: Question, replies: list[Reply], usage: JsonObject
    ) -> web.StreamResponse:
        frame = shapes.chat_frame(body["model"], streamed=True)
        include_usage = bool((body.get("stream_options") or {}).get("include_usage"))
        extra: JsonObject = {"usage": None} if include_usage else {}
        stream = await _open_stream(request)
        for index, reply in enumerate(replies):
            start = shapes.chat_delta(index, {"role": "assistant", "content": "", "refusal": None})
            await _send(stream, {**frame, "choices": [start], **extra})
            pieces = _pieces(reply.text)
            for number, piece in enumerate(pieces):
                if number > len(pieces) // 2:
                    _hang_up_if_asked(request, question)
                await _send(stream, {**frame, "choices": [shapes.chat_delta(index, {"content": piece})], **extra})
                await asyncio.sleep(self._token_delay)
            end = shapes.chat_delta(index, {}, shapes.finish_reason(reply))
            await _send(stream, {**frame, "choices": [end], **extra})
        if include_usage:
            await _send(stream, {**frame, "choices": [], "usage": usage})
        await stream.write(b"data: [DONE]\n\n")
        await stream.write_eof()
        return stream

    async def _responses(self, request: web.Request) -> web.StreamResponse:
        body = await _body(request, "input")
        question = shapes.question_of(body["input"], self._language)
        await self._think(question)
        schema = (body.get("text") or {}).get("format") or {}
        reply = await _reply(question, body["model"], schema, body.get("max_output_tokens"))
        input_tokens = (await estimate_request_async("responses", body)).input_tokens
        frame = shapes.response_frame(body)
        if not body.get("stream"):
            _hang_up_if_asked(request, question)
            return web.json_response(shapes.finished_response(frame, shapes.new_id("msg_"), reply, input_tokens))
        stream = await _open_stream(request)
        pieces = _pieces(reply.text)
        events = shapes.response_events(frame, reply, pieces, input_tokens)
        for number, (name, event) in enumerate(events):
            if number > len(pieces) // 2:
                _hang_up_if_asked(request, question)
            await _send(stream, {"type": name, "sequence_number": number, **event}, event=name)
            if name.endswith(".delta"):
                await asyncio.sleep(self._token_delay)
        await stream.write_eof()
        return stream

    async def _embeddings(self, request: web.Request) -> web.StreamResponse:
        body = await _body(request, "input")
        await asyncio.sleep(self._latency)
        input_tokens = (await estimate_request_async("embeddings", body)).input_tokens
        return web.json_response(embeddings(body, input_tokens))

    async def _moderations(self, request: web.Request) -> web.StreamResponse:
        return web.json_response(moderations(await _body(request, "input", model="omni-moderation-latest")))

    async def _think(self, question: Question) -> None:
        await asyncio.sleep(self._latency)
        if (error := failure(question.text)) is not None:
            raise error


@web.middleware
async def _errors_in_openai_shape(request: web.Request, handler: Any) -> web.StreamResponse:
    try:
        response: web.StreamResponse = await handler(request)
    except ConnectionResetError:
        return web.Response(status=499)  # the caller has gone, or was hung up on; nobody reads this
    except ApiError as error:
        return web.json_response(error.body, status=error.status, headers=error.headers)
    except web.HTTPMethodNotAllowed:
        problem = ApiError(405, f"Not allowed to {request.method} on {request.path}.", code="method_not_supported")
        return web.json_response(problem.body, status=problem.status)
    except web.HTTPNotFound:
        problem = ApiError(404, f"Invalid URL ({request.method} {request.path})", code="unknown_url")
        return web.json_response(problem.body, status=problem.status)
    else:
        return response


async def _body(request: web.Request, required: str, *, model: str | None = None) -> JsonObject:
    try:
        body = json.loads(await request.read())
    except ValueError:
        raise ApiError(400, "We could not parse the JSON body of your request.") from None
    if not isinstance(body, dict):
        raise ApiError(400, "The body of your request must be a JSON object.")
    if model is not None:
        body.setdefault("model", model)
    if not isinstance(body.get("model"), str) or not body["model"]:
        raise ApiError(400, "You must provide a model parameter.", param="model", code="missing_required_parameter")
    if not body["model"].startswith(MODELS):
        message = f"The model `{body['model']}` does not exist or you do not have access to it."
        raise ApiError(404, message, code="model_not_found")
    if not body.get(required):
        message = f"Missing required parameter: '{required}'."
        raise ApiError(400, message, param=required, code="missing_required_parameter")
    return body


async def _reply(
    question: Question, model: str, schema: Mapping[str, Any], limit: int | None, variant: int = 0
) -> Reply:
    if "schema" in schema:
        if (reply := await in_a_form(question.text)) is not None:
            return reply
        known = STRUCTURED.get(str(schema.get("name")))
        text = json.dumps(known(question) if known else example_of(schema["schema"]), ensure_ascii=False)
    else:
        text = answer(question, variant)
        text = json.dumps({"answer": text}, ensure_ascii=False) if schema.get("type") == "json_object" else text
    return await asyncio.to_thread(_cut, text, model, limit)


def _cut(text: str, model: str, limit: int | None) -> Reply:
    """The longest beginning, in whole words, that fits within `limit` tokens."""
    tokens = count_tokens(text, model)
    if limit is None or tokens <= limit:
        return Reply(text, tokens, cut=False)
    pieces = _pieces(text)

    def tokens_of(words: int) -> int:
        return count_tokens("".join(pieces[:words]), model)

    fitting = bisect_right(range(len(pieces)), limit, key=tokens_of) - 1
    return Reply("".join(pieces[:fitting]), tokens_of(fitting), cut=True)


def _pieces(text: str) -> list[str]:
    return re.findall(r"\s*\S+(?:\s+$)?", text)


def _hang_up_if_asked(request: web.Request, question: Question) -> None:
    if hangs_up(question.text) and request.transport is not None:
        request.transport.abort()


async def _open_stream(request: web.Request) -> web.StreamResponse:
    stream = web.StreamResponse(headers={"Content-Type": "text/event-stream", "Cache-Control": "no-cache"})
    await stream.prepare(request)
    return stream


async def _send(stream: web.StreamResponse, payload: JsonObject, *, event: str | None = None) -> None:
    line = f"event: {event}\n" if event else ""
    await stream.write(f"{line}data: {json.dumps(payload, ensure_ascii=False)}\n\n".encode())
