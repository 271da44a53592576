"""The page Language of `/settings`: in which one the bot says what a whole server reads."""

from typing import Any

import discord

from bot.client import Trilo
from bot.translation import LANGUAGES, _, language, language_name
from cogs._kit.controls import Pick
from cogs._settings.settings import SettingsView

_AS_IN_DISCORD = "discord"


def languages(view: SettingsView) -> list[discord.ui.Item[Any]]:
    """As in Discord, or one of those that we speak, each by its own name."""
    in_discord = language_name(language(view.guild.preferred_locale.value))

    async def picked(interaction: discord.Interaction[Trilo], values: list[str]) -> None:
        code = None if values[0] == _AS_IN_DISCORD else values[0]
        told = _(
            "What everybody reads here is in {language} now.", language=language_name(code) if code else in_discord
        )
        await view.choose(interaction, told, language=code)

    now = view.settings.language
    options = [
        discord.SelectOption(
            label=_("As in Discord"), value=_AS_IN_DISCORD, description=in_discord, default=now is None
        )
    ]
    options += [discord.SelectOption(label=language_name(code), value=code, default=code == now) for code in LANGUAGES]
    text = _(
        "**Language of this server**\n"
        "-# For what I say to everybody here: notes below answers, alerts, reports, announcements. What only you see "
        "is in the language of your own Discord, and an answer in that of its question."
    )
    return [
        discord.ui.TextDisplay(text),
        discord.ui.ActionRow(Pick(options, picked, custom_id="settings:language")),
    ]
