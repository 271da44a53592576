"""A call before it leaves: who it is for, what it asks for, and the worst it can cost."""

from collections.abc import Callable, Mapping
from contextvars import copy_context
from dataclasses import replace
from datetime import datetime
from functools import partial
from typing import Any

from bot.usage.bookkeeping.witness import callers_attribution
from bot.usage.budgeting.admission import USUAL_CAP, small_of
from bot.usage.calls.endpoints import (
    SHORTEST_CAPS,
    TOLD_BY_THE_ANSWER,
    Endpoint,
    choices_of,
    output_cap,
    worst_case_usage,
)
from bot.usage.calls.providers import Provider
from bot.usage.calls.request_tokens import InputEstimate
from bot.usage.context import storable
from bot.usage.ids import new_id
from bot.usage.operations import Operation
from bot.usage.pricing.prices import PriceList
from bot.usage.records import Elastic, OpenCall, Price, Usage

MODEL_CHARACTERS = 200
_PRICED_BY_USAGE = frozenset({"images", "audio.speech"})


def open_call(
    endpoint: Endpoint,
    body: Mapping[str, Any],
    estimate: InputEstimate,
    *,
    prices: PriceList,
    provider: Provider,
    at: datetime,
    operation: Callable[[str], Operation],
) -> OpenCall:
    """The call as it is stored before it leaves, at its worst case, under the attribution of here and now.

    `operation` tells what was declared of an operation by its name.
    """
    model = storable(body.get("model") or "unknown")[:MODEL_CHARACTERS]
    attribution = callers_attribution()
    declared = operation(attribution.operation)
    uncapped = output_cap(endpoint.api, body) is None
    model_cap = prices.max_output_tokens(model) if uncapped else None
    usage = worst_case_usage(endpoint.api, body, estimate, model_cap)
    price = partial(_worst_price, endpoint, body, model, prices, provider.price_id, at)
    return OpenCall(
        id=new_id(),
        kind=endpoint.kind,
        api=endpoint.api,
        started_at=at,
        attribution=attribution,
        provider=provider.label,
        request_model=model,
        reserved_usage=usage,
        reserved=price(usage),
        opaque=bool(estimate.opaque) or endpoint.api in TOLD_BY_THE_ANSWER,
        small_nano_usd=price(small_of(usage, choices_of(body))).cost_nano_usd,
        service_tier=_tier_of(body),
        elastic=elastic_of(endpoint.api, choices_of(body), usage, declared, model_cap, price)
        if uncapped and endpoint.takes_cap
        else None,
        context=copy_context(),
    )


def elastic_of(
    api: str,
    choices: int,
    usage: Usage,
    declared: Operation,
    model_cap: int | None,
    price: Callable[[Usage], Price],
) -> Elastic:
    """What the call may be given: not more than its model can answer with, nor less than the endpoint takes."""
    wanted = declared.max_output_tokens or USUAL_CAP
    most = max(min(wanted, model_cap or wanted), SHORTEST_CAPS.get(api, 1))
    return Elastic(
        most=most,
        choices=choices,
        input_nano_usd=price(replace(usage, output_tokens=0)).cost_nano_usd,
        most_nano_usd=price(replace(usage, output_tokens=most * choices)).cost_nano_usd,
        declared=declared.max_output_tokens is not None,
    )


def adds_usage(endpoint: Endpoint, body: Mapping[str, Any], *, streamed: bool) -> bool:
    """Whether a streamed chat must be asked for its usage: its caller said neither yes nor no."""
    options = body.get("stream_options")
    asked = isinstance(options, Mapping) and "include_usage" in options
    return streamed and endpoint.api in ("chat", "completions") and not asked


def _worst_price(
    endpoint: Endpoint,
    body: Mapping[str, Any],
    model: str,
    prices: PriceList,
    provider: str | None,
    at: datetime,
    usage: Usage,
) -> Price:
    if endpoint.api in TOLD_BY_THE_ANSWER:
        return Price(None, "unknown")
    tier = _tier_of(body)
    if endpoint.api in _PRICED_BY_USAGE:
        return prices.price(usage, model, at=at, provider=provider, service_tier=tier, kind=endpoint.kind)
    return prices.worst_case(
        model,
        input_tokens=usage.input_tokens,
        output_tokens=usage.output_tokens,
        at=at,
        provider=provider,
        service_tier=tier,
        audio=_speaks(model, body),
    )


def _tier_of(body: Mapping[str, Any]) -> str | None:
    return str(body["service_tier"]) if body.get("service_tier") else None


def _speaks(model: str, body: Mapping[str, Any]) -> bool:
    """Whether a chat may be answered, or was asked, in sound, which has rates of its own."""
    modalities = body.get("modalities")
    return "audio" in model or (isinstance(modalities, (list, tuple)) and "audio" in modalities)
