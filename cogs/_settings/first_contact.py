"""The hello to a new server, and its button, which opens a form for the server's own limit to whoever may set it."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Self

import discord

from bot.client import Trilo, answer_failure, answer_privately
from bot.figures import allowance
from bot.translation import _, mark
from bot.usage.budgeting.budgets import Budget, Mode, Owner, Scope
from bot.usage.budgeting.calendars import Period
from bot.usage.budgeting.limits import LimitNotUnderstoodError, parse_limit
from cogs._budgets.budget_confirm import ConfirmBudgetView
from cogs._budgets.budget_words import misread
from cogs._kit.access import NOT_A_MANAGER, in_time, may_manage
from cogs._kit.form import Form
from cogs._kit.language import hear
from cogs._kit.look import COLOUR
from cogs._settings.server_look import Fix
from cogs._settings.server_look_view import FixButton

_TEAM = mark("""\
## Hello, I'm Trilo
Thanks for having me. I answer questions, set up your league's weeks, and put every answer on the books with what it \
cost, to the last cent.
**Three things to try**
1. Mention me with a question: “{mention} what makes a fair trade?”
2. Ask me “how do I set up my league?”, and I say what is still missing here.
3. Open `/token-stats` and see what that cost.""")
_CAPPED = mark(
    "**What I may cost here: {cap}**\nWhoever runs me pays, and has set that limit. Below it you can set one of your "
    "own; alerts come into this channel before it is reached."
)
_CAP = mark("Whoever runs me allows {cap}. A lower limit of your own stops me before that.")
_UNCAPPED = mark(
    "**What I may cost here: no limit is set**\nWith one of your own nothing is spent beyond it, and alerts come into "
    "this channel before it is reached."
)
_EVERYBODY = mark(
    "Hello, I'm **Trilo**: I answer questions and set up your league's weeks. Try “{mention} what makes a fair "
    "trade?”, “{mention} how do I set up my league?” or `/help`."
)
_LIMITED = mark(
    "-# If you manage this server: what I may cost here is limited already. Only you see what the buttons open."
)
_UNLIMITED = mark(
    "-# If you manage this server: what I may cost here is not limited yet. Only you see what the buttons open."
)


@dataclass(frozen=True, slots=True)
class ServerHello:
    """What a hello depends on. `mention` is the bot's own, `cap` what the operator allows.

    `to_team`: only those who run the server read it, so that amounts may stand there. `has_alerts`: alerts have a
    channel before anybody has chosen one.
    """

    mention: str
    cap: Budget | None
    to_team: bool
    has_alerts: bool


class HelloView(discord.ui.LayoutView):
    """The hello with its buttons, in the language that is spoken when it is made. It has no state."""

    def __init__(self, hello: ServerHello) -> None:
        super().__init__(timeout=None)
        buttons = [LimitButton()] if hello.has_alerts else [LimitButton(), FixButton(Fix.ALERTS)]
        row = discord.ui.ActionRow[Self](*buttons)
        if hello.to_team:
            text = discord.ui.TextDisplay[Self](_(_TEAM, mention=hello.mention))
            cost = discord.ui.TextDisplay[Self](_limit_words(hello.cap))
            self.add_item(discord.ui.Container(text, discord.ui.Separator(), cost, row, accent_colour=COLOUR))
        else:
            todo = _(_EVERYBODY, mention=hello.mention)
            self.add_item(discord.ui.TextDisplay(f"{todo}\n{_(_LIMITED if hello.cap else _UNLIMITED)}"))
            self.add_item(row)


class LimitButton(discord.ui.DynamicItem[discord.ui.Button[Any]], template=r"hello:limit"):
    """Asks whoever presses, if they may, for the server's own limit; also below a hello from before this start."""

    def __init__(self) -> None:
        button = discord.ui.Button[Any](label=_("Set your own limit"), custom_id="hello:limit")
        super().__init__(button)

    @classmethod
    async def from_custom_id(
        cls, interaction: discord.Interaction[Any], item: discord.ui.Item[Any], match: re.Match[str], /
    ) -> Self:
        """Made anew by discord.py at each press."""
        return cls()

    async def callback(self, interaction: discord.Interaction[Any]) -> None:
        """Open the form, or say in words why not (I26)."""
        hear(interaction)
        try:
            if not await in_time(interaction, may_manage(interaction)):
                await answer_privately(interaction, _(NOT_A_MANAGER))
                return
            assert interaction.guild_id is not None  # noqa: S101 - nobody manages a server elsewhere
            rules = interaction.client.services.tracker.ledger.rules.of(interaction.guild_id)
            await interaction.response.send_modal(LimitForm(cap_of(rules.budgets)))
        except Exception as error:  # noqa: BLE001 - discord.py would log it with its message and tell nobody
            await answer_failure(interaction, "the button below a hello", error)


class LimitForm(Form):
    """Asks what a month may cost, below what the operator allows. What was typed is shown as a plan first, like that of
    `/budget set`.
    """

    def __init__(self, cap: Budget | None) -> None:
        super().__init__(_("What may AI cost here?"))
        if cap is not None:
            self.add_item(discord.ui.TextDisplay(_(_CAP, cap=allowance(cap))))
        self.limit = discord.ui.TextInput[Self](custom_id="limit", placeholder="$3", max_length=60)
        self.add_item(
            discord.ui.Label(
                text=_("Limit for a month"),
                description=_("Like $3, 0.50 or 200k tokens. You see what it does before it holds."),
                component=self.limit,
            )
        )

    async def on_submit(self, interaction: discord.Interaction[Trilo], /) -> None:  # type: ignore[override]
        """Show the plan to whoever still may set it."""
        hear(interaction)
        await interaction.response.defer(ephemeral=True, thinking=True)
        if interaction.guild is None or not await may_manage(interaction):
            await answer_privately(interaction, _(NOT_A_MANAGER))
            return
        try:
            amount = parse_limit(self.limit.value)
        except LimitNotUnderstoodError as error:
            await answer_privately(interaction, misread(error))
            return
        guild_id = interaction.guild.id
        wanted = Budget(
            "", guild_id, Scope.GUILD, str(guild_id), Period.MONTH, amount.unit, amount.amount, mode=Mode.HARD
        )
        await ConfirmBudgetView(interaction, wanted).open(interaction)

    async def on_error(self, interaction: discord.Interaction[Trilo], error: Exception, /) -> None:  # type: ignore[override]
        """Words for the person, details for the operator."""
        await answer_failure(interaction, "a limit below a hello", error)


def cap_of(budgets: Iterable[Budget]) -> Budget | None:
    """What the operator allows a server, of all its budgets."""
    caps = [one for one in budgets if one.owner is Owner.OPERATOR and one.scope is Scope.GUILD]
    return min(caps, key=lambda cap: cap.limit, default=None)


def _limit_words(cap: Budget | None) -> str:
    return _(_CAPPED, cap=allowance(cap)) if cap else _(_UNCAPPED)
