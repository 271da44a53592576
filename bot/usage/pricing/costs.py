"""What something costs, without booking it: the calculators, in USD, from the same price list as the door's."""

from datetime import datetime
from decimal import Decimal
from functools import lru_cache

from bot.usage import money
from bot.usage.pricing.fees import fee_of
from bot.usage.pricing.prices import PriceList
from bot.usage.records import NANO_USD_PER_USD, Kind, Usage, utc_now

Money = Decimal | float | str
"""An amount of USD; a float is taken for the decimal number it is printed as."""


def calculate_llm_cost(
    model: str, input_tokens: int, output_tokens: int, *, provider: str | None = None, at: datetime | None = None
) -> Decimal | None:
    """USD for a call of so many tokens, at the price of `at` (now). None where no price is known: not free (I9)."""
    usage = Usage(input_tokens=input_tokens, output_tokens=output_tokens)
    return _cost(usage, model, Kind.LLM, provider, at)


def calculate_embedding_cost(
    model: str, tokens: int, *, provider: str | None = None, at: datetime | None = None
) -> Decimal | None:
    """USD for embedding so many tokens; as `calculate_llm_cost`."""
    return _cost(Usage(input_tokens=tokens), model, Kind.EMBEDDING, provider, at)


def calculate_image_cost(
    model: str,
    resolution: str | None = None,
    *,
    quality: str | None = None,
    images: int = 1,
    provider: str | None = None,
    at: datetime | None = None,
) -> Decimal | None:
    """USD for so many images of a size (`1024x1024`) and quality; as `calculate_llm_cost`."""
    usage = Usage(images=images, image_size=resolution, image_quality=quality)
    return _cost(usage, model, Kind.IMAGE, provider, at)


def calculate_payment_fee(gateway: str, amount: Money) -> Decimal:
    """USD that a payment gateway keeps of a payment of `amount` USD.

    Raises `UnknownGatewayError`, and `ValueError` for an amount that is none.
    """
    return fee_of(gateway).of(amount_of(amount))


def format_cost(cost: Money | None) -> str:
    """USD for people: two decimals, or as many more as show two figures (`$4.12`, `$0.037`, `$0.00002`).

    None is `unknown`. Raises `ValueError` for an amount that is none.
    """
    return money.format_cost(None if cost is None else nano_usd_of(cost))


def amount_of(amount: Money) -> Decimal:
    """USD as an exact number from 0 on. Raises `ValueError`."""
    try:
        value = Decimal(str(amount))
    except ArithmeticError:
        value = Decimal("NaN")
    if not (value.is_finite() and 0 <= value <= 10**9):
        raise ValueError(f"{amount!r} is no amount of USD")
    return value


def nano_usd_of(amount: Money) -> int:
    """An amount of USD as nano-USD, rounded half-even. Raises `ValueError`."""
    return int((amount_of(amount) * NANO_USD_PER_USD).to_integral_value())


def _cost(usage: Usage, model: str, kind: Kind, provider: str | None, at: datetime | None) -> Decimal | None:
    price = _prices().price(usage, model, at=at or utc_now(), provider=provider, kind=kind)
    return None if price.cost_nano_usd is None else money.usd(price.cost_nano_usd)


@lru_cache(maxsize=1)
def _prices() -> PriceList:
    return PriceList.load()
