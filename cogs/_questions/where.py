"""Where a server lets us answer, and whom, as it chose in `/settings`: looked up before any model is asked."""

import logging

import discord

from bot.errors import WrongChannelError, WrongRoleError
from bot.usage.budgeting.server_settings import ServerSettings
from bot.usage.errors import DatabaseUnavailableError
from bot.words import where
from cogs._kit.asker import Asker

log = logging.getLogger(__name__)


async def settings_for(asker: Asker) -> ServerSettings:
    """What the server has chosen, if it lets us answer this person here; with the books out of reach, nothing (I23).

    Raises `WrongChannelError` and `WrongRoleError`.
    """
    try:
        settings = await asker.client.services.tracker.settings.of(asker.guild.id)
    except DatabaseUnavailableError as error:
        log.warning("server %d is answered as if it had chosen nothing: %s", asker.guild.id, where(error))
        return ServerSettings(asker.guild.id)
    if settings.answer_channel_ids and not _is_in(asker, settings.answer_channel_ids):
        raise WrongChannelError(asker.guild.id, _seen_by(asker, settings.answer_channel_ids))
    if settings.answer_role_ids and not _may_ask(asker.user, settings.answer_role_ids):
        roles = [role_id for role_id in settings.answer_role_ids if asker.guild.get_role(role_id) is not None]
        raise WrongRoleError(asker.guild.id, roles)
    return settings


def _is_in(asker: Asker, chosen: tuple[int, ...]) -> bool:
    """Whether they ask in one of these channels, in a thread of one, or in a channel of one of these categories."""
    channel = asker.guild.get_channel(asker.channel_id)
    return asker.channel_id in chosen or (channel is not None and channel.category_id in chosen)


def _seen_by(asker: Asker, chosen: tuple[int, ...]) -> list[int]:
    channels = [channel for channel_id in chosen if (channel := asker.guild.get_channel(channel_id)) is not None]
    return [channel.id for channel in channels if channel.permissions_for(asker.user).view_channel]


def _may_ask(member: discord.Member, role_ids: tuple[int, ...]) -> bool:
    """Whether they have one of the roles; people with Manage Server need none."""
    return member.guild_permissions.manage_guild or any(member.get_role(role_id) is not None for role_id in role_ids)
