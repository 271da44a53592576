"""The form that edits an announcement: week, time and message."""

from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import discord

from bot.client import Trilo
from bot.league.advance_plan import MESSAGE_MOST
from bot.league.names import MAX_WEEK
from bot.league.when import understand_when
from bot.translation import _, mark
from cogs._access import acknowledge
from cogs._views.owned import OwnedModal
from cogs._views.plan_words import safe
from cogs._views.tables import cut

if TYPE_CHECKING:
    from cogs._views.advance_plan import AdvancePlanView

_EXAMPLES = mark("Sunday 8pm, tomorrow 21:00, in 2 days, 2026-11-30 20:00")


class AdvanceForm(OwnedModal):
    """Whoever sends it sees the announcement anew; nothing is posted. `now` is UTC."""

    def __init__(self, view: "AdvancePlanView", now: datetime) -> None:
        super().__init__(view, _("Edit the announcement"))
        self._plan = view
        self._now = now
        plan = view.plan
        when = view.when or (f"{plan.at.astimezone(ZoneInfo(view.zone)):%Y-%m-%d %H:%M}" if plan.at else "")
        self._week = _field("week", str(plan.week) if plan.week is not None else "", 4)
        self._when = _field("when", when, 100)
        self._message = _field("message", plan.message, MESSAGE_MOST, discord.TextStyle.paragraph)
        number = _("A number, or nothing")
        self.add_item(discord.ui.Label(text=_("Week"), description=number, component=self._week))
        self.add_item(discord.ui.Label(text=_("Next advance"), description=_(_EXAMPLES), component=self._when))
        self.add_item(discord.ui.Label(text=_("Your message"), component=self._message))

    async def on_submit(self, interaction: discord.Interaction[Trilo], /) -> None:  # type: ignore[override]
        """Take over what is understood, and ask about the rest."""
        await acknowledge(interaction)
        view, when, typed = self._plan, self._when.value.strip(), self._week.value.strip()
        at = understand_when(when, zone=view.zone, now=self._now) if when else None
        week = int(typed) if typed.isdecimal() and int(typed) <= MAX_WEEK else None
        view.plan = replace(view.plan, week=week, at=at, message=self._message.value.strip())
        view.when, view.question = when if at is None else "", ""
        view.questions = [not_understood(when)] if when and at is None else []
        if typed and week is None:
            no_week = _("“{text}” is no week: give a number from 0 to {last}.", text=safe(typed), last=MAX_WEEK)
            view.questions.append(no_week)
        await view.redraw(interaction)


def not_understood(when: str) -> str:
    """What to say to a time that can't be read, or that is over."""
    return _(
        "I don't understand “{text}” as a time to come. **Edit** it, like: {examples}.",
        text=safe(cut(when, 80)),
        examples=_(_EXAMPLES),
    )


def _field(name: str, default: str, most: int, style: discord.TextStyle = discord.TextStyle.short) -> Any:
    return discord.ui.TextInput(custom_id=name, default=default, max_length=most, required=False, style=style)
