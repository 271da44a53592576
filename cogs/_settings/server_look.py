"""A look at a server before a word on setting up: what is missing there, found by rules, without asking a model."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

import discord

from bot.client import Trilo
from bot.league.limits import CHANNELS_PER_SERVER
from bot.translation import _, mark
from bot.usage.budgeting.server_settings import ServerSettings
from cogs._kit.channels import NoChannelError, Writable, alert_channel, writable
from cogs._kit.tables import plain

ROOM = 40
"""Channels still free at which a server is said to be nearly full: less than two weeks of a league."""
_NEEDED = {
    "manage_channels": (mark("Manage Channels"), mark("to create and delete a week's channels")),
    "send_messages": (mark("Send Messages"), mark("to answer")),
    "embed_links": (mark("Embed Links"), mark("to show links")),
    "attach_files": (mark("Attach Files"), mark("to send pictures and files")),
    "read_message_history": (mark("Read Message History"), mark("to follow a conversation")),
}
"""The permissions that we need, each as Discord shows it, and what for."""
_IN_CHANNELS = ("embed_links", "attach_files", "read_message_history")
"""Those that a channel can take away; without Send Messages it takes nothing at all, which is told as such."""
_COMMISSIONER = ("commish", "commissioner")


class Fix(StrEnum):
    """What one press opens to mend something: a page of `/settings`, or the teams."""

    ALERTS = "alerts"
    LEAGUE = "league"
    TIME = "time"
    TEAMS = "teams"


@dataclass(frozen=True, slots=True)
class Missing:
    """One thing that isn't set up. `words` are a sentence or two for people, in Discord's Markdown and their language.

    `kind` names it: commissioner, alerts, announcements, teams, time zone, permissions, channels. `fix` is what mends
    it, None where Discord's own settings do.
    """

    kind: str
    words: str
    fix: Fix | None = None


async def look_at(bot: Trilo, guild: discord.Guild) -> list[Missing]:
    """All that is missing on a server, what matters most first. Raises `DatabaseUnavailableError`."""
    settings = await bot.services.tracker.settings.of(guild.id)
    teams = await bot.services.league_book.teams(guild.id)
    return [
        *_permissions(guild, settings),
        *_commissioner(guild, settings),
        *_channels(guild, settings),
        *([] if teams else [Missing("teams", _(_NO_TEAMS), Fix.TEAMS)]),
        *([Missing("time zone", _(_UTC), Fix.TIME)] if settings.time_zone == "UTC" else []),
        *_room(guild),
    ]


_NO_TEAMS = mark(
    "I don't know your teams yet. With them I can tell which ones a schedule means: `/league teams` takes a list."
)
_FULL = mark("This server has {n} of the {most} channels that Discord allows. `/league delete` makes room.")
_TAKEN = mark("In {channel} I lack {what}. Switch it on in {channel} → Edit Channel → Permissions.")
_UTC = mark("Days and advances are counted in UTC. If your league lives elsewhere, choose its time zone.")


def _permissions(guild: discord.Guild, settings: ServerSettings) -> Iterator[Missing]:
    have = guild.me.guild_permissions
    lacking = [name for name in _NEEDED if not getattr(have, name)]
    if lacking:
        told = ", ".join(f"**{_(title)}** ({_(purpose)})" for title, purpose in (_NEEDED[name] for name in lacking))
        role = f"`{plain(guild.self_role.name)}`" if guild.self_role else _("my role")
        words = _(
            "I lack {what}. Switch it on in Server Settings → Roles → {role} → Permissions.", what=told, role=role
        )
        yield Missing("permissions", words)
    for channel in _named(guild, settings):
        may = channel.permissions_for(guild.me)
        names = [name for name in _IN_CHANNELS if name not in lacking and not getattr(may, name)]
        if names:
            taken = ", ".join(f"**{_(_NEEDED[name][0])}**" for name in names)
            words = _(_TAKEN, channel=channel.mention, what=taken)
            yield Missing("permissions", words)


def _commissioner(guild: discord.Guild, settings: ServerSettings) -> Iterator[Missing]:
    role_id = settings.commissioner_role_id
    if role_id is not None and guild.get_role(role_id) is not None:
        return
    none = _("No commissioner role is chosen, so only people with Manage Channels can run the league.")
    like = next((role for role in reversed(guild.roles) if _is_commissioners(role)), None)
    how = (
        _("Your role `{role}` looks like one: choose it in `/settings`, under League.", role=plain(like.name))
        if like
        else _("Make one in Server Settings → Roles, then choose it in `/settings`, under League.")
    )
    yield Missing("commissioner", f"{none} {how}", Fix.LEAGUE)


def _channels(guild: discord.Guild, settings: ServerSettings) -> Iterator[Missing]:
    try:
        alert_channel(guild, settings)
    except NoChannelError as problem:
        words = _("Alerts on what AI costs reach no channel ({problem}).", problem=problem)
        yield Missing("alerts", words, Fix.ALERTS)
    channel_id = settings.announce_channel_id
    try:
        if channel_id is not None:
            writable(guild, channel_id)
        else:
            yield Missing("announcements", _("No channel for announcements of an advance is chosen."), Fix.LEAGUE)
    except NoChannelError as problem:
        words = _("I can't announce an advance ({problem}).", problem=problem)
        yield Missing("announcements", words, Fix.LEAGUE)


def _room(guild: discord.Guild) -> Iterator[Missing]:
    """Categories count."""
    free = CHANNELS_PER_SERVER - len(guild.channels)
    if free < ROOM:
        words = _(_FULL, n=len(guild.channels), most=CHANNELS_PER_SERVER)
        yield Missing("channels", words)


def _named(guild: discord.Guild, settings: ServerSettings) -> Iterator[Writable]:
    """The channels that were chosen for something and can be written in, each once."""
    for channel_id in dict.fromkeys(filter(None, [settings.alert_channel_id, settings.announce_channel_id])):
        try:
            yield writable(guild, channel_id)
        except NoChannelError:
            continue


def _is_commissioners(role: discord.Role) -> bool:
    return not role.managed and any(word in role.name.casefold() for word in _COMMISSIONER)
