"""Names of channels and categories: what Discord makes of them, which week they are, which one is meant."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.league.limits import NAME_CHARACTERS
from bot.league.names import MAX_WEEK, channel_name, find_categories, game_channel, parse_weeks, week_of
from bot.league.week_plan import title_of
from bot.translation import LANGUAGES

CATEGORIES = {
    1: "Week 3",
    2: "🏈 WEEK-04",
    3: "Playoffs",
    4: "W5 | AFC",
    5: "W5 | NFC",
    6: "League office",
    7: "🔥 PLAY-OFFS old",
    8: "week 6",
    9: "Preseason week 6",
    10: "الأسبوع الأول",
    11: "Weeks 8-9",
    12: "week-7",
    13: "Week 7",
}


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("Texans vs Colts", "texans-vs-colts"),
        ("  São Paulo 🏈 ", "são-paulo-🏈"),
        ("Texas A&M @ L.S.U.", "texas-am-lsu"),
        ("a -- b__c", "a-b__c"),
        ("line\nbreak\tand\x00more", "line-break-andmore"),
        ("👨‍👩‍👧 fam", "👨‍👩‍👧-fam"),
        ("مرحبا بالعالم", "مرحبا-بالعالم"),
        ("陈伟・日本語", "陈伟・日本語"),
        ("\u202eevil", "evil"),
        ("!!!", ""),
        ("—-—", "—-—"),
        (" \u200d- ", ""),
        ("x" * 99 + " y", "x" * 99),
    ],
)
def test_a_channels_name_is_what_discord_makes_of_it(text: str, name: str) -> None:
    assert channel_name(text) == name


@given(st.text(max_size=300))
def test_a_channels_name_is_valid_and_stays_as_it_is(text: str) -> None:
    name = channel_name(text)
    assert len(name) <= 100
    assert channel_name(name) == name
    assert not any(character.isspace() or character in "!\"#$%&'()*+,./:;<=>?@[\\]^`{|}~" for character in name)
    assert not name.startswith("-")
    assert not name.endswith("-")
    assert "--" not in name
    assert name.lower() == name


@pytest.mark.parametrize(
    ("away", "home", "name"),
    [
        ("Texans", "Colts", "texans-vs-colts"),
        ("New York Giants", "🦅 Eagles", "new-york-giants-vs-🦅-eagles"),
        ("a" * 90, "b" * 90, "a" * 48 + "-vs-" + "b" * 48),
        ("a" * 47 + " " + "c", "b", "a" * 47 + "-vs-b"),
        ("!", "Colts", ""),
        ("", "", ""),
    ],
)
def test_a_games_channel(away: str, home: str, name: str) -> None:
    assert game_channel(away, home) == name


@pytest.mark.parametrize(
    ("name", "week"),
    [
        ("Week 7", 7),
        ("🏈 WEEK-07 ", 7),
        ("wk7", 7),
        ("W7 | Playoffs", 7),
        ("semana 7", 7),
        ("𝗪𝗲𝗲𝗸 𝟳", 7),
        ("Week 7️⃣", 7),
        ("week ٧", 7),
        ("Week: 10", 10),
        ("Week 0", 0),
        ("Week 8 - Sunday 8pm", 8),
        ("Season 2 · Week 3 (2026)", 3),
        ("week-7-2026", 7),
        ("week 8, 20:00", 8),
        ("weekend", None),
        ("Weekend 7 plans", None),
        ("Weeks 3-5", None),
        ("7 wonders", None),
        ("New 7", None),
        ("row7", None),
        ("W2K", None),
        ("Week 61", None),
        ("Week seven", None),
        ("", None),
    ],
)
def test_the_week_of_a_category(name: str, week: int | None) -> None:
    assert week_of(name) == week


@pytest.mark.parametrize("code", LANGUAGES)
def test_what_a_week_is_called_is_found_again_in_every_language(code: str) -> None:
    title = title_of(7, language=code)
    assert {"en": "Week 7", "es": "Semana 7"}.get(code, title) == title
    assert (week_of(title), parse_weeks(title), find_categories("week 7", {1: title})) == (7, [7], [1])
    assert [title_of(7, given, language=code) for given in ("Finals", "  ", "x" * 200)] == [
        "Finals", title, "x" * NAME_CHARACTERS,
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "weeks"),
    [
        ("weeks 3 to 5", [3, 4, 5]),
        ("3-5", [3, 4, 5]),
        ("3–5", [3, 4, 5]),
        ("3, 4 and 6", [3, 4, 6]),
        ("3, 4, and 6.", [3, 4, 6]),
        ("week 7", [7]),
        ("semanas 3 a 5", [3, 4, 5]),
        ("borra las semanas 3 y 4", [3, 4]),
        ("5 to 3", [3, 4, 5]),
        ("please delete weeks 3 through 4 and 9 now", [3, 4, 9]),
        ("week 3 and week 5", [3, 5]),
        ("week 3 to week 5", [3, 4, 5]),
        ("week 7, 8pm", [7]),
        ("week 3, 3, 3", [3]),
        ("weeks 58 to 9999999", [58, 59, 60]),
        ("week " + "9" * 5_000, []),
        ("delete 3", []),
        ("delete the old ones", []),
        ("weekend 3 to 5", []),
        ("", []),
    ],
)
def test_the_weeks_in_a_text(text: str, weeks: list[int]) -> None:
    assert parse_weeks(text) == weeks


def test_a_range_without_end_ends_at_the_last_week_there_can_be() -> None:
    assert parse_weeks("1 to 9999999") == list(range(1, 61))
    assert parse_weeks("0 to 9999999") == list(range(60))


PIECES = st.sampled_from(
    ["week", "weeks ", " ", "to", "-", "–", ",", "and", "3", "12", "2026", "9" * 30, "٣", "w", ":"]
)


@given(st.one_of(st.text(max_size=200), st.lists(PIECES, max_size=60).map("".join)))
def test_no_text_makes_too_many_weeks(text: str) -> None:
    weeks = parse_weeks(text)
    assert weeks == sorted(set(weeks))
    assert len(weeks) <= 60
    assert all(0 <= week <= MAX_WEEK for week in weeks)
    assert week_of(text) is None or week_of(text) in weeks


@given(st.sets(st.integers(0, MAX_WEEK), min_size=1, max_size=60))
def test_a_list_of_weeks_is_read_back(weeks: set[int]) -> None:
    assert parse_weeks("weeks " + ", ".join(map(str, weeks))) == sorted(weeks)


@pytest.mark.parametrize(
    ("text", "ids"),
    [
        ("playoffs", [3]),
        ("PLAY-OFFS OLD", [7]),
        ("الأسبوع الأول", [10]),
        ("weeks 3 to 4", [1, 2]),
        ("3, 4", [1, 2]),
        ("week 3 to 4, the playoffs", []),  # a part that means nothing: rather ask than delete the rest
        ("week 3 to 4, playoffs", [1, 2, 3]),
        ("weeks 3 and 20", [1]),  # there is no week 20
        ("w5 afc", [4]),
        ("week 5", []),  # AFC or NFC?
        ("weeks 3 to 5", []),
        ("week 6", [8]),
        ("wk 6", [8]),  # not the preseason's
        ("week 7", [12, 13]),
        ("Week 7", [13]),
        ("Weeks 8-9", [11]),
        ("week 8", []),
        ("office", []),
        ("Playof", []),
        ("all", []),
        ("*", []),
        ("", []),
    ],
)
def test_which_categories_are_meant(text: str, ids: list[int]) -> None:
    """I27: what isn't clear is nothing at all."""
    assert find_categories(text, CATEGORIES) == ids


@given(st.text(max_size=60))
def test_a_name_means_itself_and_nothing_means_what_is_not_there(name: str) -> None:
    found = find_categories(name, {1: name, 2: "x" + name})
    assert found == ([1] if name.strip() else [])
