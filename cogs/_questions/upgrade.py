"""The one prompt for whoever ran into a quota: Discord's own button, a link, or words, as the operator has it."""

from contextlib import suppress

import discord

from bot.client import Services
from bot.settings import Settings
from bot.translation import _, mark, n_
from bot.usage.budgeting.quotas import SubscriptionTier, Tiers
from bot.usage.errors import QuotaExceededError, QuotaResult, UsageError

ASK_THE_OPERATOR = mark("Whoever runs this bot can make you premium.")


def upgrade_view(settings: Settings) -> discord.ui.View | None:
    """The button to become premium: PREMIUM_SKU_ID's, else a link to PREMIUM_URL; None where there is neither.

    Discord shows the name and price of the subscription on its own button, and takes the payment.
    """
    if settings.premium_sku_id is not None:
        button: discord.ui.Button[discord.ui.View] = discord.ui.Button(
            style=discord.ButtonStyle.premium, sku_id=settings.premium_sku_id
        )
    elif settings.premium_url is not None:
        button = discord.ui.Button(style=discord.ButtonStyle.link, label=_("Get premium"), url=settings.premium_url)
    else:
        return None
    view = discord.ui.View(timeout=None)
    view.add_item(button)
    return view


def upgrade_words(settings: Settings, tiers: Tiers, result: QuotaResult) -> str:
    """What an upgrade gives, and without a button how to get it; empty where it wouldn't help."""
    if not result.requires_upgrade:
        return ""
    premium = tiers.get(SubscriptionTier.PREMIUM).monthly_tokens
    if premium is None:
        words = _("Premium members have as many tokens as you like.")
    else:
        words = n_("Premium members have {n} token a month.", "Premium members have {n} tokens a month.", premium)
    has_button = settings.premium_sku_id is not None or settings.premium_url is not None
    return words if has_button else f"{words} {_(ASK_THE_OPERATOR)}"


async def offer(services: Services, error: QuotaExceededError, operation: str) -> tuple[str, discord.ui.View | None]:
    """The prompt for somebody who was just refused an operation: words and a button, where an upgrade would help.

    Who subscribed to events is told that it is shown.
    """
    words = upgrade_words(services.settings, services.tracker.quotas.tiers, error.result)
    if not words:
        return "", None
    with suppress(UsageError):  # the event is lost with the books out of reach, the prompt is not
        await services.tracker.quotas.prompted(error, operation)
    return words, upgrade_view(services.settings)
