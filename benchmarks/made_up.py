"""Made-up calls of a lively bot: fifty servers, a few of them large, some hundred members each."""

import random
from collections.abc import Iterator
from datetime import timedelta

from bot.usage.ids import new_id
from bot.usage.records import Attribution, Kind, OpenCall, Price, Settlement, Status, Usage, UsageRecord, utc_now

OPERATIONS = ("general_conversation", "league_setup", "summary", "translation", "moderation", "image")
MODELS = ("gpt-4o-mini-2024-07-18", "gpt-4o-2024-08-06", "gpt-4.1-mini-2025-04-14", "text-embedding-3-small")
RAW_USAGE = '{"prompt_tokens": 212, "completion_tokens": 60, "total_tokens": 272}'


def open_calls() -> Iterator[OpenCall]:
    """Calls about to leave, without end, the same on every run but for their ids and times."""
    chance = random.Random(11)
    while True:
        guild = 1000 + int(50 * chance.random() ** 3)
        yield OpenCall(
            id=new_id(),
            kind=Kind.LLM,
            api="chat",
            started_at=utc_now() - timedelta(seconds=chance.random() * 3600),
            attribution=Attribution(
                operation=OPERATIONS[int(len(OPERATIONS) * chance.random() ** 2)],
                guild_id=guild,
                channel_id=guild * 100 + int(10 * chance.random() ** 2),
                user_id=str(guild * 10_000 + int(500 * chance.random() ** 2)),
            ),
            provider="openai",
            request_model=MODELS[int(len(MODELS) * chance.random() ** 3)],
            reserved_usage=Usage(input_tokens=240, output_tokens=300),
            reserved=Price(216_000, "genai-prices"),
        )


def settled(call: OpenCall) -> UsageRecord:
    """The call, finished."""
    return UsageRecord(
        call,
        Settlement(
            status=Status.OK,
            usage=Usage(input_tokens=212, output_tokens=60),
            price=Price(67_800, "genai-prices"),
            duration_ms=870,
            response_model=call.request_model,
            response_id="chatcmpl-benchmark",
            raw_usage=RAW_USAGE,
        ),
    )
