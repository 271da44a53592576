"""What OpenAI's answers look like, as small as they can be and still be told from one another."""

from typing import Any

MODEL = "gpt-4o-mini"
QUESTION = [{"role": "user", "content": "How do I set up my league, step by step?"}]
TEXT = "First create the channels, then invite the coaches, then draft the teams."
USAGE = {"prompt_tokens": 1000, "completion_tokens": 200, "total_tokens": 1200}
COST_OF_USAGE = 1000 * 150 + 200 * 600
"""Nano-USD of `USAGE` for gpt-4o-mini: $0.15 and $0.60 a million tokens."""
RESPONSE_USAGE = {"input_tokens": 1000, "output_tokens": 200, "total_tokens": 1200}
ASK = {"model": MODEL, "messages": QUESTION, "stream": True}
DETAILED = {
    "prompt_tokens": 3000,
    "completion_tokens": 900,
    "total_tokens": 3900,
    "prompt_tokens_details": {"cached_tokens": 2048, "audio_tokens": 0},
    "completion_tokens_details": {"reasoning_tokens": 640, "audio_tokens": 0},
}
DETAILED_RESPONSE = {
    "input_tokens": 3000,
    "output_tokens": 900,
    "total_tokens": 3900,
    "input_tokens_details": {"cached_tokens": 2048},
    "output_tokens_details": {"reasoning_tokens": 640},
}
USAGE_COLUMNS = ("input_tokens", "cached_input_tokens", "output_tokens", "reasoning_output_tokens", "cost_nano_usd")
Json = dict[str, Any]


def chat(text: str = TEXT, usage: object = USAGE, **more: Any) -> Json:
    choice = {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": text}}
    answer = {"id": "chatcmpl-1", "object": "chat.completion", "created": 1, "model": MODEL, "choices": [choice]}
    return {**answer, **({} if usage is None else {"usage": usage}), **more}


def chunk(content: str | None = None, finish: str | None = None, **more: Any) -> Json:
    delta = {} if content is None else {"content": content}
    choices = [{"index": 0, "delta": delta, "finish_reason": finish}]
    return {"id": "c1", "object": "chat.completion.chunk", "created": 1, "model": MODEL, "choices": choices, **more}


def usage_chunk(usage: object = USAGE, **more: Any) -> Json:
    return {**chunk(), "choices": [], "usage": usage, **more}


def words(text: str = TEXT) -> list[str]:
    first, *rest = text.split(" ")
    return [first, *(f" {word}" for word in rest)]


def chunks(text: str = TEXT, usage: object = USAGE) -> list[Json]:
    """A whole chat stream: the role, each word, the reason to stop, and the usage unless that is None."""
    role = chunk()
    role["choices"][0]["delta"] = {"role": "assistant", "content": ""}
    stream = [role, *(chunk(word) for word in words(text)), chunk(finish="stop")]
    return stream if usage is None else [*stream, usage_chunk(usage)]


def response(text: str = TEXT, usage: object = RESPONSE_USAGE, status: str = "completed", **more: Any) -> Json:
    part = {"type": "output_text", "text": text, "annotations": []}
    item = {"type": "message", "id": "m1", "role": "assistant", "status": "completed", "content": [part]}
    answer = {"id": "resp_1", "object": "response", "created_at": 1, "model": MODEL, "status": status}
    rest = {"output": [item] if text else [], "tools": [], "tool_choice": "auto", "parallel_tool_calls": True}
    return {**answer, **rest, "usage": usage, **more}


def response_events(text: str = TEXT, usage: object = RESPONSE_USAGE, **more: Any) -> list[Json]:
    """A whole stream of Responses, repeating the text as the real one does."""
    place = {"item_id": "m1", "output_index": 0, "content_index": 0}
    item = {"type": "message", "id": "m1", "role": "assistant", "status": "in_progress", "content": []}
    part = {"type": "output_text", "text": "", "annotations": []}
    events = [
        {"type": "response.created", "response": response("", None, "in_progress", **more)},
        {"type": "response.output_item.added", "output_index": 0, "item": item},
        {"type": "response.content_part.added", "part": part, **place},
        *({"type": "response.output_text.delta", "delta": word, "logprobs": [], **place} for word in words(text)),
        {"type": "response.output_text.done", "text": text, "logprobs": [], **place},
        {"type": "response.completed", "response": response(text, usage, **more)},
    ]
    return [{**event, "sequence_number": number} for number, event in enumerate(events)]
