"""Some weeks of made-up calls, so that `/token-stats` has something to show, and the league's teams.

The calls end yesterday: today is real.
"""

import random
from datetime import datetime, time, timedelta

from bot.league.league_book import LeagueBook
from bot.league.team_list import Team
from bot.sandbox.world import TEAMS, World
from bot.usage.ids import new_id
from bot.usage.records import Attribution, Kind, OpenCall, Price, Settlement, Status, Usage, UsageRecord
from bot.usage.tracker import UsageTracker

DAYS = 75
NEWCOMER = "jordan_k"
"""Has asked only since yesterday, and is near 80 % of a free month's tokens: switch quotas on and ask as they."""
_NEWCOMERS_CALLS = 10
_NEWCOMERS_USAGE = Usage(input_tokens=690, output_tokens=90)
_OPERATIONS = (
    # operation, model, weight, input tokens, output tokens
    ("general_conversation", "gpt-4o-mini", 60, (120, 1_800), (40, 320)),
    ("general_conversation", "gpt-4o", 14, (400, 3_000), (150, 600)),
    ("setup_agent_1_intent", "gpt-4o-mini", 14, (140, 260), (20, 60)),
    ("setup_agent_4_synthesize_gpt-4o-mini", "gpt-4o-mini", 9, (600, 1_600), (120, 360)),
    ("setup_full_guide", "gpt-4o", 3, (2_600, 3_600), (380, 560)),
)


async def are_new(tracker: UsageTracker) -> bool:
    """Whether the books are empty still, as at the sandbox's first start."""
    return not (await tracker.reports.spend(None, "all", "guild")).total.calls


async def write_history(tracker: UsageTracker, world: World) -> int:
    """Write the made-up weeks of the world's server into empty books only. Returns the calls written."""
    if not await are_new(tracker):
        return 0
    dice = random.Random(7)  # noqa: S311 - made-up history, the same at each start
    today = datetime.combine(tracker.clock().date(), time(), tracker.clock().tzinfo)
    members = [member for member in world.members.values() if member.name != NEWCOMER]
    written = 0
    for days_ago in range(DAYS, 0, -1):
        day = today - timedelta(days=days_ago)
        for _ in range(dice.randint(2, 9) + (8 if day.weekday() in (5, 6) else 0)):
            at = day + timedelta(seconds=dice.randint(15 * 3600, 86_399))
            operation, model, _, inputs, outputs = dice.choices(_OPERATIONS, [row[2] for row in _OPERATIONS])[0]
            usage = Usage(input_tokens=dice.randint(*inputs), output_tokens=dice.randint(*outputs))
            who = _who(world, dice.choice(members).id, operation, dice)
            _write_call(tracker, who, model, usage, at, failed=dice.random() < 0.02)
            written += 1
    for number in range(_NEWCOMERS_CALLS):
        at = today - timedelta(hours=1, minutes=number)
        who = _who(world, world.members[NEWCOMER].id, "general_conversation", dice)
        _write_call(tracker, who, "gpt-4o-mini", _NEWCOMERS_USAGE, at)
    await tracker.ledger.flush()
    return written + _NEWCOMERS_CALLS


async def write_teams(league_book: LeagueBook, world: World) -> None:
    """Give the world's league its teams, the first of them with players, unless it has some."""
    if await league_book.teams(world.guild.id):
        return
    players = [member.id for member in world.members.values()]
    unplayed = [None] * (len(TEAMS) - len(players))
    teams = [Team(name, player) for name, player in zip(TEAMS, [*players, *unplayed], strict=True)]
    await league_book.set_teams(world.guild.id, teams, actor=world.owner.id)


def _who(world: World, user_id: int, operation: str, dice: random.Random) -> Attribution:
    channel = dice.choice(list(world.channels.values()))
    return Attribution(operation=operation, guild_id=world.guild.id, channel_id=channel.id, user_id=str(user_id))


def _write_call(
    tracker: UsageTracker, who: Attribution, model: str, usage: Usage, at: datetime, *, failed: bool = False
) -> None:
    price = Price(0, "not charged") if failed else tracker.prices.price(usage, model, at=at)
    call = OpenCall(
        id=new_id(),
        kind=Kind.LLM,
        api="chat",
        started_at=at,
        attribution=who,
        provider="sandbox",
        request_model=model,
        reserved_usage=usage,
        reserved=price,
    )
    settlement = Settlement(
        status=Status.ERROR if failed else Status.OK,
        usage=Usage() if failed else usage,
        price=price,
        duration_ms=600 + 8 * usage.output_tokens,
        response_model=model,
        error_type="rate_limit_exceeded" if failed else None,
    )
    tracker.ledger.record(UsageRecord(call, settlement))
