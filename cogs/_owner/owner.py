"""What `/owner`'s views share: they are for whoever runs the bot, asked again at every press (I26)."""

import discord

from bot.client import Trilo
from bot.translation import ENGLISH, _, speak_to
from cogs._kit.access import NOT_THE_OWNER, owns_the_bot
from cogs._kit.owned import OwnedView


class OwnerView(OwnedView):
    """A view that only its opener can use, and only while they run the bot."""

    async def refusal(self, interaction: discord.Interaction[Trilo]) -> str | None:
        """For the bot's owner, or its team, alone."""
        return None if await owns_the_bot(interaction) else _(NOT_THE_OWNER)

    async def interaction_check(self, interaction: discord.Interaction[Trilo], /) -> bool:  # type: ignore[override]
        """As ever, with words for whoever presses; who runs the bot is spoken to in English."""
        allowed = await super().interaction_check(interaction)
        speak_to(ENGLISH)
        return allowed
