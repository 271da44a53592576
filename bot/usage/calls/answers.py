"""What an answer says of its own usage: the provider's shapes, read into `Usage`.

Chat Completions say prompt_tokens and completion_tokens, Responses, images and speech input_tokens and
output_tokens, transcriptions tokens or seconds (openai 3.54's types). Totals include their details in all of them.
Nothing in here raises, whatever the provider sent.
"""

import json
import re
from collections.abc import Hashable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

import httpx2

from bot.usage.calls.endpoints import picture_units
from bot.usage.context import storable, storable_json
from bot.usage.records import Usage

MAX_REPORTED = 10**9
"""A count beyond this is no count: no model reads a thousand million tokens in one call, and sums must fit 64 bits."""
MAX_TEXT = 200
"""Characters kept of a name that a provider gave: model, id, tier, error."""

_CODE = re.compile(r"[\w.:/-]{1,80}", re.ASCII)
_DETAILS = {
    "input": ("prompt_tokens_details", "input_tokens_details", "input_token_details"),
    "output": ("completion_tokens_details", "output_tokens_details", "output_token_details"),
}


@dataclass(frozen=True, slots=True)
class Answer:
    """What could be read of an answer. `usage` is None where the provider reported none: never the same as 0.

    `flagged` names the counts that contradict each other or can't be counts.
    """

    usage: Usage | None = None
    raw_usage: str | None = None
    model: str | None = None
    response_id: str | None = None
    service_tier: str | None = None
    status: str | None = None
    error_type: str | None = None
    flagged: str | None = None


def payload_of(response: httpx2.Response) -> dict[str, Any]:
    """The JSON object that a whole answer holds, as it was sent; empty for anything else."""
    content = response.content
    return next(json_objects(content), {}) if content[:64].lstrip().startswith(b"{") else {}


def json_objects(data: bytes) -> Iterator[dict[str, Any]]:
    """The JSON object in `data`, or nothing where it is garbled or isn't one."""
    try:
        value = json.loads(data)
    except (ValueError, RecursionError):
        return
    if isinstance(value, dict):
        yield value


def read_answer(api: str, payload: Mapping[str, Any], body: Mapping[str, Any]) -> Answer:
    """Read one whole answer, given as JSON, to the request `body`."""
    raw = payload.get("usage")
    usage = read_usage(raw, api) if isinstance(raw, Mapping) else None
    if usage is None and api == "images" and not raw and isinstance(payload.get("data"), list):
        usage = picture_units({**body, **_given(payload, "size", "quality")}, len(payload["data"]))
    if usage is not None and api in ("responses", "chat"):
        usage = _with_tool_calls(usage, api, payload, body)
    error = payload.get("error")
    return Answer(
        usage=usage,
        raw_usage=storable_json(json.dumps(raw)) if raw else None,
        model=_name(payload.get("model")),
        response_id=_name(payload.get("id")),
        service_tier=_name(payload.get("service_tier")),
        status=_name(payload.get("status")),
        error_type=error_name(error) if error else None,
        flagged=_flags(raw, usage) if raw else None,
    )


def read_usage(raw: Mapping[str, Any], api: str) -> Usage | None:
    """A provider's usage object; None where it holds no count at all, or one that can't be one."""
    if raw.get("type") == "duration":
        seconds = raw.get("seconds")
        return Usage(audio_seconds=Decimal(str(seconds))) if _is_number(seconds) else None
    given = _total(raw, "prompt_tokens", "input_tokens"), _total(raw, "completion_tokens", "output_tokens")
    if given == (None, None) or not all(count is None or _is_count(count) for count in given):
        return None
    total_input, output = int(given[0] or 0), int(given[1] or 0)
    into, out = _detail(raw, "input"), _detail(raw, "output")
    cached_details = into.get("cached_tokens_details")
    cached_parts = cached_details if isinstance(cached_details, Mapping) else {}
    reasoning = _part(out, "reasoning_tokens")
    if reasoning and raw.get("total_tokens") == total_input + output + reasoning:
        output += reasoning  # xAI and Gemini count reasoning beside the completion, not within it
    return Usage(
        input_tokens=total_input,
        cached_input_tokens=_part(into, "cached_tokens") or _part(raw, "prompt_cache_hit_tokens"),
        cache_write_input_tokens=_part(into, "cache_write_tokens") or _part(into, "cache_creation_tokens"),
        output_tokens=output,
        reasoning_output_tokens=reasoning,
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
        return code_name(error.get("code")) or code_name(error.get("type")) or "error"
    return "error"


def code_name(code: object) -> str | None:
    """A provider's code, where it is one word or number; anything else may be a message, and may quote a prompt."""
    return str(code) if isinstance(code, str | int) and code and _CODE.fullmatch(str(code)) else None


def delivered_texts(payloads: Iterable[Mapping[str, Any]]) -> list[str]:
    """What the events of a stream, or one whole answer, delivered: content, refusals, tool arguments.

    Each choice and each call of a tool is a text of its own: the pieces of several come interleaved.
    """
    texts: dict[Hashable, list[str]] = {}
    for payload in payloads:
        for slot, text in _delivered(payload):
            texts.setdefault(slot, []).append(text)
    return ["".join(pieces) for pieces in texts.values()]


def _delivered(payload: Mapping[str, Any]) -> Iterator[tuple[Hashable, str]]:
    for number, choice in enumerate(_mappings(payload.get("choices"))):
        index = str(choice.get("index", number))
        part = choice.get("delta") or choice.get("message")
        if isinstance(part, Mapping):
            yield from _strings(part, index, "content", "refusal", "reasoning_content", "reasoning")
            for position, call in enumerate(_mappings(part.get("tool_calls"))):
                if isinstance(function := call.get("function"), Mapping):
                    yield from _strings(function, f"{index} {call.get('index', position)}", "name", "arguments")
        yield from _strings(choice, index, "text")
    kind = str(payload.get("type") or "")
    if kind.endswith(".delta") and "audio.delta" not in kind:
        place = f"{kind} {payload.get('item_id')} {payload.get('content_index')} {payload.get('summary_index')}"
        yield from _strings(payload, place, "delta")
    for number, item in enumerate(_mappings(payload.get("output"))):
        yield from _strings(item, f"item {number}", "name", "arguments")
        for position, part in enumerate(_mappings(item.get("content"))):
            yield from _strings(part, f"item {number} {position}", "text", "refusal")


def _with_tool_calls(usage: Usage, api: str, payload: Mapping[str, Any], body: Mapping[str, Any]) -> Usage:
    searches = files = 0
    if output := payload.get("output"):
        kinds = [item.get("type") for item in _mappings(output)]
        searches, files = kinds.count("web_search_call"), kinds.count("file_search_call")
    if api == "chat" and ("web_search_options" in body or "-search" in str(body.get("model"))):
        searches = 1  # a chat model with search built in bills one search a call
    return replace(usage, web_search_calls=searches, file_search_calls=files) if searches or files else usage


def _flags(raw: object, usage: Usage | None) -> str | None:
    if usage is None or not isinstance(raw, Mapping):
        return "unreadable usage"
    wrong = [
        name
        for part in (raw, *[value for value in raw.values() if isinstance(value, dict)])
        for name, value in part.items()
        if not (value is None or (type(value) is int and 0 <= value <= MAX_REPORTED))
        and str(name).endswith("_tokens")
        and not _is_count(value)
    ]
    wrong += usage.contradictions()
    return storable(", ".join(wrong))[:MAX_TEXT] if wrong else None


def _total(raw: Mapping[str, Any], *names: str) -> Any:
    for name in names:
        if (found := raw.get(name)) is not None:
            return found
    return None


def _part(raw: Mapping[str, Any], name: str) -> int:
    value = raw.get(name)
    return int(value) if value and _is_count(value) else 0


def _is_count(value: Any) -> bool:
    return 0 <= value <= MAX_REPORTED if type(value) is int else _is_number(value) and value % 1 == 0


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and 0 <= value <= MAX_REPORTED


def _detail(raw: Mapping[str, Any], side: str) -> Mapping[str, Any]:
    for name in _DETAILS[side]:
        if isinstance(found := raw.get(name), Mapping):
            return found
    return {}


def _given(payload: Mapping[str, Any], *names: str) -> dict[str, Any]:
    return {name: payload[name] for name in names if payload.get(name)}


def _name(value: object) -> str | None:
    return storable(value)[:MAX_TEXT] if isinstance(value, str) and value else None


def _mappings(value: object) -> Iterable[Mapping[str, Any]]:
    return (item for item in value if isinstance(item, Mapping)) if isinstance(value, list) else ()


def _strings(part: Mapping[str, Any], slot: str, *names: str) -> Iterator[tuple[Hashable, str]]:
    for name in names:
        if isinstance(value := part.get(name), str) and value:
            yield (slot, name), value
