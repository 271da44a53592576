"""Suggestions: what they rest on, what they save to the nano-USD, and that thin or good figures give none."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from bot.usage import PriceList, Status, Suggestion, Usage, UsageTracker, open_tracker, suggestion_words
from bot.usage.operations import Operation
from bot.usage.records import Kind, UsageRecord
from bot.usage.reporting.suggestion_figures import Day, Figures
from bot.usage.reporting.suggestions import Advice, suggest
from tests.usage.making import NOW, a_call, a_settlement

BOTH_DATABASES = True
DAY = datetime(2026, 3, 20, 12, tzinfo=UTC)


def book(tracker: UsageTracker, times: int, tokens: tuple[int, int], **given: Any) -> None:
    """So many calls, an hour apart, each priced by the list; `given` are the call's facts and the settlement's."""
    ends = {name: given.pop(name) for name in ("status", "attempts", "doubtful_nano_usd") if name in given}
    cached, at = given.pop("cached", 0), given.pop("at", NOW)
    usage = Usage(input_tokens=tokens[0], cached_input_tokens=cached, output_tokens=tokens[1])
    for number in range(times):
        call = a_call(at=at - timedelta(hours=number), **given)
        price = tracker.prices.price(usage, call.request_model, at=call.started_at)
        tracker.ledger.record(UsageRecord(call, a_settlement(usage=usage, **{"price": price, **ends})))


async def test_what_the_books_show(database_url: str, prices: PriceList) -> None:
    """I26: a server's suggestions rest on its own calls; I8: and are what the price list says, exactly."""
    async with open_tracker(database_url, console=False, prices=prices, clock=lambda: NOW) as tracker:
        tracker.define_operation("guide", max_output_tokens=4_000)
        book(tracker, 40, (1_000, 200), model="gpt-4o")
        book(tracker, 40, (1_000, 190), model="gpt-4o-mini")
        book(tracker, 100, (5_000, 100), operation="guide", model="gpt-4o")
        book(tracker, 40, (2_000, 500), operation="draw", model="gpt-4o", cached=1_800)
        book(tracker, 10, (2_000, 500), operation="draw", model="gpt-4o", cached=1_800, status=Status.ABORTED)
        book(tracker, 40, (10, 10), operation="sum", attempts=2, doubtful_nano_usd=1_000)
        book(tracker, 1, (10, 10), operation="new", model="mystery")
        # What must not count: another server's calls, older ones, a payment.
        book(tracker, 200, (9_000, 1_200), guild_id=2, operation="guide", model="gpt-4o")
        book(tracker, 99, (9_000, 900), at=NOW - timedelta(days=31), model="gpt-4o")
        book(tracker, 99, (0, 0), kind=Kind.PAYMENT, operation="pay", model="stripe")
        await tracker.ledger.admit(a_call(model="gpt-4o"))  # still in flight
        ours = await tracker.suggestions(guild_id=1)
        assert [(one.advice, one.figures.operation, one.saves_nano_usd) for one in ours] == [
            (Advice.CACHE_PROMPT, "guide", 624_000_000),
            (Advice.CHEAPER_MODEL, "chat", 169_200_000),
            (Advice.COSTLY_FAILURES, "draw", 77_500_000),
            (Advice.UNPRICED, "new", None),
            (Advice.LOWER_CAP, "guide", None),
            (Advice.RETRIES, "sum", None),
        ]
        cheaper, cap = ours[1], ours[4]
        assert cheaper.instead is not None
        assert (cheaper.figures.calls, cheaper.figures.median_output) == (40, 208)
        assert (cheaper.instead.model, cheaper.instead.calls, cheaper.instead.median_output) == ("gpt-4o-mini", 40, 192)
        assert (cap.cap, cap.tokens, cap.figures.p99_output, cap.tied_nano_usd) == (4_000, 224, 112, 37_760_000)
        assert [one.figures.calls for one in await tracker.suggestions(guild_id=2)] == [200]
        whole = await tracker.suggestions()
        assert (whole[0].figures.operation, whole[0].figures.calls) == ("guide", 300)
        assert await tracker.suggestions(guild_id=3) == []


def figures(**changes: Any) -> Figures:
    """A hundred good calls of gpt-4o, 1,000 tokens in and 200 out each, half of the input from the cache."""
    usage = Usage(input_tokens=100_000, cached_input_tokens=50_000, output_tokens=20_000)
    good = Figures("chat", "gpt-4o", "openai", 100, 0, 0, 0, 387_500_000, 0, 0, 900, 208, 512, (Day(DAY, 100, usage),))
    return replace(good, **changes)


FAST = figures(model="gpt-4o-mini", cost_nano_usd=23_250_000)
LONG = (Day(DAY, 100, Usage(input_tokens=500_000, cached_input_tokens=0, output_tokens=20_000)),)
PARTLY_CACHED = (replace(LONG[0], usage=replace(LONG[0].usage, cached_input_tokens=10_000)),)


@pytest.mark.parametrize(
    ("given", "found"),
    [
        ([figures()], []),
        ([figures(), FAST], [(Advice.CHEAPER_MODEL, 364_250_000)]),
        # Thin, much shorter or longer, more trouble, unpriced, hardly cheaper: no reason to change.
        ([figures(), replace(FAST, calls=29)], []),
        ([figures(calls=29), FAST], []),
        ([figures(), replace(FAST, median_output=160)], []),
        ([figures(), replace(FAST, median_output=272)], []),
        ([figures(), replace(FAST, retried_calls=2)], []),
        ([figures(cost_nano_usd=28_000_000), FAST], []),
        ([figures(), replace(FAST, operation="other")], []),
        # The operation's name may hold its model's.
        ([figures(operation="a_gpt-4o"), replace(FAST, operation="a_gpt-4o-mini")], [("cheaper_model", 364_250_000)]),
        # 100 prompts of 1,024 common tokens, at $1.25 a million less.
        ([figures(smallest_input=1_100, days=LONG)], [(Advice.CACHE_PROMPT, 128_000_000)]),
        ([figures(smallest_input=1_100, days=PARTLY_CACHED)], [(Advice.CACHE_PROMPT, 115_500_000)]),
        ([figures(smallest_input=1_023, days=LONG)], []),
        ([figures(smallest_input=1_100)], []),
        ([figures(calls=29, smallest_input=1_100, days=LONG)], []),
        ([figures(failed_calls=5, failed_cost_nano_usd=19_375_000)], [(Advice.COSTLY_FAILURES, 19_375_000)]),
        ([figures(failed_calls=5, failed_cost_nano_usd=19_374_999)], []),
        ([figures(retried_calls=10)], [(Advice.RETRIES, None)]),
        ([figures(retried_calls=9)], []),
        ([figures(calls=1, unpriced_calls=1)], [(Advice.UNPRICED, None)]),
        ([figures(operation="capped", p99_output=256)], [(Advice.LOWER_CAP, None)]),
        ([figures(operation="capped", p99_output=272)], []),
        ([figures(operation="capped", p99_output=256, failed_calls=1)], []),
    ],
)
def test_each_threshold(given: list[Figures], found: list[tuple[str, int | None]], prices: PriceList) -> None:
    capped = {"capped": Operation("capped", max_output_tokens=1_024)}
    suggested = suggest(given, capped, prices, DAY)
    assert [(one.advice, one.saves_nano_usd) for one in suggested] == found


def test_long_prompts_are_priced_one_by_one_and_days_at_their_own_price(prices: PriceList) -> None:
    """I10, I11: sums of tokens don't reach the rates for long prompts, which one call of their size would."""
    sums = Usage(input_tokens=40 * 250_000, output_tokens=40 * 200)
    dear = figures(model="gpt-5.4-pro", calls=40, cost_nano_usd=10**12, days=(Day(DAY, 40, sums),))
    (one,) = suggest([dear, figures(model="gpt-5.4", calls=40)], {}, prices, DAY)
    each = prices.price(Usage(input_tokens=250_000, output_tokens=200), "gpt-5.4", at=DAY, provider="openai")
    assert each.cost_nano_usd is not None
    assert one.saves_nano_usd == 10**12 - 40 * each.cost_nano_usd


@pytest.mark.parametrize(
    ("suggestion", "words"),
    [
        (
            Suggestion(Advice.CHEAPER_MODEL, figures(), 364_250_000, instead=replace(FAST, failed_calls=1)),
            (
                "chat: gpt-4o-mini may do instead of gpt-4o. Over 100 calls its answers were as long (208 tokens "
                "by the median, 208 over 100), and 1% failed or were sent again (0%). It would have saved $0.36 of "
                "$0.39."
            ),
        ),
        (
            Suggestion(Advice.CACHE_PROMPT, figures(), 128_000_000, tokens=1_024),
            (
                "chat on gpt-4o: no prompt has fewer than 1,024 tokens, and hardly any came from the provider's "
                "cache. Put what is always the same first, and what changes last. If all of that were the same, it "
                "would have saved $0.13 of $0.39 at most."
            ),
        ),
        (
            Suggestion(Advice.LOWER_CAP, figures(p99_output=256), tokens=512, cap=4_000, tied_nano_usd=34_880_000),
            (
                "chat on gpt-4o: 99 of 100 answers have at most 256 tokens, and the cap is 4,000. 512 would do: the "
                "rest is reserved in every budget while a call runs, $0.035 a call."
            ),
        ),
        (
            Suggestion(Advice.COSTLY_FAILURES, figures(failed_calls=7), 20_000_000),
            (
                "chat on gpt-4o: 7 of 100 calls ended without an answer and cost $0.02 of $0.39. Look at their "
                "errors, time-outs and cancellations."
            ),
        ),
        (
            Suggestion(Advice.RETRIES, figures(retried_calls=12, doubtful_nano_usd=5_000_000)),
            (
                "chat on gpt-4o: 12 of 100 calls were sent more than once. The provider may have billed each time, "
                "$0.005 at most; `reconcile` compares with the bill. Look at rate limits and time-outs."
            ),
        ),
        (
            Suggestion(Advice.UNPRICED, figures(model="mystery", unpriced_calls=3)),
            (
                "chat: 3 of 100 calls to mystery have no known price, so they are in no sum, and budgets that stop "
                "refuse such calls. Add it to data/prices.toml, then `reprice`."
            ),
        ),
    ],
)
def test_in_words(suggestion: Suggestion, words: str) -> None:
    assert suggestion_words(suggestion) == words


def test_the_other_model_is_priced_where_it_was_asked(prices: PriceList) -> None:
    """I9: what has no price there is no cheaper model; a provider's name for itself is no reason to look elsewhere."""
    served = replace(FAST, model="llama-3.3-70b-versatile", provider="groq")
    (one,) = suggest([figures(), served], {}, prices, DAY)
    assert one.saves_nano_usd == 387_500_000 - (100_000 * 590 + 20_000 * 790)
    assert suggest([figures(), replace(served, provider="127.0.0.1")], {}, prices, DAY) == []
    (same,) = suggest([figures(provider="127.0.0.1"), replace(FAST, provider="127.0.0.1")], {}, prices, DAY)
    assert same.saves_nano_usd == 364_250_000
