"""The view of `/privacy`: what is stored about one person, with what they can do about it."""

import asyncio
import io
import json
from typing import Any

import discord

from bot.client import Trilo, answer_privately
from bot.translation import _
from bot.usage.budgeting.budgets import BOT
from cogs._kit.controls import Press
from cogs._kit.language import hear
from cogs._kit.look import COLOUR, NOBODY
from cogs._kit.owned import NOT_YOURS
from cogs._kit.private import PrivateView
from cogs._kit.tables import plain
from cogs._privacy.privacy_words import (
    AFTERWARDS,
    GOES,
    NEVER,
    OPTED_IN,
    OPTED_OUT,
    Stored,
    erased_words,
    exported_words,
    stays_words,
    stored_words,
)


class PrivacyView(PrivateView):
    """What one person has of themselves on the books. Nobody else can open or press anything of theirs (I26)."""

    def __init__(self, interaction: discord.Interaction[Trilo]) -> None:
        super().__init__(interaction.user.id, "/privacy")
        services = interaction.client.services
        self._guild = interaction.guild
        self._privacy = services.tracker.privacy
        self._clock = services.tracker.clock
        self._league = services.league_book
        self._kept_days = services.settings.retention_days
        self._is_asking = False

    async def open(self, interaction: discord.Interaction[Trilo]) -> None:
        """Answer a deferred command with this view. Raises `DatabaseUnavailableError`."""
        await self._show()
        await self.send(interaction)

    async def interaction_check(self, interaction: discord.Interaction[Trilo], /) -> bool:  # type: ignore[override]
        """Only the person it is about."""
        hear(interaction)
        if interaction.user.id == self.opener_id:
            return True
        await answer_privately(interaction, _(NOT_YOURS))
        return False

    async def _show(self, note: str = "") -> None:
        league = await self._league.of_person(self.opener_id)
        books = await self._privacy.stored(self.opener_id)
        stored = Stored(books, len(league["teams"]), len(league["deletions"]))
        opted_out = books.opted_out_at is not None
        switch = (
            Press(_("Opt in"), self._opt_in, custom_id="privacy:opt-in", style=discord.ButtonStyle.success)
            if opted_out
            else Press(_("Opt out"), self._opt_out, custom_id="privacy:opt-out")
        )
        self._lay_out(
            discord.ui.TextDisplay(stored_words(stored, self._kept_days)),
            discord.ui.TextDisplay(_(NEVER)),
            discord.ui.ActionRow(
                Press(_("Export"), self._export, custom_id="privacy:export", style=discord.ButtonStyle.primary),
                Press(_("Erase…"), self._ask, custom_id="privacy:erase", style=discord.ButtonStyle.danger),
            ),
            discord.ui.Separator(),
            discord.ui.Section(discord.ui.TextDisplay(_(OPTED_OUT if opted_out else OPTED_IN)), accessory=switch),
            note=note,
        )

    def _lay_out(self, *items: discord.ui.Item[Any], note: str = "") -> None:
        self.clear_items()
        told: list[discord.ui.Item[Any]] = [discord.ui.Separator(), discord.ui.TextDisplay(note)] if note else []
        self.add_item(discord.ui.Container(*items, *told, accent_colour=COLOUR))

    async def _redraw(self, interaction: discord.Interaction[Trilo], note: str = "") -> None:
        async with self._lock:
            await self._show(note)
            await self.update(interaction)

    async def _export(self, interaction: discord.Interaction[Trilo]) -> None:
        """A file for the person alone. Made off the event loop: it may have some megabytes."""
        told = {**await self._privacy.export(self.opener_id), **await self._league.of_person(self.opener_id)}
        text = await asyncio.to_thread(lambda: json.dumps(told, ensure_ascii=False, indent=1).encode())
        now = self._clock()
        file = discord.File(io.BytesIO(text), f"trilo-{self.opener_id}-{now:%Y-%m-%d}.json")
        words = exported_words(told["calls_on_the_books"], now)
        await interaction.followup.send(words, file=file, ephemeral=True, allowed_mentions=NOBODY)

    async def _ask(self, interaction: discord.Interaction[Trilo]) -> None:
        """Nothing goes before this is answered."""
        danger = discord.ButtonStyle.danger
        buttons = [Press(_("Erase everywhere"), self._erase_everywhere, custom_id="privacy:everywhere", style=danger)]
        if self._guild is not None:
            buttons.insert(
                0, Press(_("Erase on this server"), self._erase_here, custom_id="privacy:here", style=danger)
            )
        buttons.append(Press(_("Cancel"), self._cancel, custom_id="privacy:cancel"))
        async with self._lock:
            self._is_asking = True
            question = _("## Erase what is stored about you?")
            words = (f"{question}\n{_(GOES)}", stays_words(), _(AFTERWARDS))
            self._lay_out(*(discord.ui.TextDisplay[Any](text) for text in words), discord.ui.ActionRow(*buttons))
            await self.update(interaction)

    async def _cancel(self, interaction: discord.Interaction[Trilo]) -> None:
        if self._is_asking:  # else it is being erased
            self._is_asking = False
            await self._redraw(interaction, _("Nothing was erased."))

    async def _erase_here(self, interaction: discord.Interaction[Trilo]) -> None:
        assert self._guild is not None  # noqa: S101 - the button is there on servers only
        await self._erase(interaction, self._guild)

    async def _erase_everywhere(self, interaction: discord.Interaction[Trilo]) -> None:
        await self._erase(interaction, None)

    async def _erase(self, interaction: discord.Interaction[Trilo], guild: discord.Guild | None) -> None:
        """The league first: what is asked of the books is remembered there, and finished whatever happens."""
        async with self._lock:
            if not self._is_asking:  # two presses at once: the first one counts
                return
            self._is_asking = False
            self._lay_out(discord.ui.TextDisplay(_("Erasing…")))
            await self.update(interaction)
        await self._league.forget_person(self.opener_id, guild.id if guild else None)
        calls = await self._privacy.erase(self.opener_id, guild_id=guild.id if guild else BOT)
        await self._redraw(interaction, erased_words(calls, f"**{plain(guild.name)}**" if guild else None))

    async def _opt_out(self, interaction: discord.Interaction[Trilo]) -> None:
        await self._privacy.opt_out(self.opener_id)
        await self._redraw(interaction, _("You've opted out."))

    async def _opt_in(self, interaction: discord.Interaction[Trilo]) -> None:
        await self._privacy.opt_in(self.opener_id)
        await self._redraw(interaction, _("Welcome back: mention me with a question."))
