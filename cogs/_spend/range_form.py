"""The form for a range of days of one's own."""

from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import date, datetime
from typing import Any

import discord

from bot.client import Trilo
from bot.figures import MONTHS
from bot.translation import ENGLISH, _, date_text, language
from bot.usage.reporting.reports import Days
from cogs._kit.form import Form
from cogs._kit.private import PrivateView

Typed = Callable[[discord.Interaction[Trilo], str, str], Awaitable[None]]
"""Given the first and the last day as they were typed, after the press was acknowledged."""
EARLIEST = date(2015, 1, 1)
"""Before Discord, and before any call to a model."""
_SHORT = 3
"""Letters of the shortest month, and at most those of a `de` or `del` in between."""
_FORMATS = ("%d %b %Y", "%d %B %Y", "%b %d %Y", "%B %d %Y")


class RangeForm(Form):
    """Asks for the first and the last day, and hands on what was typed. It shares the checks and words of the view that
    it was opened from.
    """

    def __init__(self, view: PrivateView, shown: Days, typed: Typed) -> None:
        super().__init__(_("Other days"))
        self._view = view
        self._typed = typed
        self._first, self._last = (
            _day_input(name, day) for name, day in (("first", shown.first), ("last", shown.last))
        )
        self.add_item(discord.ui.Label(text=_("From"), component=self._first))
        self.add_item(discord.ui.Label(text=_("To, included"), component=self._last))

    async def interaction_check(self, interaction: discord.Interaction[Trilo], /) -> bool:  # type: ignore[override]
        """As the view's: a permission may be gone while a form is open (I26)."""
        return await self._view.interaction_check(interaction)

    async def on_submit(self, interaction: discord.Interaction[Trilo], /) -> None:  # type: ignore[override]
        """Hand it on."""
        await self._typed(interaction, self._first.value, self._last.value)

    async def on_error(self, interaction: discord.Interaction[Trilo], error: Exception, /) -> None:  # type: ignore[override]
        """Words, as the view's."""
        await self._view.on_error(interaction, error, self)


def range_of(first: str, last: str, today: date) -> Days | str:
    """The range between two typed days, in either order and not beyond today; words where one of them is none."""
    days = [_day_of(text, today) for text in (first, last)]
    for text, day in zip((first, last), days, strict=True):
        if day is None:
            typed = discord.utils.escape_markdown(text[:40])
            return _("I can't read “{typed}” as a day. Write it like `2026-03-01`.", typed=typed)
    begin, end = sorted(day for day in days if day is not None)
    begin, end = max(begin, EARLIEST), min(end, today)
    return Days(begin, end) if begin <= end else _("Those days are still to come.")


def _day_of(text: str, today: date) -> date | None:
    """`2026-03-01`, `1 Mar 2026`, `March 1`, `1 de marzo`: a day without its year is the latest of that name."""
    typed = " ".join(text.replace(",", " ").replace(".", " ").split())
    return _english_day(typed, today) or _english_day(" ".join(map(_in_english, typed.split())), today)


def _english_day(words: str, today: date) -> date | None:
    with suppress(ValueError):
        return date.fromisoformat(words)
    for form in _FORMATS:
        with suppress(ValueError):
            return datetime.strptime(words, form).date()  # noqa: DTZ007 - a day
        with suppress(ValueError):
            found = datetime.strptime(f"{words} {today.year}", form).date()  # noqa: DTZ007 - a day
            return found if found <= today else found.replace(year=today.year - 1)
    return None


def _in_english(word: str) -> str:
    """The month's English name in place of that in the language of whom we speak to; nothing for a `de` between."""
    if language() == ENGLISH or word[0].isdecimal():
        return word
    for month, english in enumerate(MONTHS, start=1):
        theirs = date_text(date(2000, month, 1), "MMM").strip(".").lower()
        if len(word) >= _SHORT and (word.lower().startswith(theirs) or theirs.startswith(word.lower())):
            return english
    return "" if len(word) <= _SHORT else word


def _day_input(name: str, shown: date) -> discord.ui.TextInput[Any]:
    return discord.ui.TextInput(
        custom_id=name, placeholder=_("2026-03-01 or 1 Mar"), default=shown.isoformat(), max_length=40
    )
