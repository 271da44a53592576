"""The bot in a made-up Discord, a server on loopback in the model's place whose every byte a test chooses."""

from dataclasses import dataclass
from typing import Any

import simcord

from bot.client import Services
from tests.cogs.helpers import mention
from tests.usage.stub import Scripted, Stub

KEY = "sk-not-to-be-told"
PROMPT = "zebra crossing"
"""What is asked; stands in no words of ours."""
ROW = "status, error_type, input_tokens, output_tokens, estimated, cost_nano_usd, doubtful_nano_usd"
SETUP = "How do I set up my league?"
INTENT = '{"route": "setup", "topic": "setting up", "action": "set up", "keywords": ["league"], "whole": true}'
"""What the model that sorts messages makes of `SETUP`."""
UNREACHED = "I can't reach the AI provider right now. Please try again in a minute."


@dataclass
class Place:
    """A server's channel, and somebody there who asks."""

    env: simcord.Env
    guild: simcord.GuildHandle
    channel: simcord.ChannelHandle
    alice: simcord.MemberActor
    services: Services
    stub: Stub

    @property
    def mention(self) -> str:
        """How the bot is spoken to."""
        return mention(self.env)

    async def ask(self, *answers: Scripted, text: str = PROMPT) -> list[str]:
        """All that the bot says, oldest first, where the model answers that."""
        self.stub.answers(*answers)
        asked = await self.alice.send(self.channel, f"{self.mention} {text}")
        return self.said_since(asked.id)

    def said_since(self, message_id: int) -> list[str]:
        """What the bot has said after a message, oldest first."""
        said = [message for message in self.channel.history() if message.author.bot and message.id > message_id]
        return [message.content for message in sorted(said, key=lambda message: message.id)]

    async def booked(self) -> tuple[Any, ...]:
        """The newest call on the books: see `ROW`. There is one for each question, and nothing stays reserved (I14)."""
        tracker = self.services.tracker
        await tracker.force_flush()
        assert await tracker.database.fetch("SELECT sum(reserved) FROM budget_periods") == [(0,)]
        rows = await tracker.database.fetch(f"SELECT {ROW} FROM usage_records ORDER BY started_at, id")
        assert len(rows) == len(self.stub.requests)
        return tuple(rows[-1])
