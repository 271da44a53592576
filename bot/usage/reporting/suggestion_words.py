"""A suggestion in a few sentences for the command line, REST and programs. Discord has words of its own."""

from typing import TypedDict

from bot.usage.money import format_cost
from bot.usage.reporting.suggestions import Advice, Suggestion


class SuggestionFacts(TypedDict):
    """A suggestion for programs. `saves_nano_usd` is the most it would have saved; `instead` names the cheaper model.

    `tokens` is what all prompts could have in common, or the output cap that would do, `cap` the declared one. What
    doesn't belong to the advice is None.
    """

    advice: str
    operation: str
    model: str
    calls: int
    cost_nano_usd: int
    saves_nano_usd: int | None
    instead: str | None
    tokens: int | None
    cap: int | None
    reason: str


def suggestion_facts(suggestion: Suggestion) -> SuggestionFacts:
    """The same as plain values."""
    figures = suggestion.figures
    return SuggestionFacts(
        advice=suggestion.advice.value,
        operation=figures.operation,
        model=figures.model,
        calls=figures.calls,
        cost_nano_usd=figures.cost_nano_usd,
        saves_nano_usd=suggestion.saves_nano_usd,
        instead=suggestion.instead.model if suggestion.instead else None,
        tokens=suggestion.tokens or None,
        cap=suggestion.cap or None,
        reason=suggestion_words(suggestion),
    )


def suggestion_words(suggestion: Suggestion) -> str:
    """What to do, what it rests on, and what it would have saved."""
    figures, other = suggestion.figures, suggestion.instead
    saved = format_cost(suggestion.saves_nano_usd)
    whole = format_cost(figures.cost_nano_usd)
    match suggestion.advice:
        case Advice.CHEAPER_MODEL:
            assert other is not None  # noqa: S101 - the rule gives the other model
            return (
                f"{figures.purpose}: {other.model} may do instead of {figures.model}. Over {other.calls:,} calls its "
                f"answers were as long ({other.median_output} tokens by the median, {figures.median_output} over "
                f"{figures.calls:,}), and {other.trouble:.0%} failed or were sent again ({figures.trouble:.0%}). "
                f"It would have saved {saved} of {whole}."
            )
        case Advice.CACHE_PROMPT:
            return (
                f"{figures.operation} on {figures.model}: no prompt has fewer than {suggestion.tokens:,} tokens, and "
                f"hardly any came from the provider's cache. Put what is always the same first, and what changes last. "
                f"If all of that were the same, it would have saved {saved} of {whole} at most."
            )
        case Advice.LOWER_CAP:
            tied = f", {format_cost(suggestion.tied_nano_usd)} a call" if suggestion.tied_nano_usd else ""
            return (
                f"{figures.operation} on {figures.model}: 99 of 100 answers have at most {figures.p99_output} tokens, "
                f"and the cap is {suggestion.cap:,}. {suggestion.tokens:,} would do: the rest is reserved in every "
                f"budget while a call runs{tied}."
            )
        case Advice.COSTLY_FAILURES:
            return (
                f"{figures.operation} on {figures.model}: {figures.failed_calls:,} of {figures.calls:,} calls ended "
                f"without an answer and cost {saved} of {whole}. Look at their errors, time-outs and cancellations."
            )
        case Advice.RETRIES:
            doubt = figures.doubtful_nano_usd
            held = f", {format_cost(doubt)} at most; `reconcile` compares with the bill" if doubt else ""
            return (
                f"{figures.operation} on {figures.model}: {figures.retried_calls:,} of {figures.calls:,} calls were "
                f"sent more than once. The provider may have billed each time{held}. Look at rate limits and time-outs."
            )
        case Advice.UNPRICED:
            return (
                f"{figures.operation}: {figures.unpriced_calls:,} of {figures.calls:,} calls to {figures.model} have "
                f"no known price, so they are in no sum, and budgets that stop refuse such calls. Add it to "
                f"data/prices.toml, then `reprice`."
            )
