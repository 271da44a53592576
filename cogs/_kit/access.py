"""Who may see what: our own checks, asked at every command and again at every press (I26)."""

import asyncio
from collections.abc import Coroutine
from contextlib import suppress
from enum import Enum, auto
from typing import Any, TypeVar

import discord

from bot.client import Trilo, answer_privately
from bot.discord_failures import DISCORD_FAILED
from bot.translation import ENGLISH, _, mark, speak_to
from bot.usage.errors import UsageError

LOOK_SECONDS = 1.0
"""How long `rights` asks Discord and the books what somebody may do."""

CHECK_SECONDS = 1.5
"""How long a check may take before the press that it is for is acknowledged without its outcome."""
Checked = TypeVar("Checked")

NOT_FOR_YOU = mark(
    "Only people with the Manage Server permission, or a role this server has named for it, can see what this server's "
    "AI costs."
)
NOT_A_MANAGER = mark("Only people with the Manage Server permission can do that.")
NOT_A_COMMISSIONER = mark(
    "Only people with the Manage Channels permission, or the commissioner role this server has chosen in `/settings`, "
    "can do that."
)
NOT_A_CHANNEL_MANAGER = mark("Only people with the Manage Channels permission can do that.")
NOT_THE_OWNER = mark("Only the people who run this bot can use that.")


class May(Enum):
    """What somebody may do on a server: one name for each of the checks below."""

    MANAGE = auto()
    SEE_USAGE = auto()
    RUN_LEAGUE = auto()
    MANAGE_CHANNELS = auto()
    RUN_BOT = auto()


async def may_manage(interaction: discord.Interaction[Trilo]) -> bool:
    """Whether the person may change this server's rules: with Manage Server, as the server's owner, or as the bot's.

    The permissions are those that Discord sent with this very command or press: a cache may be behind.
    """
    guild, granted = interaction.guild, interaction.permissions
    if guild is None:
        return False
    if granted.manage_guild or granted.administrator or interaction.user.id == guild.owner_id:
        return True
    return await owns_the_bot(interaction)


async def in_time(interaction: discord.Interaction[Trilo], check: Coroutine[Any, Any, Checked]) -> Checked:
    """What a check finds that asks the books or Discord, before a press is answered: one that takes long is
    acknowledged meanwhile, since Discord waits for three seconds only (I29). A form can't be opened then any more.
    """
    checking = asyncio.create_task(check)
    try:
        if not (await asyncio.wait({checking}, timeout=CHECK_SECONDS))[0]:
            await acknowledge(interaction)
        return await checking
    finally:
        checking.cancel()


async def acknowledge(interaction: discord.Interaction[Trilo]) -> None:
    """Acknowledge a press or a form, unless it was while who did it was being checked."""
    if not interaction.response.is_done():
        await interaction.response.defer()


async def managed_server(interaction: discord.Interaction[Trilo]) -> discord.Guild | None:
    """Defer a command, to be answered ephemerally; its server, or None for those who may not manage it.

    These have had their words then.
    """
    await interaction.response.defer(ephemeral=True, thinking=True)
    if interaction.guild is None or not await may_manage(interaction):
        await answer_privately(interaction, _(NOT_A_MANAGER))
        return None
    return interaction.guild


async def may_see_usage(interaction: discord.Interaction[Trilo]) -> bool:
    """Whether the person may see this server's spend: whoever may manage it, and the role it has named in `/settings`.

    Raises `DatabaseUnavailableError` where the books can't say which role that is.
    """
    if interaction.guild is None:
        return False
    return await may_manage(interaction) or await _has_usage_role(interaction, interaction.guild)


async def may_run_league(interaction: discord.Interaction[Trilo]) -> bool:
    """Whether the person may run this server's league: its commissioner role, or whoever may manage its channels.

    Raises `DatabaseUnavailableError` where the books can't say which role that is.
    """
    guild, person = interaction.guild, interaction.user
    if guild is None or not isinstance(person, discord.Member):
        return False
    if may_manage_channels(interaction):
        return True
    return has_role(person, (await interaction.client.services.tracker.settings.of(guild.id)).commissioner_role_id)


def may_run_league_as(member: discord.Member, commissioner_role_id: int | None) -> bool:
    """The same for whoever wrote a message, which brings no permissions with it: a plan's press is checked anew."""
    return member.guild_permissions.manage_channels or has_role(member, commissioner_role_id)


def may_manage_channels(interaction: discord.Interaction[Trilo]) -> bool:
    """Whether the person may manage the channels of the whole server: by a role, or as its owner.

    What Discord sent with the press holds for the channel it was made in, where Manage Channels may have been given for
    that one alone; what the roles say may be behind. So both must say yes.
    """
    person = interaction.user
    if interaction.guild is None or not isinstance(person, discord.Member):
        return False
    return interaction.permissions.manage_channels and person.guild_permissions.manage_channels


async def owns_the_bot(interaction: discord.Interaction[Trilo]) -> bool:
    """Whether the person owns the application, or is an admin or developer of the team that does."""
    return await interaction.client.is_owner(interaction.user)


async def is_operator(interaction: discord.Interaction[Trilo]) -> bool:
    """Defer a command, to be answered ephemerally; whether the person runs the bot. They are spoken to in English from
    here on, others have had words in their own language.
    """
    await interaction.response.defer(ephemeral=True, thinking=True)
    if await owns_the_bot(interaction):
        speak_to(ENGLISH)
        return True
    await answer_privately(interaction, _(NOT_THE_OWNER))
    return False


async def _has_usage_role(interaction: discord.Interaction[Trilo], guild: discord.Guild) -> bool:
    if not isinstance(interaction.user, discord.Member):
        return False
    return has_role(interaction.user, (await interaction.client.services.tracker.settings.of(guild.id)).usage_role_id)


def has_role(member: discord.Member, role_id: int | None) -> bool:
    """Whether they have the role; nobody has one that wasn't chosen."""
    return role_id is not None and member.get_role(role_id) is not None


async def rights(interaction: discord.Interaction[Trilo]) -> set[May]:
    """What the person may do here, by the checks above; nothing outside servers. It's for showing, not for guarding.

    Where the books or Discord don't say so in time, what is known by then. Whether somebody runs the bot is asked on
    the operator's own server alone: the first time that is a question to Discord.
    """
    may: set[May] = set()
    guild = interaction.guild
    if guild is None:
        return may
    granted = interaction.permissions
    if granted.manage_guild or granted.administrator or interaction.user.id == guild.owner_id:
        may |= {May.MANAGE, May.SEE_USAGE}
    if may_manage_channels(interaction):
        may |= {May.MANAGE_CHANNELS, May.RUN_LEAGUE}
    with suppress(UsageError, *DISCORD_FAILED):
        async with asyncio.timeout(LOOK_SECONDS):
            if May.RUN_LEAGUE not in may and await may_run_league(interaction):
                may.add(May.RUN_LEAGUE)
            if May.SEE_USAGE not in may and await _has_usage_role(interaction, guild):
                may.add(May.SEE_USAGE)
            is_operators = guild.id == interaction.client.services.settings.owner_guild_id
            if is_operators and await owns_the_bot(interaction):
                may.add(May.RUN_BOT)
    return may
