"""A week to be created: a category and one channel for each game. Pure: what is wrong with it is said here too."""

from collections import Counter
from dataclasses import dataclass, field

from bot.league.limits import CHANNELS_PER_CATEGORY, CHANNELS_PER_SERVER, NAME_CHARACTERS
from bot.league.tagging import Guests
from bot.league.team_list import Row
from bot.translation import ENGLISH, _, speaking


@dataclass(frozen=True, slots=True)
class WeekPlan:
    """What will be created. `title` is the category's name; `week` its number where it has one.

    `private`: only a game's players, the guests and whoever runs the league see its channel. `tag`: the players and
    guests are mentioned in it, in the server's `language`.
    """

    title: str
    rows: tuple[Row, ...]
    week: int | None = None
    private: bool = False
    tag: bool = False
    guests: Guests = field(default_factory=Guests)
    language: str = ENGLISH

    @property
    def doubtful(self) -> int:
        """How many rows should be looked at."""
        return sum(row.is_doubtful for row in self.rows)


def title_of(week: int | None, title: str | None = None, *, language: str = ENGLISH) -> str:
    """The category's name: the title that was given or read, else the week's number in the server's `language`, by
    which `names.week_of` finds it again; empty where neither is known.
    """
    if title and title.strip():
        return title.strip()[:NAME_CHARACTERS]
    with speaking(language):
        return _("Week {week}", week=week) if week is not None else ""


def obstacles(plan: WeekPlan, *, channels_now: int) -> list[str]:
    """What has to be mended before the week can be created: a sentence each. `channels_now` counts categories too."""
    found = []
    if not plan.title:
        found.append(_("Which week is it? Say so under **Edit**."))
    if not plan.rows:
        found.append(_("There is no game yet. Type them under **Edit**, one a line: `Texans vs Colts`."))
    if len(plan.rows) > CHANNELS_PER_CATEGORY:
        found.append(
            _(
                "{games} games, but Discord allows {most} channels in a category. "
                "Take some out under **Edit**, and put them into a second category.",
                games=len(plan.rows),
                most=CHANNELS_PER_CATEGORY,
            )
        )
    room = CHANNELS_PER_SERVER - channels_now
    if len(plan.rows) + 1 > room:
        found.append(
            _(
                "This needs {channels} channels (the category counts), and this server has room for {room}: Discord "
                "allows {most}. Delete old weeks first: `/league delete`.",
                channels=len(plan.rows) + 1,
                room=max(room, 0),
                most=CHANNELS_PER_SERVER,
            )
        )
    times = Counter(row.channel for row in plan.rows if row.channel)
    found += [_("**{name}** is there {count} times.", name=name, count=n) for name, n in times.items() if n > 1]
    if any(not row.channel for row in plan.rows):
        found.append(_("A game has no name that Discord could make a channel of."))
    return found
