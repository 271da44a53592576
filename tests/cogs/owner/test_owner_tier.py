"""`/owner tier`: the operator gives and takes back tiers, of people and of servers."""

import pytest
import simcord

from bot.usage.budgeting.tier_grants import Source
from bot.usage.tracker import UsageTracker
from cogs._kit.access import NOT_THE_OWNER
from cogs.owner import NOBODY_OF_THAT_NAME, SEVERAL_SERVERS
from tests.cogs.helpers import Server, make_server
from tests.discord_description import Sent

COMMAND = "owner tier"


async def said(hq: Server, who: object, tier: str) -> str:
    result = await hq.member.slash(hq.channel, COMMAND, who=str(who), tier=tier)
    assert result.acknowledged
    assert result.response.ephemeral
    return result.response.content


async def tier_of(tracker: UsageTracker, user: object, guild_id: int = 0) -> str:
    return (await tracker.get_quota_summary(user, guild_id=guild_id))["subscription_tier"]


@pytest.mark.parametrize("form", ["{}", "<@{}>", "<@!{}>", " {} "])
async def test_a_person_by_mention_or_id(hq: Server, tracker: UsageTracker, form: str):
    person = hq.manager.id
    assert await said(hq, form.format(person), "Premium") == "✅ `league_manager` is `premium` now, on every server."
    assert [await tier_of(tracker, person), await tier_of(tracker, person, 42)] == ["premium", "premium"]
    assert await said(hq, form.format(person), "free") == "✅ `league_manager` is `free` now, on every server."
    assert await tier_of(tracker, person) == "free"
    lines = await tracker.settings.audit(0)
    assert [(line.actor, line.action, line.facts) for line in reversed(lines)] == [
        (str(hq.member.id), "tier granted", {"user_id": str(person), "tier": "premium", "source": "operator"}),
        (str(hq.member.id), "tier taken back", {"user_id": str(person), "tier": "premium", "source": "operator"}),
    ]


async def test_a_server_by_id_or_name(hq: Server, tracker: UsageTracker, simcord_env: simcord.Env):
    other = make_server(simcord_env, "other")
    words = "✅ `other` is `premium` now: everybody on it, while they are there."
    assert await said(hq, other.guild.id, "premium") == words
    assert (await tracker.settings.of(other.guild.id)).tier == "premium"
    assert await tier_of(tracker, other.member.id, other.guild.id) == "premium"
    assert await tier_of(tracker, other.member.id) == "free"
    assert await said(hq, "OTHER", "free") == "✅ `other` is `free` now: everybody on it, while they are there."
    assert (await tracker.settings.of(other.guild.id)).tier is None
    make_server(simcord_env, "other")
    assert await said(hq, "other", "premium") == SEVERAL_SERVERS


async def test_taking_back_leaves_what_was_bought(hq: Server, tracker: UsageTracker):
    """What somebody pays Discord for isn't the operator's to take by mistake: it is said what holds."""
    await tracker.quotas.grants.grant_person(str(hq.manager.id), "premium", Source.ENTITLEMENT)
    assert await said(hq, hq.manager.id, "free") == "✅ `league_manager` is `premium` now, on every server."
    assert await said(hq, hq.manager.id, "exempt") == "✅ `league_manager` is `exempt` now, on every server."


@pytest.mark.parametrize(
    ("who", "tier", "words"),
    [
        ("123456789012345678", "premium", NOBODY_OF_THAT_NAME),
        ("nobody", "premium", NOBODY_OF_THAT_NAME),
        ("league", "silver", "There is no such tier. There are: `free`, `premium`, `exempt`."),
    ],
)
async def test_mistakes_change_nothing(hq: Server, tracker: UsageTracker, who: str, tier: str, words: str):
    assert await said(hq, who, tier) == words
    assert await tracker.settings.audit(0) == []
    assert await tracker.quotas.grants.held_by(Source.OPERATOR, before=tracker.clock().replace(year=2100)) == ([], [])


@pytest.mark.parametrize("who", ["9" * 19, f"<@{'9' * 20}>", "١" * 18])
async def test_what_is_no_id_is_not_asked_of_discord(hq: Server, everything_sent: Sent, who: str):
    """Discord knows ids of 63 bits, and answers others with an error."""
    assert await said(hq, who, "premium") == NOBODY_OF_THAT_NAME
    assert [request for request in everything_sent.checked if request.startswith("GET /users/9")] == []


async def test_nobody_else_may_not_even_the_servers_owner(hq: Server, tracker: UsageTracker):
    """I26."""
    for actor in (hq.owner, hq.manager):
        result = await actor.slash(hq.channel, COMMAND, who=str(actor.id), tier="premium")
        assert result.response.content == NOT_THE_OWNER
        assert await tier_of(tracker, actor.id) == "free"
        assert await actor.autocomplete(hq.channel, COMMAND, "tier", "") == []


async def test_tiers_and_servers_are_completed_while_typing(hq: Server):
    choices = await hq.member.autocomplete(hq.channel, COMMAND, "tier", "")
    assert [choice["value"] for choice in choices] == ["free", "premium", "exempt"]
    assert [choice["value"] for choice in await hq.member.autocomplete(hq.channel, COMMAND, "tier", "REM")] == [
        "premium"
    ]
    choices = await hq.member.autocomplete(hq.channel, COMMAND, "who", "leag")
    assert choices == [{"name": f"league · {hq.guild.id}", "value": str(hq.guild.id)}]
