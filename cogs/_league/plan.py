"""A plan on the screen: what will be done, shown first, edited, and carried out only by a press of the same person."""

import asyncio
import logging
from collections.abc import Mapping, Sequence
from time import perf_counter
from typing import Any

import discord

from bot.client import Trilo, answer_privately
from bot.discord_failures import DISCORD_FAILED, is_over
from bot.errors import TakenBackError
from bot.league.under_way import Action
from bot.translation import _, mark, speak_to, speaking
from bot.usage import UsageError
from bot.usage.reporting.receipts import Receipt
from bot.words import RESTARTING, where
from cogs._kit.access import NOT_A_CHANNEL_MANAGER, NOT_A_COMMISSIONER, may_manage_channels, may_run_league
from cogs._kit.asker import Asker
from cogs._kit.controls import Press, Pressed
from cogs._kit.language import public_language
from cogs._kit.look import COLOUR, NOBODY
from cogs._kit.owned import OwnedView
from cogs._league.plan_picture import PlanPicture
from cogs._league.plan_words import ROOM, cost_words, page_row, pages, problems, remarks, safe

log = logging.getLogger(__name__)

PREFIX = "plan:"
"""How the ids of a plan's controls begin."""
PROGRESS_SECONDS = 1.3
"""Between two edits while a plan is carried out: Discord allows five in five seconds."""
GONE = mark(
    "That plan is from before I restarted, or it has expired. Ask me again for a fresh one: nothing was changed."
)
_DANGER = discord.Colour(0xE74C3C)
_CANCELLED = mark("Cancelled: nothing was changed.")
CHANGED = mark("Something has changed meanwhile: look again.")
_CUT_OFF = mark("What I had begun I took back, as far as there was time.")


class PlanView(OwnedView):
    """One plan of one person. Subclasses say what it shows and how it is carried out.

    `receipt` is what reading the request cost, if a model did; `shows_money` whether that may be told in dollars.
    `picture` is the picture it was read from, as a data address, which stays beside it; `question` what the model asked
    back. `working` are the words while it is carried out, `over` those afterwards. Below a message it speaks the
    server's language, whoever presses; in answer to a command the person's.
    """

    action = ""
    """What the history calls it: `league …`."""
    needs_manage_channels = False
    danger = False

    def __init__(
        self,
        asker: Asker,
        command: str,
        receipt: Receipt | None = None,
        *,
        shows_money: bool = False,
        picture: str = "",
    ) -> None:
        super().__init__(asker, command)
        self.asker = asker
        self._receipt = receipt or Receipt()
        self._picture = PlanPicture(picture)
        self.over = ""
        self.working = ""
        self.question = ""
        self._shows_money = shows_money
        self._page = 0
        self._drawn: list[str] = []
        self._progress_at = 0.0
        self._language: str | None = None

    def heading(self) -> str:
        """One line that says what will be done."""
        raise NotImplementedError

    def lines(self) -> Sequence[str]:
        """What exactly, a line each; paged where they are many."""
        return ()

    def below(self) -> Sequence[str]:
        """What is worth knowing besides: a sentence or two each."""
        return ()

    def obstacles(self) -> Sequence[str]:
        """What has to be mended first: while there is any, it can't be carried out."""
        return ()

    def carry_out_label(self) -> str:
        """The words on the button."""
        raise NotImplementedError

    def controls(self) -> list[discord.ui.ActionRow[Any]]:
        """The rows of controls that edit it."""
        return []

    def planned(self) -> dict[str, Any]:
        """What the history says about it, carried out or not: ids, counts and names, never messages (I33)."""
        return {}

    async def carry_out(self, interaction: discord.Interaction[Trilo]) -> tuple[str, dict[str, Any]]:
        """Do it; returns what to tell, and what the history says besides.

        Raises `TakenBackError` where it failed and nothing of it stayed.
        """
        raise NotImplementedError

    async def reply(self) -> None:
        """Show it below the message it was asked for in, to everybody who reads along; only the asker may press."""
        message = self.asker.replies_to
        assert message is not None  # noqa: S101 - a command opens it instead
        may = message.channel.permissions_for(self.guild.me)
        if not may.attach_files:
            self._picture.leave_out()
        self._language = await public_language(self._bot, self.guild)
        speak_to(self._language)
        await self.load()
        self.draw()
        options = self.attached()
        if may.read_message_history:  # Discord lets nobody answer what they can't read
            options["reference"] = message.to_reference(fail_if_not_exists=False)
        sent = await message.channel.send(view=self, allowed_mentions=NOBODY, **options)
        self._edit_message = sent.edit
        self.answers_in(sent, self._bot)

    def attached(self) -> dict[str, Any]:
        """The picture."""
        return self._picture.attached()

    async def refusal(self, interaction: discord.Interaction[Trilo]) -> str | None:
        """Words for whoever may not do this, or not any more (I27), and for everybody while we shut down."""
        if self._bot.is_leaving:
            return _(RESTARTING)
        if self.needs_manage_channels:
            return None if may_manage_channels(interaction) else _(NOT_A_CHANNEL_MANAGER)
        return None if await may_run_league(interaction) else _(NOT_A_COMMISSIONER)

    async def interaction_check(self, interaction: discord.Interaction[Trilo], /) -> bool:  # type: ignore[override]
        """As ever, with words for whoever presses; from then on it speaks as it stands there."""
        allowed = await super().interaction_check(interaction)
        if self._language is not None:
            speak_to(self._language)
        return allowed

    def draw(self) -> None:
        """The plan with its controls; while it is carried out, and afterwards, what became of it."""
        if self.over or self.working:
            self.frame(*self._picture.items(), discord.ui.TextDisplay(self.over or self.working))
            return
        self._drawn = self._in_words()
        heading, wrong = f"## {self.heading()}", list(self.obstacles())
        asked = f"💬 {safe(self.question)}" if self.question else ""
        words = [
            asked,
            remarks(self.below()),
            problems(wrong),
            self.note,
            cost_words(self._receipt, dollars=self._shows_money),
        ]
        found = pages(self.lines(), ROOM - sum(map(len, [heading, *words])))
        self._page = min(self._page, len(found) - 1)
        items: list[discord.ui.Item[Any]] = [discord.ui.TextDisplay(heading), *self._picture.items()]
        items += [discord.ui.TextDisplay(text) for text in (found[self._page], *words) if text.strip()]
        items += self.controls()
        if len(found) > 1:
            items.append(page_row(self._page, len(found), self._turn))
        items.append(self._last_row(can=not wrong))
        self.frame(*items, colour=_DANGER if self.danger else COLOUR)

    async def progress(self, done: int, total: int) -> None:
        """Show how far it is, in place, not more often than Discord likes. The work goes on where that can't be shown:
        somebody has deleted the message, or it is older than Discord lets us edit it.
        """
        if perf_counter() - self._progress_at < PROGRESS_SECONDS or self._edit_message is None:
            return
        self._progress_at = perf_counter()
        self.working = _("⏳ {done} of {total} …", done=done, total=total)
        self.draw()
        try:
            await self._edit_message(view=self, allowed_mentions=NOBODY)
        except Exception as error:  # noqa: BLE001 - whatever it is, the work is what counts
            log.debug("the progress of %s can't be shown: %s", self._command, where(error))

    async def _press(self, interaction: discord.Interaction[Trilo]) -> None:
        """Carry it out once: whoever presses twice starts nothing anew."""
        if self.working or self.over:
            return
        self.working = _("⏳ Starting …")
        try:
            async with self._bot.working():
                done = await self._carried_out(interaction)
        except asyncio.CancelledError:
            self.over = f"{_(RESTARTING)} {_(_CUT_OFF)}"
            await self._show_end(interaction)
            raise
        finally:
            self.working = ""
        if done:
            await self._show_end(interaction)
        else:
            await self.redraw(interaction, _(CHANGED))

    async def _carried_out(self, interaction: discord.Interaction[Trilo]) -> bool:
        """Do exactly what was shown, and write it down; False where that isn't how things are any more (I27)."""
        self.asker = self.asker.now(interaction)
        self.guild = self.asker.guild
        self.draw()
        await self.update(interaction)
        place = self.asker.channel.id
        action = Action(self.guild.id, place, self.opener_id, self._command, self.action, self.planned())
        async with self.league.under_way.doing(action):
            await self.load()
            if self.obstacles() or self._in_words() != self._drawn:
                return False
            planned = self.planned()  # from here on nothing waits before the doing, in which a form could come
            try:
                self.over, facts = await self.carry_out(interaction)
            except (TakenBackError, asyncio.CancelledError):
                await self._write_down(interaction, {**planned, "result": "rolled back"})
                raise
            await self._write_down(interaction, {**planned, **facts})
        return True

    def _in_words(self) -> list[str]:
        """All that it says will be done."""
        return [self.heading(), *self.lines(), *self.below(), self.carry_out_label()]

    async def _show_end(self, interaction: discord.Interaction[Trilo]) -> None:
        """What became of it."""
        self.draw()
        try:
            await self.update(interaction)
        except Exception as error:  # noqa: BLE001 - it is done all the same
            log.warning("the end of %s can't be shown: %s", self._command, where(error))
            await self._say_it_is_over()

    async def _say_it_is_over(self) -> None:
        """In the channel, where the plan can't be edited any more: after 15 minutes Discord forgets a press."""
        with speaking(await public_language(self._bot, self.guild)):
            words = _(
                "<@{user_id}> `{command}` is over. `/league history` shows how it went.",
                user_id=self.opener_id,
                command=self._command,
            )
        try:
            await self.asker.channel.send(words, allowed_mentions=discord.AllowedMentions(users=[self.asker.user]))
        except DISCORD_FAILED as error:
            log.warning("nor can it be said: %s", where(error))

    async def _write_down(self, interaction: discord.Interaction[Trilo], facts: Mapping[str, Any]) -> None:
        """Into the audit log, with what reading it cost. What was done stays done where the books can't be reached."""
        paper = self._receipt
        cost = {"cost_nano_usd": paper.known_cost_nano_usd, "tokens": paper.total_tokens}
        every = {**facts, **cost}
        try:
            await self.league.note_action(self.guild.id, actor=interaction.user.id, action=self.action, facts=every)
        except UsageError as error:
            log.warning("an action on server %d isn't in its league's history: %s", self.guild.id, where(error))

    async def _cancel(self, interaction: discord.Interaction[Trilo]) -> None:
        if not self.working and not self.over:
            self.over = _(_CANCELLED)
            await self.redraw(interaction)

    async def on_error(  # type: ignore[override]
        self, interaction: discord.Interaction[Trilo], error: Exception, item: object, /
    ) -> None:
        """Words, and the plan again, so that it can be tried anew."""
        await super().on_error(interaction, error, item)
        if self._edit_message is not None and not self.over and not is_over(error):
            try:
                self.draw()
                await self._edit_message(view=self, allowed_mentions=NOBODY)
            except DISCORD_FAILED:
                if isinstance(error, TakenBackError):
                    await self._say_it_is_over()
                else:
                    words = _("I can't show that plan any more. Use `{command}` anew.", command=self._command)
                    await answer_privately(interaction, words)

    def _turn(self, by: int) -> Pressed:
        async def pressed(interaction: discord.Interaction[Trilo]) -> None:
            self._page = max(0, self._page + by)
            await self.redraw(interaction)

        return pressed

    def _last_row(self, *, can: bool) -> discord.ui.ActionRow[Any]:
        style = discord.ButtonStyle.danger if self.danger else discord.ButtonStyle.success
        label = self.carry_out_label()
        return discord.ui.ActionRow(
            Press(label, self._press, custom_id="plan:go", style=style, disabled=not can),
            Press(_("Cancel"), self._cancel, custom_id="plan:cancel"),
        )
