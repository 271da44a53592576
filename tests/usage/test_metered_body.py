"""The body of a stream: the same bytes out and the same events kept, however they were chunked."""

import json
from collections.abc import AsyncIterator

import httpx2
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.usage.calls.metered_body import End, EventSplitter, MeteredBody, Seen, event_data
from tests.usage.shapes import chunks, response_events, usage_chunk
from tests.usage.stub import sse_bytes


class Wire(httpx2.AsyncByteStream):
    """A body in given chunks."""

    def __init__(self, pieces: list[bytes]) -> None:
        self.pieces = pieces

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for piece in self.pieces:
            yield piece


class Ear:
    """A watcher that listens."""

    def __init__(self, *, hides_usage: bool) -> None:
        self.hides_usage = hides_usage
        self.heard: list[tuple[End, BaseException | None]] = []
        self.faults: list[Exception] = []

    def body_ended(self, _seen: Seen, end: End, error: BaseException | None) -> None:
        self.heard.append((end, error))

    def dropped(self, seen: Seen) -> None:
        """Not of interest."""

    def fault(self, error: Exception) -> None:
        self.faults.append(error)


async def through(pieces: list[bytes], *, hides_usage: bool) -> tuple[bytes, Seen, Ear]:
    response = httpx2.Response(200, headers={"content-type": "text/event-stream"}, stream=Wire(pieces))
    ear = Ear(hides_usage=hides_usage)
    MeteredBody.watch(response, ear)
    body = response.stream
    assert isinstance(body, MeteredBody)
    out = b"".join([piece async for piece in body])
    await body.aclose()
    return out, body.seen, ear


def cut(data: bytes, places: list[int]) -> list[bytes]:
    ends = sorted({place % (len(data) + 1) for place in places} | {len(data)})
    return [data[start:end] for start, end in zip([0, *ends], ends, strict=False) if end > start]


LINE_ENDS = st.sampled_from(["\n", "\r\n", "\r"])
PLACES = st.lists(st.integers(0, 100_000), max_size=40)
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=60)
BYTES = st.binary(max_size=300) | st.lists(
    st.sampled_from([b"\n", b"\r", b"\r\n", b"data: ", b'{"usage": {', b"}", b"[DONE]", b"x"]), max_size=60
).map(b"".join)


@settings(max_examples=150, deadline=None)
@given(TEXTS, LINE_ENDS, PLACES, st.booleans(), st.booleans())
async def test_chunking_changes_nothing(text: str, end: str, places: list[int], responses: bool, hide: bool) -> None:
    """I3, I4: the same events kept, the same answer read, the same bytes out, wherever the network cut them."""
    events = response_events(text) if responses else chunks(text)
    data = sse_bytes(events, end=end)
    whole, whole_seen, _ = await through([data], hides_usage=hide)
    out, seen, ear = await through(cut(data, places), hides_usage=hide)
    assert out == whole
    assert [event_data(e) for e in seen.events] == [event_data(e) for e in whole_seen.events]
    assert seen.answer() == whole_seen.answer()
    assert seen.done_marker
    assert ear.heard[0] == (End.READ, None)
    assert ear.faults == []
    if not hide or responses:
        assert out == data
    else:
        assert out == sse_bytes(events[:-1], end=end)


@settings(max_examples=200, deadline=None)
@given(BYTES, PLACES, st.booleans())
async def test_any_bytes_pass(data: bytes, places: list[int], hide: bool) -> None:
    """I23: what isn't a stream of events at all comes out as it went in."""
    out, _, ear = await through(cut(data, places), hides_usage=hide)
    assert out == data
    assert ear.faults == []


@settings(max_examples=200, deadline=None)
@given(BYTES, PLACES)
def test_the_splitter_loses_no_byte_and_agrees_with_itself(data: bytes, places: list[int]) -> None:
    """I3: events are the same in one piece and in many."""
    whole, parts = EventSplitter(), EventSplitter()
    expected = whole.feed(data)
    got = [event for piece in cut(data, places) for event in parts.feed(piece)]
    assert got == expected
    assert b"".join(got) + parts.rest() == data


def test_a_picture_in_the_making_is_not_kept() -> None:
    """I24: megabytes of partial pictures pass through without staying; their usage is kept."""
    seen = Seen("text/event-stream")
    picture = {"type": "image_generation.partial_image", "b64_json": "A" * 500_000}
    for _ in range(100):
        seen.keep(sse_bytes([picture], done=False))
    assert seen.events == []
    seen.keep(sse_bytes([{**picture, "type": "image_generation.completed", "usage": {"input_tokens": 1}}], done=False))
    assert seen.answer()["usage"] == {"input_tokens": 1}


def test_memory_is_bounded_and_the_usage_is_kept_all_the_same(monkeypatch) -> None:
    """I24, I3: beyond the bound events are no longer kept, but the one with the usage is."""
    monkeypatch.setattr("bot.usage.calls.metered_body.KEPT_BODY_BYTES", 10_000)
    seen = Seen("text/event-stream")
    for event in [*chunks("word " * 1000), usage_chunk()]:
        seen.keep(sse_bytes([event], done=False))
    assert sum(map(len, seen.events)) < 12_000
    assert seen.answer()["usage"]["prompt_tokens"] == 1000


async def test_an_event_of_megabytes_in_small_pieces_takes_no_age() -> None:
    """I23: the work grows with the bytes, not with their square."""
    data = sse_bytes([json.loads(json.dumps({"choices": [], "x": "A" * 4_000_000}))])
    from time import thread_time

    began = thread_time()
    out, _, _ = await through([data[i : i + 1024] for i in range(0, len(data), 1024)], hides_usage=True)
    assert out == data
    assert thread_time() - began < 2
