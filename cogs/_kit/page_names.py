"""Names for the page's ids, as Discord knows them now: those that everybody on the server may read."""

from collections.abc import Collection, Mapping
from functools import lru_cache

import discord

from bot.api.page.look import Named, Names
from cogs._kit import names

_SERVERS = 100
"""Servers whose members' names are remembered, so that a page read again doesn't ask Discord again."""


def page_names(bot: discord.Client) -> Names:
    """Looks names up for a server's page; without one, for the operator's, what the bot happens to know."""

    @lru_cache(maxsize=_SERVERS)
    def members_of(_guild_id: int) -> dict[str, str]:
        return {}

    async def look_up(guild_id: int | None, kind: Named, ids: Collection[str]) -> Mapping[str, str]:
        known = [text for text in ids if text.isascii() and text.isdecimal()]
        guild = bot.get_guild(guild_id) if guild_id else None
        if guild is None or kind == "guild":
            return {text: name for text in known if (name := _name(bot, kind, int(text)))}
        if kind == "user":
            return await names.Names(guild, members_of(guild.id)).members(known)
        if kind == "channel":
            return names.Names(guild).channels(known, guild.default_role)
        return {text: f"@{role.name}" for text in known if (role := guild.get_role(int(text)))}

    return look_up


def _name(bot: discord.Client, kind: Named, found_id: int) -> str | None:
    if kind == "user":
        return user.display_name if (user := bot.get_user(found_id)) else None
    if kind == "guild":
        return guild.name if (guild := bot.get_guild(found_id)) else None
    channel = bot.get_channel(found_id) if kind == "channel" else None
    return f"#{channel.name}" if isinstance(channel, discord.abc.GuildChannel | discord.Thread) else None
