"""The page League of `/settings`: who runs it, how a new week is made, where advances are announced."""

from typing import Any

import discord

from bot.client import Trilo
from bot.translation import _, n_
from cogs._kit.controls import PickRole
from cogs._settings.settings import SettingsView
from cogs._settings.settings_channels import pick_channel
from cogs._settings.settings_switch import switch


def commissioner(view: SettingsView) -> list[discord.ui.Item[Any]]:
    """The role that may run the league besides Manage Channels."""

    async def picked(interaction: discord.Interaction[Trilo], chosen: list[Any]) -> None:
        role = chosen[0] if chosen else None
        if role is not None and role.is_default():
            note = _("That role is everyone's: all members could run the league. Nothing was changed.")
            await view.redraw(interaction, note)
            return
        told = _("{role} may run the league now.", role=role.mention) if role else _("No role may run the league now.")
        await view.choose(interaction, told, commissioner_role_id=role.id if role else None)

    now = view.settings.commissioner_role_id
    select = PickRole(picked, custom_id="settings:commissioner", placeholder=_("No role"), chosen=now)
    text = _("**Commissioners**\n-# This role may use `/league`, as people with Manage Channels may.")
    return [discord.ui.TextDisplay(text), discord.ui.ActionRow(select)]


def private_games(view: SettingsView) -> list[discord.ui.Item[Any]]:
    """Whether a new week's channels are for their players alone."""
    return switch(
        view,
        "private_games",
        _("-# Only the two players and whoever runs the league see a game's channel. Each new week can differ."),
        on=_("**Private game channels: on**"),
        off=_("**Private game channels: off**"),
        turned_on=_("Private game channels are on."),
        turned_off=_("Private game channels are off."),
    )


def tag_players(view: SettingsView) -> list[discord.ui.Item[Any]]:
    """Whether a new week's players are mentioned in their channels."""
    return switch(
        view,
        "tag_players",
        _("-# Mentions the two players in their game's new channel. Each new week can differ."),
        on=_("**Tag the players: on**"),
        off=_("**Tag the players: off**"),
        turned_on=_("Tagging players is on."),
        turned_off=_("Tagging players is off."),
    )


def announcements(view: SettingsView) -> list[discord.ui.Item[Any]]:
    """Where advances are announced."""
    select = pick_channel(view, "announce_channel_id", custom_id="settings:announcements")
    text = _("**Channel for announcements**\n-# Where an advance is announced unless you name another channel.")
    return [discord.ui.TextDisplay(text), discord.ui.ActionRow(select)]


def teams(view: SettingsView) -> list[discord.ui.Item[Any]]:
    """How many teams there are, and where to change them."""
    heading = (
        n_("**Teams: {n}\u00a0team**", "**Teams: {n}\u00a0teams**", view.teams)
        if view.teams
        else _("**Teams: none yet**")
    )
    told = _("-# `/league teams` shows and changes who plays which.")
    return [discord.ui.TextDisplay(f"{heading}\n{told}")]
