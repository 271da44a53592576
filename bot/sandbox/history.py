"""Some weeks of made-up calls, so that `/token-stats` has something to show. They end yesterday: today is real."""

import random
from datetime import datetime, time, timedelta

from bot.sandbox.world import World
from bot.usage.ids import new_id
from bot.usage.records import Attribution, Kind, OpenCall, Price, Settlement, Status, Usage, UsageRecord
from bot.usage.tracker import UsageTracker

DAYS = 75
_OPERATIONS = (
    # operation, model, weight, input tokens, output tokens
    ("general_conversation", "gpt-4o-mini", 60, (120, 1_800), (40, 320)),
    ("general_conversation", "gpt-4o", 14, (400, 3_000), (150, 600)),
    ("setup_agent_1_intent", "gpt-4o-mini", 14, (140, 260), (20, 60)),
    ("setup_agent_4_synthesize_gpt-4o-mini", "gpt-4o-mini", 9, (600, 1_600), (120, 360)),
    ("setup_full_guide", "gpt-4o", 3, (2_600, 3_600), (380, 560)),
)


async def write_history(tracker: UsageTracker, world: World) -> int:
    """Write the made-up weeks of the world's server into empty books only. Returns the calls written."""
    if (await tracker.reports.spend(None, "all", "guild")).total.calls:
        return 0
    dice = random.Random(7)  # noqa: S311 - made-up history, the same at each start
    today = datetime.combine(tracker.clock().date(), time(), tracker.clock().tzinfo)
    written = 0
    for days_ago in range(DAYS, 0, -1):
        day = today - timedelta(days=days_ago)
        for _ in range(dice.randint(2, 9) + (8 if day.weekday() in (5, 6) else 0)):
            _write_call(tracker, world, day + timedelta(seconds=dice.randint(15 * 3600, 86_399)), dice)
            written += 1
    await tracker.ledger.flush()
    return written


def _write_call(tracker: UsageTracker, world: World, at: datetime, dice: random.Random) -> None:
    operation, model, _, inputs, outputs = dice.choices(_OPERATIONS, [row[2] for row in _OPERATIONS])[0]
    usage = Usage(input_tokens=dice.randint(*inputs), output_tokens=dice.randint(*outputs))
    failed = dice.random() < 0.02
    price = Price(0, "not charged") if failed else tracker.prices.price(usage, model, at=at)
    call = OpenCall(
        id=new_id(),
        kind=Kind.LLM,
        api="chat",
        started_at=at,
        attribution=Attribution(
            operation=operation,
            guild_id=world.guild.id,
            channel_id=dice.choice(list(world.channels.values())).id,
            user_id=str(dice.choice(list(world.members.values())).id),
        ),
        provider="sandbox",
        request_model=model,
        reserved_usage=usage,
        reserved=price,
    )
    settlement = Settlement(
        status=Status.ERROR if failed else Status.OK,
        usage=Usage() if failed else usage,
        price=price,
        duration_ms=dice.randint(600, 5_000),
        response_model=model,
        error_type="rate_limit_exceeded" if failed else None,
    )
    tracker.ledger.record(UsageRecord(call, settlement))
