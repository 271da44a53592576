"""What an answer says of its own usage: the provider's shapes, read into `Usage`.

Chat Completions say prompt_tokens and completion_tokens, Responses, images and speech input_tokens and
output_tokens, transcriptions tokens or seconds (openai 3.54's types). Totals include their details in all of them.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

from bot.usage.endpoints import picture_units
from bot.usage.records import Usage

MAX_COUNT = 10**12
"""A count beyond this is no count: no model reads a million million tokens in one call."""

_DETAILS = {
    "input": ("prompt_tokens_details", "input_tokens_details", "input_token_details"),
    "output": ("completion_tokens_details", "output_tokens_details", "output_token_details"),
}


@dataclass(frozen=True, slots=True)
class Answer:
    """What could be read of an answer. `usage` is None where the provider reported none: never the same as 0."""

    usage: Usage | None = None
    raw_usage: str | None = None
    model: str | None = None
    response_id: str | None = None
    service_tier: str | None = None
    status: str | None = None
    error_type: str | None = None


def read_answer(api: str, payload: Mapping[str, Any], body: Mapping[str, Any]) -> Answer:
    """Read one whole answer, given as JSON, to the request `body`. Odd shapes never raise: it reads what it can."""
    raw = payload.get("usage")
    usage = read_usage(raw, api) if isinstance(raw, Mapping) else None
    if usage is None and api == "images" and not raw and isinstance(payload.get("data"), list):
        usage = picture_units({**body, **_given(payload, "size", "quality")}, len(payload["data"]))
    if usage is not None and api in ("responses", "chat"):
        usage = _with_tool_calls(usage, payload, body)
    error = payload.get("error")
    return Answer(
        usage=usage,
        raw_usage=json.dumps(raw, default=str) if raw else None,
        model=_text(payload.get("model")),
        response_id=_text(payload.get("id")),
        service_tier=_text(payload.get("service_tier")),
        status=_text(payload.get("status")),
        error_type=error_name(error) if error else None,
    )


def read_usage(raw: Mapping[str, Any], api: str) -> Usage | None:
    """A provider's usage object; None where it holds no count at all, or one that can't be one."""
    if raw.get("type") == "duration":
        seconds = raw.get("seconds")
        return Usage(audio_seconds=Decimal(str(seconds))) if _is_number(seconds) else None
    counts = [_count(raw, "prompt_tokens", "input_tokens"), _count(raw, "completion_tokens", "output_tokens")]
    if all(count is None for count in counts) or any(count == _IMPOSSIBLE for count in counts):
        return None
    into, out = _detail(raw, "input"), _detail(raw, "output")
    cached_details = into.get("cached_tokens_details")
    cached = _part(into, "cached_tokens") or _part(raw, "prompt_cache_hit_tokens")
    cached_parts = cached_details if isinstance(cached_details, Mapping) else {}
    output = counts[1] or 0
    return Usage(
        input_tokens=counts[0] or 0,
        cached_input_tokens=cached,
        cache_write_input_tokens=_part(into, "cache_write_tokens", "cache_creation_tokens"),
        output_tokens=output,
        reasoning_output_tokens=_part(out, "reasoning_tokens"),
        input_audio_tokens=_part(into, "audio_tokens"),
        output_audio_tokens=output if api == "audio.speech" else _part(out, "audio_tokens"),
        cached_input_audio_tokens=_part(cached_parts, "audio_tokens"),
        input_image_tokens=_part(into, "image_tokens"),
        output_image_tokens=_part(out, "image_tokens") if out or api != "images" else output,
        cached_input_image_tokens=_part(cached_parts, "image_tokens"),
    )


def error_name(error: object) -> str:
    """A short name for an error object in an answer: its code, else its type. Never its message (I33)."""
    if isinstance(error, Mapping):
        return str(error.get("code") or error.get("type") or "error")[:80]
    return "error"


def delivered_text(payload: Mapping[str, Any]) -> Iterable[str]:
    """The texts that one event of a stream, or one whole answer, delivered: content, refusals, tool arguments."""
    for choice in _mappings(payload.get("choices")):
        part = choice.get("delta") or choice.get("message")
        if isinstance(part, Mapping):
            yield from _strings(part, "content", "refusal", "reasoning_content", "reasoning")
            for call in _mappings(part.get("tool_calls")):
                if isinstance(function := call.get("function"), Mapping):
                    yield from _strings(function, "name", "arguments")
        yield from _strings(choice, "text")
    kind = str(payload.get("type") or "")
    if kind.endswith(".delta") and "audio.delta" not in kind:
        yield from _strings(payload, "delta")
    for item in _mappings(payload.get("output")):
        yield from _strings(item, "arguments")
        for part in _mappings(item.get("content")):
            yield from _strings(part, "text", "refusal")
    yield from _strings(payload, "text")


def _with_tool_calls(usage: Usage, payload: Mapping[str, Any], body: Mapping[str, Any]) -> Usage:
    kinds = [item.get("type") for item in _mappings(payload.get("output"))]
    searches = kinds.count("web_search_call")
    if not kinds and "web_search_options" in body and isinstance(payload.get("choices"), list):
        searches = 1  # a chat model with search built in bills one search a call
    files = kinds.count("file_search_call")
    return replace(usage, web_search_calls=searches, file_search_calls=files) if searches or files else usage


_IMPOSSIBLE = -1


def _count(raw: Mapping[str, Any], *names: str) -> int | None:
    """The first count under these names; `_IMPOSSIBLE` for one that is there and can't be a count."""
    for name in names:
        value = raw.get(name)
        if value is not None:
            return int(value) if _is_number(value) and value % 1 == 0 and 0 <= value <= MAX_COUNT else _IMPOSSIBLE
    return None


def _part(raw: Mapping[str, Any], *names: str) -> int:
    count = _count(raw, *names)
    return count if count is not None and count != _IMPOSSIBLE else 0


def _detail(raw: Mapping[str, Any], side: str) -> Mapping[str, Any]:
    found = next((raw[name] for name in _DETAILS[side] if isinstance(raw.get(name), Mapping)), None)
    return found or {}


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and value == value and abs(value) < 1e300


def _given(payload: Mapping[str, Any], *names: str) -> dict[str, Any]:
    return {name: payload[name] for name in names if payload.get(name)}


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and value else None


def _mappings(value: object) -> Iterable[Mapping[str, Any]]:
    return (item for item in value if isinstance(item, Mapping)) if isinstance(value, list) else ()


def _strings(part: Mapping[str, Any], *names: str) -> Iterable[str]:
    return (value for name in names if isinstance(value := part.get(name), str) and value)
