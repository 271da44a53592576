"""The form behind Change: a time zone by its name or by a city."""

import asyncio
from typing import Any

import discord

from bot.client import Trilo, answer_privately
from bot.translation import _, mark
from cogs._kit.access import acknowledge
from cogs._kit.owned import OwnedModal
from cogs._settings.settings import SettingsView
from cogs._settings.settings_zones import MOST, zones_matching

NO_SUCH_ZONE = mark("I know no such time zone or city. Try the largest city in your zone, like `Berlin` or `New York`.")


class ZoneForm(OwnedModal):
    """Sets the zone if what was typed means one, and offers those it may mean otherwise."""

    def __init__(self, view: SettingsView) -> None:
        super().__init__(view, _("Time zone"))
        self._settings = view
        self._typed: discord.ui.TextInput[Any] = discord.ui.TextInput(
            custom_id="zone", placeholder=_("Berlin, New York, Europe/Paris, UTC"), max_length=60
        )
        self.add_item(discord.ui.Label(text=_("A time zone, or the largest city in it"), component=self._typed))

    async def on_submit(self, interaction: discord.Interaction[Trilo], /) -> None:  # type: ignore[override]
        """Set it, offer a choice, or say that nothing matches."""
        await acknowledge(interaction)
        found = await asyncio.to_thread(zones_matching, self._typed.value)
        if not found:
            unchanged = _("Nothing was changed.")
            await answer_privately(interaction, f"{_(NO_SUCH_ZONE)} {unchanged}")
        elif len(found) == 1:
            await set_zone(self._settings, interaction, found[0])
        else:
            self._settings.zone_choices = found
            note = _("Several time zones match. Choose one from the list.")
            more = _("These are the first: type more of the name for others.") if len(found) == MOST else ""
            await self._settings.redraw(interaction, f"{note} {more}".rstrip())


async def set_zone(view: SettingsView, interaction: discord.Interaction[Trilo], name: str) -> None:
    """Count this server's days in another zone from now on. Raises `DatabaseUnavailableError`."""
    view.zone_choices = []
    if name == view.settings.time_zone:
        await view.redraw(interaction, _("{zone} is the time zone already.", zone=name))
        return
    await view.tracker.settings.set_time_zone(view.guild.id, name, actor=interaction.user.id)
    note = _("✅ {zone}: each day, week and month is counted there from its next start on.", zone=name)
    await view.redraw(interaction, note)
