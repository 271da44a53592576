"""What mends what a server lacks: buttons below an ordinary message that work for whoever may, across restarts."""

import re
from collections.abc import Iterable
from typing import Any, Self

import discord

from bot.client import Trilo, answer_failure, answer_privately
from bot.translation import _, mark
from cogs._kit.access import NOT_A_COMMISSIONER, NOT_A_MANAGER, may_manage, may_run_league
from cogs._kit.language import hear
from cogs._league.league_teams import TeamsView
from cogs._settings.server_look import Fix, Missing
from cogs._settings.settings import SettingsView
from cogs._settings.settings_rows import PAGES

_LABELS = {
    Fix.ALERTS: mark("Choose the alert channel"),
    Fix.LEAGUE: mark("League settings"),
    Fix.TIME: mark("Choose the time zone"),
    Fix.TEAMS: mark("Teams"),
}
_ON_SERVERS = mark("That works on a server only.")


class FixesView(discord.ui.View):
    """A button for each fix of what is missing. It has no state: what a button opens is looked up when it is pressed.

    Without any fix it has no button, and isn't to be sent.
    """

    def __init__(self, missing: Iterable[Missing]) -> None:
        super().__init__(timeout=None)
        for fix in dict.fromkeys(one.fix for one in missing if one.fix is not None):
            self.add_item(FixButton(fix))


class FixButton(discord.ui.DynamicItem[discord.ui.Button[Any]], template=r"fix:(?P<fix>alerts|league|time|teams)"):
    """Opens what mends it, to whoever presses, if they may; also on a message sent before this start."""

    def __init__(self, fix: Fix) -> None:
        super().__init__(discord.ui.Button(label=_(_LABELS[fix]), custom_id=f"fix:{fix.value}"))
        self._fix = fix

    @classmethod
    async def from_custom_id(
        cls, interaction: discord.Interaction[Any], item: discord.ui.Item[Any], match: re.Match[str], /
    ) -> Self:
        """Made anew by discord.py at each press."""
        return cls(Fix(match["fix"]))

    async def callback(self, interaction: discord.Interaction[Any]) -> None:
        """Open it, or say in words why not (I26)."""
        hear(interaction)
        try:
            if interaction.guild is None:
                await answer_privately(interaction, _(_ON_SERVERS))
                return
            await interaction.response.defer(ephemeral=True, thinking=True)
            await _open(interaction, self._fix)
        except Exception as error:  # noqa: BLE001 - discord.py would log it with its message and tell nobody
            await answer_failure(interaction, f"the button {self._fix} below an answer", error)


async def _open(interaction: discord.Interaction[Trilo], fix: Fix) -> None:
    if fix is Fix.TEAMS:
        if await may_run_league(interaction):
            await TeamsView(interaction).open(interaction)
        else:
            await answer_privately(interaction, _(NOT_A_COMMISSIONER))
    elif await may_manage(interaction):
        await SettingsView(interaction, PAGES, fix.value).open(interaction)
    else:
        await answer_privately(interaction, _(NOT_A_MANAGER))
