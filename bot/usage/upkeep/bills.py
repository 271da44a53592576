"""What OpenAI says it billed: an organization's usage and costs by day and model, read with an admin key.

Days are UTC. Models are families here (`gpt-4o` of `gpt-4o-2024-08-06`): a call that broke off is on our books under
the name it was asked for, and on the bill under the one that served it.
"""

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

from openai import AsyncOpenAI

from bot.usage.pricing.price_names import normal, snapshot_family
from bot.usage.records import NANO_USD_PER_USD

DayAndModel = tuple[date, str]
_DAYS_A_PAGE = {"completions": 31, "costs": 180}
"""The most that either takes (OpenAI, API reference)."""


@dataclass(frozen=True, slots=True)
class Billed:
    """One day of one family of models on the bill. Tokens are those of chat, completions and responses alone."""

    requests: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    cost_nano_usd: int = 0


def family(model: str) -> str:
    """The name that calls and bill are brought together by."""
    name = normal(model)
    return snapshot_family(name) or name


async def read_bill(client: AsyncOpenAI, first: date, last: date) -> dict[DayAndModel, Billed]:
    """The bill of these days, both ends included. Raises the SDK's `OpenAIError` where it can't be had."""
    bill: dict[DayAndModel, Billed] = {}
    usage = client.admin.organization.usage
    async for day, line in _lines(usage.completions, first, last, "completions", group_by=["model"]):
        key = day, family(line.get("model") or "")
        before = bill.get(key, Billed())
        bill[key] = replace(
            before,
            requests=before.requests + (line.get("num_model_requests") or 0),
            input_tokens=before.input_tokens + (line.get("input_tokens") or 0),
            output_tokens=before.output_tokens + (line.get("output_tokens") or 0),
        )
    async for day, line in _lines(usage.costs, first, last, "costs", group_by=["line_item"]):
        key = day, family((line.get("line_item") or "").partition(",")[0])
        before = bill.get(key, Billed())
        bill[key] = replace(before, cost_nano_usd=before.cost_nano_usd + _nano_usd(line.get("amount")))
    return bill


async def _lines(
    ask: Callable[..., Awaitable[Any]], first: date, last: date, kind: str, **how: Any
) -> AsyncIterator[tuple[date, dict[str, Any]]]:
    """Each result with its day, page after page."""
    page: dict[str, str] = {}
    begin, end = (int(datetime.combine(day, time(), UTC).timestamp()) for day in (first, last + timedelta(days=1)))
    while True:
        answer = await ask(
            start_time=begin, end_time=end, bucket_width="1d", limit=_DAYS_A_PAGE[kind], **how, **page
        )  # fmt: skip
        for bucket in answer.data:
            for result in bucket.results:
                yield datetime.fromtimestamp(bucket.start_time, UTC).date(), result.to_dict()
        if not answer.has_more or not answer.next_page:
            return
        page = {"page": answer.next_page}


def _nano_usd(amount: dict[str, Any] | None) -> int:
    value = (amount or {}).get("value") or 0
    return round(Decimal(str(value)) * NANO_USD_PER_USD)
