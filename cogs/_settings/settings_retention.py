"""The page Privacy of `/settings`: for how long single calls are kept."""

from typing import Any

import discord

from bot.client import Trilo
from bot.translation import _, mark, n_
from bot.usage.upkeep.retention import SERVER_DAYS
from cogs._kit.controls import Pick, Press, Pressed
from cogs._settings.settings import SettingsView

_OPERATORS = "operator"
_WHAT_GOES = mark(
    "-# Who asked what kind of question, when, with how many tokens: never the words. Older ones are deleted "
    "twice a day. Totals stay for good. With fewer days, `/my-usage` and exports reach less far back."
)


def retention(view: SettingsView) -> list[discord.ui.Item[Any]]:
    """The list, and a question before anything goes that would be there otherwise."""
    longest, now = view.operator_days, view.settings.retention_days
    held = now if now is not None and (longest is None or now < longest) else None
    kept, wanted = held or longest, view.retention_wanted

    async def picked(interaction: discord.Interaction[Trilo], values: list[str]) -> None:
        days = None if values[0] == _OPERATORS else int(values[0])
        if days is not None and (kept is None or days < kept):
            view.retention_wanted = days
            await view.redraw(interaction)
        else:
            await choose(interaction, days)

    async def confirmed(interaction: discord.Interaction[Trilo]) -> None:
        await choose(interaction, wanted)

    async def cancelled(interaction: discord.Interaction[Trilo]) -> None:
        if view.retention_wanted is not None:  # else it was confirmed at the same moment
            view.retention_wanted = None
            await view.redraw(interaction, _("Nothing was changed."))

    async def choose(interaction: discord.Interaction[Trilo], days: int | None) -> None:
        view.retention_wanted = None
        await view.choose(interaction, _told(days or longest), retention_days=days)

    text = f"{_heading(kept)}\n{_(_WHAT_GOES)}"
    choices = [days for days in SERVER_DAYS if longest is None or days < longest]
    options = [discord.SelectOption(label=_days(days), value=str(days), default=days == held) for days in choices]
    options.append(discord.SelectOption(label=_usual(longest), value=_OPERATORS, default=held is None))
    rows: list[discord.ui.Item[Any]] = [
        discord.ui.TextDisplay(text),
        discord.ui.ActionRow(Pick(options, picked, custom_id="settings:retention")),
    ]
    return rows if wanted is None else [*rows, *_question(wanted, confirmed, cancelled)]


def _question(days: int, confirmed: Pressed, cancelled: Pressed) -> list[discord.ui.Item[Any]]:
    question = n_(
        "⚠️ Calls older than {n}\u00a0day are deleted for good. Go on?",
        "⚠️ Calls older than {n}\u00a0days are deleted for good. Go on?",
        days,
    )
    only = n_("Keep {n}\u00a0day only", "Keep {n}\u00a0days only", days)
    shorter = Press(only, confirmed, custom_id="settings:shorter", style=discord.ButtonStyle.danger)
    as_before = Press(_("Cancel"), cancelled, custom_id="settings:as-before")
    return [discord.ui.TextDisplay(question), discord.ui.ActionRow(shorter, as_before)]


def _days(days: int) -> str:
    return n_("{n}\u00a0day", "{n}\u00a0days", days)


def _heading(days: int | None) -> str:
    if days is None:
        return _("**Single calls are kept for good**")
    return n_("**Single calls are kept for {n}\u00a0day**", "**Single calls are kept for {n}\u00a0days**", days)


def _told(days: int | None) -> str:
    if days is None:
        return _("Single calls are kept for good.")
    return n_("Single calls are kept for {n}\u00a0day.", "Single calls are kept for {n}\u00a0days.", days)


def _usual(days: int | None) -> str:
    if days is None:
        return _("As whoever runs this bot keeps them: for good")
    return n_(
        "As whoever runs this bot keeps them: {n}\u00a0day", "As whoever runs this bot keeps them: {n}\u00a0days", days
    )
