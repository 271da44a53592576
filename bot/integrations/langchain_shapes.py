"""What LangChain tells of a model call, read into the books' own terms, whatever the provider.

The counts are `AIMessage.usage_metadata`, into which LangChain reads every provider's own (langchain-core 1.7), else
`token_usage` as OpenAI's models have always given it. Nothing in here raises for a shape it doesn't know.
"""

import asyncio
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage, convert_to_openai_messages
from langchain_core.outputs import Generation, LLMResult
from pydantic import BaseModel

from bot.usage import Status, TriloError, Usage
from bot.usage.calls.answers import MAX_TEXT, Answer, code_name, read_usage
from bot.usage.calls.exchange import was_never_sent
from bot.usage.context import storable

_CACHE_WRITES = ("cache_creation", "ephemeral_5m_input_tokens", "ephemeral_1h_input_tokens")
"""Anthropic's two kinds of writing stand in the place of the one where it tells them apart."""
_ABORTED = (asyncio.CancelledError, GeneratorExit, KeyboardInterrupt)
_OWN_ID_PREFIXES = ("lc_", "run-")
"""Ids that LangChain gave a message itself."""
_NO_CONNECTION = frozenset({"ConnectError", "ConnectTimeout", "PoolTimeout", "ProxyError", "UnsupportedProtocol"})
"""What httpx, which most of LangChain's clients use, calls an attempt that never left."""


@dataclass(frozen=True, slots=True)
class ModelRequest:
    """What a model was asked. `prompt` is its messages, or the text for one that isn't a chat model."""

    prompt: Sequence[BaseMessage] | str
    model: str
    provider: str | None
    tools: Sequence[Any] = field(default=())

    @classmethod
    def read(cls, prompt: Sequence[BaseMessage] | str, started: Mapping[str, Any]) -> "ModelRequest":
        """From the prompt and the other arguments of `on_chat_model_start` or `on_llm_start`."""
        parameters, metadata = _mapping(started.get("invocation_params")), _mapping(started.get("metadata"))
        names = (metadata.get("ls_model_name"), *map(parameters.get, ("model", "model_name", "model_id")))
        provider, tools = metadata.get("ls_provider"), parameters.get("tools")
        return cls(
            prompt,
            _name(next(filter(None, names), None)) or "unknown",
            _name(provider),
            tools if isinstance(tools, list) else (),
        )

    @property
    def api(self) -> str:
        """The OpenAI endpoint that counts such a prompt."""
        return "completions" if isinstance(self.prompt, str) else "chat"

    def body(self) -> dict[str, Any]:
        """The request as OpenAI would have it, to be counted."""
        if isinstance(self.prompt, str):
            return {"model": self.model, "prompt": self.prompt}
        messages = [*self.prompt]
        try:
            said: Any = convert_to_openai_messages(messages)
        except (KeyError, TypeError, ValueError):  # content of a kind that only its own provider knows
            said = [{"role": "user", "content": str(message.text)} for message in messages]
        return {"model": self.model, "messages": said, **({"tools": [*self.tools]} if self.tools else {})}


def read_answer(result: LLMResult | None) -> Answer:
    """The answer, or as much of it as was delivered. `usage` is None where none was reported, which isn't usage 0."""
    told = _mapping(result.llm_output) if result else {}
    first = next(_generations(result), None)
    message = getattr(first, "message", None)
    said = _mapping(getattr(message, "response_metadata", None) or (first and first.generation_info))
    counts = _mapping(getattr(message, "usage_metadata", None))
    usage = _usage(_in_openai_words(counts)) if counts else None
    for older in (said.get("token_usage"), told.get("token_usage"), told.get("usage")):
        if usage is None and (counts := _mapping(older)):
            usage = _usage(counts)
    own_id = getattr(message, "id", None)
    ids = said.get("id") or told.get("id") or (None if str(own_id).startswith(_OWN_ID_PREFIXES) else own_id)
    return Answer(
        usage=usage,
        raw_usage=json.dumps(counts, default=str) if usage else None,
        model=_name(said.get("model_name") or said.get("model") or told.get("model_name")),
        response_id=_name(ids),
        service_tier=_name(said.get("service_tier")),
        flagged=", ".join(usage.contradictions()) or None if usage else None,
    )


def is_no_call(result: LLMResult, *, batch_size: int) -> bool:
    """Whether nothing was asked for: LangChain's cache answered, or the same request as another prompt's of a batch.

    The cache says so by a cost of 0. Of several prompts that a text model was sent at once, the first has all counts.
    """
    message = getattr(next(_generations(result), None), "message", None)
    if message is None:
        return batch_size > 1 and _mapping(result.llm_output).get("token_usage") == {}
    return _mapping(getattr(message, "usage_metadata", None)).get("total_cost") == 0


def delivered_texts(result: LLMResult | None) -> list[str]:
    """What was written, tools' arguments and reasoning included, to be counted where nobody did."""
    return [text for generation in _generations(result) for text in _texts(generation) if text]


def was_refused(error: BaseException) -> bool:
    """Whether our own door refused the call: it never left, and the door counts its refusals itself."""
    return any(isinstance(cause, TriloError) for cause in _causes(error))


def is_free(error: BaseException) -> bool:
    """Whether a call that ended so costs nothing (I4): the provider answered with an error, or never heard of it."""
    return any(_http_status(cause) >= 400 or _never_left(cause) for cause in _causes(error))


def usage_of_error(error: BaseException) -> Usage | None:
    """What a whole answer used that was thrown away for being cut short: OpenAI's SDK keeps it with the error."""
    usage = getattr(getattr(error, "completion", None), "usage", None)
    return _usage(usage.model_dump()) if isinstance(usage, BaseModel) else None


def status_after(error: BaseException) -> Status:
    """`aborted` where the caller went away, else `error`."""
    return Status.ABORTED if isinstance(error, _ABORTED) else Status.ERROR


def error_type(error: BaseException) -> str:
    """The provider's code where it gave one, else the exception's name. Never a message, which may quote a prompt."""
    return code_name(getattr(error, "code", None)) or type(error).__name__


def _in_openai_words(counts: Mapping[str, Any]) -> dict[str, Any]:
    read, written = _mapping(counts.get("input_token_details")), _mapping(counts.get("output_token_details"))
    return {
        "input_tokens": counts.get("input_tokens"),
        "output_tokens": counts.get("output_tokens"),
        "total_tokens": counts.get("total_tokens"),
        "input_tokens_details": {
            "cached_tokens": _part(read, "cache_read"),
            "cache_write_tokens": sum(_part(read, name) for name in _CACHE_WRITES),
            "audio_tokens": _part(read, "audio"),
        },
        "output_tokens_details": {
            "reasoning_tokens": _part(written, "reasoning"),
            "audio_tokens": _part(written, "audio"),
        },
    }


def _usage(counts: Mapping[str, Any]) -> Usage | None:
    """None where nothing was counted: a call that says 0 of everything has said nothing."""
    usage = read_usage(counts, "chat")
    return usage if usage is not None and usage.total_tokens else None


def _part(details: Mapping[str, Any], name: str) -> int:
    """A detail's count. OpenAI's tiers stand before its name (`flex_cache_read`)."""
    return sum(
        value for key, value in details.items() if isinstance(value, int) and (key == name or key.endswith(f"_{name}"))
    )


def _texts(generation: Generation) -> Iterator[str]:
    message = getattr(generation, "message", None)
    yield generation.text
    if isinstance(message, AIMessage):
        yield str(_mapping(message.additional_kwargs).get("reasoning_content") or "")
        if isinstance(message, AIMessageChunk):
            yield from (f"{call.get('name') or ''}{call.get('args') or ''}" for call in message.tool_call_chunks)
        else:
            yield from (call["name"] + json.dumps(call["args"], default=str) for call in message.tool_calls)


def _generations(result: LLMResult | None) -> Iterator[Generation]:
    for several in result.generations if result else ():
        yield from several


def _causes(error: BaseException) -> Iterator[BaseException]:
    """The error and what it was raised from, at most ten deep."""
    cause: BaseException | None = error
    for _ in range(10):
        if cause is None:
            return
        yield cause
        cause = cause.__cause__ or cause.__context__


def _http_status(error: BaseException) -> int:
    for holder in (error, getattr(error, "response", None)):
        status = getattr(holder, "status_code", None)
        if isinstance(status, int):
            return status
    code = getattr(error, "code", None)  # Google's clients
    return code if isinstance(code, int) else 0


def _never_left(error: BaseException) -> bool:
    by_name = type(error).__module__.startswith("httpx.") or type(error).__module__ == "httpx"
    return was_never_sent(error) or (by_name and type(error).__name__ in _NO_CONNECTION)


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _name(value: object) -> str | None:
    return storable(value)[:MAX_TEXT] if isinstance(value, str) and value else None
