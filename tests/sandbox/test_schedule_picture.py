"""The picture of a schedule, and what the stand-in reads in it."""

import base64
import struct
import zlib
from io import BytesIO
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from bot.sandbox.schedule_picture import NOTE, Schedule, note_of, schedule_in
from docs.schedule_picture import GAMES
from docs.schedule_picture import main as draw

FILE = Path(__file__).parents[2] / "docs" / "images" / "schedule-week-8.png"
PNG = b"\x89PNG\r\n\x1a\n"


def address(content: bytes) -> str:
    return "data:image/png;base64," + base64.b64encode(content).decode()


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def noted(text: bytes, keyword: bytes = NOTE.encode()) -> str:
    return address(PNG + chunk(b"IHDR", b"x" * 13) + chunk(b"tEXt", keyword + b"\0" + text) + chunk(b"IEND", b""))


def test_the_picture_has_eight_games_one_of_them_smeared() -> None:
    read = schedule_in(address(FILE.read_bytes()))
    assert read is not None
    assert (read.week, read.words, len(read.games)) == (8, "", 8)
    assert read.games[4] == ("Ben als", "Rams", 0.41)
    others = [(away, home, 0.98) for number, (away, home, _) in enumerate(GAMES) if number != 4]
    assert read.games[:4] + read.games[5:] == others


def test_the_script_draws_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("docs.schedule_picture.FILE", tmp_path / "drawn.png")
    draw()
    drawn = (tmp_path / "drawn.png").read_bytes()
    assert schedule_in(address(drawn)) == schedule_in(address(FILE.read_bytes()))
    with Image.open(BytesIO(drawn)) as new, Image.open(FILE) as kept:
        assert new.size == kept.size == (1280, 720)


def test_a_note_is_read_back() -> None:
    schedule = Schedule(week=3, games=[("Łódź 🏈", "النصر", 0.5)], words="hello")
    assert schedule_in(noted(note_of(schedule).encode("latin-1"))) == schedule


@pytest.mark.parametrize(
    "picture",
    [
        noted(b"{"),
        noted(b'{"games": [["only one"]]}'),
        noted(b"\xff"),
        noted(b'{"week": 1}', keyword=b"Comment"),
        address(PNG),
        address(PNG + b"\xff\xff\xff\xfftEXtSchedule"),
        address(b"GIF89a"),
        "https://example.com/schedule.png",
        "",
    ],
)
def test_nothing_is_read_in_any_other(picture: str) -> None:
    assert schedule_in(picture) is None


@given(st.binary(max_size=200))
def test_no_bytes_break_it(content: bytes) -> None:
    assert schedule_in(address(PNG + content)) is None
