"""What a league keeps: teams, snapshots and its history, each server's for itself."""

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.league import league_book
from bot.league.league_book import SNAPSHOT_DAYS, LeagueBook, Snapshot, TeamExistsError, TooManyTeamsError
from bot.league.names import key_of
from bot.league.team_list import MAX_TEAMS, Team
from bot.usage.errors import DatabaseUnavailableError
from bot.usage.storage import audit, schema
from bot.usage.storage.audit import AuditLine
from bot.usage.storage.sqlite import SqliteDatabase
from tests.cogs.helpers import NOW, Clock
from tests.usage.making import fresh_database

GUILD, OTHER = 10, 20
TEXANS, COLTS, BEARS = Team("Texans", 7), Team("colts"), Team("Bears", 8)


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[SqliteDatabase]:
    async with fresh_database(tmp_path / "a.db") as opened:
        yield opened


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def book(database: SqliteDatabase, clock: Clock) -> LeagueBook:
    return LeagueBook(database, clock)


async def test_a_list_replaces_the_one_before(book: LeagueBook) -> None:
    """I26: a server's teams are its own; they come by name, whatever their case."""
    assert await book.teams(GUILD) == []
    await book.set_teams(GUILD, [TEXANS, COLTS, BEARS], actor=1)
    await book.set_teams(OTHER, [Team("Texans", 99)], actor=2)
    assert await book.teams(GUILD) == [BEARS, COLTS, TEXANS]
    await book.set_teams(GUILD, [Team("TEXANS"), COLTS, Team("Te-xans", 5)], actor=1)
    assert await book.teams(GUILD) == [COLTS, Team("Te-xans", 5)]
    assert await book.teams(OTHER) == [Team("Texans", 99)]


async def test_the_most_teams(book: LeagueBook) -> None:
    """I32: a list that is too long changes nothing; nor does one team more than there may be."""
    most = [Team(f"Team {n:03}") for n in range(MAX_TEAMS)]
    await book.set_teams(GUILD, most, actor=1)
    with pytest.raises(TooManyTeamsError, match="200 teams"):
        await book.set_teams(GUILD, [*most, TEXANS], actor=1)
    with pytest.raises(TooManyTeamsError):
        await book.put_team(GUILD, TEXANS, actor=1)
    assert await book.put_team(GUILD, Team("team 007", 7), actor=1)
    assert await book.teams(GUILD) == [*most[:7], Team("team 007", 7), *most[8:]]


async def test_a_team_is_added_changed_renamed_and_removed(book: LeagueBook) -> None:
    assert await book.put_team(GUILD, TEXANS, actor=1)
    assert await book.put_team(GUILD, COLTS, actor=1)
    assert await book.put_team(GUILD, Team("Texans", 9), actor=1)
    assert await book.put_team(GUILD, Team("Colts", 3), actor=1, instead_of="COLTS")
    assert await book.teams(GUILD) == [Team("Colts", 3), Team("Texans", 9)]
    assert await book.put_team(GUILD, Team("Houston", 9), actor=1, instead_of="Texans")
    assert await book.teams(GUILD) == [Team("Colts", 3), Team("Houston", 9)]
    assert not await book.remove_team(OTHER, "Colts", actor=1)
    assert await book.remove_team(GUILD, "colts", actor=1)
    assert not await book.remove_team(GUILD, "colts", actor=1)
    assert await book.teams(GUILD) == [Team("Houston", 9)]


async def test_no_team_takes_another_ones_name(book: LeagueBook) -> None:
    """I32: a rename that would swallow a team, or of a team that is gone, changes nothing."""
    await book.set_teams(GUILD, [TEXANS, COLTS], actor=1)
    with pytest.raises(TeamExistsError) as caught:
        await book.put_team(GUILD, Team("Colts", 7), actor=1, instead_of="Texans")
    assert caught.value.name == "colts"
    assert not await book.put_team(GUILD, Team("Jets"), actor=1, instead_of="Bears")
    assert not await book.put_team(OTHER, Team("Jets"), actor=1, instead_of="Texans")
    assert (await book.teams(GUILD), await book.teams(OTHER)) == ([COLTS, TEXANS], [])


def _key(name: str) -> str:
    return key_of(name) or name


@settings(max_examples=30, deadline=None)
@given(names=st.lists(st.text(min_size=1, max_size=8), max_size=8))
async def test_any_name_can_be_stored_and_taken_off(names: list[str]) -> None:
    """I23: quotes, emoji and whatever else people call their teams."""
    database = await SqliteDatabase.open("sqlite:///:memory:")
    await schema.apply(database, 0)
    book = LeagueBook(database, lambda: NOW)
    for name in names:
        assert await book.put_team(GUILD, Team(name, 1), actor=1)
    assert {_key(team.name) for team in await book.teams(GUILD)} == set(map(_key, names))
    assert len(await book.teams(GUILD)) == len(set(map(_key, names)))
    for team in await book.teams(GUILD):
        assert await book.remove_team(GUILD, team.name, actor=1)
    assert await book.teams(GUILD) == []
    await database.close()


async def test_snapshots_are_kept_for_their_time(
    book: LeagueBook, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """I26: newest first, to the server they are of; gone when their time is over, not a microsecond before."""
    first = await book.keep_snapshot(GUILD, {"name": "Week 3 🏈", "channels": [{"name": "a-vs-b"}]}, actor=1)
    clock.now += timedelta(days=1)
    second = await book.keep_snapshot(GUILD, {"name": "Week 4"}, actor=2)
    older = Snapshot(first, NOW, "1", {"name": "Week 3 🏈", "channels": [{"name": "a-vs-b"}]})
    newer = Snapshot(second, NOW + timedelta(days=1), "2", {"name": "Week 4"})
    assert await book.snapshots(GUILD) == [newer, older]
    with monkeypatch.context() as few:
        few.setattr(league_book, "MOST_SNAPSHOTS", 1)
        assert await book.snapshots(GUILD) == [newer]
    assert await book.snapshot(GUILD, first) == older
    assert (await book.snapshots(OTHER), await book.snapshot(OTHER, first)) == ([], None)
    clock.now = NOW + timedelta(days=SNAPSHOT_DAYS)
    await book.forget_old()
    assert await book.snapshots(GUILD) == [newer, older]
    clock.now += timedelta(microseconds=1)
    await book.forget_old()
    assert await book.snapshots(GUILD) == [newer]


async def test_history_is_of_the_league_alone(book: LeagueBook, database: SqliteDatabase, clock: Clock) -> None:
    """I26: a server's own league actions of the last days, newest first, with all their facts."""
    created = {"week": 3, "channels": 16, "cost_nano_usd": 5_120_000, "tokens": 1280, "result": "done"}
    await book.note_action(GUILD, actor=1, action="league created", facts=created)
    await database.transact(lambda: audit.note(NOW, GUILD, "1", "settings", {"quotas": 1}))
    await book.note_action(OTHER, actor=1, action="league created", facts={})
    clock.now += timedelta(days=2)
    deleted = {"categories": ["Week 2"], "cost_nano_usd": None, "tokens": 60, "result": "rolled back"}
    await book.note_action(GUILD, actor=2, action="league deleted", facts=deleted)
    newest = AuditLine(clock.now, GUILD, "2", "league deleted", deleted)
    assert await book.history(GUILD, 30) == [newest, AuditLine(NOW, GUILD, "1", "league created", created)]
    assert await book.history(GUILD, 1) == [newest]


async def test_changes_of_teams_are_in_the_history_without_their_names(book: LeagueBook) -> None:
    """I33: what people wrote stays out of the log."""
    await book.set_teams(GUILD, [TEXANS, COLTS], actor=1)
    await book.put_team(GUILD, BEARS, actor=2)
    await book.put_team(GUILD, Team("Bears"), actor=2)
    await book.remove_team(GUILD, "Bears", actor=3)
    assert [(line.actor, line.action, line.facts) for line in reversed(await book.history(GUILD, 1))] == [
        ("1", "league teams", {"change": "list", "teams": 2}),
        ("2", "league teams", {"change": "added", "teams": 1}),
        ("2", "league teams", {"change": "changed", "teams": 1}),
        ("3", "league teams", {"change": "removed", "teams": 1}),
    ]


async def test_an_action_that_no_history_would_show(book: LeagueBook) -> None:
    with pytest.raises(ValueError, match="missing from the history"):
        await book.note_action(GUILD, actor=1, action="created", facts={})


async def test_books_out_of_reach(database: SqliteDatabase) -> None:
    """I23: an error that has words."""
    book = LeagueBook(database, lambda: NOW)
    await database.close()
    for asked in (book.teams(GUILD), book.set_teams(GUILD, [TEXANS], actor=1), book.history(GUILD, 1)):
        with pytest.raises(DatabaseUnavailableError):
            await asked
