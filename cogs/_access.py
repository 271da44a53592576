"""Who may see what: our own checks, asked at every command and again at every press (I26)."""

import discord

from bot.client import Trilo

NOT_FOR_YOU = "Only people with the Manage Server permission can see what this server's AI costs."
NOT_THE_OWNER = "Only the people who run this bot can use that."


async def may_see_usage(interaction: discord.Interaction[Trilo]) -> bool:
    """Whether the person may see this server's spend: with Manage Server, as the server's owner, or as the bot's.

    The permissions are those that Discord sent with this very command or press: a cache may be behind.
    """
    guild, granted = interaction.guild, interaction.permissions
    if guild is None:
        return False
    if granted.manage_guild or granted.administrator or interaction.user.id == guild.owner_id:
        return True
    return await owns_the_bot(interaction)


async def owns_the_bot(interaction: discord.Interaction[Trilo]) -> bool:
    """Whether the person owns the application, or is an admin or developer of the team that does."""
    return await interaction.client.is_owner(interaction.user)
