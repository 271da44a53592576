"""Where a server could spend less, as its books show it: sections of text, for whoever opened `/token-stats`."""

from collections.abc import Sequence

import discord

from bot.client import Trilo
from bot.suggestion_texts import TITLES, gain, reason
from bot.translation import _, mark, n_
from bot.usage.reporting.suggestions import ENOUGH, Suggestion
from cogs._kit.look import NOBODY, text_view
from cogs._kit.tables import plain, shorten

DAYS = 30
SHOWN = 6
"""Suggestions at most: what saves most comes first."""
_NAME_COLUMNS = 40
_NOTHING = mark(
    "## Nothing to suggest\n"
    "Nothing in the last {days} days looks as if it could cost less. I say nothing about what was asked fewer than "
    "{times} times."
)
_WHO = mark(
    "-# From the calls of the last {days} days. Models, prompts and the length of answers are set by whoever runs "
    "this bot: show them this."
)


async def send_suggestions(interaction: discord.Interaction[Trilo]) -> None:
    """Answer an acknowledged press, for the presser's eyes only. Raises `DatabaseUnavailableError`."""
    assert interaction.guild is not None  # noqa: S101 - it is for servers only
    found = await interaction.client.services.tracker.suggestions(interaction.guild.id, DAYS)
    await interaction.followup.send(view=text_view(sections(found)), ephemeral=True, allowed_mentions=NOBODY)


def sections(found: Sequence[Suggestion]) -> list[str]:
    """Everything there is to say, what saves most first."""
    if not found:
        return [_(_NOTHING, days=DAYS, times=ENOUGH)]
    small = [_(_WHO, days=DAYS)]
    if (more := len(found) - SHOWN) > 0:
        small.append(n_("-# And {n} more, which saves less.", "-# And {n} more, which save less.", more))
    return [_("## Where this server could spend less"), *map(_section, found[:SHOWN]), "\n".join(small)]


def _section(suggestion: Suggestion) -> str:
    title = " · ".join(filter(None, [f"**{_(TITLES[suggestion.advice])}**", gain(suggestion)]))
    return f"{title}\n{reason(suggestion, _name)}"


def _name(text: str) -> str:
    """A name as code: nothing in it is interpreted."""
    return f"`{shorten(plain(text), _NAME_COLUMNS)}`"
