"""What goes wrong at the provider, as a person meets it: words with a next step, and one call on the books.

Garbage, halves and pages where an answer should be; `test_model_excess.py` has what comes too late or is too much.
"""

from collections.abc import Callable
from typing import Any

import pytest

from tests.cogs.model.place import INTENT, KEY, PROMPT, SETUP, UNREACHED, Place
from tests.usage.shapes import TEXT, chat, chunk, chunks
from tests.usage.stub import Scripted, answer, drop, error, raw, sse, sse_bytes

BEGUN = chunks()[:5]
"""The role and four words, which are `START`."""
START = "First create the channels,"
FORGED = f"x\n2026-01-01 00:00:00,000 ERROR root: forged \x1b[31m {PROMPT}"
GARBLED = "The AI provider's answer made no sense. Please try again."
UNREADABLE = "The AI provider sent no answer that I can read. Please try again in a minute."
BUSY = "The AI provider is busy right now. Please try again in a minute."
TROUBLE = "The AI provider has trouble of its own right now. Please try again in a minute."
NOT_ACCEPTED = "The AI provider didn't accept that request. Please put it differently."
BROKEN_OFF = "The AI provider broke this answer off. Please ask me to go on."

Fault = Callable[[], Scripted]
Row = tuple[Any, ...]
FREE = (0, 0, 0, 0, 0)
"""An error answer costs nothing."""
NOTHING_CAME = (18, 0, 1, 2_700, 615_600)
"""18 tokens in at $0.15 a million; the rest of the worst case, $0.0006183, is doubtful."""
FOUR_WORDS = (18, 5, 1, 5_700, 612_600)
HI = (18, 1, 1, 3_300, 0)


def begun(rest: bytes) -> Scripted:
    return Scripted(200, {"content-type": "text/event-stream"}, [sse_bytes(BEGUN, done=False) + rest])


def holding(part: object) -> Fault:
    """A stream that says "hi", then something of another form."""
    return lambda: sse([chunk("hi"), {**chunk(), "choices": part}])


def using(usage: object) -> Fault:
    return lambda: sse(chunks(usage=usage))


FAULTS: dict[str, tuple[Fault, str, Row]] = {
    "hung up": (drop, UNREACHED, ("error", "APIConnectionError", *NOTHING_CAME)),
    "cut": (
        lambda: sse(BEGUN, done=False, cut=True),
        f"{START}\n-# {UNREACHED}",
        ("error", "RemoteProtocolError", *FOUR_WORDS),
    ),
    "truncated": (lambda: begun(b""), f"{START}\n-# {BROKEN_OFF}", ("error", "truncated", *FOUR_WORDS)),
    "broken JSON": (lambda: begun(b'data: {"id"\n\n'), f"{START}\n-# {GARBLED}", ("aborted", None, *FOUR_WORDS)),
    "no text": (lambda: begun(b"data: \xff\n\n"), f"{START}\n-# {GARBLED}", ("aborted", None, *FOUR_WORDS)),
    "nested": (
        lambda: begun(b"data: " + b"[" * 100_000 + b"\n\n"),
        f"{START}\n-# {GARBLED}",
        ("aborted", None, *FOUR_WORDS),
    ),
    "a page": (lambda: raw(b"<html>Sign in</html>", "text/html"), UNREADABLE, ("error", "truncated", *NOTHING_CAME)),
    "unstreamed": (lambda: answer(chat()), UNREADABLE, ("ok", None, 1000, 200, 0, 270_000, 0)),
    "empty": (lambda: raw(b"", "text/event-stream"), UNREADABLE, ("error", "truncated", *NOTHING_CAME)),
    "empty JSON": (lambda: raw(b"", "application/json"), UNREADABLE, ("error", "truncated", *NOTHING_CAME)),
    "choices null": (holding(None), f"hi\n-# {BROKEN_OFF}", ("ok", None, *HI)),
    "choices an object": (holding({"a": 1}), f"hi\n-# {GARBLED}", ("ok", None, *HI)),
    "choices words": (holding(["x"]), f"hi\n-# {GARBLED}", ("ok", None, *HI)),
    "no delta": (holding([{"index": 0}]), f"hi\n-# {BROKEN_OFF}", ("ok", None, *HI)),
    "delta a word": (holding([{"index": 0, "delta": "x"}]), f"hi\n-# {GARBLED}", ("ok", None, *HI)),
    "a number": (holding([{"index": 0, "delta": {"content": 123}}]), f"hi\n-# {GARBLED}", ("ok", None, *HI)),
    "parts": (holding([{"index": 0, "delta": {"content": [{"text": "a"}]}}]), f"hi\n-# {GARBLED}", ("ok", None, *HI)),
    **{
        f"usage {usage}": (using(usage), TEXT, ("ok", None, 18, 15, 1, 11_700, 0))
        for usage in (
            None,
            "much",
            {"prompt_tokens": -5, "completion_tokens": -7},
            {"prompt_tokens": 10**18, "completion_tokens": 10**18},
            {"prompt_tokens": "many", "completion_tokens": "more"},
            {"prompt_tokens": None, "completion_tokens": None},
        )
    },
    "busy for a day": (lambda: error(429, retry_after="100000"), BUSY, ("error", "some_code", *FREE)),
    "a code that is a list": (
        lambda: answer({"error": {"message": PROMPT, "code": [PROMPT]}}, 400),
        NOT_ACCEPTED,
        ("error", "BadRequestError", *FREE),
    ),
    "a code that forges a line": (
        lambda: answer({"error": {"message": PROMPT, "code": FORGED, "type": FORGED}}, 400, x_request_id=PROMPT),
        NOT_ACCEPTED,
        ("error", "BadRequestError", *FREE),
    ),
    "an error that is a list": (lambda: answer([PROMPT], 400), NOT_ACCEPTED, ("error", "BadRequestError", *FREE)),
    "an error's page": (
        lambda: Scripted(502, {"content-type": "text/html"}, [f"<html>{PROMPT}</html>".encode()]),
        TROUBLE,
        ("error", "InternalServerError", *FREE),
    ),
    "an error within": (
        lambda: sse([chunk("hi"), {"error": {"message": PROMPT, "code": [PROMPT], "type": FORGED}}]),
        f"hi\n-# {GARBLED}",
        ("error", "error", *HI),
    ),
    "nothing": (lambda: sse(chunks()), TEXT, ("ok", None, 1000, 200, 0, 270_000, 0)),
}


async def test_each_fault_has_words_and_one_record(place: Place, caplog: pytest.LogCaptureFixture) -> None:
    """I2, I4, I14, I30, I33, I35: none is told as a fault of ours, and the log names nothing that was said."""
    found = {name: (await place.ask(fault()), await place.booked()) for name, (fault, _, _) in FAULTS.items()}
    assert found == {name: ([words], row) for name, (_, words, row) in FAULTS.items()}
    lines = [record.getMessage() for record in caplog.records if record.name.startswith(("bot", "cogs"))]
    assert len([line for line in lines if line.startswith("answering message ")]) == 16
    assert not [line for line in lines for secret in (PROMPT, START, KEY, "\n", "\x1b") if secret in line]
    assert place.services.tracker.ledger.faults == 0


async def test_where_no_answer_can_be_read_the_guide_speaks_for_itself(place: Place) -> None:
    """I2, I4, I30: unstreamed; of another form, broken, or a page; each is on the books."""
    garbled = [
        answer({**chat(), "choices": {"a": 1}}, connection="close"),
        raw(b'{"id"', "application/json"),
        raw(b"<html>Sign in</html>", "text/html"),
    ]
    rows = []
    for scripted in garbled:
        scripted.headers["connection"] = "close"
        said = await place.ask(answer(chat(INTENT), connection="close"), scripted, text=SETUP)
        assert said[0].startswith("## First steps for a league: ")
        status, error_type, *_, doubtful = await place.booked()
        rows.append((status, error_type, doubtful))
        place.services.setup_help._readings._kept.clear()
    assert rows == [
        ("ok", None, 0),
        ("error", "JSONDecodeError", 10_260_000),
        ("ok", None, 10_260_000),
    ]
