"""The league server that the sandbox plays: the same ids at every start, so that its books can be kept.

Build it before the bot logs in: simcord's clock then still stands at its own epoch and hands out the same ids each
time, and the bot finds itself in the server instead of joining it.
"""

from dataclasses import dataclass
from datetime import datetime

import discord
import simcord

from bot.client import INVITE_PERMISSIONS

BOT_NAME = "Trilo"
GUILD_NAME = "Sunday Dynasty League"

WEEK = "week-7"
GAMES = (
    "texans-vs-colts",
    "chiefs-vs-broncos",
    "eagles-vs-giants",
    "bills-vs-dolphins",
    "ravens-vs-bengals",
    "niners-vs-rams",
)
TEAMS = (
    "Texans",
    "Colts",
    "Chiefs",
    "Broncos",
    "Eagles",
    "Giants",
    "Bills",
    "Dolphins",
    "Ravens",
    "Bengals",
    "Niners",
    "Rams",
    "Packers",
    "Bears",
    "Cowboys",
    "Jets",
)
"""Members play the first of them, in their order."""
TOPICS = {
    "general": "Talk about the league. Mention @Trilo and it answers.",
    "trades": "Offers, counter-offers and regrets. The commissioner approves.",
    "rules": "Fair play, sim times, and what happens when you miss an advance.",
}
PLAYERS = {
    "jordan_k": "Jordan",
    "priya.codes": "Priya 🏈",
    "blitz_mcgee": "*Blitz* __McGee__ ~99~",
    "big_marcus": "Marcus",
    "lukasz88": "Łukasz",
    "sam_two_hats": "Sam `QB1` | Two Hats",
    "wei.chen": "陈伟",
    "rookie_rae": "Rae",
}


@dataclass(frozen=True, slots=True)
class World:
    """Handles to everything in the server, by name. The owner is the commissioner and may manage the server."""

    guild: simcord.GuildHandle
    channels: dict[str, simcord.ChannelHandle]
    roles: dict[str, simcord.RoleHandle]
    members: dict[str, simcord.MemberActor]
    owner: simcord.MemberActor
    viewers: tuple[simcord.MemberActor, ...]

    @property
    def general(self) -> simcord.ChannelHandle:
        """The channel that the preview shows."""
        return self.channels["general"]


def build_world(env: simcord.Env, language: str = "en-US", invited_at: datetime | None = None) -> World:
    """Create the server with its roles, members and channels, and name the bot. `language` is what it speaks.

    The bot is there since simcord's epoch, long ago, unless `invited_at` says since when.
    """
    env.backend.edit_bot_profile(BOT_NAME)
    commissioner_user = env.create_user("dana_commish", global_name="Dana (Commissioner)")
    guild = env.create_guild(GUILD_NAME, owner=commissioner_user, preferred_locale=language)
    env.backend.edit_role(guild.id, guild.roles[BOT_NAME].id, {"permissions": INVITE_PERMISSIONS})
    if invited_at is not None:
        env.backend.get_member(guild.id, env.backend.bot_user.id).joined_at = invited_at.isoformat()
    roles = _create_roles(guild)
    owner = guild.add_member(commissioner_user, roles=[roles["Commissioner"], roles["Member"]])
    members = {owner.name: owner}
    for name, shown_as in PLAYERS.items():
        members[name] = guild.add_member(env.create_user(name, global_name=shown_as), roles=[roles["Member"]])
    return World(
        guild=guild,
        channels=_create_channels(guild, roles),
        roles=roles,
        members=members,
        owner=owner,
        viewers=(owner, members["jordan_k"]),
    )


def _create_roles(guild: simcord.GuildHandle) -> dict[str, simcord.RoleHandle]:
    member = guild.create_role("Member", color=0x95A5A6)
    commissioner = guild.create_role(
        "Commissioner",
        permissions=discord.Permissions(manage_guild=True, manage_channels=True, manage_messages=True),
        color=0xE67E22,
        hoist=True,
    )
    return {"Commissioner": commissioner, "Member": member, BOT_NAME: guild.roles[BOT_NAME]}


def _create_channels(
    guild: simcord.GuildHandle, roles: dict[str, simcord.RoleHandle]
) -> dict[str, simcord.ChannelHandle]:
    office = guild.create_category("League office")
    week = guild.create_category(WEEK)
    channels = {name: guild.create_text_channel(name, topic=topic, category=office) for name, topic in TOPICS.items()}
    channels["commissioner"] = guild.create_text_channel(
        "commissioner",
        topic="Only for those who run the league.",
        category=office,
        overwrites={
            guild.default_role: discord.PermissionOverwrite(view_channel=False),
            roles["Commissioner"]: discord.PermissionOverwrite(view_channel=True),
            roles[BOT_NAME]: discord.PermissionOverwrite(view_channel=True),
        },
    )
    for game in GAMES:
        channels[game] = guild.create_text_channel(game, topic=f"Schedule your {WEEK} game here.", category=week)
    return channels
