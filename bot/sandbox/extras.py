"""The stand-in model's smaller endpoints: models, embeddings and moderations."""

import base64
import hashlib
import math
import struct
import time
from collections.abc import Mapping
from typing import Any

from aiohttp import web

from bot.sandbox.openai_shapes import JsonObject, new_id

MODELS = ("gpt-", "chatgpt-", "o1", "o3", "o4", "ft:", "text-embedding-", "omni-moderation-", "text-moderation-")
"""How names of models begin that the stand-in answers for; others don't exist."""

_LISTED = ("gpt-4o", "gpt-4o-mini", "gpt-4.1", "gpt-4.1-mini", "text-embedding-3-small", "omni-moderation-latest")
_DIMENSIONS = {"text-embedding-3-large": 3072}
_USUAL_DIMENSIONS = 1536
_CATEGORIES = (
    "harassment",
    "harassment/threatening",
    "hate",
    "hate/threatening",
    "illicit",
    "illicit/violent",
    "self-harm",
    "self-harm/intent",
    "self-harm/instructions",
    "sexual",
    "sexual/minors",
    "violence",
    "violence/graphic",
)


async def models(_: web.Request) -> web.Response:
    """GET /v1/models."""
    listed = [{"id": name, "object": "model", "created": int(time.time()), "owned_by": "sandbox"} for name in _LISTED]
    return web.json_response({"object": "list", "data": listed})


def embeddings(body: Mapping[str, Any], input_tokens: int) -> JsonObject:
    """POST /v1/embeddings: a vector of length 1 for each input, the same for the same input."""
    given = body["input"]
    inputs = given if isinstance(given, list) and not isinstance(given[0], int) else [given]
    size = int(body.get("dimensions") or _DIMENSIONS.get(body["model"], _USUAL_DIMENSIONS))
    encode = _as_base64 if body.get("encoding_format") == "base64" else list
    return {
        "object": "list",
        "data": [
            {"object": "embedding", "index": index, "embedding": encode(_vector(repr(text), size))}
            for index, text in enumerate(inputs)
        ],
        "model": body["model"],
        "usage": {"prompt_tokens": input_tokens, "total_tokens": input_tokens},
    }


def moderations(body: Mapping[str, Any]) -> JsonObject:
    """POST /v1/moderations: nothing is ever flagged."""
    given = body["input"]
    parts = isinstance(given, list) and isinstance(given[0], Mapping)
    result = {
        "flagged": False,
        "categories": dict.fromkeys(_CATEGORIES, False),
        "category_scores": dict.fromkeys(_CATEGORIES, 0.0001),
        "category_applied_input_types": {name: ["text"] for name in _CATEGORIES},
    }
    count = len(given) if isinstance(given, list) and not parts else 1
    return {"id": new_id("modr-"), "model": body["model"], "results": [result] * count}


def _vector(text: str, size: int) -> list[float]:
    noise = hashlib.shake_256(text.encode()).digest(size * 2)
    values = [value - 32767.5 for value in struct.unpack(f"<{size}H", noise)]
    length = math.sqrt(sum(value * value for value in values))
    return [value / length for value in values]


def _as_base64(values: list[float]) -> str:
    return base64.b64encode(struct.pack(f"<{len(values)}f", *values)).decode()
