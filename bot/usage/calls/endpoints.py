"""What a request is: which of OpenAI's endpoints it calls, what it asks for, and how much it could use at most.

Free and therefore passed through unbooked: moderations, listing models, files, counting input tokens, retrieving or
cancelling what is stored. Billed but not by usage in the answer (videos, batches, fine-tuning, evals, runs of
assistants and agents, realtime sessions): booked with an unknown cost, never silently.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any
from urllib.parse import urlsplit

from bot.usage.calls.request_tokens import InputEstimate
from bot.usage.records import Kind, Usage

UNMETERED = "unmetered"
"""`api` of a billed call whose answer carries no usage that could be priced."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """An endpoint that costs money. `api` names the shape of its request and answer.

    `takes_cap`: its output can be capped, in the field that `CAP_FIELDS` names.
    """

    api: str
    kind: Kind
    takes_cap: bool = False


TEXT_APIS = frozenset({"chat", "completions", "responses"})
"""`api`s that answer in text, with tokens for usage."""
CAP_FIELDS = {"chat": "max_completion_tokens", "responses": "max_output_tokens"}
"""Where a request says how long its answer may get, by `api`."""
SHORTEST_CAPS = {"responses": 16}
"""The least that an endpoint takes for a cap (OpenAI, API reference); elsewhere 1."""


TOLD_BY_THE_ANSWER = frozenset({UNMETERED, "audio.transcriptions", "audio.translations"})
"""`api`s whose use is in their answer or nowhere: how long a recording is can't be told from the request."""

_ENDPOINTS = {
    "/chat/completions": Endpoint("chat", Kind.LLM, takes_cap=True),
    "/completions": Endpoint("completions", Kind.LLM),
    "/responses": Endpoint("responses", Kind.LLM, takes_cap=True),
    "/responses/compact": Endpoint("responses", Kind.LLM),
    "/embeddings": Endpoint("embeddings", Kind.EMBEDDING),
    "/images/generations": Endpoint("images", Kind.IMAGE),
    "/images/edits": Endpoint("images", Kind.IMAGE),
    "/images/variations": Endpoint("images", Kind.IMAGE),
    "/audio/speech": Endpoint("audio.speech", Kind.AUDIO),
    "/audio/transcriptions": Endpoint("audio.transcriptions", Kind.AUDIO),
    "/audio/translations": Endpoint("audio.translations", Kind.AUDIO),
}
_UNMETERED = re.compile(
    r"/(videos(/edits|/extensions|/[^/]+/remix)?|batches|fine_tuning/jobs|fine_tuning/alpha/graders/run|decisions"
    r"|evals/[^/]+/runs|threads/runs|threads/[^/]+/runs(/[^/]+/submit_tool_outputs)?|agents/sessions(/[^/]+/events)?"
    r"|agents/automations/[^/]+/invocations|realtime/(calls(/[^/]+/accept)?|sessions|transcription_sessions"
    r"|client_secrets|translations/client_secrets)|live/sessions(/[^/]+/(accept|fork))?|chatkit/sessions|containers)"
)
_ROOT = re.compile(r"^.*?/(?:v1|openai/deployments/[^/]+)(?=/)")
_STORED_RESPONSE = re.compile(r"/responses/([^/]+)(?:/cancel)?")

_REASONING = re.compile(r"(^|[/:])(o\d|gpt-5|gpt-oss|codex|deepseek-r|deepseek-reasoner|grok-[34]|gemini-(2\.5|3)|qwq)")
_PARTIAL_IMAGE_TOKENS = 100
"""Output tokens of each picture shown while the final one is made (OpenAI, Image generation guide, "Streaming")."""
_IMAGE_OUTPUT_TOKENS = {"low": (272, 408), "medium": (1056, 1584), "high": (4160, 6240)}
"""Output tokens of one gpt-image picture, square and oblong (OpenAI, Image generation guide, "Cost and latency")."""


@lru_cache(maxsize=256)
def billed_endpoint(method: str, url: str) -> Endpoint | None:
    """The endpoint that a request calls, or None where it costs nothing."""
    path = _path(url)
    if method.lower() != "post":
        return None
    if endpoint := _ENDPOINTS.get(path):
        return endpoint
    return Endpoint(UNMETERED, Kind.LLM) if _UNMETERED.fullmatch(path) else None


def stored_response_id(url: str) -> str | None:
    """The id in a request that retrieves, polls or cancels a stored response."""
    match = _STORED_RESPONSE.fullmatch(_path(url))
    return match.group(1) if match else None


def request_body(json_data: object, extra_json: Mapping[str, Any] | None) -> dict[str, Any]:
    """The body that will be sent: what the SDK built, with the caller's `extra_body` over it."""
    body = dict(json_data) if isinstance(json_data, Mapping) else {}
    if extra_json:
        body.update(extra_json)
    return body


def output_cap(api: str, body: Mapping[str, Any]) -> int | None:
    """The most output tokens the request allows itself, all choices together; None where it sets no cap."""
    if api in ("embeddings", "audio.transcriptions", "audio.translations", "audio.speech", "images"):
        return 0
    if api == "responses":
        return _count(body.get("max_output_tokens"))
    cap = _count(body.get("max_completion_tokens"))
    if cap is None:
        cap = _count(body.get("max_tokens"))
    if cap is None and api == "completions":
        cap = 16  # the endpoint's own default
    return None if cap is None else cap * choices_of(body)


def choices_of(body: Mapping[str, Any]) -> int:
    """How many answers are paid for: the choices of each prompt, or as many as the best are taken from."""
    prompt = body.get("prompt")
    prompts = len(prompt) if isinstance(prompt, list) and prompt and not isinstance(prompt[0], int) else 1
    return max(_count(body.get("n")) or 1, _count(body.get("best_of")) or 1) * prompts


def thinks_unseen(model: str) -> bool:
    """Whether a model is of a family that thinks before it answers: such thoughts are billed and never shown."""
    return _REASONING.search(model) is not None


def worst_case_usage(api: str, body: Mapping[str, Any], estimate: InputEstimate, model_cap: int | None) -> Usage:
    """The most the request can use, as far as it can be known before it leaves.

    `model_cap` stands in where the request sets no output cap: tokens, None where it isn't known either.
    """
    cap = output_cap(api, body)
    output = cap if cap is not None else (model_cap or 0) * choices_of(body)
    input_tokens = estimate.worst_case
    if api == "images":
        return _worst_picture(body, input_tokens)
    if api == "audio.speech":
        return speech_usage(body, input_tokens, worst=True)
    return Usage(input_tokens=input_tokens, output_tokens=output)


def speech_usage(body: Mapping[str, Any], input_tokens: int, *, worst: bool = False) -> Usage:
    """What a speech request uses; its answer is sound alone, without usage.

    The older models bill characters of input, exactly. The newer ones bill tokens: a minute of speech is some 900
    characters and 1,250 audio tokens ($0.015 at $12 a million; OpenAI, Pricing), twice that at worst.
    """
    characters = len(str(body.get("input") or ""))
    if str(body.get("model") or "").rpartition("/")[2].startswith("tts-"):
        return Usage(characters=characters)
    audio = -(-characters * 1250 * (2 if worst else 1) // 900)
    return Usage(input_tokens=input_tokens, output_tokens=audio, output_audio_tokens=audio)


def picture_units(body: Mapping[str, Any], count: int) -> Usage:
    """Pictures billed by the piece, with the size and quality that the endpoint takes where the request names none."""
    model = str(body.get("model") or "dall-e-2")
    quality = str(body.get("quality") or "standard")
    return Usage(
        images=count,
        image_size=str(body.get("size") or "1024x1024"),
        image_quality=None if model.endswith("dall-e-2") else quality,
    )


def _worst_picture(body: Mapping[str, Any], input_tokens: int) -> Usage:
    model = str(body.get("model") or "dall-e-2").rpartition("/")[2]
    if not model.startswith(("gpt-image", "chatgpt-image")):
        return picture_units(body, choices_of(body))
    square, oblong = _IMAGE_OUTPUT_TOKENS.get(str(body.get("quality")), _IMAGE_OUTPUT_TOKENS["high"])
    tokens = square if body.get("size") == "1024x1024" else oblong
    tokens = (tokens + _PARTIAL_IMAGE_TOKENS * (_count(body.get("partial_images")) or 0)) * choices_of(body)
    return Usage(input_tokens=input_tokens, output_tokens=tokens, output_image_tokens=tokens)


def _path(url: str) -> str:
    """The path below the API's root, also of a whole address or one that names the version again."""
    path = "/" + (urlsplit(url).path if "://" in url else url.partition("?")[0]).strip("/")
    return _ROOT.sub("", path, count=1)


def _count(value: object) -> int | None:
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None
