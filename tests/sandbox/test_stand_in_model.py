"""The stand-in model, seen through the real client."""

import asyncio
import base64
import json
import struct
import zlib
from typing import Literal

import aiohttp
import openai
import pytest
from openai import AsyncOpenAI
from pydantic import BaseModel, Field

from bot.sandbox.answers import Question, answer
from bot.sandbox.stand_in_model import StandInModel
from bot.usage.calls.request_tokens import estimate_request
from bot.usage.calls.tokens import count_tokens

MODEL = "gpt-4o-mini"


def ask(text):
    return [{"role": "system", "content": "You are Trilo."}, {"role": "user", "content": text}]


async def test_a_plain_chat_is_answered_with_counted_usage(client: AsyncOpenAI):
    done = await client.chat.completions.create(model=MODEL, messages=ask("hello"))
    text = done.choices[0].message.content
    assert text == answer(Question("hello"))
    assert done.choices[0].finish_reason == "stop"
    assert done.usage.completion_tokens == count_tokens(text, MODEL)
    assert done.usage.prompt_tokens == estimate_request("chat", {"model": MODEL, "messages": ask("hello")}).input_tokens
    assert done.usage.total_tokens == done.usage.prompt_tokens + done.usage.completion_tokens
    assert done.usage.prompt_tokens_details.cached_tokens == 0
    assert done.usage.completion_tokens_details.reasoning_tokens == 0


@pytest.mark.parametrize("question", ["hello", "some code please", "a long answer please", "你好 🏈"])
async def test_a_streamed_chat_says_and_uses_the_same(client: AsyncOpenAI, question):
    plain = await client.chat.completions.create(model=MODEL, messages=ask(question))
    stream = await client.chat.completions.create(
        model=MODEL, messages=ask(question), stream=True, stream_options={"include_usage": True}
    )
    chunks = [chunk async for chunk in stream]
    text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
    assert text == plain.choices[0].message.content
    assert chunks[-1].choices == []
    assert chunks[-1].usage == plain.usage
    assert all(chunk.usage is None for chunk in chunks[:-1])
    assert [chunk.choices[0].finish_reason for chunk in chunks[:-1]][-1] == "stop"


async def test_a_stream_without_include_usage_has_none(client: AsyncOpenAI):
    stream = await client.chat.completions.create(model=MODEL, messages=ask("hello"), stream=True)
    chunks = [chunk async for chunk in stream]
    assert all(chunk.choices and chunk.usage is None for chunk in chunks)


@pytest.mark.parametrize("limit", [1, 7, 40, 150])
async def test_the_token_limit_is_honoured(client: AsyncOpenAI, limit):
    for name in ("max_completion_tokens", "max_tokens"):
        done = await client.chat.completions.create(model=MODEL, messages=ask("a long answer"), **{name: limit})
        assert done.choices[0].finish_reason == "length"
        assert done.usage.completion_tokens <= limit
        assert done.usage.completion_tokens == count_tokens(done.choices[0].message.content, MODEL)
    assert limit == 1 or done.choices[0].message.content


async def test_several_choices(client: AsyncOpenAI):
    done = await client.chat.completions.create(model=MODEL, messages=ask("a joke"), n=3)
    texts = [choice.message.content for choice in done.choices]
    assert len(set(texts)) == 3
    assert done.usage.completion_tokens == sum(count_tokens(text, MODEL) for text in texts)


async def test_a_long_answer_is_longer_than_a_message_and_a_block_lies_across_the_cut(client: AsyncOpenAI):
    done = await client.chat.completions.create(model=MODEL, messages=ask("a long answer"))
    text = done.choices[0].message.content
    assert text.index("```python") < 2000 < text.rindex("```")


class Team(BaseModel):
    name: str = Field(min_length=10)
    kind: Literal["dynasty", "redraft"]
    wins: int = Field(ge=3, le=17)
    coach: str | None


class League(BaseModel):
    teams: list[Team] = Field(min_length=2)
    open: bool
    best: Team


async def test_a_json_schema_is_answered_with_an_instance_of_it(client: AsyncOpenAI):
    done = await client.chat.completions.parse(model=MODEL, messages=ask("make a league"), response_format=League)
    assert len(done.choices[0].message.parsed.teams) == 2
    response = await client.responses.parse(model=MODEL, input="make a league", text_format=League)
    assert response.output_parsed == done.choices[0].message.parsed


async def test_a_json_object_is_one(client: AsyncOpenAI):
    done = await client.chat.completions.create(
        model=MODEL, messages=ask("hello"), response_format={"type": "json_object"}
    )
    assert json.loads(done.choices[0].message.content)["answer"]


async def test_a_picture_is_measured(client: AsyncOpenAI):
    header = struct.pack(">IIBBBBB", 512, 384, 8, 2, 0, 0, 0)
    png = (
        b"\x89PNG\r\n\x1a\n"
        + struct.pack(">I", 13)
        + b"IHDR"
        + header
        + struct.pack(">I", zlib.crc32(b"IHDR" + header))
    )
    url = "data:image/png;base64," + base64.b64encode(png).decode()
    parts = [
        {"type": "text", "text": "what is this?"},
        {"type": "image_url", "image_url": {"url": url, "detail": "low"}},
    ]
    done = await client.chat.completions.create(model=MODEL, messages=[{"role": "user", "content": parts}])
    assert "512 × 384" in done.choices[0].message.content
    inputs = [{"role": "user", "content": [{"type": "input_image", "image_url": url, "detail": "low"}]}]
    assert "512 × 384" in (await client.responses.create(model=MODEL, input=inputs)).output_text


@pytest.mark.parametrize("limit", [None, 20])
async def test_a_response_says_and_uses_the_same_plain_and_streamed(client: AsyncOpenAI, limit):
    asked = {"model": MODEL, "instructions": "You are Trilo.", "input": "what can you do?", "max_output_tokens": limit}
    plain = await client.responses.create(**asked)
    assert plain.status == ("incomplete" if limit else "completed")
    assert plain.usage.output_tokens == count_tokens(plain.output_text, MODEL)
    assert plain.usage.input_tokens == estimate_request("responses", asked).input_tokens
    events = [event async for event in await client.responses.create(**asked, stream=True)]
    kinds = [event.type for event in events]
    assert kinds[:4] == [
        "response.created",
        "response.in_progress",
        "response.output_item.added",
        "response.content_part.added",
    ]
    assert kinds[-4:] == [
        "response.output_text.done",
        "response.content_part.done",
        "response.output_item.done",
        f"response.{plain.status}",
    ]
    assert [event.sequence_number for event in events] == list(range(len(events)))
    text = "".join(event.delta for event in events if event.type == "response.output_text.delta")
    assert text == plain.output_text == events[-1].response.output_text
    assert events[-1].response.usage == plain.usage


async def test_the_stream_helpers_work(client: AsyncOpenAI):
    async with client.responses.stream(model=MODEL, input="hello") as stream:
        final = await stream.get_final_response()
    assert final.output_text == answer(Question("hello"))
    async with client.chat.completions.stream(model=MODEL, messages=ask("hello")) as stream:
        done = await stream.get_final_completion()
    assert done.choices[0].message.content == answer(Question("hello"))


async def test_embeddings_are_vectors_of_length_one(client: AsyncOpenAI):
    texts = ["hello", "league"]
    done = await client.embeddings.create(model="text-embedding-3-small", input=texts)
    again = await client.embeddings.create(model="text-embedding-3-small", input=texts, encoding_format="float")
    assert done.usage.prompt_tokens == sum(count_tokens(text, "text-embedding-3-small") for text in texts)
    for one, same in zip(done.data, again.data, strict=True):
        assert len(one.embedding) == 1536
        assert one.embedding == pytest.approx(same.embedding, abs=1e-6)
        assert sum(value * value for value in one.embedding) == pytest.approx(1, abs=1e-4)
    assert done.data[0].embedding != done.data[1].embedding
    short = await client.embeddings.create(model="text-embedding-3-large", input=[1, 2, 3], dimensions=8)
    assert [len(item.embedding) for item in short.data] == [8]
    assert short.usage.total_tokens == 3


async def test_moderations_and_models(client: AsyncOpenAI):
    assert [result.flagged for result in (await client.moderations.create(input=["hello", "there"])).results] == [
        False
    ] * 2
    assert MODEL in [model.id async for model in client.models.list()]


@pytest.mark.parametrize(
    ("words", "kind", "status", "code"),
    [
        ("Please FAIL now", openai.InternalServerError, 500, None),
        ("please be busy", openai.RateLimitError, 429, "rate_limit_exceeded"),
        ("you are out of credit", openai.RateLimitError, 429, "insufficient_quota"),
    ],
)
async def test_it_fails_on_request(client: AsyncOpenAI, words, kind, status, code):
    with pytest.raises(kind) as raised:
        await client.chat.completions.create(model=MODEL, messages=ask(words))
    assert (raised.value.status_code, raised.value.code) == (status, code)
    assert raised.value.response.headers.get("retry-after") == ("1" if code == "rate_limit_exceeded" else None)


async def test_a_caller_who_leaves_early_is_no_error(client: AsyncOpenAI, caplog):
    async for _ in await client.chat.completions.create(model=MODEL, messages=ask("a long answer"), stream=True):
        break
    await client.close()
    await asyncio.sleep(0.1)
    assert caplog.records == []


async def test_it_hangs_up_in_the_middle_on_request(client: AsyncOpenAI, caplog):
    with pytest.raises(openai.APIConnectionError):
        await client.chat.completions.create(model=MODEL, messages=ask("please hang up"))
    received = []
    with pytest.raises(Exception):  # noqa: B017 whatever the transport makes of a broken connection
        async for chunk in await client.chat.completions.create(
            model=MODEL, messages=ask("please hang up"), stream=True
        ):
            received.append(chunk)  # noqa: PERF401
    assert all(chunk.choices[0].finish_reason is None for chunk in received)
    assert [record for record in caplog.records if record.levelname == "ERROR"] == []


@pytest.mark.parametrize(
    ("path", "body", "status", "param", "code"),
    [
        ("/chat/completions", b"{", 400, None, None),
        ("/chat/completions", b"[]", 400, None, None),
        ("/chat/completions", b'{"messages": []}', 400, "model", "missing_required_parameter"),
        ("/chat/completions", b'{"model": "gpt-4o"}', 400, "messages", "missing_required_parameter"),
        ("/responses", b'{"model": "claude-9", "input": "x"}', 404, None, "model_not_found"),
        ("/nothing", b"{}", 404, None, "unknown_url"),
        ("/models", b"{}", 405, None, "method_not_supported"),
    ],
)
async def test_errors_have_openais_shape(model: StandInModel, path, body, status, param, code):
    async with aiohttp.ClientSession() as session, session.post(model.base_url + path, data=body) as answered:
        error = (await answered.json())["error"]
    assert answered.status == status
    assert error["message"]
    assert (error["type"], error["param"], error["code"]) == ("invalid_request_error", param, code)


@pytest.mark.parametrize(
    ("asked", "on_english_server", "on_spanish_server"),
    [
        ("¿cuándo avanza la liga?", "domingo", "domingo"),
        ("Dana (Commissioner): hola", "¡Hola!", "¡Hola!"),
        ("dame una respuesta larga", "Pretemporada", "Pretemporada"),
        ("when is the next advance?", "Sunday", "Sunday"),
        ("give me a long answer", "Preseason", "Preseason"),
        ("Texans?", "stand-in model", "modelo de prueba"),
    ],
)
async def test_it_answers_in_the_language_of_the_question_else_in_the_servers(
    asked: str, on_english_server: str, on_spanish_server: str
):
    for language, words in (("en-US", on_english_server), ("es-419", on_spanish_server)):
        async with (
            StandInModel(latency=0, token_delay=0, language=language) as model,
            AsyncOpenAI(api_key="sandbox", base_url=model.base_url, max_retries=0) as client,
        ):
            chat = await client.chat.completions.create(model=MODEL, messages=ask(asked))
            response = await client.responses.create(model=MODEL, input=asked)
        assert words in chat.choices[0].message.content
        assert words in response.output_text


def test_the_same_question_has_the_same_answer_and_every_answer_fits_its_question():
    assert answer(Question("tell me a joke")) == answer(Question("tell me a joke"))
    assert "stand-in model" in answer(Question("qwertz {braces}"))
    assert "{braces}" in answer(Question("qwertz {braces}"))
    assert "```python" in answer(Question("show me some code"))
    assert "/token-stats" in answer(Question("what can you do?"))
    assert "Sunday" in answer(Question("when is the next advance?"))
