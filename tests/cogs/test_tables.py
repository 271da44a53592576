"""The tables that views are made of: in line and unbroken, whatever people call themselves."""

import unicodedata
from datetime import date

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from bot.figures import compact, compared, cost_of, counted, money, percent, span_words
from bot.translation import speaking
from bot.usage.records import SpendLine
from cogs._kit.tables import (
    BARS,
    LEFT_TO_RIGHT_MARK,
    NAME_COLUMNS,
    NO_NAME,
    ROW_COLUMNS,
    code_block,
    cut,
    display_width,
    folded,
    named_figures,
    pad,
    plain,
    shorten,
    sparkline,
    table,
)

ANYTHING = st.text(st.characters(), max_size=40)
HOSTILE = st.text(
    st.sampled_from(
        "a`~*_|\\<>@#\n\r\t \u200b\u200d\u202e\u2066\u200f\ufe0f\u0301\u0489\u1fefｗ陈🏈👩🇩🏽שم\u3164\ufff9\ud83d\x00"
    ),
    max_size=40,
)
NAMES = ANYTHING | HOSTILE
COSTS = st.integers(10_000, 10**12 - 1) | st.just(0)


@given(NAMES)
@example("\u1fef" * 3)  # Normalises to a backtick.
@example("｀｀｀")
def test_a_name_becomes_one_safe_visible_line(name):
    text = plain(name)
    assert text.strip() == text != ""
    assert "`" not in text
    assert len(text.splitlines()) == 1
    for character in text:
        assert unicodedata.category(character) not in ("Cc", "Cf", "Cs", "Zl", "Zp")
        assert unicodedata.bidirectional(character) not in (
            "LRE",
            "RLE",
            "LRO",
            "RLO",
            "PDF",
            "LRI",
            "RLI",
            "FSI",
            "PDI",
        )
    text.encode()
    assert plain(text) == text


@given(NAMES, st.integers(0, 30))
def test_a_shortened_name_fits(name, columns):
    text = shorten(plain(name), columns)
    assert display_width(text) <= columns
    assert display_width(pad(text, columns)) == columns


@given(NAMES, st.integers(1, 30))
def test_a_cut_name_has_no_more_characters_than_discord_takes(name, characters):
    text = plain(name)
    assert len(cut(text, characters)) <= characters
    if len(text) <= characters:
        assert cut(text, characters) == text


def test_accents_count_where_they_take_no_column():
    text = "a\u0323\u0306" * 60
    assert (display_width(text), shorten(text, 100)) == (60, text)
    assert cut(text, 100) == text[:99] + "…"


@given(st.lists(st.tuples(NAMES, NAMES, NAMES), min_size=1, max_size=12))
def test_every_row_has_equal_display_width_and_none_ends_the_block(rows):
    lines = table(rows, right={1})
    assert len(lines) == len(rows)
    assert len({display_width(line) for line in lines}) == 1
    block = code_block(lines)
    assert block.count("`") == 6
    assert len(block.splitlines()) == len(rows) + 2


@given(st.lists(st.tuples(st.integers(0, 10**13), NAMES), min_size=1, max_size=12))
def test_decimal_points_are_under_each_other(rows):
    costs = [cost_of(SpendLine("", calls=1, cost_nano_usd=cost)) for cost, _ in rows]
    lines = table([(cost, name) for cost, (_, name) in zip(costs, rows, strict=True)], points={0})
    assert len({line.lstrip(LEFT_TO_RIGHT_MARK).index(".") for line in lines}) == 1
    for cost, line in zip(costs, lines, strict=True):
        assert line.lstrip(LEFT_TO_RIGHT_MARK).split()[0] == cost


@given(
    st.sampled_from(["en-US", "es-ES", "es-419"]),
    st.lists(st.tuples(COSTS, st.integers(0, 10**6), NAMES), min_size=1, max_size=4),
)
@settings(max_examples=50)
def test_a_phone_shows_a_table_whole(tag, rows):
    with speaking(tag):
        figures = [(plain(money(cost)), ">99", compact(calls), plain(name)) for cost, calls, name in rows]
        lines = named_figures(("costo", "%", "llam.", "operación"), figures, right={1, 2}, points={0})
    assert max(map(display_width, lines)) <= ROW_COLUMNS
    assert not lines[0].startswith(" ")
    text = "".join(lines).replace(" ", "").replace(LEFT_TO_RIGHT_MARK, "")
    for *numbers, name in figures:
        assert "".join(numbers).replace(" ", "") in text
        assert shorten(name, NAME_COLUMNS).replace(" ", "") in text


def test_a_row_is_one_line_if_need_be_more_closely_else_two():
    def lines(name: str) -> list[str]:
        return named_figures(("cost", "%", "calls", "model"), [("$1.01", "90", "116", name)], right={1, 2}, points={0})

    assert lines("gpt-4o") == ["cost    %  calls  model ", "$1.01  90    116  gpt-4o"]
    assert lines("gpt-4o-mini") == ["cost   % calls model      ", "$1.01 90   116 gpt-4o-mini"]
    assert lines("setup_agent_4_synthesize_gpt-4o-mini") == [
        "model",
        "   cost   %  calls",
        "setup_agent_4_synthesize_",
        "gpt-4o-mini",
        "  $1.01  90    116",
    ]
    assert folded("setup_agent_4_synthesize_o4-mini") == ["setup_agent_4_synthesize_", "o4-mini"]
    assert folded("陈" * 16) == ["陈" * 13, "陈" * 3]


def test_decimal_commas_are_under_each_other_too():
    with speaking("es-ES"):
        rows = [(money(nano_usd), "x") for nano_usd in (1_204_500_000_000, 37_400_000, 120_000, 0, None)]
        assert table(rows, points={0}) == [
            "1.204,50 US$     x",
            "    0,037 US$    x",
            "    0,00012 US$  x",
            "    0,00 US$     x",
            "    desconocido  x",
        ]


@pytest.mark.parametrize(
    ("name", "shown", "width"),
    [
        ("Marcus", "Marcus", 6),
        ("陈伟", "陈伟", 4),
        ("Priya 🏈", "Priya 🏈", 8),
        ("👩\u200d👩\u200d👧", "👩👩👧", 6),
        ("👍🏽 ok", "👍 ok", 5),
        ("Łukasz", "Łukasz", 6),
        ("Zoe\u0301", "Zoé", 3),
        ("𝕿𝖗𝖎𝖑𝖔", "Trilo", 5),
        ("Sam `QB1`\n```", "Sam 'QB1' '''", 13),
        ("\u202eevil\u202c", "evil", 4),
        ("z\u0301\u0302\u0303\u0304\u0305\u0306", "ź\u0302\u0303", 1),
        ("\u3164\u200b\u2800", NO_NAME, 9),
        ("", NO_NAME, 9),
        ("\ud83d!", "!", 1),
    ],
)
def test_names(name, shown, width):
    assert plain(name) == shown
    assert display_width(plain(name)) == width


def test_a_line_with_a_name_from_right_to_left_still_runs_from_left_to_right():
    lines = table([("$1.00", "שלום"), ("$2.00", "Ann")])
    assert lines == [f"{LEFT_TO_RIGHT_MARK}$1.00  שלום", "$2.00  Ann "]


@given(st.lists(st.integers(0, 10**15), min_size=1, max_size=31))
def test_bars_fit_and_only_nothing_is_lowest(values):
    line = sparkline(values, 31)
    assert len(line) <= 31
    each = min(3, 31 // len(values))
    bars = line.split(" ") if each > 1 else list(line)
    assert len(bars) == len(values)
    for value, bar in zip(values, bars, strict=True):
        assert (bar[0] == BARS[0]) == (value == 0)
        assert (bar[0] == BARS[-1]) == (value > 0 and value * 7 > max(values) * 6)


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (0, "0"),
        (9_999, "9,999"),
        (10_000, "10.0k"),
        (99_949, "99.9k"),
        (99_951, "100k"),
        (999_499, "999k"),
        (999_999, "1.0M"),
        (12_345_678, "12.3M"),
        (999_999_999, "1.0B"),
        (10**12, "1T"),
    ],
)
def test_compact_numbers(number, text):
    assert compact(number) == text


@pytest.mark.parametrize(
    ("part", "whole", "text"),
    [(0, 10, "0"), (1, 1000, "<1"), (999, 1000, ">99"), (1000, 1000, "100"), (18, 100, "18"), (5, 0, "–")],
)
def test_percent(part, whole, text):
    assert percent(part, whole) == text


@pytest.mark.parametrize(
    ("now", "before", "words"),
    [
        (82, 100, "18\u00a0% less than May"),
        (0, 100, "100\u00a0% less than May"),
        (118, 100, "18\u00a0% more than May"),
        (1000, 1001, "as much as May"),
        (250, 100, "2.5 times as much as May"),
        (250_000, 100, "2,500 times as much as May"),
        (5, 0, "May cost nothing"),
        (0, 0, "nothing, like May"),
    ],
)
def test_comparisons(now, before, words):
    new, old = (SpendLine("", calls=1, cost_nano_usd=cost) for cost in (now, before))
    assert compared(new, old, "May") == words


def test_nothing_is_compared_with_a_time_without_calls():
    assert compared(SpendLine("", calls=1, cost_nano_usd=5), SpendLine(""), "May") is None


def test_what_has_no_price_is_unknown_and_not_free():
    """I9."""
    assert cost_of(SpendLine("", calls=2, unpriced_calls=2)) == "unknown"
    assert cost_of(SpendLine("", calls=3, unpriced_calls=2, cost_nano_usd=5_120_000)) == "$0.0051"
    assert cost_of(SpendLine("")) == "$0.00"


def test_words_for_numbers_and_dates():
    assert (counted(1, "call"), counted(1204, "call")) == ("1\u00a0call", "1,204\u00a0calls")
    assert span_words(date(2026, 3, 1), date(2026, 3, 15), this_year=2026) == "1–15 Mar"
    assert span_words(date(2025, 12, 28), date(2026, 1, 3), this_year=2026) == "28 Dec 2025 – 3 Jan"
    assert span_words(date(2026, 3, 1), date(2026, 3, 1), this_year=2026) == "1 Mar"
