"""An alert as a message whose buttons work across restarts: everything is checked anew when one is pressed (I26)."""

import re
from typing import Any, Self, cast

import discord

from bot.alerts.facts import AlertFacts
from bot.client import Trilo, answer_failure, answer_privately
from bot.translation import _, mark
from bot.usage.budgeting.alert_rows import AlertKind
from bot.usage.budgeting.budgets import BOT, Budget, Owner
from cogs._alerts.alert_raise import RaiseModal, raisable
from cogs._alerts.alert_text import discord_text, is_grave
from cogs._budgets.budget_words import paused_words
from cogs._kit.access import NOT_A_MANAGER, NOT_FOR_YOU, in_time, may_manage, may_see_usage
from cogs._kit.language import hear
from cogs._kit.look import NOBODY
from cogs._spend.spend import Choice
from cogs._spend.token_stats import TokenStatsView

WARNING = discord.Colour(0xF1C40F)
STOPPED = discord.Colour(0xE74C3C)
_LABELS = {"raise": mark("Raise the limit"), "pause": mark("Pause the AI"), "stats": mark("See the stats")}
_STYLES = {"pause": discord.ButtonStyle.danger}
_ALREADY_PAUSED = mark("The AI is paused already. `/ai resume` ends that.")
_ON_SERVERS = mark("That works on a server only.")


class AlertView(discord.ui.LayoutView):
    """One alert. It has no state: its buttons carry all they need in their ids.

    With the name of a `server` it is for a direct message, where none of the buttons would work.
    """

    def __init__(self, facts: AlertFacts, *, with_members: bool, server: str = "") -> None:
        super().__init__(timeout=None)
        text = discord.ui.TextDisplay[Self](discord_text(facts, with_members=with_members, server=server))
        colour = STOPPED if is_grave(facts) else WARNING
        self.add_item(discord.ui.Container(text, accent_colour=colour))
        if not server and (buttons := _buttons(facts)):
            self.add_item(discord.ui.ActionRow(*buttons))


class AlertButton(
    discord.ui.DynamicItem[discord.ui.Button[Any]],
    template=r"alert:(?P<action>raise|pause|stats):(?P<budget>[0-9a-f]{32})",
):
    """A button of any alert, also one sent before this start. Its id is only a hint: whoever presses is checked, and a
    budget is looked up among those of the server that it was pressed on.
    """

    def __init__(self, action: str, budget_id: str) -> None:
        style = _STYLES.get(action, discord.ButtonStyle.secondary)
        custom_id = f"alert:{action}:{budget_id}"
        super().__init__(discord.ui.Button(label=_(_LABELS[action]), style=style, custom_id=custom_id))
        self._action = action
        self._budget_id = budget_id

    @classmethod
    async def from_custom_id(
        cls, interaction: discord.Interaction[Any], item: discord.ui.Item[Any], match: re.Match[str], /
    ) -> Self:
        """Made anew by discord.py at each press."""
        return cls(match["action"], match["budget"])

    async def callback(self, interaction: discord.Interaction[Any]) -> None:
        """Do it, or say in words why not."""
        hear(interaction)
        try:
            if interaction.guild is None:
                await answer_privately(interaction, _(_ON_SERVERS))
            elif self._action == "raise":
                await self._raise(interaction)
            elif self._action == "pause":
                await _pause(interaction, interaction.guild)
            else:
                await _show_stats(interaction, interaction.guild)
        except Exception as error:  # noqa: BLE001 - discord.py would log it with its message and tell nobody
            await answer_failure(interaction, f"the button {self._action} of an alert", error)

    async def _raise(self, interaction: discord.Interaction[Trilo]) -> None:
        found = await in_time(interaction, raisable(interaction, self._budget_id))
        if isinstance(found, str):
            await answer_privately(interaction, found)
        else:
            await interaction.response.send_modal(RaiseModal(found))


async def _pause(interaction: discord.Interaction[Trilo], guild: discord.Guild) -> None:
    await interaction.response.defer(ephemeral=True, thinking=True)
    if not await may_manage(interaction):
        await answer_privately(interaction, _(NOT_A_MANAGER))
        return
    settings = interaction.client.services.tracker.settings
    if (await settings.of(guild.id)).paused:
        await answer_privately(interaction, _(_ALREADY_PAUSED))
        return
    await settings.pause(guild.id, actor=interaction.user.id)
    await interaction.followup.send(paused_words(None), ephemeral=True, allowed_mentions=NOBODY)


async def _show_stats(interaction: discord.Interaction[Trilo], guild: discord.Guild) -> None:
    await interaction.response.defer(ephemeral=True, thinking=True)
    if not await may_see_usage(interaction):
        await answer_privately(interaction, _(NOT_FOR_YOU))
        return
    await TokenStatsView(guild, interaction.user.id, interaction.client, Choice()).open(interaction)


def _buttons(facts: AlertFacts) -> list[discord.ui.Item[AlertView]]:
    """Those that make sense: nobody on a server can raise the operator's limit, or end a provider's trouble."""
    alert = facts.alert
    if alert.kind is not AlertKind.BUDGET or alert.guild_id == BOT:
        return []
    actions = ["raise", "pause", "stats"] if _can_be_raised(facts.budget) else ["pause", "stats"]
    return cast("list[discord.ui.Item[AlertView]]", [AlertButton(action, alert.budget_id) for action in actions])


def _can_be_raised(budget: Budget | None) -> bool:
    return budget is not None and budget.owner is Owner.SERVER
