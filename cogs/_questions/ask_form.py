"""The form of “Ask about this”: one question about one message."""

from collections.abc import Awaitable, Callable
from typing import Self

import discord

from bot.client import Trilo, answer_failure
from bot.translation import _
from bot.usage.context import storable
from cogs._kit.form import Form
from cogs._kit.language import hear

LONGEST = 1_000
"""Characters of a question."""
Asked = Callable[[discord.Interaction[Trilo], discord.Message, str], Awaitable[None]]


class AskForm(Form):
    """Hands on what was typed, stripped, with the message that it is about; `asked` answers the interaction."""

    def __init__(self, message: discord.Message, asked: Asked) -> None:
        super().__init__(_("Ask about this message"))
        self._message = message
        self._asked = asked
        self.question = discord.ui.TextInput[Self](
            custom_id="question",
            style=discord.TextStyle.paragraph,
            placeholder=_("Is that fair? What does it mean?"),
            max_length=LONGEST,
        )
        self.add_item(
            discord.ui.Label(
                text=_("Your question"),
                description=_("I answer below the message, for everybody here to read."),
                component=self.question,
            )
        )

    async def on_submit(self, interaction: discord.Interaction[Trilo], /) -> None:  # type: ignore[override]
        """Hand it on."""
        hear(interaction)
        await self._asked(interaction, self._message, storable(self.question.value).strip())

    async def on_error(self, interaction: discord.Interaction[Trilo], error: Exception, /) -> None:  # type: ignore[override]
        """Words for the person, details for the operator."""
        await answer_failure(interaction, f"a question about message {self._message.id}", error)
