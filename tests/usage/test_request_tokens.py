"""Requests against OpenAI's published counts, and estimates of whatever may be in a body."""

import base64
import struct

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import BaseModel

from bot.usage.calls import request_tokens
from bot.usage.calls.request_tokens import InputEstimate, estimate_request, estimate_request_async
from bot.usage.calls.tokens import INLINE_CHARACTERS


def png_url(width, height):
    header = b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR" + struct.pack(">II", width, height)
    return "data:image/png;base64," + base64.b64encode(header).decode()


# OpenAI Cookbook, "How to count tokens with tiktoken": counts there are 129 (gpt-4, gpt-3.5) and 124 (gpt-4o).
COOKBOOK = [
    {
        "role": "system",
        "content": "You are a helpful, pattern-following assistant that translates corporate jargon into plain "
        "English.",
    },
    {"role": "system", "name": "example_user", "content": "New synergies will help drive top-line growth."},
    {
        "role": "system",
        "name": "example_assistant",
        "content": "Things working well together will increase revenue.",
    },
    {
        "role": "system",
        "name": "example_user",
        "content": "Let's circle back when we have more bandwidth to touch base on opportunities for increased "
        "leverage.",
    },
    {
        "role": "system",
        "name": "example_assistant",
        "content": "Let's talk later when we're less busy about how to do better.",
    },
    {
        "role": "user",
        "content": "This late pivot means we don't have time to boil the ocean for the client deliverable.",
    },
]
# The same recipe's example of a tool, where it finds 101 tokens in all for gpt-4o and 105 for gpt-4.
COOKBOOK_TOOL = {
    "type": "function",
    "function": {
        "name": "get_current_weather",
        "description": "Get the current weather in a given location",
        "parameters": {
            "type": "object",
            "properties": {
                "location": {"type": "string", "description": "The city and state, e.g. San Francisco, CA"},
                "unit": {"type": "string", "description": "The unit of temperature to return",
                         "enum": ["celsius", "fahrenheit"]},
            },
            "required": ["location"],
        },
    },
}  # fmt: skip


def chat(*messages, model="gpt-4o", **more):
    return estimate_request("chat", {"model": model, "messages": list(messages), **more})


def responses(items, model="gpt-4o", **more):
    return estimate_request("responses", {"model": model, "input": items, **more})


def user(content):
    return {"role": "user", "content": content}


@pytest.mark.parametrize(("model", "expected"), [("gpt-4o", 124), ("gpt-4-0613", 129), ("gpt-3.5-turbo", 129)])
def test_cookbook_messages(model, expected):
    found = chat(*COOKBOOK, model=model)
    assert found == InputEstimate(expected, 0, 6, has_tools=False, approximate=False, opaque=())
    assert found.worst_case == expected + 24


@pytest.mark.parametrize(("model", "published"), [("gpt-4o", 101), ("gpt-4", 105)])
def test_cookbook_tool_is_not_undercounted(model, published):
    messages = (
        {"role": "system", "content": "You are a helpful assistant that can answer to questions about the weather."},
        user("What's the weather like in San Francisco?"),
    )
    found = chat(*messages, model=model, tools=[COOKBOOK_TOOL])
    assert published <= found.input_tokens <= published * 1.6
    assert found.has_tools
    assert not found.opaque
    assert found.worst_case == found.input_tokens + 8 + -(-(found.input_tokens + 8) // 10)


def test_chat_shapes():
    assert chat(user("hello")).input_tokens == 8
    assert chat(user([{"type": "text", "text": "hello"}])).input_tokens == 8
    assert chat({"role": "assistant", "content": None, "refusal": "hello"}).input_tokens == 8
    call = {"id": "c", "type": "function", "function": {"name": "hello", "arguments": "hello"}}
    assert chat({"role": "assistant", "tool_calls": [call]}).input_tokens == 3 + 3 + 1 + 3 + 2
    assert chat({"role": "tool", "tool_call_id": "call_0123456789", "content": "hello"}).input_tokens == 8
    schema = {"type": "json_schema", "json_schema": {"name": "x", "schema": {"type": "object"}}}
    assert chat(user("hello"), response_format=schema).input_tokens > 20
    assert chat(user("hello"), response_format={"type": "json_object"}).input_tokens == 8
    assert chat(user("hello"), functions=[{"name": "f"}]).has_tools


@pytest.mark.parametrize(
    ("part", "image", "approximate", "opaque"),
    [
        ({"type": "image_url", "image_url": {"url": png_url(1024, 1024), "detail": "high"}}, 765, False, ()),
        ({"type": "image_url", "image_url": {"url": "https://x.org/a.png", "detail": "low"}}, 85, True, ()),
        ({"type": "image_url", "image_url": {"url": "https://x.org/a.png"}}, 1445, True, ()),
        ({"type": "input_image", "image_url": png_url(2048, 4096), "detail": "high"}, 1105, False, ()),
        ({"type": "input_image", "file_id": "f", "detail": "auto"}, 1445, True, ("file_id",)),
        ({"type": "input_audio", "input_audio": {"data": "AAAA", "format": "wav"}}, 0, False, ("input_audio",)),
        ({"type": "file", "file": {"file_id": "f"}}, 0, False, ("file_id",)),
        ({"type": "input_file", "file_url": "https://x.org/a.pdf"}, 0, False, ("file_url",)),
        ({"type": "input_file", "file_data": "data:application/pdf;base64,AAAA"}, 0, False, ("file_data",)),
        ({"type": "from_the_future", "text": "hello"}, 0, True, ()),
    ],
)
@pytest.mark.parametrize("build", [chat, lambda message: responses([message])])
def test_parts(part, image, approximate, opaque, build):
    found = build(user([part]))
    assert (found.input_image_tokens, found.approximate, found.opaque) == (image, approximate, opaque)
    assert found.input_tokens >= 7 + image


def test_responses_shapes():
    assert responses("hello") == responses([user("hello")]) == chat(user("hello"))
    assert responses([user([{"type": "input_text", "text": "hello"}])]).input_tokens == 8
    assert responses("hello", instructions="hello").input_tokens == 13
    called = responses([{"type": "function_call", "call_id": "c", "name": "hello", "arguments": "hello"}])
    assert called.input_tokens == 3 + 3 + 3 + 2
    answered = responses([{"type": "function_call_output", "call_id": "c", "output": "hello"}])
    assert answered.input_tokens == 7
    thought = responses([{"type": "reasoning", "id": "r", "summary": [{"type": "summary_text", "text": "hello"}]}])
    assert (thought.input_tokens, thought.opaque) == (7, ("reasoning",))
    seen = {"type": "computer_call_output", "call_id": "c",
            "output": {"type": "computer_screenshot", "image_url": png_url(1024, 1024)}}  # fmt: skip
    assert responses([seen]).input_image_tokens == 765
    schema = {"format": {"type": "json_schema", "name": "x", "schema": {"type": "object"}}}
    assert responses("hello", text=schema).input_tokens > 20
    assert responses("hello", text={"format": {"type": "text"}}).input_tokens == 8


@pytest.mark.parametrize(
    ("body", "opaque"),
    [
        ({"previous_response_id": "r"}, "previous_response_id"),
        ({"conversation": "c"}, "conversation"),
        ({"prompt": {"id": "p"}}, "prompt"),
        ({"tools": [{"type": "web_search_preview_2025_03_11"}]}, "web_search"),
        ({"tools": [{"type": "file_search", "vector_store_ids": ["v"]}]}, "file_search"),
        ({"tools": [{"type": "code_interpreter", "container": {"type": "auto"}}]}, "code_interpreter"),
        ({"tools": [{"type": "mcp", "server_label": "x"}]}, "mcp"),
        ({"tools": [{"type": "image_generation"}]}, "image_generation"),
        ({"tools": [{"type": "computer_use_preview"}]}, "computer_use"),
        ({"input": [{"type": "item_reference", "id": "i"}]}, "item_reference"),
        ({"input": iter([])}, "iterator"),
    ],
)
def test_what_lies_with_the_provider_is_named(body, opaque):
    found = estimate_request("responses", {"model": "gpt-5", "input": "hello", **body})
    assert found.opaque == (opaque,)
    assert found.has_tools == ("tools" in body)


def test_search_models_and_search_options_are_named():
    assert chat(user("hello"), web_search_options={}).opaque == ("web_search",)
    assert chat(user("hello"), model="gpt-4o-search-preview").opaque == ("web_search",)


@pytest.mark.parametrize(
    ("api", "body", "expected"),
    [
        ("embeddings", {"input": "hello"}, 1),
        ("embeddings", {"input": ["hello", "hello"]}, 2),
        ("embeddings", {"input": [1, 2, 3]}, 3),
        ("embeddings", {"input": [[1, 2, 3], [4]]}, 4),
        ("completions", {"prompt": ["hello", "hello"], "suffix": "hello"}, 3),
        ("images", {"prompt": "hello"}, 1),
        ("audio.speech", {"input": "hello", "instructions": "hello"}, 2),
        ("audio.transcriptions", {"prompt": "hello"}, 1),
    ],
)
def test_other_apis(api, body, expected):
    found = estimate_request(api, {"model": "gpt-4o", **body})
    assert (found.input_tokens, found.messages) == (expected, 0)
    assert found.opaque == (("input_audio",) if api == "audio.transcriptions" else ())


def test_an_image_to_edit_and_an_unknown_api_are_named():
    assert estimate_request("images", {"model": "gpt-image-1", "prompt": "x", "image": b"..."}).opaque == ("image",)
    assert estimate_request("videos", {"model": "gpt-4o", "prompt": "x"}).opaque == ("videos",)


def test_iterators_are_left_alone():
    generator = (user("hello") for _ in range(3))
    assert estimate_request("chat", {"model": "gpt-4o", "messages": generator}).opaque == ("iterator",)
    assert len(list(generator)) == 3
    nested = iter([{"type": "text", "text": "hello"}])
    assert chat(user(nested)).opaque == ("iterator",)
    assert len(list(nested)) == 1


class Part(BaseModel):
    type: str = "text"
    text: str = "hello"


class Message(BaseModel):
    role: str = "user"
    content: list[Part] = [Part()]
    name: str | None = None


def test_models_read_like_mappings():
    assert chat(Message()) == chat(user("hello"))
    assert responses([Message()]) == chat(user("hello"))
    assert chat(user(Part())) == chat(user("hello"))
    assert chat(user("hello"), tools=[Part()]).has_tools


def deep():
    value = []
    for _ in range(100_000):
        value = [value]
    return value


ODD = {
    "number": 7, "flag": True, "nothing": None, "text": "text", "bytes": b"bytes", "float": 1.5, "nan": float("nan"),
    "object": object(), "class": Part, "other keys": {1: 2}, "lists": [[[]]], "no part": [None], "huge": 10**5000,
    "deep": deep(), "type": {"type": []}, "part type": [{"type": {}}], "role": {"role": 3}, "set": {"a"},
}  # fmt: skip


@pytest.mark.parametrize("odd", ODD)
@pytest.mark.parametrize("api", ["chat", "completions", "responses", "embeddings", "images", "audio.speech", "other"])
async def test_odd_values_never_raise(api, odd):
    odd = ODD[odd]
    keys = ("messages", "input", "prompt", "tools", "functions", "instructions", "response_format", "text", "model")
    values = (odd, [odd], [{"role": "user", "content": odd}])
    bodies = [{"model": "gpt-4o", key: value} for key in keys for value in values]
    for body in [*bodies, {"model": "gpt-4o", "messages": [{"role": odd, "name": odd, "tool_calls": odd}]}, odd]:
        found = estimate_request(api, body)
        assert found.input_tokens >= found.input_image_tokens >= 0
        assert found == await estimate_request_async(api, body)


WORDS = ["type", "role", "content", "text", "image_url", "url", "detail", "file", "tool_calls", "function", "name",
         "arguments", "output", "tools", "input_image", "reasoning", "summary", "function_call", "user"]  # fmt: skip
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20) | st.sampled_from(WORDS),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(WORDS) | st.text(), inner, max_size=5),
    max_leaves=20,
)
APIS = st.sampled_from(["chat", "responses", "completions", "embeddings", "images", "audio.speech", "nonsense"])
BODIES = st.dictionaries(st.sampled_from(["messages", "input", "prompt", "tools", "text", "model", *WORDS]), JSON)


@settings(deadline=None, max_examples=300, suppress_health_check=[HealthCheck.too_slow])
@given(APIS, BODIES)
def test_arbitrary_json_never_raises(api, body):
    found = estimate_request(api, body)
    assert found.input_tokens >= found.input_image_tokens >= 0
    assert found.worst_case >= found.input_tokens


@settings(deadline=None, max_examples=200)
@given(st.lists(st.text(max_size=200), min_size=1, max_size=4), st.text(max_size=200))
def test_more_text_never_costs_materially_less(texts, more):
    messages = [user(text) for text in texts]
    before = chat(*messages).input_tokens
    assert chat(*messages, user(more)).input_tokens >= before + 4
    longer = chat(*messages[:-1], user(texts[-1] + more)).input_tokens
    assert longer >= before - 3  # the last few tokens may merge with what follows


def test_threshold_is_measured_over_the_whole_body():
    assert request_tokens._is_short({"messages": [user("x" * (INLINE_CHARACTERS - 100))]})
    assert not request_tokens._is_short({"messages": [user("x" * (INLINE_CHARACTERS // 2))] * 2})
    assert not request_tokens._is_short({"input": list(range(INLINE_CHARACTERS + 1))})
    assert not request_tokens._is_short({"messages": [Message()]})
