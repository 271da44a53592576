"""Which model a name means: strict, and yet no real name is lost (I9)."""

from datetime import UTC, datetime

import pytest
from genai_prices.data import providers
from genai_prices.data_snapshot import get_snapshot

from bot.usage.pricing.price_file import PriceFile
from bot.usage.pricing.price_names import dashed, fine_tuned_base, snapshot_family, spellings
from bot.usage.pricing.prices import PriceList
from bot.usage.records import Usage

AT = datetime(2026, 11, 20, 12, tzinfo=UTC)
PRICES = PriceList.load()


def per_million(name, provider=None):
    """$ for a million input tokens, asked for a thousand of them, which is long context nowhere."""
    nano = PRICES.price(Usage(input_tokens=1000), name, at=AT, provider=provider).cost_nano_usd
    return None if nano is None else nano / 10**6


def literals(clause):
    for kind, words in vars(clause).items():
        if kind in ("or_", "and_"):
            for part in words:
                yield from literals(part)
        elif kind == "equals":
            yield words


def loose(clause):
    for kind, words in vars(clause).items():
        if kind in ("or_", "and_"):
            for part in words:
                yield from loose(part)
        elif kind in ("starts_with", "contains", "ends_with"):
            yield words


def test_every_name_that_genai_prices_lists_is_known():
    """I9: all ids and `equals` literals of all providers, wherever genai-prices prices them."""
    bare = PriceList(PriceFile())
    known = 0
    for provider in providers:
        for model in provider.models:
            for name in {model.id, *literals(model.match)}:
                try:
                    get_snapshot().find_provider_model(name, None, provider.id, None)
                except LookupError:
                    continue
                listing = bare._catalogue.find(name.lower(), provider.id)
                assert listing is not None, (provider.id, name)
                assert listing.info is model, (provider.id, name)
                known += 1
    assert known > 3500


def test_no_loose_clause_is_believed():
    """I9: whatever follows or precedes what genai-prices matches loosely, a made-up name stays unknown."""
    bare = PriceList(PriceFile())
    tried = 0
    for provider in providers:
        for model in provider.models:
            for words in loose(model.match):
                for name in (f"{words}-foo", f"{words}oo", f"my-{words}", f"{words}-of-mine-latest"):
                    tried += 1
                    assert bare._catalogue.find(name.lower(), provider.id) is None, (provider.id, name)
    assert tried > 1500


@pytest.mark.parametrize(
    "name",
    [
        "gpt-4o-mini-foo",
        "gpt-4oo",
        "my-gpt-4o",
        "gpt-4o-",
        "gpt-4o mini",
        "gpt-4o-2024-13-45",
        "gpt-4o-20241345",
        "gpt-5-nano-x",
        "gpt-4o-audio-preview-hacked",
        "claude-3-5-sonnet-of-mine",
        "claude-haiku-4-5-9999",
        "us.amazon.nova-lite-of-mine",
        "someone/gpt-4o",
        "ft:gpt-4o-2024-08-06-foo:acme::1",
        "ft:gpt-5:acme::1",
        "ft:",
        "gpt-4o-mini-2024-07-18.ft-mine",
        "openai/",
        "/gpt-4o",
        "",
        "*",
        "ollama",
    ],
)
def test_made_up_names_are_unknown(name):
    """I9: never by loose prefix, and unknown is not free."""
    assert per_million(name) is None


@pytest.mark.parametrize(
    ("name", "dollars"),
    [
        ("gpt-4o", 2.5),
        ("GPT-4o ", 2.5),
        ("gpt-4o-2024-08-06", 2.5),
        ("gpt-4o-2024-05-13", 5),
        ("gpt-4o-20240513", 5),
        ("gpt-4o-2031-01-31", 2.5),
        ("gpt-4o-mini", 0.15),
        ("gpt-4o-mini-2024-07-18", 0.15),
        ("gpt-5.2-20251211", 1.75),
        ("gpt-35-turbo", 0.5),
        ("openai/gpt-4o-mini", 0.15),
        ("azure/gpt-4o-mini", 0.15),
        ("openrouter/openai/gpt-4o", 2.5),
        ("anthropic/claude-sonnet-4-5", 3),
        ("claude-3-5-sonnet-20241022", 3),
        ("claude-3-5-sonnet-latest", 3),
        ("claude-2.1", 8),
        ("google/gemini-2.5-pro", 1.25),
        ("gemini/gemini-1.5-pro-002", 1.25),
        ("models/gemini-2.5-flash", 0.3),
        ("us.anthropic.claude-sonnet-4-5-20250929-v1:0", 3.3),
        ("us.amazon.nova-lite-v1:0", 0.06),
        ("amazon.nova-lite-v1:0", 0.06),
        ("arn:aws:bedrock:us-east-1:123:inference-profile/us.amazon.nova-lite-v1:0", 0.06),
        ("xai/grok-4.3", 1.25),
        ("groq/llama-3.3-70b-versatile", 0.59),
        ("text-embedding-3-small", 0.02),
        ("openai/text-embedding-3-large", 0.13),
        ("chatgpt-4o-latest", 5),
        ("ft:gpt-4o-mini-2024-07-18:org::id", 0.3),
        ("ft:gpt-4o-2024-08-06:org:name:id", 3.75),
        ("ft:gpt-4o:org::id", 3.75),
        ("ft:gpt-3.5-turbo-0125:org::id", 3),
        ("ft:gpt-4.1-2025-04-14:org::id", 3),
        ("ft:gpt-4.1-mini-2025-04-14:org::id:ckpt-step-90", 0.8),
        ("openai/ft:gpt-4o-mini-2024-07-18:org::id", 0.3),
        ("gpt-4o-mini-2024-07-18.ft-0e208cf33a6a466994aff31a08aba678", 0.3),
        ("ft:davinci-002:org::id", 12),
    ],
)
def test_real_names(name, dollars):
    """I9: exact names, snapshots with their own price or their family's, declared aliases, fine-tuned models."""
    assert per_million(name) == dollars


def test_a_provider_that_is_given_wins():
    """I9: the same name may cost something else elsewhere, or be unknown there."""
    assert per_million("openai/gpt-oss-120b", "groq") == 0.15
    assert per_million("openai/gpt-oss-120b", "openai") == 0.039
    assert per_million("gpt-4o", "anthropic") is None
    assert per_million("openai/gpt-4o", "openrouter") == 2.5
    assert per_million("azure/gpt-4o", "openai") == 2.5
    assert per_million("gpt-4o", "nobody") is None
    assert per_million("composer-2.5[fast=true]", "cursor") == 3  # by a regular expression of theirs
    assert per_million("composer-2.5[fast=true]!", "cursor") is None


def test_parts_of_names():
    """The small rules that the lookups are made of."""
    assert snapshot_family("gpt-4o-2024-08-06") == "gpt-4o"
    assert snapshot_family("claude-3-5-sonnet@20241022") == "claude-3-5-sonnet"
    assert snapshot_family("gpt-4o-2023-02-29") is None
    assert snapshot_family("2024-08-06") is None
    assert dashed("gpt-4o-20240513") == "gpt-4o-2024-05-13"
    assert dashed("gpt-4o-2024-05-13") == "gpt-4o-2024-05-13"
    assert dashed("gpt-4o") == "gpt-4o"
    assert fine_tuned_base("ft:gpt-4o:a::b") == "gpt-4o"
    assert fine_tuned_base("gpt-4o") is None
    assert list(spellings("OpenAI/GPT-4o", None)) == [
        ("openai/gpt-4o", None),
        ("gpt-4o", "openai"),
        ("openai/gpt-4o", "openai"),
    ]
