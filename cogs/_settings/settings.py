"""The view of `/settings`: pages of rows, each a setting with what changes it. Rows are made in `settings_rows`.

A new setting is one more function in a page's `rows`; Discord allows 40 components in a message, some ten rows a page.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import discord

from bot.client import Trilo
from bot.translation import _
from bot.usage.budgeting.server_settings import ServerSettings
from cogs._budgets.budget_words import paused_words
from cogs._kit.controls import Pick
from cogs._kit.owned import OwnedView


class SettingsView(OwnedView):
    """One server's settings as one person changes them. `settings` are those on the books at the last look.

    `zone_choices` are the time zones to choose among where what somebody typed matched several; `quota_subject` is the
    `role:ID` or `user:ID` whose rule among `quota_rules` is being given or changed; `teams` counts the league's.
    `operator_days` is how long the operator keeps single calls, None for good; `retention_wanted` a shorter time that
    somebody has chosen and not confirmed. It opens on the first page, or on the one whose name is given.
    """

    def __init__(
        self, interaction: discord.Interaction[Trilo], pages: "Mapping[str, Page]", page: str | None = None
    ) -> None:
        super().__init__(interaction, "/settings")
        self.settings = ServerSettings(self.guild.id)
        self.quota_rules: Mapping[str, str] = {}
        self.teams = 0
        self.zone_choices: list[str] = []
        self.quota_subject: str | None = None
        self.operator_days = self._bot.services.settings.retention_days
        self.retention_wanted: int | None = None
        self._pages = pages
        self._page = page or next(iter(pages))

    async def load(self) -> None:
        """Read them."""
        self.settings = await self.tracker.settings.of(self.guild.id)
        self.quota_rules = await self.tracker.quotas.rules(self.guild.id)
        self.teams = len(await self.league.teams(self.guild.id))

    def draw(self) -> None:
        """One page of rows, and a list of the pages."""
        page = self._pages[self._page]
        heading = _("## Settings: {page}", page=_(page.title))
        if self.settings.paused:
            heading += f"\n{paused_words(self.settings.paused_until)}"
        items: list[discord.ui.Item[Any]] = [discord.ui.TextDisplay(heading)]
        for row in page.rows:
            items += [discord.ui.Separator(), *row(self)]
        if self.note:
            items += [discord.ui.Separator(), discord.ui.TextDisplay(self.note)]
        self.frame(*items)
        options = [
            discord.SelectOption(label=_(other.title), value=name, default=name == self._page)
            for name, other in self._pages.items()
        ]
        self.add_item(discord.ui.ActionRow(Pick(options, self._turn, custom_id="settings:page")))

    async def choose(self, interaction: discord.Interaction[Trilo], note: str, **chosen: Any) -> None:
        """Store what was chosen, in the words of `SettingsBook.choose`, and show it with a note."""
        await self.tracker.settings.choose(self.guild.id, actor=interaction.user.id, **chosen)
        await self.redraw(interaction, note)

    async def _turn(self, interaction: discord.Interaction[Trilo], values: list[str]) -> None:
        self._page = values[0]
        self.zone_choices, self.quota_subject, self.retention_wanted = [], None, None
        await self.redraw(interaction)


Row = Callable[[SettingsView], list[discord.ui.Item[Any]]]
"""Makes the components of one setting."""


@dataclass(frozen=True, slots=True)
class Page:
    """Settings that are shown together. `title` is what the list of pages shows: marked, translated there."""

    title: str
    rows: tuple[Row, ...]
