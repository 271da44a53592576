"""Quotas on real books: the guides' own snippets, grants from several sources, and what each question is answered."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from bot.usage import (
    Event,
    EventKind,
    PriceList,
    QuotaExceededError,
    SubscriptionTier,
    Tier,
    Tiers,
    TokenAllowance,
    UsageTracker,
    open_tracker,
    token_tracking_context,
)
from bot.usage.budgeting.quota_answers import OwnUsage
from bot.usage.budgeting.tier_grants import Source, UnknownTierError
from bot.usage.records import Kind, UsageRecord
from tests.usage.making import a_call, a_settlement

BOTH_DATABASES = True

NOW = datetime(2026, 11, 26, 12, tzinfo=UTC)
TIERS = Tiers(
    [Tier("free", 10_000), Tier("premium", 1_000_000, premium=True), Tier("gold", 5_000_000), Tier("staff", None)]
)
USER = UUID("8b2c1e1e-35c8-4d6e-9c0e-5d1f3f0a7b11")


class Clock:
    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def tracker(database_url: str, prices: PriceList, clock: Clock) -> AsyncIterator[UsageTracker]:
    async with open_tracker(database_url, console=False, prices=prices, tiers=TIERS, clock=clock) as opened:
        opened.define_operation("conversation", model="gpt-4o-mini", input_tokens=300, output_tokens=200)
        opened.define_operation("email_draft", model="gpt-4o", input_tokens=560, output_tokens=240, premium=True)
        opened.define_operation("league", counts_toward_quota=False)
        yield opened


@pytest.fixture
def events(tracker: UsageTracker) -> list[Event]:
    seen: list[Event] = []
    tracker.on_event(seen.append)
    return seen


async def used(tracker: UsageTracker, tokens: int, *, operation: str = "conversation", **who: Any) -> None:
    """A finished call of so many tokens, by USER unless said otherwise."""
    call = a_call(at=tracker.clock(), **{"operation": operation, "user_id": str(USER), **who})
    tracker.ledger.record(UsageRecord(call, a_settlement(tokens=(tokens - tokens // 4, tokens // 4))))


class TestTheGuidesSnippets:
    """Adapted in import paths and names only: `limiter` and `tracker` are one object here."""

    async def test_example_1_a_simple_operation(self, tracker: UsageTracker):
        """Row D1."""

        async def handle_conversation(user_id: UUID) -> dict[str, Any]:
            limiter = tracker
            result = await limiter.check_operation_allowed(user_id=user_id, operation_type="conversation")
            if not result.allowed:
                return {
                    "success": False,
                    "error": "quota_exceeded",
                    "message": result.reason,
                    "requires_upgrade": result.requires_upgrade,
                    "tokens_remaining": result.tokens_remaining,
                    "upgrade_prompt": result.requires_upgrade,
                }
            return {"success": True}

        assert await handle_conversation(USER) == {"success": True}
        await used(tracker, 10_000)
        assert await handle_conversation(USER) == {
            "success": False,
            "error": "quota_exceeded",
            "message": "Your 10,000 tokens for this month are used up. They come back on 1 December (UTC).",
            "requires_upgrade": True,
            "tokens_remaining": 0,
            "upgrade_prompt": True,
        }

    async def test_example_2_a_premium_feature(self, tracker: UsageTracker):
        """Rows D1, D2: subscription and quota."""

        async def draft_email_with_llm(user_id: UUID) -> dict[str, Any]:
            limiter = tracker
            try:
                await limiter.enforce_operation_quota(user_id=user_id, operation_type="email_draft")
            except QuotaExceededError as e:
                return {
                    "success": False,
                    "error": "quota_exceeded" if not e.result.requires_upgrade else "premium_required",
                    "message": e.result.reason,
                    "requires_upgrade": e.result.requires_upgrade,
                    "tokens_remaining": e.result.tokens_remaining,
                }
            return {"success": True}

        assert await draft_email_with_llm(USER) == {
            "success": False,
            "error": "premium_required",
            "message": "Email draft is a premium feature. Upgrade to use it.",
            "requires_upgrade": True,
            "tokens_remaining": 10_000,
        }
        await tracker.update_user_subscription(USER, SubscriptionTier.PREMIUM)
        assert await draft_email_with_llm(USER) == {"success": True}
        await used(tracker, 999_500)
        assert await draft_email_with_llm(USER) == {
            "success": False,
            "error": "quota_exceeded",
            "message": "Email draft takes about 800 tokens, and 500 of your 1,000,000 for this month are left. "
            "They come back on 1 December (UTC).",
            "requires_upgrade": False,
            "tokens_remaining": 500,
        }

    async def test_example_4_the_status_of_a_quota(self, tracker: UsageTracker, clock: Clock):
        """Row D5, with the guide's own numbers."""
        clock.now = datetime(2025, 10, 17, 9, 30, tzinfo=UTC)
        await used(tracker, 2_000, operation="task_enrichment", guild_id=1)
        await used(tracker, 1_500, operation="briefing_generation", guild_id=2)
        await used(tracker, 4_000, guild_id=0)

        async def get_my_quota(user_id: UUID) -> dict[str, Any]:
            limiter = tracker
            summary = await limiter.get_quota_summary(user_id)
            return {
                "subscription_tier": summary["subscription_tier"],
                "monthly_usage": {
                    "used": summary["monthly"]["used"],
                    "limit": summary["monthly"]["limit"],
                    "remaining": summary["monthly"]["remaining"],
                    "percentage": summary["monthly"]["percentage"],
                    "status": summary["monthly"]["status"],
                },
                "warnings": summary["warnings"],
                "top_operations": summary["operation_breakdown"],
                "last_reset": summary["last_reset_at"],
            }

        answer = await get_my_quota(USER)
        assert answer == {
            "subscription_tier": "free",
            "monthly_usage": {
                "used": 7500,
                "limit": 10000,
                "remaining": 2500,
                "percentage": 75.0,
                "status": "warning",
            },
            "warnings": ["You have used 75% of your monthly quota (2500 tokens remaining)."],
            "top_operations": {"conversation": 4000, "task_enrichment": 2000, "briefing_generation": 1500},
            "last_reset": "2025-10-01T00:00:00Z",
        }
        assert list(answer["top_operations"]) == ["conversation", "task_enrichment", "briefing_generation"]

    async def test_example_5_an_upgrade(self, tracker: UsageTracker, events: list[Event]):
        """Row D2."""

        async def handle_subscription_purchase(user_id: UUID, plan_type: str) -> dict[str, Any]:
            limiter = tracker
            new_tier = SubscriptionTier.PREMIUM if plan_type == "premium" else SubscriptionTier.FREE
            updated_quota = await limiter.update_user_subscription(user_id=user_id, new_tier=new_tier)
            return {
                "success": True,
                "new_tier": new_tier.value,
                "new_monthly_limit": updated_quota["monthly_token_limit"],
                "message": f"Upgraded to {new_tier.value}! You now have "
                f"{updated_quota['monthly_token_limit']:,} tokens per month.",
            }

        assert await handle_subscription_purchase(USER, "premium") == {
            "success": True,
            "new_tier": "premium",
            "new_monthly_limit": 1_000_000,
            "message": "Upgraded to premium! You now have 1,000,000 tokens per month.",
        }
        assert (await handle_subscription_purchase(USER, "none"))["new_monthly_limit"] == 10_000
        await handle_subscription_purchase(USER, "none")
        await asyncio.sleep(0)
        assert [event.properties for event in events] == [
            {"old_status": "free", "new_status": "premium", "plan_type": "premium"},
            {"old_status": "premium", "new_status": "free", "plan_type": "free"},
        ]
        assert {event.kind for event in events} == {EventKind.SUBSCRIPTION_STATUS_CHANGED}

    async def test_can_use_tokens(self, tracker: UsageTracker):
        """Row A2."""

        async def handle_message(user_id: UUID) -> str:
            token_manager = tracker
            status = await token_manager.can_use_tokens(user_id, estimated_tokens=2000)
            if not status.can_use:
                return f"❌ Límite de tokens alcanzado. Remaining: {status.remaining_tokens}"
            return "ok"

        await used(tracker, 8_000)
        assert await handle_message(USER) == "ok"
        await used(tracker, 1)
        assert await handle_message(USER) == "❌ Límite de tokens alcanzado. Remaining: 1999"


async def test_a_refused_check_is_told_and_an_allowed_one_is_not(tracker: UsageTracker, events: list[Event]):
    """Row D8."""
    assert (await tracker.check_operation_allowed(USER, "conversation")).allowed
    await tracker.check_operation_allowed(USER, "email_draft")
    await used(tracker, 9_700)
    await tracker.check_operation_allowed(USER, "conversation")
    await tracker.can_use_tokens(USER, 10**6)
    await asyncio.sleep(0)
    gated = "Email draft is a premium feature. Upgrade to use it."
    spent = (
        "Conversation takes about 500 tokens, and 300 of your 10,000 for this month are left. "
        "They come back on 1 December (UTC)."
    )
    draft, chat = "email_draft", "conversation"
    assert {event.user_id for event in events} == {str(USER)}
    assert [(event.kind.value, event.properties) for event in events] == [
        ("feature_gated", {"feature": draft, "reason": gated}),
        ("upgrade_prompt_shown", {"feature": draft, "tokens_needed": 800, "tokens_remaining": 10_000}),
        ("quota_exceeded", {"operation": chat, "reason": spent}),
        ("upgrade_prompt_shown", {"feature": chat, "tokens_needed": 500, "tokens_remaining": 300}),
    ]


async def test_a_person_is_one_whatever_the_type_of_the_id(tracker: UsageTracker):
    await used(tracker, 10_000, user_id="42")
    assert not (await tracker.check_operation_allowed(42, "conversation")).allowed
    assert not (await tracker.check_operation_allowed("42", "conversation")).allowed
    assert (await tracker.check_operation_allowed("43", "conversation")).allowed


async def test_what_does_not_count(tracker: UsageTracker):
    """Operations that don't count, payments and nobody's calls take nothing from a quota."""
    await used(tracker, 9_000, operation="league")
    await used(tracker, 9_000, kind=Kind.PAYMENT)
    await used(tracker, 9_000, user_id=None)
    await used(tracker, 400)
    summary = await tracker.get_quota_summary(USER)
    assert (summary["monthly"]["used"], summary["operation_breakdown"]) == (400, {"conversation": 400})


async def test_a_month_is_a_calendar_month_in_utc(tracker: UsageTracker, clock: Clock):
    """I17: the new month begins by itself."""
    clock.now = datetime(2026, 11, 30, 23, 59, 59, tzinfo=UTC)
    await used(tracker, 10_000)
    assert (await tracker.get_quota_summary(USER))["monthly"]["status"] == "exceeded"
    clock.now += timedelta(seconds=1)
    summary = await tracker.get_quota_summary(USER)
    assert summary["monthly"] == {"used": 0, "limit": 10_000, "remaining": 10_000, "percentage": 0.0, "status": "ok"}
    assert (summary["operation_breakdown"], summary["last_reset_at"]) == ({}, "2026-12-01T00:00:00Z")


async def test_no_limit_has_no_remainder(tracker: UsageTracker):
    await tracker.update_user_subscription(USER, "staff")
    await used(tracker, 10**6)
    assert (await tracker.get_quota_summary(USER))["monthly"] == {
        "used": 10**6,
        "limit": None,
        "remaining": None,
        "percentage": 0.0,
        "status": "ok",
    }
    assert await tracker.can_use_tokens(USER, 10**9) == TokenAllowance(True, None)


async def test_an_operation_nobody_declared_needs_only_that_something_is_left(tracker: UsageTracker):
    await used(tracker, 9_999)
    assert (await tracker.check_operation_allowed(USER, "unheard_of")).tokens_remaining == 1
    with pytest.raises(TypeError, match="one thing"):
        await tracker.check_operation_allowed(USER, "a", operation_type="a")


async def test_an_operation_grown_beyond_its_declared_size_is_measured_by_its_calls(tracker: UsageTracker):
    """From twenty calls on: one long answer is no reason to refuse the next."""
    for _ in range(18):
        await used(tracker, 3_000, user_id="somebody else")
    await used(tracker, 9_000)
    assert (await tracker.check_operation_allowed(USER, "conversation")).allowed
    await used(tracker, 3_000, user_id="somebody else")
    result = await tracker.check_operation_allowed(USER, "conversation")
    assert (result.allowed, result.tokens_remaining) == (False, 1_000)
    assert result.reason.startswith("Conversation takes about 3,000 tokens, and 1,000 of your 10,000")


async def test_what_calls_in_flight_hold_counts_as_used(tracker: UsageTracker):
    """I13's counterpart for people: reserved tokens aren't promised twice."""
    sql = "INSERT INTO budget_periods VALUES (0, 'quota', $1, '2026-11-01', 8000, 1500, 0, 0)"
    await tracker.ledger._database.execute(sql, str(USER))
    assert await tracker.can_use_tokens(USER, 500) == TokenAllowance(True, 500)
    assert not (await tracker.can_use_tokens(USER, 501)).can_use
    for no_number in (-1, True, 1.5, "500"):
        with pytest.raises(ValueError, match="estimated_tokens must be a whole number"):
            await tracker.can_use_tokens(USER, no_number)
    assert (await tracker.get_quota_summary(USER))["monthly"]["used"] == 8_000


async def test_what_is_only_held_asks_nobody_to_upgrade(tracker: UsageTracker, events: list[Event]):
    """Calls in flight hold all that is left: that passes in a moment, so it is no quota that was exceeded."""
    sql = "INSERT INTO budget_periods VALUES (0, 'quota', $1, '2026-11-01', 8000, 2000, 0, 0)"
    await tracker.ledger._database.execute(sql, str(USER))
    result = await tracker.check_operation_allowed(USER, "conversation")
    assert (result.allowed, result.is_busy, result.requires_upgrade) == (False, True, False)
    await tracker.settings.choose(1, quotas=True)
    client = tracker.openai(api_key="k", base_url="http://127.0.0.1:9/v1", max_retries=0)
    async with token_tracking_context(guild_id=1, user_id=USER):
        with pytest.raises(QuotaExceededError, match="held by answers being written") as raised:
            await client.chat.completions.create(model="gpt-4o-mini", messages=[{"role": "user", "content": "hi"}])
    assert raised.value.cause == "quota busy"
    await asyncio.sleep(0)
    assert events == []


async def test_the_best_of_all_sources_holds_where_the_person_asks(tracker: UsageTracker):
    quotas, everyone = tracker.quotas, "free"

    async def tier(**where: Any) -> str:
        return (await tracker.get_quota_summary(USER, **where))["subscription_tier"]

    assert await tier(guild_id=1, role_ids=(7,)) == everyone
    await quotas.set_rule(1, "role:7", "premium", actor=5)
    assert (await tier(guild_id=1, role_ids=(7,)), await tier(guild_id=1), await tier()) == ("premium", "free", "free")
    await quotas.grants.grant_server(1, "gold", Source.OPERATOR, actor=5)
    assert (await tier(guild_id=1), await tier(guild_id=2)) == ("gold", "free")
    await quotas.set_rule(1, f"user:{USER}", "exempt", actor=5)
    assert await tier(guild_id=1) == "exempt"
    assert (await tracker.check_operation_allowed(USER, "email_draft", guild_id=1)).tokens_remaining is None
    assert await quotas.rules(1) == {"role:7": "premium", f"user:{USER}": "exempt"}
    await quotas.set_rule(1, f"user:{USER}", None, actor=5)
    assert await quotas.rules(1) == {"role:7": "premium"}
    lines = await tracker.settings.audit(1)
    assert [(line.actor, line.action, line.facts) for line in reversed(lines)] == [
        ("5", "quota rule", {"subject": "role:7", "tier": "premium"}),
        ("5", "tier granted", {"tier": "gold", "source": "operator"}),
        ("5", "quota rule", {"subject": f"user:{USER}", "tier": "exempt"}),
        ("5", "quota rule", {"subject": f"user:{USER}", "tier": None}),
    ]


async def test_taking_back_one_source_leaves_the_others(tracker: UsageTracker, events: list[Event]):
    grants = tracker.quotas.grants
    await grants.grant_person(str(USER), "premium", Source.ENTITLEMENT)
    assert (await tracker.update_user_subscription(USER, "gold"))["subscription_tier"] == "gold"
    assert await tracker.update_user_subscription(USER, "free") == {
        "user_id": str(USER),
        "subscription_tier": "premium",
        "monthly_token_limit": 1_000_000,
    }
    assert not await grants.take_back_person(str(USER), Source.OPERATOR)
    assert await grants.take_back_person(str(USER), Source.ENTITLEMENT)
    assert await grants.of_person(str(USER)) == []
    lines = await tracker.settings.audit(0)
    assert [line.action for line in reversed(lines)] == ["tier granted"] * 2 + ["tier taken back"] * 2


async def test_a_grant_ends_when_it_is_over(tracker: UsageTracker, clock: Clock):
    grants, over = tracker.quotas.grants, NOW + timedelta(days=1)
    await grants.grant_person(str(USER), "premium", Source.ENTITLEMENT, until=over)
    await grants.grant_server(1, "premium", Source.ENTITLEMENT, until=over)
    await grants.grant_server(1, "gold", Source.OPERATOR)
    await grants.grant_server(2, "premium", Source.ENTITLEMENT, until=over)
    assert await grants.of_person(str(USER)) == ["premium"]
    clock.now = over
    assert await grants.of_person(str(USER)) == []
    await grants.expire_servers()
    assert [(await tracker.settings.of(guild)).tier for guild in (1, 2)] == ["gold", None]


async def test_what_is_renewed_meanwhile_stays(tracker: UsageTracker, clock: Clock, monkeypatch: pytest.MonkeyPatch):
    """A renewal that comes between looking for what is over and taking it back isn't taken back."""
    grants, over, fetch = tracker.quotas.grants, NOW + timedelta(days=1), tracker.database.fetch
    await grants.grant_server(1, "premium", Source.ENTITLEMENT, until=over)
    clock.now = over

    async def found_and_renewed(*query: Any) -> Any:
        found = await fetch(*query)
        monkeypatch.undo()
        await grants.grant_server(1, "premium", Source.ENTITLEMENT, until=over + timedelta(days=30))
        return found

    monkeypatch.setattr(tracker.database, "fetch", found_and_renewed)
    await grants.expire_servers()
    assert (await tracker.settings.of(1)).tier == "premium"


async def test_mistakes_are_named(tracker: UsageTracker):
    with pytest.raises(
        UnknownTierError, match="there is no tier 'silver'; there are free, premium, gold, staff, exempt"
    ):
        await tracker.update_user_subscription(USER, "silver")
    with pytest.raises(UnknownTierError):
        await tracker.quotas.set_rule(1, "role:7", "silver")
    for subject in ("role:x", "channel:7", "user:", "7"):
        with pytest.raises(ValueError, match="a rule is for role:ID or user:ID"):
            await tracker.quotas.set_rule(1, subject, "gold")


async def test_a_crossing_is_told_once_where_quotas_are_on(tracker: UsageTracker):
    """I19, for the line under an answer: once, also when several answers end at the same time."""
    crossed = tracker.quotas.newly_crossed
    await used(tracker, 8_000)
    assert await crossed(USER, guild_id=1) is None, "quotas are off there"
    await tracker.settings.choose(1, quotas=True)
    assert sorted(await asyncio.gather(*(crossed(USER, guild_id=1) for _ in range(8))), key=str) == [80] + [None] * 7
    await used(tracker, 900)
    assert await crossed(USER, guild_id=1) is None
    await used(tracker, 400)
    assert [await crossed(USER, guild_id=1), await crossed(USER, guild_id=1)] == [90, None]
    assert await crossed("somebody else", guild_id=1) is None


async def test_a_jump_is_told_once_and_a_higher_tier_arms_anew(tracker: UsageTracker):
    """I20's counterpart: what is no longer reached may be told again."""
    crossed = tracker.quotas.newly_crossed
    await tracker.settings.choose(1, quotas=True)
    await used(tracker, 12_000)
    assert [await crossed(USER, guild_id=1), await crossed(USER, guild_id=1)] == [100, None]
    await tracker.update_user_subscription(USER, "premium")
    assert await crossed(USER, guild_id=1) is None
    await used(tracker, 800_000)
    assert await crossed(USER, guild_id=1) == 80
    await tracker.update_user_subscription(USER, "staff")
    assert await crossed(USER, guild_id=1) is None


async def test_a_server_where_one_has_more_arms_nothing(tracker: UsageTracker):
    """I19: going to and fro between two servers is no reason to be told twice."""
    crossed = tracker.quotas.newly_crossed
    for guild_id in (1, 2):
        await tracker.settings.choose(guild_id, quotas=True)
    await tracker.quotas.grants.grant_server(2, "premium", Source.OPERATOR)
    await used(tracker, 8_500)
    told = [await crossed(USER, guild_id=guild_id) for guild_id in (2, 1, 2, 1)]
    assert told == [None, 80, None, None]


async def test_own_usage_is_by_server_and_operation_and_only_the_persons_own(tracker: UsageTracker, clock: Clock):
    """I26."""
    await used(tracker, 100, guild_id=1)
    await used(tracker, 60, guild_id=1)
    await used(tracker, 200, guild_id=2, operation="league")
    await used(tracker, 999, user_id="somebody else")
    clock.now -= timedelta(days=3)
    await used(tracker, 40)
    await tracker.force_flush()
    assert await tracker.quotas.own_usage(USER, NOW - timedelta(days=1)) == [
        OwnUsage(2, "league", 1, 150, 50),
        OwnUsage(1, "conversation", 2, 120, 40),
    ]
    assert len(await tracker.quotas.own_usage(USER, NOW - timedelta(days=4))) == 2


@pytest.mark.sqlite_only
async def test_own_usage_reads_through_an_index(tracker: UsageTracker):
    """I18's spirit: what somebody's question costs depends on their own calls alone."""
    from bot.usage.budgeting.quota_book import _OWN_CALLS

    plan = await tracker.ledger._database.fetch(f"EXPLAIN QUERY PLAN {_OWN_CALLS}", "3", 0)
    assert plan[0][-1] == "SEARCH usage_records USING INDEX usage_records_user (user_id=? AND started_at>?)"


async def test_grants_outlive_the_process(database_url: str, prices: PriceList, tmp_path: Path):
    async with open_tracker(database_url, console=False, prices=prices, tiers=TIERS) as first:
        await first.update_user_subscription(7, "premium")
        await first.quotas.set_rule(1, "role:7", "gold")
    async with open_tracker(database_url, console=False, prices=prices, tiers=TIERS) as second:
        assert (await second.get_quota_summary(7))["subscription_tier"] == "premium"
        standing = await second.quotas.standing(8, guild_id=1, role_ids=(7,))
        assert replace(standing, began_at=NOW, resets_at=NOW).tier == Tier("gold", 5_000_000)
