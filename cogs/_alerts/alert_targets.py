"""The view "E-mail and webhooks": the addresses outside Discord that a server's alerts go to, shown masked (I35)."""

from collections.abc import Sequence
from typing import Any

import discord

from bot.alerts.addresses import AddressRefusedError
from bot.alerts.outside import NotSentError
from bot.client import Trilo, answer_privately
from bot.translation import _, mark, speaking
from bot.usage.alerting.alert_targets import MOST, AlertTarget, TooManyTargetsError
from cogs._kit.access import NOT_A_MANAGER, acknowledge, may_manage
from cogs._kit.controls import Pick, Press
from cogs._kit.language import server_language
from cogs._kit.names import who_words
from cogs._kit.owned import OwnedModal, OwnedView

TITLE = mark("E-mail and webhooks")
_INTRODUCTION = mark(
    "Alerts of this server go to these addresses too, as [apprise](https://appriseit.com/services) writes "
    "them: `mailtos://user:password@example.com?to=me@example.com`, `jsons://example.com/hook`, or a webhook of "
    "Discord or Slack as they show it."
)
_NONE = mark("-# There is none so far.")
_OFF = mark("-# The operator has switched this off for now (APP_ENV=development): nothing is sent.")
_NO_TEST = mark("No test was sent: the operator has switched this off for now.")
_TEST = mark("This is a test: Trilo's alerts will arrive here.")
_GONE = mark("That address was removed meanwhile.")
_HANGS = mark("I can't look that address up just now. Please try again in a minute.")


async def open_alert_targets(interaction: discord.Interaction[Trilo]) -> None:
    """Answer a press or command with the view, for whoever may manage the server. Raises `DatabaseUnavailableError`."""
    if not interaction.response.is_done():
        await interaction.response.defer(ephemeral=True, thinking=True)
    if interaction.guild is None or not await may_manage(interaction):
        await answer_privately(interaction, _(NOT_A_MANAGER))
        return
    await AlertTargetsView(interaction).open(interaction)


class AlertTargetsView(OwnedView):
    """The list, with a form to add one; whichever is picked can be tried or removed."""

    def __init__(self, interaction: discord.Interaction[Trilo]) -> None:
        super().__init__(interaction, "/settings")
        self._targets: Sequence[AlertTarget] = ()
        self._picked: str | None = None

    async def load(self) -> None:
        """Read the server's addresses."""
        self._targets = await self.tracker.alert_targets.of(self.guild.id)
        if self._picked not in {target.id for target in self._targets}:
            self._picked = None

    def draw(self) -> None:
        """The list first, then what can be done."""
        lines = [
            f"{number}. " + _("`{address}`, added by {who}", address=target.label, who=who_words(target.added_by))
            for number, target in enumerate(self._targets, 1)
        ]
        off = "" if self._bot.services.settings.alerts_outside else _(_OFF)
        heading = f"## {_(TITLE)}\n{_(_INTRODUCTION)}"
        text = "\n".join(filter(None, [heading, *(lines or [_(_NONE)]), off, self.note]))
        self.frame(discord.ui.TextDisplay(text))
        if self._targets:
            options = [
                discord.SelectOption(label=target.label[:100], value=target.id, default=target.id == self._picked)
                for target in self._targets
            ]
            self.add_item(discord.ui.ActionRow(Pick(options, self._pick, custom_id="alert-targets:pick")))
        self.add_item(discord.ui.ActionRow(*self._presses()))

    async def add(self, interaction: discord.Interaction[Trilo], address: str) -> None:
        """Check an address that was typed, add it, and say how it went."""
        try:
            label = await self._bot.outside.check(address, self.guild.id)
            await self.tracker.alert_targets.add(self.guild.id, address, label, actor=interaction.user.id)
        except AddressRefusedError as error:
            note = str(error)
        except NotSentError:
            note = _(_HANGS)
        except TooManyTargetsError:
            note = _("A server may have {most} addresses. Remove one first.", most=MOST)
        else:
            note = _("Added `{address}`.", address=label)
        await self.redraw(interaction, note)

    def _presses(self) -> list[discord.ui.Item[Any]]:
        idle = self._picked is None
        return [
            Press(_("Add an address"), self._ask, custom_id="alert-targets:add", opens_form=True),
            Press(_("Send a test"), self._test, custom_id="alert-targets:test", disabled=idle),
            Press(
                _("Remove"),
                self._remove,
                custom_id="alert-targets:remove",
                style=discord.ButtonStyle.danger,
                disabled=idle,
            ),
        ]

    async def _ask(self, interaction: discord.Interaction[Trilo]) -> None:
        await interaction.response.send_modal(AddressForm(self))

    async def _pick(self, interaction: discord.Interaction[Trilo], values: list[Any]) -> None:
        self._picked = values[0]
        await self.redraw(interaction)

    async def _test(self, interaction: discord.Interaction[Trilo]) -> None:
        picked = next((target for target in self._targets if target.id == self._picked), None)
        if picked is None:
            await self.redraw(interaction, _(_GONE))
            return
        if not self._bot.services.settings.alerts_outside:
            await self.redraw(interaction, _(_NO_TEST))
            return
        with speaking(await server_language(self._bot, self.guild)):
            title, text = _("Trilo: a test from {server}", server=self.guild.name), _(_TEST)
        try:
            await self._bot.outside.send_now(picked.id, self.guild.id, title, text)
        except NotSentError as error:
            note = _("The test to `{address}` failed: {problem}.", address=picked.label, problem=error)
        else:
            note = _("A test is on its way to `{address}`.", address=picked.label)
        await self.redraw(interaction, note)

    async def _remove(self, interaction: discord.Interaction[Trilo]) -> None:
        removed = self._picked is not None and await self.tracker.alert_targets.remove(
            self._picked, guild_id=self.guild.id, actor=interaction.user.id
        )
        await self.redraw(interaction, _("Removed.") if removed else _(_GONE))


class AddressForm(OwnedModal):
    """Asks for one address."""

    def __init__(self, view: AlertTargetsView) -> None:
        super().__init__(view, _(TITLE))
        self._opener = view
        self.address = discord.ui.TextInput[Any](custom_id="address", max_length=500, placeholder="mailtos://…")
        self.add_item(discord.ui.Label(text=_("Address"), component=self.address))

    async def on_submit(self, interaction: discord.Interaction[Trilo], /) -> None:  # type: ignore[override]
        """Acknowledge, then check and add."""
        await acknowledge(interaction)
        await self._opener.add(interaction, self.address.value.strip())
