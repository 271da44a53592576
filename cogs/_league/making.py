"""Making a channel, a category or a message once, also where Discord makes it and doesn't say so, or makes it twice."""

import secrets
from collections.abc import Awaitable
from typing import TypeVar, cast

import discord

from bot.discord_failures import DISCORD_FAILED, may_be_done
from cogs._league.undo import whole

Made = TypeVar("Made", bound=discord.abc.GuildChannel)


async def made_once(
    guild: discord.Guild, name: str, making: Awaitable[Made], *, category: discord.CategoryChannel | None = None
) -> Made:
    """What `making` makes, by its name as Discord has it. Nothing else stays that nobody would take back (I32).

    Where Discord has trouble or the connection breaks, it may have made it all the same: that is it then. discord.py
    asks again by itself after some troubles, which may leave two: in a `category`, ours alone, the other one goes.
    Raises as `making` does where nothing was made.
    """
    known, category_id = {channel.id for channel in guild.channels}, category.id if category else None

    def is_it(channel: discord.abc.GuildChannel) -> bool:
        return channel.id not in known and channel.name == name and channel.category_id == category_id

    try:
        made, others = await whole(making, lambda made: made.delete()), guild.channels
    except DISCORD_FAILED as error:
        if not may_be_done(error):
            raise
        found = list(filter(is_it, await guild.fetch_channels()))
        if not found or (category is None and len(found) > 1):  # of two, nobody can tell which is ours
            raise
        made, others = cast("Made", found[0]), found
    if category is not None:
        for twin in filter(is_it, others):
            if twin.id != made.id:
                await twin.delete()
    return made


async def posted_once(
    channel: discord.abc.Messageable, text: str, allowed_mentions: discord.AllowedMentions
) -> discord.Message:
    """A message, asked for anew where Discord may have taken it: by the nonce it knows it, and pings nobody twice.

    Raises as `channel.send` does.
    """
    nonce = secrets.randbits(64)

    async def send() -> discord.Message:
        sending = channel.send(text, nonce=nonce, allowed_mentions=allowed_mentions)
        return await whole(sending, lambda message: message.delete())

    try:
        return await send()
    except DISCORD_FAILED as error:
        if not may_be_done(error):
            raise
    return await send()
