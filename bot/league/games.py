"""A week's games as people type them, one a line: `Texans vs Colts`."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

MAX_GAMES = 60
"""How many games are taken at once."""
TEAM_CHARACTERS = 50
"""The longest name of a team."""

_NOTE = re.compile(r"(\([A-Z]{2}\))|\([^()]*\)|[()]")
"""What stands in brackets, `(Sun 8pm)`; a state's two letters, `Miami (FL)`, belong to the name."""
_BULLET = re.compile(
    r"(?:(?:game|match|partido)\s*\d+\s*[:.)–-]|#\d+\s+|\d{1,3}[.):](?!\d)|[\s*_~`'\"@#>|•·.,;:+–—-])+", re.IGNORECASE
)
"""What a line, or a name, may begin with and doesn't mean: bullets, numbering, ranks, Markdown."""
_TRAIL = re.compile(r"[\s*_~`'\"@|•·,;:–—-]+$")
_VERSUS = re.compile(r"[\s_–—-]+(?:vs?\.?|at|against|contra|x)[\s_–—-]+", re.IGNORECASE)
_AT = re.compile(r"\s*@\s*")
_DASH = re.compile(r"\s[-–—]+\s")


@dataclass(frozen=True, slots=True)
class Game:
    """Two teams as they were read or typed. `confidence` says how well a picture could be read, 0 to 1."""

    away: str
    home: str
    confidence: float = 1.0


def parse_games(text: str) -> tuple[list[Game], list[str]]:
    """The games in a text, in order, and the parts of it that aren't understood.

    Lines, commas and semicolons part them. Between two teams stands `vs`, `v`, `@`, `at`, `x`, `contra` or a dash;
    numbering before them, and a note in brackets or after a dash, are left out. After `MAX_GAMES` no more are taken.
    """
    games: list[Game] = []
    unclear: list[str] = []
    for part in re.split(r"[,;\n\r]+", without_notes(text)):
        game = _game(part)
        if game is not None and len(games) < MAX_GAMES:
            games.append(game)
        elif part.strip():
            unclear.append(part.strip())
    return games, unclear


def games_text(games: Sequence[Game]) -> str:
    """One game a line, as `parse_games` reads it back."""
    return "\n".join(f"{game.away} vs {game.home}" for game in games)


def team_name(text: str) -> str:
    """A team's name from wherever it was read, so that `parse_games` reads it back: on one line, cut to length."""
    name = bare(re.sub(r"[,;]", " ", without_notes(text)))
    return bare(name[:TEAM_CHARACTERS])


def bare(text: str) -> str:
    """A line or a name without bullets, numbering and Markdown around it, and with single spaces."""
    text = " ".join(text.split())
    begin = _BULLET.match(text)
    return _TRAIL.sub("", text[begin.end() :] if begin else text)


def without_notes(text: str) -> str:
    """Without what stands in brackets, unless it is a state's two letters."""
    return _NOTE.sub(lambda found: found[1] or " ", text)


def _game(part: str) -> Game | None:
    line = bare(part)
    sides = next((found for between in (_VERSUS, _AT, _DASH) if len(found := between.split(line)) > 1), [])
    if len(sides) != 2:
        return None
    away, home = bare(sides[0]), bare(_DASH.split(sides[1])[0])
    fitting = all(0 < len(name) <= TEAM_CHARACTERS for name in (away, home))
    return Game(away, home) if fitting else None
