"""Every resource that costs money, and those that don't."""

import json

import openai
import pytest

from bot.usage import TrackedOpenAI, UsageTracker
from tests.usage.conftest import Records
from tests.usage.shapes import MODEL, USAGE
from tests.usage.stub import Stub, answer, error, hang, raw, sse

PICTURE = {"b64_json": "AAAA"}
IMAGE_USAGE = {
    "input_tokens": 50,
    "output_tokens": 4160,
    "total_tokens": 4210,
    "input_tokens_details": {"text_tokens": 10, "image_tokens": 40},
}


async def test_embeddings(stub: Stub, client: TrackedOpenAI, tracker: UsageTracker, records: Records) -> None:
    """I11: $0.02 a million tokens, and a kind of their own."""
    vector = [{"object": "embedding", "index": 0, "embedding": "AAAAAAAAAAA="}]
    usage = {"prompt_tokens": 5000, "total_tokens": 5000}
    stub.answers(answer({"object": "list", "data": vector, "model": "text-embedding-3-small", "usage": usage}))
    result = await client.embeddings.create(model="text-embedding-3-small", input="hello")
    assert len(result.data[0].embedding) == 2
    [row] = await records(tracker)
    assert (row["kind"], row["input_tokens"], row["output_tokens"]) == ("embedding", 5000, 0)
    assert row["cost_nano_usd"] == 5000 * 20
    assert json.loads(row["raw_usage"]) == usage


async def test_embeddings_that_time_out(
    stub: Stub, client: TrackedOpenAI, tracker: UsageTracker, records: Records
) -> None:
    """I4: input as counted."""
    stub.answers(hang())
    with pytest.raises(openai.APITimeoutError):
        await client.with_options(timeout=0.1).embeddings.create(model="text-embedding-3-small", input="hello league")
    [row] = await records(tracker)
    assert (row["input_tokens"], row["cost_nano_usd"], row["estimated"]) == (2, 40, 1)


async def test_pictures_by_the_piece(
    stub: Stub, client: TrackedOpenAI, tracker: UsageTracker, records: Records
) -> None:
    """I11: dall-e-3 is billed by picture, size and quality; the size that was served wins."""
    stub.answers(answer({"created": 1, "data": [PICTURE, PICTURE]}), answer({"created": 1, "data": [PICTURE]}))
    ask = {"model": "dall-e-3", "prompt": "a league"}
    await client.images.generate(**ask, n=2)
    await client.images.generate(**ask, size="1792x1024", quality="hd")
    two, wide = await records(tracker)
    assert (two["kind"], two["cost_nano_usd"], two["estimated"]) == ("image", 80_000_000, 0)
    assert json.loads(two["units"]) == {"images": 2, "image_size": "1024x1024", "image_quality": "standard"}
    assert wide["cost_nano_usd"] == 120_000_000


async def test_pictures_by_token(stub: Stub, client: TrackedOpenAI, tracker: UsageTracker, records: Records) -> None:
    """I11, I5: gpt-image-1: $5 text, $10 picture in, $40 picture out, a million tokens; an edit likewise."""
    payload = {"created": 1, "data": [PICTURE], "usage": IMAGE_USAGE, "size": "1024x1024", "quality": "high"}
    stub.answers(answer(payload), answer(payload))
    await client.images.generate(model="gpt-image-1", prompt="a league")
    await client.images.edit(model="gpt-image-1", prompt="more", image=b"png")
    for row in await records(tracker):
        assert (row["input_image_tokens"], row["output_image_tokens"]) == (40, 4160)
        assert row["cost_nano_usd"] == 10 * 5000 + 40 * 10_000 + 4160 * 40_000
        assert row["request_model"] == "gpt-image-1"


async def test_streamed_pictures(stub: Stub, client: TrackedOpenAI, tracker: UsageTracker, records: Records) -> None:
    """I3, I11: partial pictures pass through; the usage of the last event is booked."""
    partial = {"type": "image_generation.partial_image", "b64_json": "A" * 200_000, "partial_image_index": 0}
    last = {"type": "image_generation.completed", "b64_json": "A" * 200_000, "usage": IMAGE_USAGE}
    stub.answers(sse([partial, last], done=False), sse([partial], done=False, cut=True))
    ask = {"model": "gpt-image-1", "prompt": "a league", "stream": True, "partial_images": 1}
    got = [event async for event in await client.images.generate(**ask)]
    assert [len(event.b64_json) for event in got] == [200_000] * 2
    with pytest.raises(Exception):  # noqa: B017 - which one is the SDK's business
        async for _ in await client.images.generate(**ask):
            pass
    whole, cut = await records(tracker)
    assert (whole["status"], whole["cost_nano_usd"]) == ("ok", 10 * 5000 + 40 * 10_000 + 4160 * 40_000)
    assert (cut["status"], cut["estimated"]) == ("error", 1)
    assert cut["cost_nano_usd"] > 0
    assert cut["doubtful_nano_usd"] > 4160 * 40_000


async def test_speech_by_the_character(
    stub: Stub, client: TrackedOpenAI, tracker: UsageTracker, records: Records
) -> None:
    """I11: tts-1: $15 a million characters, exactly, whole or streamed, read or not: the request is what is billed."""
    stub.default = lambda _request: raw(b"\xff\xf3sound" * 1000, "audio/mpeg")
    ask = {"model": "tts-1", "voice": "alloy", "input": "x" * 1000}
    assert (await client.audio.speech.create(**ask)).content.startswith(b"\xff\xf3")
    async with client.audio.speech.with_streaming_response.create(**ask) as streaming:
        assert sum([len(part) async for part in streaming.iter_bytes()]) == 7000
    async with client.audio.speech.with_streaming_response.create(**ask):
        pass
    rows = await records(tracker)
    assert [row["cost_nano_usd"] for row in rows] == [15_000_000] * 3
    assert [row["estimated"] for row in rows] == [0, 0, 0]
    assert [row["status"] for row in rows] == ["ok", "ok", "aborted"]
    assert [row["doubtful_nano_usd"] for row in rows] == [0, 0, 0]
    assert json.loads(rows[0]["units"]) == {"characters": 1000}


async def test_speech_by_the_token(stub: Stub, client: TrackedOpenAI, tracker: UsageTracker, records: Records) -> None:
    """I11, I4: gpt-4o-mini-tts says nothing of usage beside the sound: estimated, above zero; as events it does."""
    usage = {"input_tokens": 10, "output_tokens": 100, "total_tokens": 110}
    audio = [{"type": "speech.audio.delta", "audio": "AAAA"}, {"type": "speech.audio.done", "usage": usage}]
    stub.answers(raw(b"\xff\xf3", "audio/mpeg"), sse(audio, done=False))
    ask = {"model": "gpt-4o-mini-tts", "voice": "alloy", "input": "x " * 450}
    await client.audio.speech.create(**ask)
    async with client.audio.speech.with_streaming_response.create(**ask, stream_format="sse") as streaming:
        await streaming.read()
    estimated, exact = await records(tracker)
    assert (estimated["kind"], estimated["status"], estimated["estimated"]) == ("audio", "ok", 1)
    assert estimated["output_audio_tokens"] == 1250
    assert estimated["cost_nano_usd"] > 1250 * 12_000
    assert (exact["estimated"], exact["output_audio_tokens"]) == (0, 100)
    assert exact["cost_nano_usd"] == 10 * 600 + 100 * 12_000


async def test_transcriptions(stub: Stub, client: TrackedOpenAI, tracker: UsageTracker, records: Records) -> None:
    """I11, I9: by token, by second, or, as text alone, unpriced and shown so."""
    tokens = {"type": "tokens", "input_tokens": 100, "output_tokens": 20, "input_token_details": {"audio_tokens": 90}}
    stub.answers(
        answer({"text": "hello", "usage": tokens}),
        answer({"text": "hello", "usage": {"type": "duration", "seconds": 60}}),
        raw(b"hello", "text/plain"),
        raw(b"1\n00:00 --> 00:01\nhello", "text/plain"),
    )
    ask = {"file": ("a.mp3", b"sound")}
    assert (await client.audio.transcriptions.create(model="gpt-4o-transcribe", **ask)).text == "hello"
    await client.audio.transcriptions.create(model="whisper-1", **ask)
    assert await client.audio.transcriptions.create(model="whisper-1", response_format="text", **ask) == "hello"
    await client.audio.translations.create(model="whisper-1", response_format="srt", **ask)
    by_token, by_second, *texts = await records(tracker)
    assert (by_token["kind"], by_token["input_audio_tokens"]) == ("audio", 90)
    assert by_token["cost_nano_usd"] > 0
    assert (by_second["cost_nano_usd"], json.loads(by_second["units"])) == (6_000_000, {"audio_seconds": "60"})
    for row in texts:
        assert (row["status"], row["cost_nano_usd"], row["price_source"]) == ("ok", None, "unknown")


async def test_streamed_transcriptions(
    stub: Stub, client: TrackedOpenAI, tracker: UsageTracker, records: Records
) -> None:
    """I3: the usage of the last event."""
    usage = {"type": "tokens", "input_tokens": 100, "output_tokens": 20}
    events = [
        {"type": "transcript.text.delta", "delta": "hel"},
        {"type": "transcript.text.done", "text": "hello", "usage": usage},
    ]
    stub.answers(sse(events, done=False))
    ask = client.audio.transcriptions.create(model="gpt-4o-transcribe", file=("a.mp3", b"sound"), stream=True)
    assert [event.type async for event in await ask] == ["transcript.text.delta", "transcript.text.done"]
    [row] = await records(tracker)
    assert (row["status"], row["output_tokens"], row["estimated"]) == ("ok", 20, 0)
    assert row["first_token_ms"] is not None


async def test_legacy_completions(stub: Stub, client: TrackedOpenAI, tracker: UsageTracker, records: Records) -> None:
    """I2: the old endpoint, whole."""
    choice = {"index": 0, "text": "hi", "finish_reason": "stop", "logprobs": None}
    base = {"id": "cmpl-1", "object": "text_completion", "created": 1, "model": "gpt-3.5-turbo-instruct"}
    stub.answers(answer({**base, "choices": [choice], "usage": USAGE}), answer({**base, "choices": [choice]}))
    for _ in range(2):
        await client.completions.create(model="gpt-3.5-turbo-instruct", prompt=["a", "b"])
    exact, estimated = await records(tracker)
    assert exact["cost_nano_usd"] == 1000 * 1500 + 200 * 2000
    assert (estimated["estimated"], estimated["output_tokens"]) == (1, 1)


async def test_compacting_a_response(
    stub: Stub, client: TrackedOpenAI, tracker: UsageTracker, records: Records
) -> None:
    """I1: `responses.compact` is a model call like another."""
    usage = {"input_tokens": 1000, "output_tokens": 200, "total_tokens": 1200}
    stub.answers(answer({"id": "c", "object": "response.compaction", "created_at": 1, "output": [], "usage": usage}))
    await client.responses.compact(model=MODEL, input="long")
    [row] = await records(tracker)
    assert (row["api"], row["input_tokens"], row["cost_nano_usd"]) == ("responses", 1000, 270_000)


async def test_what_is_free_passes_unbooked(
    stub: Stub, client: TrackedOpenAI, tracker: UsageTracker, records: Records
) -> None:
    """I2: moderations, lists, counting tokens, files."""
    stub.default = lambda _request: answer({"object": "list", "data": [], "id": "x", "results": [], "input_tokens": 3})
    await client.moderations.create(input="hello")
    assert [model async for model in client.models.list()] == []
    assert (await client.responses.input_tokens.count(model=MODEL, input="x")).input_tokens == 3
    await client.files.create(file=b"x", purpose="batch")
    assert await records(tracker) == []
    assert len(stub.requests) == 4


async def test_what_is_billed_elsewhere_is_booked_with_an_unknown_cost(
    stub: Stub, client: TrackedOpenAI, tracker: UsageTracker, records: Records
) -> None:
    """I9, I1: videos, batches, fine-tuning: never silent, never free; a batch's zeros are not its usage."""
    zeros = {"input_tokens": 0, "output_tokens": 0, "total_tokens": 0}
    stub.answers(
        answer({"id": "video_1", "model": "sora-2", "status": "queued"}),
        answer({"id": "batch_1", "model": MODEL, "status": "validating", "usage": zeros}),
        answer({"id": "ft_1", "model": MODEL, "status": "queued", "error": None}),
        error(400),
    )
    await client.videos.create(prompt="a league")
    await client.batches.create(completion_window="24h", endpoint="/v1/responses", input_file_id="f")
    await client.fine_tuning.jobs.create(model=MODEL, training_file="f")
    with pytest.raises(openai.BadRequestError):
        await client.videos.create(prompt="a league")
    *booked, refused = await records(tracker)
    assert [(row["api"], row["status"], row["cost_nano_usd"]) for row in booked] == [("unmetered", "ok", None)] * 3
    assert [row["price_source"] for row in booked] == ["unknown"] * 3
    assert [row["response_id"] for row in booked] == ["video_1", "batch_1", "ft_1"]
    assert (refused["status"], refused["cost_nano_usd"]) == ("error", 0)


async def test_a_model_without_a_price_is_unknown_not_free(
    stub: Stub, client: TrackedOpenAI, tracker: UsageTracker, records: Records
) -> None:
    """I9: whole and streamed, right and broken: NULL, with its tokens."""
    usage = {
        "id": "x",
        "object": "chat.completion",
        "created": 1,
        "model": "no-such-model",
        "choices": [],
        "usage": USAGE,
    }
    stub.answers(answer(usage), hang())
    ask = {"model": "no-such-model", "messages": [{"role": "user", "content": "hi"}]}
    await client.chat.completions.create(**ask)
    with pytest.raises(openai.APITimeoutError):
        await client.with_options(timeout=0.1).chat.completions.create(**ask)
    whole, broken = await records(tracker)
    assert (whole["cost_nano_usd"], whole["input_tokens"]) == (None, 1000)
    assert (broken["cost_nano_usd"], broken["estimated"]) == (None, 1)
