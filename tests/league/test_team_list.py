"""Which team a name on a schedule means, and what is marked as doubtful."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.league.games import Game
from bot.league.team_list import MAX_TEAMS, Match, Row, Team, TeamList, parse_teams

NAMES = (
    "Texans, Colts, New York Giants, New York Jets, Kansas City Chiefs, Bills, Rams, Bengals, América, "
    "Miami (FL), Miami (OH), Ohio, Ohio State, Michigan State, Georgia Tech, 49ers, الهلال"
)
LEAGUE = TeamList([Team(name, number) for number, name in enumerate(NAMES.split(", "))])


@pytest.mark.parametrize(
    ("read", "team"),
    [
        ("Texans", "Texans"),
        ("TEXANS 🏈", "Texans"),
        ("Houston Texans", "Texans"),
        ("NY Giants", "New York Giants"),
        ("NYG", "New York Giants"),
        ("Giants", "New York Giants"),
        ("Jets", "New York Jets"),
        ("KC Chiefs", "Kansas City Chiefs"),
        ("Los Angeles Rams", "Rams"),
        ("49 ers", "49ers"),
        ("San Francisco 49ers", "49ers"),
        ("AMERICA", "América"),
        ("Miami (OH)", "Miami (OH)"),
        ("Ohio", "Ohio"),
        ("Ohio St.", "Ohio State"),
        ("Ohio State Buckeyes", "Ohio State"),
        ("الهلال", "الهلال"),
    ],
)
def test_what_is_sure(read: str, team: str) -> None:
    found = LEAGUE.match(read)
    assert (found.name, found.near, found.score >= 0.95) == (team, (), True)


@pytest.mark.parametrize(
    ("read", "team", "near"),
    [
        ("Tex ns", "Texans", ("Texans",)),
        ("Texnas", None, ("Texans",)),
        ("Houston Texns", "Texans", ("Texans",)),
        ("Bengels", "Bengals", ("Bengals",)),
        ("New York", None, ("New York Giants", "New York Jets")),
        ("Miami", None, ("Miami (FL)", "Miami (OH)")),
        ("Michigan", None, ("Michigan State",)),
        ("Georgia", None, ("Georgia Tech",)),
        ("Seahawks", None, ()),
        ("Bulls", None, ("Bills",)),
        ("Nets", None, ("New York Jets",)),
        ("🏈", None, ()),
        ("", None, ()),
    ],
)
def test_what_is_not(read: str, team: str | None, near: tuple[str, ...]) -> None:
    """I27: another team's player isn't tagged because a name is a little like theirs."""
    found = LEAGUE.match(read)
    assert (found.team.name if found.team else None, found.near) == (team, near)
    assert found.name == (team or read)


@given(st.text(max_size=60))
def test_a_match_is_sure_or_offers_or_is_none(read: str) -> None:
    found = LEAGUE.match(read)
    assert 0 <= found.score <= 1
    assert found.team is None or found.score >= 0.85
    assert found.near or found.team is not None or found.score < 0.7


def test_rows_say_what_to_look_at() -> None:
    teams = TeamList([Team("Texans", 1), Team("Colts", 2), Team("Bills", 3), Team("Rams", 4), Team("Jets", 5)])
    games = [
        Game("Houston Texans", "COLTS", 0.8),
        Game("Bils", "Foo", 0.62),
        Game("Rams", "LA Rams"),
        Game("Jets", "Colts"),
    ]
    sure, smeared, same, twice = teams.rows(games)
    assert sure == Row(
        Match("Houston Texans", Team("Texans", 1), 0.95, ()),
        Match("COLTS", Team("Colts", 2), 1.0, ()),
        0.8,
        "texans-vs-colts",
        ("Colts plays twice",),
    )
    assert smeared.channel == "bills-vs-foo"
    assert smeared.doubts == (
        "read as “Bils”, perhaps Bills",
        "Foo isn't on the team list",
        "the picture is unclear (62\u00a0%)",
    )
    assert (same.channel, same.doubts) == ("rams-vs-rams", ("both teams are the same",))
    assert (twice.channel, twice.doubts) == ("jets-vs-colts", ("Colts plays twice",))
    [alone] = teams.rows([Game("Texans", "Colts", 0.8)])
    assert not alone.is_doubtful
    assert smeared.is_doubtful


def test_without_a_list_only_the_game_itself_is_doubted() -> None:
    rows = TeamList([]).rows([Game("New York", "Foo"), Game("!", "🏈"), Game("foo", "Bar", 0.1), Game("", "", 0.5)])
    assert [(row.channel, row.doubts) for row in rows] == [
        ("new-york-vs-foo", ("Foo plays twice",)),
        ("", ("no channel can be named after it",)),
        ("foo-vs-bar", ("the picture is unclear (10\u00a0%)", "foo plays twice")),
        ("", ("the picture is unclear (50\u00a0%)", "no channel can be named after it", "both teams are the same")),
    ]
    assert rows[0].away == Match("New York", None, 0.0, ())


def test_a_list_is_read_a_team_a_line() -> None:
    text = "Texans = @ann_\n1. Colts: Bob the 2nd\n- **Bills**\n\nJets\t<@123>\nRams =\nGiants: a = b"
    assert parse_teams(text) == (
        [
            ("Texans", "ann_"),
            ("Colts", "Bob the 2nd"),
            ("Bills", None),
            ("Jets", "<@123>"),
            ("Rams", None),
            ("Giants", "a = b"),
        ],
        [],
    )


def test_what_is_not_taken_is_told() -> None:
    long = "x" * 51
    assert parse_teams(f"Texans\nTEXANS 🏈 = ann\n{long}\n=\n🏈\nColts = {'y' * 101}") == (
        [("Texans", None)],
        ["TEXANS 🏈 = ann", long, "=", "🏈", "Colts = " + "y" * 101],
    )
    teams, unclear = parse_teams("\n".join(f"team {n}" for n in range(MAX_TEAMS + 1)))
    assert (len(teams), unclear) == (200, ["team 200"])


NAMED = st.from_regex(r"[A-Z][a-z]{1,20}", fullmatch=True)
PLAYERS = st.none() | st.from_regex(r"[\w.]{1,32}", fullmatch=True)


@given(st.lists(st.tuples(NAMED, PLAYERS), unique_by=lambda team: team[0].casefold()))
def test_a_list_is_read_back(teams: list[tuple[str, str | None]]) -> None:
    text = "\n".join(f"{name} = @{player}" if player else name for name, player in teams)
    assert parse_teams(text) == (teams, [])
