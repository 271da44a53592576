"""The calculators and what is told by hand: row E of the design, with the cost module's own snippets."""

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from bot.usage import (
    UnknownGatewayError,
    UsageTracker,
    calculate_embedding_cost,
    calculate_image_cost,
    calculate_llm_cost,
    calculate_payment_fee,
    estimate_tokens,
    format_cost,
)
from bot.usage.errors import DataFileError
from bot.usage.pricing.fees import load_fees

BOTH_DATABASES = True


def test_calls_by_the_price_list() -> None:
    """Row E1: the first and the third sample line of the user's document, exactly."""
    assert calculate_llm_cost("gpt-4o-mini", 245, 89) == Decimal("0.00009015")
    assert calculate_llm_cost("gpt-4o", 1024, 256) == Decimal("0.00512")
    assert calculate_llm_cost("gemini-2.5-flash-lite", 100, 50, provider="google") == Decimal("0.00003")
    assert calculate_llm_cost("nobody-knows-it", 1, 1) is None


def test_embeddings_images_and_fees() -> None:
    assert calculate_embedding_cost("text-embedding-3-small", 1_000) == Decimal("0.00002")
    assert calculate_embedding_cost("qwen3-embedding-0.6b-q8", 1_000) == 0
    assert calculate_image_cost("dall-e-3", "1024x1024") == Decimal("0.04")
    assert calculate_image_cost("dall-e-3", "1024x1792", quality="hd", images=2) == Decimal("0.24")
    assert calculate_image_cost("stable-diffusion-xl", "512x512") == 0
    assert calculate_payment_fee("stripe", 10) == Decimal("0.59")
    assert calculate_payment_fee("MercadoPago", "10.00") == Decimal("0.599")


@pytest.mark.parametrize("amount", ["ten", -1, float("nan"), "1e99"])
def test_an_amount_that_is_none(amount: Any) -> None:
    with pytest.raises(ValueError, match="is no amount of USD"):
        calculate_payment_fee("stripe", amount)


def test_a_gateway_that_nobody_knows() -> None:
    with pytest.raises(UnknownGatewayError, match="'paypal'; known: mercadopago, stripe"):
        calculate_payment_fee("paypal", 1)


@pytest.mark.parametrize(
    ("cost", "words"),
    [
        (0, "$0.00"),
        ("0.00002", "$0.00002"),
        (0.000021, "$0.000021"),
        (0.0116, "$0.012"),
        ("0.0050", "$0.005"),
        (Decimal("0.0092"), "$0.0092"),
        (0.5, "$0.50"),
        (1234.5, "$1,234.50"),
        (None, "unknown"),
    ],
)
def test_money_for_people(cost: Any, words: str) -> None:
    assert format_cost(cost) == words


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("[x]\npercent = 1\n", "x: needs `source`"),
        ("[x]\npercent = -1\nsource = 's'\nas_of = 2026-01-01\n", "must be numbers from 0 on"),
        ("[x]\npercent = nan\nsource = 's'\nas_of = 2026-01-01\n", "must be numbers from 0 on"),
        ("[x]\nfixed_usd = inf\nsource = 's'\nas_of = 2026-01-01\n", "must be numbers from 0 on"),
        ("[x]\nper = 1\nsource = 's'\nas_of = 2026-01-01\n", "unknown key 'per'; known: as_of, fixed_usd"),
        ("x = 1\n", "x: must be a table"),
        ("[x", "file: isn't valid TOML: "),
    ],
)
def test_a_mistake_in_the_file_is_named(tmp_path: Path, text: str, problem: str) -> None:
    path = tmp_path / "fees.toml"
    path.write_text(text)
    with pytest.raises(DataFileError) as caught:
        load_fees(path)
    assert problem in str(caught.value)


async def test_the_cost_modules_own_snippets(tracker: UsageTracker, records: Any) -> None:
    """Rows E2 and E4: names in Python's spelling, everything else as it stands there."""
    prompt, response = "Who plays whom?", "Texans and Colts."
    await tracker.track_llm_call(
        user_id="user-1",
        agent_id="agent-1",
        world_id="world-1",
        provider="google",
        model="gemini-2.5-flash-lite",
        input_tokens=estimate_tokens(prompt),
        output_tokens=estimate_tokens(response),
        metadata={"stage": "initial-generation"},
    )
    await tracker.track_embedding(
        user_id="user-1", provider="qwen-local", model="qwen3-embedding-0.6b-q8", tokens=9, cost=0
    )
    await tracker.track_image_generation(
        user_id="user-1", provider="aihorde", model="stable-diffusion-xl", resolution="512x512", cost=0
    )
    await tracker.track_payment_fee(user_id="user-1", gateway="mercadopago", amount=10.00)
    llm, embedding, image, payment = await records(tracker)
    assert [(row["kind"], row["cost_nano_usd"], row["price_source"]) for row in (embedding, image)] == [
        ("embedding", 0, "given"),
        ("image", 0, "given"),
    ]
    assert (llm["kind"], llm["agent_name"], llm["provider"], llm["cost_nano_usd"]) == (
        "llm",
        "agent-1",
        "google",
        2_400,
    )
    assert llm["metadata"] == '{"stage": "initial-generation", "world_id": "world-1"}'
    assert (payment["kind"], payment["cost_nano_usd"]) == ("payment", 599_000_000)
    assert payment["metadata"] == '{"amount_usd": "10.0"}'
    assert (await tracker.reports.spend(None, "today", "user")).total.calls == 3
    assert tracker.get_summary()["operations"] == 3


async def test_the_usage_guides_own_snippet(tracker: UsageTracker, records: Any) -> None:
    """Row D3: session, intent, metadata, duration; a failed call is told as well."""
    await tracker.track_llm_call(
        user_id="u",
        operation_type="conversation",
        model="gpt-4o-mini",
        input_tokens=245,
        output_tokens=89,
        session_id="s",
        intent="conversation",
        metadata={"message_length": 12},
        duration_ms=1234.4,
    )
    await tracker.track_llm_call(user_id="u", model="gpt-4o-mini", failed=True, error_type="APITimeoutError")
    done, failed = await records(tracker)
    assert (done["operation"], done["session_id"], done["duration_ms"]) == ("conversation", "s", 1234)
    assert done["metadata"] == '{"message_length": 12, "intent": "conversation"}'
    assert done["cost_nano_usd"] == 90_150
    assert (failed["status"], failed["error_type"], failed["cost_nano_usd"]) == ("error", "APITimeoutError", 0)


async def test_all_counts_by_their_own_names(tracker: UsageTracker, records: Any) -> None:
    """I5: what lies within is charged once."""
    usage = {"input_tokens": 1_000, "cached_input_tokens": 400, "output_tokens": 50, "reasoning_output_tokens": 20}
    await tracker.track_llm_call(model="gpt-4o", usage=usage, response_id="r-1", estimated=True)
    [row] = await records(tracker)
    assert (row["cached_input_tokens"], row["reasoning_output_tokens"], row["cost_nano_usd"]) == (400, 20, 2_500_000)
    assert (row["response_id"], row["estimated"]) == ("r-1", 1)


@pytest.mark.parametrize(
    "wrong",
    [
        {"model": "gpt-4o", "usage": {"tokens": 1}},
        {"model": "gpt-4o", "agent_id": "a", "agent_name": "b"},
        {"model": "gpt-4o", "cost": "1e12"},
    ],
)
async def test_nothing_told_wrong_raises(tracker: UsageTracker, records: Any, wrong: Any, caplog: Any) -> None:
    await tracker.track_llm_call(**wrong)
    await tracker.track_payment_fee(gateway="paypal", amount=1)
    assert await records(tracker) == []
    assert len(caplog.records) == 2
