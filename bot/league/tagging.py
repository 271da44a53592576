"""What is said in a game's channel so that its players are mentioned, and who they are."""

from dataclasses import dataclass

from bot.league.team_list import Match, Row
from bot.translation import _


@dataclass(frozen=True, slots=True)
class Guests:
    """Whom a week's channels let in and tag besides the players: ids of roles and members."""

    roles: tuple[int, ...] = ()
    members: tuple[int, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.roles or self.members)

    def __str__(self) -> str:
        """All of them as Discord's mentions."""
        return " ".join([*(f"<@&{role}>" for role in self.roles), *(f"<@{member}>" for member in self.members)])


@dataclass(frozen=True, slots=True)
class Tag:
    """A message for one game's channel, and whom it may mention."""

    text: str
    user_ids: tuple[int, ...] = ()
    role_ids: tuple[int, ...] = ()


def players_of(row: Row) -> tuple[int, ...]:
    """The ids of those who play the game, as far as the team list knows them; each once."""
    found = (match.team.user_id for match in (row.away, row.home) if match.team is not None)
    return tuple(dict.fromkeys(user_id for user_id in found if user_id is not None))


def tag_for(row: Row, guests: Guests = Guests()) -> Tag | None:
    """What is said in the game's channel, in the language spoken to; None where nobody would be mentioned."""
    players = players_of(row)
    if not players and not guests:
        return None
    lines = [
        _(
            "{away} vs {home}: agree here on when you play, and say so with the time zone.",
            away=_side(row.away),
            home=_side(row.home),
        )
    ]
    if guests:
        lines.append(_("With you: {guests}", guests=guests))
    return Tag("\n".join(lines), (*players, *guests.members), guests.roles)


def _side(match: Match) -> str:
    name = f"**{match.name}**"
    user_id = match.team.user_id if match.team is not None else None
    return f"{name} (<@{user_id}>)" if user_id is not None else name
