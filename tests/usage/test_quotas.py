"""Tiers and verdicts: pure rules, against literals and against a naive model of them."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.usage.budgeting.quotas import (
    EXEMPT,
    QuotaStatus,
    SubscriptionTier,
    Tier,
    Tiers,
    percentage,
    status,
    tier_of,
    verdict,
    warnings,
)
from bot.usage.errors import QuotaResult

FREE, PREMIUM = Tier("free", 10_000), Tier("premium", 1_000_000, premium=True)
GUEST, GOLD, STAFF = Tier("guest", 500), Tier("gold", 5_000_000), Tier("staff", None)
TIERS = Tiers([FREE, PREMIUM, GUEST, GOLD, STAFF])
RESETS = datetime(2026, 12, 1, tzinfo=UTC)

names = st.sampled_from([*TIERS.names, "no-longer-there"])
tiers = st.one_of(st.none(), st.builds(Tier, st.just("t"), st.one_of(st.none(), st.integers(0, 50)), st.booleans()))
counts = st.integers(0, 60)


def test_what_is_left_is_what_is_neither_used_nor_reserved():
    result = verdict(FREE, 7_500, 500, False, needed=2_000, operation="conversation", resets_at=RESETS)
    assert result == QuotaResult(
        allowed=True,
        reason="",
        requires_upgrade=False,
        tokens_remaining=2_000,
        tier="free",
        used=7_500,
        limit=10_000,
        resets_at=RESETS,
    )


BACK = " They come back on 1 December (UTC)."
HELD = "What is left of your tokens for this month is held by answers being written. Try again in a moment."
SHORT = "Email draft takes about 2,501 tokens, and 2,500 of your 10,000 for this month are left."


@pytest.mark.parametrize(
    ("tier", "used", "reserved", "needed", "reason", "requires_upgrade", "left"),
    [
        (FREE, 10_000, 0, 0, f"Your 10,000 tokens for this month are used up.{BACK}", True, 0),
        (FREE, 7_500, 0, 2_501, f"{SHORT}{BACK}", True, 2_500),
        (FREE, 7_500, 2_500, 0, HELD, False, 0),
        (PREMIUM, 1_000_001, 0, 0, f"Your 1,000,000 tokens for this month are used up.{BACK}", False, 0),
        (Tier("none", 0), 0, 0, 0, "Your 0 tokens for this month are used up.", True, 0),
    ],
)
def test_a_refusal_is_a_sentence_for_the_person(tier, used, reserved, needed, reason, requires_upgrade, left):
    """I16: a limit of 0 is a real limit."""
    result = verdict(tier, used, reserved, False, needed=needed, operation="email_draft", resets_at=RESETS)
    assert (result.allowed, result.reason) == (False, reason)
    assert (result.requires_upgrade, result.tokens_remaining, result.premium_required) == (
        requires_upgrade,
        left,
        False,
    )


def test_a_premium_operation_needs_a_subscription_and_quota():
    """Row D2: subscription *and* quota."""
    barred = verdict(FREE, 0, 0, True, operation="email_draft", resets_at=RESETS)
    assert (barred.allowed, barred.requires_upgrade, barred.premium_required) == (False, True, True)
    assert barred.reason == "Email draft is a premium feature. Upgrade to use it."
    assert barred.tokens_remaining == 10_000
    assert verdict(PREMIUM, 999_999, 0, True, operation="email_draft", resets_at=RESETS).allowed
    spent = verdict(PREMIUM, 1_000_000, 0, True, operation="email_draft", resets_at=RESETS)
    assert (spent.allowed, spent.requires_upgrade, spent.premium_required) == (False, False, False)
    assert not verdict(STAFF, 0, 0, True, operation="email_draft", resets_at=RESETS).allowed


def test_no_limit_and_exempt():
    """I16: no quota, no block."""
    for tier, name in ((STAFF, "staff"), (None, EXEMPT)):
        result = verdict(tier, 10**9, 10**9, False, needed=10**9, resets_at=RESETS)
        assert result == QuotaResult(True, "", False, None, tier=name, used=10**9, resets_at=RESETS)
    assert verdict(None, 0, 0, True, resets_at=RESETS).allowed


@given(tiers, counts, counts, st.booleans(), counts)
def test_verdicts_agree_with_a_naive_model(tier, used, reserved, premium, needed):
    """I16, row D1."""
    result = verdict(tier, used, reserved, premium, needed=needed, operation="x", resets_at=None)
    if tier is None:
        assert (result.allowed, result.tokens_remaining) == (True, None)
        return
    has_subscription = tier.premium or not premium
    limit = tier.monthly_tokens
    has_room = limit is None or (used + reserved < limit and used + reserved + needed <= limit)
    assert result.allowed == (has_subscription and has_room)
    assert result.premium_required == (not has_subscription)
    is_held = limit is not None and used < limit <= used + reserved
    assert result.is_busy == (is_held and has_subscription)
    assert result.requires_upgrade == (not has_subscription or not (has_room or tier.premium or is_held))
    assert result.tokens_remaining == (None if limit is None else max(0, limit - used - reserved))
    assert bool(result.reason) == (not result.allowed)


@pytest.mark.parametrize(
    ("granted", "guild_tier", "rules", "expected"),
    [
        ([], None, {}, FREE),
        (["premium"], None, {}, PREMIUM),
        (["free", "premium"], "gold", {}, Tier("gold", 5_000_000, premium=True)),
        ([], "premium", {}, PREMIUM),
        ([], None, {"role:7": "gold", "role:8": "staff"}, GOLD),
        ([], None, {"user:3": "guest"}, GUEST),
        (["premium"], None, {"user:3": "guest"}, PREMIUM),
        ([], None, {"user:4": "gold", "role:8": "gold"}, FREE),
        (["premium"], "gold", {"role:7": EXEMPT}, None),
        ([EXEMPT], None, {}, None),
        (["no-longer-there"], None, {}, FREE),
    ],
)
def test_the_best_tier_holds(granted, guild_tier, rules, expected):
    assert tier_of(TIERS, granted, guild_tier, rules, "3", (7,)) == expected


@given(
    st.lists(names), st.one_of(st.none(), names), st.dictionaries(st.sampled_from(["user:3", "role:7"]), names), names
)
def test_being_given_more_never_takes_anything_away(granted, guild_tier, rules, more):
    """Whoever has a tier and gets another has at least as many tokens, and keeps the premium operations."""
    before = tier_of(TIERS, [*granted, "free"], guild_tier, rules, "3", (7,))
    after = tier_of(TIERS, [*granted, "free", more], guild_tier, rules, "3", (7,))
    assert before is not None
    assert after is not None
    assert after.monthly_tokens is None or (before.monthly_tokens or 10**20) <= after.monthly_tokens
    assert after.premium >= before.premium
    assert tier_of(TIERS, [*granted, EXEMPT, more], guild_tier, rules, "3", (7,)) is None


@pytest.mark.parametrize(
    ("used", "share", "word", "sentences"),
    [
        (0, 0.0, QuotaStatus.OK, []),
        (7_499, 74.9, QuotaStatus.OK, []),
        (7_500, 75.0, QuotaStatus.WARNING, ["You have used 75% of your monthly quota (2500 tokens remaining)."]),
        (8_999, 89.9, QuotaStatus.WARNING, ["You have used 89% of your monthly quota (1001 tokens remaining)."]),
        (9_000, 90.0, QuotaStatus.CRITICAL, ["You have used 90% of your monthly quota (1000 tokens remaining)."]),
        (9_999, 99.9, QuotaStatus.CRITICAL, ["You have used 99% of your monthly quota (1 tokens remaining)."]),
        (10_000, 100.0, QuotaStatus.EXCEEDED, ["You have used 100% of your monthly quota (0 tokens remaining)."]),
        (12_345, 123.4, QuotaStatus.EXCEEDED, ["You have used 123% of your monthly quota (0 tokens remaining)."]),
    ],
)
def test_status_words_and_the_sentence(used, share, word, sentences):
    """Row D5."""
    assert (percentage(used, 10_000), status(used, 10_000), warnings(used, 10_000)) == (share, word, sentences)


def test_without_a_limit_everything_is_ok_and_of_nothing_all_is_used():
    assert (percentage(5, None), status(5, None), warnings(5, None)) == (0.0, "ok", [])
    assert (percentage(0, 0), status(0, 0)) == (100.0, "exceeded")


def test_the_names_are_the_words_of_the_guide():
    assert [*SubscriptionTier] == ["free", "premium"]
    assert [*QuotaStatus] == ["ok", "warning", "critical", "exceeded"]
