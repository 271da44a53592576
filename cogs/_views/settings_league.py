"""The page League of `/settings`: who runs it, how a new week is made, where advances are announced."""

from typing import Any

import discord

from bot.client import Trilo
from cogs._views.figures import counted
from cogs._views.owned import PickChannel, PickRole
from cogs._views.settings import SettingsView
from cogs._views.settings_channels import choose_channel
from cogs._views.settings_switch import state_words, switch


def commissioner(view: SettingsView) -> list[discord.ui.Item[Any]]:
    """The role that may run the league besides Manage Channels."""

    async def picked(interaction: discord.Interaction[Trilo], chosen: list[Any]) -> None:
        role = chosen[0] if chosen else None
        if role is not None and role.is_default():
            note = "That role is everyone's: all members could run the league. Nothing was changed."
            await view.redraw(interaction, note)
            return
        told = f"{role.mention} may run the league now." if role else "No role may run the league now."
        await view.choose(interaction, told, commissioner_role_id=role.id if role else None)

    now = view.settings.commissioner_role_id
    select = PickRole(picked, custom_id="settings:commissioner", placeholder="No role", chosen=now)
    text = "**Commissioners**\n-# This role may use `/league`, as people with Manage Channels may."
    return [discord.ui.TextDisplay(text), discord.ui.ActionRow(select)]


def private_games(view: SettingsView) -> list[discord.ui.Item[Any]]:
    """Whether a new week's channels are for their players alone."""
    on = view.settings.private_games
    text = (
        f"**Private game channels: {state_words(on)}**\n"
        "-# Only the two players and whoever runs the league see a game's channel. Each new week can differ."
    )
    return [switch(view, "private_games", on, text, f"Private game channels are {state_words(not on)}.")]


def tag_players(view: SettingsView) -> list[discord.ui.Item[Any]]:
    """Whether a new week's players are mentioned in their channels."""
    on = view.settings.tag_players
    text = (
        f"**Tag the players: {state_words(on)}**\n"
        "-# Mentions the two players in their game's new channel. Each new week can differ."
    )
    return [switch(view, "tag_players", on, text, f"Tagging players is {state_words(not on)}.")]


def announcements(view: SettingsView) -> list[discord.ui.Item[Any]]:
    """Where advances are announced."""

    async def picked(interaction: discord.Interaction[Trilo], chosen: list[Any]) -> None:
        await view.redraw(interaction, await choose_channel(view, interaction, "announce_channel_id", chosen))

    channel_id = view.settings.announce_channel_id
    select = PickChannel(picked, custom_id="settings:announcements", placeholder="No channel", chosen=channel_id)
    text = "**Channel for announcements**\n-# Where an advance is announced unless you name another channel."
    return [discord.ui.TextDisplay(text), discord.ui.ActionRow(select)]


def teams(view: SettingsView) -> list[discord.ui.Item[Any]]:
    """How many teams there are, and where to change them."""
    many = counted(view.teams, "team") if view.teams else "none yet"
    text = f"**Teams: {many}**\n-# `/league teams` shows and changes who plays which."
    return [discord.ui.TextDisplay(text)]
