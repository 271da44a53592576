"""What comes in of an answer: unpacked, and never more than a bound, however much is sent or unpacks (I24).

It stands in for `httpx2.Response.stream`, whole answers and streamed ones alike: the SDK reads either without end.
"""

import zlib
from collections.abc import AsyncIterator, Callable, Iterator
from typing import cast

import httpx2

from bot.usage.errors import AnswerTooLargeError

MOST_BYTES = 64 * 1024 * 1024
"""The longest answer that is read: ten pictures fit."""
_UNPACKED_AT_ONCE = 256 * 1024


class PlainBody(httpx2.AsyncByteStream):
    """Passes a body through, without its gzip. Raises `AnswerTooLargeError`, and `DecodingError` for what isn't gzip.

    Unpacked here and not above, so that whoever watches the body sees what was sent.
    """

    def __init__(self, response: httpx2.Response) -> None:
        self._inner = cast("httpx2.AsyncByteStream", response.stream)
        self._packed = response.headers.pop("content-encoding", "identity").strip().lower()

    async def __aiter__(self) -> AsyncIterator[bytes]:
        size = 0
        unpacked = None if self._packed == "identity" else _unpacker(self._packed)
        async for chunk in self._inner:
            for piece in (chunk,) if unpacked is None else unpacked(chunk):
                size += len(piece)
                if size > MOST_BYTES:
                    raise AnswerTooLargeError(MOST_BYTES)
                yield piece

    async def aclose(self) -> None:
        """Close the connection's side."""
        await self._inner.aclose()


def _unpacker(how: str) -> Callable[[bytes], Iterator[bytes]]:
    """What undoes gzip, a little at a time: a thousand bytes may unpack to a million. Raises `DecodingError`."""
    if how not in ("gzip", "x-gzip"):
        raise httpx2.DecodingError(f"unasked for: {how[:20]!r}")
    gzip = zlib.decompressobj(zlib.MAX_WBITS | 16)

    def unpacked(chunk: bytes) -> Iterator[bytes]:
        while True:
            try:
                piece = gzip.decompress(chunk, _UNPACKED_AT_ONCE)
            except zlib.error as error:
                raise httpx2.DecodingError(str(error)) from error
            yield piece
            chunk = gzip.unconsumed_tail
            if not chunk and len(piece) < _UNPACKED_AT_ONCE:
                return

    return unpacked
