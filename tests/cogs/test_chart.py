"""The picture of the trend: what it shows, read back from its pixels, and what stands beside it in words."""

import io
import unicodedata
from dataclasses import replace
from importlib import resources

import pytest
from PIL import Image, ImageFont

from bot.translation import speaking
from cogs._spend import chart as chart_module
from cogs._spend.chart import OTHERS, Chart, draw, drawable, nice_step

BLUE, AMBER, GREY, CARD = (77, 182, 255), (255, 182, 72), (152, 161, 171), (43, 45, 49)


def pixels(chart: Chart) -> dict[tuple[int, ...], int]:
    image = Image.open(io.BytesIO(draw(chart)))
    assert (image.format, image.size, image.mode) == ("PNG", (800, 560), "RGB")
    return {colour: count for count, colour in image.getcolors(1 << 20) or []}


def test_areas_are_as_the_amounts_are():
    found = pixels(Chart(((30, 10), (0, 20), (0, 0)), ("1", "2", "3"), ("a", "b"), (0, 1)))
    assert found[BLUE] / found[AMBER] == pytest.approx(1, rel=0.05)
    assert found[CARD] > 800 * 560 / 3


def test_each_has_its_colour_and_others_are_grey():
    found = pixels(Chart(((1, 5),), ("1",), ("a", "others"), (1, OTHERS)))
    assert found[GREY] / found[AMBER] == pytest.approx(5, rel=0.1)
    assert BLUE not in found


def test_whatever_costs_anything_is_seen():
    assert pixels(Chart(((10**9, 1),), ("1",), ("a", "b"), (0, 1)))[AMBER] > 100


@pytest.mark.parametrize("bars", [0, 1, 31, 45])
def test_nothing_breaks_it(bars: int):
    names = ("x" * 300, "", "W W W")
    chart = Chart(((10**15, 0, 7),) * bars, tuple(f"{n} Sep" for n in range(bars)), names, (0, 1, OTHERS))
    assert len(draw(chart)) < 60_000


def test_it_is_drawn_once():
    first = draw(Chart(((1,),), ("1",), ("once",), (0,)))
    assert draw(Chart(((1,),), ("1",), ("once",), (0,))) is first


def test_amounts_are_written_as_its_language_does():
    chart = Chart(((10**9,),), ("1",), ("a",), (0,))
    assert len({draw(replace(chart, tag=tag)) for tag in ("en", "es-419", "es-ES")}) == 3
    for tag, name in (("es-419", "USD 1,000.50"), ("es-ES", "1.000,50 US$")):
        with speaking(tag):
            assert drawable(chart_module._tick_name(1_000_500_000_000, 500_000_000), "?") == name


@pytest.mark.parametrize(
    ("name", "drawn"),
    [
        ("general_conversation", "general_conversation"),
        ("José Łukasz", "José Łukasz"),
        ("Zoe\u0301 ḃ 𝕿", "Zoé b T"),
        ("Сергей Ђорђе", "Сергей Ђорђе"),
        ("Ελένη", "Ελένη"),
        ("Nguyễn Đức", "Nguyễn Đức"),
        ("Priya 🏈", "Priya"),
        ("陈伟", "No. 2"),
        ("שלום", "No. 2"),
        ("🔥🔥", "No. 2"),
    ],
)
def test_names_the_font_has_not_go_by_their_place(name: str, drawn: str):
    assert drawable(name, "No. 2") == drawn


def test_the_font_has_all_that_it_is_said_to_have():
    """What it hasn't, it draws as one and the same box."""
    file = resources.files("fontpkg_roboto") / "files" / "Roboto[wdth,wght].ttf"
    font = ImageFont.truetype(str(file), 30, layout_engine=ImageFont.Layout.BASIC)
    box = bytes(font.getmask("\uffff"))
    said = [*(chr(code) for range_ in chart_module._DRAWN for code in range_), *chart_module._DRAWN_TOO]
    assert len(said) > 500
    shown = [character for character in said if unicodedata.category(character) not in ("Cn", "Cf", "Zs")]
    assert [character for character in shown if bytes(font.getmask(character)) == box] == []
    assert bytes(font.getmask("陈")) == box


@pytest.mark.parametrize(
    ("highest", "step", "names"),
    [
        (1, 1, ["$0.000000001"]),
        (5 * 10**6, 2 * 10**6, ["$0.002", "$0.004", "$0.006"]),
        (59 * 10**6, 2 * 10**7, ["$0.02", "$0.04", "$0.06"]),
        (10**9, 5 * 10**8, ["$0.50", "$1.00"]),
        (7_300 * 10**9, 2_000 * 10**9, ["$2,000", "$4,000", "$6,000", "$8,000"]),
    ],
)
def test_the_grid_has_round_amounts_with_as_many_decimals_each(highest: int, step: int, names: list[str]):
    assert nice_step(highest) == step
    assert [chart_module._tick_name(step * n, step) for n in range(1, -(-highest // step) + 1)] == names
