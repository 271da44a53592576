"""OpenAI's JSON, as the stand-in model reads and writes it: questions in, answers, events and errors out."""

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

from bot.sandbox.answers import Question

JsonObject = dict[str, Any]


class ApiError(Exception):
    """An error in OpenAI's shape."""

    def __init__(
        self, status: int, message: str, *, kind: str = "invalid_request_error", code: str | None = None,
        param: str | None = None, retry_after: int | None = None,
    ) -> None:  # fmt: skip
        super().__init__(message)
        self.status = status
        self.body = {"error": {"message": message, "type": kind, "param": param, "code": code}}
        self.headers = {} if retry_after is None else {"retry-after": str(retry_after)}


@dataclass(frozen=True, slots=True)
class Reply:
    """One answer, cut where the caller's token limit cut it. `refusal` is said instead of it."""

    text: str
    tokens: int
    cut: bool
    refusal: str | None = None


def question_of(turns: Any, language: str) -> Question:
    """The last thing a user said, in the messages of a chat or the input of a response, where `language` is spoken."""
    if isinstance(turns, str):
        return Question(turns, language=language)
    turns = [turn for turn in turns if isinstance(turn, Mapping)]
    said = [turn for turn in turns if turn.get("role") == "user"]
    rules = "\n".join(str(turn.get("content")) for turn in turns if turn.get("role") in ("system", "developer"))
    content = said[-1].get("content") if said else ""
    if isinstance(content, str):
        return Question(content, rules=rules, language=language)
    parts = [part for part in content or () if isinstance(part, Mapping)]
    texts = [str(part.get("text", "")) for part in parts if part.get("type") in ("text", "input_text")]
    pictures = [part.get("image_url") for part in parts if part.get("type") in ("image_url", "input_image")]
    return Question(" ".join(texts), tuple(_address(picture) for picture in pictures), rules, language)


def _address(picture: Any) -> str:
    return str(picture.get("url", "")) if isinstance(picture, Mapping) else str(picture or "")


def new_id(prefix: str) -> str:
    """An id as OpenAI makes them, never the same twice."""
    return f"{prefix}{uuid4().hex}"


# --- chat completions ---


def chat_usage(input_tokens: int, replies: list[Reply]) -> JsonObject:
    """The usage object of a chat completion."""
    output = sum(reply.tokens for reply in replies)
    return {
        "prompt_tokens": input_tokens,
        "completion_tokens": output,
        "total_tokens": input_tokens + output,
        "prompt_tokens_details": {"cached_tokens": 0, "audio_tokens": 0},
        "completion_tokens_details": {
            "reasoning_tokens": 0,
            "audio_tokens": 0,
            "accepted_prediction_tokens": 0,
            "rejected_prediction_tokens": 0,
        },
    }


def chat_frame(model: str, *, streamed: bool) -> JsonObject:
    """What a chat completion and each chunk of one have in common."""
    return {
        "id": new_id("chatcmpl-"),
        "object": "chat.completion.chunk" if streamed else "chat.completion",
        "created": int(time.time()),
        "model": model,
        "service_tier": "default",
        "system_fingerprint": "fp_sandbox",
    }


def chat_choice(index: int, reply: Reply) -> JsonObject:
    """One whole choice."""
    message: JsonObject = {"role": "assistant", "content": reply.text or None, "refusal": reply.refusal}
    message["annotations"] = []
    return {"index": index, "message": message, "logprobs": None, "finish_reason": finish_reason(reply)}


def chat_delta(index: int, delta: JsonObject, finish: str | None = None) -> JsonObject:
    """One piece of a streamed choice."""
    return {"index": index, "delta": delta, "logprobs": None, "finish_reason": finish}


def finish_reason(reply: Reply) -> str:
    """Why a choice ended."""
    return "length" if reply.cut else "stop"


# --- responses ---


def response_usage(input_tokens: int, reply: Reply) -> JsonObject:
    """The usage object of a response."""
    return {
        "input_tokens": input_tokens,
        "input_tokens_details": {"cached_tokens": 0},
        "output_tokens": reply.tokens,
        "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": input_tokens + reply.tokens,
    }


def response_frame(body: Mapping[str, Any]) -> JsonObject:
    """A response that has just begun."""
    return {
        "id": new_id("resp_"),
        "object": "response",
        "created_at": int(time.time()),
        "status": "in_progress",
        "background": False,
        "error": None,
        "incomplete_details": None,
        "instructions": body.get("instructions"),
        "max_output_tokens": body.get("max_output_tokens"),
        "metadata": body.get("metadata") or {},
        "model": body["model"],
        "output": [],
        "parallel_tool_calls": True,
        "previous_response_id": body.get("previous_response_id"),
        "service_tier": "default",
        "store": False,
        "temperature": body.get("temperature", 1.0),
        "text": body.get("text") or {"format": {"type": "text"}},
        "tool_choice": "auto",
        "tools": [],
        "top_p": body.get("top_p", 1.0),
        "truncation": "disabled",
        "usage": None,
    }


def finished_response(frame: JsonObject, item_id: str, reply: Reply, input_tokens: int) -> JsonObject:
    """The same response at its end."""
    status = "incomplete" if reply.cut else "completed"
    return {
        **frame,
        "status": status,
        "incomplete_details": {"reason": "max_output_tokens"} if reply.cut else None,
        "output": [_message_item(item_id, status, [_text_part(reply.text)])],
        "usage": response_usage(input_tokens, reply),
    }


def response_events(
    frame: JsonObject, reply: Reply, pieces: list[str], input_tokens: int
) -> Iterator[tuple[str, JsonObject]]:
    """The events of a streamed response, in order, without their sequence numbers."""
    item_id = new_id("msg_")
    final = finished_response(frame, item_id, reply, input_tokens)
    place = {"item_id": item_id, "output_index": 0, "content_index": 0}
    yield "response.created", {"response": frame}
    yield "response.in_progress", {"response": frame}
    yield "response.output_item.added", {"output_index": 0, "item": _message_item(item_id, "in_progress", [])}
    yield "response.content_part.added", {**place, "part": _text_part("")}
    for piece in pieces:
        yield "response.output_text.delta", {**place, "delta": piece, "logprobs": []}
    yield "response.output_text.done", {**place, "text": reply.text, "logprobs": []}
    yield "response.content_part.done", {**place, "part": _text_part(reply.text)}
    yield "response.output_item.done", {"output_index": 0, "item": final["output"][0]}
    yield f"response.{final['status']}", {"response": final}


def _message_item(item_id: str, status: str, content: list[JsonObject]) -> JsonObject:
    return {"id": item_id, "type": "message", "role": "assistant", "status": status, "content": content}


def _text_part(text: str) -> JsonObject:
    return {"type": "output_text", "text": text, "annotations": [], "logprobs": []}
