"""What one answer cost, in words: the sum, its calls, and how sure we are. Pure."""

from collections.abc import Sequence

from bot.figures import ENDED, calls_words, exact_money, seconds, tokens_words
from bot.operation_titles import title_of
from bot.translation import _, count_text, mark, n_
from bot.usage.records import Status
from bot.usage.reporting.recent_calls import RecentCall
from cogs._kit.tables import plain, shorten

NOT_MINE = mark("Only my own answers cost anything here. Open this menu on one of those.")
NOT_AN_ANSWER = mark(
    "I know of no AI call behind that message. Help, alerts and reports are made without AI; of answers from before I "
    "learned to tell, I can't say."
)
FREE = mark(
    "That cost nothing, as far as I know: no AI was asked for it, or it is so long ago that single calls are gone."
)

_SHOWN = 8
"""Calls that are told one by one: an answer takes one or two."""
_NAME_COLUMNS = 60


def sections(calls: Sequence[RecentCall], *, shows_money: bool) -> list[str]:
    """From the sum to the small print. At least one call."""
    return [
        _headline(calls, shows_money),
        _each(calls, shows_money),
        _("-# {how_sure} · only you see this", how_sure=_how_sure(calls)),
    ]


def _headline(calls: Sequence[RecentCall], shows_money: bool) -> str:
    into, out = sum(call.input_tokens for call in calls), sum(call.output_tokens for call in calls)
    tokens = tokens_words(into + out)
    took = f"{calls_words(len(calls))} · {seconds(sum(call.duration_ms for call in calls))}"
    if not shows_money:
        return f"## {tokens}\n-# {took}"
    costs = [call.cost_nano_usd for call in calls if call.cost_nano_usd is not None]
    known = exact_money(sum(costs)) if costs else _("Cost unknown")
    whole = known if len(costs) in (0, len(calls)) else _("{cost}, and more", cost=known)
    return f"## {whole}\n-# {tokens} · {took}"


def _each(calls: Sequence[RecentCall], shows_money: bool) -> str:
    lines = [_line(call, shows_money) for call in calls[:_SHOWN]]
    if (more := len(calls) - _SHOWN) > 0:
        lines.append(n_("and {n}\u00a0more call", "and {n}\u00a0more calls", more))
    return "\n".join(lines)


def _line(call: RecentCall, shows_money: bool) -> str:
    operation, model = (f"`{shorten(plain(name), _NAME_COLUMNS)}`" for name in (title_of(call.operation), call.model))
    names = _("{operation} on {model}", operation=operation, model=model)
    ended = f" · {_(ENDED[call.status])}" if call.status in ENDED else ""
    cost = [exact_money(call.cost_nano_usd)] if shows_money else []
    return f"{names}{ended}\n-# {' · '.join([*cost, _into(call), _out(call), seconds(call.duration_ms)])}"


def _into(call: RecentCall) -> str:
    tokens = tokens_words(call.input_tokens)
    if not call.cached_input_tokens:
        return _("{tokens} in", tokens=tokens)
    return _("{tokens} in, {cached} of them cached", tokens=tokens, cached=count_text(call.cached_input_tokens))


def _out(call: RecentCall) -> str:
    tokens = count_text(call.output_tokens)
    if not call.reasoning_output_tokens:
        return _("{tokens} out", tokens=tokens)
    reasoning = count_text(call.reasoning_output_tokens)
    return _("{tokens} out, {reasoning} of them for reasoning", tokens=tokens, reasoning=reasoning)


def _how_sure(calls: Sequence[RecentCall]) -> str:
    """Whether the provider said so itself, or what we had to assume."""
    if any(call.status == Status.INTERRUPTED.value for call in calls):
        return _("At most this: I went down in between, so I count the most it can have taken")
    if any(call.estimated for call in calls):
        return _("An estimate: the provider didn't say what was used, so I counted it myself")
    if any(call.cost_nano_usd is None for call in calls):
        return _("Tokens as the provider reported them; a model without a known price is in no sum")
    return _("Exact: tokens as the provider reported them, at the price of that day")
