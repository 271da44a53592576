"""A press, or a form, that nothing answers any more gets words, not Discord's “This interaction failed” (I29)."""

from typing import Any, cast

import discord
from discord.ext import commands

from bot.client import Trilo, answer_privately
from bot.translation import _, mark
from cogs._alerts.alert import AlertButton
from cogs._kit.form import is_known
from cogs._kit.language import hear
from cogs._kit.private import is_offered, is_open
from cogs._league import plan
from cogs._settings.first_contact import LimitButton
from cogs._settings.server_look_view import FixButton
from cogs._spend import my_usage, stats_controls

GONE = mark("That is from before I restarted, or it has expired. Use the command again: nothing was changed.")
_STANDING = (AlertButton, FixButton, LimitButton)
"""Buttons that work on any message, whenever it was sent."""
_TAKEN_UP = (stats_controls.PREFIX, my_usage.PREFIX)
"""How the ids of controls begin that go on after a restart."""


class DeadPressesCog(commands.Cog):
    """Listens for presses on what a restart has taken, for forms from before it, and for ids nobody was ever shown."""

    @commands.Cog.listener()
    async def on_interaction(self, interaction: discord.Interaction[Trilo]) -> None:
        """Answer, where nobody else does."""
        custom_id = str(cast("dict[str, Any]", interaction.data or {}).get("custom_id", ""))
        if _is_dead(interaction, custom_id):
            hear(interaction)
            await answer_privately(interaction, _(plan.GONE if custom_id.startswith(plan.PREFIX) else GONE))


def _is_dead(interaction: discord.Interaction[Trilo], custom_id: str) -> bool:
    if interaction.type is discord.InteractionType.modal_submit:
        return not is_known(custom_id) and not interaction.response.is_done()
    if interaction.type is not discord.InteractionType.component or interaction.message is None:
        return False
    if not is_offered(interaction):
        return True
    lives_on = custom_id.startswith(_TAKEN_UP) or any(
        button.__discord_ui_compiled_template__.fullmatch(custom_id) for button in _STANDING
    )
    return not lives_on and not is_open(interaction)


async def setup(bot: Trilo) -> None:
    """Called by discord.py when the extension is loaded."""
    await bot.add_cog(DeadPressesCog())
