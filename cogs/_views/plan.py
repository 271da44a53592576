"""A plan on the screen: what will be done, shown first, edited, and carried out only by a press of the same person."""

import base64
import io
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from time import perf_counter
from typing import Any
from weakref import WeakValueDictionary

import discord

from bot.client import Trilo, answer_privately
from bot.errors import TakenBackError
from bot.usage import UsageError
from bot.usage.money import format_cost
from bot.usage.receipts import Receipt
from bot.words import where
from cogs._access import NOT_A_CHANNEL_MANAGER, NOT_A_COMMISSIONER, may_manage_channels, may_run_league
from cogs._asker import Asker
from cogs._views.look import COLOUR, NOBODY
from cogs._views.owned import OwnedView, Press
from cogs._views.tables import plain

log = logging.getLogger(__name__)

PAGE_CHARACTERS = 2_600
"""Of a plan's lines at once: Discord allows 4,000 characters in a message, and headings and notes want some."""
PROGRESS_SECONDS = 1.3
"""Between two edits while a plan is carried out: Discord allows five in five seconds."""
GONE = "That plan is from before I restarted, or it has expired. Ask me again for a fresh one: nothing was changed."
_open: WeakValueDictionary[int, "PlanView"] = WeakValueDictionary()
_DANGER = discord.Colour(0xE74C3C)
_EXTENSIONS = {"image/png": "png", "image/jpeg": "jpg", "image/webp": "webp", "image/gif": "gif"}
_CANCELLED = "Cancelled: nothing was changed."


class PlanView(OwnedView):
    """One plan of one person. Subclasses say what it shows and how it is carried out.

    `receipt` is what reading the request cost; `shows_money` whether that may be told in dollars. `picture` is the
    picture it was read from, as a data address, which stays beside it; `question` what the model asked back.
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
        self.receipt = receipt
        self._picture = picture
        self._picture_name = f"schedule.{_EXTENSIONS.get(picture[5:].partition(';')[0], 'png')}" if picture else ""
        self.over = ""
        self.question = ""
        self._shows_money = shows_money
        self._page = 0
        self._working = False
        self._progress_at = 0.0

    def heading(self) -> str:
        """One line that says what will be done."""
        raise NotImplementedError

    def lines(self) -> Sequence[str]:
        """What exactly, a line each; paged where they are many."""
        return ()

    def below(self) -> str:
        """What is worth knowing besides; may be empty."""
        return ""

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
        await self.load()
        self.draw()
        reference = message.to_reference(fail_if_not_exists=False)
        if not message.channel.permissions_for(self.guild.me).attach_files:
            self._picture_name = ""
            self.draw()
        sent = await message.channel.send(view=self, reference=reference, allowed_mentions=NOBODY, **self.attached())
        self._edit_message, self.message_id = sent.edit, sent.id
        _open[sent.id] = self

    async def send(self, interaction: discord.Interaction[Trilo]) -> None:
        """Answer a deferred command with it."""
        await super().send(interaction)
        if self.message_id is not None:
            _open[self.message_id] = self

    def attached(self) -> dict[str, Any]:
        """The picture, sent along once: it is the message's own from then on."""
        if not self._picture_name:
            return {}
        content = base64.b64decode(self._picture.partition(",")[2])
        self._picture = ""
        return {"file": discord.File(io.BytesIO(content), self._picture_name)}

    async def refusal(self, interaction: discord.Interaction[Trilo]) -> str | None:
        """Words for whoever may not do this, or not any more (I27)."""
        if self.needs_manage_channels:
            return None if may_manage_channels(interaction) else NOT_A_CHANNEL_MANAGER
        return None if await may_run_league(interaction) else NOT_A_COMMISSIONER

    def draw(self) -> None:
        """The plan with its controls; while it is carried out, and afterwards, what became of it."""
        if self.over or self._working:
            self.frame(*self._gallery(), discord.ui.TextDisplay(self.over or self.note))
            return
        items: list[discord.ui.Item[Any]] = [discord.ui.TextDisplay(f"## {self.heading()}"), *self._gallery()]
        pages = self._pages()
        self._page = min(self._page, len(pages) - 1)
        if pages[self._page]:
            items.append(discord.ui.TextDisplay(pages[self._page]))
        problems = list(self.obstacles())
        asked = f"💬 {discord.utils.escape_markdown(plain(self.question))}" if self.question else ""
        told = "\n".join(f"⚠️ {problem}" for problem in problems)
        words = [asked, self.below(), told, self.note, self._cost_words()]
        items += [discord.ui.TextDisplay(text) for text in words if text]
        items += self.controls()
        if len(pages) > 1:
            items.append(self._page_row(len(pages)))
        items.append(self._last_row(can=not problems))
        self.frame(*items, colour=_DANGER if self.danger else COLOUR)

    async def progress(self, done: int, total: int) -> None:
        """Show how far it is, in place, not more often than Discord likes."""
        if perf_counter() - self._progress_at < PROGRESS_SECONDS or self._edit_message is None:
            return
        self._progress_at = perf_counter()
        self.note = f"⏳ {done} of {total} …"
        self.draw()
        await self._edit_message(view=self, allowed_mentions=NOBODY)

    async def _press(self, interaction: discord.Interaction[Trilo]) -> None:
        """Carry out exactly what was shown, and once: whoever presses twice starts nothing anew."""
        if self._working or self.over:
            return
        self._working = True
        try:
            shown = list(self.lines())
            self.asker = self.asker.now(interaction)
            await self.load()
            if self.obstacles() or list(self.lines()) != shown:
                self._working = False
                await self.redraw(interaction, "Something has changed meanwhile: look again.")
                return
            self.note = "⏳ Starting …"
            self.draw()
            await self.update(interaction)
            async with self._bot.working():
                self.over, facts = await self.carry_out(interaction)
                await self._write_down(interaction, facts)
        except TakenBackError:
            await self._write_down(interaction, {"result": "rolled back"})
            raise
        finally:
            self._working = False
            self.note = ""
        self.draw()
        await self.update(interaction)

    async def _write_down(self, interaction: discord.Interaction[Trilo], facts: Mapping[str, Any]) -> None:
        """Into the audit log, with what reading it cost. What was done stays done where the books can't be reached."""
        paper = self.receipt or Receipt()
        cost = {"cost_nano_usd": paper.known_cost_nano_usd, "tokens": paper.total_tokens}
        every = {**self.planned(), **facts, **cost}
        try:
            await self.league.note_action(self.guild.id, actor=interaction.user.id, action=self.action, facts=every)
        except UsageError as error:
            log.warning("an action on server %d isn't in its league's history: %s", self.guild.id, where(error))

    async def _cancel(self, interaction: discord.Interaction[Trilo]) -> None:
        if not self._working:
            self.over = _CANCELLED
            await self.redraw(interaction)

    async def on_error(  # type: ignore[override]
        self, interaction: discord.Interaction[Trilo], error: Exception, item: object, /
    ) -> None:
        """Words, and the plan again, so that it can be tried anew."""
        await super().on_error(interaction, error, item)
        if self._edit_message is not None and not self.over:
            try:
                self.draw()
                await self._edit_message(view=self, allowed_mentions=NOBODY)
            except discord.HTTPException:
                await answer_privately(interaction, f"I can't show that plan any more. Use `{self._command}` anew.")

    def _pages(self) -> list[str]:
        pages = [""]
        for line in self.lines():
            if pages[-1] and len(pages[-1]) + len(line) + 1 > PAGE_CHARACTERS:
                pages.append("")
            pages[-1] += f"\n{line}" if pages[-1] else line
        return pages

    def _page_row(self, pages: int) -> discord.ui.ActionRow[Any]:
        def turn(by: int) -> Callable[[discord.Interaction[Trilo]], Awaitable[None]]:
            async def pressed(interaction: discord.Interaction[Trilo]) -> None:
                self._page = max(0, self._page + by)
                await self.redraw(interaction)

            return pressed

        last = self._page == pages - 1
        return discord.ui.ActionRow(
            Press("◀", turn(-1), custom_id="plan:back", disabled=self._page == 0),
            Press(f"{self._page + 1} of {pages}", turn(0), custom_id="plan:page", disabled=True),
            Press("▶", turn(1), custom_id="plan:on", disabled=last),
        )

    def _last_row(self, *, can: bool) -> discord.ui.ActionRow[Any]:
        style = discord.ButtonStyle.danger if self.danger else discord.ButtonStyle.success
        label = self.carry_out_label()
        return discord.ui.ActionRow(
            Press(label, self._press, custom_id="plan:go", style=style, disabled=not can),
            Press("Cancel", self._cancel, custom_id="plan:cancel"),
        )

    def _gallery(self) -> list[discord.ui.Item[Any]]:
        if not self._picture_name:
            return []
        return [discord.ui.MediaGallery(discord.MediaGalleryItem(f"attachment://{self._picture_name}"))]

    def _cost_words(self) -> str:
        paper = self.receipt
        if paper is None or not paper.calls:
            return ""
        money = f" and cost {format_cost(paper.known_cost_nano_usd)}" if self._shows_money else ""
        return f"-# Reading this took {paper.total_tokens:,} tokens{money}."


def is_dead_press(interaction: discord.Interaction[Trilo]) -> bool:
    """Whether somebody presses on a plan that this process doesn't know, or has let expire."""
    data: Any = interaction.data or {}
    custom_id = str(data.get("custom_id", ""))
    if interaction.type is not discord.InteractionType.component or not custom_id.startswith("plan:"):
        return False
    plan = _open.get(interaction.message.id) if interaction.message else None
    return plan is None or plan.is_finished()
