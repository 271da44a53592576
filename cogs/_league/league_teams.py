"""The view of `/league teams`: who plays which team on this server, and what can be done with each."""

from collections.abc import Sequence
from typing import Any

import discord

from bot.client import Trilo
from bot.league.league_book import TeamExistsError, TooManyTeamsError
from bot.league.team_list import MAX_TEAMS, Team
from bot.translation import _, count_text, mark, n_
from cogs._kit.access import NOT_A_COMMISSIONER, may_run_league
from cogs._kit.controls import Pick, Press, turning
from cogs._kit.look import separated
from cogs._kit.owned import OwnedView
from cogs._kit.tables import LABEL_CHARACTERS, cut, plain
from cogs._league.league_team_forms import ListForm, TeamForm, team_words

PAGE = 25
"""Teams shown at once: as many as Discord takes in a list to pick from."""
NONE_YET = mark(
    "There is none yet. With a list of teams I can tell which ones a schedule means, and tag their players.\n"
    "**Paste a list** takes them all at once."
)
GONE = mark("That team is gone: somebody has changed the list meanwhile.")
TOO_MANY = mark("A server may have {most} teams. Nothing was changed.")


class TeamsView(OwnedView):
    """A server's teams, a page at a time; whichever is picked can be changed."""

    def __init__(self, interaction: discord.Interaction[Trilo]) -> None:
        super().__init__(interaction, "/league teams")
        self._teams: Sequence[Team] = ()
        self._picked: str | None = None
        self._page = 0

    async def refusal(self, interaction: discord.Interaction[Trilo]) -> str | None:
        """For whoever may run the league."""
        return None if await may_run_league(interaction) else _(NOT_A_COMMISSIONER)

    async def load(self) -> None:
        """Read the teams."""
        self._teams = await self.league.teams(self.guild.id)
        self._page = max(0, min(self._page, self._last_page))

    def draw(self) -> None:
        """The teams first, then what can be done."""
        texts = [self._heading(), "\n".join(map(team_words, self._shown)) or _(NONE_YET), self.note]
        self.frame(*separated(texts))
        for row in self._controls():
            self.add_item(discord.ui.ActionRow(*row))

    async def put(self, interaction: discord.Interaction[Trilo], team: Team, instead_of: str | None) -> None:
        """Add a team, or change the one called `instead_of`, and say how it went."""
        try:
            done = await self.league.put_team(self.guild.id, team, actor=interaction.user.id, instead_of=instead_of)
        except TeamExistsError as error:
            words = _("There is a team called `{team}` already. Nothing was changed.", team=plain(error.name))
            await self.redraw(interaction, words)
        except TooManyTeamsError:
            await self.redraw(interaction, _(TOO_MANY, most=MAX_TEAMS))
        else:
            await self._show(interaction, team.name, f"✅ {team_words(team)}" if done else _(GONE))

    async def replace(self, interaction: discord.Interaction[Trilo], teams: Sequence[Team], note: str) -> None:
        """Put a whole list in the place of the one there is, and say how it went."""
        try:
            await self.league.set_teams(self.guild.id, teams, actor=interaction.user.id)
        except TooManyTeamsError:
            note = _(TOO_MANY, most=MAX_TEAMS)
        self._picked, self._page = None, 0
        await self.redraw(interaction, note)

    @property
    def _shown(self) -> Sequence[Team]:
        return self._teams[self._page * PAGE : (self._page + 1) * PAGE]

    @property
    def _last_page(self) -> int:
        return max(0, len(self._teams) - 1) // PAGE

    @property
    def _team(self) -> Team | None:
        """The one that was picked, where it is on this page."""
        return next((team for team in self._shown if team.name == self._picked), None)

    def _heading(self) -> str:
        if not self._teams:
            return _("## Teams")
        idle = sum(team.user_id is None for team in self._teams)
        told = [
            n_("{n}\u00a0team", "{n}\u00a0teams", len(self._teams)),
            _("{n} without a player", n=count_text(idle)) if idle else _("each with a player"),
        ]
        if self._last_page:
            told.append(_("page {page} of {pages}", page=self._page + 1, pages=self._last_page + 1))
        return "\n".join([_("## Teams"), f"-# {' · '.join(told)}"])

    def _controls(self) -> list[list[discord.ui.Item[Any]]]:
        rows: list[list[discord.ui.Item[Any]]] = []
        if self._shown:
            options = [
                discord.SelectOption(
                    label=cut(plain(team.name), LABEL_CHARACTERS), value=team.name, default=team.name == self._picked
                )
                for team in self._shown
            ]
            rows.append([Pick(options, self._pick, custom_id="teams:pick", placeholder=_("Pick a team to change it"))])
        if self._team is not None:
            danger = discord.ButtonStyle.danger
            rows.append(
                [
                    Press(_("Change"), self._ask_change, custom_id="teams:change", opens_form=True),
                    Press(_("Remove"), self._remove, custom_id="teams:remove", style=danger),
                ]
            )
        rows.append(
            [
                Press(_("Add a team"), self._ask_team, custom_id="teams:add", opens_form=True),
                Press(_("Paste a list"), self._ask_list, custom_id="teams:paste", opens_form=True),
                *turning(self._page, self._last_page, self._turn, prefix="teams"),
            ]
        )
        return rows

    async def _show(self, interaction: discord.Interaction[Trilo], name: str, note: str) -> None:
        """Show everything anew, at the page that a team is on."""
        self._picked = name
        names = [team.name for team in await self.league.teams(self.guild.id)]
        if name in names:
            self._page = names.index(name) // PAGE
        await self.redraw(interaction, note)

    async def _pick(self, interaction: discord.Interaction[Trilo], values: list[str]) -> None:
        self._picked = values[0]
        await self.redraw(interaction)

    async def _turn(self, interaction: discord.Interaction[Trilo], by: int) -> None:
        self._page += by
        await self.redraw(interaction)

    async def _ask_team(self, interaction: discord.Interaction[Trilo]) -> None:
        await interaction.response.send_modal(TeamForm(self, self.put))

    async def _ask_list(self, interaction: discord.Interaction[Trilo]) -> None:
        await interaction.response.send_modal(ListForm(self, self.replace))

    async def _ask_change(self, interaction: discord.Interaction[Trilo]) -> None:
        await interaction.response.send_modal(TeamForm(self, self.put, self._team))

    async def _remove(self, interaction: discord.Interaction[Trilo]) -> None:
        team, self._picked = self._team, None
        if team is None:  # pressed twice
            return
        removed = await self.league.remove_team(self.guild.id, team.name, actor=interaction.user.id)
        words = _("Removed `{team}`.", team=plain(team.name)) if removed else _(GONE)
        await self.redraw(interaction, words)
