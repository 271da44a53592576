"""Games as people type them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.league.games import MAX_GAMES, Game, games_text, parse_games, team_name


@pytest.mark.parametrize(
    ("text", "away", "home"),
    [
        ("Texans vs Colts", "Texans", "Colts"),
        ("Texans VS. Colts", "Texans", "Colts"),
        ("Texans v. Colts (Sun 8pm)", "Texans", "Colts"),
        ("Texans @ Colts", "Texans", "Colts"),
        ("Texans@Colts", "Texans", "Colts"),
        ("Texans at Colts", "Texans", "Colts"),
        ("Texans against Colts", "Texans", "Colts"),
        ("1. Texans - Colts", "Texans", "Colts"),
        ("Game 12: Texans – Colts", "Texans", "Colts"),
        ("- **Texans** vs **Colts**", "Texans", "Colts"),
        ("@Texans vs @Colts", "Texans", "Colts"),
        ("texans-vs-colts", "texans", "colts"),
        ("Texans vs Colts - Sunday 8pm", "Texans", "Colts"),
        ("Texans  vs\tColts (a, b; c)", "Texans", "Colts"),
        ("#5 Georgia vs #12 Clemson", "Georgia", "Clemson"),
        ("(1) Georgia at (2) Ohio State", "Georgia", "Ohio State"),
        ("Miami (FL) at Miami (OH)", "Miami (FL)", "Miami (OH)"),
        ("Texas A&M at St. Louis", "Texas A&M", "St. Louis"),
        ("49ers vs Inter-Milan", "49ers", "Inter-Milan"),
        ("Flamengo x São Paulo", "Flamengo", "São Paulo"),
        ("América contra Boca", "América", "Boca"),
        ("النصر vs الهلال", "النصر", "الهلال"),
        ("🦅 Eagles vs 🐻", "🦅 Eagles", "🐻"),
    ],
)
def test_one_game(text: str, away: str, home: str) -> None:
    assert parse_games(text) == ([Game(away, home)], [])


@pytest.mark.parametrize("text", ["Texans", "A vs B vs C", "Texans vs", "vs Colts", "Week 8", "x" * 51 + " vs Colts"])
def test_what_is_not_a_game_is_given_back(text: str) -> None:
    assert parse_games(text) == ([], [text])


def test_lines_commas_and_semicolons_part_games() -> None:
    games, unclear = parse_games("Texans vs Colts; Bills @ Dolphins, Ravens - Bengals\n\n bye: Jets\r\nRams at Niners,")
    assert games == [
        Game("Texans", "Colts"),
        Game("Bills", "Dolphins"),
        Game("Ravens", "Bengals"),
        Game("Rams", "Niners"),
    ]
    assert unclear == ["bye: Jets"]


def test_no_more_games_are_taken_than_a_week_may_have() -> None:
    games, unclear = parse_games("\n".join(f"a{n} vs b{n}" for n in range(62)))
    assert (len(games), unclear) == (MAX_GAMES, ["a60 vs b60", "a61 vs b61"])


def test_an_empty_text_has_no_games() -> None:
    assert parse_games(" \n,;") == ([], [])
    assert games_text([]) == ""


@pytest.mark.parametrize(
    ("read", "name"),
    [
        ("Texans (3-4)", "Texans"),
        (" #5  Ohio\nState; ", "Ohio State"),
        ("Miami (FL)", "Miami (FL)"),
        ("Texans, Houston", "Texans Houston"),
        ("x" * 49 + "- y", "x" * 49),
        ("(bye)", ""),
    ],
)
def test_a_teams_name_from_a_picture(read: str, name: str) -> None:
    assert team_name(read) == name


PIECES = (
    "Texans|Ohio State|(FL)|(Sun, 8)|((|)| vs | v. | @ | at | x | - |-|1. |#5 |*|**|Game 3:|,|;|\n| |.|:|🏈|עברית|_|'"
)
PIECES_OF_LISTS = st.lists(st.sampled_from([*PIECES.split("|"), "a" * 30]), max_size=40).map("".join)


@given(st.one_of(st.text(max_size=200), PIECES_OF_LISTS))
def test_what_was_read_is_read_back_the_same(text: str) -> None:
    games, _ = parse_games(text)
    assert parse_games(games_text(games)) == (games, [])
    assert all(0 < len(name) <= 50 and "\n" not in name for game in games for name in (game.away, game.home))


@given(st.text(st.sampled_from("Ab1.# *_-–,;:()\n🏈é'"), max_size=80), st.text("Zy(FL) ,", max_size=80))
def test_a_name_from_a_picture_is_read_back(away: str, home: str) -> None:
    game = Game(team_name(away), team_name(home))
    if game.away and game.home:
        assert parse_games(games_text([game])) == ([game], [])


@given(st.lists(st.tuples(*[st.from_regex(r"[A-Z][a-z]{2,9}( [A-Z][a-z]{3,9})?", fullmatch=True)] * 2), max_size=60))
def test_games_are_written_as_they_are_read(pairs: list[tuple[str, str]]) -> None:
    games = [Game(*pair) for pair in pairs]
    assert parse_games(games_text(games)) == (games, [])
