"""What a request will send, in tokens, read from its JSON body before it leaves.

Message overhead: OpenAI Cookbook, "How to count tokens with tiktoken". Images: `bot.usage.calls.image_tokens`.
"""

import asyncio
import json
import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from bot.usage.calls.image_tokens import base_model, has_image_rule, image_size, image_tokens
from bot.usage.calls.tokens import INLINE_CHARACTERS, counter_of, encoding_of, is_loaded

TOKENS_PER_MESSAGE = 3
TOKENS_PER_NAME = 1
TOKENS_PER_REPLY = 3
"""Every answer is primed with the start of an assistant message."""

_ROLES = frozenset({"system", "developer", "user", "assistant", "tool", "function"})  # one token each
_UNSEEN = frozenset({"id", "type", "status", "tool_call_id", "phase"})
_TEXT_PARTS = frozenset({"text", "input_text", "output_text", "refusal", "summary_text", "reasoning_text"})
_IMAGE_PARTS = frozenset({"image_url", "input_image", "computer_screenshot"})
_PROVIDER_ITEMS = frozenset({"item_reference", "compaction", "image_generation_call"})
_OWN_TOOLS = frozenset({"function", "custom", "namespace"})
_VERSION = re.compile(r"(?:_preview)?(?:_\d{4}_\d{2}_\d{2})?$")


@dataclass(frozen=True, slots=True)
class InputEstimate:
    """What a request will send, in tokens. `input_image_tokens` lie within `input_tokens`.

    `approximate` says that something had to be guessed: the encoding, an image's size, an unknown shape.
    `opaque` names what lies with the provider and isn't in `input_tokens` at all, or not wholly.
    """

    input_tokens: int
    input_image_tokens: int
    messages: int
    has_tools: bool
    approximate: bool
    opaque: tuple[str, ...]

    @property
    def worst_case(self) -> int:
        """Tokens to reserve (I13): 4 more for each message, and 10 % of it all, rounded up, where there are tools."""
        total = self.input_tokens + 4 * self.messages
        return total - (-total // 10) if self.has_tools else total


def estimate_request(api: str, body: Mapping[str, Any]) -> InputEstimate:
    """The input of a request to `api` (chat, completions, responses, embeddings, images, audio.speech,
    audio.transcriptions, audio.translations), from its JSON body. Never raises for a shape it doesn't know,
    never consumes an iterator: such things are named in `opaque`.
    """
    fields = _mapping(body) or {}
    tally = _Tally(_model_of(fields))
    match api:
        case "chat":
            tally.chat(fields)
        case "responses":
            tally.responses(fields)
        case "completions" | "embeddings" | "audio.speech":
            for key in ("input", "prompt", "suffix", "instructions"):
                tally.inputs(fields.get(key))
        case "images":
            tally.text(fields.get("prompt"))
            if _present(fields, "image", "mask", "markup"):
                tally.name("image")
        case "audio.transcriptions" | "audio.translations":
            tally.text(fields.get("prompt"))
            tally.name("input_audio")
        case _:
            tally.name(api)
            tally.json(fields)
    return tally.result()


async def estimate_request_async(api: str, body: Mapping[str, Any]) -> InputEstimate:
    """`estimate_request` that never holds up the event loop, and costs a short request no thread."""
    if isinstance(body, dict) and _is_short(body) and is_loaded(_model_of(body)):
        return estimate_request(api, body)
    return await asyncio.to_thread(estimate_request, api, body)


def _is_short(body: object) -> bool:
    left, waiting = INLINE_CHARACTERS, [body]
    while waiting:
        value = waiting.pop()
        if value is None or isinstance(value, (int, float)):
            continue
        if not isinstance(value, (str, dict, list, tuple)):
            return False  # reading it may take any amount of work
        left -= len(value)
        if left < 0:
            return False
        if not isinstance(value, str):
            waiting.extend(value)
            waiting.extend(value.values() if isinstance(value, dict) else ())
    return True


def _model_of(body: Mapping[str, Any]) -> str:
    model = body.get("model")
    return model[:200] if isinstance(model, str) else ""


def _mapping(value: object) -> Mapping[str, Any] | None:
    if isinstance(value, (dict, Mapping)):  # a dict is found out ten times faster than any other mapping
        return value
    if isinstance(value, str):
        return None
    dump = None if isinstance(value, type) else getattr(value, "model_dump", None)
    if not callable(dump):
        return None
    try:
        dumped = dump(exclude_none=True, warnings=False)
    except (TypeError, ValueError, RecursionError):
        return None
    return dumped if isinstance(dumped, Mapping) else None


def _kind(fields: Mapping[str, Any]) -> str:
    kind = fields.get("type")
    return kind if isinstance(kind, str) else ""


def _present(fields: Mapping[str, Any], *keys: str) -> list[str]:
    return [key for key in keys if fields.get(key) is not None]


class _Tally:
    """What has been read of a request so far."""

    def __init__(self, model: str) -> None:
        encoding = encoding_of(model)
        counter = counter_of(encoding.name)
        self.model = base_model(model)
        self.count = counter.count
        self.approximate = encoding.guessed or not counter.exact
        self.tokens = self.image_tokens = self.messages = 0
        self.has_tools = False
        self.opaque: dict[str, None] = {}  # an ordered set
        if "-search" in self.model and encoding.name == "o200k_base":
            self.name("web_search")  # the search models look things up without being given a tool

    def result(self) -> InputEstimate:
        total, opaque = self.tokens + self.image_tokens, tuple(self.opaque)
        return InputEstimate(total, self.image_tokens, self.messages, self.has_tools, self.approximate, opaque)

    def chat(self, body: Mapping[str, Any]) -> None:
        self.conversation(body.get("messages"))
        self.tools(body.get("tools"))
        self.tools(body.get("functions"))
        self.schema(body.get("response_format"))
        if body.get("web_search_options") is not None:
            self.name("web_search")

    def responses(self, body: Mapping[str, Any]) -> None:
        self.conversation(body.get("input"))
        if body.get("instructions") is not None:
            self.message({"role": "system", "content": body["instructions"]})
        self.tools(body.get("tools"))
        self.schema((_mapping(body.get("text")) or {}).get("format"))
        self.name(*_present(body, "previous_response_id", "conversation", "prompt"))

    def name(self, *things: str) -> None:
        self.opaque.update(dict.fromkeys(things))

    def items(self, value: object) -> tuple[Any, ...]:
        if isinstance(value, (list, tuple)):
            return tuple(value)
        if isinstance(value, Collection) and not isinstance(value, (str, bytes, bytearray, Mapping)):
            return tuple(value)
        if isinstance(value, Iterable) and not isinstance(value, Collection):
            self.name("iterator")
        self.approximate = self.approximate or value is not None
        return ()

    def text(self, value: object) -> None:
        if isinstance(value, str):
            self.tokens += self.count(value)
        elif value is not None:
            self.json(value)

    def json(self, value: object) -> None:
        try:
            text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), skipkeys=True, default=self._plain)
        except (TypeError, ValueError, RecursionError):
            self.approximate = True
            self.name("unreadable")
        else:
            self.tokens += self.count(text)

    def _plain(self, value: object) -> Any:
        fields = _mapping(value)
        return list(self.items(value)) if fields is None else dict(fields)

    def content(self, value: object) -> None:
        alone = isinstance(value, str) or _mapping(value) is not None
        for part in (value,) if alone else self.items(value):
            self.part(part)

    def part(self, value: object) -> None:
        fields = _mapping(value)
        if fields is None:
            self.text(value)
            return
        kind = _kind(fields)
        if kind in _TEXT_PARTS:
            self.text(fields.get("text"))
            self.text(fields.get("refusal"))
        elif kind in _IMAGE_PARTS:
            self.image(fields)
        elif kind in ("file", "input_file"):
            self.file(_mapping(fields.get("file")) or fields)
        elif kind == "input_audio":
            self.name(kind)
        else:
            self.approximate = True
            self.json(fields)

    def image(self, fields: Mapping[str, Any]) -> None:
        url = fields.get("image_url")
        detail = fields.get("detail")
        if (nested := _mapping(url)) is not None:  # Chat Completions nests both, Responses doesn't
            url, detail = nested.get("url"), nested.get("detail")
        size = image_size(url) if isinstance(url, str) else None
        self.name(*_present(fields, "file_id"))
        self.approximate = self.approximate or size is None or not has_image_rule(self.model)
        self.image_tokens += image_tokens(self.model, size, detail)

    def file(self, fields: Mapping[str, Any]) -> None:
        self.text(fields.get("filename"))
        self.name(*_present(fields, "file_id", "file_url", "file_data") or ["file"])

    def conversation(self, value: object) -> None:
        self.tokens += TOKENS_PER_REPLY
        for message in ({"role": "user", "content": value},) if isinstance(value, str) else self.items(value):
            self.message(message)

    def message(self, value: object) -> None:
        self.messages += 1
        self.tokens += TOKENS_PER_MESSAGE
        fields = _mapping(value)
        if fields is None:
            self.text(value)
            return
        if isinstance(fields.get("type"), str) and "role" not in fields:
            self.item(_kind(fields), fields)
            return
        for key, content in fields.items():
            if content is not None and key not in _UNSEEN:
                self.field(key, content)

    def field(self, key: object, content: object) -> None:
        if key == "content":
            if isinstance(content, str):  # by far the commonest
                self.tokens += self.count(content)
            else:
                self.content(content)
        elif key == "role" and isinstance(content, str) and content in _ROLES:
            self.tokens += 1
        elif key == "name":
            self.tokens += TOKENS_PER_NAME
            self.text(content)
        elif key == "tool_calls":
            for call in self.items(content):
                self.call(call)
        elif key == "function_call":
            self.call(content)
        elif key == "tools":
            self.tools(content)
        elif key == "audio":
            self.name("audio")  # an earlier spoken answer, by its id
        else:
            self.text(content)

    def call(self, value: object) -> None:
        fields = _mapping(value) or {}
        inner = _mapping(fields.get("function")) or _mapping(fields.get("custom")) or fields
        self.tokens += TOKENS_PER_MESSAGE
        for key in ("namespace", "name", "arguments", "input"):
            self.text(inner.get(key))

    def item(self, kind: str, fields: Mapping[str, Any]) -> None:
        if kind in ("function_call", "custom_tool_call"):
            self.call(fields)
        elif kind == "reasoning":
            self.name(kind)
            self.content(fields.get("summary"))
            self.content(fields.get("content"))
        elif kind in _PROVIDER_ITEMS:
            self.name(kind)
        elif kind.endswith("_output"):
            self.content(fields.get("output"))
            self.tools(fields.get("tools"))
        else:
            self.part(fields)

    def tools(self, value: object) -> None:
        if value is None:
            return
        found = self.items(value)
        self.has_tools = self.has_tools or bool(found) or not isinstance(value, (list, tuple))
        for tool in found:
            kind = _kind(_mapping(tool) or {})
            if kind and kind not in _OWN_TOOLS:
                self.name(_VERSION.sub("", kind))
            self.json(tool)

    def schema(self, value: object) -> None:
        if (_mapping(value) or {}).get("type") not in ("text", "json_object"):
            self.text(value)

    def inputs(self, value: object) -> None:
        for item in (value,) if isinstance(value, str) else self.items(value):
            tokens = item if isinstance(item, (list, tuple)) else (item,)
            if all(isinstance(token, int) for token in tokens):
                self.tokens += len(tokens)
            else:
                self.text(item)
