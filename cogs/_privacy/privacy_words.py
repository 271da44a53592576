"""What `/privacy` says: what is stored about somebody, and what erasing does. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from discord.utils import format_dt

from bot.translation import _, count_text, mark, n_
from bot.usage.upkeep.erasure import REMEMBERED
from bot.usage.upkeep.personal_data import MOST_CALLS, OnTheBooks

NEVER = mark(
    "-# Never stored by me: what you write, what I answer, your pictures, your name. `/help topic:privacy` says what "
    "goes to the AI provider."
)
GOES = mark(
    "**What goes**, and can't be brought back\n"
    "- your id on every call, and what you used by day and month\n"
    "- premium that somebody gave you, teams you play, your name beside changes you made"
)
_STAYS = mark(
    "**What stays**\n"
    "- totals, which name nobody\n"
    "- budgets and quotas that admins set for you, and how much of them and of this month's tokens you have used, "
    "until their time is over: erasing is no second helping\n"
    "- a subscription you pay for, an opt-out, and for {n} days that you asked for this"
)
AFTERWARDS = mark(
    "-# What I'm answering right now loses your name within a day. What you ask me from now on is stored again."
)
OPTED_OUT = mark(
    "**You've opted out of AI.** Nothing you write goes to a model, not even as part of somebody else's conversation. "
    "If you mention me, I say so."
)
OPTED_IN = mark(
    "**AI is on for you.** If you opt out, I ask no model for you, on any server, and leave your messages out of what "
    "I read of a conversation."
)


@dataclass(frozen=True, slots=True)
class Stored:
    """What there is about a person in the books and in leagues: how many teams they play, and what they deleted."""

    books: OnTheBooks
    teams: int
    deletions: int


def stored_words(stored: Stored, kept_days: int | None) -> str:
    """What is stored, a line each. `kept_days` is how long single calls are kept; None: for good."""
    heading = _("## What I have stored about you")
    listed = "\n".join(f"- {line}" for line in _lines(stored, kept_days)) or _("Nothing.")
    return f"{heading}\n{listed}"


def stays_words() -> str:
    """What erasing leaves."""
    return _(_STAYS, n=REMEMBERED.days)


def _lines(stored: Stored, kept_days: int | None) -> Iterator[str]:
    books = stored.books
    if books.calls and books.first_call_at is not None:
        yield _calls(books, books.first_call_at, kept_days)
    if books.months:
        yield _months(books.months, by_day=bool(books.calls) or books.erased_at is None)
    if books.tiers:
        yield _("That you have {tiers}", tiers=_(" and ").join(sorted(set(books.tiers))))
    yield from _counts(stored)
    if books.opted_out_at:
        yield _("That you opted out, {when}", when=format_dt(books.opted_out_at, "R"))
    if books.erased_at:
        yield _("That you had your data erased, {when}", when=format_dt(books.erased_at, "R"))


def _counts(stored: Stored) -> Iterator[str]:
    """What somebody did or was given, each kind of which there is any."""
    books = stored.books
    told = {
        n_(
            "{n}\u00a0budget or quota that admins set for you",
            "{n}\u00a0budgets or quotas that admins set for you",
            books.limits,
        ): books.limits,
        n_(
            "{n}\u00a0setting, budget or league you changed",
            "{n}\u00a0settings, budgets or leagues you changed",
            books.changes,
        ): books.changes,
        n_(
            "{n}\u00a0address you added for alerts", "{n}\u00a0addresses you added for alerts", books.addresses
        ): books.addresses,
        n_("{n}\u00a0team you play in a league", "{n}\u00a0teams you play in leagues", stored.teams): stored.teams,
        n_(
            "{n}\u00a0deletion in a league, to rebuild it",
            "{n}\u00a0deletions in leagues, to rebuild them",
            stored.deletions,
        ): stored.deletions,
    }
    yield from (words for words, number in told.items() if number)


def _calls(books: OnTheBooks, first_at: datetime, kept_days: int | None) -> str:
    """How many there are, and for how long."""
    calls = n_("**{n}\u00a0call** to an AI model", "**{n}\u00a0calls** to an AI model", books.calls)
    where = n_("in one place", "in {n} places", books.servers)
    what = _(
        "{calls} {where}, the oldest from {day}: when, where, which model, how many tokens, what it cost.",
        calls=calls,
        where=where,
        day=format_dt(first_at, "D"),
    )
    kept = (
        n_("Kept for {n}\u00a0day at most", "Kept for {n}\u00a0days at most", kept_days)
        if kept_days
        else _("Kept for good")
    )
    return f"{what} {kept}"


def _months(months: int, *, by_day: bool) -> str:
    if by_day:
        return n_(
            "How many tokens you used in {n}\u00a0month, and by day",
            "How many tokens you used in {n}\u00a0months, and by day",
            months,
        )
    return n_("How many tokens you used in {n}\u00a0month", "How many tokens you used in {n}\u00a0months", months)


def exported_words(on_the_books: int, at: datetime) -> str:
    """What comes with the file."""
    told = _("Everything I have stored about you, as of {when}.", when=format_dt(at, "f"))
    if on_the_books <= MOST_CALLS:
        return told
    some, every = count_text(MOST_CALLS), count_text(on_the_books)
    newest = _("The newest {some} of {every} calls are in it.", some=some, every=every)
    return f"{told} {newest}"


def erased_words(calls: int, server: str | None) -> str:
    """What was done."""
    if server is None:
        return n_(
            "✅ Erased everywhere: {n} call doesn't name you any more, nor does anything else from before now but what "
            "had to stay.",
            "✅ Erased everywhere: {n}\u00a0calls don't name you any more, nor does anything else from before now but "
            "what had to stay.",
            calls,
        )
    return n_(
        "✅ Erased on {server}: {n} call doesn't name you any more, nor does anything else from before now but what "
        "had to stay.",
        "✅ Erased on {server}: {n}\u00a0calls don't name you any more, nor does anything else from before now but "
        "what had to stay.",
        calls,
        server=server,
    )
