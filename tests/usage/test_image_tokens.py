"""Image tokens against OpenAI's published examples, amounts seen on bills, and headers of real files."""

import base64
import io
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.usage.calls.image_tokens import base_model, has_image_rule, image_size, image_tokens


def data_url(content: bytes, kind: str = "png") -> str:
    return f"data:image/{kind};base64,{base64.b64encode(content).decode()}"


def png(width: int, height: int) -> bytes:
    return b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR" + struct.pack(">II", width, height) + b"\x08\x06\x00\x00\x00"


@pytest.mark.parametrize(
    ("model", "size", "detail", "tokens"),
    [
        # The guide's own examples.
        ("gpt-4o", (1024, 1024), "high", 765),
        ("gpt-4o", (2048, 4096), "high", 1105),
        ("gpt-4o", (4096, 8192), "low", 85),
        ("gpt-4.1-mini", (1024, 1024), "high", 1659),  # 1024 patches x 1.62
        ("gpt-4.1-mini", (1800, 2400), "high", 2353),  # 1452 patches x 1.62
        ("gpt-4.1-nano", (1024, 1024), "auto", 2520),
        ("o4-mini", (1024, 1024), "auto", 1762),
        ("gpt-5-nano", (1800, 2400), "auto", 3572),
        # Seen on bills (OpenAI's developer forum): rounding of tiles, and the 2,048 px box before the patch budget.
        ("gpt-4.1", (2049, 513), "high", 1445),
        ("gpt-4.1", (2050, 513), "high", 765),
        ("gpt-4.1-mini", (4000, 1474), "high", 2489),  # 64 x 24 patches, exactly the budget
        ("gpt-4o", (512, 512), "high", 255),
        # One of each family.
        ("gpt-4o-mini", (1024, 1024), "high", 2833 + 4 * 5667),
        ("o1", (1024, 1024), "high", 75 + 4 * 150),
        ("o3", (1024, 1024), "low", 75),
        ("gpt-5", (1024, 1024), "high", 70 + 4 * 140),
        ("gpt-5-chat-latest", (1024, 1024), "low", 70),
        ("computer-use-preview", (1024, 1024), "high", 65 + 4 * 129),
        ("gpt-5.2", (1024, 1024), "high", 1229),
        # Detail decides the limits of the patch rule.
        ("gpt-5.4", (6400, 3200), "low", 154),  # 512 x 256: 128 patches
        ("gpt-5.4", (1600, 1600), "auto", 3000),  # 2,500 patches
        ("gpt-5.4", (1600, 3200), "original", 6000),  # 5,000 patches
        ("gpt-5.5", (1600, 3200), "auto", 6000),
        ("gpt-5.6-sol", (6400, 3200), "auto", 24_000),  # 20,000 patches, not resized
        ("gpt-5.2", (1600, 3200), "original", 1750),  # doesn't know original: high, 27 x 54 patches
        # Unknown size: the worst the detail allows.
        ("gpt-4o", None, "low", 85),
        ("gpt-4o", None, "auto", 1445),
        ("gpt-4o-mini", None, "high", 48_169),
        ("gpt-4.1-mini", None, "high", 2489),
        ("gpt-5.4", None, "original", 12_000),
        ("gpt-6-astra", None, None, 36_000),
    ],
)
def test_published_amounts(model, size, detail, tokens):
    assert image_tokens(model, size, detail) == tokens


@pytest.mark.parametrize(
    ("name", "base"),
    [
        ("gpt-4o", "gpt-4o"),
        ("openai/gpt-4o", "gpt-4o"),
        ("openrouter/openai/gpt-4o:free", "gpt-4o"),
        ("azure/GPT-4o", "gpt-4o"),
        ("ft:gpt-4o-mini:org::id", "gpt-4o-mini"),
        ("openai/ft:gpt-4o-mini:org::id", "gpt-4o-mini"),
        ("mistralai/mixtral", "mistralai/mixtral"),
        ("", ""),
    ],
)
def test_base_model(name, base):
    assert base_model(name) == base


def test_names_are_never_taken_by_a_loose_prefix():
    assert image_tokens("gpt-4o-mini-2024-07-18", (1024, 1024)) == 25_501
    assert image_tokens("gpt-4o-2024-08-06", (1024, 1024)) == 765
    assert has_image_rule("gpt-4o-2024-08-06")
    assert has_image_rule("ft:gpt-4.1-mini-2025-04-14:org::id")
    assert not has_image_rule("gpt-4o-search-preview")  # a relative's rule, and it says so
    assert not has_image_rule("gpt-4omega")
    assert image_tokens("gpt-4omega", (1024, 1024)) == 1229  # the newest rule


JPEG = (
    b"\xff\xd8\xff\xe0\x00\x10JFIF\x00\x01\x01\x00\x00\x01\x00\x01\x00\x00"
    b"\xff\xfe\x00\x04hi\xff\xff\xc0\x00\x11\x08\x01\xe0\x02\x80\x03"
)


@pytest.mark.parametrize(
    ("content", "size"),
    [
        (png(640, 480), (640, 480)),
        (b"GIF89a" + struct.pack("<HH", 640, 480), (640, 480)),
        (JPEG, (640, 480)),
        (b"\xff\xd8" + b"\xff\xe1\xff\xff" + bytes(65_533) + JPEG[2:], (640, 480)),  # 64 KB of metadata first
        (b"RIFF\x00\x00\x00\x00WEBPVP8X" + bytes(8) + b"\x7f\x02\x00\xdf\x01\x00", (640, 480)),
        (b"RIFF\x00\x00\x00\x00WEBPVP8L" + bytes(4) + b"\x2f" + (639 | 479 << 14).to_bytes(4, "little") + bytes(8),
         (640, 480)),
        (b"RIFF\x00\x00\x00\x00WEBPVP8 " + bytes(7) + b"\x9d\x01\x2a" + struct.pack("<HH", 640, 480), (640, 480)),
        (png(0, 480), None),
        (png(640, 480)[:20], None),
        (JPEG[:-6], None),
        (b"\xff\xd8\xff\xd9", None),
        (b"<svg/>", None),
        (b"", None),
    ],
)  # fmt: skip
def test_sizes_from_headers(content, size):
    assert image_size(data_url(content)) == size


@pytest.mark.parametrize(
    "url",
    ["https://example.org/a.png", "data:image/png,abc", "data:image/png;base64,\u20ac", "data:", "", "data:;base64,A"],
)
def test_other_urls_have_no_known_size(url):
    assert image_size(url) is None


@pytest.mark.parametrize("form", ["PNG", "JPEG", "GIF", "WEBP"])
def test_sizes_of_real_files(form):
    image = pytest.importorskip("PIL.Image")
    buffer = io.BytesIO()
    image.effect_noise((333, 77), 20).save(buffer, form)
    assert image_size(data_url(buffer.getvalue(), form.lower())) == (333, 77)


@given(st.binary(max_size=200), st.sampled_from([b"", b"\xff\xd8\xff", b"RIFF0000WEBPVP8L", b"GIF89a", png(3, 3)[:20]]))
def test_no_header_raises(rest, start):
    size = image_size(data_url(start + rest))
    assert size is None or min(size) > 0


@given(
    st.sampled_from(["gpt-4o", "gpt-4.1-mini", "gpt-5.4", "gpt-5.5", "gpt-6-astra", "gpt-4o-mini", "?"]),
    st.tuples(st.integers(1, 100_000), st.integers(1, 100_000)),
    st.sampled_from(["low", "high", "auto", "original", None, 7]),
)
def test_a_known_size_never_costs_more_than_an_unknown_one(model, size, detail):
    assert 0 < image_tokens(model, size, detail) <= image_tokens(model, None, detail)
    assert image_tokens(model, size, detail) == image_tokens(model, size[::-1], detail)
