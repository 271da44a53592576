"""The forms of `/league teams`: one for a team and its player, one for a whole list."""

import asyncio
import re
from collections.abc import Awaitable, Callable, Collection, Iterator, Sequence
from contextlib import suppress
from typing import Any

import discord

from bot.client import Trilo
from bot.discord_failures import DISCORD_FAILED
from bot.league.games import TEAM_CHARACTERS
from bot.league.names import key_of
from bot.league.team_list import Team, parse_teams
from bot.translation import _, mark, n_
from cogs._kit.access import acknowledge
from cogs._kit.names import SNOWFLAKE
from cogs._kit.owned import OwnedModal, OwnedView
from cogs._kit.tables import NO_NAME, plain, shorten

NO_TEAM = mark("I found no team in that. Give one a line, like `Texans = Sam`. Nothing was changed.")
NO_LETTERS = mark("A team's name needs a letter or a digit. Nothing was changed.")
A_BOT = mark("Bots don't play. Nothing was changed.")
LOOKUP_SECONDS = 10.0
"""How long members are looked for by name."""
MOST_LOOKUPS = 60
"""Names that are looked for at once: Discord lets a bot send some hundred questions a minute, for all its servers."""
_MATCHES = 100
"""Members that Discord tells for one name, at most."""
_TOLD = 8
"""Names of one kind in an answer."""
_NICK_CHARACTERS = 32
_EXAMPLE = "Texans = Sam\nColts = @kim\nBears"
_MENTION = re.compile(rf"<@!?({SNOWFLAKE})>")

Put = Callable[[discord.Interaction[Trilo], Team, str | None], Awaitable[None]]
"""Given a team, and the name of the one it replaces."""
Replace = Callable[[discord.Interaction[Trilo], Sequence[Team], str], Awaitable[None]]
"""Given a whole list, and what to tell once it is stored."""


class TeamForm(OwnedModal):
    """A team's name and its player, for a new one or, with a `team`, to change that."""

    def __init__(self, view: OwnedView, put: Put, team: Team | None = None) -> None:
        super().__init__(view, _("Change this team") if team else _("Add a team"))
        self._put = put
        self._team = team
        self._name: discord.ui.TextInput[Any] = discord.ui.TextInput(
            custom_id="name", max_length=TEAM_CHARACTERS, default=team.name if team else None, placeholder="Texans"
        )
        now = team.user_id if team else None
        self._player: discord.ui.UserSelect[Any] = discord.ui.UserSelect(
            custom_id="player",
            required=False,
            min_values=0,
            default_values=[discord.Object(now, type=discord.User)] if now else [],
        )
        self.add_item(discord.ui.Label(text=_("Name"), component=self._name))
        nobody = _("Nobody is fine")
        self.add_item(discord.ui.Label(text=_("Who plays it"), description=nobody, component=self._player))

    async def on_submit(self, interaction: discord.Interaction[Trilo], /) -> None:  # type: ignore[override]
        """Acknowledge, then store it."""
        await acknowledge(interaction)
        name, player = _clean(self._name.value), next(iter(self._player.values), None)
        if name == _(NO_NAME) or not key_of(name):
            await self.view.redraw(interaction, _(NO_LETTERS))
        elif player is not None and player.bot:
            await self.view.redraw(interaction, _(A_BOT))
        else:
            team = Team(name, player.id if player else None)
            await self._put(interaction, team, self._team.name if self._team else None)


class ListForm(OwnedModal):
    """All teams at once, as typed or pasted, in the place of those there are."""

    def __init__(self, view: OwnedView, replace: Replace) -> None:
        super().__init__(view, _("Paste a list of teams"))
        self._replace = replace
        self._lines: discord.ui.TextInput[Any] = discord.ui.TextInput(
            custom_id="lines",
            style=discord.TextStyle.paragraph,
            max_length=4000,
            placeholder=_EXAMPLE,
        )
        rule = _("Replaces the list. A team without a player here keeps the one it had.")
        self.add_item(discord.ui.Label(text=_("One team a line"), description=rule, component=self._lines))

    async def on_submit(self, interaction: discord.Interaction[Trilo], /) -> None:  # type: ignore[override]
        """Read the lines, look for the players, store the list."""
        await acknowledge(interaction)
        named, odd = parse_teams(self._lines.value)
        if not named:
            await self.view.redraw(interaction, _(NO_TEAM))
            return
        guild = self.view.guild
        found = await find_members(guild, {player for _name, player in named if player})
        before = {key_of(team.name): team.user_id for team in await self.view.league.teams(guild.id)}
        teams = [
            Team(_clean(name), found.get(player) if player else before.get(key_of(name))) for name, player in named
        ]
        lost = [f"{name} ({player})" for name, player in named if player and player not in found]
        await self._replace(interaction, teams, "\n".join(_told(len(teams), lost, odd)))


def team_words(team: Team) -> str:
    """A team and its player in one line, which mentions nobody unless it is sent so that it may."""
    player = f"<@{team.user_id}>" if team.user_id else _("nobody yet")
    return f"`{plain(team.name)}` {player}"


async def find_members(guild: discord.Guild, texts: Collection[str]) -> dict[str, int]:
    """The member that each text means: a mention, or a name that one member alone goes by. Others are left out.

    Without the members intent the cache knows hardly anybody, so Discord is asked, by how a name begins.
    """
    found: dict[str, int] = {}

    async def look(text: str) -> None:
        if (user_id := await _one_member(guild, text)) is not None:
            found[text] = user_id

    with suppress(discord.DiscordException, *DISCORD_FAILED):
        async with asyncio.timeout(LOOKUP_SECONDS):
            await asyncio.gather(*map(look, list(texts)[:MOST_LOOKUPS]))
    return found


async def _one_member(guild: discord.Guild, text: str) -> int | None:
    if mention := _MENTION.fullmatch(text):
        members = await guild.query_members(user_ids=[int(mention[1])], limit=1, cache=False)
    else:
        name = text.removeprefix("@").strip().casefold()
        if not 0 < len(name) <= _NICK_CHARACTERS:
            return None
        asked = await guild.query_members(query=name, limit=_MATCHES, cache=False)
        members = [member for member in asked if name in map(str.casefold, _names(member))]
    people = [member.id for member in members if not member.bot]
    return people[0] if len(people) == 1 else None


def _names(member: discord.Member) -> list[str]:
    return [member.name, member.display_name, *filter(None, [member.global_name])]


def _clean(name: str) -> str:
    """Look-alike letters are made real ones, of which there may be more."""
    return plain(name)[:TEAM_CHARACTERS].rstrip()


def _told(teams: int, lost: Sequence[str], odd: Sequence[str]) -> Iterator[str]:
    yield n_("✅ {n}\u00a0team on the list.", "✅ {n}\u00a0teams on the list.", teams)
    if lost:
        yield _(
            "Without a player yet, since no one member has that name: {names}. Pick a team to change it.",
            names=_listed(lost),
        )
    if odd:
        yield _("Not understood: {names}.", names=_listed(odd))


def _listed(names: Sequence[str]) -> str:
    more = len(names) - _TOLD
    told = ", ".join(f"`{shorten(plain(name), 60)}`" for name in names[:_TOLD])
    return n_("{names} and {n}\u00a0other", "{names} and {n}\u00a0others", more, names=told) if more > 0 else told
