"""The plan of a week: which channels will be made for which games, every row of it to be corrected first."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import discord

from bot.client import Trilo
from bot.league.games import Game, games_text, parse_games
from bot.league.tagging import Guests, players_of
from bot.league.team_list import Row, TeamList
from bot.league.week_plan import WeekPlan, obstacles, title_of
from bot.translation import _, n_
from bot.usage.reporting.receipts import Receipt
from cogs._kit.access import acknowledge
from cogs._kit.asker import Asker
from cogs._kit.controls import Pick, Press
from cogs._kit.tables import cut, plain
from cogs._league.layouts import lacking
from cogs._league.plan import PlanView
from cogs._league.plan_words import safe
from cogs._league.week import create_week, roles_to_mention
from cogs._league.week_form import WeekForm
from cogs._league.week_suggestions import chosen, suggestions

MOST_GUESTS = 10
_DOUBT_CHARACTERS = 400


class WeekPlanView(PlanView):
    """Create a week. `games` are as read or typed, `unread` what of it wasn't understood, `teams` the server's list."""

    action = "league created"

    def __init__(
        self,
        asker: Asker,
        plan: WeekPlan,
        *,
        games: Sequence[Game],
        unread: Sequence[str],
        teams: TeamList,
        receipt: Receipt,
        shows_money: bool,
        picture: str,
    ) -> None:
        super().__init__(asker, "/league create", receipt, shows_money=shows_money, picture=picture)
        self.games = list(games)
        self.unread = list(unread)
        self._teams = teams
        self._commissioner_role_id: int | None = None
        self.plan = replace(plan, rows=tuple(teams.rows(self.games)))

    async def load(self) -> None:
        """Who runs the league, and so sees its private channels."""
        self._commissioner_role_id = (await self.tracker.settings.of(self.guild.id)).commissioner_role_id

    @property
    def text(self) -> str:
        """The games as they are edited: one a line, with what wasn't understood at the end, so that nothing is lost."""
        return "\n".join(filter(None, [games_text([*self._as_shown()]), *self.unread]))

    def heading(self) -> str:
        """The week and how many games."""
        title = safe(self.plan.title) if self.plan.title else _("A new week")
        if not self.plan.rows:
            return _("{title}: no games yet", title=title)
        return n_("{title}: {n}\u00a0game", "{title}: {n}\u00a0games", len(self.plan.rows), title=title)

    def lines(self) -> Sequence[str]:
        """A channel a line, with its game and what is doubtful about it."""
        return [_line(number, row, self.plan) for number, row in enumerate(self.plan.rows, 1)]

    def below(self) -> Sequence[str]:
        """Who will see the channels, who is tagged, and what to look at."""
        words = []
        if self.plan.title and self.plan.rows:
            title = safe(self.plan.title)
            words.append(_("A category **{title}** with these channels will be created.", title=title))
        if self.plan.doubtful:
            words.append(
                n_(
                    "Please look at {n}\u00a0row marked ⚠️; **Edit** corrects them.",
                    "Please look at {n}\u00a0rows marked ⚠️; **Edit** corrects them.",
                    self.plan.doubtful,
                )
            )
        if self.plan.private:
            words.append(_("**Private**: only a game's players, whoever runs the league and I see its channel."))
        if self.plan.private or self.plan.tag:
            words += self._who_else()
        if self.plan.tag and (silent := self._silent_roles()):
            words.append(_("{roles} won't be pinged: that role may not be mentioned.", roles=silent))
        if any(category.name.casefold() == self.plan.title.casefold() for category in self.guild.categories):
            words.append(_("There is a category of that name already; this makes another."))
        return words

    def obstacles(self) -> Sequence[str]:
        """What Discord, or what was typed, doesn't allow."""
        found = obstacles(self.plan, channels_now=len(self.guild.channels))
        found += [
            _("I don't understand “{text}”. **Edit** it to `Texans vs Colts`.", text=safe(cut(part, 80)))
            for part in self.unread
        ]
        return found + lacking(self.guild)

    def carry_out_label(self) -> str:
        """How many channels."""
        return n_("Create {n}\u00a0channel", "Create {n}\u00a0channels", len(self.plan.rows))

    def controls(self) -> list[discord.ui.ActionRow[Any]]:
        """Edit, private or not, tagged or not, and who else."""
        private, tag = self.plan.private, self.plan.tag
        rows = [
            discord.ui.ActionRow[Any](
                Press(_("Edit"), self._edit, custom_id="plan:edit", opens_form=True, style=discord.ButtonStyle.primary),
                Press(
                    _("Private: on") if private else _("Private: off"), self._switch_private, custom_id="plan:private"
                ),
                Press(_("Tag players: on") if tag else _("Tag players: off"), self._switch_tag, custom_id="plan:tag"),
            )
        ]
        if offered := suggestions(self.plan.rows):
            options = [one.option for one in offered]
            take = Pick(options, self._take, custom_id="plan:suggestion", placeholder=_("Correct a doubtful row"))
            rows.append(discord.ui.ActionRow(take))
        if private or tag:
            rows.append(discord.ui.ActionRow(PickGuests(self)))
        return rows

    def planned(self) -> dict[str, Any]:
        """The week."""
        return {"week": self.plan.week, "title": self.plan.title}

    async def carry_out(self, interaction: discord.Interaction[Trilo]) -> tuple[str, dict[str, Any]]:
        """Create everything; the result links to each channel."""
        category, channels = await create_week(
            self.guild,
            self.plan,
            commissioner_role_id=self._commissioner_role_id,
            mentionable=self._mentionable(),
            reason=f"/league create by {interaction.user} ({interaction.user.id})",
            progress=self.progress,
        )
        links = " ".join(channel.mention for channel in channels)
        told = n_(
            "✅ **{category}** is there, with {n}\u00a0channel.",
            "✅ **{category}** is there, with {n}\u00a0channels.",
            len(channels),
            category=safe(category.name),
        )
        return f"{told}\n{links}", {"category": category.id, "channels": len(channels)}

    def change(self, title: str, text: str) -> None:
        """Take over what was typed under Edit. What is still as it was read keeps its doubts."""
        self.question = ""
        as_read = self._as_shown()
        games, self.unread = parse_games(text)
        self.games = [as_read.get(game, game) for game in games]
        week = self.plan.week if title == self.plan.title else None
        self.plan = replace(self.plan, title=title_of(None, title), week=week, rows=tuple(self._teams.rows(self.games)))

    def invite(self, guests: Guests) -> None:
        """Let these in and tag them as well."""
        self.plan = replace(self.plan, guests=guests)

    async def _take(self, interaction: discord.Interaction[Trilo], values: list[str]) -> None:
        if (taken := chosen(values[0], self.plan.rows)) is not None:
            self.games[taken.row] = taken.applied_to(self.games[taken.row])
            self.plan = replace(self.plan, rows=tuple(self._teams.rows(self.games)))
        await self.redraw(interaction)

    async def _edit(self, interaction: discord.Interaction[Trilo]) -> None:
        await interaction.response.send_modal(WeekForm(self, self.plan.title, self.text, self.change))

    async def _switch_private(self, interaction: discord.Interaction[Trilo]) -> None:
        self.plan = replace(self.plan, private=not self.plan.private)
        await self.redraw(interaction)

    async def _switch_tag(self, interaction: discord.Interaction[Trilo]) -> None:
        self.plan = replace(self.plan, tag=not self.plan.tag)
        await self.redraw(interaction)

    def _as_shown(self) -> dict[Game, Game]:
        """The games as they were read, by what they look like with the names of the team list."""
        shown = [Game(row.away.name, row.home.name) for row in self.plan.rows]
        return dict(zip(shown, self.games, strict=True))

    def _mentionable(self) -> frozenset[int]:
        """In channels that are made anew, only what holds for the whole server counts."""
        return roles_to_mention(self.guild, self.asker.user.guild_permissions, self.guild.me.guild_permissions)

    def _who_else(self) -> Iterator[str]:
        if self.plan.guests:
            yield _("With the players: {guests}.", guests=self.plan.guests)
        if alone := sum(not players_of(row) for row in self.plan.rows):
            yield n_(
                "Nobody is known to play in {n}\u00a0game: `/league teams` says who plays whom.",
                "Nobody is known to play in {n}\u00a0games: `/league teams` says who plays whom.",
                alone,
            )

    def _silent_roles(self) -> str:
        mentionable = self._mentionable()
        return ", ".join(f"<@&{role}>" for role in self.plan.guests.roles if role not in mentionable)


class PickGuests(discord.ui.MentionableSelect[Any]):
    """Roles and members to let in and tag besides the players."""

    def __init__(self, view: WeekPlanView) -> None:
        guests = view.plan.guests
        kinds = discord.SelectDefaultValueType
        super().__init__(
            custom_id="plan:guests",
            placeholder=_("Also let in and tag"),
            min_values=0,
            max_values=MOST_GUESTS,
            default_values=[
                *(discord.SelectDefaultValue(id=role, type=kinds.role) for role in guests.roles),
                *(discord.SelectDefaultValue(id=member, type=kinds.user) for member in guests.members),
            ],
        )
        self._plan = view

    async def callback(self, interaction: discord.Interaction[Trilo]) -> None:  # type: ignore[override]
        """Hand them on; everyone's role is no guest."""
        await acknowledge(interaction)
        roles = [one.id for one in self.values if isinstance(one, discord.Role) and not one.is_default()]
        members = [one.id for one in self.values if not isinstance(one, discord.Role)]
        self._plan.invite(Guests(tuple(roles), tuple(members)))
        await self._plan.redraw(interaction)


def _line(number: int, row: Row, plan: WeekPlan) -> str:
    """`1.` the channel, the game, its players where that matters, and doubts."""
    who = ""
    if (plan.private or plan.tag) and (players := players_of(row)):
        who = " · " + " ".join(f"<@{user_id}>" for user_id in players)
    game = f"{safe(row.away.name)} vs {safe(row.home.name)}"
    doubts = f"\n   -# ⚠️ {safe(cut('; '.join(row.doubts), _DOUBT_CHARACTERS))}" if row.is_doubtful else ""
    return f"{number}. `{plain(row.channel) if row.channel else '?'}` · {game}{who}{doubts}"
