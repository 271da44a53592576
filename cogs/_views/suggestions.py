"""Where a server could spend less, as its books show it: sections of text, for whoever opened `/token-stats`."""

from collections.abc import Sequence
from typing import Any

import discord

from bot.client import Trilo
from bot.translation import _, count_text, mark, n_
from bot.usage.suggestion_figures import Figures
from bot.usage.suggestions import ENOUGH, Advice, Suggestion
from cogs._views.figures import NBSP, calls_words, money, percent, tokens_words
from cogs._views.look import COLOUR, NOBODY
from cogs._views.tables import plain, shorten

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


class SuggestionsButton(discord.ui.Button[Any]):
    """Opens them. The view that it is on has acknowledged the press and checked who presses, as it must."""

    def __init__(self, *, disabled: bool = False) -> None:
        super().__init__(id=104, custom_id="token-stats:suggestions", label=_("Spend less"), disabled=disabled)

    async def callback(self, interaction: discord.Interaction[Trilo]) -> None:  # type: ignore[override]
        """Show them beside the view."""
        await send_suggestions(interaction)


async def send_suggestions(interaction: discord.Interaction[Trilo]) -> None:
    """Answer an acknowledged press, for the presser's eyes only. Raises `DatabaseUnavailableError`."""
    assert interaction.guild is not None  # noqa: S101 - it is for servers only
    found = await interaction.client.services.tracker.suggestions(interaction.guild.id, DAYS)
    view = discord.ui.LayoutView()
    container: discord.ui.Container[discord.ui.LayoutView] = discord.ui.Container(accent_colour=COLOUR)
    for number, text in enumerate(sections(found)):
        if number:
            container.add_item(discord.ui.Separator())
        container.add_item(discord.ui.TextDisplay(text))
    view.add_item(container)
    await interaction.followup.send(view=view, ephemeral=True, allowed_mentions=NOBODY)


def sections(found: Sequence[Suggestion]) -> list[str]:
    """Everything there is to say, what saves most first."""
    if not found:
        return [_(_NOTHING, days=DAYS, times=ENOUGH)]
    small = [_(_WHO, days=DAYS)]
    if (more := len(found) - SHOWN) > 0:
        small.append(n_("-# And {n} more, which saves less.", "-# And {n} more, which save less.", more))
    return [_("## Where this server could spend less"), *map(_section, found[:SHOWN]), "\n".join(small)]


def _section(suggestion: Suggestion) -> str:
    saved = suggestion.saves_nano_usd
    gain = " · " + _("up to {cost} less", cost=money(saved)) if saved else ""
    return f"**{_(_TITLES[suggestion.advice])}**{gain}\n{_reason(suggestion)}"


_TITLES = {
    Advice.CHEAPER_MODEL: mark("A cheaper model may do"),
    Advice.CACHE_PROMPT: mark("Long prompts that could be cached"),
    Advice.LOWER_CAP: mark("A limit that no answer comes near"),
    Advice.COSTLY_FAILURES: mark("Paid for, and not answered"),
    Advice.RETRIES: mark("Asked more than once"),
    Advice.UNPRICED: mark("No known price"),
}


def _reason(suggestion: Suggestion) -> str:
    figures = suggestion.figures
    what = _("{operation} on {model}", operation=_name(figures.operation), model=_name(figures.model))
    calls, whole = calls_words(figures.calls), money(figures.cost_nano_usd)
    match suggestion.advice:
        case Advice.CHEAPER_MODEL:
            return _cheaper(suggestion, calls, whole)
        case Advice.CACHE_PROMPT:
            return _(
                "{what}: each of {calls} sends {tokens} or more, and hardly any came from the provider's cache, which "
                "charges less. They cost {cost}. What is always the same should come first.",
                what=what,
                calls=calls,
                tokens=tokens_words(suggestion.tokens),
                cost=whole,
            )
        case Advice.LOWER_CAP:
            return _(
                "{what}: 99 of 100 answers have at most {tokens}, and {cap} are allowed. {enough} would do, and would "
                "leave more of your budgets free while an answer is being written.",
                what=what,
                tokens=tokens_words(figures.p99_output),
                cap=count_text(suggestion.cap),
                enough=count_text(suggestion.tokens),
            )
        case Advice.COSTLY_FAILURES:
            return _(
                "{what}: {failed} of {calls} ended without an answer, and cost {lost} of {cost}.",
                what=what,
                failed=count_text(figures.failed_calls),
                calls=calls,
                lost=money(suggestion.saves_nano_usd),
                cost=whole,
            )
        case Advice.RETRIES:
            return _retried(what, count_text(figures.retried_calls), calls, figures.doubtful_nano_usd)
        case Advice.UNPRICED:
            return _(
                "{what}: no price is known for {unpriced} of {calls}. They are in no sum, and budgets that stop refuse "
                "such calls. Whoever runs this bot can add the price.",
                what=what,
                unpriced=count_text(figures.unpriced_calls),
                calls=calls,
            )


def _cheaper(suggestion: Suggestion, calls: str, whole: str) -> str:
    figures, other = suggestion.figures, suggestion.instead
    assert other is not None  # noqa: S101 - the rule gives the other model
    return _(
        "{purpose} on {other} was as good as on {model} by the length of its answers ({tokens} and {more}) and by what "
        "failed or was asked again ({trouble} and {usual}). {calls} cost {cost}.",
        purpose=_name(figures.purpose),
        other=_name(other.model),
        model=_name(figures.model),
        tokens=tokens_words(other.median_output),
        more=count_text(figures.median_output),
        trouble=_trouble(other),
        usual=_trouble(figures),
        calls=calls,
        cost=whole,
    )


def _retried(what: str, retried: str, calls: str, doubtful: int) -> str:
    if doubtful:
        return _(
            "{what}: {retried} of {calls} were sent more than once. The provider may have billed each time: {cost} at "
            "most, held in your budgets.",
            what=what,
            retried=retried,
            calls=calls,
            cost=money(doubtful),
        )
    return _(
        "{what}: {retried} of {calls} were sent more than once. The provider may have billed each time.",
        what=what,
        retried=retried,
        calls=calls,
    )


def _trouble(figures: Figures) -> str:
    return f"{percent(figures.failed_calls + figures.retried_calls, figures.calls)}{NBSP}%"


def _name(text: str) -> str:
    """A name as code: nothing in it is interpreted."""
    return f"`{shorten(plain(text), _NAME_COLUMNS)}`"
