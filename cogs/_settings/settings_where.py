"""The page Where I answer of `/settings`: in which channels, whom, and with which model."""

from typing import Any

import discord

from bot.client import Trilo
from bot.translation import _
from cogs._kit.controls import Pick, PickChannel, PickRole
from cogs._settings.settings import SettingsView

_MOST = 25
"""As many as a list in Discord lets people choose."""
_KINDS = (
    discord.ChannelType.text,
    discord.ChannelType.news,
    discord.ChannelType.forum,
    discord.ChannelType.voice,
    discord.ChannelType.stage_voice,
    discord.ChannelType.category,
)
_FAST, _BOTH = "fast", "both"


def channels(view: SettingsView) -> list[discord.ui.Item[Any]]:
    """In which channels the AI answers. Those that are gone aren't shown; the others hold on without them."""

    async def picked(interaction: discord.Interaction[Trilo], chosen: list[Any]) -> None:
        names = ", ".join(f"<#{channel.id}>" for channel in chosen)
        told = _("I answer in {channels} only.", channels=names) if chosen else _("I answer in every channel now.")
        await view.choose(interaction, told, answer_channel_ids=tuple(channel.id for channel in chosen))

    ids = view.settings.answer_channel_ids
    here = [channel_id for channel_id in ids if view.guild.get_channel(channel_id) is not None]
    select = PickChannel(
        picked,
        custom_id="settings:answer-channels",
        placeholder=_("Every channel"),
        chosen=here,
        kinds=_KINDS,
        most=_MOST,
    )
    text = _(
        "**Channels**\n-# Questions to me are answered there and in threads there; a category stands for all its "
        "channels. Elsewhere I say where to ask. Slash commands work everywhere."
    )
    if ids and not here:
        text += "\n" + _("⚠️ The channels that were chosen are gone, so I answer nowhere. Choose others.")
    return [discord.ui.TextDisplay(text), discord.ui.ActionRow(select)]


def roles(view: SettingsView) -> list[discord.ui.Item[Any]]:
    """Which roles the AI answers."""

    async def picked(interaction: discord.Interaction[Trilo], chosen: list[Any]) -> None:
        if any(role.is_default() for role in chosen):
            chosen = []
        names = ", ".join(role.mention for role in chosen)
        told = _("I answer {roles} only.", roles=names) if chosen else _("I answer everybody now.")
        await view.choose(interaction, told, answer_role_ids=tuple(role.id for role in chosen))

    ids = view.settings.answer_role_ids
    here = [role_id for role_id in ids if view.guild.get_role(role_id) is not None]
    select = PickRole(picked, custom_id="settings:answer-roles", placeholder=_("Everybody"), chosen=here, most=_MOST)
    text = _("**People**\n-# Who may ask me: these roles, and always people with Manage Server.")
    if ids and not here:
        text += "\n" + _("⚠️ The roles that were chosen are gone, so I answer nobody else. Choose others.")
    return [discord.ui.TextDisplay(text), discord.ui.ActionRow(select)]


def model(view: SettingsView) -> list[discord.ui.Item[Any]]:
    """With which model questions are answered."""

    async def picked(interaction: discord.Interaction[Trilo], values: list[str]) -> None:
        fast = values[0] == _FAST
        told = _("I always answer with the fast model.") if fast else _("I choose the model for each question.")
        await view.choose(interaction, told, always_fast=fast)

    fast = view.settings.always_fast
    options = [
        discord.SelectOption(
            label=_("I choose"),
            value=_BOTH,
            description=_("The smart one for long questions, code, and what needs reasoning"),
            default=not fast,
        ),
        discord.SelectOption(
            label=_("Always the fast one"), value=_FAST, description=_("Cheaper, and quicker to answer"), default=fast
        ),
    ]
    text = _("**Model**\n-# For questions to me. Help with setting up and league commands stay as they are.")
    return [
        discord.ui.TextDisplay(text),
        discord.ui.ActionRow(Pick(options, picked, custom_id="settings:model")),
    ]
