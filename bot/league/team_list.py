"""A server's teams, and which of them the names on a schedule mean. What isn't sure is marked, never guessed."""

import re
import unicodedata
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce

from bot.league.games import TEAM_CHARACTERS, Game, bare
from bot.league.names import game_channel, key_of
from bot.translation import _

DOUBTFUL_BELOW = 0.8
"""A game that is read from a picture with less confidence is marked."""
MAX_TEAMS = 200
PLAYER_CHARACTERS = 100
_SURE = 0.95
_LIKELY = 0.85
"""A letter wrong in a name of six. A name less like a team's isn't taken for it: Bulls aren't Bills."""
_CLOSE = 0.1
"""Two teams that a name is as like as this can't be told apart."""
_WORTH_OFFERING = 0.7
_MOST_OFFERED = 3
_OTHER_TEAM = frozenset(
    [
        "state",
        "st",
        "tech",
        "a&m",
        "southern",
        "northern",
        "eastern",
        "western",
        "central",
        "north",
        "south",
        "east",
        "west",
    ]
)
"""Words that make another team of a place's name: Michigan, Michigan State."""


@dataclass(frozen=True, slots=True)
class Team:
    """A team of a server's league, and the Discord id of who plays it where somebody does."""

    name: str
    user_id: int | None = None


@dataclass(frozen=True, slots=True)
class Match:
    """What a name was taken for. `score` says how like the best team is, 0 to 1.

    `near` are the names of teams to offer where it isn't sure; `team` may be set all the same, to the likely one.
    """

    read: str
    team: Team | None
    score: float
    near: tuple[str, ...]

    @property
    def name(self) -> str:
        """The team's own name, else the one that was read."""
        return self.team.name if self.team else self.read


@dataclass(frozen=True, slots=True)
class Row:
    """One game of a week to be created, and its channel's name, empty where none can be made.

    `doubts` are short words for what should be looked at. Names in them come from people and pictures: escape them.
    """

    away: Match
    home: Match
    confidence: float
    channel: str
    doubts: tuple[str, ...]

    @property
    def is_doubtful(self) -> bool:
        """Whether somebody should look at it."""
        return bool(self.doubts)


class TeamList:
    """The teams of a server. Without any, nothing is matched and nothing doubted on that account."""

    def __init__(self, teams: Sequence[Team]) -> None:
        self._teams = [(team, _words(team.name)) for team in teams]

    def match(self, text: str) -> Match:
        """The team that a name means: city and nickname, either alone, initials, a letter wrong here and there."""
        words = _words(text)
        scored = [(_likeness(words, of_team), team) for team, of_team in self._teams]
        scored.sort(key=lambda pair: -pair[0])
        score, best = scored[0] if scored else (0.0, None)
        like = [team for other, team in scored if other >= max(_WORTH_OFFERING, score - _CLOSE)]
        if score == 1 or (score >= _SURE and len(like) == 1):
            return Match(text, best, score, ())
        likely = best if score >= _LIKELY and len(like) == 1 else None
        return Match(text, likely, score, tuple(team.name for team in like[:_MOST_OFFERED]))

    def rows(self, games: Sequence[Game]) -> list[Row]:
        """A row for each game, in order, with what is doubtful about it."""
        matched = [(game, self.match(game.away), self.match(game.home)) for game in games]
        times = Counter(key for _game, away, home in matched for key in {_key(away), _key(home)})
        return [self._row(game, away, home, times) for game, away, home in matched]

    def _row(self, game: Game, away: Match, home: Match, times: Counter[str]) -> Row:
        channel = game_channel(away.name, home.name)
        doubts = [words for match in (away, home) if (words := self._doubt(match))]
        if game.confidence < DOUBTFUL_BELOW:
            doubts.append(_("the picture is unclear ({percent}\u00a0%)", percent=round(game.confidence * 100)))
        if not channel:
            doubts.append(_("no channel can be named after it"))
        if _key(away) == _key(home):
            doubts.append(_("both teams are the same"))
        else:
            twice = [match.name for match in (away, home) if times[_key(match)] > 1]
            doubts += [_("{team} plays twice", team=name) for name in twice]
        return Row(away, home, game.confidence, channel, tuple(dict.fromkeys(doubts)))

    def _doubt(self, match: Match) -> str:
        if match.near:
            near = reduce(lambda one, other: _("{one} or {other}", one=one, other=other), match.near)
            return _("read as “{read}”, perhaps {names}", read=match.read, names=near)
        return _("{team} isn't on the team list", team=match.read) if self._teams and match.team is None else ""


def parse_teams(text: str) -> tuple[list[tuple[str, str | None]], list[str]]:
    """Teams with the names of who plays them, one a line: `Texans = @ann`, `Texans: ann` or `Texans` alone.

    Second, the lines that aren't taken: too long a name, a team that was there already, more than `MAX_TEAMS`.
    """
    teams: list[tuple[str, str | None]] = []
    unclear: list[str] = []
    seen: set[str] = set()
    for line in filter(str.strip, text.splitlines()):
        name, player = (part.strip() for part in [*re.split(r"[=:\t]", line.strip(), maxsplit=1), ""][:2])
        name, player = bare(name), player.removeprefix("@").strip()
        key = key_of(name)
        fits = len(name) <= TEAM_CHARACTERS and len(player) <= PLAYER_CHARACTERS and len(teams) < MAX_TEAMS
        if not key or key in seen or not fits:
            unclear.append(line.strip())
            continue
        seen.add(key)
        teams.append((name, player or None))
    return teams, unclear


def _key(match: Match) -> str:
    """What tells a team from the others of the week."""
    return key_of(match.name) or match.name


def _words(name: str) -> tuple[str, ...]:
    """A name's words in one case, without accents; `Ohio St.` as Ohio State."""
    plain = unicodedata.normalize("NFKD", name).casefold()
    plain = "".join(character for character in plain if not unicodedata.combining(character))
    words = re.findall(r"[^\W_]+(?:&[^\W_]+)*", plain)
    return tuple("state" if word == "st" and place else word for place, word in enumerate(words))


def _likeness(read: tuple[str, ...], team: tuple[str, ...]) -> float:
    """How like two names are, 0 to 1: 1 where they are the same, 0.95 where one is the other without its city."""
    one, other = "".join(read), "".join(team)
    if not one or not other:
        return 0.0
    if one == other:
        return 1.0
    if _shortened(read, team) or _shortened(team, read):
        return _SURE
    shared = set(read) & set(team)
    if shared in (set(read), set(team)):
        return _WORTH_OFFERING if (set(read) ^ set(team)) & _OTHER_TEAM else _SURE
    from rapidfuzz import fuzz  # which takes a while to load, and isn't often needed

    words = min(len(read), len(team))
    return max(fuzz.ratio(one, other), fuzz.ratio("".join(read[-words:]), "".join(team[-words:]))) / 100


def _shortened(short: tuple[str, ...], long: tuple[str, ...]) -> bool:
    """By initials: NY Giants, NYG for New York Giants."""
    initials = "".join(word[0] for word in long)
    if len(short) == 1:
        return len(long) > 2 and short[0] == initials
    return short[-1] == long[-1] and "".join(short[:-1]) == initials[:-1]
