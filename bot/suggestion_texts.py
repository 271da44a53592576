"""A suggestion as words, in the language of whom we speak to: what to look at, and what it rests on. Pure.

The command line and REST have theirs in English (`bot.usage.reporting.suggestion_words`).
"""

from collections.abc import Callable

from bot.figures import calls_words, money, share, tokens_words
from bot.operation_titles import title_of
from bot.translation import _, count_text, mark
from bot.usage.reporting.suggestion_figures import Figures
from bot.usage.reporting.suggestions import Advice, Suggestion

TITLES = {
    Advice.CHEAPER_MODEL: mark("A cheaper model may do"),
    Advice.CACHE_PROMPT: mark("Long prompts that could be cached"),
    Advice.LOWER_CAP: mark("A limit that no answer comes near"),
    Advice.COSTLY_FAILURES: mark("Paid for, and not answered"),
    Advice.RETRIES: mark("Asked more than once"),
    Advice.UNPRICED: mark("No known price"),
}


def gain(suggestion: Suggestion) -> str:
    """`up to $0.12 less`; nothing where it is about something else than money."""
    saved = suggestion.saves_nano_usd
    return _("up to {cost} less", cost=money(saved)) if saved else ""


def reason(suggestion: Suggestion, named: Callable[[str], str]) -> str:
    """What it rests on. `named` is how names of operations and models are shown."""
    figures = suggestion.figures
    what = _("{operation} on {model}", operation=named(title_of(figures.operation)), model=named(figures.model))
    calls, whole = calls_words(figures.calls), money(figures.cost_nano_usd)
    match suggestion.advice:
        case Advice.CHEAPER_MODEL:
            return _cheaper(suggestion, named, calls, whole)
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


def _cheaper(suggestion: Suggestion, named: Callable[[str], str], calls: str, whole: str) -> str:
    figures, other = suggestion.figures, suggestion.instead
    assert other is not None  # noqa: S101 - the rule gives the other model
    return _(
        "{purpose} on {other} was as good as on {model} by the length of its answers ({tokens} and {more}) and by what "
        "failed or was asked again ({trouble} and {usual}). {calls} cost {cost}.",
        purpose=named(title_of(figures.purpose)),
        other=named(other.model),
        model=named(figures.model),
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
    return share(figures.failed_calls + figures.retried_calls, figures.calls)
