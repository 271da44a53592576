"""Where money could be saved, or a budget used better, as the books show it. Every rule is pure and has its threshold.

They are suggestions: what an operation's answers are worth, only those can say who read them. Nothing is suggested on
fewer than `ENOUGH` calls, but that a price is missing, and nothing that would save less than a cent.
"""

from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from itertools import groupby

from bot.usage.budgeting.admission import SHORTEST
from bot.usage.calls.providers import price_id_of
from bot.usage.operations import UNDECLARED, Operation
from bot.usage.pricing.prices import PriceList
from bot.usage.records import Usage
from bot.usage.reporting.suggestion_figures import Day, Figures, read_figures
from bot.usage.storage.database import Database
from bot.usage.storage.queued import wait_for_queued

ENOUGH = 30
"""Calls of an operation with a model that it takes to judge it by."""
ENOUGH_FOR_A_CAP = 100
"""Answers it takes to say what 99 of 100 stay within."""
SMALLEST_NANO_USD = 10_000_000
"""A cent: what would save less isn't worth a change."""
WORTH_IT = 0.2
"""The share of its cost that another model must save."""
AS_LONG = (0.8, 1.25)
"""How far the median answers of two models may lie apart to count as equally long."""
AS_TROUBLED = 0.01
"""How much larger the share of failed and repeated calls may be with the other model."""
CACHED_FROM, CACHED_BY = 1_024, 128
"""What OpenAI's cache takes: beginnings of so many tokens at least, in steps of so many.

Source: https://platform.openai.com/docs/guides/prompt-caching (read 2026-11).
"""
HARDLY_CACHED = 0.25
"""Below this share of what all prompts could have in common, the cache isn't used."""
CAP_UNUSED = 0.25
"""A cap is too large where 99 of 100 answers stay within this share of it."""
TOO_MUCH_FAILED = 0.05
"""The share of an operation's cost that went into calls without an answer."""
TOO_MANY_RETRIES = 0.1
"""The share of calls that had to be sent more than once."""
_CHUNK_TOKENS = 100_000
"""Sums of tokens are priced in parts no larger than that: long prompts have rates of their own."""


class Advice(StrEnum):
    """What is suggested."""

    CHEAPER_MODEL = "cheaper_model"
    CACHE_PROMPT = "cache_prompt"
    LOWER_CAP = "lower_cap"
    COSTLY_FAILURES = "costly_failures"
    RETRIES = "retries"
    UNPRICED = "unpriced"


@dataclass(frozen=True, slots=True)
class Suggestion:
    """One suggestion and what it rests on.

    `saves_nano_usd` is what it would have saved at most on these calls, at the prices of their days; None where it
    isn't money that is saved. `instead`: the other model's figures. `tokens`: what all prompts could have in common, or
    the cap that would do; `cap`: the one that is declared, and `tied_nano_usd` what its unused part reserves a call.
    """

    advice: Advice
    figures: Figures
    saves_nano_usd: int | None = None
    instead: Figures | None = None
    tokens: int = 0
    cap: int = 0
    tied_nano_usd: int | None = None


class Suggestions:
    """Reads the books and judges them. `operations` are those declared, with their caps."""

    def __init__(
        self,
        database: Database,
        prices: PriceList,
        operations: Mapping[str, Operation],
        clock: Callable[[], datetime],
        before_reading: Callable[[], Awaitable[object]] | None = None,
    ) -> None:
        self._database = database
        self._prices = prices
        self._operations = operations
        self._clock = clock
        self._before_reading = before_reading

    async def of(self, guild_id: int | None = None, days: int = 30) -> list[Suggestion]:
        """For a server, or for everybody (None), from the newest calls of the last so many times 24 hours.

        What saves most comes first. Raises `DatabaseUnavailableError`.
        """
        await wait_for_queued(self._before_reading)
        now = self._clock()
        figures = await read_figures(self._database, guild_id, now - timedelta(days=days))
        return suggest(figures, self._operations, self._prices, now)


def suggest(
    figures: Sequence[Figures], operations: Mapping[str, Operation], prices: PriceList, now: datetime
) -> list[Suggestion]:
    """Every suggestion these figures give rise to: what saves most first."""
    found = [*_cheaper_models(figures, prices), *_unpriced(figures)]
    for each in figures:
        if each.calls >= ENOUGH:
            cap = operations.get(each.operation, UNDECLARED).max_output_tokens
            found += [
                one
                for one in (_cache(each, prices), _cap(each, cap, prices, now), _failures(each), _retries(each))
                if one is not None
            ]
    return sorted(found, key=lambda one: -(one.saves_nano_usd or 0))


def _cheaper_models(figures: Sequence[Figures], prices: PriceList) -> Iterator[Suggestion]:
    """A model whose answers were as long, with as little trouble, and whose price for the same tokens is lower.

    The same tokens: some models count more of them for the same picture, which the books can't tell.
    """
    known = [each for each in figures if each.calls >= ENOUGH and not each.unpriced_calls and each.median_output]
    for _, group in groupby(sorted(known, key=lambda each: each.purpose), key=lambda each: each.purpose):
        asked = list(group)
        for dear in asked:
            others = [
                Suggestion(Advice.CHEAPER_MODEL, dear, saved, instead=other)
                for other in asked
                if _is_as_good(other, dear)
                and (cost := _cost(dear.days, other, prices)) is not None
                and (saved := dear.cost_nano_usd - cost) >= max(SMALLEST_NANO_USD, WORTH_IT * dear.cost_nano_usd)
            ]
            if others:
                yield max(others, key=lambda one: one.saves_nano_usd or 0)


def _is_as_good(other: Figures, dear: Figures) -> bool:
    least, most = AS_LONG
    return (
        other.model != dear.model
        and least * dear.median_output <= other.median_output <= most * dear.median_output
        and other.trouble <= dear.trouble + AS_TROUBLED
    )


def _cache(figures: Figures, prices: PriceList) -> Suggestion | None:
    """Long prompts asked again and again of which hardly anything came from the provider's cache.

    What all of them have in common can't be longer than the shortest: so much could be saved at most.
    """
    common = figures.smallest_input // CACHED_BY * CACHED_BY
    cached = sum(day.usage.cached_input_tokens for day in figures.days)
    if common < CACHED_FROM or cached >= HARDLY_CACHED * common * figures.calls:
        return None
    fresh = [_input(day, max(0, common * day.calls - day.usage.cached_input_tokens)) for day in figures.days]
    full = _cost(fresh, figures, prices)
    lower = _cost([_from_cache(day) for day in fresh], figures, prices)
    if full is None or lower is None or full - lower < SMALLEST_NANO_USD:
        return None
    return Suggestion(Advice.CACHE_PROMPT, figures, full - lower, tokens=common)


def _cap(figures: Figures, cap: int | None, prices: PriceList, now: datetime) -> Suggestion | None:
    """An output cap that is never used: its worst case is reserved in every budget as long as the call runs."""
    answered = figures.calls - figures.failed_calls
    if cap is None or answered < ENOUGH_FOR_A_CAP or not 0 < figures.p99_output <= CAP_UNUSED * cap:
        return None
    enough = max(SHORTEST, 2 * figures.p99_output)
    if enough >= cap:
        return None
    unused = Day(now, 1, Usage(output_tokens=cap - enough))
    return Suggestion(Advice.LOWER_CAP, figures, tokens=enough, cap=cap, tied_nano_usd=_cost([unused], figures, prices))


def _failures(figures: Figures) -> Suggestion | None:
    cost = figures.failed_cost_nano_usd
    if cost < max(SMALLEST_NANO_USD, TOO_MUCH_FAILED * figures.cost_nano_usd):
        return None
    return Suggestion(Advice.COSTLY_FAILURES, figures, cost)


def _retries(figures: Figures) -> Suggestion | None:
    """Calls sent more than once: the provider may have billed each time, which the books keep as doubtful."""
    if figures.retried_calls < TOO_MANY_RETRIES * figures.calls:
        return None
    return Suggestion(Advice.RETRIES, figures)


def _unpriced(figures: Iterable[Figures]) -> Iterator[Suggestion]:
    """However few they are: what they cost is in no sum, and budgets that stop refuse them (I9, I15)."""
    return (Suggestion(Advice.UNPRICED, each) for each in figures if each.unpriced_calls)


def _input(day: Day, tokens: int) -> Day:
    return replace(day, usage=Usage(input_tokens=tokens))


def _from_cache(day: Day) -> Day:
    return replace(day, usage=replace(day.usage, cached_input_tokens=day.usage.input_tokens))


def _cost(days: Iterable[Day], asked: Figures, prices: PriceList) -> int | None:
    """What these days' calls cost with that model, in nano-USD, at the prices of each day; None without a price."""
    total = 0
    for day in days:
        parts = min(day.calls, 1 + day.usage.total_tokens // _CHUNK_TOKENS)
        price = prices.price(_part(day.usage, parts), asked.model, at=day.at, provider=price_id_of(asked.provider))
        if price.cost_nano_usd is None:
            return None
        total += price.cost_nano_usd * parts
    return total


def _part(usage: Usage, parts: int) -> Usage:
    return Usage(
        input_tokens=usage.input_tokens // parts,
        cached_input_tokens=usage.cached_input_tokens // parts,
        output_tokens=usage.output_tokens // parts,
    )
