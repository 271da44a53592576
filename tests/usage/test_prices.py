"""What a call costs: exact, dated, tiered, never charged twice, never guessed."""

import random
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from decimal import ROUND_HALF_EVEN, Decimal
from fractions import Fraction
from itertools import cycle, islice

import genai_prices
import pytest
from genai_prices.data import providers
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.usage.errors import DataFileError
from bot.usage.pricing.price_file import PriceFile
from bot.usage.pricing.price_units import TOKENS, RateTable, count_units
from bot.usage.pricing.prices import PriceList
from bot.usage.records import Kind, Price, Usage

AT = datetime(2026, 11, 20, 12, tzinfo=UTC)
FIRST = datetime.fromisoformat("0001-01-01T00:00:00")
LAST = datetime.fromisoformat("9999-12-31T23:59:59.999999")
PRICES = PriceList.load()
BARE = PriceList(PriceFile())
"""genai-prices alone, to compare with itself."""


def cost(model, at=AT, provider=None, tier=None, kind=Kind.LLM, **usage):
    price = PRICES.price(Usage(**usage), model, at=at, provider=provider, service_tier=tier, kind=kind)
    return price.cost_nano_usd


def written(tmp_path, text):
    path = tmp_path / "data" / "prices.toml"
    path.parent.mkdir(exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def entry(body, names='["mine"]'):
    return f'[[model]]\nnames = {names}\nsource = "a contract"\nas_of = 2026-11-23\n{body}\n'


class TestAmounts:
    @pytest.mark.parametrize(
        ("model", "tokens", "output", "nano"),
        [
            ("gpt-4o", 1024, 256, 5_120_000),
            ("gpt-4o-mini", 245, 89, 90_150),
            ("gpt-4o-mini", 512, 45, 103_800),
            ("gpt-4o-mini", 156, 42, 48_600),
            ("gpt-4o", 3245, 487, 12_982_500),
            ("gpt-4o", 560, 240, 3_800_000),
            ("gpt-4.1", 1_000_000, 0, 2_000_000_000),
            ("text-embedding-3-small", 1000, 0, 20_000),
        ],
    )
    def test_literals(self, model, tokens, output, nano):
        """I8: known calls cost known amounts, to the nano."""
        assert cost(model, input_tokens=tokens, output_tokens=output) == nano

    def test_rounds_half_even_once(self):
        """I8: half a nano goes to the even neighbour, once a call, not once a part."""
        batch = {"tier": "batch", "cached_input_tokens": 0}
        assert cost("gpt-5-nano", input_tokens=1, **batch) == 25
        assert cost("gpt-5-nano", input_tokens=1, tier="batch", cached_input_tokens=1) == 2  # 2.5
        assert cost("gpt-5-nano", input_tokens=3, tier="batch", cached_input_tokens=3) == 8  # 7.5
        assert cost("gpt-5-nano", input_tokens=2, tier="batch", cached_input_tokens=2) == 5

    def test_a_million_of_the_cheapest_dont_drift(self):
        """I8: a million calls cost exactly a million times one."""
        one = PRICES.price(Usage(input_tokens=1), "text-embedding-3-small", at=AT)
        same = PRICES.price(Usage(input_tokens=1, output_tokens=1), "gpt-4o-mini", at=AT)
        assert one.cost_nano_usd == 20
        total = sum(islice(cycle([one.cost_nano_usd, same.cost_nano_usd]), 1_000_000))
        assert total == 500_000 * (20 + 750)

    def test_sources(self):
        """I12: a price says where it comes from."""
        usage = Usage(input_tokens=1)
        assert PRICES.price(usage, "gpt-4o", at=AT).source == f"genai-prices {genai_prices.__version__}"
        assert PRICES.price(usage, "ft:gpt-4.1-2025-04-14:a::b", at=AT).source == "data/prices.toml"
        assert PRICES.price(usage, "nobody-knows", at=AT) == Price(None, "unknown")
        both = PRICES.price(Usage(input_tokens=1, web_search_calls=1), "gpt-4", at=AT)
        assert both.source == f"genai-prices {genai_prices.__version__}, data/prices.toml"


class TestSubsets:
    def test_cached_reasoning_and_writes_lie_within(self):
        """I5: cached input is charged at its own rate instead of, not besides, the input rate; reasoning is output."""
        assert cost("gpt-4o", input_tokens=1000, cached_input_tokens=400, output_tokens=10) == 2_100_000
        assert cost("gpt-5", output_tokens=100, reasoning_output_tokens=90) == cost("gpt-5", output_tokens=100)
        assert cost("claude-sonnet-4-5", input_tokens=1000, cache_write_input_tokens=1000) == 3_750_000
        assert cost("gpt-4", input_tokens=1000, cached_input_tokens=1000) == 30_000_000

    def test_audio_within_input_and_output(self):
        """I5, I11: sound has its own rates; a cached sound token is charged once."""
        audio = cost("gpt-realtime", input_tokens=100, input_audio_tokens=60, output_tokens=10, output_audio_tokens=10)
        assert audio == 40 * 4_000 + 60 * 32_000 + 10 * 64_000
        cached = cost(
            "gpt-realtime",
            input_tokens=100,
            input_audio_tokens=60,
            cached_input_tokens=50,
            cached_input_audio_tokens=30,
        )
        assert cached == 20 * 4_000 + 20 * 400 + 30 * 32_000 + 30 * 400
        assert cost("gpt-4o-audio-preview", input_tokens=10, input_audio_tokens=10) == 400_000

    def test_audio_without_an_audio_rate_costs_as_text(self):
        """I5: as genai-prices has it, tokens without a rate of their own cost what their whole costs."""
        assert cost("gpt-4o", input_tokens=10, input_audio_tokens=10) == cost("gpt-4o", input_tokens=10)

    def test_image_tokens(self):
        """I11: image tokens have their own rates."""
        assert cost("gpt-image-1", input_tokens=110, input_image_tokens=100, output_tokens=10, images=1) == 1_450_000
        assert cost("gpt-image-1.5", output_tokens=110, output_image_tokens=100) == 3_300_000

    @given(st.lists(st.integers(-3, 9), min_size=11, max_size=11))
    def test_counts_are_disjoint(self, counts):
        """I5: with a rate for everything, what is charged adds up to the totals, however they contradict themselves."""
        usage = Usage(*counts)
        charged = count_units(usage, RateTable(dict.fromkeys(TOKENS, ((-1, Fraction(1)),))))
        output = {unit for unit in TOKENS if unit.startswith("output")} | {"reasoning"}
        assert min(charged.values()) >= 0
        assert sum(charged[unit] for unit in TOKENS - output) == max(0, usage.input_tokens)
        assert sum(charged[unit] for unit in output) == max(0, usage.output_tokens)

    @given(
        st.sampled_from(["gpt-4o", "gpt-realtime", "claude-sonnet-4-5", "gpt-5.4", "gpt-image-1.5"]),
        st.lists(st.integers(-5, 400_000), min_size=11, max_size=11),
    )
    @settings(max_examples=300, deadline=None)
    def test_contradictions_are_never_negative(self, model, counts):
        """I5: a usage that contradicts itself costs at least nothing and at most all of it at the dearest rate."""
        price = PRICES.price(Usage(*counts), model, at=AT).cost_nano_usd
        worst = PRICES.worst_case(
            model,
            input_tokens=max(counts[0], 0),
            output_tokens=max(counts[3], 0),
            at=AT,
            audio=True,
            image=True,
        )
        assert 0 <= price <= worst.cost_nano_usd

    def test_a_subset_larger_than_its_whole_is_cut(self):
        """I5: 90 cached of 10 is 10 cached of 10."""
        assert cost("gpt-4o", input_tokens=10, cached_input_tokens=90) == 12_500
        assert cost("gpt-4o", input_tokens=-10, output_tokens=1) == 10_000


class TestUnits:
    @pytest.mark.parametrize(
        ("size", "quality", "nano"),
        [
            ("1024x1024", "standard", 40_000_000),
            ("1024x1792", "standard", 80_000_000),
            ("1024x1024", "hd", 80_000_000),
            ("1792x1024", "HD", 120_000_000),
            (None, None, 40_000_000),
        ],
    )
    def test_per_image(self, size, quality, nano):
        """I11: an image costs by size and quality."""
        assert cost("dall-e-3", images=1, image_size=size, image_quality=quality) == nano
        assert cost("openai/dall-e-3", images=3, image_size=size, image_quality=quality) == 3 * nano

    def test_dall_e_2(self):
        """I11: its price depends on the size alone."""
        assert cost("dall-e-2", images=1, image_size="256x256", image_quality="standard") == 16_000_000
        assert cost("dall-e-2", images=2) == 40_000_000

    def test_images_without_a_price_are_unknown(self):
        """I9: an image on a model that has no price for one isn't free, with tokens beside it or without."""
        assert cost("gpt-4o", images=1) is None
        assert cost("gpt-4o", images=1, input_tokens=10, output_tokens=10) is None
        assert cost("dall-e-3", images=1, image_size="7x7") is None

    def test_tokens_pay_for_an_image_where_they_are_reported(self):
        """I5: a gpt-image call is paid by token or, where none are reported, by image; never by both."""
        assert cost("gpt-image-1", images=1, image_size="1024x1024", image_quality="low") == 11_000_000
        assert cost("gpt-image-1", images=1, output_tokens=272) == 10_880_000
        assert cost("gpt-image-2", images=1, output_tokens=100, kind=Kind.IMAGE) == 3_000_000
        assert cost("gpt-image-1", images=1, image_size="auto", image_quality="auto") == 167_000_000

    def test_sound_by_time(self):
        """I11: transcription by the second, exact though a second isn't a whole number of nano-USD everywhere."""
        assert cost("whisper-1", audio_seconds=Decimal(60)) == 6_000_000
        assert cost("whisper-1", audio_seconds=Decimal("0.5")) == 50_000
        assert cost("gpt-4o-transcribe", audio_seconds=Decimal(60)) == 6_000_000
        by_token = {"input_tokens": 100, "input_audio_tokens": 100, "output_tokens": 10}
        assert cost("gpt-4o-transcribe", audio_seconds=Decimal(60), **by_token) == 700_000
        assert cost("gpt-4o", audio_seconds=Decimal(60)) is None
        assert cost("whisper-1", input_tokens=10) is None

    def test_groq_bills_ten_seconds_at_least(self):
        """I11: as genai-prices knows."""
        short = cost("whisper-large-v3", provider="groq", audio_seconds=Decimal(1))
        assert short == cost("whisper-large-v3", provider="groq", audio_seconds=Decimal(10)) == 308_333

    def test_by_character(self):
        """I11: speech by the character."""
        assert cost("tts-1", characters=1000) == 15_000_000
        assert cost("tts-1-hd", characters=1000) == 30_000_000
        assert cost("tts-1-hd-1106", characters=1000) == 30_000_000
        assert cost("gpt-4o", characters=1000) is None

    def test_tools(self):
        """I11: searches cost by the call, besides the tokens; where no fee is known, the call is unpriced."""
        assert cost("gpt-4o", input_tokens=2, web_search_calls=3, file_search_calls=2) == 30_000_000 + 5_000_000 + 5_000
        assert cost("gpt-4o-search-preview", web_search_calls=1) == 25_000_000
        assert cost("gpt-4", web_search_calls=1) == 10_000_000
        assert cost("command-r-plus", input_tokens=1, web_search_calls=1) is None

    def test_local_models_cost_nothing(self):
        """I9: free is 0, unknown is None."""
        assert cost("ollama/llama3.2", input_tokens=1000, output_tokens=1000) == 0
        assert cost("llama3.2", provider="ollama", input_tokens=1000, output_tokens=1000) == 0
        assert cost("qwen3-embedding", input_tokens=1000) == 0
        assert cost("stable-diffusion-xl", images=4) == 0
        assert cost("omni-moderation-latest", input_tokens=10) == 0
        assert cost("Qwen3-Embedding-8B", provider="ovhcloud", input_tokens=1000) == 120_000


class TestTimeAndTier:
    def test_the_price_of_that_day(self):
        """I10: o3 became cheaper on 2025-06-10, at midnight UTC, and the memo keeps both sides apart."""
        prices = PriceList.load()
        midnight = datetime(2025, 6, 10, tzinfo=UTC)
        usage = Usage(input_tokens=1000)
        for _ in range(2):
            assert prices.price(usage, "o3", at=midnight - timedelta(microseconds=1)).cost_nano_usd == 10_000_000
            assert prices.price(usage, "o3", at=midnight).cost_nano_usd == 2_000_000
            assert prices.price(usage, "o3", at=AT).cost_nano_usd == 2_000_000

    def test_times_without_a_zone_are_utc_and_zones_count(self):
        """I10: naive is UTC; a zoned time is the instant it names."""
        before = datetime(2025, 6, 10, 1, tzinfo=timezone(timedelta(hours=2)))
        assert cost("o3", at=before, input_tokens=1000) == 10_000_000
        assert cost("o3", at=before.replace(tzinfo=None), input_tokens=1000) == 2_000_000

    @pytest.mark.parametrize(
        "at",
        [
            FIRST,
            LAST,
            FIRST.replace(tzinfo=timezone(timedelta(hours=23))),
            LAST.replace(tzinfo=timezone(timedelta(hours=-23))),
        ],
    )
    def test_the_ends_of_the_calendar(self, at):
        """I9: no time is too far off to be asked about."""
        assert cost("gpt-4o", at=at, input_tokens=1000) == 2_500_000
        assert cost("deepseek-chat", at=at, input_tokens=1000) is not None
        assert cost("deepseek-chat", input_tokens=1000) == 270_000

    def test_peak_hours(self):
        """I10: deepseek's day rate begins at 00:30 and ends at 16:30 UTC, every day."""
        prices = PriceList.load()
        usage = Usage(input_tokens=1000)
        clock = {"00:29": 135_000, "00:30": 270_000, "16:29": 270_000, "16:30": 135_000}
        for day in ("2025-03-01", "2025-03-02", "2025-03-01"):
            for time, nano in clock.items():
                at = datetime.fromisoformat(f"{day}T{time}:00Z")
                assert prices.price(usage, "deepseek-chat", at=at).cost_nano_usd == nano

    @pytest.mark.parametrize(
        ("model", "tier", "nano"),
        [
            ("gpt-5", None, 11_250_000),
            ("gpt-5", "default", 11_250_000),
            ("gpt-5", "auto", 11_250_000),
            ("gpt-5", "scale", 11_250_000),
            ("gpt-5", "flex", 5_625_000),
            ("gpt-5", "batch", 5_625_000),
            ("gpt-5", "priority", 22_500_000),
            ("gpt-5", "Priority", 22_500_000),
            ("gpt-4.1", "flex", 10_000_000),
            ("gpt-3.5-turbo", "flex", 2_000_000),
            ("gpt-3.5-turbo", "priority", None),
            ("gpt-5", "platinum", None),
            ("ollama/llama3.2", "priority", 0),
        ],
    )
    def test_service_tiers(self, model, tier, nano):
        """I11: what was served is billed; an unknown discount is the standard rate, an unknown surcharge is unknown."""
        assert cost(model, tier=tier, input_tokens=1000, output_tokens=1000) == nano

    def test_long_context_starts_above_the_threshold(self):
        """I11: 272,000 input tokens are base rate, 272,001 are not, and then the whole request is."""
        assert cost("gpt-5.4", input_tokens=272_000, output_tokens=10) == 272_000 * 2_500 + 150_000
        assert cost("gpt-5.4", input_tokens=272_001, output_tokens=10) == 272_001 * 5_000 + 225_000
        assert cost("gpt-5.4", input_tokens=272_001, cached_input_tokens=272_001) == 272_001 * 500
        assert cost("gemini-1.5-pro", input_tokens=128_000) * 2 + 2_500 == cost("gemini-1.5-pro", input_tokens=128_001)


def comparable_models():
    for provider in providers:
        for model in provider.models:
            prices = model.prices if isinstance(model.prices, list) else [model]
            if all(hasattr(price.prices, "input_mtok") and price.prices.input_mtok is not None for price in prices):
                yield provider.id, model.id


def theirs(provider, model, usage, at, tier):
    """genai-prices' own answer, half-even to the nano."""
    told = genai_prices.Usage(
        input_tokens=usage.input_tokens,
        cache_read_tokens=usage.cached_input_tokens,
        cache_write_tokens=usage.cache_write_input_tokens,
        input_audio_tokens=usage.input_audio_tokens,
        cache_audio_read_tokens=usage.cached_input_audio_tokens,
        input_image_tokens=usage.input_image_tokens,
        cache_image_read_tokens=usage.cached_input_image_tokens,
        output_tokens=usage.output_tokens,
        output_reasoning_tokens=usage.reasoning_output_tokens,
        output_audio_tokens=usage.output_audio_tokens,
        output_image_tokens=usage.output_image_tokens,
    )
    context = {"processing": "batch"} if tier == "batch" else {"service_tier": tier} if tier else None
    total = genai_prices.calc_price(
        told, model, provider_id=provider, genai_request_timestamp=at, price_context=context
    ).total_price
    return int((total * 10**9).quantize(Decimal(1), ROUND_HALF_EVEN))


def random_usage(dice):
    text, cached, written_, audio, heard, image, seen = (dice.randrange(dice.choice([2, 90_000])) for _ in range(7))
    said, thought, spoken, drawn = (dice.randrange(9_000) for _ in range(4))
    rich = dice.random() < 0.5
    audio, heard, image, seen, spoken, drawn = (n if rich else 0 for n in (audio, heard, image, seen, spoken, drawn))
    return Usage(
        input_tokens=text + cached + written_ + audio + heard + image + seen,
        cached_input_tokens=cached + heard + seen,
        cache_write_input_tokens=written_,
        output_tokens=said + thought + spoken + drawn,
        reasoning_output_tokens=thought,
        input_audio_tokens=audio + heard,
        output_audio_tokens=spoken,
        cached_input_audio_tokens=heard,
        input_image_tokens=image + seen,
        output_image_tokens=drawn,
        cached_input_image_tokens=seen,
    )


class TestAgainstGenaiPrices:
    @pytest.mark.parametrize("seed", range(8))
    def test_every_model_of_every_provider(self, seed):
        """I8, I10, I11: equal to genai-prices to the nano, over all models, at random times, tiers and usages."""
        dice = random.Random(seed)
        compared = 0
        for provider, model in comparable_models():
            at = datetime(2023, 1, 1, tzinfo=UTC) + timedelta(seconds=dice.randrange(5 * 365 * 86_400))
            tier = dice.choice([None, None, "flex", "priority", "batch"])
            usage = random_usage(dice)
            price = BARE.price(usage, model, at=at, provider=provider, service_tier=tier)
            try:
                expected = theirs(provider, model, usage, at, tier)
            except LookupError:
                continue  # An id that genai-prices itself doesn't find.
            if price.cost_nano_usd is None:
                assert tier == "priority", (provider, model)
                expected = None
            else:
                compared += 1
            assert price.cost_nano_usd == expected, (provider, model, at, tier, usage)
        assert compared > 1500

    @given(
        st.sampled_from(["gpt-4o", "gpt-5.4", "gpt-6-sol", "gpt-realtime", "gpt-image-1.5", "o3"]),
        st.sampled_from([None, "flex", "priority", "batch"]),
        st.integers(0, 2**32),
        st.datetimes(datetime(2026, 10, 14), datetime(2027, 12, 31), timezones=st.just(UTC)),  # noqa: DTZ001
    )
    @settings(max_examples=300, deadline=None)
    def test_what_this_project_uses(self, model, tier, seed, at):
        """I8, I11: data/prices.toml changes no token price of the models it doesn't name."""
        usage = random_usage(random.Random(seed))
        price = PRICES.price(usage, model, at=at, service_tier=tier).cost_nano_usd
        assert price == (theirs("openai", model, usage, at, tier) if price is not None else None)
        assert price is not None or tier == "priority"


class TestWorstCase:
    def test_amounts(self):
        """I13: nothing cached, everything written where that costs more, long context where input reaches it."""
        worst = PRICES.worst_case("gpt-4o", input_tokens=1024, output_tokens=256, at=AT)
        assert worst == Price(5_120_000, f"genai-prices {genai_prices.__version__}")
        assert PRICES.worst_case("gpt-6-sol", input_tokens=1000, output_tokens=0, at=AT).cost_nano_usd == 2_500_000
        assert PRICES.worst_case("gpt-6-sol", input_tokens=272_000, output_tokens=0, at=AT).cost_nano_usd == 680_000_000
        long = PRICES.worst_case("gpt-6-sol", input_tokens=272_001, output_tokens=1, at=AT)
        assert long.cost_nano_usd == 272_001 * 5_000 + 15_000
        heard = PRICES.worst_case("gpt-realtime", input_tokens=10, output_tokens=10, at=AT, audio=True)
        assert heard.cost_nano_usd == 960_000
        drawn = PRICES.worst_case("gpt-image-1.5", input_tokens=10, output_tokens=10, at=AT, image=True)
        assert drawn.cost_nano_usd == 400_000
        assert PRICES.worst_case("ollama/llama3.2", input_tokens=10, output_tokens=10, at=AT).cost_nano_usd == 0

    def test_unknown_stays_unknown(self):
        """I15: what can't be estimated has no worst case."""
        for model, tier in (("nobody-knows", None), ("whisper-1", None), ("gpt-3.5-turbo", "priority")):
            worst = PRICES.worst_case(model, input_tokens=1, output_tokens=1, at=AT, service_tier=tier)
            assert worst == Price(None, "unknown")

    @given(
        st.sampled_from(
            ["gpt-4o", "gpt-5.4", "gpt-6-sol", "claude-sonnet-4-5", "gemini-1.5-pro", "sonar-deep-research"]
        ),
        st.integers(0, 600_000),
        st.integers(0, 600_000),
        st.integers(0, 50_000),
        st.data(),
    )
    @settings(max_examples=200, deadline=None)
    def test_never_below_any_real_call_and_never_falling(self, model, tokens, more, output, data):
        """I13: no text call with at most so many tokens costs more, whatever was cached, written or thought."""
        cached = data.draw(st.integers(0, tokens))
        usage = Usage(
            input_tokens=tokens,
            cached_input_tokens=cached,
            cache_write_input_tokens=data.draw(st.integers(0, tokens - cached)),
            output_tokens=output,
            reasoning_output_tokens=data.draw(st.integers(0, output)),
        )
        worst = PRICES.worst_case(model, input_tokens=tokens, output_tokens=output, at=AT).cost_nano_usd
        assert PRICES.price(usage, model, at=AT).cost_nano_usd <= worst
        assert worst <= PRICES.worst_case(model, input_tokens=tokens + more, output_tokens=output, at=AT).cost_nano_usd


class TestLimitsAndDates:
    @pytest.mark.parametrize(
        ("model", "tokens"),
        [
            ("gpt-4o", 16384),
            ("openai/gpt-4o-mini-2024-07-18", 16384),
            ("gpt-4o-2024-05-13", 4096),
            ("gpt-4.1-2025-04-14", 32768),
            ("ft:gpt-4o-mini-2024-07-18:acme::1", 16384),
            ("gpt-5-chat-latest", 16384),
            ("gpt-6-sol-2026-09-22", 128000),
            ("o1", 100000),
            ("gpt-4o-mini-foo", None),
        ],
    )
    def test_max_output_tokens(self, model, tokens):
        """I13: a call without a cap can answer with so much, and not more."""
        assert PRICES.max_output_tokens(model) == tokens

    def test_context_window(self):
        """From genai-prices, where it is there."""
        assert PRICES.context_window("gpt-4o") == 128_000
        assert PRICES.context_window("nobody-knows") is None

    def test_dates(self):
        """I12: the list says how old it is."""
        assert PRICES.as_of.isoformat() >= "2026-11-23"
        assert PRICES.described().startswith(f"genai-prices {genai_prices.__version__} (2026-")
        assert PRICES.described().endswith("; data/prices.toml (2026-11-23)")

    def test_memory_is_bounded(self):
        """I24: names come from callers; those that are forgotten cost the same afterwards."""
        prices = PriceList.load()
        for number in range(2100):
            prices._memo.setdefault((f"model-{number}", None, None), [])
        assert prices.price(Usage(input_tokens=1), "gpt-4o", at=AT).cost_nano_usd == 2_500
        assert len(prices._memo) < 10
        for day in range(100):
            at = datetime(2025, 1, 1, 12, tzinfo=UTC) + timedelta(days=day)
            prices.price(Usage(input_tokens=1), "deepseek-chat", at=at)
        assert max(len(cards) for cards in prices._memo.values()) <= 16


class TestFile:
    def load(self, tmp_path, text):
        return PriceList.load(written(tmp_path, text))

    def test_lies_on_top(self, tmp_path):
        """I9: an entry replaces what it names, and leaves the rest to genai-prices."""
        prices = self.load(tmp_path, entry("input = 1.5", '["gpt-4o"]'))
        usage = Usage(input_tokens=1000, cached_input_tokens=500, output_tokens=100)
        price = prices.price(usage, "gpt-4o-2030-01-01", at=AT)
        assert price.cost_nano_usd == 500 * 1_500 + 500 * 1_250 + 100 * 10_000
        assert price.source == f"genai-prices {genai_prices.__version__}, data/prices.toml"

    def test_from_and_until(self, tmp_path):
        """I10: dated entries hold from their first day to the day before `until`, in UTC."""
        prices = self.load(tmp_path, entry("input = 1\nuntil = 2026-02-01") + entry("input = 2\nfrom = 2026-03-01"))
        usage = Usage(input_tokens=1000)
        expected = {"2026-01-31T23:59": 10**6, "2026-02-01": None, "2026-02-28T23:59": None, "2026-03-01": 2 * 10**6}
        for _ in range(2):
            for at, nano in expected.items():
                assert prices.price(usage, "mine", at=datetime.fromisoformat(at)).cost_nano_usd == nano

    def test_tiers_and_long_context(self, tmp_path):
        """I11: an operator's own model has tiers and long context too."""
        prices = self.load(
            tmp_path,
            entry("input = 1\noutput = 2\nlong_context = { above = 100, input = 3 }")
            + entry('input = 0.5\nservice_tier = "flex"')
            + entry('input = 9\nservice_tier = "priority"'),
        )

        def nano(tokens, tier=None):
            return prices.price(Usage(input_tokens=tokens), "mine", at=AT, service_tier=tier).cost_nano_usd

        assert (nano(100), nano(101), nano(10, "flex"), nano(10, "priority")) == (100_000, 303_000, 5_000, 90_000)
        assert (nano(10, "batch"), nano(10, "platinum")) == (10_000, None)

    def test_a_price_for_each_call_alone(self, tmp_path):
        """I9, I15: with no other price it is the whole price, whatever the call uses, and its worst case."""
        prices = self.load(tmp_path, entry("call = 0.005") + entry("call = 1", '["gpt-4o"]'))
        for usage in (Usage(), Usage(10, output_tokens=5), Usage(images=2), Usage(audio_seconds=Decimal(9))):
            assert prices.price(usage, "mine", at=AT) == Price(5_000_000, "data/prices.toml")
        worst = prices.worst_case("mine", input_tokens=10, output_tokens=5, at=AT)
        assert worst == Price(5_000_000, "data/prices.toml")
        assert prices.price(Usage(10), "gpt-4o", at=AT).cost_nano_usd == 10**9 + 25_000

    def test_parts_that_are_more_than_their_whole_together(self, tmp_path):
        """I5: 60 cached and 60 written of 100 tokens: each token is charged once, so 40 were written."""
        prices = self.load(tmp_path, entry("input = 3\ncached_input = 0.3\ncache_write = 3.75\noutput = 1"))
        usage = Usage(input_tokens=100, cached_input_tokens=60, cache_write_input_tokens=60)
        assert prices.price(usage, "mine", at=AT).cost_nano_usd == 60 * 300 + 40 * 3_750

    def test_characters_are_paid_by_tokens_where_speech_reports_them(self, tmp_path):
        """I9: anywhere else they need a rate of their own, or something in the call is unpriced."""
        prices = self.load(tmp_path, entry("input = 1\noutput = 2"))
        usage = Usage(input_tokens=10, output_tokens=5, characters=7)
        found = [prices.price(usage, "mine", at=AT, kind=kind).cost_nano_usd for kind in (Kind.AUDIO, Kind.LLM)]
        assert found == [20_000, None]
        heard = self.load(tmp_path, entry("input = 1\noutput = 2\ninput_audio = 3"))
        assert heard.price(replace(usage, characters=0, audio_seconds=7), "mine", at=AT).cost_nano_usd == 20_000

    def test_input_without_a_price_is_not_given_away(self, tmp_path):
        """I9: a price of the output alone is none of a call that has read something."""
        prices = self.load(tmp_path, entry("output = 2"))
        assert prices.price(Usage(input_tokens=10, output_tokens=5), "mine", at=AT).cost_nano_usd is None

    def test_wildcards_and_providers(self, tmp_path):
        """I9: only a declared * stands for more than one name, and an entry may hold at one provider alone."""
        prices = self.load(tmp_path, entry('call = 0.001\ninput = 0\nproviders = ["here"]', '["mine:*"]'))
        usage = Usage(input_tokens=5)
        assert prices.price(usage, "Mine:7b", at=AT).cost_nano_usd == 1_000_000
        assert prices.price(usage, "mine:7b", at=AT, provider="here").cost_nano_usd == 1_000_000
        assert prices.price(usage, "mine:7b", at=AT, provider="there").cost_nano_usd is None
        assert prices.price(usage, "mine7b", at=AT).cost_nano_usd is None

    @pytest.mark.parametrize(
        ("text", "where", "problem"),
        [
            ("model = 3", "model", "[[model]]"),
            ("= 3", "file", "TOML"),
            ("modle = []", "file", "modle"),
            (entry("inptu = 3"), "model 1 (mine)", "inptu"),
            (entry("input = -3"), "model 1 (mine), input", "-3"),
            (entry('input = "3"'), "model 1 (mine), input", "'3'"),
            (entry("input = nan"), "model 1 (mine), input", "NaN"),
            (entry("input = true"), "model 1 (mine), input", "True"),
            (entry(""), "model 1 (mine)", "names no price"),
            (entry("free = true\ninput = 1"), "model 1 (mine)", "choose one"),
            (entry("input = 1\nfrom = 2026-02-01\nuntil = 2026-01-01"), "model 1 (mine)", "before"),
            (entry("input = 1", '["gpt-4o*"]'), "model 1 (gpt-4o*)", "*"),
            (entry("input = 1", "[]"), "model 1", "names"),
            (entry("input = 1\nlong_context = { input = 2 }"), "model 1 (mine)", "above"),
            (entry("input = 1\nlong_context = { above = 5, output = 2 }"), "model 1 (mine)", "output"),
            (entry("input = 1\nlong_context = { above = 5, free = true }"), "model 1 (mine), long_context", "free"),
            ("[fees.openai]\nweb_search = 1\nfrom = 2026-01-01", "fees.openai", "from"),
            ('[[model]]\nnames = ["x"]\ninput = 1\nas_of = 2026-01-01', "model 1 (x)", "source"),
            ('[[model]]\nnames = ["x"]\ninput = 1\nsource = "y"', "model 1 (x)", "as_of"),
            ("[max_output_tokens]\nx = 1.5", "max_output_tokens.x", "whole"),
            ("[aliases]\nx = 1", "aliases.x", "name"),
        ],
    )
    def test_mistakes_are_named(self, tmp_path, text, where, problem):
        """A mistake in the file names the file, the entry and the problem."""
        path = written(tmp_path, text)
        with pytest.raises(DataFileError) as caught:
            PriceList.load(path)
        assert caught.value.entry == where
        assert problem in caught.value.problem
        assert str(path) in str(caught.value)

    def test_the_files_own_names_are_all_met(self):
        """I9: no entry, alias or limit of data/prices.toml is misspelt: each is reached by its own name."""
        file = PRICES._file
        for known in file.entries:
            for name in known.names - {name for name in known.names if name.endswith("*")}:
                units = known.table.rates.keys() & {"input", "output"}
                usage = Usage(
                    input_tokens=len(units),
                    images=int(bool(known.table.images)),
                    audio_seconds=Decimal("seconds" in known.table.rates),
                    web_search_calls=int("web_search" in known.table.rates),
                )
                assert PRICES.price(usage, name, at=AT).cost_nano_usd is not None, name
        for alias, name in file.aliases.items():
            rate = PRICES.worst_case(name, input_tokens=9, output_tokens=9, at=AT)
            assert PRICES.worst_case(alias, input_tokens=9, output_tokens=9, at=AT) == rate, alias
        for name in file.max_output_tokens:
            assert PRICES._catalogue.find(name, None) is not None, name

    def test_a_missing_file_is_named(self, tmp_path):
        """A missing file is a mistake too."""
        with pytest.raises(DataFileError, match=r"nowhere\.toml"):
            PriceList.load(tmp_path / "nowhere.toml")
