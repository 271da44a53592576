"""`python -m bot price`: JSON lines in, JSON lines out, one for one."""

import json
from datetime import UTC, datetime

import pytest

from bot.commands.arguments import read_at
from bot.commands.price import run_lines, run_single
from bot.usage.pricing.prices import PriceList
from bot.usage.records import Usage

PRICES = PriceList.load()
AT = datetime(2026, 11, 20, tzinfo=UTC)


def ask(*lines):
    return [json.loads(line) for line in run_lines(PRICES, [x if isinstance(x, str) else json.dumps(x) for x in lines])]


def test_single():
    """I8: exact integer, exact text, no exponent."""
    answer = run_single(PRICES, "gpt-4o", Usage(input_tokens=1024, output_tokens=256), AT, None)
    assert answer["cost_nano_usd"] == 5_120_000
    assert answer["cost_usd"] == "0.00512"
    assert answer["price_source"].startswith("genai-prices")
    tiny = run_single(PRICES, "gpt-4o-mini", Usage(input_tokens=1, cached_input_tokens=1), AT, None)
    assert tiny["cost_usd"] == "0.000000075"
    free = run_single(PRICES, "ollama/llama3.2", Usage(input_tokens=1), AT, None)
    assert (free["cost_nano_usd"], free["cost_usd"]) == (0, "0")


def test_unknown_is_null():
    """I9: unknown is null, never 0."""
    assert ask({"model": "gpt-4o-mini-foo", "usage": {"input_tokens": 1}}) == [
        {"cost_nano_usd": None, "cost_usd": None, "price_source": "unknown"}
    ]


def test_at_and_tier():
    """I10, I11: each line has its own time and tier."""
    usage = {"input_tokens": 1000}
    answers = ask(
        {"model": "o3", "usage": usage, "at": "2025-06-09T23:59:59Z"},
        {"model": "o3", "usage": usage, "at": "2025-06-10"},
        {"model": "o3", "usage": usage, "at": "2025-06-10T01:00:00+02:00", "service_tier": None},
        {"model": "gpt-5", "usage": usage, "at": "2026-11-20T12:00:00", "service_tier": "flex"},
        {"model": "gpt-5", "usage": usage, "at": None, "service_tier": "default"},
    )
    assert [answer["cost_nano_usd"] for answer in answers] == [10_000_000, 2_000_000, 10_000_000, 625_000, 1_250_000]


def test_every_kind_of_usage():
    """I11: the public keys of `usage` all reach the price."""
    answers = ask(
        {"model": "dall-e-3", "usage": {"images": 2, "image_size": "1024x1792", "image_quality": "hd"}},
        {"model": "whisper-1", "usage": {"audio_seconds": 1.5}},
        {"model": "tts-1", "usage": {"characters": 10}},
        {"model": "gpt-4o", "usage": {"input_tokens": 0, "web_search_calls": 1, "file_search_calls": 1}},
    )
    assert [answer["cost_nano_usd"] for answer in answers] == [240_000_000, 150_000, 150_000, 12_500_000]


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("{", "not JSON"),
        ("", "not JSON"),
        ("[]", "not an object"),
        ('{"usage": {}}', "`model`"),
        ('{"model": 3, "usage": {}}', "`model`"),
        ('{"model": "gpt-4o"}', "`usage`"),
        ('{"model": "gpt-4o", "usage": {"tokens": 1}}', "tokens"),
        ('{"model": "gpt-4o", "usage": {"input_tokens": -1}}', "input_tokens"),
        ('{"model": "gpt-4o", "usage": {"input_tokens": NaN}}', "input_tokens"),
        ('{"model": "gpt-4o", "usage": {"input_tokens": "many"}}', ""),
        ('{"model": "gpt-4o", "usage": {}, "at": "yesterday"}', "`at`"),
        ('{"model": "gpt-4o", "usage": {}, "at": 5}', "`at`"),
        ('{"model": "gpt-4o", "usage": {}, "service_tier": 5}', "`service_tier`"),
        ("[" * 100_000, "line 2"),
    ],
)
def test_a_malformed_line_is_answered_in_its_place(line, words):
    """I23: one wrong line is told, and the rest go on."""
    good = {"model": "gpt-4o", "usage": {"input_tokens": 1000}}
    first, wrong, last = ask(good, line, good)
    assert first["cost_nano_usd"] == last["cost_nano_usd"] == 2_500_000
    assert wrong["error"].startswith("line 2: ")
    assert words in wrong["error"]
    assert (wrong["cost_nano_usd"], wrong["cost_usd"], wrong["price_source"]) == (None, None, "error")


def test_streams():
    """I24: each line is answered before the next is read."""
    read = []

    def lines():
        for number in range(3):
            read.append(number)
            yield '{"model": "gpt-4o", "usage": {"input_tokens": 1}}'

    answers = run_lines(PRICES, lines())
    assert not read
    next(answers)
    assert read == [0]


def test_times():
    """Naive is UTC, a bare date is its midnight."""
    assert read_at("2026-01-05") == datetime(2026, 1, 5, tzinfo=UTC)
    assert read_at("2026-01-05T12:00:00Z") == datetime(2026, 1, 5, 12, tzinfo=UTC)
