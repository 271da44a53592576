"""Where money could be saved, as the books show it."""

from fastapi import APIRouter
from pydantic import BaseModel, Field

from bot.api.parameters import DAYS, Books, Server
from bot.usage.money import usd
from bot.usage.reporting.suggestion_words import suggestion_facts
from bot.usage.reporting.suggestions import Advice, Suggestion

router = APIRouter(tags=["cost"])


class SuggestionAnswer(BaseModel):
    """One suggestion and what it rests on."""

    advice: Advice
    operation: str
    model: str
    calls: int = Field(description="The calls it rests on, of the newest 50,000.")
    cost_nano_usd: int = Field(description="What these calls cost.")
    saves: float | None = Field(description="USD that it would have saved at most; null where it isn't about money.")
    saves_nano_usd: int | None
    instead: str | None = Field(description="The cheaper model.")
    tokens: int | None = Field(description="What prompts could have in common, or the cap that would do.")
    cap: int | None = Field(description="The declared cap.")
    reason: str = Field(description="All of it in words.")

    @classmethod
    def of(cls, suggestion: Suggestion) -> "SuggestionAnswer":
        """The same, as JSON has it."""
        facts = suggestion_facts(suggestion)
        nano = facts["saves_nano_usd"]
        return cls.model_validate({**facts, "saves": None if nano is None else float(usd(nano))})


@router.get("/suggestions")
async def suggestions(service: Books, guild_id: Server, days: DAYS = 30) -> list[SuggestionAnswer]:
    """For one server, or for everybody: what would have saved most comes first. Empty where too little is known."""
    return [SuggestionAnswer.of(one) for one in await service.tracker.suggestions(guild_id, days)]
