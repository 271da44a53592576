"""How large a picture is, from the first bytes of its file. Nothing is decoded and nothing is fetched."""

import base64
import binascii

_PNG = b"\x89PNG\r\n\x1a\n"
_GIF = (b"GIF87a", b"GIF89a")
_JPEG = b"\xff\xd8"
_JPEG_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}


def picture_size(content: bytes) -> tuple[int, int] | None:
    """Width and height of a PNG, GIF or JPEG file; None for anything else."""
    if content.startswith(_PNG) and len(content) >= 24:
        return int.from_bytes(content[16:20]), int.from_bytes(content[20:24])
    if content.startswith(_GIF) and len(content) >= 10:
        return int.from_bytes(content[6:8], "little"), int.from_bytes(content[8:10], "little")
    return _jpeg_size(content) if content.startswith(_JPEG) else None


def content_of(address: str) -> bytes | None:
    """The file that a data address holds; None for any other address."""
    header, comma, data = address.partition(",")
    if not comma or not header.startswith("data:") or not header.endswith(";base64"):
        return None
    try:
        return base64.b64decode(data, validate=True)
    except binascii.Error:
        return None


def _jpeg_size(content: bytes) -> tuple[int, int] | None:
    position = 2
    while position + 9 <= len(content) and content[position] == 0xFF:
        if content[position + 1] in _JPEG_FRAMES:
            return int.from_bytes(content[position + 7 : position + 9]), int.from_bytes(
                content[position + 5 : position + 7]
            )
        position += 2 + int.from_bytes(content[position + 2 : position + 4])
    return None
