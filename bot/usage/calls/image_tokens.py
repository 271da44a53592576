"""What an image in a request costs in input tokens, from its size in pixels and its `detail`.

Source of every rule and number: OpenAI, "Images and vision" guide, "Model sizing behavior" and "Calculating costs"
(developers.openai.com/api/docs/guides/images-vision). Two rules are in use:

- *Tiles*: shrink into a 2,048 px square, then to a shortest side of 768 px; a base plus a price for each 512 px tile.
- *Patches*: shrink into the detail's limits, then count 32 px patches and multiply. Multipliers are hundredths here.

The guide has lowered some multipliers since (gpt-5-mini, gpt-5.4-mini and gpt-5.4-nano to 1.2, gpt-5-nano to 1.5).
Until both values have been seen on a bill the higher one stands, because a reservation must not fall short.
"""

import binascii
import math
import re
from dataclasses import dataclass
from functools import lru_cache

Size = tuple[int, int]
"""Width and height in pixels."""

_PROVIDERS = frozenset({"openai", "azure", "azure_ai", "openrouter", "litellm"})
_SNAPSHOT = re.compile(r"(?:-\d{4}-\d{2}-\d{2}|-\d{4}|-latest|-preview)+$")


@dataclass(frozen=True, slots=True)
class TileRule:
    """`base` tokens an image and `tile` tokens for each 512 px tile; low detail costs the base alone."""

    base: int
    tile: int


@dataclass(frozen=True, slots=True)
class PatchRule:
    """Tokens for each 32 px patch in hundredths, and the (patches, longest side in px) that each detail allows."""

    hundredths: int
    high: tuple[int, int] = (1536, 2048)
    original: tuple[int, int] | None = None
    auto_is_original: bool = False


_LOW = (256, 512)
_WIDE = (2500, 2048)
_LARGE = (10_000, 6000)
_UNRESIZED = (30_000, 65_535)
_NEWEST = PatchRule(120, _WIDE, _UNRESIZED, auto_is_original=True)
_WORST_TILES = 8  # 2,048 x 768 px, the largest an image can be after shrinking

_RULES: dict[str, TileRule | PatchRule] = {
    **dict.fromkeys(("gpt-4o", "chatgpt-4o", "gpt-4.1", "gpt-4.5", "gpt-4-turbo", "gpt-4-vision"), TileRule(85, 170)),
    "gpt-4o-mini": TileRule(2833, 5667),
    **dict.fromkeys(("o1", "o1-pro", "o3"), TileRule(75, 150)),
    **dict.fromkeys(("gpt-5", "gpt-5-chat", "gpt-5.1", "gpt-5.1-chat"), TileRule(70, 140)),
    "computer-use": TileRule(65, 129),
    **dict.fromkeys(("gpt-4.1-mini", "gpt-5-mini", "gpt-5.4-mini"), PatchRule(162)),
    **dict.fromkeys(("gpt-5-codex-mini", "gpt-5.1-codex-mini", "gpt-5.1-mini"), PatchRule(162)),
    **dict.fromkeys(("gpt-4.1-nano", "gpt-5-nano", "gpt-5.4-nano"), PatchRule(246)),
    "o4-mini": PatchRule(172),
    **dict.fromkeys(("gpt-5.2", "gpt-5.2-chat", "gpt-5.2-codex", "gpt-5.3", "gpt-5.3-codex"), PatchRule(120)),
    "gpt-5.4": PatchRule(120, _WIDE, _LARGE),
    "gpt-5.5": PatchRule(120, _WIDE, _LARGE, auto_is_original=True),
    **dict.fromkeys(("gpt-5.6", "gpt-5.6-sol", "gpt-5.6-terra", "gpt-5.6-luna", "gpt-6-astra"), _NEWEST),
}


@lru_cache(maxsize=512)
def base_model(model: str) -> str:
    """The model a name stands for: without `openai/` or `azure/` before it, `ft:` and `:organisation` around it."""
    name = model.strip().lower()
    prefix, slash, rest = name.partition("/")
    while slash and prefix in _PROVIDERS:
        name = rest
        prefix, slash, rest = name.partition("/")
    return name.removeprefix("ft:").partition(":")[0]


def image_tokens(model: str, size: Size | None, detail: object = "auto") -> int:
    """Input tokens of one image. A `size` of None is unknown, and counted at the worst its `detail` allows.

    `detail` is low, high, original or auto; anything else counts as auto. `original` means high where a model
    doesn't know it, and auto means whichever costs more of what the model may choose.
    """
    rule, _ = _rule(base_model(model))
    if isinstance(rule, TileRule):
        if detail == "low":
            return rule.base
        return rule.base + rule.tile * (_WORST_TILES if size is None else _tiles(size))
    patches = _patches(size, *_limits(rule, detail))
    return -(-patches * rule.hundredths // 100)


def has_image_rule(model: str) -> bool:
    """Whether the guide names this model. Where it doesn't, a relative's rule or the newest one is used."""
    return _rule(base_model(model))[1]


@lru_cache(maxsize=256)
def _rule(name: str) -> tuple[TileRule | PatchRule, bool]:
    family = _SNAPSHOT.sub("", name)
    if (rule := _RULES.get(family)) is not None:
        return rule, True
    # Longest name first, a whole "-word" at a time, so that gpt-4o never takes what belongs to gpt-4o-mini.
    while "-" in family:
        family = family.rpartition("-")[0]
        if (rule := _RULES.get(family)) is not None:
            return rule, False
    return _NEWEST, False


def _limits(rule: PatchRule, detail: object) -> tuple[int, int]:
    if detail == "low":
        return _LOW
    wants_original = detail == "original" or (detail != "high" and rule.auto_is_original)
    return rule.original if wants_original and rule.original is not None else rule.high


def _tiles(size: Size) -> int:
    width, height = size
    scale = min(1.0, 2048 / max(width, height))
    scale = min(scale, 768 / min(width, height))
    # Rounded to whole pixels: 2049 x 513 is billed as eight tiles and 2050 x 513 as four.
    return math.ceil(max(1, round(width * scale)) / 512) * math.ceil(max(1, round(height * scale)) / 512)


def _patches(size: Size | None, budget: int, longest: int) -> int:
    if size is None:
        return budget
    scale = min(1.0, longest / max(size))
    width, height = size[0] * scale, size[1] * scale
    if _cover(width) * _cover(height) > budget:
        shrink = math.sqrt(32 * 32 * budget / (width * height))
        across, down = width * shrink / 32, height * shrink / 32
        shrink *= min(max(1, math.floor(across)) / across, max(1, math.floor(down)) / down, 1.0)
        width, height = width * shrink, height * shrink
    return min(budget, _cover(width) * _cover(height))


def _cover(pixels: float) -> int:
    return math.ceil(max(1, math.floor(pixels)) / 32)


def image_size(url: str) -> Size | None:
    """Width and height from the header of a base64 data URL with a PNG, JPEG, GIF or WebP; None for all else.

    Only as much is decoded as the header needs: 1.5 KB as a rule, up to 768 KB where a JPEG has long metadata.
    """
    if url[:5].lower() != "data:":
        return None
    comma = url.find(",", 0, 256)
    if comma < 0 or not url[:comma].lower().endswith(";base64"):
        return None
    for characters in (2048, 1_048_576):
        try:
            head = binascii.a2b_base64(url[comma + 1 : comma + 1 + characters])
        except ValueError:
            return None
        size = _header_size(head)
        if size is not None or len(url) <= comma + 1 + characters:
            return size
    return None


def _header_size(head: bytes) -> Size | None:
    size: Size | None = None
    if head.startswith(b"\x89PNG\r\n\x1a\n") and head[12:16] == b"IHDR" and len(head) >= 24:
        size = int.from_bytes(head[16:20], "big"), int.from_bytes(head[20:24], "big")
    elif head[:6] in (b"GIF87a", b"GIF89a") and len(head) >= 10:
        size = int.from_bytes(head[6:8], "little"), int.from_bytes(head[8:10], "little")
    elif head[:2] == b"\xff\xd8":
        size = _jpeg_size(head)
    elif head[:4] == b"RIFF" and head[8:12] == b"WEBP" and len(head) >= 30:
        size = _webp_size(head)
    return size if size is not None and min(size) > 0 else None


def _jpeg_size(head: bytes) -> Size | None:
    at = 2
    while at + 9 <= len(head) and head[at] == 0xFF:
        marker = head[at + 1]
        if marker == 0xFF:  # a fill byte before the marker
            at += 1
        elif 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):  # a frame header, not a table
            return int.from_bytes(head[at + 7 : at + 9], "big"), int.from_bytes(head[at + 5 : at + 7], "big")
        elif marker == 0x01 or 0xD0 <= marker <= 0xD7:  # markers without a length
            at += 2
        else:
            at += 2 + int.from_bytes(head[at + 2 : at + 4], "big")
    return None


def _webp_size(head: bytes) -> Size | None:
    form = head[12:16]
    if form == b"VP8X":
        return int.from_bytes(head[24:27], "little") + 1, int.from_bytes(head[27:30], "little") + 1
    if form == b"VP8L" and head[20] == 0x2F:
        bits = int.from_bytes(head[21:25], "little")
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    if form == b"VP8 " and head[23:26] == b"\x9d\x01\x2a":
        return int.from_bytes(head[26:28], "little") & 0x3FFF, int.from_bytes(head[28:30], "little") & 0x3FFF
    return None
